"""Exhaustive exploration in native code, with the same results as the plain explorer.

`emit_c` writes the model's functions as C, and `explorer.c` is the search around them. The result
equals that of `explore.plain` for any number of threads. Plain Python rebuilds the paths from their
states, and so takes every step of every trace again.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

from wakeproof.errors import InputError
from wakeproof.execution.enabled_steps import Outcome, enumerators, is_site, outcomes
from wakeproof.explore.coverage import tested_progress
from wakeproof.explore.native.agreement import Disagreement, difference, sample
from wakeproof.explore.native.checkpoint import Checkpoint, FullDisk
from wakeproof.explore.native.compiler import Background
from wakeproof.explore.native.emit_c import OUT_OF_RANGE
from wakeproof.explore.native.library import Asymmetric, Program, Report, typed
from wakeproof.explore.native.state_graph import fair_runs, memory_of, state_graph
from wakeproof.explore.progress.decide import decide
from wakeproof.explore.progress.graph import WORD, words
from wakeproof.explore.result import (
    INTERRUPTED,
    Coverage,
    Exploration,
    Limits,
    Progress,
    Violation,
    cut_by,
)
from wakeproof.language.values import Snapshot, Step
from wakeproof.util.environment import seconds_of
from wakeproof.util.resources import processors

SLICE = 0.1
"""Seconds between two checks of limits, interrupts and progress."""

SAVE_EVERY = 10.0
"""Least seconds between two checkpoints, unless WAKEPROOF_SAVE_EVERY says otherwise; they take at
most a tenth of the time."""
LONG = 5.0
"""Seconds after which a run is recompiled with better options."""

NOTHING = 0xFFFFFFFF
UNDER_WAY, COMPLETE, MAX_STATES, BOUND, NO_MEMORY, NO_DISK = range(6)
RESUMABLE = (UNDER_WAY, NO_MEMORY, NO_DISK)
MOST_STATES = 1 << 31
SAMPLE = 100
"""States in which the symmetry is checked, early in a search and again at its end."""
MEMORY_SHARE = 0.8
"""Share of the machine's memory that a search on all processors may use."""
SLOT = 8
"""The most bytes of memory for the slot of a state in the table."""


def explore(
    program: Program,
    limits: Limits,
    progress: Progress | None = None,
    *,
    threads: int = 1,
    began: float | None = None,
    checkpoint: Checkpoint | None = None,
    runs: int = 1,
) -> Exploration:
    """Explore every interleaving of the program's actions, as `explore.plain.explore` does.

    `began` is the start of the limits' clock (`time.perf_counter`), now if None. With a
    `checkpoint` the search resumes from it and saves to it. An interrupt ends the exploration with
    the limit `interrupted` and keeps its result. In a sample of its states, or of those of all the
    `runs` of its text, plain Python takes every step too. Raises `CompilerError` if the program
    cannot be compiled, `InputError` if the checkpoint cannot be used, `Asymmetric` if the program
    reduces by symmetry although the order of members matters, `Disagreement` if a state of the
    sample has other steps, outcomes or invariants in plain Python.
    """
    search = Search(program, limits, threads, time.perf_counter() if began is None else began)
    try:
        if checkpoint is not None and checkpoint.exists():
            checkpoint.load(search.library, search.handle, program.layout)
            search.read_report()
        search.run(progress, checkpoint)
        paths = _Paths(program, search)
        paths.compare(runs)
        search.result.violations = paths.violations()
        search.cover()
        search.decide(paths)
    finally:
        search.close()
    search.result.seconds = time.perf_counter() - search.began
    if checkpoint is not None and not search.result.limit:
        checkpoint.remove()
    return search.result


class Search:
    """A search of the library in progress. `close` frees its memory, and its file on disk.

    Raises `InputError` without room for it.
    """

    def __init__(self, program: Program, limits: Limits, threads: int, began: float) -> None:
        self.program = program
        self.library = program.library
        self.limits = limits
        self.threads = threads
        self.began = began
        self.result = Exploration()
        self.report = Report()
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        share = MEMORY_SHARE * machine * min(1.0, threads / processors())
        self.memory = share if limits.memory is None else float(limits.memory)
        self.started = time.perf_counter()
        self.compiling: Background | None = None
        self.is_fast = program.is_fast()
        self.checked = 0
        self.file = None if limits.disk is None else _file_in(limits.disk)
        initial = program.layout.to_bytes(program.layout.initial)
        most = MOST_STATES
        handle: int | None = None
        # only addresses are reserved, but a process may have a limit on them
        while handle is None and most >= 1 << 20:
            handle = self.library.wakeproof_new(
                initial,
                threads,
                MOST_STATES if limits.max_states is None else limits.max_states,
                -1 if limits.steps is None else limits.steps,
                most,
                -1 if self.file is None else self.file.fileno(),
                int(self.memory),
            )
            most >>= 1
        if handle is None and self.file is not None:
            self.file.close()
            raise InputError(
                f"no memory for native code, or no room in {limits.disk}",
                hint="name another folder with --disk",
            )
        if handle is None:
            raise InputError("no memory for native code", hint="use --explorer plain")
        self.handle = handle

    def run(self, progress: Progress | None, checkpoint: Checkpoint | None = None) -> None:
        """Search until all is explored or a limit is reached."""
        save_every = seconds_of("WAKEPROOF_SAVE_EVERY", SAVE_EVERY)
        next_save = time.perf_counter() + save_every
        try:
            status = UNDER_WAY
            while status == UNDER_WAY and not self.over_limit():
                self.recompile_if_long()
                status = self.library.wakeproof_run(self.handle, self.slice())
                self.read_report()
                if self.checked == 0:
                    self.check_symmetry()
                if progress is not None:
                    progress(self.result)
                if (
                    checkpoint is not None
                    and status == UNDER_WAY
                    and time.perf_counter() > next_save
                ):
                    before = time.perf_counter()
                    self.save(checkpoint)
                    now = time.perf_counter()
                    next_save = now + max(save_every, 9 * (now - before))
        except KeyboardInterrupt:
            self.result.limit = INTERRUPTED
        if checkpoint is not None and self.report.status in RESUMABLE:
            self.save(checkpoint)
        self.check_symmetry()

    def save(self, checkpoint: Checkpoint) -> None:
        """Save to a checkpoint. On a full disk the one before stays, and the search ends."""
        try:
            checkpoint.save(self.library, self.handle)
        except FullDisk:
            self.result.limit = f"disk {checkpoint.folder} is full"

    def recompile_if_long(self) -> None:
        """Once a run is long, compile in the background and switch to the faster library."""
        if self.is_fast or time.perf_counter() - self.started < LONG:
            return
        if self.compiling is None:
            with contextlib.suppress(OSError):
                self.compiling = Background(self.program.text)
            self.is_fast = self.compiling is None
        elif self.compiling.process.poll() is not None:
            # both libraries lay the search out in memory in the same way
            library = self.compiling.take()
            self.library = self.library if library is None else typed(library)
            self.is_fast = True

    def slice(self) -> float:
        """Return the seconds until the next check of limits."""
        if self.limits.timeout is None:
            return SLICE
        left = self.began + self.limits.timeout - time.perf_counter()
        return max(0.0, min(SLICE, left))

    def over_limit(self) -> bool:
        """Return whether the time or the memory is used up; set the limit of the result."""
        timeout = self.limits.timeout
        if timeout is not None and time.perf_counter() - self.began > timeout:
            self.result.limit = f"timeout {timeout:g} s"
        elif self.report.bytes > self.memory:
            self.result.limit = f"memory {self.memory / 2**20:.0f} MiB"
        return bool(self.result.limit)

    def read_report(self) -> None:
        """Copy the counters of the library into the result."""
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
        elif report.status == NO_DISK:
            result.limit = f"disk {self.limits.disk} is full"

    def state(self, number: int) -> Snapshot:
        """Return the state with this number."""
        cells = ctypes.create_string_buffer(self.program.layout.length)
        self.library.wakeproof_state(self.handle, number, cells)
        return self.program.layout.to_snapshot(cells.raw)

    def cover(self) -> None:
        """Note what was put to the test, unless a limit ended the search."""
        if self.result.limit:
            return
        emitted = self.program.emitted
        taken = (ctypes.c_uint64 * words(len(emitted.actions)))()
        ran = (ctypes.c_uint64 * words(len(emitted.sited)))()
        self.library.wakeproof_covered(self.handle, taken, ran)
        tested = {
            property_id
            for i, property_id in enumerate(emitted.tests, len(emitted.invariants))
            if self.library.wakeproof_property(self.handle, i) != NOTHING
        }
        self.result.coverage = Coverage(
            _named(emitted.actions, list(taken)),
            _named(emitted.sited, list(ran)),
            frozenset(self.program.machine.always_tested | tested),
        )

    def decide(self, paths: _Paths) -> None:
        """Decide what the program asks about progress, if every state was seen."""
        questions, result = self.program.questions, self.result
        if questions is None:
            return
        result.undecided = cut_by(False, self.limits, result)
        if not result.undecided and self.program.emitted.symmetry is not None:
            result.undecided = "the reduction by symmetry merges the members that it is about"
        needed = memory_of(questions, result.states, result.transitions, self.threads)
        if self.file is not None:
            needed += SLOT * result.states
        if not result.undecided and self.report.bytes + needed > self.memory:
            result.progress_limit = f"memory {self.memory / 2**20:.0f} MiB for its graph"
        if result.undecided or result.progress_limit:
            return
        try:
            if self.file is not None and not self.library.wakeproof_index(self.handle):
                raise MemoryError
            graph, result.undecided = state_graph(
                self.library, self.handle, questions, result.states, result.transitions
            )
            if not result.undecided:
                fair = functools.partial(fair_runs, threads=self.threads)
                found = decide(questions, graph, self.state, paths.steps_from, fair)
                result.violations.update(found)
                result.add_tested(tested_progress(questions, graph))
        except MemoryError:
            result.progress_limit = "memory for its graph"
        except KeyboardInterrupt:
            result.progress_limit = INTERRUPTED

    def check_symmetry(self) -> None:
        """Check the symmetry in a sample of the states. Raises `Asymmetric` where it fails."""
        if self.program.emitted.symmetry is not None and self.checked < self.result.states:
            numbers = range(self.checked, self.result.states)
            step = max(1, len(numbers) // SAMPLE)
            self.checked = 0 if self.checked else self.result.states
            if not self.program.is_symmetric(self.state(n) for n in numbers[::step]):
                raise Asymmetric

    def close(self) -> None:
        """Free the memory of the search, and its file."""
        self.library.wakeproof_free(self.handle)
        if self.file is not None:
            self.file.close()
        if self.compiling is not None:
            self.compiling.stop()


def _file_in(folder: Path) -> BinaryIO:
    """Make a file without a name, which is gone when this process ends, in a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return cast("BinaryIO", tempfile.TemporaryFile(dir=folder, buffering=0))
    except OSError as error:
        raise InputError(
            f"no file can be made there: {error.strerror or error}",
            where=str(folder),
            hint="name another folder with --disk",
        ) from None


def _named(names: Sequence[str], bits: Sequence[int]) -> frozenset[str]:
    """Return the names whose bits are set in these words."""
    return frozenset(name for i, name in enumerate(names) if bits[i // WORD] >> i % WORD & 1)


class _Paths:
    """The paths to the violations, rebuilt step by step in plain Python."""

    def __init__(self, program: Program, search: Search) -> None:
        self.machine = program.machine
        self.listing = enumerators(program.machine, program.actions)
        self.program = program
        self.search = search
        self.path = functools.cache(self._path)
        self.outcomes = functools.lru_cache(maxsize=1000)(self._outcomes)

    def compare(self, runs: int) -> None:
        """Compare a sample of the states with plain Python. Raises `Disagreement`."""
        for number in sample(self.search.result.states, runs):
            state = self.search.state(number)
            if found := difference(self.program, self.search.library, self.listing, state):
                raise Disagreement(found, self.path(number)[0])

    def steps_from(self, state: Snapshot) -> list[tuple[Step, Outcome]]:
        """List every enabled step from a state with its outcome."""
        return outcomes(self.machine, self.listing, state)

    def violations(self) -> dict[tuple[str, str], Violation]:
        """Return the violations in the order of their first occurrence."""
        library, handle = self.search.library, self.search.handle
        found: list[tuple[tuple[int, int, int], tuple[str, str], Violation]] = []
        for i, property_id in enumerate(self.program.emitted.invariants):
            number = library.wakeproof_property(handle, i)
            if number != NOTHING:
                path, place, end = self.path(number)
                self.machine.load(end)
                if self.machine.invariants[property_id]():
                    raise Disagreement(
                        f"the invariant of the property {property_id} fails in native code alone",
                        path,
                    )
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
        """Return the steps to a state, the last one's place (its parent's number, rank), its end.

        The end is the state with this number; with symmetry, a state of the same orbit.
        """
        parent = self.search.library.wakeproof_parent(self.search.handle, number)
        if parent == NOTHING:
            return (), (-1, 0), self.program.layout.initial
        rank, step, end = self.first(parent, self.search.state(number))
        return (*self.path(parent)[0], step), (parent, rank), cast("Snapshot", end)

    def first(self, number: int, wanted: Outcome) -> tuple[int, Step, Outcome]:
        """Return the first step with this outcome: its rank, the step, and its exact outcome.

        With symmetry the exact outcome may be another state of the orbit that is wanted.
        """
        for rank, (step, outcome) in enumerate(self.outcomes(number)):
            found = outcome
            if self.program.emitted.symmetry is not None and not is_site(outcome):
                found = self.program.canonical(cast("Snapshot", outcome))
            if found == wanted:
                return rank, step, outcome
        what = f"{wanted[0]} at {wanted[1]}" if is_site(wanted) else "the next state"
        raise Disagreement(f"a step leads to {what} in native code alone", self.path(number)[0])

    def _outcomes(self, number: int) -> list[tuple[Step, Outcome]]:
        """List every enabled step from a state with its outcome."""
        return outcomes(self.machine, self.listing, self.path(number)[2])
