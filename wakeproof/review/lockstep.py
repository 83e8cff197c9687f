"""Lockstep: two versions take the same steps, to find where a host first sees a difference.

The search is breadth first over pairs of states. A step is a difference if only one version can
take it, or if the builtin calls, their results or the ends differ. Each kind of difference is
reported with the shortest program that leads to it, and the search does not go on from there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wakeproof.execution.enabled_steps import enumerators
from wakeproof.execution.machine import Machine, Recorder
from wakeproof.execution.trace import call_text
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.values import Snapshot, Step
from wakeproof.scenario.instance import Instance
from wakeproof.util.text import plural

Pair = tuple[Snapshot, Snapshot]


@dataclass(frozen=True)
class Observation:
    """What a host sees of one step.

    A builtin call is its name, arguments and result. `end` is the kind and the site of a panic, a
    trap or another end of the run, and empty strings otherwise; `after` is the next state.
    """

    calls: tuple[tuple[str, tuple[int | bool | None, ...], int | bool | None], ...]
    end: tuple[str, str]
    after: Snapshot | None

    def equals(self, other: Observation) -> bool:
        """Whether a host sees the same in both."""
        return (self.calls, self.end) == (other.calls, other.end)


@dataclass(frozen=True)
class Difference:
    """One kind of difference, with the shortest program that shows it.

    `kind` names what the old and what the new version does; `old` and `new` are the lines that
    describe the last step of each.
    """

    kind: tuple[str, str]
    steps: tuple[Step, ...]
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass
class Lockstep:
    """Result of a lockstep run over `pairs` pairs of states.

    `limit` names the limit that ended the run, or is empty.
    """

    pairs: int = 0
    limit: str = ""
    differences: dict[tuple[str, str], Difference] = field(default_factory=dict)


class ObservedMachine:
    """One of the two machines, with a record of its calls."""

    def __init__(self, instance: Instance) -> None:
        self.recorder = Recorder()
        self.machine = Machine(instance.resolved, instance.run, self.recorder)
        self.listing = enumerators(self.machine, instance.actions)
        self.tracer = instance.tracer()

    def possible(self, state: Snapshot) -> list[Step]:
        """Return the steps from a state, in the order of the model."""
        self.machine.load(state)
        return [Step(name, a) for name, listing, _ in self.listing for a in listing()]

    def take(self, state: Snapshot, step: Step) -> Observation | None:
        """Take a step; return None if it is not possible."""
        self.machine.load(state)
        self.recorder.calls.clear()
        end = ("", "")
        try:
            self.machine.namespace[step.action](*step.arguments)
        except GuardFailed:
            return None
        except WentWrong as wrong:
            end = (wrong.kind, wrong.site)
        calls = tuple(
            (c.name, c.arguments, c.result) for c in self.recorder.calls if c.kind == "builtin"
        )
        return Observation(calls, end, None if end[0] else self.machine.save())

    def describe(self, seen: Observation | None) -> tuple[str, ...]:
        """Describe what was seen of the last step, a line each call."""
        if seen is None:
            return ("not possible",)
        rows = [self.tracer.call(c) for c in self.recorder.calls if c.kind == "builtin"]
        calls = [call_text(row, row["arguments"].values()) for row in rows]
        return (*calls, *((f"{seen.end[0]} at {seen.end[1]}",) if seen.end[0] else ()))


def run_in_lockstep(old: Instance, new: Instance, max_pairs: int) -> Lockstep:
    """Run two versions of one scenario in lockstep, up to `max_pairs` pairs of states."""
    result = Lockstep()
    machines = ObservedMachine(old), ObservedMachine(new)
    start: Pair = (machines[0].machine.initial(), machines[1].machine.initial())
    parents: dict[Pair, tuple[Pair, Step] | None] = {start: None}
    layer, depth = [start], 0
    deepest = old.scenario.steps if old.script is None else len(old.script)
    while layer and depth != deepest and not result.limit:
        following: list[Pair] = []
        scripted = None if old.script is None else [old.script[depth]]
        for pair in layer:
            _expand(machines, pair, scripted, parents, following, result)
            if len(parents) >= max_pairs:
                result.limit = f"{plural(max_pairs, 'pair')} of states"
                break
        layer, depth = following, depth + 1
    result.pairs = len(parents)
    return result


def _expand(
    machines: tuple[ObservedMachine, ObservedMachine],
    pair: Pair,
    scripted: list[Step] | None,
    parents: dict[Pair, tuple[Pair, Step] | None],
    following: list[Pair],
    result: Lockstep,
) -> None:
    """Take every step from a pair of states; add the new pairs to `parents` and `following`."""
    both = list(zip(machines, pair, strict=True))
    for step in scripted or dict.fromkeys(s for m, state in both for s in m.possible(state)):
        seen = [machine.take(state, step) for machine, state in both]
        first, second = seen
        if first is None and second is None:
            continue
        if first is not None and second is not None and first.equals(second):
            if first.after is not None and second.after is not None:
                reached = (first.after, second.after)
                if reached not in parents:
                    parents[reached] = (pair, step)
                    following.append(reached)
            continue
        kind = _kind_of_difference(first, second)
        if kind not in result.differences:
            old, new = (m.describe(one) for m, one in zip(machines, seen, strict=True))
            path = (*_path(pair, parents), step)
            result.differences[kind] = Difference(kind, path, old, new)


def _kind_of_difference(first: Observation | None, second: Observation | None) -> tuple[str, str]:
    """Name what differs first, of both versions: a call, an end, or that one cannot take a step."""
    if first is None or second is None:
        words = ("not possible" if seen is None else "possible" for seen in (first, second))
        return next(words), next(words)
    for one, other in zip(first.calls, second.calls, strict=False):
        if one != other:
            return one[0], other[0]
    shorter = min(len(first.calls), len(second.calls))
    names = [
        seen.calls[shorter][0] if len(seen.calls) > shorter else seen.end[1] or "returns"
        for seen in (first, second)
    ]
    return names[0], names[1]


def _path(pair: Pair, parents: dict[Pair, tuple[Pair, Step] | None]) -> tuple[Step, ...]:
    """Return the steps from the initial pair."""
    steps: list[Step] = []
    while (found := parents[pair]) is not None:
        pair, step = found
        steps.append(step)
    return tuple(reversed(steps))
