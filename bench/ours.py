"""Measure Wakeproof's native search on a rung, in this process."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bench.ladder import VERSION
from wakeproof.explore.native import search as native
from wakeproof.explore.native.compiler import Background
from wakeproof.explore.native.library import Program
from wakeproof.explore.result import Exploration, Limits
from wakeproof.language.model import BUNDLED
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import ROLES

MARKS = (1_000_000, 10_000_000, 50_000_000, 100_000_000)
"""States at which a long run is measured."""


def fast(program: Program) -> Program:
    """Return a program with its library for long runs compiled and loaded."""
    if not program.is_fast():
        compiling = Background(program.text)
        compiling.finish()
        compiling.stop()
    assert program.library
    return program


def measured(path: Path, threads: int, most: int | None) -> dict[str, Any]:
    """Return the states, seconds, processor seconds and bytes for each state of a search.

    `marks` are pairs of states and seconds at the `MARKS`. All reductions are off, and the library
    for long runs is compiled before the clock starts. The search ends after `most` states, if that
    is not None.
    """
    instance = Instance(read_scenario(path), dict.fromkeys(ROLES, VERSION), BUNDLED)
    program = fast(Program(instance.machine(), instance.actions))
    search = native.Search(program, Limits(max_states=most), threads, time.perf_counter())
    before = time.process_time()
    marks: list[tuple[int, float]] = []

    def mark(found: Exploration) -> None:
        if len(marks) < len(MARKS) and found.states >= MARKS[len(marks)]:
            marks.append((found.states, time.perf_counter() - search.began))

    search.run(mark)
    seconds = time.perf_counter() - search.began
    report = search.report
    found = {
        "states": report.states,
        "seconds": seconds,
        "processor": time.process_time() - before,
        "table": report.bytes / report.states,
        "marks": marks,
    }
    search.close()
    return found
