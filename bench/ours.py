"""Our own search on a rung, in this process."""

from __future__ import annotations

import time
from pathlib import Path

from bench.ladder import VERSION
from wakeproof import native
from wakeproof.check import Bound
from wakeproof.content import MODEL
from wakeproof.explore import Limits
from wakeproof.scenario import ROLES, read_scenario


def measured(path: Path, threads: int) -> dict[str, float]:
    """States, transitions, seconds of the search, and bytes a state of its tables.

    All reductions are off, and the library is there before the clock starts.
    """
    bound = Bound(read_scenario(path), dict.fromkeys(ROLES, VERSION), MODEL)
    program = native.Program(bound.machine(), bound.actions)
    assert program.library
    search = native.Search(program, Limits(), threads, time.perf_counter())
    search.run(None)
    seconds = time.perf_counter() - search.began
    report = search.report
    found = {
        "states": report.states,
        "transitions": report.transitions,
        "seconds": seconds,
        "table": report.bytes / report.states,
    }
    search.close()
    return found
