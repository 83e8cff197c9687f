"""A condition that a user types: an expression of the model language about one state.

It becomes a property of the program that fails where the condition holds, so every explorer finds
the shortest way there. Members of index types have no names in the language; here `Task.export`
is one, and so is `export` where no other type has a member of this name.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from wakeproof.errors import ModelError
from wakeproof.language import ir
from wakeproof.language.analysis import effects_of
from wakeproof.language.declarations import Declarations, Definition
from wakeproof.language.lowering import BodyReader
from wakeproof.language.resolve import Resolved
from wakeproof.language.sources import parse_text

CONDITION = "condition"
"""The id of the property, and the name that stands for the file of the text."""
LONGEST = 1000
"""The characters of a condition."""
PLACE = Path(CONDITION)
HINT = "write an expression such as s.running is not None, or any(s.alive[t] for t in Task)"


def with_condition(resolved: Resolved, text: str, names: Mapping[str, Sequence[str]]) -> Resolved:
    """Return the program with a property `CONDITION`, which fails where the condition holds.

    `names` has the members of every index type. In them a hyphen is written as an underscore.
    Raises `ModelError` for a text that is not an expression of the language, or that could change
    the state or go wrong.
    """
    if len(text) > LONGEST:
        raise ModelError(f"more than {LONGEST:,} characters", where=CONDITION, hint=HINT)
    program = resolved.program
    members = _Members(names, program)
    node = _function("typed_condition", members.replace(_expression(text)), members.used)
    parameters = tuple((name, ir.Type("index", kind)) for name, (kind, _) in members.used.items())
    lowered = _lower(program, node, parameters)
    values = [number for _, number in members.used.values()]
    call: ast.expr = ast.Call(
        ast.Name(lowered.name, ast.Load()), [ast.Constant(value) for value in values], []
    )
    check = _function("no_typed_condition", ast.UnaryOp(ast.Not(), call), {})
    arguments = tuple(
        ir.Const(value, kind) for value, (_, kind) in zip(values, parameters, strict=True)
    )
    refuted = ir.Function(
        check.name,
        (),
        ir.BOOL,
        (ir.Return(ir.Not(ir.Call(lowered.name, arguments, ir.BOOL)), lowered.where),),
        {"invariant": CONDITION},
        text,
        lowered.where,
    )
    functions = {**program.functions, lowered.name: lowered, refuted.name: refuted}
    more = dataclasses.replace(program, functions=functions)
    if lowered.writes or lowered.name in effects_of(more).fails:
        what = "changes the state" if lowered.writes else "may panic, trap or unwrap None"
        raise ModelError(f"the condition {what}", where=CONDITION, hint=HINT)
    return Resolved(more, [*resolved.trees, (PLACE, node), (PLACE, check)])


def _expression(text: str) -> ast.expr:
    """Parse one expression."""
    tree = parse_text(f"({text}\n)", PLACE)
    match tree.body:
        case [ast.Expr(value=value)]:
            return value
    raise ModelError("not one expression", where=CONDITION, hint=HINT)


def _function(name: str, value: ast.expr, parameters: Mapping[str, object]) -> ast.FunctionDef:
    """Return the syntax tree of a function that returns a value."""
    node = ast.parse(f"def {name}({', '.join(parameters)}): return True").body[0]
    assert isinstance(node, ast.FunctionDef)
    node.body = [ast.copy_location(ast.Return(value), value)]
    return ast.fix_missing_locations(node)


def _lower(
    program: ir.Program, node: ast.FunctionDef, parameters: tuple[tuple[str, ir.Type], ...]
) -> ir.Function:
    """Type-check the function of a condition and lower it."""
    declarations = Declarations()
    declarations.program = program
    signatures = {name: (f.parameters, f.returns) for name, f in program.functions.items()}
    definition = Definition(node, PLACE, {}, "")
    reader = BodyReader(
        declarations, signatures, program.functions, definition, parameters, ir.BOOL
    )
    return reader.function(node.name)


class _Members(ast.NodeTransformer):
    """Replaces the names of members by parameters of the function; `used` are those with a member.

    A parameter maps to an index type and the number of its member.
    """

    def __init__(self, names: Mapping[str, Sequence[str]], program: ir.Program) -> None:
        self.used: dict[str, tuple[str, int]] = {}
        self.members: dict[tuple[str, str], int] = {}
        self.types: dict[str, list[str]] = {}
        for kind, listed in names.items():
            for number, name in enumerate(listed):
                word = name.replace("-", "_")
                self.members[kind, word] = number
                self.types.setdefault(word, []).append(kind)
        self.indexes = program.indexes

    def replace(self, expression: ast.expr) -> ast.expr:
        """Replace the names in an expression, apart from the loop variables in it."""
        own = {
            node.id
            for node in ast.walk(expression)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        self.types = {word: kinds for word, kinds in self.types.items() if word not in own}
        found: ast.expr = self.visit(expression)
        return found

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Replace `Task.export`."""
        match node.value:
            case ast.Name(id=kind) if kind in self.indexes:
                if (kind, node.attr) not in self.members:
                    listed = ", ".join(word for k, word in self.members if k == kind) or "none"
                    raise ModelError(
                        f"{kind} has no member {node.attr!r}",
                        where=CONDITION,
                        hint=f"its members are {listed}",
                    )
                return self.parameter(node, kind, node.attr)
        self.generic_visit(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Leave the name of the function as it is."""
        node.args = [self.visit(argument) for argument in node.args]
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Replace `export`. Raises `ModelError` if members of several types have this name."""
        kinds = self.types.get(node.id, ())
        if len(kinds) > 1:
            ways = " or ".join(f"{kind}.{node.id}" for kind in kinds)
            raise ModelError(
                f"{node.id} is a member of several types", where=CONDITION, hint=f"write {ways}"
            )
        return self.parameter(node, kinds[0], node.id) if kinds else node

    def parameter(self, node: ast.expr, kind: str, word: str) -> ast.expr:
        """Return the parameter that stands for a member."""
        name = f"{kind}__{word}"
        self.used[name] = (kind, self.members[kind, word])
        return ast.copy_location(ast.Name(name, ast.Load()), node)
