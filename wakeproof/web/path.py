"""A path through the states of an instance: what each step did, and what is possible."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from wakeproof.errors import InputError
from wakeproof.execution.enabled_steps import enumerators
from wakeproof.execution.trace import StepRow
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.values import Snapshot, Step
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.script import parse_step


@dataclass(frozen=True)
class Moment:
    """A state on a path.

    `row` is the step that led to it, None at the beginning; `broken` are the ids of the properties
    that it violates. Where the step went wrong, `kind` and `site` say how, and no step follows.
    """

    state: Snapshot
    row: StepRow | None
    broken: tuple[str, ...] = ()
    kind: str = ""
    site: str = ""


@dataclass(frozen=True)
class Possible:
    """A step that is possible in a state: its line in a script, and where it leads."""

    line: str
    step: Step
    moment: Moment


@dataclass(frozen=True)
class Path:
    """The states of a path, and why it ends before the last of its steps, or an empty text."""

    moments: Sequence[Moment]
    stopped: str = ""
    hint: str = ""


class Follower:
    """Takes the steps of one instance. Requests that come at once take turns."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.tracer = instance.tracer()
        self.machine = self.tracer.machine
        self.program = instance.resolved.program
        self.listing = enumerators(self.machine, instance.actions)
        self.lock = threading.Lock()
        properties = instance.model.properties.values()
        self.outcomes = {p.outcome: p.id for p in properties if p.outcome}
        self.begin = self._moment(self.machine.initial(), None, None)

    def follow(self, lines: Sequence[str]) -> Path:
        """Take the steps of a path, as far as they are possible."""
        moments = [self.begin]
        with self.lock:
            for number, line in enumerate(lines, 1):
                where = f"step {number}"
                last = moments[-1]
                if last.kind:
                    return Path(moments, f"{where}, {line!r}: the run has ended before it")
                try:
                    step = parse_step(self.instance.scenario, self.program, line, where)
                    moments.append(self.take(last.state, step))
                except InputError as error:
                    return Path(moments, f"{where}, {line!r}: {error.what}", error.hint)
                except GuardFailed:
                    return Path(moments, f"{where}, {line!r}, is not possible here")
        return Path(moments)

    def possible(self, moment: Moment) -> list[Possible]:
        """List the steps that are possible, in the order of the model."""
        if moment.kind:
            return []
        with self.lock:
            self.machine.load(moment.state)
            steps = [Step(name, a) for name, listing, _ in self.listing for a in listing()]
            found = []
            for step in steps:
                try:
                    reached = self.take(moment.state, step)
                except GuardFailed:
                    continue
                found.append(Possible(self.line(step), step, reached))
            return found

    def take(self, state: Snapshot, step: Step) -> Moment:
        """Take one step. Raises `GuardFailed` if it is not possible."""
        row, after, wrong = self.tracer.step(state, step)
        return self._moment(after, row, wrong)

    def line(self, step: Step) -> str:
        """Return a step as a line of a script."""
        function = self.program.functions[step.action]
        return " ".join((step.action, *self.tracer.arguments(function, step.arguments).values()))

    def _moment(self, state: Snapshot, row: StepRow | None, wrong: WentWrong | None) -> Moment:
        if wrong is not None:
            broken = self.outcomes.get(wrong.kind)
            return Moment(state, row, (broken,) if broken else (), wrong.kind, wrong.site)
        self.machine.load(state)
        broken_here = tuple(i for i, holds in self.machine.invariants.items() if not holds())
        return Moment(state, row, broken_here)
