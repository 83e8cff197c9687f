"""CaDiCaL: formulas as clauses, decided by a solver of propositional logic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wakeproof.language.values import Scalar
from wakeproof.symbolic.cnf import Clauses
from wakeproof.symbolic.terms import Formula, Term, Value
from wakeproof.util.packages import installed


@dataclass(frozen=True)
class CadicalSolution:
    """The literals that hold, of some clauses."""

    clauses: Clauses
    literals: set[int]

    def evaluate(self, value: Value) -> Scalar:
        """Return the value of an unknown. Raises `ValueError` for a term that is not one."""
        return self.clauses.evaluate(self.literals, value)

    def holds(self, formula: Formula) -> bool:
        """Return whether a formula is true."""
        return self.clauses.holds(self.literals, formula)


class CadicalSolver:
    """CaDiCaL, and the clauses that it gets when it is next called."""

    def __init__(self, roots: Iterable[Formula]) -> None:
        """`roots` are all formulas that are known to be used, so that shared parts are known.

        Raises `InputError` if python-sat is not installed.
        """
        with installed("python-sat"):
            from pysat.solvers import Cadical153
        self.clauses = Clauses(roots)
        self._solver = Cadical153()
        self._sent = 0

    def require(self, formula: Formula) -> None:
        """Require the formula."""
        self.clauses.add(formula)

    def new(self) -> int:
        """Return a literal without a meaning yet."""
        return self.clauses.new()

    def switch(self, formula: Formula) -> int:
        """Return a literal of its own; while it holds the formula holds."""
        return self.clauses.switch(formula)

    def first(self, unknown: Term) -> int | None:
        """Return the literal of an unknown's first value; None if it is in no clause."""
        return self.clauses.first(unknown)

    def add_clause(self, literals: Sequence[int]) -> None:
        """Require that one of the literals holds."""
        self.clauses.clauses.append(list(literals))

    def solve(self, literals: Sequence[int]) -> bool:
        """Return whether all these literals can hold at once."""
        self._solver.append_formula(self.clauses.clauses[self._sent :])
        self._sent = len(self.clauses.clauses)
        return bool(self._solver.solve(assumptions=literals))

    def core(self) -> list[int]:
        """Return those of the literals that cannot hold at once."""
        return list(self._solver.get_core() or ())

    def solution(self) -> CadicalSolution:
        """Return the literals that hold."""
        return CadicalSolution(self.clauses, set(self._solver.get_model() or ()))

    def close(self) -> None:
        """Free the memory."""
        self._solver.delete()
