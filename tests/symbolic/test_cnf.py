"""The clauses of formulas, held against their truth tables."""

from __future__ import annotations

import itertools
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from pysat.solvers import Cadical153

from wakeproof.language.values import Scalar
from wakeproof.symbolic.cnf import Clauses
from wakeproof.symbolic.terms import (
    Formula,
    Term,
    Terms,
    Value,
)

LAMPS = {"left": (False, True), "right": (False, True)}
COLOURS: dict[str, tuple[int | None, ...]] = {"front": (None, 0, 1), "back": (0, 1)}


@st.composite
def formulas(draw: st.DrawFn, number: int = 3) -> tuple[list[Value], list[Formula]]:
    """Unknowns, and formulas about them that share their parts."""
    terms = Terms()
    lamps = [terms.unknown(name, values) for name, values in LAMPS.items()]
    colours = [terms.unknown(name, values) for name, values in COLOURS.items()]
    made: list[Formula] = [lamp for lamp in lamps if isinstance(lamp, bool | Term)]
    made += [terms.is_(colour, value) for colour in colours for value in (None, 0, 1)]
    for _ in range(draw(st.integers(1, 12))):
        a, b, c = (draw(st.sampled_from(made)) for _ in range(3))
        op = draw(st.sampled_from(["and", "or", "not", "choose"]))
        made.append(
            terms.and_(a, b)
            if op == "and"
            else terms.or_(a, b)
            if op == "or"
            else terms.not_(a)
            if op == "not"
            else terms.choose_formula(a, b, c)
        )
    return [*lamps, *colours], made[-number:]


def truth(value: Value, known: dict[Value, Scalar]) -> Scalar:
    """What a value is where the unknowns are known."""
    if not isinstance(value, Term):
        return value
    if value.op == "var":
        return known[value]
    parts = value.parts
    match value.op:
        case "is":
            return bool(known[parts[0]] == parts[1])
        case "not":
            return not truth(parts[0], known)
        case "and":
            return bool(truth(parts[0], known) and truth(parts[1], known))
    return truth(parts[1] if truth(parts[0], known) else parts[2], known)


@given(formulas())
def test_clauses_can_be_satisfied_where_the_formulas_can(
    made: tuple[list[Value], list[Formula]],
) -> None:
    unknowns, asked = made
    domains = [*LAMPS.values(), *COLOURS.values()]
    rows = [dict(zip(unknowns, row, strict=True)) for row in itertools.product(*domains)]
    clauses = Clauses(asked)
    switches = [clauses.switch(formula) for formula in asked]
    with Cadical153(bootstrap_with=clauses.clauses) as solver:
        for chosen in itertools.product((False, True), repeat=len(asked)):
            on = [s for s, is_on in zip(switches, chosen, strict=True) if is_on]
            wanted = [f for f, is_on in zip(asked, chosen, strict=True) if is_on]
            possible = [row for row in rows if all(truth(f, row) for f in wanted)]
            assert solver.solve(assumptions=on) == bool(possible)
            if possible:
                solution = set(solver.get_model())
                found = {u: clauses.evaluate(solution, u) for u in unknowns}
                assert all(truth(f, found) for f in wanted)
                # of those that were not asked for too
                assert [clauses.holds(solution, f) for f in asked] == [
                    truth(f, found) for f in asked
                ]


@given(formulas(number=7))
def test_a_formula_with_constraints_implies_them_all(
    made: tuple[list[Value], list[Formula]],
) -> None:
    unknowns, (formula, *others) = made
    constraints = list(zip(others[::2], others[1::2], strict=False))
    found = Terms().constrained(formula, constraints)
    domains = [*LAMPS.values(), *COLOURS.values()]
    for row in itertools.product(*domains):
        known = dict(zip(unknowns, row, strict=True))
        said = [not truth(a, known) or truth(b, known) for a, b in constraints]
        assert truth(found, known) == (truth(formula, known) and all(said))


def test_a_constraint_that_the_formula_decides_is_left_out() -> None:
    terms = Terms()
    names = ("found", "one", "other")
    found, one, other = (cast(Term, terms.unknown(name, (False, True))) for name in names)
    constraints: list[tuple[Formula, Formula]] = [(found, one), (other, found)]
    assert terms.constrained(found, constraints) is terms.and_(found, one)
    neither = terms.and_(terms.not_(found), terms.not_(other))
    assert terms.constrained(terms.not_(found), constraints) is neither
