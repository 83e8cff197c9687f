"""Formulas as clauses, for a solver of propositional logic.

An unknown has a literal for each of its values, of which exactly one holds: that it equals a
constant is a literal, not a formula about bits. Every other formula has a literal that implies it,
or that it implies, as its uses require (Plaisted and Greenbaum): half of the clauses of a
definition are never needed.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence

from wakeproof.language.values import Scalar
from wakeproof.symbolic.terms import Formula, Term, Value


class Clauses:
    """Clauses for some formulas, and the literals of these formulas."""

    def __init__(self, formulas: Iterable[Formula]) -> None:
        """`formulas` are all that will be used, so that their shared parts are known."""
        self.clauses: list[list[int]] = []
        self._count = 0
        self._literals: dict[Formula, int] = {}
        self._values: dict[Term, dict[Scalar, int]] = {}
        self._defined: set[tuple[Term, bool]] = set()
        self._uses = _uses(formulas)
        self._true = self.new()
        self.clauses.append([self._true])

    def new(self) -> int:
        """A literal without a meaning yet."""
        self._count += 1
        return self._count

    def add(self, formula: Formula) -> None:
        """Require the formula."""
        self.clauses.append([self._implying(formula)])

    def switch(self, formula: Formula) -> int:
        """A literal of its own; while it holds the formula holds."""
        literal = self.new()
        self.clauses.append([-literal, self._implying(formula)])
        return literal

    def values(self, unknown: Term) -> dict[Scalar, int]:
        """The literals of the values of an unknown."""
        found = self._values.get(unknown)
        if found is None:
            if len(unknown.values) == 2:
                literal = self.new()
                found = dict(zip(unknown.values, (-literal, literal), strict=True))
            else:
                found = {value: self.new() for value in unknown.values}
                self.clauses.append(list(found.values()))
                self.clauses += [[-a, -b] for a, b in itertools.combinations(found.values(), 2)]
            self._values[unknown] = found
        return found

    def evaluate(self, solution: set[int], value: Value) -> Scalar:
        """The value of an unknown in a solution, which is the set of literals that hold.

        An unknown in no clause has its first value, False if it is a formula. Raises `ValueError`
        for a term that is not an unknown.
        """
        if not isinstance(value, Term):
            return value
        if value.op != "var":
            raise ValueError(f"{value} is not an unknown")
        if not value.values:
            return self._literals.get(value, 0) in solution
        literals = self._values.get(value, {})
        return next((v for v, literal in literals.items() if literal in solution), value.values[0])

    def holds(self, solution: set[int], formula: Formula) -> bool:
        """Whether a formula is true in a solution."""
        known: dict[Formula, bool] = {True: True, False: False}
        todo: list[Formula] = [formula]
        while todo:
            at = todo[-1]
            if at in known or isinstance(at, bool):
                todo.pop()
                continue
            # the parts whose values are needed: none of a conjunction with a false part
            parts = at.parts if at.op in ("not", "and", "if") else ()
            if at.op == "and" and False in map(known.get, parts):
                parts = ()
            elif at.op == "if" and parts[0] in known:
                parts = (parts[1] if known[parts[0]] else parts[2],)
            unknown = next((part for part in parts if part not in known), None)
            if unknown is not None:
                todo.append(unknown)
            elif at.op == "not":
                known[at] = not known[parts[0]]
            elif at.op == "and":
                known[at] = bool(parts)
            elif at.op == "if":
                known[at] = known[parts[0]]
            elif at.op == "is":
                known[at] = self.evaluate(solution, at.parts[0]) == at.parts[1]
            else:
                known[at] = bool(self.evaluate(solution, at))
        return known[formula]

    def first(self, unknown: Term) -> int | None:
        """The literal of an unknown's first value; None if the unknown is in no clause."""
        if unknown.values:
            return next(iter(self._values.get(unknown, {}).values()), None)
        literal = self._literals.get(unknown)
        return None if literal is None else -literal

    # definitions

    def _implying(self, formula: Formula) -> int:
        """A literal that implies the formula; adds the clauses of this implication."""
        literal = self.literal(formula)
        todo = [(formula, True)]
        while todo:
            at, positive = todo.pop()
            while isinstance(at, Term) and at.op == "not":
                at, positive = at.parts[0], not positive
            if not isinstance(at, Term) or at.op not in ("and", "if"):
                continue
            if (at, positive) in self._defined:
                continue
            self._defined.add((at, positive))
            todo += self._define(at, positive)
        return literal

    def _define(self, term: Term, positive: bool) -> list[tuple[Formula, bool]]:
        """Add the clauses of one direction. Returns the parts they use, each with its direction."""
        whole = self.literal(term) if positive else -self.literal(term)
        if term.op == "and":
            parts = self._conjuncts(term)
            literals = [self.literal(part) for part in parts]
            if positive:
                self.clauses += [[-whole, literal] for literal in literals]
            else:
                self.clauses.append([-whole, *(-literal for literal in literals)])
            return [(part, positive) for part in parts]
        condition, yes, no = term.parts
        if_, then, else_ = (self.literal(part) for part in term.parts)
        sign = 1 if positive else -1
        self.clauses += [[-whole, -if_, sign * then], [-whole, if_, sign * else_]]
        return [(condition, True), (condition, False), (yes, positive), (no, positive)]

    def literal(self, formula: Formula) -> int:
        """The literal of a formula; adds no clause that connects it with its parts."""
        negated = False
        while isinstance(formula, Term) and formula.op == "not":
            formula, negated = formula.parts[0], not negated
        if isinstance(formula, bool):
            literal = self._true if formula else -self._true
        elif formula.op == "is":
            unknown, constant = formula.parts
            literal = self.values(unknown)[constant]
        elif formula in self._literals:
            literal = self._literals[formula]
        else:
            literal = self._literals[formula] = self.new()
        return -literal if negated else literal

    def _conjuncts(self, term: Term) -> Sequence[Formula]:
        """The parts of a conjunction, and those of conjunctions in it that have no other use."""
        parts: list[Formula] = []
        todo = list(term.parts)
        while todo:
            part = todo.pop()
            if isinstance(part, Term) and part.op == "and" and self._uses[part] == 1:
                todo += part.parts
            else:
                parts.append(part)
        return parts


def _uses(formulas: Iterable[Formula]) -> Counter[Term]:
    """How many parents each term has."""
    uses: Counter[Term] = Counter()
    todo = [formula for formula in formulas if isinstance(formula, Term)]
    uses.update(todo)
    seen: set[Term] = set()
    while todo:
        term = todo.pop()
        if term in seen or term.op in ("var", "is"):
            continue
        seen.add(term)
        parts = [part for part in term.parts if isinstance(part, Term)]
        uses.update(parts)
        todo += parts
    return uses
