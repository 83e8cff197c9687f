"""Cached results: a change of the inputs or of the tool's source invalidates them.

A result is an entry of the cache as JSON, by the type that its function returns. One that cannot be
read is computed again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from wakeproof.bundled import PACKAGE
from wakeproof.errors import InputError
from wakeproof.util.cache_folder import cache_folder, read_entry, write_entry
from wakeproof.util.parallel import Workers, map_jobs
from wakeproof.util.plain_data import from_json, to_json

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


@dataclass(frozen=True)
class NotFinal(Generic[J, R]):
    """Results that are not cached: those that are not final, for example after a timeout.

    `of_lost` makes one for a job whose worker process was killed twice.
    """

    of_lost: Callable[[J], R]
    is_final: Callable[[R], bool] = lambda _: True


class ResultCache(Generic[J, R]):
    """The results of a function, by its job and by `inputs`: everything that a result depends on.

    The tool's source is always part of the key. Raises `InputError` if the cache cannot be used.
    """

    def __init__(self, run: Callable[[J], R], inputs: Callable[[J], Iterable[object]]) -> None:
        self.run = run
        self.inputs = inputs
        self.folder = cache_folder("results")
        self.kind = typing.get_type_hints(run)["return"]

    def find(self, job: J) -> R | None:
        """Return the cached result of a job; None if there is none."""
        found: R | None = _read(self.folder / _key(self.run, self.inputs(job)), self.kind)
        return found

    def keep(self, job: J, result: R) -> None:
        """Cache the result of a job."""
        _write(self.folder / _key(self.run, self.inputs(job)), result)

    def prune(self) -> None:
        """Remove the least recently used results beyond the `LIMIT`."""
        _prune(self.folder)


def map_cached(
    run: Callable[[J], R],
    jobs: Sequence[J],
    inputs: Callable[[J], Iterable[object]],
    on_done: Callable[[J, R], None],
    fresh: bool = False,
    pool: Workers | None = None,
    not_final: NotFinal[J, R] | None = None,
) -> bool:
    """Run jobs as `map_jobs` does, but take cached results where there are any.

    `inputs` returns everything that a job's result depends on; the tool's source is always part of
    the key. `fresh` ignores cached results. Raises `InputError` if the cache cannot be used.
    """
    folder = cache_folder("results")
    kind = typing.get_type_hints(run)["return"]
    keys: list[str] = []
    todo: list[tuple[Callable[[J], R], J, int]] = []
    for job in jobs:
        key = _key(run, inputs(job))
        known = None if fresh else _read(folder / key, kind)
        if known is None:
            todo.append((run, job, len(todo)))
            keys.append(key)
        else:
            on_done(job, known)

    def done(result: tuple[int, R]) -> None:
        number, value = result
        if not_final is None or not_final.is_final(value):
            _write(folder / keys[number], value)
        on_done(todo[number][1], value)

    def lost(task: tuple[Callable[[J], R], J, int]) -> None:
        if not_final is not None:
            on_done(task[1], not_final.of_lost(task[1]))

    finished = map_jobs(_run, todo, done, pool, None if not_final is None else lost)
    if todo:
        _prune(folder)
    return finished


def _read(file: Path, kind: object) -> Any:
    """Return a cached result of this type; None if there is none that can be read."""
    content = read_entry(file)
    if content is None:
        return None
    try:
        return from_json(kind, content.decode())
    except ValueError:
        return None


def _write(file: Path, value: object) -> None:
    """Cache a result. Raises `InputError` if that fails."""
    try:
        write_entry(file, to_json(value).encode())
    except OSError as error:
        raise InputError(
            f"the cache of results cannot be used: {error.strerror}",
            where=str(file.parent),
            hint="remove it, free some space, or set XDG_CACHE_HOME to another folder",
        ) from None


def _prune(folder: Path) -> None:
    """Remove the least recently used results beyond the `LIMIT`."""
    entries = []
    # another process may remove a file, or the folder, at the same time
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                entries.append((path.stat().st_mtime, path.stat().st_size, path))
    total = 0
    for _, size, path in sorted(entries, reverse=True):
        total += size
        if total > LIMIT:
            with contextlib.suppress(OSError):
                path.unlink()


def _run(task: tuple[Callable[[J], R], J, int]) -> tuple[int, R]:
    """Run a job; its number is returned, not the job, which may have paths of another machine."""
    run, job, number = task
    return number, run(job)


def _key(run: Callable[[J], R], inputs: Iterable[object]) -> str:
    parts = [digest(PACKAGE), run.__module__, run.__qualname__, *map(repr, inputs)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
