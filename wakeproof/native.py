"""Exhaustive exploration in native code: the plain explorer's results, much sooner.

The model's functions are written out as C (`emit_c`), the search around them is `explorer.c`.
Everything that is reported equals what `wakeproof.explore` reports, whatever the number of
threads. Paths are rebuilt from the states on them by plain Python, which thereby takes every
step of every trace again.
"""

from __future__ import annotations

import ctypes
import functools
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from wakeproof.compiler import library_path, load
from wakeproof.emit_c import OUT_OF_RANGE, Emitted, emit
from wakeproof.enabled import enumerators
from wakeproof.errors import InputError
from wakeproof.explore import Exploration, Limits, Violation
from wakeproof.language import WentWrong
from wakeproof.machine import Machine, Snapshot, Step
from wakeproof.processors import processors
from wakeproof.reader import Resolved

SLICE = 0.1
"""Seconds between two looks at limits, interrupts and progress."""

NOTHING = 0xFFFFFFFF
UNDER_WAY, COMPLETE, MAX_STATES, BOUND, NO_MEMORY = range(5)
MOST_STATES = 1 << 31
MEMORY_SHARE = 0.8
"""How much of the machine's memory a search on all processors may use."""


SIGNATURES = {
    "new": ("P", "pIQqQ"),
    "run": ("i", "Pd"),
    "stop": ("-", "P"),
    "report": ("-", "PP"),
    "property": ("I", "PI"),
    "site": ("I", "PI"),
    "parent": ("I", "PI"),
    "state": ("-", "PIP"),
    "successors": ("I", "pPP"),
    "broken": ("Q", "p"),
    "free": ("-", "P"),
}
"""The functions of explorer.c: what they give and take."""


class Report(ctypes.Structure):
    """`struct report` of explorer.c."""

    _fields_ = (
        ("states", ctypes.c_uint64),
        ("transitions", ctypes.c_uint64),
        ("queue", ctypes.c_uint64),
        ("nodes", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("largest_layer", ctypes.c_uint64),
        ("depth", ctypes.c_int64),
        ("load", ctypes.c_double),
        ("status", ctypes.c_int32),
        ("limit_site", ctypes.c_uint32),
    )


class Program:
    """One machine as C text, for some of its actions; compiled when it is first used.

    Raises `Unsupported` if the model has no place in native code.
    """

    def __init__(self, machine: Machine, actions: Sequence[str] | None) -> None:
        self.emitted: Emitted = emit(machine, actions)
        self.packing = self.emitted.packing
        engine = Path(__file__).with_name("explorer.c").read_text(encoding="utf-8")
        self.text = self.emitted.text + engine

    def is_compiled(self) -> bool:
        """Whether the library is in the cache. Raises `CompilerError` without a compiler."""
        return library_path(self.text).exists()

    @functools.cached_property
    def library(self) -> ctypes.CDLL:
        """The library, its functions typed. Raises `CompilerError` if it cannot be had."""
        library = load(self.text)
        kinds = {
            "P": ctypes.c_void_p,
            "p": ctypes.c_char_p,
            "I": ctypes.c_uint32,
            "Q": ctypes.c_uint64,
            "q": ctypes.c_int64,
            "d": ctypes.c_double,
            "i": ctypes.c_int,
            "-": None,
        }
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(library, f"wakeproof_{name}")
            function.restype = kinds[result]
            function.argtypes = [kinds[a] for a in arguments]
        return library

    def successors(self, state: Snapshot) -> list[Snapshot | tuple[str, str]]:
        """What every step that is possible leads to, in order: a state, or (kind, site)."""
        size = max(1, len(self.packing.cells))
        states = ctypes.create_string_buffer(size * (self.emitted.branching + 1))
        wrong = (ctypes.c_uint16 * (self.emitted.branching + 1))()
        count = self.library.wakeproof_successors(self.packing.to_bytes(state), states, wrong)
        rows = (states.raw[i * size : (i + 1) * size] for i in range(count))
        return [
            self.emitted.sites[number] if number else self.packing.to_snapshot(row)
            for row, number in zip(rows, wrong[:count], strict=True)
        ]

    def broken(self, state: Snapshot) -> set[str]:
        """The properties whose invariants fail in a state."""
        bits = self.library.wakeproof_broken(self.packing.to_bytes(state))
        return {name for i, name in enumerate(self.emitted.invariants) if bits >> i & 1}


def explore(
    program: Program,
    machine: Machine,
    resolved: Resolved,
    actions: Sequence[str] | None,
    limits: Limits,
    progress: Callable[[Exploration], None] | None = None,
    *,
    threads: int = 1,
    began: float | None = None,
) -> Exploration:
    """Explore every interleaving of `actions` (all, if None), as `wakeproof.explore.explore` does.

    `program` is that of the same machine and actions; `began` is when the clock of the limits
    was started, now if None. Raises `CompilerError` if the program cannot be compiled. An
    interrupt ends the exploration with the limit `interrupted`; what was found stays.
    """
    search = Search(program, limits, threads, time.perf_counter() if began is None else began)
    try:
        search.run(progress)
        paths = _Paths(machine, resolved, actions, program, search)
        search.result.violations = paths.violations()
    finally:
        search.close()
    search.result.seconds = time.perf_counter() - search.began
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
        self.memory = MEMORY_SHARE * machine * min(1.0, threads / processors())
        initial = program.packing.to_bytes(program.packing.initial)
        most = MOST_STATES
        self.handle = None
        # addresses are only reserved, but a process may be held to fewer
        while self.handle is None and most >= 1 << 20:
            self.handle = self.library.wakeproof_new(
                initial,
                threads,
                MOST_STATES if limits.max_states is None else limits.max_states,
                -1 if limits.steps is None else limits.steps,
                most,
            )
            most >>= 1
        if self.handle is None:
            raise InputError("no memory for native code", mend="use --explorer plain")

    def run(self, progress: Callable[[Exploration], None] | None) -> None:
        """Until all is explored or a limit is reached."""
        try:
            status = UNDER_WAY
            while status == UNDER_WAY and not self.over_limit():
                status = self.library.wakeproof_run(self.handle, self.slice())
                self.look()
                if progress is not None:
                    progress(self.result)
        except KeyboardInterrupt:
            self.result.limit = "interrupted"
        if self.report.status in (UNDER_WAY, NO_MEMORY):
            self.library.wakeproof_stop(self.handle)
            self.look()

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
        result.load = report.load
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
        cells = ctypes.create_string_buffer(max(1, len(self.program.packing.cells)))
        self.library.wakeproof_state(self.handle, number, cells)
        return self.program.packing.to_snapshot(cells.raw)

    def close(self) -> None:
        """Give the memory back."""
        self.library.wakeproof_free(self.handle)


class _Paths:
    """Rebuilds the paths to what was found, step by step in plain Python."""

    def __init__(
        self,
        machine: Machine,
        resolved: Resolved,
        actions: Sequence[str] | None,
        program: Program,
        search: Search,
    ) -> None:
        self.machine = machine
        self.listing = enumerators(machine, resolved.trees, actions)
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
                path, place = self.path(number)
                violation = Violation("invariant", "", path)
                found.append(((*place, i), (property_id, ""), violation))
        for i, (kind, site) in enumerate(self.program.emitted.sites):
            number = library.wakeproof_site(handle, i)
            if number != NOTHING:
                rank, step = self.first(number, (kind, site))
                path, _ = self.path(number)
                found.append(
                    ((number, rank, 0), (kind, site), Violation(kind, site, (*path, step)))
                )
        return {key: violation for _, key, violation in sorted(found, key=lambda f: f[0])}

    def _path(self, number: int) -> tuple[tuple[Step, ...], tuple[int, int]]:
        """The steps to a state, and where the last one stands: (number of its parent, rank)."""
        parent = self.search.library.wakeproof_parent(self.search.handle, number)
        if parent == NOTHING:
            return (), (-1, 0)
        rank, step = self.first(parent, self.search.state(number))
        path, _ = self.path(parent)
        return (*path, step), (parent, rank)

    def first(self, number: int, wanted: Snapshot | tuple[str, str]) -> tuple[int, Step]:
        """The first step from a state with this outcome, and its rank among the possible ones."""
        for rank, (step, outcome) in enumerate(self.outcomes(number)):
            if outcome == wanted:
                return rank, step
        raise InputError(
            f"native code and plain Python differ after state {number}: a bug of this tool",
            mend="use --explorer plain, and report it",
        )

    def _outcomes(self, number: int) -> list[tuple[Step, Snapshot | tuple[str, str]]]:
        """Every step from a state and its outcome."""
        machine, state = self.machine, self.search.state(number)
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
