"""Shortest ways from a state: to a violation of a property, or to where a condition holds.

The explorers search from any state: a machine whose initial state is another one. What they find is
a shortest path to each violation, so one search answers for all properties.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from wakeproof.execution.machine import Machine
from wakeproof.explore.explorer import Explorer, explore_with
from wakeproof.explore.result import Exploration, Limits, Violation
from wakeproof.language.condition import CONDITION, with_condition
from wakeproof.language.resolve import Resolved
from wakeproof.language.values import Run, Snapshot
from wakeproof.util.text import plural
from wakeproof.web.path import Follower, Moment

TIMEOUT = 10.0
"""Seconds of a search."""
MOST_STATES = 4_000_000
"""The states of a search."""


@dataclass(frozen=True)
class Way:
    """A shortest way: its steps as lines of a script, or None and the reason in a sentence."""

    lines: tuple[str, ...] | None
    reason: str = ""


class _From(Machine):
    """A machine that begins in another state."""

    def __init__(self, resolved: Resolved, run: Run, state: Snapshot) -> None:
        super().__init__(resolved, run)
        self.start = state

    def initial(self) -> Snapshot:
        """Return the state that it begins in, and load it."""
        self.load(self.start)
        return self.start


class _Found(Exception):
    """A search has found what it looks for."""


def way_to(
    follower: Follower, moment: Moment, goal: str, condition: str = "", taken: int = 0
) -> Way:
    """Return a shortest way from a state to a violation of the property `goal`, or of any if empty.

    With a `condition` it leads to where that holds. `taken` are the steps so far, as a scenario may
    bound them. Properties that the state violates already do not count for any. Raises `ModelError`
    for a condition that is not one.
    """
    if moment.kind:
        return Way(None, "The run has ended.")
    instance = follower.instance
    resolved = instance.resolved
    if condition:
        resolved = with_condition(resolved, condition, instance.names)
        goal = CONDITION
    elif goal in moment.broken:
        return Way(None, f"This state violates {goal}.")
    ignored = () if goal else moment.broken

    def violation(found: Exploration) -> Violation | None:
        kinds = {p.id: p.outcome for p in instance.model.properties.values() if p.outcome}
        fits = [
            one
            for (key, _), one in found.violations.items()
            if one.kind != "bound" and key not in ignored
            if not goal or key == goal or one.kind == kinds.get(goal)
        ]
        return min(fits, key=lambda one: len(one.steps), default=None)

    latest = Exploration()

    def look(found: Exploration) -> None:
        nonlocal latest
        latest = found
        if violation(found) is not None:
            raise _Found

    bound = instance.scenario.steps
    limits = Limits(MOST_STATES, TIMEOUT, None if bound is None else max(0, bound - taken))
    with contextlib.suppress(_Found):
        latest = explore_with(
            Explorer(),
            _From(resolved, instance.run, moment.state),
            actions=instance.actions,
            limits=limits,
            progress=look,
        )
    found = violation(latest)
    if found is not None:
        return Way(tuple(follower.line(step) for step in found.steps))
    return Way(None, _nothing(latest, limits, goal, bound))


def _nothing(found: Exploration, limits: Limits, goal: str, bound: int | None) -> str:
    """Return why there is no way."""
    seen = plural(found.states, "state")
    if goal == CONDITION:
        what = "the condition holds"
    else:
        what = f"{goal} is violated" if goal else "another property is violated"
    if found.limit:
        return f"Not known: {seen} were seen from here, in none of which {what} ({found.limit})."
    within = f" within the scenario's {plural(bound, 'step')}" if bound is not None else ""
    return (
        f"There is no way from here to where {what}{within}: {seen} can be reached, all were seen."
    )


class Condition:
    """A condition in the states of one instance. Raises `ModelError` if it is not one."""

    def __init__(self, follower: Follower, text: str) -> None:
        instance = follower.instance
        resolved = with_condition(instance.resolved, text, instance.names)
        self.machine = Machine(resolved, instance.run)

    def holds(self, moment: Moment) -> bool:
        """Return whether it holds in a state."""
        self.machine.load(moment.state)
        return not self.machine.invariants[CONDITION]()
