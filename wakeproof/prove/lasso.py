"""A shortest run that breaks a property of progress, by bounded model checking.

The run is a lasso: it stops, or its last state is an earlier one, and the steps between them are
repeated. That it is fair, and that something is owed in it for ever, are formulas over the states
and the choices of the search, whose answers the plain machine confirms.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

from wakeproof.execution.enabled_steps import enumerators
from wakeproof.explore.progress.questions import NO_GROUP, Obligation, questions_of
from wakeproof.language.values import Snapshot, Step
from wakeproof.scenario.instance import Instance
from wakeproof.symbolic import bmc
from wakeproof.symbolic.execution import Outcome, holds
from wakeproof.symbolic.terms import Formula, State


def find_lasso(
    instance: Instance, property_id: str, max_depth: int, timeout: float | None
) -> bmc.Found | bmc.NotFound | bmc.Unknown:
    """Find a shortest run of up to `max_depth` steps, those of its loop included.

    `timeout` is in seconds. Raises `bmc.ReplayError` if the plain machine does not confirm it.
    """
    search = _LassoSearch(instance, property_id, timeout)
    try:
        return search.run(max_depth)
    except bmc.OutOfTime:
        return bmc.Unknown(f"timeout {timeout:g} s", search.depth)


class _LassoSearch(bmc.Search):
    """A search for a run: its states, and what is enabled in each of them."""

    def __init__(self, instance: Instance, property_id: str, timeout: float | None) -> None:
        super().__init__(instance.resolved, instance.run, None, instance.actions, timeout)
        program = instance.resolved.program
        asked = questions_of(program, instance.run.sizes, instance.actions, instance.assumed)
        obligations = [o for o in asked.obligations if o.property == property_id]
        self.questions = dataclasses.replace(asked, obligations=obligations)
        self.listing = enumerators(self.machine, instance.actions)
        self.states: list[State] = [self.state]
        self.enabled: list[dict[int, Formula]] = []
        self.fact = functools.cache(self._fact)

    def run(self, max_depth: int) -> bmc.Found | bmc.NotFound | bmc.Unknown:
        """Search deeper and deeper, up to `max_depth` steps."""
        terms = self.terms
        while self.depth <= max_depth and self.completes is not False:
            depth, before = self.depth, self.completes
            loops = terms.any_(self.goes_round(start) for start in range(depth))
            self.deepen()
            self.states.append(self.state)
            solver = self.fresh_solver()
            answer = self.solve(solver, terms.and_(before, terms.or_(loops, self.stops())))
            if answer == "sat":
                return self.confirmed(self.steps(solver.model(), depth))
            if answer == "unknown":
                return bmc.Unknown(solver.reason_unknown(), depth)
            self.depth += 1
        return bmc.NotFound(max_depth)

    def possible(self) -> list[tuple[Step, Outcome]]:
        """The possible steps; notes which fair choices are enabled."""
        found = super().possible()
        enabled: dict[int, Formula] = {}
        for step, outcome in found:
            group = self.questions.group_of(step)
            enabled[group] = self.terms.or_(enabled.get(group, False), outcome.enabled)
        enabled.pop(NO_GROUP, None)
        self.enabled.append(enabled)
        return found

    # --- formulas

    def goes_round(self, start: int) -> Formula:
        """Whether the last state is that with the number `start`, and the loop between is fair."""
        terms, end = self.terms, len(self.states) - 1
        cells = zip(*(self.model.flatten(self.states[n]) for n in (start, end)), strict=True)
        result: Formula = self.owed(start)
        for a, b in cells:
            result = terms.and_(result, terms.equal(a, b))
        loop = range(start, end)
        for group in {group for n in loop for group in self.enabled[n]}:
            asked = terms.any_(self.enabled[n].get(group, False) for n in loop)
            done = terms.any_(self.taken(n, group) for n in loop)
            result = terms.and_(result, terms.or_(terms.not_(asked), done))
        return terms.and_(result, self.recurs(loop))

    def stops(self) -> Formula:
        """Whether nothing that is fair is asked in the state before the last one."""
        terms, last = self.terms, len(self.states) - 2
        asked = terms.any_(self.enabled[last].values())
        quiet = terms.and_(terms.not_(asked), self.recurs([last]))
        return terms.and_(quiet, self.owed(last, last))

    def recurs(self, numbers: Sequence[int]) -> Formula:
        """Whether the second condition of each pair holds in these states if the first does."""
        terms = self.terms
        result: Formula = True
        for first, second in self.questions.recurring:
            asked = terms.any_(self.fact(first, n) for n in numbers)
            done = terms.any_(self.fact(second, n) for n in numbers)
            result = terms.and_(result, terms.or_(terms.not_(asked), done))
        return result

    def owed(self, start: int, end: int | None = None) -> Formula:
        """Whether something is owed for ever by a run that repeats what follows `start`."""
        end = len(self.states) - 1 if end is None else end
        return self.terms.any_(self.is_owed(o, start, end) for o in self.questions.obligations)

    def is_owed(self, obligation: Obligation, start: int, end: int) -> Formula:
        """Whether one obligation has begun and not ended in the states from `start` to `end`."""
        terms = self.terms
        never: Formula = True
        for n in range(start, end + 1):
            never = terms.and_(never, terms.not_(self.fact(obligation.ends, n)))
        if obligation.begins is None:
            return never
        begun: Formula = False
        for n in range(end, -1, -1):
            if n < start:
                never = terms.and_(never, terms.not_(self.fact(obligation.ends, n)))
            begun = terms.or_(begun, terms.and_(never, self.fact(obligation.begins, n)))
        return begun

    def taken(self, number: int, group: int) -> Formula:
        """Whether the step from a state takes a fair choice."""
        choice, steps = self.choices[number]
        return self.terms.any_(
            self.terms.is_(choice, i)
            for i, step in enumerate(steps)
            if self.questions.group_of(step) == group
        )

    def _fact(self, condition: int, number: int) -> Formula:
        """Whether a condition holds in a state."""
        name, members = self.questions.conditions[condition]
        return holds(self.model, self.states[number], self.functions[name], members)

    # --- in the plain machine

    def confirmed(self, steps: list[Step]) -> bmc.Found:
        """Return the run with its loop. Raises `bmc.ReplayError` if the machine has none."""
        states = [self.machine.initial()]
        for step in steps:
            self.machine.load(states[-1])
            self.machine.namespace[step.action](*step.arguments)
            states.append(self.machine.save())
        starts = [n for n, state in enumerate(states[:-1]) if state == states[-1]]
        for start in (*starts, len(steps)):
            if self.is_fair(states, steps, start) and any(
                self.breaks(states, o, start) for o in self.questions.obligations
            ):
                return bmc.Found(tuple(steps), start)
        raise bmc.ReplayError(f"{steps} do what they owe")

    def is_fair(self, states: list[Snapshot], steps: list[Step], start: int) -> bool:
        """Whether a run that repeats the steps from number `start` on is fair."""
        group_of = self.questions.group_of
        enabled: set[int] = set()
        seen: set[int] = set()
        for state in states[start:]:
            self.machine.load(state)
            enabled |= {
                group_of(Step(name, arguments))
                for name, listing, _ in self.listing
                for arguments in listing()
            }
            seen |= {c for pair in self.questions.recurring for c in pair if self.is_so(c)}
        taken = {group_of(step) for step in steps[start:]}
        return enabled <= taken | {NO_GROUP} and all(
            second in seen for first, second in self.questions.recurring if first in seen
        )

    def breaks(self, states: list[Snapshot], obligation: Obligation, start: int) -> bool:
        """Whether an obligation has begun in a run, and never ends from there on.

        From the state with the number `start` on the run is repeated.
        """
        begun = False
        for number, state in reversed([*enumerate(states)]):
            self.machine.load(state)
            if self.is_so(obligation.ends):
                return False
            begun = begun or obligation.begins is None or self.is_so(obligation.begins)
            if begun and number <= start:
                return True
        return False

    def is_so(self, condition: int) -> bool:
        """Whether a condition holds in the machine's state."""
        name, members = self.questions.conditions[condition]
        return bool(self.machine.namespace[name](*members))
