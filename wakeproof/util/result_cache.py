"""Cached results: a change of the inputs or of the tool's source invalidates them."""

from __future__ import annotations

import functools
import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

import diskcache
import platformdirs

from wakeproof.bundled import PACKAGE
from wakeproof.errors import InputError
from wakeproof.util.parallel import map_jobs

J = TypeVar("J")
R = TypeVar("R")
LIMIT = 1 << 28
"""The most bytes that the cache holds."""


@functools.cache
def digest(path: Path) -> str:
    """Return the digest of a file, or of all sources and data files of a folder."""
    found = hashlib.sha256()
    files = sorted(p for p in path.rglob("*") if p.suffix in (".py", ".toml", ".json", ".c"))
    for file in files if path.is_dir() else [path]:
        found.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()


def map_cached(
    run: Callable[[J], R],
    jobs: Sequence[J],
    inputs: Callable[[J], Iterable[object]],
    on_done: Callable[[J, R], None],
    fresh: bool = False,
    pool: ProcessPoolExecutor | None = None,
    is_final: Callable[[R], bool] = lambda _: True,
) -> bool:
    """Run jobs as `map_jobs` does, but take cached results where there are any.

    `inputs` returns everything that a job's result depends on; the tool's source is always part of
    the key. `fresh` ignores cached results. Results that are not final, for example after a
    timeout, are not cached. Raises `InputError` if the cache cannot be used.
    """
    with _opened(platformdirs.user_cache_path("wakeproof") / "results") as cache:
        todo = []
        for job in jobs:
            key = _key(run, inputs(job))
            known = None if fresh else cache.get(key)
            if known is None:
                todo.append((run, job, key))
            else:
                on_done(job, known)

        def done(result: tuple[J, str, R]) -> None:
            job, key, value = result
            if is_final(value):
                cache.set(key, value)
            on_done(job, value)

        return map_jobs(_run, todo, done, pool)


def _opened(folder: Path) -> diskcache.Cache:
    """Open the cache in this folder. Raises `InputError` if that fails."""
    try:
        return diskcache.Cache(str(folder), size_limit=LIMIT)
    except (sqlite3.DatabaseError, OSError) as error:
        raise InputError(
            f"the cache of results cannot be used: {error or type(error).__name__}",
            where=str(folder),
            hint="remove the folder, or set XDG_CACHE_HOME to another folder",
        ) from None


def _run(task: tuple[Callable[[J], R], J, str]) -> tuple[J, str, R]:
    run, job, key = task
    return job, key, run(job)


def _key(run: Callable[[J], R], inputs: Iterable[object]) -> str:
    parts = [digest(PACKAGE), run.__module__, run.__qualname__, *map(repr, inputs)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
