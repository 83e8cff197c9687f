"""The normal form: its expressions are total, and it means what the text means."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest
import z3

from tests.rules import RULES, RUN, load
from wakeproof.language import ir
from wakeproof.language.analysis import Effects, effects_of, nodes, operands
from wakeproof.language.model import BUNDLED
from wakeproof.language.normal_form import expand, normal_form, returned, split_action
from wakeproof.language.values import Run
from wakeproof.scenario.mixes import ROLES
from wakeproof.symbolic.execution import Execution, Flow, holds, take_step
from wakeproof.symbolic.model import SymbolicModel
from wakeproof.symbolic.terms import Formula, Value, is_formula
from wakeproof.symbolic.z3_encoding import Z3Encoding

MIXES = [("v1", "v1", "v1"), ("v2", "v1", "v3"), ("v3", "v3", "v3")]

HELPERS = '''
def pick() -> Floor | None:
    """Changes the state, and returns a floor."""
    s.total += 1
    return s.last


def dares(floor: Floor) -> bool:
    """May go wrong, and changes nothing."""
    if s.last == floor:
        panic("dares")
    return s.lit[floor]


def is_lit(floor: Floor) -> bool:
    """Is total."""
    return s.lit[floor]


def nothing() -> None:
    """Has no effect."""


'''

STATEMENTS = {
    "a total statement stays as it is": (
        "s.lit[floor] = any(s.lit[f] for f in Floor) and s.last is None",
        "s.lit[floor] = (any(s.lit[f] for f in Floor) and (s.last == None))",
    ),
    "an operand is named where a later one may change the state": (
        "s.lit[floor] = s.last == pick()",
        """
        t1 = s.last
        t2 = pick()
        s.lit[floor] = (t1 == t2)
        """,
    ),
    "an operand is not named where the later ones are total": (
        "s.lit[floor] = pick() == s.last",
        """
        t1 = pick()
        s.lit[floor] = (t1 == s.last)
        """,
    ),
    "the value of a store comes before its keys": (
        'x = 1\n    s.lit[unwrap(pick(), "a")] = s.total == x',
        """
        x = 1
        t1 = (s.total == x)
        t2 = pick()
        if (t2 == None):
            panic("a")
        s.lit[t2] = t1
        """,
    ),
    "a name that is not None needs no other name": (
        'x = s.last\n    s.lit[unwrap(x, "a")] = True',
        """
        x = s.last
        if (x == None):
            panic("a")
        s.lit[x] = True
        """,
    ),
    "a total function of what is partial has no name": (
        'if is_lit(unwrap(s.last, "a")):\n        s.last = None',
        """
        t1 = s.last
        if (t1 == None):
            panic("a")
        if is_lit(t1):
            s.last = None
        """,
    ),
    "`and` goes on as long as its parts hold, total ones together": (
        "if s.lit[floor] and s.total > 1 and bump() and dares(floor):\n        s.last = None",
        """
        t1 = (s.lit[floor] and (s.total > 1))
        if t1:
            t1 = bump()
            if t1:
                t1 = dares(floor)
        if t1:
            s.last = None
        """,
    ),
    "`or` goes on as long as its parts fail": (
        "if bump() or s.lit[floor]:\n        s.last = None",
        """
        t1 = bump()
        if not t1:
            t1 = s.lit[floor]
        if t1:
            s.last = None
        """,
    ),
    "a choice evaluates one of its parts": (
        "s.last = pick() if not bump() else floor",
        """
        t2 = bump()
        if not t2:
            t1 = pick()
        else:
            t1 = floor
        s.last = t1
        """,
    ),
    "`any` evaluates no more once one holds": (
        "s.lit[floor] = any(dares(f) for f in Floor)",
        """
        t1 = False
        for f in Floor:
            if not t1:
                t1 = dares(f)
        s.lit[floor] = t1
        """,
    ),
    "`all` evaluates no more once one fails": (
        "s.lit[floor] = all(f == floor or dares(f) for f in Floor)",
        """
        t1 = True
        for f in Floor:
            if t1:
                t1 = (f == floor)
                if not t1:
                    t1 = dares(f)
        s.lit[floor] = t1
        """,
    ),
    "`count` evaluates every part": (
        "s.total = count(dares(f) for f in Floor)",
        """
        t1 = 0
        for f in Floor:
            t2 = dares(f)
            if t2:
                t1 = (t1 + 1)
        s.total = t1
        """,
    ),
    "a name of the text is not taken": (
        "t1 = s.total\n    s.lit[floor] = bump() and t1 > 1",
        """
        t1 = s.total
        t2 = bump()
        if t2:
            t2 = (t1 > 1)
        s.lit[floor] = t2
        """,
    ),
    "what has no effect is dropped": (
        "nothing()\n    is_lit(floor)\n    if bump():\n        nothing()",
        "t1 = bump()",
    ),
    "a loop without an effect is dropped": (
        "for f in Floor:\n        is_lit(f)\n    s.last = floor",
        "s.last = floor",
    ),
}


# --- as text --------------------------------------------------------------------------------------


def lines(body: Sequence[ir.Stmt]) -> Iterator[str]:
    """Statements as Python writes them."""
    for statement in body:
        match statement:
            case ir.SetLocal(name=name, value=value):
                yield f"{name} = {text(value)}"
            case ir.Store(field=field, keys=keys, value=value):
                yield f"{text(ir.Read('s', field, keys, value.type))} = {text(value)}"
            case ir.If(condition=condition, then=then, other=other):
                yield f"if {text(condition)}:"
                yield from (f"    {line}" for line in lines(then))
                if other:
                    yield "else:"
                    yield from (f"    {line}" for line in lines(other))
            case ir.For(variable=variable, over=over, body=turn):
                yield f"for {variable} in {over}:"
                yield from (f"    {line}" for line in lines(turn))
            case ir.Do(call=call):
                yield text(call)
            case ir.Wrong(kind=kind, site=site):
                yield f'{kind}("{site}")'
            case _:
                raise AssertionError(statement)


def text(value: ir.Expr) -> str:
    """An expression as Python writes it."""
    parts = [text(part) for part in operands(value)]
    match value:
        case ir.Const(value=constant):
            return str(constant)
        case ir.Local(name=name):
            return name
        case ir.Read(space=space, field=field):
            return f"{space}.{field}" + "".join(f"[{key}]" for key in parts)
        case ir.Binary(op=op):
            return f"({parts[0]} {op} {parts[1]})"
        case ir.Not():
            return f"not {parts[0]}"
        case ir.Logic(op=op):
            return f"({f' {op} '.join(parts)})"
        case ir.Call(function=name):
            return f"{name}({', '.join(parts)})"
        case ir.Quantifier(op=op, variable=variable, over=over):
            return f"{op}({parts[0]} for {variable} in {over})"
    raise AssertionError(value)


@pytest.mark.parametrize("rule", STATEMENTS)
def test_a_statement_in_normal_form(tmp_path: Path, rule: str) -> None:
    source, expected = STATEMENTS[rule]
    program = load(tmp_path, of_action(source)).program
    body = normal_form(program, ["act"]).functions["act"].body
    wanted = [line.removeprefix("        ") for line in expected.splitlines() if line.strip()]
    assert list(lines(body)) == wanted


def of_action(statements: str) -> str:
    """The text of an action that consists of these statements."""
    return f'{HELPERS}@action("test")\ndef act(floor: Floor) -> None:\n    {statements}\n'


# --- what it is -----------------------------------------------------------------------------------


def expressions(statement: ir.Stmt) -> Iterator[ir.Expr]:
    """The expressions of a statement that must be total."""
    match statement:
        case ir.SetLocal(value=ir.Call() as call) | ir.Return(value=ir.Call() as call):
            yield from call.arguments
        case ir.Do(call=ir.Call() as call):
            yield from call.arguments
        case ir.Store(keys=keys, value=value):
            yield from (*keys, value)
        case ir.SetLocal(value=value) | ir.Return(value=value) if value is not None:
            yield value
        case ir.If(condition=condition) | ir.Guard(condition=condition):
            yield condition
        case _:
            assert isinstance(statement, ir.For | ir.Return | ir.Wrong)


def of_the_model(mix: Sequence[str]) -> ir.Program:
    """The bundled model in a mix."""
    return BUNDLED.resolve(dict(zip(ROLES, mix, strict=True))).program


def roots(program: ir.Program) -> list[str]:
    """Its actions and properties."""
    return [*program.marked("action"), *program.marked("invariant")]


@pytest.mark.parametrize("mix", MIXES)
def test_every_expression_of_a_normal_form_is_total(mix: Sequence[str]) -> None:
    program = of_the_model(mix)
    normal = normal_form(program, roots(program))
    effects = effects_of(normal)
    statements = [
        node
        for function in effects.functions
        for node in nodes(function.body)
        if isinstance(node, ir.Stmt)
    ]
    assert all(effects.is_pure(e) for statement in statements for e in expressions(statement))
    assert not all(
        effects_of(program).is_pure(e)
        for function in program.functions.values()
        for node in nodes(function.body)
        if isinstance(node, ir.If | ir.Guard | ir.Store)
        for e in expressions(node)
    ), "the text of the model is in normal form already"


@pytest.mark.parametrize("mix", MIXES)
def test_a_normal_form_is_its_own_normal_form(mix: Sequence[str]) -> None:
    program = of_the_model(mix)
    normal = normal_form(program, roots(program))
    again = normal_form(normal, roots(normal)).functions
    assert {n: f.body for n, f in again.items()} == {n: normal.functions[n].body for n in again}


@pytest.mark.parametrize("mix", MIXES)
def test_functions_may_do_what_they_could(mix: Sequence[str]) -> None:
    program = of_the_model(mix)
    before = Effects(program, roots(program))
    after = Effects(normal_form(program, roots(program)), roots(program))
    assert after.fails == before.fails
    assert after.impure == before.impure


# --- what it means --------------------------------------------------------------------------------


class Comparison:
    """Two programs over the same unknowns: the outcomes are equal, or Z3 knows where not."""

    def __init__(self, one: ir.Program, other: ir.Program, run: Run, free: bool) -> None:
        self.one, self.other = SymbolicModel(one, run, free), SymbolicModel(other, run, free)
        # the same question of both is then the same term
        self.other.terms, self.other.parameters = self.one.terms, self.one.parameters
        self.state = self.one.fresh_state("s")

    def differ(self, a: Value, b: Value, unknowns: Sequence[Value] = ()) -> bool:
        """Whether the two are not the same in some state."""
        equal: Formula = self.one.terms.equal(a, b)
        if equal is True:
            return False
        solver = z3.SolverFor("QF_FD")
        encoding = Z3Encoding()
        solver.add(encoding.formula(self.one.terms.not_(equal)))
        for unknown in (*self.one.flatten(self.state), *self.one.parameters, *unknowns):
            solver.add(*encoding.typing(unknown))
        return bool(solver.check() == z3.sat)

    def differences(self, action: str) -> Iterator[str]:
        """Where the outcomes of an action are not the same."""
        function, other = (model.program.functions[action] for model in (self.one, self.other))
        unknowns = [self.one.fresh(f"{n} of {action}", kind) for n, kind in function.parameters]
        a = take_step(self.one, self.state, function, unknowns)
        b = take_step(self.other, self.state, other, unknowns)
        pairs: list[tuple[str, Value, Value]] = [("enabled", a.enabled, b.enabled)]
        pairs += [("completes", a.completes, b.completes)]
        for site in a.wrong.keys() | b.wrong.keys():
            pairs.append((f"{site}", a.wrong.get(site, False), b.wrong.get(site, False)))
        for (field, *_), x, y in zip(
            self.cells(), *map(self.one.flatten, (a.state, b.state)), strict=True
        ):
            if x is y:
                continue
            # the state counts where the action completes
            neither = False if is_formula(x) else None
            x, y = (self.one.terms.choose(a.completes, cell, neither) for cell in (x, y))
            pairs.append((field, x, y))
        yield from (f"{action}: {what}" for what, x, y in pairs if self.differ(x, y, unknowns))

    def cells(self) -> Iterator[tuple[str, ...]]:
        """The field of every cell of the state."""
        for field, (_, sizes) in self.one.places["s"].items():
            for _ in itertools.product(*map(range, sizes)):
                yield (field,)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_of_the_language(tmp_path: Path, rule: str) -> None:
    program = load(tmp_path, RULES[rule]).program
    comparison = Comparison(program, normal_form(program, ["act"]), RUN, free=False)
    assert not list(comparison.differences("act"))


@pytest.mark.parametrize("rule", STATEMENTS)
def test_a_statement_means_what_it_did(tmp_path: Path, rule: str) -> None:
    program = load(tmp_path, of_action(STATEMENTS[rule][0])).program
    comparison = Comparison(program, normal_form(program, ["act"]), RUN, free=False)
    assert not list(comparison.differences("act"))


@pytest.mark.nightly
def test_the_bundled_model_means_what_it_did() -> None:
    program = of_the_model(("v3", "v1", "v2"))
    normal = normal_form(program, roots(program))
    changed = [name for name, f in normal.functions.items() if f != program.functions[name]]
    assert len(changed) > 30, "most functions that change the state have partial expressions"
    comparison = Comparison(program, normal, Run(dict.fromkeys(program.indexes, 2), {}), free=True)
    found = [d for action in program.marked("action") for d in comparison.differences(action)]
    assert not found


def test_a_difference_is_noticed(tmp_path: Path) -> None:
    one, other = (
        load(tmp_path, of_action(f"s.lit[floor] = {test}")).program
        for test in ("bump() and s.total > 2", "s.total > 2 and bump()")
    )
    comparison = Comparison(one, normal_form(other, ["act"]), RUN, free=False)
    assert {line.partition(": ")[2] for line in comparison.differences("act")} == {"lit", "total"}


# --- without guards, loops and quantifiers --------------------------------------------------------


GUARDED = """
@action("test")
def act(floor: Floor) -> None:
    guard(s.lit[floor])
    last = require(s.last)
    guard(last != floor)
    if s.total > 2:
        panic("too many")
    s.lit[last] = False
"""


def test_an_action_is_possible_where_its_guards_hold(tmp_path: Path) -> None:
    program = load(tmp_path, GUARDED).program
    act = program.functions["act"]
    can, step = split_action(effects_of(program), act)
    assert not any(isinstance(node, ir.Guard) for node in nodes((*can.body, *step.body)))
    split = dataclasses.replace(program, functions=program.functions | {"act": step})
    comparison = Comparison(program, split, RUN, free=False)
    one, other = comparison.one, comparison.other
    floor = one.fresh("floor", ir.Type("index", "Floor"))
    flow = Flow(True, one.flatten(comparison.state), {})
    possible = Execution(other).call(can, [floor], flow).value
    whole, taken = (
        take_step(m, comparison.state, f, [floor]) for m, f in ((one, act), (other, step))
    )
    assert not comparison.differ(whole.enabled, possible, [floor])
    completes = one.terms.choose(cast(Formula, possible), taken.completes, False)
    assert not comparison.differ(whole.completes, completes, [floor])
    assert comparison.differ(whole.completes, taken.completes, [floor])


@pytest.mark.slow
@pytest.mark.parametrize("mix", MIXES[:1])
def test_a_property_as_one_expression_means_the_same(mix: Sequence[str]) -> None:
    program = of_the_model(mix)
    sizes = dict.fromkeys(program.indexes, 2)
    flat = dataclasses.replace(program, functions=dict(flattened(program, sizes)))
    assert not any(
        isinstance(node, ir.For | ir.If | ir.SetLocal | ir.Quantifier)
        for name in program.marked("invariant")
        for node in nodes(flat.functions[name].body)
    )
    comparison = Comparison(program, flat, Run(sizes, {}), free=True)
    for name, function in program.marked("invariant").items():
        a = holds(comparison.one, comparison.state, function)
        b = holds(comparison.other, comparison.state, flat.functions[name])
        assert not comparison.differ(a, b), name


def flattened(program: ir.Program, sizes: Mapping[str, int]) -> Iterator[tuple[str, ir.Function]]:
    """Every function; one that is pure is one expression."""
    effects = effects_of(program)
    for name, function in program.functions.items():
        if effects.is_pure_function(function) and function.returns.kind != "unit":
            value = returned(function.body, sizes, {})
            function = dataclasses.replace(function, body=(ir.Return(value, function.where),))
        yield name, function


@pytest.mark.parametrize(
    ("test", "expected"), [("any", False), ("all", True), ("0 == count", True)]
)
def test_a_quantifier_over_no_members_is_decided(tmp_path: Path, test: str, expected: bool) -> None:
    program = load(tmp_path, of_action(f"s.lit[floor] = {test}(s.lit[f] for f in Floor)")).program
    (store,) = program.functions["act"].body
    assert isinstance(store, ir.Store)
    value = expand(store.value, {"Floor": 0}, {})
    assert not operands(value) or all(not operands(part) for part in operands(value))
    model = SymbolicModel(program, RUN)
    assert Execution(model).value(value, Flow(True, [], {})) is expected
