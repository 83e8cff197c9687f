"""Solvers of formulas: what obligations need of one, and which there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from wakeproof.language.values import Scalar
from wakeproof.symbolic.cadical import CadicalSolver
from wakeproof.symbolic.terms import Formula, Term, Value
from wakeproof.util.packages import installed, version

CADICAL = "cadical"

PACKAGES = {CADICAL: "python-sat", "z3": "z3-solver"}
"""The solvers by name, each with the package that has it."""


class Solution(Protocol):
    """Values of the unknowns with which everything required holds."""

    def evaluate(self, value: Value) -> Scalar:
        """Return the value of an unknown: its first one, or False, if it is in no formula."""

    def holds(self, formula: Formula) -> bool:
        """Return whether a formula is true."""


class Solver(Protocol):
    """Formulas that are required, and literals that imply formulas.

    A literal is a number; its negative is its negation.
    """

    def require(self, formula: Formula) -> None:
        """Require the formula."""

    def new(self) -> int:
        """Return a literal without a meaning yet."""

    def switch(self, formula: Formula) -> int:
        """Return a literal of its own; while it holds the formula holds."""

    def first(self, unknown: Term) -> int | None:
        """Return a literal that implies that the unknown has its first value, or is False.

        Return None if the unknown is in no formula.
        """

    def add_clause(self, literals: Sequence[int]) -> None:
        """Require that one of the literals holds."""

    def solve(self, literals: Sequence[int]) -> bool:
        """Return whether all these literals can hold at once."""

    def core(self) -> list[int]:
        """Return those of the literals that cannot hold at once, after `solve` returned False."""

    def solution(self) -> Solution:
        """Return what was found, after `solve` returned True."""

    def close(self) -> None:
        """Free the memory."""


def make_solver(name: str, roots: Iterable[Formula]) -> Solver:
    """Make the solver of this name; `roots` are all formulas that are known to be used.

    Raises `InputError` if its package is not installed.
    """
    if name == CADICAL:
        return CadicalSolver(roots)
    with installed(PACKAGES[name]):
        from wakeproof.symbolic.z3_solver import Z3Solver
    return Z3Solver()


def solver_version(name: str) -> str:
    """Return the package of a solver with its version, such as `z3-solver 4.16.0`."""
    return f"{PACKAGES[name]} {version(PACKAGES[name])}"
