"""Z3 as a solver of obligations: the same terms, without the clauses made for CaDiCaL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import z3

from wakeproof.language.values import Scalar
from wakeproof.symbolic.terms import Formula, Term, Value
from wakeproof.symbolic.z3_encoding import Z3Encoding

TOGETHER = 60.0
"""The seconds after which a question is asked by itself, without what was learned before."""


def simplifying(context: z3.Context | None = None) -> z3.Solver:
    """Return a solver of such a question: what is assumed is required, to simplify with it."""
    tactics = ("simplify", "propagate-values", "solve-eqs", "simplify", "smt")
    return z3.Then(*tactics, ctx=context).solver()


@dataclass(frozen=True)
class Z3Solution:
    """A model that Z3 has found."""

    encoding: Z3Encoding
    model: z3.ModelRef

    def evaluate(self, value: Value) -> Scalar:
        """Return the value of a term."""
        return self.encoding.evaluate(self.model, value)

    def holds(self, formula: Formula) -> bool:
        """Return whether a formula is true."""
        return bool(self.encoding.evaluate(self.model, formula))


class Z3Solver:
    """Z3, with a Boolean constant for each literal."""

    def __init__(self) -> None:
        self._encoding = Z3Encoding()
        # it reasons about the terms themselves: ten times as fast as one that makes clauses of them
        self._solver = z3.SimpleSolver()
        self._solver.set("timeout", int(1000 * TOGETHER))
        # what has answered last: the solver, or another one for a question by itself
        self._last: z3.Solver = self._solver
        self._asked: list[int] = []
        self._typed = 0
        self._literals: list[z3.BoolRef] = []
        self._numbers: dict[int, int] = {}
        self._firsts: dict[Term, int] = {}

    def require(self, formula: Formula) -> None:
        """Require the formula."""
        self._solver.add(self._translated(formula))

    def new(self) -> int:
        """Return a literal without a meaning yet."""
        number = len(self._literals) + 1
        literal = z3.Bool(f"literal {number}")
        self._literals.append(literal)
        self._numbers[literal.get_id()] = number
        return number

    def switch(self, formula: Formula) -> int:
        """Return a literal of its own; while it holds the formula holds."""
        return self._switch(self._translated(formula))

    def first(self, unknown: Term) -> int | None:
        """Return a literal that implies that the unknown has its first value, or is False."""
        if not self._encoding.knows(unknown):
            return None
        if unknown not in self._firsts:
            self._firsts[unknown] = self._switch(self._encoding.is_first(unknown))
        return self._firsts[unknown]

    def add_clause(self, literals: Sequence[int]) -> None:
        """Require that one of the literals holds."""
        found = [self._literals[abs(literal) - 1] for literal in literals]
        signed = zip(literals, found, strict=True)
        self._solver.add(z3.Or([one if number > 0 else z3.Not(one) for number, one in signed]))

    def solve(self, literals: Sequence[int]) -> bool:
        """Return whether all these literals, none of them negative, can hold at once."""
        assumed = [self._literals[literal - 1] for literal in literals]
        self._last, self._asked = self._solver, list(literals)
        answer = self._solver.check(assumed)
        if answer == z3.unknown:
            self._last = simplifying()
            self._last.add(self._solver.assertions(), *assumed)
            answer = self._last.check()
        if answer == z3.unknown:
            raise RuntimeError(f"Z3 leaves a question open: {self._last.reason_unknown()}")
        return bool(answer == z3.sat)

    def core(self) -> list[int]:
        """Return those of the literals that cannot hold at once; all, of a question by itself."""
        if self._last is not self._solver:
            return self._asked
        return [self._numbers[literal.get_id()] for literal in self._solver.unsat_core()]

    def solution(self) -> Z3Solution:
        """Return the model that was found."""
        return Z3Solution(self._encoding, self._last.model())

    def close(self) -> None:
        """Free the memory of the solver."""
        self._last = self._solver
        self._solver.reset()

    def _switch(self, formula: z3.BoolRef) -> int:
        number = self.new()
        self._solver.add(z3.Implies(self._literals[number - 1], formula))
        return number

    def _translated(self, formula: Formula) -> z3.BoolRef:
        """The formula as a term of Z3; requires that its unknowns have one of their values."""
        translated = self._encoding.formula(formula)
        for unknown in self._encoding.unknowns[self._typed :]:
            self._solver.add(self._encoding.typing(unknown))
        self._typed = len(self._encoding.unknowns)
        return translated
