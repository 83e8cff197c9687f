"""Exhaustive exploration in native code: the plain explorer's results, much sooner.

The model's functions are written out as C (`emit_c`), the search around them is `explorer.c`.
Everything that is reported equals what `wakeproof.explore` reports, whatever the number of
threads. Paths are rebuilt from the states on them by plain Python, which thereby takes every
step of every trace again.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import time
from collections.abc import Callable
from typing import cast

from wakeproof.errors import InputError
from wakeproof.execution.enabled_steps import enumerators
from wakeproof.explore.native.checkpoint import Checkpoint
from wakeproof.explore.native.compiler import Background
from wakeproof.explore.native.emit_c import OUT_OF_RANGE
from wakeproof.explore.native.library import (
    Asymmetric,
    Program,
    Report,
    typed,
)
from wakeproof.explore.result import Exploration, Limits, Violation
from wakeproof.language.primitives import WentWrong
from wakeproof.language.values import Snapshot, Step
from wakeproof.util.resources import processors

SLICE = 0.1
"""Seconds between two looks at limits, interrupts and progress."""

SAVE_EVERY = float(os.environ.get("WAKEPROOF_SAVE_EVERY", "10"))
"""Seconds between two checkpoints, which may take a tenth of the time."""
LONG = 5.0
"""Seconds after which a run is worth a better compilation."""

NOTHING = 0xFFFFFFFF
UNDER_WAY, COMPLETE, MAX_STATES, BOUND, NO_MEMORY = range(5)
MOST_STATES = 1 << 31
SAMPLE = 100
"""States that are asked whether the order of members matters: early in a search, and at its end."""
MEMORY_SHARE = 0.8
"""How much of the machine's memory a search on all processors may use."""


def explore(
    program: Program,
    limits: Limits,
    progress: Callable[[Exploration], None] | None = None,
    *,
    threads: int = 1,
    began: float | None = None,
    checkpoint: Checkpoint | None = None,
) -> Exploration:
    """Explore every interleaving of the program's actions, as `explore.plain.explore` does.

    `began` is when the clock of the limits was started (`time.perf_counter`), now if None. With a
    `checkpoint` the search goes on from there, and is kept there. Raises
    `CompilerError` if the program cannot be compiled, `InputError` if the checkpoint cannot be
    used, `Asymmetric` if the program reduces what it must not. An interrupt ends the exploration
    with the limit `interrupted`; what was found stays.
    """
    search = Search(program, limits, threads, time.perf_counter() if began is None else began)
    try:
        if checkpoint is not None and checkpoint.exists():
            checkpoint.load(search.library, search.handle)
            search.look()
        search.run(progress, checkpoint)
        paths = _Paths(program, search)
        search.result.violations = paths.violations()
    finally:
        search.close()
    search.result.seconds = time.perf_counter() - search.began
    if checkpoint is not None and not search.result.limit:
        checkpoint.remove()
    return search.result


class Search:
    """One search of the library under way."""

    def __init__(self, program: Program, limits: Limits, threads: int, began: float) -> None:
        self.program = program
        self.library = program.library
        self.limits = limits
        self.began = began
        self.result = Exploration()
        self.report = Report()
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        share = MEMORY_SHARE * machine * min(1.0, threads / processors())
        self.memory = share if limits.memory is None else float(limits.memory)
        self.started = time.perf_counter()
        self.better: Background | None = None
        self.is_fast = program.is_fast()
        self.asked = 0
        initial = program.packing.to_bytes(program.packing.initial)
        most = MOST_STATES
        handle: int | None = None
        # addresses are only reserved, but a process may be held to fewer
        while handle is None and most >= 1 << 20:
            handle = self.library.wakeproof_new(
                initial,
                threads,
                MOST_STATES if limits.max_states is None else limits.max_states,
                -1 if limits.steps is None else limits.steps,
                most,
            )
            most >>= 1
        if handle is None:
            raise InputError("no memory for native code", hint="use --explorer plain")
        self.handle = handle

    def run(
        self,
        progress: Callable[[Exploration], None] | None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Until all is explored or a limit is reached."""
        next_save = time.perf_counter() + SAVE_EVERY
        try:
            status = UNDER_WAY
            while status == UNDER_WAY and not self.over_limit():
                self.hasten()
                status = self.library.wakeproof_run(self.handle, self.slice())
                self.look()
                if self.asked == 0:
                    self.check_symmetry()
                if progress is not None:
                    progress(self.result)
                if checkpoint is not None and time.perf_counter() > next_save:
                    before = time.perf_counter()
                    checkpoint.save(self.library, self.handle)
                    now = time.perf_counter()
                    next_save = now + max(SAVE_EVERY, 9 * (now - before))
        except KeyboardInterrupt:
            self.result.limit = "interrupted"
        if checkpoint is not None and self.report.status == UNDER_WAY:
            checkpoint.save(self.library, self.handle)
        self.check_symmetry()

    def hasten(self) -> None:
        """Have better code made where the run turns out to be long, and go on with it."""
        if self.is_fast or time.perf_counter() - self.started < LONG:
            return
        if self.better is None:
            with contextlib.suppress(OSError):
                self.better = Background(self.program.text)
            self.is_fast = self.better is None
        elif self.better.process.poll() is not None:
            # the search is one thing in memory, whoever works on it
            library = self.better.take()
            self.library = self.library if library is None else typed(library)
            self.is_fast = True

    def slice(self) -> float:
        """Seconds to go on until the next look."""
        if self.limits.timeout is None:
            return SLICE
        left = self.began + self.limits.timeout - time.perf_counter()
        return max(0.0, min(SLICE, left))

    def over_limit(self) -> bool:
        """Whether the time or the memory is used up; says so."""
        timeout = self.limits.timeout
        if timeout is not None and time.perf_counter() - self.began > timeout:
            self.result.limit = f"timeout {timeout:g} s"
        elif self.report.bytes > self.memory:
            self.result.limit = f"memory {self.memory / 2**20:.0f} MiB"
        return bool(self.result.limit)

    def look(self) -> None:
        """Take over how far the search is."""
        self.library.wakeproof_report(self.handle, ctypes.byref(self.report))
        report, result = self.report, self.result
        result.states, result.transitions = report.states, report.transitions
        result.depth, result.queue = report.depth, report.queue
        result.load, result.memory = report.load, report.bytes
        result.seconds = time.perf_counter() - self.began
        if report.status == MAX_STATES:
            result.limit = f"max-states {self.limits.max_states}"
        elif report.status == BOUND and report.limit_site == OUT_OF_RANGE:
            result.limit = "a number of the model is too large for native code"
        elif report.status == BOUND:
            _, site = self.program.emitted.sites[report.limit_site]
            result.limit = f"the bound on {site} is too small"
        elif report.status == NO_MEMORY:
            result.limit = "memory"

    def state(self, number: int) -> Snapshot:
        """The state with this number."""
        cells = ctypes.create_string_buffer(self.program.packing.length)
        self.library.wakeproof_state(self.handle, number, cells)
        return self.program.packing.to_snapshot(cells.raw)

    def check_symmetry(self) -> None:
        """Ask some of the states that were found; raises `Asymmetric`."""
        if self.program.emitted.symmetry is not None and self.asked < self.result.states:
            numbers = range(self.asked, self.result.states)
            step = max(1, len(numbers) // SAMPLE)
            self.asked = 0 if self.asked else self.result.states
            if not self.program.is_symmetric(self.state(n) for n in numbers[::step]):
                raise Asymmetric

    def close(self) -> None:
        """Give the memory back."""
        self.library.wakeproof_free(self.handle)
        if self.better is not None:
            self.better.stop()


def _is_site(outcome: Snapshot | tuple[str, str]) -> bool:
    """Whether a step went wrong: its outcome is (kind, site)."""
    return bool(outcome) and isinstance(outcome[0], str)


class _Paths:
    """Rebuilds the paths to what was found, step by step in plain Python."""

    def __init__(self, program: Program, search: Search) -> None:
        self.machine = program.machine
        self.listing = enumerators(program.machine, program.actions)
        self.program = program
        self.search = search
        self.path = functools.cache(self._path)
        self.outcomes = functools.lru_cache(maxsize=1000)(self._outcomes)

    def violations(self) -> dict[tuple[str, str], Violation]:
        """The violations in the order in which they happen first."""
        library, handle = self.search.library, self.search.handle
        found: list[tuple[tuple[int, int, int], tuple[str, str], Violation]] = []
        for i, property_id in enumerate(self.program.emitted.invariants):
            number = library.wakeproof_property(handle, i)
            if number != NOTHING:
                path, place, _ = self.path(number)
                violation = Violation("invariant", "", path)
                found.append(((*place, i), (property_id, ""), violation))
        for i, (kind, site) in enumerate(self.program.emitted.sites):
            number = library.wakeproof_site(handle, i)
            if number != NOTHING:
                rank, step, _ = self.first(number, (kind, site))
                path, _, _ = self.path(number)
                found.append(
                    ((number, rank, 0), (kind, site), Violation(kind, site, (*path, step)))
                )
        return {key: violation for _, key, violation in sorted(found, key=lambda f: f[0])}

    def _path(self, number: int) -> tuple[tuple[Step, ...], tuple[int, int], Snapshot]:
        """The steps to a state, where the last one stands (number of its parent, rank), its end.

        The end is the state with this number; with symmetry, one that is like it.
        """
        parent = self.search.library.wakeproof_parent(self.search.handle, number)
        if parent == NOTHING:
            return (), (-1, 0), self.program.packing.initial
        rank, step, end = self.first(parent, self.search.state(number))
        return (*self.path(parent)[0], step), (parent, rank), cast("Snapshot", end)

    def first(
        self, number: int, wanted: Snapshot | tuple[str, str]
    ) -> tuple[int, Step, Snapshot | tuple[str, str]]:
        """The first step from a state with this outcome, its rank among the possible ones, and
        what exactly it leads to."""
        for rank, (step, outcome) in enumerate(self.outcomes(number)):
            found = outcome
            if self.program.emitted.symmetry is not None and not _is_site(outcome):
                found = self.program.canonical(cast("Snapshot", outcome))
            if found == wanted:
                return rank, step, outcome
        raise InputError(
            f"native code and plain Python differ after state {number}: a bug of this tool",
            hint="use --explorer plain, and report it",
        )

    def _outcomes(self, number: int) -> list[tuple[Step, Snapshot | tuple[str, str]]]:
        """Every step from a state and its outcome."""
        machine, state = self.machine, self.path(number)[2]
        machine.load(state)
        possible = [(n, a, f) for n, listing, f in self.listing for a in listing()]
        outcomes: list[tuple[Step, Snapshot | tuple[str, str]]] = []
        for name, arguments, function in possible:
            machine.load(state)
            try:
                function(*arguments)
            except WentWrong as wrong:
                outcomes.append((Step(name, arguments), (wrong.kind, wrong.site)))
            else:
                outcomes.append((Step(name, arguments), machine.save()))
        return outcomes
