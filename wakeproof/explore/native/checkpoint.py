"""Checkpoints: a search saved to a folder while it runs, so that a later run can resume it.

The tables of a search only grow: the values of lanes, the parents and the states are appended to
one file each. `checkpoint.json` has the valid length of these files, a checksum of every part and
the layout of its states. It is replaced in one step, so a process may be killed at any moment.

The files are read with suspicion, as they may have been changed together with their checksums: the
lengths and the values of lanes are checked here, what refers to them in `explorer.c`. The folder
belongs to one process, which holds a lock.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, TypeVar

from wakeproof import __version__
from wakeproof.errors import InputError
from wakeproof.explore.native.state_layout import StateLayout
from wakeproof.util.files import write_whole
from wakeproof.util.plain_data import from_json, to_json

T = TypeVar("T")

COLUMNS = {"values": 24, "children": 8, "blocks": 16, "states": 8}
"""The files, in the order of `wakeproof_column`, with the bytes of an item in each. An item of
`states` is one limb of a key; the layout of a part gives the number of limbs."""

VALUE = struct.Struct("=16sQ")
"""An item of `values`: the bytes of a lane, and the number of the lane."""

PIECE = 1 << 20
"""The most items of a file that are read at a time."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The errors of a disk, or of a part of it, that has no room for more."""

LOCK = "lock"
"""The file that the owner of a folder holds; it has the number of its process."""

DAMAGED, TOO_LARGE, RESTORED = -1, 0, 1

Numbers = tuple[int, int, int, int]
"""A number for each of the files."""


@dataclass(frozen=True)
class Part:
    """One save: the items and bytes of each file after it, the checksums of what it appended.

    The `layout` of the keys is in hexadecimal digits.
    """

    to: Numbers
    ends: Numbers
    sums: tuple[str, str, str, str]
    layout: str


@dataclass(frozen=True)
class Manifest:
    """The content of `checkpoint.json`: `saved` are the other numbers of the search."""

    identity: dict[str, str]
    parts: tuple[Part, ...] = ()
    saved: str = ""


NOTHING_YET = Part((0, 0, 0, 0), (0, 0, 0, 0), ("", "", "", ""), "")


class FullDisk(InputError):
    """The disk has no room for what is new; the checkpoint is as it was."""


class Checkpoint:
    """The checkpoint of one run, in a folder of its own; `close` gives the folder up.

    `identity` has what must be equal for a run to resume the search, by name. Raises `InputError`
    if another process works in the folder, if the folder has a checkpoint and the run is not to
    `resume` it, and if the files cannot be read or written, are damaged, or belong to another run.
    """

    def __init__(self, folder: Path, identity: Mapping[str, str], resume: bool) -> None:
        self.folder = folder
        self.manifest = Manifest({"tool": __version__, **identity})
        try:
            self.lock = self._lock()
        except OSError as error:
            raise self.unusable(error) from None
        if self.exists() and not resume:
            self.close()
            raise InputError(
                f"{folder} has a checkpoint already",
                hint="use --resume, name another folder, or remove this one",
            )

    @property
    def path(self) -> Path:
        """The file with the valid lengths of the others."""
        return self.folder / "checkpoint.json"

    def exists(self) -> bool:
        """Return whether the folder has a checkpoint."""
        return os.path.lexists(self.path)

    def save(self, library: ctypes.CDLL, handle: int) -> None:
        """Append what is new in the search `handle`. Raises `FullDisk`, and other `InputError`."""
        saved = ctypes.create_string_buffer(library.wakeproof_saved_size())
        layout = ctypes.create_string_buffer(library.wakeproof_layout_size())
        counts = (ctypes.c_uint64 * len(COLUMNS))()
        library.wakeproof_save(handle, saved, counts, layout)
        last = self.manifest.parts[-1] if self.manifest.parts else NOTHING_YET
        ends, sums = [], []
        try:
            for i, (name, size) in enumerate(COLUMNS.items()):
                size *= layout.raw[0] if name == "states" else 1
                column = library.wakeproof_column(handle, i)
                start, length = last.to[i] * size, (counts[i] - last.to[i]) * size
                part = memoryview((ctypes.c_char * length).from_address(column + start)).cast("B")
                ends.append(last.ends[i] + length)
                sums.append(_checksum(part))
                with self.open(name, os.O_RDWR | os.O_CREAT) as file:
                    file.seek(last.ends[i])
                    file.truncate()
                    file.write(part)
                    file.flush()
                    os.fsync(file.fileno())
            a, b, c, d = counts
            new = Part((a, b, c, d), _four(ends), _four(sums), layout.raw.hex())
            parts = (*self.manifest.parts, new)
            self.manifest = replace(self.manifest, parts=parts, saved=saved.raw.hex())
            self.write()
        except OSError as error:
            found = self.unusable(error)
            if error.errno in FULL:
                raise FullDisk(found.what, where=found.where, hint=found.hint) from None
            raise found from None

    def write(self) -> None:
        """Replace `checkpoint.json` in one step."""
        text = to_json(self.manifest)
        write_whole(self.path, json.dumps({"sum": _checksum(text.encode()), "checkpoint": text}))
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def load(self, library: ctypes.CDLL, handle: int, layout: StateLayout) -> None:
        """Restore the saved search into the new search `handle` from the same initial state.

        Raises `InputError` for files that are not those of such a search.
        """
        initial = _state(library, handle, 0, layout)
        manifest = self.read()
        counts = (ctypes.c_uint64 * len(COLUMNS))(*manifest.parts[-1].to)
        self.check_lengths(library, handle, manifest)
        try:
            self.load_values(library, handle, manifest, layout)
            self.load_parents(library, handle, manifest)
            self.load_states(library, handle, manifest)
        except OSError as error:
            raise self.unusable(error) from None
        saved = self.bytes_of(manifest.saved, library.wakeproof_saved_size())
        self.restored(library.wakeproof_restore(handle, saved, counts), "checkpoint.json")
        if _state(library, handle, 0, layout) != initial:
            raise self.damaged("states")
        self.manifest = manifest

    def read(self) -> Manifest:
        """Read the manifest of the saved search, and check that it belongs to this run."""
        try:
            with self.open(self.path.name, os.O_RDONLY) as file:
                outer = from_json(dict[str, str], file.read().decode())
            if _checksum(outer["checkpoint"].encode()) != outer["sum"]:
                raise self.damaged("checkpoint.json")
            manifest: Manifest = from_json(Manifest, outer["checkpoint"])
        except OSError as error:
            raise self.unusable(error) from None
        except (ValueError, KeyError):
            raise self.damaged("checkpoint.json") from None
        for name, ours in self.manifest.identity.items():
            if manifest.identity.get(name) != ours:
                raise InputError(
                    f"the checkpoint in {self.folder} is of another {name}",
                    hint="name the folder of this run, or start again in another one",
                )
        if not manifest.parts:
            raise self.damaged("checkpoint.json")
        return manifest

    def check_lengths(self, library: ctypes.CDLL, handle: int, manifest: Manifest) -> None:
        """Raise `InputError` unless the parts have lengths for which there is room."""
        for before, part in pairwise((NOTHING_YET, *manifest.parts)):
            limbs = self.bytes_of(part.layout, library.wakeproof_layout_size())[0]
            for i, (name, size) in enumerate(COLUMNS.items()):
                size *= limbs if name == "states" else 1
                items = part.to[i] - before.to[i]
                if items < 0 or part.ends[i] - before.ends[i] != items * size:
                    raise self.damaged("checkpoint.json")
                if part.to[i] > library.wakeproof_capacity(handle, i):
                    raise self.too_large()

    def load_values(
        self, library: ctypes.CDLL, handle: int, manifest: Manifest, layout: StateLayout
    ) -> None:
        """Restore the values of lanes, each of which has to be one of the types of its cells."""
        column = library.wakeproof_column(handle, 0)
        start = 0
        for data, _, _ in self.pieces(manifest, "values"):
            by_lane: dict[int, list[bytes]] = {}
            for raw, lane in VALUE.iter_unpack(data):
                by_lane.setdefault(lane, []).append(raw)
            for lane, values in by_lane.items():
                if not layout.has(b"".join(values), lane):
                    raise self.damaged("values")
            ctypes.memmove(column + start, data, len(data))
            start += len(data)
        count = manifest.parts[-1].to[0]
        self.restored(library.wakeproof_restore_values(handle, count), "values")

    def load_parents(self, library: ctypes.CDLL, handle: int, manifest: Manifest) -> None:
        """Restore the parents, in two files."""
        for number, name in enumerate(COLUMNS):
            if name in ("children", "blocks"):
                start = library.wakeproof_column(handle, number)
                for data, _, _ in self.pieces(manifest, name):
                    ctypes.memmove(start, data, len(data))
                    start += len(data)

    def load_states(self, library: ctypes.CDLL, handle: int, manifest: Manifest) -> None:
        """Restore the states, whose keys have the layout of their part."""
        first = 0
        for data, items, part in self.pieces(manifest, "states"):
            layout = bytes.fromhex(part.layout)
            result = library.wakeproof_restore_states(handle, data, first, first + items, layout)
            self.restored(result, "states")
            first += items

    def pieces(self, manifest: Manifest, name: str) -> Iterator[tuple[bytes, int, Part]]:
        """Yield the content of a file in pieces, with the number of items and the part of each.

        Raises `InputError` behind the last piece of a part with another checksum.
        """
        number = list(COLUMNS).index(name)
        with self.open(name, os.O_RDONLY) as file:
            if os.fstat(file.fileno()).st_size < manifest.parts[-1].ends[number]:
                raise self.damaged(name)
            for before, part in pairwise((NOTHING_YET, *manifest.parts)):
                items = part.to[number] - before.to[number]
                size = (part.ends[number] - before.ends[number]) // max(1, items)
                found = hashlib.blake2b(digest_size=16)
                for first in range(0, items, PIECE):
                    count = min(PIECE, items - first)
                    data = file.read(count * size)
                    found.update(data)
                    yield data, count, part
                if found.hexdigest() != part.sums[number]:
                    raise self.damaged(name)

    def open(self, name: str, flags: int) -> BinaryIO:
        """Open a file of the folder. Raises `OSError`; `InputError` for a link or a pipe."""
        try:
            # without waiting for the other end of a pipe
            flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(self.folder / name, flags, 0o666)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise self.not_a_file(name) from None
            raise
        file = os.fdopen(descriptor, "rb" if flags & os.O_ACCMODE == os.O_RDONLY else "r+b")
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            file.close()
            raise self.not_a_file(name)
        return file

    def _lock(self) -> BinaryIO:
        """Make the folder and hold its lock, which the system releases when this process ends."""
        if self.folder.is_symlink():
            raise self.not_a_file("")
        while True:
            self.folder.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                lock = self.open(LOCK, os.O_RDWR | os.O_CREAT)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    owner = lock.read(20).decode(errors="replace").strip()
                    raise InputError(
                        f"process {owner if owner.isdecimal() else 'unknown'} works in this folder",
                        where=str(self.folder),
                        hint="wait for its end, or name another folder",
                    ) from None
                # the owner before may have removed the folder after this file was opened
                if os.path.samestat(os.fstat(lock.fileno()), (self.folder / LOCK).lstat()):
                    lock.truncate(0)
                    lock.write(f"{os.getpid()}\n".encode())
                    lock.flush()
                    return lock

    def close(self) -> None:
        """Give the folder up, so that another process may work there."""
        if not self.lock.closed:
            with contextlib.suppress(OSError):
                (self.folder / LOCK).unlink()
                # nothing was saved
                self.folder.rmdir()
        self.lock.close()

    def remove(self) -> None:
        """Remove the folder, because the run is complete, and give it up."""
        # the lock last: until then the folder is of this process
        for name in (self.path.name, *COLUMNS):
            with contextlib.suppress(OSError):
                (self.folder / name).unlink()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.lock.close()

    def restored(self, result: int, name: str) -> None:
        """Raise `InputError` unless native code has restored what is in a file."""
        if result == DAMAGED:
            raise self.damaged(name)
        if result == TOO_LARGE:
            raise self.too_large()

    def bytes_of(self, digits: str, length: int) -> bytes:
        """Return the bytes of hexadecimal digits. Raises `InputError` for another length."""
        try:
            found = bytes.fromhex(digits)
        except ValueError:
            found = b""
        if len(found) != length:
            raise self.damaged("checkpoint.json")
        return found

    def not_a_file(self, name: str) -> InputError:
        """Return the error for something in the place of a file or of the folder."""
        what = "a file" if name else "a folder"
        return InputError(
            f"the checkpoint cannot be read or written: this is not {what}",
            where=str(self.folder / name),
            hint="links and pipes are not followed; name another folder",
        )

    def unusable(self, error: OSError) -> InputError:
        """Return the error for files that cannot be read or written."""
        return InputError(
            f"the checkpoint cannot be read or written: {error.strerror or error}",
            where=str(self.folder),
            hint="name another folder",
        )

    def damaged(self, name: str) -> InputError:
        """Return the error for a file whose content has changed."""
        return InputError(
            f"the checkpoint is damaged: the content of {name} has changed",
            where=str(self.folder),
            hint="start again in another folder",
        )

    def too_large(self) -> InputError:
        """Return the error for a search that does not fit into memory."""
        return InputError(
            "no memory, or no room on the disk, for the search in the checkpoint",
            where=str(self.folder),
            hint="resume it on a machine with more memory",
        )


def _four(items: list[T]) -> tuple[T, T, T, T]:
    a, b, c, d = items
    return a, b, c, d


def _state(library: ctypes.CDLL, handle: int, number: int, layout: StateLayout) -> bytes:
    cells = ctypes.create_string_buffer(layout.length)
    library.wakeproof_state(handle, number, cells)
    return cells.raw


def _checksum(data: bytes | memoryview) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
