"""Write the normal form of a model as C, statement for statement.

A function of the model becomes a C function over one struct, the state. A function that goes wrong
stores a number in `s->wrong`, and its callers return at once.

For every action there are loops over its parameters, which evaluate its guards on an unchanged
state, each guard in the outermost loop that binds its names. An enabled step runs on a copy of the
state.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from wakeproof.execution.machine import Machine
from wakeproof.explore.coverage import chosen_actions, functions_with_sites
from wakeproof.explore.native.state_layout import LANE, NONE, NUMBER, StateLayout, UnsupportedModel
from wakeproof.explore.native.symmetry import Symmetry, symmetry
from wakeproof.explore.native.symmetry_c import c_text
from wakeproof.explore.progress.graph import WORD, words
from wakeproof.explore.progress.questions import NO_GROUP, Questions
from wakeproof.language import ir
from wakeproof.language.analysis import (
    Effects,
    called,
    conjuncts,
    fields_read,
    fields_written,
    nodes,
)
from wakeproof.language.normal_form import normal_form
from wakeproof.language.values import Scalar, Snapshot, domain

GUARD_FAILED = 1
OUT_OF_RANGE = 2
FIRST_SITE = 3
LARGEST_BRANCHING = 0xFFFF

Site = tuple[str, str]
Body = Sequence[ir.Stmt]


@dataclass(frozen=True)
class Emitted:
    """C text and the meaning of its numbers: `sites[n]` is the kind and site of number n.

    `tests` are the properties of the functions that put an invariant to the test, `sited` the names
    of the functions with sites, `actions` those of the actions. `branching` is the number of steps,
    one for every action and choice of arguments; `symmetry` has the symmetries of a reduction, or
    is None.
    """

    text: str
    layout: StateLayout
    sites: list[Site]
    invariants: list[str]
    tests: list[str]
    actions: list[str]
    sited: list[str]
    branching: int
    symmetry: Symmetry | None


def emit(
    machine: Machine,
    actions: Sequence[str] | None,
    reduce: bool = False,
    questions: Questions | None = None,
) -> Emitted:
    """Write the C text of a machine's program for these actions (all, if None) and all invariants.

    With `reduce` the text includes the symmetry reduction; with `questions` the conditions and the
    fair choices of these. Raises `UnsupportedModel` for what does
    not fit into the bytes of native code.
    """
    chosen = chosen_actions(machine, actions)
    properties, tests = machine.program.marked("invariant"), machine.program.marked("tested")
    questions = questions or Questions()
    sited = _functions_with_sites(machine.program, tuple(chosen))
    roots = [
        *chosen,
        *properties,
        *tests,
        *(name for name, _ in questions.conditions),
        *questions.left_out,
    ]
    effects = _effects(machine.program, tuple(roots))
    layout = StateLayout(machine, _fields_written(effects), machine.initial())
    found = None
    if reduce:
        all_nodes = [node for f in effects.functions for node in nodes(f.body)]
        found = symmetry(machine, layout, all_nodes)
    fixed = {k: v for k, v in machine.run.parameters.items() if k not in layout.choices}
    given = _Given(
        effects,
        (tuple(chosen), tuple(properties), tuple(tests)),
        tuple(sited),
        repr((machine.run.sizes, fixed)),
        layout.initial,
        repr(questions),
        found is not None,
        machine,
        layout,
        questions,
        found,
    )
    emitter, text = _written(given)
    names = [f.marks["invariant"] for f in properties.values()]
    tested = [f.marks["tested"] for f in tests.values()]
    return Emitted(
        text, layout, emitter.sites, names, tested, chosen, sited, emitter.branching, found
    )


@dataclass(frozen=True)
class _Given:
    """What a text is made of: a program for several mixes has one text under equal parameters."""

    effects: Effects
    names: tuple[tuple[str, ...], ...]
    sited: tuple[str, ...]
    run: str
    initial: Snapshot
    asked: str
    reduced: bool
    machine: Machine = field(compare=False)
    layout: StateLayout = field(compare=False)
    questions: Questions = field(compare=False)
    symmetry: Symmetry | None = field(compare=False)


@functools.lru_cache(maxsize=64)
def _effects(program: ir.Program, roots: tuple[str, ...]) -> Effects:
    """Return the effects of a program in normal form."""
    return Effects(normal_form(program, roots), roots, NUMBER)


@functools.lru_cache(maxsize=64)
def _functions_with_sites(program: ir.Program, actions: tuple[str, ...]) -> list[str]:
    return functions_with_sites(program, actions)


@functools.lru_cache(maxsize=64)
def _fields_written(effects: Effects) -> frozenset[str]:
    return frozenset(fields_written(effects.functions))


@functools.lru_cache(maxsize=16)
def _written(given: _Given) -> tuple[_Emitter, str]:
    """Write the text; return it with its writer, who knows the meaning of its numbers."""
    emitter = _Emitter(
        given.machine, given.layout, given.effects, given.questions, list(given.sited)
    )
    chosen, properties, tests = given.names
    functions = [given.effects.program.functions[name] for name in chosen]
    return emitter, emitter.whole(functions, list(properties), list(tests), given.symmetry)


class _Emitter:
    """The writer of the C text, which collects its lines.

    In guards, a call without arguments is evaluated once a state: `evaluated_once` are their names.
    """

    def __init__(
        self,
        machine: Machine,
        layout: StateLayout,
        effects: Effects,
        questions: Questions,
        sited: Sequence[str],
    ) -> None:
        self.sited = {name: number for number, name in enumerate(sited)}
        self.questions = questions
        self.program = effects.program
        self.run = machine.run
        self.layout = layout
        self.effects = effects
        self.sites: list[Site] = [("", "")] * FIRST_SITE
        self.lines: list[str] = []
        self.fresh = 0
        self.returns = ""
        self.branching = 0
        self.evaluated_once: dict[str, None] = {}
        self.in_guards = False

    # --- the whole

    def whole(
        self,
        chosen: Sequence[ir.Function],
        properties: list[str],
        tests: list[str],
        found: Symmetry | None,
    ) -> str:
        """Write everything, in the order that C requires."""
        actions = {*(f.name for f in chosen), *self.questions.left_out}
        self.constants()
        self.struct()
        for function in self.effects.functions:
            if function.name not in actions:
                self.function(function)
        self.lines += [
            "struct worker;",
            "static struct state *successor(struct worker *w, const struct state *s);",
            "static void reached(struct worker *w, uint32_t action, uint32_t group);",
        ]
        tries = [self.action(f, number) for number, f in enumerate(chosen)]
        if self.branching > LARGEST_BRANCHING:
            raise UnsupportedModel(f"it has {self.branching} steps, more than {LARGEST_BRANCHING}")
        self.lines.append("static void expand(struct worker *w, const struct state *s) {")
        self.lines += [f"const int z_{name} = f_{name}(s);" for name in self.evaluated_once]
        self.lines += [line for lines in tries for line in lines]
        self.lines.append("}")
        self.probe()
        self.broken(properties, tests)
        self.condition_facts()
        self.read_by([*properties, *tests])
        self.lines += c_text(self.layout, found)
        bounds = ", ".join(str(int(kind == "bound")) for kind, _ in self.sites)
        self.lines += [
            f"enum {{ CELLS = {self.layout.length}, "
            f"INVARIANTS = {len(properties)}, TESTS = {len(tests)}, "
            f"SITES = {len(self.sites)}, "
            f"BRANCHING = {self.branching}, GUARD_FAILED = {GUARD_FAILED}, "
            f"TAKEN_WORDS = {words(len(chosen))}, RAN_WORDS = {words(len(self.sited))}, "
            f"GROUP_WORDS = {words(len(self.questions.groups))}, "
            f"FACT_WORDS = {words(len(self.questions.conditions))}, "
            f"OUT_OF_RANGE = {OUT_OF_RANGE} }};",
            f"static const uint8_t is_bound[SITES] = {{ {bounds} }};",
        ]
        return "\n".join(["#include <stdint.h>", "#include <string.h>", "", *self.lines, ""])

    def constants(self) -> None:
        """Write the parameters and the fields that no action changes as constants."""
        for name, value in self.run.parameters.items():
            if name not in self.layout.choices:
                self.constant(f"p_{name}", value)
        initial = iter(self.layout.initial)
        changing = {name for name, _ in self.layout.places}
        for name, declared in self.program.state.items():
            value = self.nested(declared.keys, initial)
            if name not in changing:
                self.constant(f"c_{name}", value)

    def nested(self, keys: Sequence[str], scalars: Iterator[Scalar]) -> Any:
        """Return the next scalars of a snapshot as nested lists over these keys."""
        if not keys:
            return next(scalars)
        return [self.nested(keys[1:], scalars) for _ in range(self.layout.size(keys[0]))]

    def constant(self, name: str, value: Any) -> None:
        """Write one constant; a list becomes an array."""
        dimensions, first = "", value
        while isinstance(first, list):
            dimensions += f"[{max(1, len(first))}]"
            first = first[0] if first else None
        self.lines.append(f"static const int16_t {name}{dimensions} = {self.initializer(value)};")

    def initializer(self, value: Any) -> str:
        """Write a value as the initializer of a declaration."""
        if isinstance(value, list):
            return "{ " + (", ".join(map(self.initializer, value)) or "0") + " }"
        return str(NONE if value is None else int(value))

    def struct(self) -> None:
        """Write the struct of a state, rows of bytes."""
        for key, fields in self.layout.rows.items():
            self.lines.append(f"struct row_{key} {{")
            self.lines += [self.member(name, self.program.state[name].keys[1:]) for name in fields]
            self.lines.append(f"}} __attribute__((aligned({LANE})));")
        self.lines.append("struct state {")
        self.lines += [f"uint8_t choice_{name};" for name in self.layout.choices]
        self.lines += [self.member(name, ()) for name in self.layout.alone]
        for key in self.layout.rows:
            self.lines.append(f"struct row_{key} r_{key}[{self.layout.size(key)}];")
        self.lines += [
            f"_Alignas({LANE}) uint16_t wrong;",
            f"uint64_t ran[{words(len(self.sited))}];",
            "};",
        ]

    def member(self, name: str, keys: Sequence[str]) -> str:
        """Write a field of a struct."""
        kind = "int8_t" if self.program.state[name].value.kind == "int" else "uint8_t"
        return f"{kind} m_{name}" + "".join(f"[{self.layout.size(key)}]" for key in keys) + ";"

    def read_by(self, properties: Sequence[str]) -> None:
        """Write, for every lane of a state, a bit for each invariant that reads a byte of it."""
        masks = [0] * (self.layout.length // LANE)
        for i, name in enumerate(properties):
            read = fields_read(called(self.program, [name]), "s")
            for cell in self.layout.cells:
                if cell.field in read:
                    masks[cell.offset // LANE] |= 1 << i
        text = ", ".join(f"UINT64_C({mask:#x})" for mask in masks)
        self.lines.append(f"static const uint64_t read_by[{len(masks)}] = {{ {text} }};")

    def broken(self, properties: Sequence[str], tests: Sequence[str]) -> None:
        """Write the function for the `asked` invariants that fail in a state, a bit for each.

        Behind them are those of `tests`, each with a bit where it is true.
        """
        self.lines.append("static uint64_t broken(const struct state *s, uint64_t asked) {")
        self.lines.append("uint64_t found = 0;")
        for i, name in enumerate([*properties, *tests]):
            if name in self.effects.fails:
                raise UnsupportedModel(f"the invariant {name} may go wrong")
            sign = "!" if i < len(properties) else ""
            self.lines.append(
                f"if (asked >> {i} & 1 && {sign}f_{name}(s)) found |= UINT64_C(1) << {i};"
            )
        self.lines += ["return found;", "}"]

    def probe(self) -> None:
        """Write the function for the fair actions that are left out and possible in a state."""
        self.evaluated_once.clear()
        tries = []
        for i, name in enumerate(self.questions.left_out):
            ends = [f"found |= UINT64_C(1) << {i};"]
            tries += self.loops(self.program.functions[name], ends)
        self.lines.append("static uint64_t probe(const struct state *s) {")
        self.lines.append("uint64_t found = 0;")
        self.lines += [f"const int z_{name} = f_{name}(s);" for name in self.evaluated_once]
        self.lines += [*tries, "return found;", "}"]

    def condition_facts(self) -> None:
        """Write the function that sets a bit for each condition that holds in a state."""
        self.lines.append("static void condition_facts(const struct state *s, uint64_t *found) {")
        for i, (name, members) in enumerate(self.questions.conditions):
            if name in self.effects.fails:
                raise UnsupportedModel(f"the condition {name} may go wrong")
            arguments = ", ".join(("s", *map(str, members)))
            word, bit = divmod(i, WORD)
            self.lines.append(f"if (f_{name}({arguments})) found[{word}] |= UINT64_C(1) << {bit};")
        self.lines.append("}")

    # --- functions

    def function(self, function: ir.Function) -> None:
        """Write one function of the model."""
        kind = "void" if function.returns.kind == "unit" else "int"
        const = "" if function.writes else "const "
        if function.name in self.effects.fails:
            const = ""
        parameters = "".join(f", int v_{name}" for name, _ in function.parameters)
        self.lines.append(f"static {kind} f_{function.name}({const}struct state *s{parameters}) {{")
        self.note_run(function.name)
        self.body(function.body, [name for name, _ in function.parameters], kind)
        self.lines.append("}")

    def note_run(self, name: str) -> None:
        """Write that a function runs, if it has sites."""
        if name in self.sited:
            word, bit = divmod(self.sited[name], WORD)
            self.lines.append(f"s->ran[{word}] |= UINT64_C(1) << {bit};")

    def body(self, body: Body, parameters: Sequence[str], kind: str) -> None:
        """Write the body of a C function, its locals first."""
        self.returns = "return;" if kind == "void" else "return 0;"
        assigned = dict.fromkeys(n.name for n in nodes(tuple(body)) if isinstance(n, ir.SetLocal))
        self.lines += [f"int v_{name} = 0;" for name in assigned if name not in parameters]
        self.statements(body)

    # --- actions

    def action(self, function: ir.Function, number: int) -> list[str]:
        """Write the body of an action; return the loops that run its enabled steps.

        Adds the number of its steps, one for every choice of arguments, to `branching`.
        """
        head = function.body[: self.effects.guards(function)]
        rest = function.body[len(head) :]
        known = [name for name, _ in function.parameters]
        known += [statement.name for statement in head if isinstance(statement, ir.SetLocal)]
        listed = "".join(f", int v_{name}" for name in known)
        self.lines.append(f"static void a_{function.name}(struct state *s{listed}) {{")
        self.note_run(function.name)
        self.body(rest, known, "void")
        self.lines.append("}")
        given = "".join(f", v_{name}" for name in known)
        self.branching += math.prod(
            len(domain(self.program, self.run.sizes, kind)) for _, kind in function.parameters
        )
        ends = [
            "struct state *t = successor(w, s);",
            f"a_{function.name}(t{given});",
            f"reached(w, {number}, {self.group(function)});",
        ]
        return self.loops(function, ends)

    def loops(self, function: ir.Function, ends: Sequence[str]) -> list[str]:
        """Return the loops over the enabled steps of an action, each with `ends` inside."""
        parameters = [name for name, _ in function.parameters]
        level_of = {name: i + 1 for i, name in enumerate(parameters)}
        levels: list[list[ir.Stmt]] = [[] for _ in range(len(parameters) + 1)]
        for statement in function.body[: self.effects.guards(function)]:
            level = max(
                (level_of.get(n.name, 0) for n in nodes(statement) if isinstance(n, ir.Local)),
                default=0,
            )
            if isinstance(statement, ir.SetLocal):
                level_of[statement.name] = level
                levels[level].append(statement)
            elif isinstance(statement, ir.Guard):
                levels[level] += [
                    ir.Guard(part, statement.where) for part in conjuncts(statement.condition)
                ]
        self.lines, before = ["{"], self.lines
        self.in_guards = True
        depth = self.guards(levels[0])
        for (name, kind), tests in zip(function.parameters, levels[1:], strict=True):
            count = len(domain(self.program, self.run.sizes, kind))
            counter = f"i_{name}" if kind.optional else f"v_{name}"
            self.lines.append(f"for (int {counter} = 0; {counter} < {count}; {counter}++) {{")
            if kind.optional:
                self.lines.append(f"int v_{name} = {counter} ? {counter} - 1 : {NONE};")
            depth += 1 + self.guards(tests)
        self.lines += [*ends, "}" * (depth + 1)]
        self.in_guards = False
        self.lines, tries = before, self.lines
        return tries

    def group(self, function: ir.Function) -> str:
        """Return the number of a step's fair choice, from the parameters of its action."""
        places = self.questions.fair.get(function.name)
        if places is None:
            return str(NO_GROUP)
        groups = self.questions.groups.items()
        # an index type may have no members: then no step is taken
        first = min((n for (name, _), n in groups if name == function.name), default=0)
        number = "0"
        for place in places:
            name, kind = function.parameters[place]
            size = len(domain(self.program, self.run.sizes, kind))
            counter = f"i_{name}" if kind.optional else f"v_{name}"
            number = f"({number} * {size} + {counter})"
        return f"{first} + {number}"

    def guards(self, statements: Body) -> int:
        """Write the guards of one level; return the number of braces that they leave open."""
        opened = 0
        for statement in statements:
            if isinstance(statement, ir.SetLocal):
                self.lines.append(f"int v_{statement.name} = {self.c(statement.value)};")
            elif isinstance(statement, ir.Guard):
                self.lines.append(f"if ({self.c(statement.condition)}) {{")
                opened += 1
        return opened

    # --- statements

    def statements(self, statements: Body) -> None:
        """Write statements in order."""
        for statement in statements:
            self.statement(statement)

    def statement(self, statement: ir.Stmt) -> None:
        """Write one statement."""
        match statement:
            case ir.SetLocal(name=name, value=value):
                self.lines.append(f"v_{name} = {self.c(value)};")
                self.check(value)
            case ir.Store(field=field, keys=keys, value=value):
                place, stored = self.cell(field, [self.c(key) for key in keys]), self.c(value)
                if self.effects.may_overflow(value):
                    low, high = NUMBER[0], NUMBER[-1]
                    self.lines.append(f"{{ const int stored = {stored};")
                    self.lines.append(
                        f"if (stored < {low} || stored > {high}) {self.fail(OUT_OF_RANGE)}"
                    )
                    self.lines.append(f"{place} = stored; }}")
                else:
                    self.lines.append(f"{place} = {stored};")
            case ir.If(condition=condition, then=then, other=other):
                self.lines.append(f"if ({self.c(condition)}) {{")
                self.statements(then)
                if other:
                    self.lines.append("} else {")
                    self.statements(other)
                self.lines.append("}")
            case ir.For(variable=variable, over=over, body=body):
                self.loop(variable, over)
                self.statements(body)
                self.lines.append("}")
            case ir.Return(value=None):
                self.lines.append("return;")
            case ir.Return(value=value):
                assert value is not None
                self.lines.append(f"return {self.c(value)};")
            case ir.Do(call=call):
                self.lines.append(f"{self.c(call)};")
                self.check(call)
            case ir.Guard(condition=condition):
                self.lines.append(f"if (!{self.c(condition)}) {self.fail(GUARD_FAILED)}")
            case ir.Wrong(kind=kind, site=site):
                self.lines.append(self.fail(self.site(kind, site)))

    def loop(self, variable: str, over: str) -> None:
        """Write the head of a loop over an index type."""
        size = self.layout.size(over)
        self.lines.append(f"for (int v_{variable} = 0; v_{variable} < {size}; v_{variable}++) {{")

    def site(self, kind: str, site: str) -> int:
        """Return the number of a site."""
        if (kind, site) not in self.sites:
            self.sites.append((kind, site))
        return self.sites.index((kind, site))

    def fail(self, number: int) -> str:
        """Return the statement that ends a function which goes wrong."""
        return f"{{ s->wrong = {number}; {self.returns} }}"

    # --- expressions

    def check(self, value: ir.Expr) -> None:
        """Write the return behind a call that may have gone wrong."""
        if isinstance(value, ir.Call) and value.function in self.effects.fails:
            self.lines.append(f"if (__builtin_expect(s->wrong, 0)) {self.returns}")

    def c(self, value: ir.Expr) -> str:
        """Return the C expression of an expression, which is total or a call."""
        match value:
            case ir.Const(value=constant):
                return str(NONE if constant is None else int(constant))
            case ir.Local(name=name):
                return f"v_{name}"
            case ir.Read(space=space, field=field, keys=keys):
                return self.read(space, field, [self.c(key) for key in keys])
            case ir.Binary(op=op, left=left, right=right):
                return f"({self.c(left)} {op} {self.c(right)})"
            case ir.Not(value=inner):
                return f"!{self.c(inner)}"
            case ir.Logic(op=op, values=values):
                sign = " && " if op == "and" else " || "
                return "(" + sign.join(map(self.c, values)) + ")"
            case ir.Choice(condition=condition, then=then, other=other):
                return f"({self.c(condition)} ? {self.c(then)} : {self.c(other)})"
            case ir.Call(function=name, arguments=()) if self.in_guards:
                self.evaluated_once[name] = None
                return f"z_{name}"
            case ir.Call(function=name, arguments=arguments):
                return f"f_{name}({', '.join(['s', *map(self.c, arguments)])})"
            case ir.Quantifier(op=op, variable=variable, over=over, body=body):
                self.fresh += 1
                result, v = f"q{self.fresh}", f"v_{variable}"
                return (
                    f"({{ int {result} = {int(op == 'all')}; "
                    f"for (int {v} = 0; {v} < {self.layout.size(over)}; {v}++) "
                    f"{_turn(op, result, self.c(body))} {result}; }})"
                )
        raise AssertionError(f"{value} is not in normal form")

    def read(self, space: str, field: str, keys: Sequence[str]) -> str:
        """Return a field of the parameters or of the state."""
        if space == "p" and field in self.layout.choices:
            return f"s->choice_{field}"
        if space == "p":
            return f"p_{field}" + "".join(f"[{key}]" for key in keys)
        return self.cell(field, keys)

    def cell(self, field: str, keys: Sequence[str]) -> str:
        """Return a scalar of the state; a field that no action changes is a constant."""
        first = self.program.state[field].keys[:1]
        group = self.layout.rows.get(first[0], []) if first else self.layout.alone
        if field not in group:
            return f"c_{field}" + "".join(f"[{key}]" for key in keys)
        if not first:
            return f"s->m_{field}"
        inner = "".join(f"[{key}]" for key in keys[1:])
        return f"s->r_{first[0]}[{keys[0]}].m_{field}{inner}"


def _turn(op: str, result: str, condition: str) -> str:
    """Return the body of a quantifier's loop."""
    match op:
        case "any":
            return f"if ({condition}) {{ {result} = 1; break; }}"
        case "all":
            return f"if (!{condition}) {{ {result} = 0; break; }}"
    return f"{result} += {condition};"
