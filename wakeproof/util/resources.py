"""Processors of this machine, and when the garbage collector works."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager


def processors() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def collect_rarely() -> None:
    """Have the cyclic garbage collector look at new objects in hundreds of thousands.

    Programs are many small objects that stay, and it would look through all of them time and again.
    """
    gc.set_threshold(100_000)


@contextmanager
def gc_paused() -> Iterator[None]:
    """Disable the cyclic garbage collector inside the block; collect once at its end.

    The collector takes a third of the time in which terms and clauses are made.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
        gc.collect()
