"""Run jobs in worker processes; an interrupt keeps the results of the jobs that have ended.

A process that is killed, for example because memory ran out, costs at most its own job. The
processes are those of this machine, or those of the workers of a cluster.
"""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from typing import Any, Generic, Protocol, TypeVar

from wakeproof.errors import Exit, InputError
from wakeproof.util.processes import end_with_parent
from wakeproof.util.resources import collect_rarely, processors

J = TypeVar("J")
R = TypeVar("R")

MOST_DEATHS = 8
"""So many processes may die before the first result is there."""

KILLED = "its worker process was killed twice"
"""The reason why a job has no result."""


class Stop(Exception):
    """Raised by a caller's `on_done`: ends the run as an interrupt does."""


class Workers(Protocol):
    """What runs jobs. A job whose process is killed has a `BrokenProcessPool` for a result."""

    @property
    def room(self) -> int:
        """The number of jobs that it takes now; at least one if it has none."""
        ...

    @property
    def again(self) -> int:
        """The number of jobs whose process was killed once that run at the same time."""
        ...

    @property
    def next(self) -> Hashable:
        """The worker that takes the next job, while there is `room`."""
        ...

    def submit(self, run: Callable[[J], R], job: J) -> Future[R]:
        """Take a job, while there is `room`."""
        ...

    def wait(self) -> list[Future[Any]]:
        """Wait until jobs have ended; return their results.

        Raises `InputError` if processes only die, and `Stop` if no more results can come.
        """
        ...

    def kill(self) -> None:
        """Kill the processes that have a job."""
        ...


class LocalWorkers:
    """Processes of this machine, each with a job at a time, so that a death is that of one job.

    A process keeps what it has read (models, for example) from one job to the next. It imports
    nothing from the working folder. A process that has died is replaced.
    """

    again = 1
    """A job that was killed may need all the memory."""

    def __init__(self, count: int) -> None:
        self.idle = [start_worker() for _ in range(count)]
        self.busy: dict[Future[Any], ProcessPoolExecutor] = {}
        self.results = self.deaths = 0

    @property
    def room(self) -> int:
        """The number of processes that have no job."""
        return len(self.idle)

    @property
    def next(self) -> Hashable:
        """The process that takes the next job."""
        return self.idle[-1]

    def submit(self, run: Callable[[J], R], job: J) -> Future[R]:
        """Run a job in a worker that is idle."""
        worker = self.idle.pop()
        try:
            future = worker.submit(run, job)
        except BrokenProcessPool:
            # it was killed without a job
            worker.shutdown()
            worker = start_worker()
            future = worker.submit(run, job)
        self.busy[future] = worker
        return future

    def wait(self) -> list[Future[Any]]:
        """Wait until jobs have ended, whose workers are idle then; return their results.

        Raises `InputError` if processes only die.
        """
        try:
            ended, _ = wait(self.busy, return_when=FIRST_COMPLETED)
        except RuntimeError as error:
            # an interrupt that comes while `wait` gives a lock back fails there
            if isinstance(error.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            raise
        for future in ended:
            worker = self.busy.pop(future)
            if isinstance(future.exception(), BrokenProcessPool):
                worker.shutdown()
                worker = start_worker()
                self.deaths += 1
            else:
                self.results += 1
            self.idle.append(worker)
        if not self.results:
            refuse_deaths(self.deaths)
        return list(ended)

    def kill(self) -> None:
        """Kill the processes that have a job."""
        for worker in self.busy.values():
            kill_worker(worker)

    def close(self) -> None:
        """End all processes, after their jobs."""
        workers = (*self.idle, *self.busy.values())
        # a worker that does not wait forgets its thread, and one that runs on at the exit of the
        # interpreter fails there
        threads = [getattr(worker, "_executor_manager_thread", None) for worker in workers]
        for worker in workers:
            worker.shutdown(wait=False, cancel_futures=True)
        for thread in threads:
            if thread is not None:
                thread.join()


@contextmanager
def workers(most: int | None = None, given: Workers | None = None) -> Iterator[Workers]:
    """Yield workers for `map_jobs`: one for each processor, at most `most` of them.

    If there are `given` ones, it yields these.
    """
    if given is not None:
        yield given
        return
    count = max(1, min(processors(), most or processors()))
    # what starts with the workers, or in the place of a dead one, starts inside the block too
    with safe_path(), closing(LocalWorkers(count)) as found:
        yield found


def map_jobs(
    run: Callable[[J], R],
    jobs: Sequence[J],
    on_done: Callable[[R], None],
    pool: Workers | None = None,
    on_lost: Callable[[J], None] | None = None,
    alike: Callable[[J], Hashable] | None = None,
) -> bool:
    """Run every job in a worker process; call `on_done` with each result as soon as it is there.

    Jobs that are `alike`, as this gives the same for both, run in the same process as far as none
    is idle: it keeps what it made for one.

    A job whose process is killed is run once more, after all others, and alone on this machine; if
    it is killed again, `on_lost` is called with it. Returns False if an interrupt or `Stop` ended
    the run, and without `on_lost`, after a warning, if a job was lost. Without a `pool` it starts
    new workers. Raises what a job raises, and `InputError` if processes only die.
    """
    lost: list[J] = []
    twice: list[J] = []
    with workers(len(jobs), pool) as pool:
        try:
            _map(run, Waiting(jobs, alike), on_done, pool, lost.append, len(jobs))
            _map(run, Waiting(lost), on_done, pool, twice.append, pool.again)
        except (KeyboardInterrupt, Stop):
            pool.kill()
            return False
    for job in twice:
        if on_lost is not None:
            on_lost(job)
    if twice and on_lost is None:
        logging.getLogger("wakeproof").warning(
            "wakeproof: %d of %d jobs are left out: the worker process of each was killed twice; "
            "if memory ran out, limit the run or use fewer processors",
            len(twice),
            len(jobs),
        )
    return not twice or on_lost is not None


class Waiting(Generic[J]):
    """Jobs that wait for a worker, in groups of those that are alike."""

    def __init__(self, jobs: Sequence[J], alike: Callable[[J], Hashable] | None = None) -> None:
        self.groups: dict[Hashable, deque[J]] = {}
        for number, job in enumerate(jobs):
            key = number if alike is None else alike(job)
            self.groups.setdefault(key, deque()).append(job)
        self.of: dict[Hashable, Hashable] = {}

    def take(self, worker: Hashable) -> J:
        """Take a job for a worker: like its last one, else of a group that no worker has begun.

        If every group has been begun it is the last one of the largest. Raises `IndexError` if no
        job waits.
        """
        if not self.groups:
            raise IndexError("no job waits")
        key = self.of.get(worker)
        is_own = key in self.groups
        if not is_own:
            begun = set(self.of.values())
            new = [key for key in itertools.islice(self.groups, len(begun) + 1) if key not in begun]
            key = new[0] if new else max(self.groups, key=lambda key: len(self.groups[key]))
            if is_own := bool(new):
                self.of[worker] = key
        group = self.groups[key]
        job = group.popleft() if is_own else group.pop()
        if not group:
            del self.groups[key]
        return job


def _map(
    run: Callable[[J], R],
    waiting: Waiting[J],
    on_done: Callable[[R], None],
    pool: Workers,
    on_lost: Callable[[J], None],
    most: int,
) -> None:
    """Run every job once, at most `most` at the same time."""
    of: dict[Future[R], J] = {}
    ended: list[Future[R]] = []
    while True:
        # the workers go on before the results are looked at
        while waiting.groups and pool.room and len(of) - len(ended) < most:
            job = waiting.take(pool.next)
            of[pool.submit(run, job)] = job
        for future in ended:
            job = of.pop(future)
            if isinstance(future.exception(), BrokenProcessPool):
                on_lost(job)
            else:
                on_done(future.result())
        if not of:
            return
        ended = pool.wait()


def refuse_deaths(number: int) -> None:
    """Raise `InputError` if so many processes died before the first result are too many."""
    if number > MOST_DEATHS:
        raise InputError(
            f"{number} worker processes died and none had a result",
            hint="use fewer processors, limit the run, or call it below "
            "`if __name__ == '__main__'`",
            status=Exit.UNKNOWN,
        )


def start_worker() -> ProcessPoolExecutor:
    """Return a process that runs jobs, and starts with the first of them.

    It ends with the thread that hands it this job.
    """
    return ProcessPoolExecutor(
        max_workers=1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(os.getpid(),),
    )


def kill_worker(worker: ProcessPoolExecutor) -> None:
    """Kill the process of a worker."""
    for process in list((getattr(worker, "_processes", None) or {}).values()):
        process.kill()


@contextmanager
def safe_path() -> Iterator[None]:
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


def _begin(parent: int) -> None:
    """Prepare a worker: the main process handles interrupts, and no worker outlives it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collect_rarely()
    end_with_parent(parent)
    if sys.platform != "linux":
        threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
