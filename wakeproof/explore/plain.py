"""Exhaustive exploration in plain Python, breadth first and deterministic.

It does not stop at the first violation: it keeps the first, so a shortest, path to every invariant
that fails and to every site that is reached. An action that goes wrong in a state has no successor
there: a panic or a trap ends the instance.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from wakeproof.execution.enabled_steps import Enumerator, enumerators
from wakeproof.execution.machine import Machine
from wakeproof.explore.coverage import (
    Watch,
    chosen_actions,
    functions_with_sites,
    tested_progress,
)
from wakeproof.explore.progress.questions import Questions
from wakeproof.explore.progress.recorder import GraphRecorder
from wakeproof.explore.result import (
    INTERRUPTED,
    NO_LIMITS,
    Coverage,
    Exploration,
    Limits,
    Progress,
    ScriptStuck,
    Violation,
    cut_by,
)
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.values import Snapshot, Step

PROGRESS_EVERY = 2000
"""States between two calls of `progress`."""


def explore(
    machine: Machine,
    *,
    actions: Sequence[str] | None = None,
    script: Sequence[Step] | None = None,
    limits: Limits = NO_LIMITS,
    progress: Progress | None = None,
    questions: Questions | None = None,
) -> Exploration:
    """Explore every interleaving of `actions` (all, if None), or follow `script`.

    With `questions` they are decided at its end, if it has seen every state. Raises `ScriptStuck`
    if a step of the script is not enabled. An interrupt ends the exploration with the limit
    `interrupted` and keeps its result.
    """
    recorder = None if questions is None else GraphRecorder(machine, questions)
    search = _Search(machine, actions, script, limits, progress, recorder)
    try:
        with search.watch:
            search.run()
        search.cover()
        search.decide()
    except KeyboardInterrupt:
        search.result.limit = INTERRUPTED
    search.result.seconds = time.perf_counter() - search.began
    return search.result


class _Search:
    """An exploration in progress. States are numbered in the order of their discovery."""

    def __init__(
        self,
        machine: Machine,
        actions: Sequence[str] | None,
        script: Sequence[Step] | None,
        limits: Limits,
        progress: Progress | None,
        recorder: GraphRecorder | None,
    ) -> None:
        self.machine = machine
        self.recorder = recorder
        self.listing = enumerators(machine, actions)
        self.script = script
        self.limits = limits
        self.progress = progress
        self.result = Exploration()
        self.numbers: dict[Snapshot, int] = {}
        self.parents: list[tuple[int, Step | None]] = []
        self.invariants = list(machine.invariants.items())
        named = chosen_actions(machine, actions)
        self.sited = functions_with_sites(machine.program, named)
        self.watch = Watch(machine, self.sited)
        self.tried: set[str] = set()
        self.taken: set[str] = set()
        self.untested = list(machine.tests.items())
        self.began = time.perf_counter()

    def run(self) -> None:
        """Expand layer by layer until no state is new or a limit is reached."""
        layer = [self.machine.initial()]
        self.discover(layer[0], -1, None)
        steps = self.limits.steps if self.script is None else len(self.script)
        while layer and not self.result.limit and self.result.depth != steps:
            following: list[Snapshot] = []
            for snapshot in layer:
                self.expand(snapshot, following)
                if self.over_limit():
                    return
            layer = following
            self.result.queue = len(layer)
            if layer:
                self.result.depth += 1

    def expand(self, snapshot: Snapshot, following: list[Snapshot]) -> None:
        """Take every enabled step from one state; append the new states to `following`."""
        machine, numbers = self.machine, self.numbers
        parent = numbers[snapshot]
        machine.load(snapshot)
        possible = [
            (name, arguments, function)
            for name, listing, function in self.listing_here()
            for arguments in listing()
        ]
        recorder = self.recorder
        if recorder is not None:
            recorder.loaded()
        changed = False
        for name, arguments, function in possible:
            if changed:
                machine.load(snapshot)
            changed = True
            self.tried.add(name)
            try:
                function(*arguments)
            except GuardFailed:
                self.stuck()
                continue
            except WentWrong as wrong:
                self.taken.add(name)
                self.result.transitions += 1
                self.went_wrong(wrong, parent, Step(name, arguments))
                if recorder is not None:
                    recorder.step(Step(name, arguments), None)
                continue
            self.taken.add(name)
            self.result.transitions += 1
            reached = machine.save()
            if reached not in numbers:
                self.discover(reached, parent, Step(name, arguments))
                following.append(reached)
            if recorder is not None:
                recorder.step(Step(name, arguments), numbers[reached])
        if recorder is not None:
            recorder.expanded()

    def listing_here(self) -> Sequence[Enumerator]:
        """Return the actions to try: all, or that of the script at this depth."""
        if self.script is None:
            return self.listing
        step = self.script[self.result.depth]
        return [(step.action, lambda: [step.arguments], self.machine.namespace[step.action])]

    def stuck(self) -> None:
        """Handle a guard that fails in the action itself: in a script, an error."""
        if self.script is not None:
            depth = self.result.depth
            raise ScriptStuck(depth + 1, self.script[depth])

    def discover(self, snapshot: Snapshot, parent: int, step: Step | None) -> None:
        """Number a new state, the current one of the machine, and check the invariants there."""
        number = len(self.parents)
        self.numbers[snapshot] = number
        self.parents.append((parent, step))
        self.result.states = number + 1
        for property_id, holds in self.invariants:
            if (property_id, "") not in self.result.violations and not holds():
                violation = Violation("invariant", "", self.path(number))
                self.result.violations[property_id, ""] = violation
        if self.untested and step is not None:
            self.untested = [test for test in self.untested if not test[1]()]
        if self.recorder is not None:
            self.recorder.discovered()
        if self.progress is not None and number % PROGRESS_EVERY == 0:
            self.result.seconds = time.perf_counter() - self.began
            self.progress(self.result)

    def went_wrong(self, wrong: WentWrong, parent: int, step: Step) -> None:
        """Record that an action reached a site, or a bound of the run."""
        if wrong.kind == "bound":
            self.result.limit = f"the bound on {wrong.site} is too small"
            return
        if (wrong.kind, wrong.site) not in self.result.violations:
            violation = Violation(wrong.kind, wrong.site, (*self.path(parent), step))
            self.result.violations[wrong.kind, wrong.site] = violation

    def cover(self) -> None:
        """Note what was put to the test, unless a limit ended the exploration."""
        if self.result.limit:
            return
        untested = {property_id for property_id, _ in self.untested}
        self.result.coverage = Coverage(
            frozenset(self.taken),
            frozenset(self.watch.ran | (self.tried & set(self.sited))),
            frozenset(self.machine.invariants.keys() - untested),
        )

    def decide(self) -> None:
        """Decide what is asked about progress, if every state was seen with all its steps."""
        if self.recorder is None:
            return
        cut = cut_by(self.script is not None, self.limits, self.result)
        self.result.undecided = cut or self.recorder.left_out
        if not self.result.undecided:
            states = list(self.numbers)
            found = self.recorder.decide(self.listing, states.__getitem__)
            self.result.violations.update(found)
            self.result.add_tested(tested_progress(self.recorder.questions, self.recorder.graph))

    def path(self, number: int) -> tuple[Step, ...]:
        """Return the steps from the initial state to a numbered state."""
        steps: list[Step] = []
        parent, step = self.parents[number]
        while step is not None:
            steps.append(step)
            parent, step = self.parents[parent]
        return tuple(reversed(steps))

    def over_limit(self) -> bool:
        """Return whether a limit is reached; set the limit of the result."""
        limits = self.limits
        if limits.max_states is not None and self.result.states >= limits.max_states:
            self.result.limit = self.result.limit or f"max-states {limits.max_states}"
        if limits.timeout is not None and time.perf_counter() - self.began > limits.timeout:
            self.result.limit = self.result.limit or f"timeout {limits.timeout:g} s"
        return bool(self.result.limit)
