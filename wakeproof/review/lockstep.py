"""Two versions under the same program, step by step: where what a host sees first differs.

Both machines take the same steps from their initial states, breadth first. A step after which
the builtin calls, their results or the end differ is reported, by the shortest program that leads
there, and not continued; so is a step that only one of the two can take.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wakeproof.execution.enabled_steps import enumerators
from wakeproof.execution.machine import Machine, Recorder
from wakeproof.execution.trace import call_text
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.values import Snapshot, Step
from wakeproof.scenario.instance import Instance

Pair = tuple[Snapshot, Snapshot]


@dataclass(frozen=True)
class Seen:
    """What a host sees of one step: its builtin calls, and the way and site of a bad end."""

    calls: tuple[tuple[str, tuple[int | bool | None, ...], int | bool | None], ...]
    end: tuple[str, str]
    after: Snapshot | None

    def same(self, other: Seen) -> bool:
        """Whether a host cannot tell them apart."""
        return (self.calls, self.end) == (other.calls, other.end)


@dataclass(frozen=True)
class Difference:
    """The shortest program after which two versions differ in one way.

    `old` and `new` say what each does at the last step; empty where it cannot take it.
    """

    kind: tuple[str, str]
    steps: tuple[Step, ...]
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass
class Lockstep:
    """What was found, over how many pairs of states; `limit` says if that is not all."""

    pairs: int = 0
    limit: str = ""
    differences: dict[tuple[str, str], Difference] = field(default_factory=dict)


class Walker:
    """One of the two machines, and what it shows."""

    def __init__(self, instance: Instance) -> None:
        self.recorder = Recorder()
        self.machine = Machine(instance.resolved, instance.run, self.recorder)
        self.listing = enumerators(self.machine, instance.actions)
        self.tracer = instance.tracer()

    def possible(self, state: Snapshot) -> list[Step]:
        """The steps from a state, in the order of the model."""
        self.machine.load(state)
        return [Step(name, a) for name, listing, _ in self.listing for a in listing()]

    def take(self, state: Snapshot, step: Step) -> Seen | None:
        """Take a step; None if it is not possible."""
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
        return Seen(calls, end, None if end[0] else self.machine.save())

    def describe(self, seen: Seen | None) -> tuple[str, ...]:
        """What was seen, for a person."""
        if seen is None:
            return ("not possible",)
        rows = [self.tracer.call(c) for c in self.recorder.calls if c.kind == "builtin"]
        calls = [call_text(row, row["arguments"].values()) for row in rows]
        return (*calls, *((f"{seen.end[0]} at {seen.end[1]}",) if seen.end[0] else ()))


def compare(
    old: Instance,
    new: Instance,
    max_pairs: int,
) -> Lockstep:
    """Run two versions of one scenario in lockstep, to `max_pairs` pairs of states."""
    result = Lockstep()
    sides = Walker(old), Walker(new)
    start: Pair = (sides[0].machine.initial(), sides[1].machine.initial())
    parents: dict[Pair, tuple[Pair, Step] | None] = {start: None}
    layer, depth = [start], 0
    deepest = old.scenario.steps if old.script is None else len(old.script)
    while layer and depth != deepest and not result.limit:
        following: list[Pair] = []
        scripted = None if old.script is None else [old.script[depth]]
        for pair in layer:
            _expand(sides, pair, scripted, parents, following, result)
            if len(parents) >= max_pairs:
                result.limit = f"{max_pairs:,} pairs of states"
                break
        layer, depth = following, depth + 1
    result.pairs = len(parents)
    return result


def _expand(
    sides: tuple[Walker, Walker],
    pair: Pair,
    scripted: list[Step] | None,
    parents: dict[Pair, tuple[Pair, Step] | None],
    following: list[Pair],
    result: Lockstep,
) -> None:
    both = zip(sides, pair, strict=True)
    possible = scripted or dict.fromkeys(s for side, state in both for s in side.possible(state))
    for step in possible:
        seen = [side.take(state, step) for side, state in zip(sides, pair, strict=True)]
        first, second = seen
        if first is None and second is None:
            continue
        if first is not None and second is not None and first.same(second):
            if first.after is not None and second.after is not None:
                reached = (first.after, second.after)
                if reached not in parents:
                    parents[reached] = (pair, step)
                    following.append(reached)
            continue
        kind = _parting(first, second)
        if kind not in result.differences:
            old, new = (side.describe(one) for side, one in zip(sides, seen, strict=True))
            path = (*_path(pair, parents), step)
            result.differences[kind] = Difference(kind, path, old, new)


def _parting(first: Seen | None, second: Seen | None) -> tuple[str, str]:
    """The first thing that differs, on both sides: a call, an end, or nothing."""
    if first is None or second is None:
        words = ("not possible" if seen is None else "possible" for seen in (first, second))
        return next(words), next(words)
    for one, other in zip(first.calls, second.calls, strict=False):
        if one != other:
            return one[0], other[0]
    shorter = min(len(first.calls), len(second.calls))
    parts = []
    for seen in (first, second):
        rest = seen.calls[shorter:]
        parts.append(rest[0][0] if rest else seen.end[1] or "returns")
    return parts[0], parts[1]


def _path(pair: Pair, parents: dict[Pair, tuple[Pair, Step] | None]) -> tuple[Step, ...]:
    steps: list[Step] = []
    while (found := parents[pair]) is not None:
        pair, step = found
        steps.append(step)
    return tuple(reversed(steps))
