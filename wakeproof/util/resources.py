"""Processors and memory of this machine; pauses of the garbage collector."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def kept_until_the_end() -> Iterator[None]:
    """What is garbage is looked for at the end only, and where `gc.collect` is called.

    Looking for it again and again takes a third of the time in which terms and clauses are made.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
        gc.collect()
