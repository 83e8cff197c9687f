"""A search kept in a folder while it runs, so that it can go on after whatever ended it.

What a search knows only grows: the values that states are made of, what says their parents and
the states themselves are appended to a file each. `checkpoint.json` says how far these files count,
with a checksum of every part and how its states are written, and replaces the one before it in one
step; so a process may be killed at any moment.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wakeproof import __version__
from wakeproof.errors import InputError

COLUMNS = {"values": 24, "children": 8, "blocks": 16, "states": 8}
"""The files, in the order of `wakeproof_column`, and the bytes of an item in each; of `states`
those of a limb of a key, as many of which a state has as its part's layout says."""

NO_MEMORY = "there is no memory for what the checkpoint holds"


class Checkpoint:
    """The checkpoint of one run in a folder of its own.

    `identity` is what must be the same when the search goes on. A folder that has a checkpoint is
    taken only if the run is to `resume` it. Raises `InputError` where that is not so, and for what
    cannot be read or written, is damaged, or belongs to something else.
    """

    def __init__(self, folder: Path, identity: Mapping[str, str], resume: bool) -> None:
        self.folder = folder
        self.identity = {"tool": __version__, **identity}
        self.manifest: dict[str, Any] = {"identity": self.identity, "parts": [], "saved": ""}
        if self.path.exists() and not resume:
            raise InputError(
                f"there is a checkpoint in {folder} already",
                hint="go on with --resume, name another folder, or remove it",
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self.unusable(error) from None

    @property
    def path(self) -> Path:
        """What says how far the other files count."""
        return self.folder / "checkpoint.json"

    def exists(self) -> bool:
        """Whether there is something to go on from."""
        return self.path.exists()

    def save(self, library: ctypes.CDLL, handle: int) -> None:
        """Append what is new in the search `handle`. Raises `InputError` if there is no room."""
        parts = self.manifest["parts"]
        saved = ctypes.create_string_buffer(library.wakeproof_saved_size())
        layout = ctypes.create_string_buffer(library.wakeproof_layout_size())
        counts = (ctypes.c_uint64 * len(COLUMNS))()
        library.wakeproof_save(handle, saved, counts, layout)
        before = parts[-1]["to"] if parts else [0] * len(COLUMNS)
        ends = parts[-1]["ends"] if parts else [0] * len(COLUMNS)
        new_ends, sums = [], []
        try:
            for i, (name, size) in enumerate(COLUMNS.items()):
                size *= layout.raw[0] if name == "states" else 1
                column = library.wakeproof_column(handle, i)
                start, length = before[i] * size, (counts[i] - before[i]) * size
                part = memoryview((ctypes.c_char * length).from_address(column + start)).cast("B")
                new_ends.append(ends[i] + length)
                sums.append(_sum(part))
                with (self.folder / name).open("r+b" if ends[i] else "wb") as file:
                    file.seek(ends[i])
                    file.truncate()
                    file.write(part)
                    file.flush()
                    os.fsync(file.fileno())
            new = {"to": list(counts), "ends": new_ends, "sums": sums, "layout": layout.raw.hex()}
            self.manifest["parts"] = [*parts, new]
            self.manifest["saved"] = saved.raw.hex()
            self.write()
        except OSError as error:
            raise self.unusable(error) from None

    def write(self) -> None:
        """Put a new `checkpoint.json` in the place of the old one."""
        text = json.dumps(self.manifest)
        text = json.dumps({"sum": _sum(text.encode()), "checkpoint": text})
        new = self.path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def load(self, library: ctypes.CDLL, handle: int) -> None:
        """Bring the new search `handle` to where the one that was saved had come."""
        manifest = self.read()
        saved = bytes.fromhex(manifest["saved"])
        if len(saved) != library.wakeproof_saved_size():
            raise self.damaged("checkpoint.json")
        try:
            for name in COLUMNS:
                end = self.load_column(library, handle, name, manifest["parts"])
                if name == "values" and not library.wakeproof_restore_values(handle, end):
                    raise InputError(NO_MEMORY)
        except OSError as error:
            raise self.unusable(error) from None
        if not library.wakeproof_restore(handle, saved):
            raise InputError(NO_MEMORY)
        self.manifest = manifest

    def read(self) -> dict[str, Any]:
        """The manifest of the search that was saved, if it is of this run."""
        try:
            outer = json.loads(self.path.read_text(encoding="utf-8"))
            if _sum(outer["checkpoint"].encode()) != outer["sum"]:
                raise self.damaged("checkpoint.json")
            manifest: dict[str, Any] = json.loads(outer["checkpoint"])
        except OSError as error:
            raise self.unusable(error) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self.damaged("checkpoint.json") from None
        for name, ours in self.identity.items():
            theirs = manifest["identity"].get(name)
            if theirs != ours:
                raise InputError(
                    f"the checkpoint in {self.folder} is of another {name}",
                    hint="name the folder of this run, or start anew in another one",
                )
        return manifest

    def load_column(
        self, library: ctypes.CDLL, handle: int, name: str, parts: Sequence[Mapping[str, Any]]
    ) -> int:
        """Load one file, part by part, into the search; how many items it holds."""
        number, size = list(COLUMNS).index(name), COLUMNS[name]
        start = end = 0
        with (self.folder / name).open("rb") as file:
            for part in parts:
                length = part["ends"][number] - end
                if name == "states":
                    place = (ctypes.c_char * length)()
                else:
                    column = library.wakeproof_column(handle, number)
                    place = (ctypes.c_char * length).from_address(column + start * size)
                view = memoryview(place).cast("B")
                if file.readinto(view) != length or _sum(view) != part["sums"][number]:
                    raise self.damaged(name)
                if name == "states":
                    layout = bytes.fromhex(part["layout"])
                    library.wakeproof_restore_states(
                        handle, place, start, part["to"][number], layout
                    )
                start, end = part["to"][number], part["ends"][number]
        return start

    def remove(self) -> None:
        """The run is complete: nothing is to be gone on with."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def unusable(self, error: OSError) -> InputError:
        """What to say where the files cannot be read or written."""
        said = error.strerror or error
        return InputError(
            f"the checkpoint cannot be read or written: {said}", where=str(self.folder)
        )

    def damaged(self, name: str) -> InputError:
        """What to say where a file is not what was written."""
        return InputError(
            f"the checkpoint is damaged: {name} is not what was written",
            where=str(self.folder),
            hint="start anew in another folder",
        )


def _sum(data: bytes | memoryview) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
