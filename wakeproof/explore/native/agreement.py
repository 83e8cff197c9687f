"""Take states of a native search in plain Python too, and compare: both have to do the same.

The sample is part of every run: some dozens of states, and one of `EVERY` in a large run, which
costs less than a fiftieth of its time.
"""

from __future__ import annotations

import ctypes
import random
from collections.abc import Sequence
from typing import cast

from wakeproof.errors import Exit, InputError
from wakeproof.execution.enabled_steps import (
    Enumerator,
    Outcome,
    enumerators,
    is_site,
    outcomes,
)
from wakeproof.execution.machine import Machine
from wakeproof.explore.native.emit_c import OUT_OF_RANGE
from wakeproof.explore.native.library import Program
from wakeproof.language.values import Snapshot, Step

EVERY = 40_000
"""Of so many states of a large run one is compared: plain Python takes some 300 times longer."""

LEAST = 48
"""States that are compared in a run that has them, or in the runs of one text together."""

FEW = 8
"""States that are compared in each of the runs of one text."""


class Disagreement(InputError):
    """Native code and plain Python differ after these `steps`: the tool itself is wrong."""

    def __init__(self, what: str, steps: Sequence[Step] = ()) -> None:
        super().__init__(
            f"native code and plain Python differ: {what}",
            hint="this is a fault of the tool: use --explorer plain, and report it",
            status=Exit.SOFTWARE,
        )
        self.steps = tuple(steps)


def sample(count: int, runs: int = 1) -> range:
    """Return the numbers of the states that are compared, of a search that has so many.

    It is one of so many `runs` of the same text.
    """
    return range(0, count, max(1, count // max(FEW, LEAST // runs, count // EVERY)))


def difference(
    program: Program, library: ctypes.CDLL, listing: Sequence[Enumerator], state: Snapshot
) -> str:
    """Return in what both differ in a state and the steps from it; empty if they agree."""
    machine = program.machine
    row = program.layout.to_bytes(state)
    names = [name for name, _, _ in listing]
    ours: dict[str, list[Outcome]] = {name: [] for name in names}
    theirs: dict[str, list[Outcome]] = {name: [] for name in names}
    for step, outcome in outcomes(machine, listing, state):
        ours[step.action].append(outcome)
    for number, one in program.steps(row, library):
        found = program.layout.to_snapshot(one) if isinstance(one, bytes) else one
        theirs[names[number]].append(found)
    too_large = program.emitted.sites[OUT_OF_RANGE]
    for name in names:
        count, wanted = len(theirs[name]), len(ours[name])
        if count != wanted:
            return (
                f"the action {name} has {count} enabled steps in native code "
                f"and {wanted} in plain Python"
            )
        for found, expected in zip(theirs[name], ours[name], strict=True):
            if found not in (expected, too_large):
                return f"after the action {name}, {_details(machine, found, expected)}"
    machine.load(state)
    bits = library.wakeproof_broken(row)
    for i, name in enumerate(program.emitted.invariants):
        if bool(bits >> i & 1) == machine.invariants[name]():
            does = "fails" if bits >> i & 1 else "holds"
            return f"the invariant of the property {name} {does} in native code alone"
    for i, name in enumerate(program.emitted.tests, len(program.emitted.invariants)):
        if bool(bits >> i & 1) != machine.tests[name]():
            does = "is" if bits >> i & 1 else "is not"
            return f"the property {name} {does} put to the test in native code alone"
    return ""


def compare_on_a_walk(program: Program, library: ctypes.CDLL) -> None:
    """Compare `LEAST` states on a random walk. Raises `Disagreement`."""
    fate = random.Random(0)
    listing = enumerators(program.machine, program.actions)
    state: Snapshot = program.layout.initial
    steps: list[Step] = []
    for _ in range(LEAST):
        if found := difference(program, library, listing, state):
            raise Disagreement(found, steps)
        possible = [row for row in outcomes(program.machine, listing, state) if not is_site(row[1])]
        if possible:
            step, following = fate.choice(possible)
            state = cast("Snapshot", following)
            steps.append(step)
        else:
            state, steps = program.layout.initial, []


def _details(machine: Machine, found: Outcome, expected: Outcome) -> str:
    """Describe two outcomes that differ: how they go wrong, or the first scalar that differs."""
    if is_site(found) or is_site(expected):
        words = [" at ".join(map(str, o)) if is_site(o) else "a state" for o in (found, expected)]
        return f"native code reaches {words[0]} and plain Python {words[1]}"
    for (name, keys, _), theirs, ours in zip(machine.layout(), found, expected, strict=True):
        if theirs != ours:
            place = name + "".join(f"[{key}]" for key in keys)
            return f"{place} is {theirs} in native code and {ours} in plain Python"
    return ""
