"""The solvers that decide obligations: what each finds of formulas is what truth tables have."""

from __future__ import annotations

import contextlib
import itertools
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.symbolic.test_cnf import COLOURS, LAMPS, formulas, truth
from wakeproof.symbolic.solver import PACKAGES, make_solver, solver_version
from wakeproof.symbolic.terms import Formula, Term, Terms, Value

SOLVERS = pytest.mark.parametrize("name", PACKAGES)


@pytest.mark.slow
@SOLVERS
@given(formulas(), st.integers(0, 2))
def test_a_solver_finds_what_truth_tables_have(
    name: str, made: tuple[list[Value], list[Formula]], required: int
) -> None:
    unknowns, asked = made
    domains = [*LAMPS.values(), *COLOURS.values()]
    rows = [dict(zip(unknowns, row, strict=True)) for row in itertools.product(*domains)]
    with contextlib.closing(make_solver(name, asked)) as solver:
        solver.require(asked[required])
        switches = {solver.switch(formula): formula for formula in asked}
        for some in itertools.product((False, True), repeat=len(asked)):
            on = list(itertools.compress(switches, some))
            wanted = [asked[required], *map(switches.__getitem__, on)]
            possible = [row for row in rows if all(truth(f, row) for f in wanted)]
            assert solver.solve(on) == bool(possible)
            if possible:
                solution = solver.solution()
                found = {unknown: solution.evaluate(unknown) for unknown in unknowns}
                assert all(truth(f, found) for f in wanted)
                assert [solution.holds(f) for f in asked] == [truth(f, found) for f in asked]
            else:
                core = [asked[required], *map(switches.__getitem__, solver.core())]
                assert set(solver.core()) <= set(on)
                assert not any(all(truth(f, row) for f in core) for row in rows)


@SOLVERS
def test_a_clause_requires_one_of_its_literals(name: str) -> None:
    terms = Terms()
    lamp, other = (cast(Term, terms.unknown(lamp, (False, True))) for lamp in ("lamp", "other"))
    with contextlib.closing(make_solver(name, [lamp, other])) as solver:
        on, weaker = solver.switch(lamp), solver.new()
        dark = solver.switch(terms.not_(lamp))
        solver.add_clause([-weaker, on, solver.switch(other)])
        assert solver.solve([weaker, dark])
        assert solver.solution().evaluate(other) is True
        solver.add_clause([-weaker])
        assert solver.solve([dark])
        assert not solver.solve([weaker])
        assert solver.core() == [weaker]


@SOLVERS
def test_the_first_value_of_an_unknown_is_a_literal(name: str) -> None:
    terms = Terms()
    lamp = cast(Term, terms.unknown("lamp", (False, True)))
    colour = cast(Term, terms.unknown("colour", (None, 0, 1)))
    seen = [lamp, terms.not_(terms.is_(colour, 1))]
    with contextlib.closing(make_solver(name, seen)) as solver:
        assert solver.first(lamp) is None
        for formula in seen:
            solver.switch(formula)
        firsts = [solver.first(lamp), solver.first(colour)]
        assert solver.solve([first for first in firsts if first is not None])
        assert solver.solution().evaluate(lamp) is False
        assert solver.solution().evaluate(colour) is None
        assert None not in firsts


@SOLVERS
def test_a_solver_has_a_version(name: str) -> None:
    assert solver_version(name).removeprefix(f"{PACKAGES[name]} ")[0].isdigit()
