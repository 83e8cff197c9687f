"""Checkpoints: a search saved to a folder while it runs, so that a later run can resume it.

The tables of a search only grow: the values of lanes, the parents and the states are appended to
one file each. `checkpoint.json` has the valid length of these files, a checksum of every part and
the layout of its states. It is replaced in one step, so a process may be killed at any moment.
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
"""The files, in the order of `wakeproof_column`, with the bytes of an item in each. An item of
`states` is one limb of a key; the layout of a part gives the number of limbs."""


class Checkpoint:
    """The checkpoint of one run, in a folder of its own.

    `identity` has what must be equal for a run to resume the search, by name. Raises `InputError`
    if the folder has a checkpoint and the run is not to `resume` it, and if the files cannot be
    read or written, are damaged, or belong to another run.
    """

    def __init__(self, folder: Path, identity: Mapping[str, str], resume: bool) -> None:
        self.folder = folder
        self.identity = {"tool": __version__, **identity}
        self.manifest: dict[str, Any] = {"identity": self.identity, "parts": [], "saved": ""}
        if self.path.exists() and not resume:
            raise InputError(
                f"{folder} has a checkpoint already",
                hint="use --resume, name another folder, or remove this one",
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self.unusable(error) from None

    @property
    def path(self) -> Path:
        """The file with the valid lengths of the others."""
        return self.folder / "checkpoint.json"

    def exists(self) -> bool:
        """Return whether the folder has a checkpoint."""
        return self.path.exists()

    def save(self, library: ctypes.CDLL, handle: int) -> None:
        """Append what is new in the search `handle`. Raises `InputError` if the disk is full."""
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
                sums.append(_checksum(part))
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
        """Replace `checkpoint.json` in one step."""
        text = json.dumps(self.manifest)
        text = json.dumps({"sum": _checksum(text.encode()), "checkpoint": text})
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
        """Restore the saved search into the new search `handle`."""
        manifest = self.read()
        saved = bytes.fromhex(manifest["saved"])
        if len(saved) != library.wakeproof_saved_size():
            raise self.damaged("checkpoint.json")
        try:
            for name in COLUMNS:
                end = self.load_column(library, handle, name, manifest["parts"])
                if name == "values" and not library.wakeproof_restore_values(handle, end):
                    raise self.too_large()
        except OSError as error:
            raise self.unusable(error) from None
        if not library.wakeproof_restore(handle, saved):
            raise self.too_large()
        self.manifest = manifest

    def read(self) -> dict[str, Any]:
        """Read the manifest of the saved search, and check that it belongs to this run."""
        try:
            outer = json.loads(self.path.read_text(encoding="utf-8"))
            if _checksum(outer["checkpoint"].encode()) != outer["sum"]:
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
                    hint="name the folder of this run, or start again in another one",
                )
        return manifest

    def load_column(
        self, library: ctypes.CDLL, handle: int, name: str, parts: Sequence[Mapping[str, Any]]
    ) -> int:
        """Load one file, part by part, into the search; return the number of its items."""
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
                if file.readinto(view) != length or _checksum(view) != part["sums"][number]:
                    raise self.damaged(name)
                if name == "states":
                    layout = bytes.fromhex(part["layout"])
                    library.wakeproof_restore_states(
                        handle, place, start, part["to"][number], layout
                    )
                start, end = part["to"][number], part["ends"][number]
        return start

    def remove(self) -> None:
        """Remove the folder, because the run is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)

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
            "no memory for the search in the checkpoint",
            where=str(self.folder),
            hint="resume it on a machine with more memory",
        )


def _checksum(data: bytes | memoryview) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
