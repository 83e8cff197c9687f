"""Swarm search in native code: randomised walks, for bounds that cannot be exhausted.

Many walkers run on all processors (`swarm.c`); the number of a walker determines how it walks.
Plain Python takes every trace again, step by step, so each violation is as certain as one of an
exploration. A swarm proves nothing: it may miss violations.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from wakeproof.errors import InputError
from wakeproof.execution.enabled_steps import enumerators
from wakeproof.execution.machine import Machine
from wakeproof.explore.native.agreement import compare_on_a_walk
from wakeproof.explore.native.library import Program, typed
from wakeproof.explore.result import Exploration, Limits, Progress, Violation
from wakeproof.language.primitives import WentWrong
from wakeproof.language.values import Step

SLICE = 0.2
"""Seconds that a walker walks at a time."""
LONGEST = 512
"""Steps of the longest walk, as in `swarm.c`."""
BITS = 1 << 30
"""Bits of the table in which walkers mark the states that they have seen: 128 MiB."""

SIGNATURES = {
    "walker": ("P", "pQqPQ"),
    "walk": ("-", "Pd"),
    "walked": ("-", "PP"),
    "way": ("I", "PIIP"),
    "walker_free": ("-", "P"),
}


@dataclass(frozen=True)
class Swarm:
    """The number of walkers, and the seconds that they run."""

    walkers: int
    seconds: float


class SwarmProgram(Program):
    """A program whose library has walkers too."""

    def __init__(self, machine: Machine, actions: Sequence[str] | None) -> None:
        super().__init__(machine, actions)
        self.text += Path(__file__).with_name("swarm.c").read_text(encoding="utf-8")


def explore(
    machine: Machine,
    actions: Sequence[str] | None,
    limits: Limits,
    swarm: Swarm,
    progress: Progress | None,
    threads: int,
) -> Exploration:
    """Search for violations of `actions` (all, if None) with a swarm.

    The result always has a limit, which states how much was covered. Raises `CompilerError` if the
    program cannot be compiled, `UnsupportedModel` if native code cannot run the model,
    `Disagreement` if plain Python does something else on a walk.
    """
    began = time.perf_counter()
    program = SwarmProgram(machine, actions)
    library = typed(program.library, SIGNATURES)
    compare_on_a_walk(program, library)
    try:
        table = (ctypes.c_uint64 * (BITS // 64))()
    except MemoryError:
        raise InputError(
            "no memory for a swarm", hint=f"free {BITS >> 23} MiB, or explore without --swarm"
        ) from None
    initial = program.layout.to_bytes(program.layout.initial)
    most = -1 if limits.steps is None else limits.steps
    walkers = []
    for number in range(swarm.walkers):
        walker = library.wakeproof_walker(initial, number, most, table, BITS)
        if walker is None:
            raise InputError("no memory for a swarm", hint="use fewer walkers")
        walkers.append(walker)
    result = Exploration()
    figures = [(ctypes.c_uint64 * 5)() for _ in walkers]

    def read_figures() -> None:
        for walker, row in zip(walkers, figures, strict=True):
            library.wakeproof_walked(walker, row)
        result.states = 1 + sum(row[0] for row in figures)
        result.transitions = sum(row[1] for row in figures)
        result.depth = max(row[3] for row in figures)
        result.seconds = time.perf_counter() - began
        result.memory = BITS // 8

    over = ""
    try:
        with ThreadPoolExecutor(max_workers=threads) as pool:
            end = time.perf_counter() + swarm.seconds
            while time.perf_counter() < end:
                left = end - time.perf_counter()
                a_slice = min(SLICE, max(0.01, left * threads / len(walkers)))
                list(pool.map(library.wakeproof_walk, walkers, itertools.repeat(a_slice)))
                read_figures()
                if progress is not None:
                    progress(result)
    except KeyboardInterrupt:
        over = ", interrupted"
    read_figures()
    walks = sum(row[2] for row in figures)
    result.limit = (
        f"swarm of {swarm.walkers} for {swarm.seconds:g} s{over}: {result.states:,} states or "
        f"more, {result.transitions:,} steps, {walks:,} walks, depth {result.depth}"
    )
    result.violations = _violations(program, library, walkers)
    for walker in walkers:
        library.wakeproof_walker_free(walker)
    result.seconds = time.perf_counter() - began
    return result


def _violations(
    program: SwarmProgram, library: ctypes.CDLL, walkers: Sequence[int]
) -> dict[tuple[str, str], Violation]:
    """Return the shortest path to each violation that a walker found, the shortest first."""
    found: list[tuple[tuple[int, ...], tuple[str, str], Violation]] = []
    ranks = (ctypes.c_uint16 * LONGEST)()
    properties = [(0, i, (name, "")) for i, name in enumerate(program.emitted.invariants)]
    sites = [(1, i, site) for i, site in enumerate(program.emitted.sites)]
    for is_site, i, key in properties + sites:
        ways = []
        for walker in walkers:
            length = library.wakeproof_way(walker, is_site, i, ranks)
            if length:
                ways.append((length, *ranks[:length]))
        if ways:
            shortest = min(ways)
            steps = follow(program.machine, program.actions, shortest[1:])
            kind, site = key if is_site else ("invariant", "")
            found.append((shortest, key, Violation(kind, site, steps)))
    return {key: violation for _, key, violation in sorted(found, key=lambda f: f[:2])}


def follow(
    machine: Machine, actions: Sequence[str] | None, ranks: Sequence[int]
) -> tuple[Step, ...]:
    """Take the steps with these ranks among the enabled ones in plain Python; return them."""
    listing = enumerators(machine, actions)
    state = machine.initial()
    steps = []
    for rank in ranks:
        machine.load(state)
        possible = [(n, a, f) for n, arguments, f in listing for a in arguments()]
        name, arguments, function = possible[rank]
        machine.load(state)
        with contextlib.suppress(WentWrong):
            function(*arguments)
        state = machine.save()
        steps.append(Step(name, arguments))
    return tuple(steps)
