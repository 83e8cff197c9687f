"""The workers of a cluster as `Workers`, by Dask: its scheduler hands out jobs in batches.

A batch has so many jobs that it takes about `BATCH` seconds, so that small jobs cost little more
than themselves. Dask gives the batch of a worker that goes to another one.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from wakeproof.errors import Exit, InputError
from wakeproof.util import cluster_worker
from wakeproof.util.cluster_worker import (
    BATCH,
    compare,
    expected_of,
    loads,
    other_worker,
    run_batch,
)
from wakeproof.util.cluster_worker import dumps as portable
from wakeproof.util.packages import installed
from wakeproof.util.parallel import Stop, refuse_deaths, safe_path

J = TypeVar("J")
R = TypeVar("R")

LOCAL = "local:"
"""How a cluster of N workers on this machine is named, with N."""

SETTINGS: dict[str, object] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
}
"""Settings of Dask for a local cluster: no pages, no samples of what workers do."""

AHEAD = 3
"""Batches for each thread of the cluster: one that runs, and those that wait to run."""
MOST_IN_BATCH = 100
PATIENCE = 15.0
"""Seconds to wait for the scheduler, and for its first worker."""
LOOK = 1.0
"""Seconds between two looks at which workers there are."""


class ClusterWorkers:
    """The workers of a cluster, each with some batches of jobs at a time.

    `expected` is what a worker has to have, by `expected_of`.
    """

    def __init__(self, client: Any, expected: bytes) -> None:
        self.client = client
        self.expected = expected
        self.pending: deque[tuple[bytes, Future[Any]]] = deque()
        self.running: dict[Any, list[tuple[bytes, Future[Any]]]] = {}
        self.ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        # the seconds of a job, lately
        self.seconds = BATCH
        self.threads, self.looked = 0, 0.0
        self.results = self.deaths = 0
        self._look()

    @property
    def room(self) -> int:
        """The number of jobs that it takes now; at least one if it has none."""
        taken = len(self.pending) + sum(map(len, self.running.values()))
        return max(AHEAD * self.threads * self._size() - taken, 0 if taken else 1)

    @property
    def next(self) -> None:
        """No worker in particular: the scheduler chooses one."""
        return

    @property
    def again(self) -> int:
        """The number of jobs whose process was killed once that run at the same time."""
        return max(1, self.threads)

    def submit(self, run: Callable[[J], R], job: J) -> Future[R]:
        """Take a job; it is sent with the next `wait`."""
        if not self.pending and not self.running:
            # others may take much longer than the last ones
            self.seconds = BATCH
        future: Future[R] = Future()
        self.pending.append((portable((run, job)), future))
        return future

    def wait(self) -> list[Future[Any]]:
        """Wait until jobs have ended; return their results.

        Raises `InputError` if processes only die or if a worker has another tool or model, and
        `Stop` after a warning if the scheduler is gone.
        """
        self._send()
        found: list[Future[Any]] = []
        while not found:
            try:
                found += self._take(self.ended.get(timeout=LOOK))
                while not self.ended.empty():
                    found += self._take(self.ended.get())
            except queue.Empty:
                self._look()
            self._send()
        if not self.results:
            refuse_deaths(self.deaths)
        return found

    def kill(self) -> None:
        """Cancel all jobs; the workers kill the processes that have one."""
        self.pending.clear()
        if self.running:
            self.client.cancel(list(self.running))
            self.running.clear()

    def _size(self) -> int:
        """The number of jobs of a batch."""
        return max(1, min(MOST_IN_BATCH, int(BATCH / max(self.seconds, 1e-6))))

    def _look(self) -> None:
        """Look at how many threads the workers have."""
        try:
            threads = sum(self.client.nthreads().values())
        except OSError:
            raise self._gone() from None
        if self.threads and not threads:
            _warn("the cluster has no worker left: waiting for one")
        self.threads, self.looked = threads, time.monotonic()

    def _gone(self) -> Stop:
        _warn(f"the scheduler {self.client.scheduler.address} is gone")
        return Stop()

    def _send(self) -> None:
        """Send batches while they are few; what is left is shared out between all threads."""
        if time.monotonic() - self.looked > LOOK:
            self._look()
        while self.pending and len(self.running) < AHEAD * self.threads:
            share = -(-len(self.pending) // self.threads)
            jobs = [self.pending.popleft() for _ in range(min(self._size(), share))]
            batch = self.client.submit(
                run_batch, self.expected, [job for job, _ in jobs], pure=False
            )
            self.running[batch] = jobs
            batch.add_done_callback(self.ended.put)

    def _take(self, batch: Any) -> list[Future[Any]]:
        """Take the outcomes of a batch; what it did not begin is sent again."""
        jobs = self.running.pop(batch, None)
        if jobs is None:
            # it was cancelled
            return []
        try:
            outcomes, seconds = batch.result()
        except (CancelledError, asyncio.CancelledError, OSError):
            raise self._gone() from None
        except Exception as error:
            return self._fail([future for _, future in jobs], error)
        each = seconds / len(outcomes)
        # the number of jobs of a batch is doubled at most
        self.seconds = max(each, (self.seconds + each) / 2)
        self.pending.extendleft(reversed(jobs[len(outcomes) :]))
        ended = [future for _, future in jobs[: len(outcomes)]]
        for future, outcome in zip(ended, outcomes, strict=True):
            if outcome is None:
                self._fail([future], BrokenProcessPool())
                continue
            self.results += 1
            result, failure = loads(outcome)
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)
        return ended

    def _fail(self, futures: list[Future[Any]], error: Exception) -> list[Future[Any]]:
        """Have futures fail; a worker that was killed is that of their jobs."""
        with installed("distributed"):
            from distributed import KilledWorker

        if isinstance(error, KilledWorker):
            error = BrokenProcessPool()
        if isinstance(error, BrokenProcessPool):
            self.deaths += len(futures)
        for future in futures:
            future.set_exception(error)
        return futures


@contextmanager
def cluster(address: str, paths: Iterable[Path] = ()) -> Iterator[ClusterWorkers]:
    """Yield the workers of a cluster, and cancel what they still do at the end.

    The address is that of a scheduler, or `local:N` for N workers of this machine, which listen on
    127.0.0.1. The workers have to have the same tool and content, and the same texts at the
    `paths`. Raises `InputError` if one differs, if there is none, and without the engine.
    """
    with ExitStack() as stack:
        client = stack.enter_context(_client(address))
        expected = expected_of(paths)
        _refuse_others(client, address, expected)
        found = ClusterWorkers(client, expected)
        stack.callback(found.kill)
        yield found


@contextmanager
def _client(address: str) -> Iterator[Any]:
    """Yield a client of a scheduler, which is started if it is to be local."""
    with installed("distributed"):
        from distributed import Client, Security

    if not logging.getLogger("wakeproof").isEnabledFor(logging.DEBUG):
        # what goes wrong is one message, which is not the engine's
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        scheduler: Any = address
        if address.startswith(LOCAL):
            scheduler = stack.enter_context(_local(int(address.removeprefix(LOCAL))))
        try:
            tls = Security().get_connection_args("client")["ssl_context"]
            if address.startswith("tls:") and tls is None:
                raise OSError("no certificate is set")
            client = Client(scheduler, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(
                f"no scheduler answers at {address}: {error}",
                hint="start one with `dask scheduler`; for tls:// set Dask's variables for TLS",
                status=Exit.UNKNOWN,
            ) from None
        yield stack.enter_context(client)


@contextmanager
def _local(count: int) -> Iterator[Any]:
    """Yield a cluster of so many workers, all of which listen on 127.0.0.1 alone."""
    import dask
    from distributed import LocalCluster

    # what starts in the place of a dead worker starts inside the block too
    with safe_path(), dask.config.set(SETTINGS):
        cluster = LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            # the jobs are in other processes, with limits of their own
            memory_limit=0,
            preload=[cluster_worker.__name__],
            silence_logs=logging.CRITICAL,
        )
        with cluster:
            yield cluster


def _refuse_others(client: Any, address: str, expected: bytes) -> None:
    """Raise `InputError` if a worker has another tool or model, or if there is none."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise InputError(
            f"the cluster {address} has no workers",
            hint=f"start some with `dask worker {address} --nthreads 1`",
            status=Exit.UNKNOWN,
        ) from None
    for worker, found in client.run(compare, expected, on_error="return").items():
        if found:
            raise other_worker(worker, str(found))


def _warn(what: str) -> None:
    logging.getLogger("wakeproof").warning("wakeproof: %s", what)
