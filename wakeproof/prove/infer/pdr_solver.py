"""A solver for each action: steps that break a candidate, and the cells before them that matter.

Unlike the obligations of `induction`, which are decided once, candidates come and go here, so that
each has an assumption of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wakeproof.language.values import Scalar, Step
from wakeproof.prove.induction import Induction
from wakeproof.prove.infer.cube import Condition, Never, condition
from wakeproof.prove.obligation import INITIAL, Counterexample
from wakeproof.symbolic.cadical import CadicalSolution, CadicalSolver
from wakeproof.symbolic.terms import Formula, Term, Value

Candidate = Never | str
"""Conditions that never hold at once, or a fact, by its name."""

BEGINNING = "the beginning"
"""The candidate that a state may be an initial one; no fact has this name."""

Cube = Sequence[Condition]
"""Conditions on the cells of one state."""

Ground = tuple[tuple[int, bool, Scalar], ...]
"""Conditions on cells: the place, whether the cell equals the value, the value."""


@dataclass
class Broken:
    """A state before a step that breaks something, and the cells of it that matter."""

    state: Counterexample
    cube: Cube


class Breaker:
    """One action, with a solver that has the inductive facts."""

    def __init__(
        self,
        induction: Induction,
        ground: Callable[[Never], list[Ground]],
    ) -> None:
        self.induction = induction
        self.name = induction.action
        self.model = induction.model
        self.terms = induction.model.terms
        self.ground = ground
        known = induction.premises()
        self.solver = CadicalSolver(known)
        self.clauses = self.solver.clauses
        for formula in known:
            self.solver.require(formula)
        self.before: list[Value] = [
            *self.model.flatten(induction.before),
            *self.model.parameters,
        ]
        self.after: list[Value] = [
            *self.model.flatten(induction.outcome.state),
            *self.model.parameters,
        ]
        self.held: dict[Candidate, int] = {}
        self.failing: dict[Candidate, int] = {}
        self.goals: dict[str, Formula] = {}
        self._switches: dict[Formula, int] = {}
        self.completes = self._switch(induction.outcome.completes)

    def place(self, c: Condition) -> int:
        """The place of a cell: those of the state come first, then those of the parameters."""
        start, sizes = self.model.places[c.space][c.field]
        offset = 0
        for key, size in zip(c.keys, sizes, strict=True):
            offset = offset * size + key
        states = len(self.before) - len(self.model.parameters)
        return start + offset + (states if c.space == "p" else 0)

    def suppose(self, facts: Sequence[Candidate]) -> None:
        """Require that the facts hold before."""
        self.clauses.clauses += [[self.holds(fact)] for fact in facts]

    def begin(self, first: Sequence[Value]) -> None:
        """Define the initial states by these cells; cells that are unknown may be anything."""
        literal = self.held[BEGINNING] = self.clauses.new()
        for cell, value in zip(self.before, first, strict=False):
            if not isinstance(value, Term):
                known = self._is(cell, value, True)
                if known is None:
                    self.clauses.clauses.append([-literal])
                elif known:
                    self.clauses.clauses.append([-literal, known])

    # literals

    def holds(self, candidate: Candidate) -> int:
        """A literal that implies that the candidate holds before."""
        if candidate not in self.held:
            if self.name == INITIAL:
                literal = self.clauses.new()
            elif isinstance(candidate, str):
                literal = self._switch(self.induction.hypothesis(candidate))
            else:
                literal = self.clauses.new()
                for one in self.ground(candidate):
                    parts = [
                        self._is(self.before[place], value, same) for place, same, value in one
                    ]
                    if None not in parts:
                        self.clauses.clauses.append([-literal, *(-part for part in parts if part)])
            self.held[candidate] = literal
        return self.held[candidate]

    def broken(self, candidate: Candidate) -> int:
        """A literal that implies that the candidate does not hold after; 0 if it always does."""
        if candidate not in self.failing:
            if isinstance(candidate, str):
                self.failing[candidate] = self.goal(candidate)
            else:
                self.failing[candidate] = self._failing(candidate)
        return self.failing[candidate]

    def goal(self, name: str) -> int:
        """The same for a fact by name, or a literal that implies that a site is reached."""
        if name not in self.goals:
            self.goals[name] = self.induction.goals([name]).get(name, False)
        return self._switched(self.goals[name])

    def _switched(self, formula: Formula) -> int:
        return 0 if formula is False else self._switch(formula)

    def _failing(self, candidate: Never) -> int:
        ways = []
        for one in self.ground(candidate):
            touched = self.name == INITIAL or any(
                self.after[place] is not self.before[place] for place, _, _ in one
            )
            if touched:
                formula: Formula = True
                parts = [self._after(*part) for part in one]
                if False in parts:
                    continue
                way = self.clauses.new()
                for formula in parts:
                    if formula is not True:
                        self.clauses.clauses.append([-way, self._switch(formula)])
                ways.append(way)
        if not ways:
            return 0
        literal = self.clauses.new()
        self.clauses.clauses += [[-literal, *ways], [-literal, self.completes]]
        return literal

    def _after(self, place: int, same: bool, value: Scalar) -> Formula:
        cell = self.after[place]
        if isinstance(value, bool):
            assert isinstance(cell, bool | Term)
            return cell if value == same else self.terms.not_(cell)
        found = self.terms.is_(cell, value)
        return found if same else self.terms.not_(found)

    def _is(self, unknown: Value, value: Scalar, same: bool) -> int | None:
        """The literal that a cell before equals a value, or not; 0 if always, None if never."""
        if not isinstance(unknown, Term):
            return 0 if (unknown == value) == same else None
        if not unknown.values:
            literal = self.clauses.literal(unknown)
            return literal if bool(value) == same else -literal
        found = self.clauses.values(unknown).get(value)
        if found is None:
            return None if same else 0
        return found if same else -found

    def _switch(self, formula: Formula) -> int:
        """A literal that implies the formula, the same one each time."""
        if formula not in self._switches:
            self._switches[formula] = self.clauses.switch(formula)
        return self._switches[formula]

    # questions

    def any_broken(
        self, candidates: Sequence[Candidate], given: Sequence[Candidate]
    ) -> Counterexample | None:
        """A step that breaks one of the candidates; None if there is none."""
        broken = [literal for c in candidates if (literal := self.broken(c))]
        if not broken:
            return None
        one = self.clauses.new()
        self.clauses.clauses.append([-one, *broken])
        if not self.solver.solve([one, *map(self.holds, given)]):
            return None
        return self._step(self.solver.solution())

    def breaks(self, broken: int, given: Sequence[Candidate]) -> bool:
        """Whether some step makes the literal `broken` true."""
        return bool(broken) and self.solver.solve([broken, *map(self.holds, given)])

    def needs(self, broken: int, given: Sequence[Candidate]) -> list[Candidate]:
        """The given candidates that the proof uses that no step makes `broken` true."""
        if not broken:
            return []
        held = {self.holds(c): c for c in given}
        if self.solver.solve([broken, *held]):
            raise AssertionError(f"{self.name} breaks what was found")
        return [held[literal] for literal in self.solver.core() if literal in held]

    def breaking(self, broken: int, given: Sequence[Candidate]) -> Broken | None:
        """A step that makes `broken` true, and the cells before it that matter, or None."""
        if not broken or not self.solver.solve([broken, *map(self.holds, given)]):
            return None
        solution = self.solver.solution()
        step = self._step(solution)
        cells = list(map(solution.evaluate, self.before))
        arguments = [
            literal
            for value, chosen in zip(self.induction.arguments, step.step.arguments, strict=True)
            if (literal := self._is(value, chosen, True))
        ]
        named = {
            literal: number
            for number, (cell, value) in enumerate(zip(self.before, cells, strict=True))
            if (literal := self._is(cell, value, True))
        }
        refuted = self._refuted(broken)
        matters = self._core([refuted, *arguments], list(named))
        cube = [self._condition(named[literal], cells[named[literal]]) for literal in matters]
        return Broken(step, tuple(cube))

    def _core(self, given: Sequence[int], literals: Sequence[int]) -> list[int]:
        """A subset of the literals that contradicts what is given; none of them can be left out."""
        if self.solver.solve([*given, *literals]):
            raise AssertionError("the cells of a state do not determine the step")
        core = set(self.solver.core())
        left = [literal for literal in literals if literal in core]
        for literal in list(left):
            if literal not in left:
                continue
            fewer = [other for other in left if other != literal]
            if not self.solver.solve([*given, *fewer]):
                core = set(self.solver.core())
                left = [other for other in fewer if other in core]
        return left

    def _refuted(self, broken: int) -> int:
        """A literal that implies the negation of what `broken` implies."""
        for candidate, literal in self.failing.items():
            if literal == broken and not isinstance(candidate, str):
                formulas = [
                    self._all([self._after(*part) for part in one])
                    for one in self.ground(candidate)
                ]
                failing = self.terms.and_(
                    self.induction.outcome.completes, self.terms.any_(formulas)
                )
                return self._switch(self.terms.not_(failing))
        for formula, literal in self._switches.items():
            if literal == broken:
                return self._switch(self.terms.not_(formula))
        raise AssertionError("no goal or candidate has this literal")

    def _all(self, formulas: Sequence[Formula]) -> Formula:
        result: Formula = True
        for formula in formulas:
            result = self.terms.and_(result, formula)
        return result

    def _condition(self, number: int, value: Scalar) -> Condition:
        states = len(self.before) - len(self.model.parameters)
        space, at = ("s", number) if number < states else ("p", number - states)
        for name, (start, sizes) in reversed(list(self.model.places[space].items())):
            if start <= at:
                keys: list[int] = []
                rest = at - start
                for size in reversed(sizes):
                    rest, key = divmod(rest, size)
                    keys.insert(0, key)
                program = self.induction.program
                return condition(program, space, name, tuple(keys), True, value)
        raise AssertionError(number)

    def _step(self, solution: CadicalSolution) -> Counterexample:
        states = len(self.before) - len(self.model.parameters)
        return Counterexample(
            self.model.run.sizes,
            self.induction.parameters(solution),
            tuple(map(solution.evaluate, self.before[:states])),
            Step(self.name, tuple(map(solution.evaluate, self.induction.arguments))),
        )
