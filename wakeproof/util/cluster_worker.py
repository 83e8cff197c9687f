"""What runs on a worker of a cluster: jobs, in a process beside the worker.

The worker itself passes bytes on. So it answers the scheduler while a job holds Python's lock for
minutes, a job for which memory runs out costs itself alone, and one that is cancelled ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import multiprocessing
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wakeproof import __version__
from wakeproof.bundled import MODEL, PACKAGE, PROOFS, ROOT, SCENARIOS
from wakeproof.errors import InputError
from wakeproof.util.packages import installed, version
from wakeproof.util.parallel import kill_worker, safe_path, start_worker
from wakeproof.util.result_cache import digest

BATCH = 0.25
"""Seconds after which a batch begins no further job."""
POLL = 0.2
"""Seconds between two looks at whether a job is cancelled."""
SOLVERS = ("python-sat", "z3-solver", "cvc5", "bitwuzla", "wasmtime")
"""Packages whose versions have to be the same where they are installed: results depend on them."""


def dask_setup(worker: object) -> None:
    """Have a worker of this machine, which loads this module first, ignore interrupts.

    A terminal sends them to the whole group; it is the main process that ends the workers.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)


# --- paths of another machine ---------------------------------------------------------------------


class _Pickler(pickle.Pickler):
    """Writes paths of the bundled content as such: it may lie elsewhere on another machine."""

    def reducer_override(self, value: object) -> Any:
        """Return how a path is made again; another value is written as always."""
        if not isinstance(value, Path):
            return NotImplemented
        path = value.absolute()
        if path.is_relative_to(ROOT):
            return _bundled, (str(path.relative_to(ROOT)),)
        return Path, (str(path),)


def _bundled(place: str) -> Path:
    return ROOT / place


def dumps(value: object) -> bytes:
    """Return a value as bytes for another machine, where relative paths are absolute ones."""
    written = io.BytesIO()
    _Pickler(written).dump(value)
    return written.getvalue()


def loads(data: bytes) -> Any:
    """Return the value of `dumps`. What it is made of runs here: the engine trusts workers too."""
    return pickle.loads(data)


# --- is it the same tool and model? ---------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """What a worker has to have: versions of packages, and the digests of files and folders."""

    versions: tuple[tuple[str, str], ...]
    digests: tuple[tuple[Path, str], ...]


def expected_of(paths: Iterable[Path]) -> bytes:
    """Return what a worker has to have: this tool, its content, and the files of these paths."""
    versions = (("wakeproof", __version__), *((name, version(name)) for name in SOLVERS))
    texts = dict.fromkeys((PACKAGE, MODEL, SCENARIOS, PROOFS, *paths))
    return dumps(Expected(versions, tuple((path, digest(path)) for path in texts)))


def difference(expected: bytes) -> str:
    """Return what this process has otherwise, in words; empty if nothing."""
    wanted: Expected = loads(expected)
    for name, there in wanted.versions:
        here = __version__ if name == "wakeproof" else version(name)
        if here and there and here != there:
            return f"it has {name} {here}, not {there}"
    for path, text in wanted.digests:
        try:
            if digest(path) != text:
                return f"it has another {path}"
        except OSError as error:
            return f"it cannot read {path}: {error.strerror}"
    return ""


async def compare(expected: bytes) -> str:
    """Return what a process of this worker has otherwise than expected; empty if nothing."""
    return await asyncio.to_thread(_compare, expected)


def _compare(expected: bytes) -> str:
    # not here: the worker may have read files before they were changed
    with contextlib.closing(_Process(expected)) as process:
        return process.difference


# --- jobs -----------------------------------------------------------------------------------------


class _Process:
    """The process that runs the jobs of a thread of the worker, all with the same texts."""

    def __init__(self, expected: bytes) -> None:
        self.expected = expected
        # workers are daemons, which may have no processes; this one ends with its parent
        multiprocessing.current_process().daemon = False
        with safe_path():
            self.worker = start_worker()
            self.difference = self.worker.submit(difference, expected).result()

    def close(self) -> None:
        """End the process."""
        self.worker.shutdown(cancel_futures=True)


_own = threading.local()
"""The process of this thread, as `process`."""


def run_batch(expected: bytes, jobs: Sequence[bytes]) -> tuple[list[bytes | None], float]:
    """Run jobs one after the other; return their outcomes, None for a process that was killed.

    The outcomes are fewer if `BATCH` seconds are over, and are followed by the seconds that they
    took. Raises `InputError` if this worker has another tool or model than `expected`.
    """
    began = time.perf_counter()
    outcomes: list[bytes | None] = []
    for job in jobs:
        outcomes.append(_outcome(_process(expected), job))
        if time.perf_counter() - began > BATCH:
            break
    return outcomes, time.perf_counter() - began


def _process(expected: bytes) -> ProcessPoolExecutor:
    """Return the process of this thread, which has read nothing but what is expected."""
    process: _Process | None = getattr(_own, "process", None)
    if process is None or process.expected != expected:
        if process is not None:
            process.close()
        _own.process = process = _Process(expected)
    if process.difference:
        raise other_worker(_address(), process.difference)
    return process.worker


def _outcome(process: ProcessPoolExecutor, job: bytes) -> bytes | None:
    try:
        future = process.submit(_call, job)
        while not wait([future], POLL).done:
            if _is_cancelled():
                kill_worker(process)
        return future.result()
    except BrokenProcessPool:
        _own.process.close()
        _own.process = None
        return None


def _call(job: bytes) -> bytes:
    """Run a job in the process beside the worker; returns its result and no error, or an error."""
    try:
        run, argument = loads(job)
        return dumps((run(argument), None))
    except Exception as error:
        # it is raised again on another machine
        error.add_note(traceback.format_exc())
        return dumps((None, error))


def other_worker(address: str, what: str) -> InputError:
    """Return the error about a worker that has another tool or model."""
    return InputError(
        f"the worker {address} cannot take part: {what}",
        hint="give every worker the same installation, and the same files at the same paths",
    )


def _address() -> str:
    with installed("distributed"):
        from distributed import get_worker

    return str(get_worker().address)


def _is_cancelled() -> bool:
    """Return whether nobody waits for the task of this thread any more."""
    with installed("distributed"):
        from distributed.worker import get_worker, thread_state

    task = get_worker().state.tasks.get(thread_state.key)
    return task is None or task.state == "cancelled"
