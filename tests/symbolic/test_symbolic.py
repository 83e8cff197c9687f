"""Execution over terms means what plain Python means: on small models, in every state.

Each small model is one rule of the language. Its action is taken in plain Python and over
terms, from every state within the types, whether a run reaches it or not.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules import HEAD, RULES, RUN, load
from tests.support import take
from wakeproof.errors import InputError, ModelError
from wakeproof.execution.machine import Machine
from wakeproof.language.resolve import resolve
from wakeproof.language.sources import read_sources
from wakeproof.language.values import domain
from wakeproof.symbolic import bmc
from wakeproof.symbolic.execution import take_step
from wakeproof.symbolic.model import SymbolicModel
from wakeproof.symbolic.terms import (
    Formula,
    Term,
    Terms,
    Value,
    values,
)
from wakeproof.symbolic.z3_encoding import Z3Encoding


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_of_the_language(tmp_path: Path, rule: str) -> None:
    resolved = load(tmp_path, RULES[rule])
    machine, model = Machine(resolved, RUN), SymbolicModel(resolved.program, RUN)
    encoding = Z3Encoding()
    function = resolved.program.functions["act"]
    unknown = model.fresh_state("s")
    arguments = [model.fresh(name, kind) for name, kind in function.parameters]
    outcome = take_step(model, unknown, function, arguments)
    fresh = [*model.flatten(unknown), *arguments]
    typing = list(itertools.chain(*map(encoding.typing, fresh)))
    domains = [domain(resolved.program, RUN.sizes, d.value) for _, _, d in machine.layout()]
    states = list(itertools.product(*domains))
    seen = set()
    for state in random.Random(0).sample(states, 80):
        for step, _ in machine.steps():
            expected = take(machine, state, step)
            seen.add(type(expected) if expected is None or len(expected) > 2 else expected)

            folded = take_step(model, model.constant_state(state), function, step.arguments)
            if expected is None:
                assert folded.enabled is False
            elif len(expected) == 2:
                assert folded.wrong == {expected: True}
            else:
                assert folded.completes is True
                assert tuple(model.flatten(folded.state)) == expected
            ends = [folded.completes, model.terms.not_(folded.enabled), *folded.wrong.values()]
            assert [end for end in ends if end is not False] == [True]

            solver = z3.Solver()
            cells = zip(fresh, (*state, *step.arguments), strict=True)
            solver.add(*typing, *(encoding.formula(model.terms.equal(*cell)) for cell in cells))
            assert solver.check() == z3.sat
            found = solver.model()
            assert encoding.to_snapshot(found, model.flatten(unknown)) == state
            holds = {site for site, f in outcome.wrong.items() if encoding.evaluate(found, f)}
            assert encoding.evaluate(found, outcome.enabled) == (expected is not None)
            if expected is None:
                assert not holds
                assert not encoding.evaluate(found, outcome.completes)
            elif len(expected) == 2:
                assert holds == {expected}
                assert not encoding.evaluate(found, outcome.completes)
            else:
                assert not holds
                assert encoding.evaluate(found, outcome.completes)
                assert encoding.to_snapshot(found, model.flatten(outcome.state)) == expected
    assert set(outcome.wrong) == {end for end in seen if isinstance(end, tuple)}


# --- terms ------------------------------------------------------------------------------------

KINDS: dict[str, tuple[int | None, ...]] = {"x": (None, 0, 1, 2), "n": (0, 1, 2, 3), "m": (0, 1)}
FLAGS = ("a", "b", "c")
Maker = Callable[[Terms, dict[str, Value]], Value]


def number(of: st.SearchStrategy[Maker]) -> st.SearchStrategy[Maker]:
    """A choice between two numbers, a sum or a difference."""
    return st.one_of(
        st.builds(lambda p, q: lambda t, v: t.plus(p(t, v), q(t, v)), of, of),
        st.builds(lambda p, q: lambda t, v: t.minus(p(t, v), q(t, v)), of, of),
        st.builds(lambda c, p, q: lambda t, v: t.choose(v[c], p(t, v), q(t, v)), flag, of, of),
    )


def formula(of: st.SearchStrategy[Maker]) -> st.SearchStrategy[Maker]:
    """Formulas joined, and chosen between."""
    return st.one_of(
        st.builds(lambda p: lambda t, v: t.not_(p(t, v)), of),
        st.builds(lambda p, q: lambda t, v: t.and_(p(t, v), q(t, v)), of, of),
        st.builds(lambda p, q: lambda t, v: t.or_(p(t, v), q(t, v)), of, of),
        st.builds(lambda p, q: lambda t, v: t.equal(p(t, v), q(t, v)), of, of),
        st.builds(lambda c, p, q: lambda t, v: t.choose(c(t, v), p(t, v), q(t, v)), of, of, of),
    )


flag = st.sampled_from(FLAGS)
numbers = st.recursive(
    st.sampled_from(["n", "m"]).map(lambda name: lambda t, v: v[name])
    | st.integers(0, 2).map(lambda constant: lambda t, v: constant),
    number,
    max_leaves=4,
)
optional = st.builds(
    lambda c, k: lambda t, v: t.choose(v[c], v["x"], k), flag, st.sampled_from(KINDS["x"])
)
atoms: st.SearchStrategy[Maker] = st.one_of(
    flag.map(lambda name: lambda t, v: v[name]),
    st.builds(lambda p, k: lambda t, v: t.is_(p(t, v), k), optional, st.sampled_from(KINDS["x"])),
    st.builds(lambda p, q: lambda t, v: t.equal(p(t, v), q(t, v)), optional, optional),
    st.builds(lambda p, q: lambda t, v: t.equal(p(t, v), q(t, v)), numbers, numbers),
    st.builds(lambda p, q: lambda t, v: t.less(p(t, v), q(t, v)), numbers, numbers),
)


def under(term: Value, assignment: dict[str, Any]) -> Any:
    """What a term is where its unknowns are these constants."""
    if not isinstance(term, Term):
        return term
    if term.op == "var":
        return assignment[term.parts[0]]
    parts = [under(part, assignment) for part in term.parts]
    match term.op:
        case "is":
            return parts[0] == parts[1]
        case "shift":
            return parts[0] + parts[1]
        case "not":
            return not parts[0]
        case "and":
            return parts[0] and parts[1]
        case _:
            return parts[1] if parts[0] else parts[2]


@settings(derandomize=True, database=None, deadline=None, max_examples=100)
@given(make=st.recursive(atoms, formula, max_leaves=6), data=st.data())
def test_folding_changes_no_formula(make: Maker, data: st.DataObject) -> None:
    terms = Terms()
    unknowns: dict[str, Value] = {name: terms.unknown(name, kind) for name, kind in KINDS.items()}
    unknowns |= {name: terms.unknown(name, (False, True)) for name in FLAGS}
    made = make(terms, unknowns)
    for _ in range(10):
        constants: dict[str, Any] = {n: data.draw(st.sampled_from(k)) for n, k in KINDS.items()}
        constants |= {name: data.draw(st.booleans()) for name in FLAGS}
        # over constants nothing is left to fold: this is Python's own arithmetic and logic
        assert under(made, constants) is make(Terms(), constants)


def test_equal_terms_are_one_object() -> None:
    terms = Terms()
    a, b = terms.unknown("a", (False, True)), terms.unknown("b", (False, True))
    x = terms.unknown("x", (None, 0, 1))
    assert terms.and_(a, b) is terms.and_(b, a)  # type: ignore[arg-type]
    assert terms.choose(a, x, x) is x  # type: ignore[arg-type]
    assert terms.choose(a, terms.choose(a, 0, 1), x) is terms.choose(a, 0, x)  # type: ignore[arg-type]
    assert terms.and_(terms.is_(x, 0), terms.is_(x, 1)) is False
    assert terms.is_(x, 2) is False
    assert values(terms.choose(a, 2, x)) == (2, None, 0, 1)  # type: ignore[arg-type]


def test_what_a_branch_in_a_branch_changes_is_chosen_once() -> None:
    terms = Terms()
    a, b = terms.unknown("a", (False, True)), terms.unknown("b", (False, True))
    x, y = terms.unknown("x", (None, 0, 1)), terms.unknown("y", (None, 0, 1))
    assert isinstance(a, Term)
    assert isinstance(b, Term)
    changed, unchanged = terms.choose(b, x, y), terms.choose(b, y, x)
    both = terms.choose(terms.and_(a, b), x, y)
    assert terms.choose(a, changed, y) is both
    assert terms.choose(a, unchanged, y) is terms.choose(terms.and_(a, terms.not_(b)), x, y)
    assert terms.choose(terms.not_(a), y, changed) is both
    assert terms.choose(a, x, changed) is terms.choose(terms.or_(a, b), x, y)


def test_a_name_belongs_to_one_unknown() -> None:
    terms = Terms()
    terms.unknown("x", (0, 1))
    with pytest.raises(ValueError, match="another unknown"):
        terms.unknown("x", (0, 1, 2))


def test_choices_nest_deeper_than_python_recurses() -> None:
    model_terms = Terms()
    flags: list[Formula] = []
    value: Value = 0
    for i in range(3000):
        chosen = model_terms.unknown(f"flag {i}", (False, True))
        assert isinstance(chosen, Term)
        flags.append(chosen)
        value = model_terms.choose(chosen, i % 3, model_terms.plus(value, 0))
    assert isinstance(model_terms.is_(value, 2), Term)


@pytest.mark.parametrize(
    "text",
    [
        HEAD.replace("    total: Count\n", "    total: Count\n    maybe: bool | None\n"),
        HEAD + "\n\ndef maybe() -> bool | None:\n    return None\n",
    ],
    ids=["field", "function"],
)
def test_an_optional_bool_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.py").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"maybe .*bool \| None"):
        SymbolicModel(resolve(read_sources(tmp_path), {}).program, RUN)


# --- bounded model checking -------------------------------------------------------------------

HOUSE = """
@action("person")
def climb() -> None:
    last = s.last
    guard(s.total < 3)
    for floor in Floor:
        if last is None or (not s.lit[floor] and floor != last):
            s.last = floor
    if last is not None and s.lit[last]:
        s.total += 1


@action("person")
def switch(floor: Floor) -> None:
    guard(s.last == floor)
    s.lit[floor] = not s.lit[floor]
    if all(s.lit[other] for other in Floor):
        panic("fuse")


@action("person")
def paint(door: Door) -> None:
    guard(s.last == p.floor_of[door])
    if s.shows[door] == Colour.RED:
        s.shows[door] = Colour.GREEN
    elif s.total == 0:
        trap("wet")
    else:
        s.shows[door] = Colour.BLUE


@action("person")
def dig() -> None:
    last = require(s.last)
    guard(s.lit[last])
    bound("cellars")


@invariant("no-blue")
def no_blue() -> bool:
    return not any(s.shows[door] == Colour.BLUE for door in Door)


@invariant("one-lit")
def one_lit() -> bool:
    return count(s.lit[floor] for floor in Floor) <= 1


@invariant("below-goal")
def below_goal() -> bool:
    return s.total <= p.goal


@invariant("small")
def small() -> bool:
    return s.total < 4


@invariant("never")
def never() -> bool:
    return s.last is not None
"""
ABOVE = ("climb", "switch", "paint")


def shortest(machine: Machine, actions: tuple[str, ...]) -> dict[bmc.Target, int]:
    """The length of a shortest way to every violation, by searching breadth first."""
    layer = [machine.initial()]
    known = set(layer)
    found: dict[bmc.Target, int] = {}
    for depth in itertools.count():
        following = []
        for state in layer:
            machine.load(state)
            for property_id, holds in machine.invariants.items():
                if not holds():
                    found.setdefault(property_id, depth)
            for step, _ in machine.steps(only=actions):
                reached: Any = take(machine, state, step)
                if reached is not None and len(reached) == 2:
                    found.setdefault(reached, depth + 1)
                elif reached is not None and reached not in known:
                    known.add(reached)
                    following.append(reached)
        if not following:
            return found
        layer = following
    raise AssertionError


@pytest.mark.parametrize(
    "target",
    ["never", "no-blue", "one-lit", "below-goal", "small", ("panic", "fuse"), ("trap", "wet")],
    ids=str,
)
@pytest.mark.parametrize("actions", [ABOVE, ("climb", "switch"), ("climb", "paint")], ids=str)
def test_a_violation_is_found_at_the_depth_of_a_search(
    tmp_path: Path, target: bmc.Target, actions: tuple[str, ...]
) -> None:
    resolved = load(tmp_path, HOUSE)
    length = shortest(Machine(resolved, RUN), actions).get(target)
    found = bmc.check(resolved, RUN, target, 9, actions)
    if length is None:
        assert found == bmc.NotFound(9)
    else:
        assert isinstance(found, bmc.Found)
        assert found.depth == length
        assert bmc.replays(Machine(resolved, RUN), found.steps, target)
        if length:
            assert bmc.check(resolved, RUN, target, length - 1, actions) == bmc.NotFound(length - 1)


def test_a_bound_that_is_met_leaves_the_rest_unknown(tmp_path: Path) -> None:
    resolved = load(tmp_path, HOUSE)
    found = bmc.check(resolved, RUN, "small", 4)
    assert found == bmc.Unknown("the bound on cellars is too small", 4)
    # it takes two steps to come before it, and a third to meet it
    assert bmc.check(resolved, RUN, "small", 2) == bmc.NotFound(2)


@pytest.mark.parametrize("target", ["no-such-invariant", ("bound", "cellars")], ids=str)
def test_what_cannot_be_violated_is_refused(tmp_path: Path, target: bmc.Target) -> None:
    with pytest.raises(InputError):
        bmc.check(load(tmp_path, HOUSE), RUN, target, 3)
