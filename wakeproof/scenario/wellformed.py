"""What the parameters of a run fulfil together, and what follows from others: `wellformed.toml`.

A run that does not fulfil it shows no program: a violation in it is not a defect of the runtime.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

from wakeproof.errors import InputError
from wakeproof.language import ir
from wakeproof.language.values import Run
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.parameters import Names
from wakeproof.util.schema import validate
from wakeproof.util.toml import load_toml

SCHEMA = Path(__file__).with_name("wellformed.schema.json")
PARTS = (
    ast.Expression,
    ast.BoolOp,
    ast.boolop,
    ast.UnaryOp,
    ast.Not,
    ast.Compare,
    ast.cmpop,
    ast.IfExp,
    ast.Subscript,
    ast.GeneratorExp,
    ast.comprehension,
    ast.expr_context,
)
"""What a condition is made of, besides names, members, numbers and calls."""
CALLS = {"any": any, "all": all, "len": len}


@dataclass(frozen=True)
class Rule:
    """A condition about a parameter, for each member of a type, or for the run if that is empty.

    A rule that `says` nothing gives the value of the parameter.
    """

    parameter: str
    each: str
    condition: CodeType
    says: str = ""
    hint: str = ""


@functools.cache
def rules_of(root: Path) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Read the rules of a model folder: what is derived, and what must hold."""
    path = root / "wellformed.toml"
    if not path.exists():
        return (), ()
    table = load_toml(path)
    validate(table, SCHEMA, path, "the rules", "write them as the bundled model does")
    derived, must = (
        tuple(
            Rule(
                row["parameter"],
                row["for"],
                _condition(row["is"], f"{path}: {row['parameter']}"),
                row.get("says", ""),
                row.get("hint", ""),
            )
            for row in table.get(kind, ())
        )
        for kind in ("derived", "must")
    )
    return derived, must


def _condition(text: str, where: str) -> CodeType:
    """Compile a condition. Raises `InputError` for what is not one: it is read before any model."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if tree is None or not all(map(_is_allowed, ast.walk(tree))):
        raise InputError(
            f"not a condition: {text!r}",
            where=where,
            hint="compare parameters and members with `and`, `or`, `not`, `any`, `all`, `if`",
        )
    return compile(tree, where, "eval")


def _is_allowed(node: ast.AST) -> bool:
    """Return whether a condition may have this: it calls nothing but `any`, `all` and `len`."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return not name.startswith("_")
        case ast.Call(func=ast.Name(id="any" | "all"), args=[ast.GeneratorExp()], keywords=[]):
            return True
        case ast.Call(func=ast.Name(id="len"), args=[ast.Name()], keywords=[]):
            return True
        case ast.Constant(value=value):
            return value is None or isinstance(value, bool | int)
    return isinstance(node, PARTS)


def _holds(rule: Rule, space: Mapping[str, Any], x: int) -> bool:
    # the text of the condition was checked: it names nothing but what is here
    return bool(eval(rule.condition, {"__builtins__": CALLS, **space, "x": x}))


def with_derived_parameters(scenario: Scenario, program: ir.Program, run: Run, root: Path) -> Run:
    """Return the run with the parameters that follow from others and are not given."""
    derived, _ = rules_of(root)
    for rule in derived:
        if rule.parameter in program.parameters and rule.parameter not in scenario.parameters:
            space = _space(program, run)
            value = [_holds(rule, space, x) for x in space[rule.each]]
            run = dataclasses.replace(run, parameters={**run.parameters, rule.parameter: value})
    return run


def check_wellformed(
    scenario: Scenario, program: ir.Program, run: Run, names: Names, root: Path
) -> None:
    """Raise `InputError` with file and line if the parameters do not fit together."""
    _, must = rules_of(root)
    space = _space(program, run)
    for rule in must:
        if rule.parameter not in program.parameters:
            continue
        for x in space[rule.each] if rule.each else (0,):
            if not _holds(rule, space, x):
                name = names[rule.each][x] if rule.each else ""
                raise InputError(
                    rule.says.format(x=name),
                    where=_line(scenario, rule, name),
                    hint=rule.hint,
                )


def _line(scenario: Scenario, rule: Rule, name: str) -> str:
    """Return the place of the parameter; else that of the member, its type, or the first line."""
    words: Sequence[str] = (f"{rule.parameter} =", f'"{name}"', f"{rule.each} =", "[parameters]")
    places = (scenario.line_of(word) for word in words if word.strip(' "='))
    first = f"{scenario.path}:1"
    return next((place for place in places if place != first), first)


def _space(program: ir.Program, run: Run) -> dict[str, Any]:
    """Return the names of a condition: the parameters, types and members of enumerations."""
    enums: Mapping[str, Any] = {
        name: SimpleNamespace(**{member: i for i, member in enumerate(members)})
        for name, members in program.enums.items()
    }
    indexes = {name: range(run.sizes[name]) for name in program.indexes}
    return {**enums, **indexes, "p": SimpleNamespace(**run.parameters)}
