"""The user's cache: nothing is loaded from it that another user could have written.

An entry is a file whose last line is the checksum of what is before it. One that is damaged, that
is not the user's own, or that others may write to is as good as none.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from wakeproof.errors import InputError
from wakeproof.util.files import write_whole

SCRATCH = "scratch"
"""The folder of folders that are removed at the end of what they are for."""
SUM = 65
"""The bytes of the last line."""
YOUNG = 60.0
"""Seconds for which a scratch folder is left alone, locked or not."""
LOCK = "lock"
"""The file of a scratch folder that its process holds."""


def cache_folder(*names: str) -> Path:
    """Return a folder of the cache, and make it if that is possible.

    Raises `InputError` if it is not the user's own, or if others may write to it.
    """
    root = platformdirs.user_cache_path("wakeproof")
    folder = root.joinpath(*names)
    for place in dict.fromkeys((root, folder)):
        # what cannot be made is reported where it is written
        with contextlib.suppress(OSError):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if place.is_dir() and not _is_own(place.stat()):
            raise InputError(
                "the cache belongs to another user, or others may write to it",
                where=str(place),
                hint="chmod go-w on your own folder, or set XDG_CACHE_HOME to another folder",
            )
    return folder


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a new folder in the cache, which is removed at the end.

    Those of processes that were killed are removed, too: their locks are free. Raises `OSError`,
    and `InputError` as `cache_folder` does.
    """
    root = cache_folder(SCRATCH)
    for old in root.iterdir():
        with contextlib.suppress(OSError), (old / LOCK).open("rb") as lock:
            # one that was made just now may not be locked yet
            if time.time() - old.stat().st_mtime < YOUNG:
                continue
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        with (folder / LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_entry(file: Path, content: bytes) -> None:
    """Write an entry, whole or not at all. Raises `OSError`."""
    write_whole(file, content + _sum(content), private=True)


def read_entry(file: Path) -> bytes | None:
    """Return the content of an entry; None if it is not there, not whole or not the user's own.

    The entry counts as used now.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as entry:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or not _is_own(status):
                return None
            content, end = (whole := entry.read())[:-SUM], whole[-SUM:]
        if end != _sum(content):
            return None
        os.utime(file)
    except OSError:
        return None
    return content


def _is_own(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _sum(content: bytes) -> bytes:
    return b"\n" + hashlib.sha256(content).hexdigest().encode()
