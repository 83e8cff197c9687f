"""Weave the programs of tasks into the program of a model.

The position of each task is a field of the state, and what the programs allow are tables: more
parameters of the run. Every action of the program gets a guard in front, which looks into its
table, and changes the position once its guards hold. What comes out is a program in the model
language, so that every execution has it.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wakeproof.language import ir
from wakeproof.language.declarations import Declarations, Definition
from wakeproof.language.lowering import BodyReader
from wakeproof.language.resolve import Resolved
from wakeproof.language.values import Run, key_size
from wakeproof.scenario.automaton import Automaton, Spot, fixed_parameters
from wakeproof.scenario.lock_waits import FREES, IN_VAIN, WAITS, frees, text_of_waits, waits_for

PLACE, LOCK = "ProgramPlace", "ProgramLock"
"""The enumerations of the places of the programs, and of their locks."""
AT, LOCKED = "program_at", "program_locked"
"""The fields of the state: the place of each member, and whether a lock is taken."""
TEXT = Path("programs")
"""The file name of the text that is written here, as a traceback shows it."""

Sizes = Mapping[str, int]


def weave(resolved: Resolved, automaton: Automaton, allowed: tuple[str, ...]) -> Resolved:
    """Return a program in which the tasks do what their programs say.

    `allowed` are the actions of the run. Raises `ModelError` for words that do not fit the model.
    """
    return _woven(_Given(resolved.program, repr(automaton), allowed, automaton, resolved))


@dataclasses.dataclass(frozen=True)
class _Given:
    """What a woven program is made of: the mixes of a scenario have automata with equal texts."""

    program: ir.Program
    text: str
    allowed: tuple[str, ...]
    automaton: Automaton = dataclasses.field(compare=False)
    resolved: Resolved = dataclasses.field(compare=False)


@functools.lru_cache(maxsize=64)
def _woven(given: _Given) -> Resolved:
    return _Weaver(given).resolved()


class _Weaver:
    """The writer of the text of the programs."""

    def __init__(self, given: _Given) -> None:
        self.automaton = automaton = given.automaton
        self.words = automaton.words
        self.given = given.resolved
        functions = given.program.functions
        self.actions = [
            functions[name]
            for name in given.allowed
            if functions[name].marks["action"] == "program"
        ]
        self.starts = [s for s in self.words.starts if s.action in given.allowed]
        self.initial = [f.name for f in functions.values() if f.marks.get("action") == "initial"]
        self.has_waits = has_waits(automaton)
        self.program = dataclasses.replace(
            given.program,
            enums={
                **given.program.enums,
                PLACE: tuple(spot.name for spot in automaton.spots),
                LOCK: tuple(f"lock_{name}" for name in automaton.locks) or ("NONE",),
            },
            state={
                **given.program.state,
                AT: ir.FieldType((self.words.index,), ir.Type("enum", PLACE)),
                LOCKED: ir.FieldType((LOCK,), ir.BOOL),
            },
            parameters={**given.program.parameters, **self.parameters()},
        )

    def parameters(self) -> dict[str, ir.FieldType]:
        """Declare the tables."""
        place = ir.Type("enum", PLACE)
        some = ir.Type("enum", PLACE, optional=True)
        declared = {
            "program_begins": ir.FieldType((self.words.index,), place),
            "program_then": ir.FieldType((PLACE,), place),
            "program_other": ir.FieldType((PLACE,), place),
            "program_flag": ir.FieldType((PLACE,), ir.Type("enum", LOCK, optional=True)),
            "program_value": ir.FieldType((PLACE,), ir.BOOL),
        }
        for name in _conditions(self.automaton):
            of = self.words.conditions[name].of
            kind = ir.Type("enum", LOCK, True) if of == "lock" else ir.Type("index", of, True)
            declared[f"program_if_{name}"] = ir.FieldType((PLACE,), kind)
        for action in self.actions:
            keys = [action.parameters[i][1].name for i in fixed_parameters(action)]
            declared[f"program_{action.name}"] = ir.FieldType((PLACE, *keys), some)
        if self.has_waits:
            declared[WAITS] = ir.FieldType((PLACE,), ir.Type("enum", LOCK, optional=True))
            declared[FREES] = ir.FieldType((PLACE, LOCK), ir.BOOL)
        return declared

    def resolved(self) -> Resolved:
        """Return the woven program, with its syntax trees."""
        declarations = Declarations()
        declarations.program = self.program
        functions = dict(self.given.program.functions)
        nodes = ast.parse("\n".join(self.text())).body
        trees: list[tuple[Path, ast.FunctionDef]] = []
        for node in nodes:
            assert isinstance(node, ast.FunctionDef)
            definition = Definition(node, TEXT, {}, "")
            parameters = tuple(
                (a.arg, declarations.scalar(a.annotation, TEXT))
                for a in node.args.args
                if a.annotation
            )
            assert node.returns is not None
            returns = declarations.scalar(node.returns, TEXT)
            signatures = {n: (f.parameters, f.returns) for n, f in functions.items()}
            reader = BodyReader(
                declarations, signatures, functions, definition, parameters, returns
            )
            functions = {node.name: reader.function(node.name), **functions}
            trees.append((TEXT, node))
        inserted = dict(self.inserted())
        broken = self.broken_by_waits() if self.has_waits else ""
        for path, node in self.given.trees:
            if node.name in inserted:
                before, after = inserted[node.name]
                function = functions[node.name]
                guards = _guards(node)
                functions[node.name] = _with_calls(function, before, after, len(guards))
                node = _with_lines(node, before, after, guards)
            if node.name == broken:
                functions[node.name], node = _with_condition(functions[node.name], node, IN_VAIN)
            trees.append((path, node))
        return Resolved(dataclasses.replace(self.program, functions=functions), trees)

    def broken_by_waits(self) -> str:
        """Return the function of the property that a task violates which waits in vain."""
        waits = self.words.waits
        marked = self.given.program.marked("invariant").values()
        return next(
            (f.name for f in marked if waits and f.marks["invariant"] == waits.property), ""
        )

    def inserted(self) -> Iterator[tuple[str, tuple[str, list[str]]]]:
        """Yield, for an action, the guard in front and the calls behind its guards, if any."""
        starts = {start.action for start in self.starts}
        own = {action.name for action in self.actions}
        for name in self.initial:
            yield name, ("", ["program_begin"])
        for name in dict.fromkeys([*own, *starts]):
            calls = [f"program_takes_{name}"] if name in own else []
            calls += [f"program_starts_{name}"] if name in starts else []
            yield name, (f"program_allows_{name}" if name in own else "", calls)

    def text(self) -> Iterator[str]:
        """Yield the lines of the functions, in the language of the model."""
        words, index = self.words, self.words.index
        yield f"def program_settled(place: {PLACE}) -> {PLACE}:"
        yield "    at = place"
        for _ in range(_depth(self.automaton.spots, lambda spot: spot.condition is not None)):
            for name in _conditions(self.automaton):
                condition = words.conditions[name]
                test = condition.text or f"s.{LOCKED}[x]"
                x = f"x_{name}"
                tree = ast.parse(test, mode="eval").body
                test = ast.unparse(_Renamed(x).visit(tree))
                yield f"    {x} = p.program_if_{name}[at]"
                yield f"    if {x} is not None:"
                yield f"        at = p.program_then[at] if {test} else p.program_other[at]"
        yield "    return at"
        yield f"def program_here() -> {PLACE}:"
        yield f"    member = {words.runs}()"
        yield "    if member is None:"
        yield f"        return {PLACE}.FREE"
        yield f"    return program_settled(s.{AT}[member])"
        yield f"def program_go(member: {index}, place: {PLACE}) -> None:"
        yield "    at = place"
        for _ in range(_depth(self.automaton.spots, lambda spot: spot.flag is not None)):
            yield "    flag = p.program_flag[at]"
            yield "    if flag is not None:"
            yield f"        s.{LOCKED}[flag] = p.program_value[at]"
            yield "        at = p.program_then[at]"
        yield f"    s.{AT}[member] = at"
        yield "def program_begin() -> None:"
        yield f"    for member in {index}:"
        yield f"        s.{AT}[member] = p.program_begins[member]"
        functions = self.given.program.functions
        for action in self.actions:
            fixed = [action.parameters[i] for i in fixed_parameters(action)]
            listed = ", ".join(f"{name}: {kind.name}" for name, kind in fixed)
            keys = "".join(f"[{name}]" for name, _ in fixed)
            yield f"def program_allows_{action.name}({listed}) -> bool:"
            yield f"    'The program of the task that runs has {action.name} as its next step.'"
            yield f"    return p.program_{action.name}[program_here()]{keys} is not None"
            yield f"def program_takes_{action.name}({listed}) -> None:"
            yield f"    member = {words.runs}()"
            yield "    if member is not None:"
            yield f"        place = p.program_{action.name}[program_here()]{keys}"
            yield "        if place is not None:"
            yield "            program_go(member, place)"
        if self.has_waits:
            yield from text_of_waits(words, len(self.automaton.locks), AT, LOCKED)
        for start in self.starts:
            parameters = functions[start.action].parameters
            listed = ", ".join(f"{name}: {kind}" for name, kind in parameters)
            yield f"def program_starts_{start.action}({listed}) -> None:"
            yield f"    s.{AT}[{start.member}] = p.program_begins[{start.member}]"


class _Renamed(ast.NodeTransformer):
    """Gives the `x` of a condition another name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Rename a name."""
        return ast.Name(self.name, node.ctx) if node.id == "x" else node


def _conditions(automaton: Automaton) -> list[str]:
    """List the conditions that the programs ask."""
    return list(dict.fromkeys(s.condition.name for s in automaton.spots if s.condition))


def _depth(spots: Sequence[Spot], counts: Any) -> int:
    """Return the largest number of spots one after the other that count."""

    @functools.cache
    def below(number: int) -> int:
        spot = spots[number]
        if not counts(spot):
            return 0
        if spot.condition is not None:
            return 1 + max(below(spot.condition.then), below(spot.condition.other))
        return 1 + (below(spot.flag.to) if spot.flag else 0)

    return max(map(below, range(len(spots))))


def _guards(node: ast.FunctionDef) -> list[ast.stmt]:
    """List the guards at the head of an action."""
    found: list[ast.stmt] = []
    for statement in node.body:
        match statement:
            case ast.Expr(value=ast.Constant()):
                pass
            case (
                ast.Expr(value=ast.Call(func=ast.Name(id="guard")))
                | ast.Assign(value=ast.Call(func=ast.Name(id="require")))
            ):
                found.append(statement)
            case _:
                break
    return found


def _with_lines(
    node: ast.FunctionDef, before: str, after: Sequence[str], guards: Sequence[ast.stmt]
) -> ast.FunctionDef:
    """Return the text of an action with a guard in front, and calls behind its guards."""
    kinds = {a.arg: a.annotation for a in node.args.args}
    line = node.lineno
    changed = copy.copy(node)
    body = list(node.body)
    at = body.index(guards[-1]) + 1 if guards else _head(body)
    body[at:at] = [_statement(f"{name}({_given(name, kinds)})", line) for name in after]
    if before:
        place = _head(body)
        body[place:place] = [_statement(f"guard({before}({_given(before, kinds)}))", line)]
    changed.body = body
    return changed


def _head(body: Sequence[ast.stmt]) -> int:
    """Return the number of statements that are a docstring: 0 or 1."""
    return int(
        bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    )


def _statement(text: str, line: int) -> ast.stmt:
    statement = ast.parse(text).body[0]
    return ast.increment_lineno(statement, line - 1)


def _given(name: str, kinds: Mapping[str, ast.expr | None]) -> str:
    """Return the arguments of a call of a woven function.

    They are all parameters of a start, and of others those that a program can fix.
    """
    if name.startswith("program_starts_"):
        return ", ".join(kinds)
    if name == "program_begin":
        return ""
    return ", ".join(n for n, kind in kinds.items() if not _is_plain(kind))


def _is_plain(kind: ast.expr | None) -> bool:
    """Return whether a parameter is not a member: a bool, or a value that may be None."""
    return not isinstance(kind, ast.Name) or kind.id in ("bool", "int")


def _with_calls(
    function: ir.Function, before: str, after: Sequence[str], guards: int
) -> ir.Function:
    """Return the function of an action with the same guard and calls as `_with_lines`."""

    def arguments(name: str) -> tuple[ir.Expr, ...]:
        listed = list(range(len(function.parameters)))
        if name == "program_begin":
            listed = []
        elif not name.startswith("program_starts_"):
            listed = fixed_parameters(function)
        return tuple(ir.Local(*function.parameters[i]) for i in listed)

    body = list(function.body)
    at = 0
    for number, statement in enumerate(body):
        if guards and isinstance(statement, ir.Guard):
            guards -= 1
            at = number + 1
    where = function.where
    body[at:at] = [ir.Do(ir.Call(name, arguments(name), ir.UNIT), where) for name in after]
    if before:
        body.insert(0, ir.Guard(ir.Call(before, arguments(before), ir.BOOL), where))
    return dataclasses.replace(function, body=tuple(body), writes=True)


def _with_condition(
    function: ir.Function, node: ast.FunctionDef, condition: str
) -> tuple[ir.Function, ast.FunctionDef]:
    """Return an invariant, and its text, that is false where a condition is false."""
    call = ir.Call(condition, (), ir.BOOL)
    no = ir.Return(ir.Const(False, ir.BOOL), function.where)
    first = ir.If(ir.Not(call), (no,), (), function.where)
    changed = copy.copy(node)
    changed.body = list(node.body)
    place = _head(node.body)
    text = f"if not {condition}():\n    return False"
    changed.body[place:place] = [_statement(text, node.lineno)]
    return dataclasses.replace(function, body=(first, *function.body)), changed


def has_waits(automaton: Automaton) -> bool:
    """Return whether some program waits for a lock, and the model says what it is to do so."""
    return automaton.words.waits is not None and any(w is not None for w in waits_for(automaton))


def tables(automaton: Automaton, program: ir.Program, run: Run) -> dict[str, Any]:
    """Return the values of the parameters that a woven program has for its tables."""
    spots = automaton.spots
    index = automaton.words.index
    values: dict[str, Any] = {
        "program_begins": [automaton.begins.get(n, 0) for n in range(run.sizes[index])],
        "program_then": [
            s.condition.then if s.condition else s.flag.to if s.flag else n
            for n, s in enumerate(spots)
        ],
        "program_other": [s.condition.other if s.condition else n for n, s in enumerate(spots)],
        "program_flag": [s.flag.flag if s.flag else None for s in spots],
        "program_value": [bool(s.flag and s.flag.value) for s in spots],
    }
    for name in _conditions(automaton):
        values[f"program_if_{name}"] = [
            s.condition.member if s.condition and s.condition.name == name else None for s in spots
        ]
    for name, declared in program.parameters.items():
        action = name.removeprefix("program_")
        if name == WAITS:
            values[name] = waits_for(automaton)
        elif name == FREES:
            values[name] = frees(automaton)
        if name not in values and name.startswith("program_") and action in program.functions:
            sizes = [key_size(program, run.sizes, key) for key in declared.keys[1:]]
            values[name] = [
                _nested(sizes, (), spot.letters, action)
                if number
                else _filled(sizes, 0 if action in automaton.free else None)
                for number, spot in enumerate(spots)
            ]
    return values


def _nested(
    sizes: Sequence[int], chosen: tuple[int, ...], letters: Mapping[Any, int], action: str
) -> Any:
    if not sizes:
        return letters.get((action, chosen))
    return [_nested(sizes[1:], (*chosen, n), letters, action) for n in range(sizes[0])]


def _filled(sizes: Sequence[int], value: int | None) -> Any:
    return [_filled(sizes[1:], value) for _ in range(sizes[0])] if sizes else value
