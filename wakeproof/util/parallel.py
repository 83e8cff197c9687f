"""Run jobs in worker processes; an interrupt keeps the results of the jobs that have ended."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from typing import TypeVar

from wakeproof.errors import Exit, InputError
from wakeproof.util.resources import processors

J = TypeVar("J")
R = TypeVar("R")


@contextmanager
def workers(most: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool for `map_jobs`: a process for each processor, at most `most` of them.

    A process keeps what it has read (models, for example) from one job to the next. It imports
    nothing from the working folder.
    """
    with (
        _safe_path(),
        ProcessPoolExecutor(
            max_workers=max(1, min(processors(), most or processors())),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
        ) as pool,
    ):
        yield pool


def map_jobs(
    run: Callable[[J], R],
    jobs: Sequence[J],
    on_done: Callable[[R], None],
    pool: ProcessPoolExecutor | None = None,
) -> bool:
    """Run every job in a worker process; call `on_done` with each result as soon as it is there.

    Returns False if an interrupt ended the run. Without a `pool` it starts new workers. Raises
    what a job raises, and `InputError` if a worker is killed.
    """
    with nullcontext(pool) if pool is not None else workers(len(jobs)) as pool:
        left: set[Future[R]] = set()
        try:
            left = {pool.submit(run, job) for job in jobs}
            while left:
                finished, left = wait(left, return_when=FIRST_COMPLETED)
                for future in finished:
                    on_done(future.result())
        except KeyboardInterrupt:
            _kill(pool)
            return False
        except BrokenProcessPool:
            raise InputError(
                "a worker process was killed",
                hint="if memory ran out, limit the run or use fewer processors",
                status=Exit.UNKNOWN,
            ) from None
        except BaseException:
            for future in left:
                future.cancel()
            raise
    return True


@contextmanager
def _safe_path() -> Iterator[None]:
    """Keep the working folder off the path of the interpreters that start inside the block.

    A worker would run a `pickle.py` or `types.py` that lies there.
    """
    name = "PYTHONSAFEPATH"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _begin() -> None:
    """Prepare a worker: the main process handles interrupts, and no worker outlives it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _kill(pool: ProcessPoolExecutor) -> None:
    for process in list(getattr(pool, "_processes", {}).values()):
        process.terminate()
