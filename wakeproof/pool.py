"""Many jobs on all processors; what is done stays done."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from wakeproof.errors import InputError
from wakeproof.processors import processors

J = TypeVar("J")
R = TypeVar("R")


def map_jobs(run: Callable[[J], R], jobs: Sequence[J], on_done: Callable[[R], None]) -> bool:
    """Run every job in a worker process, `on_done` as soon as one ends; False if interrupted.

    Raises what a job raises, and `InputError` if a worker is killed.
    """
    with ProcessPoolExecutor(
        max_workers=max(1, min(processors(), len(jobs))),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_ignore_interrupts,
    ) as pool:
        left: set[Future[R]] = {pool.submit(run, job) for job in jobs}
        try:
            while left:
                finished, left = wait(left, return_when=FIRST_COMPLETED)
                for future in finished:
                    on_done(future.result())
        except KeyboardInterrupt:
            for future in left:
                future.cancel()
            _kill(pool)
            return False
        except BrokenProcessPool:
            raise InputError("a worker process was killed", mend="lower --max-states") from None
        except BaseException:
            for future in left:
                future.cancel()
            raise
    return True


def _ignore_interrupts() -> None:
    """Workers leave an interrupt to the main process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _kill(pool: ProcessPoolExecutor) -> None:
    for process in list(getattr(pool, "_processes", {}).values()):
        process.terminate()
