"""A folder of certificates: the list of them, and the head of each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from wakeproof.errors import InputError

SUFFIX = ".smt2"

MARK = "; wakeproof certificate"

COUNT = "; obligations: "
"""The first two lines begin with these; the second says how many questions there are."""

LIST = "certificates.json"
"""The file, in a folder of certificates, that says which belong to the run that was the last."""

WRITE_AGAIN = "write it again: prove --certificates"
"""The hint for what is not whole."""


def obligations(file: Path) -> int:
    """How many obligations a certificate says that it has; raises `InputError` if it is none."""
    # what is no text is no certificate either
    with file.open(encoding="utf-8", errors="replace") as text:
        mark, count = text.readline(), text.readline().removeprefix(COUNT).strip()
    if not mark.startswith(MARK) or not count.isdecimal():
        raise InputError(
            "not a certificate",
            where=f"{file}:1",
            hint="name a folder that `prove --certificates` wrote",
        )
    return int(count)


def write_list(folder: Path, files: Iterable[Path]) -> None:
    """Say which certificates belong into the folder, and remove what is there under their names.

    This comes before they are written: an interrupt leaves none of another run among them.
    """
    files = list(files)
    for file in files:
        file.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(file.relative_to(folder).as_posix() for file in files)
    (folder / LIST).write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")


def listed(folder: Path) -> set[Path]:
    """The certificates that belong into a folder; all that are in it if it has no list.

    Raises `InputError` if one of them is missing, or if the list cannot be read.
    """
    there = {file for file in folder.rglob(f"*{SUFFIX}") if file.is_file()}
    if not (folder / LIST).exists():
        return there
    try:
        names = json.loads((folder / LIST).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError("no list of certificates", where=f"{folder / LIST}:1", hint=WRITE_AGAIN)
    wanted = {folder / name for name in names}
    if missing := wanted - there:
        raise InputError(
            f"{len(missing)} of {len(wanted)} certificates are missing: {min(missing).name}, ...",
            where=str(folder),
            hint=WRITE_AGAIN,
        )
    return wanted


def others_there(folder: Path, files: Iterable[Path]) -> str:
    """What is to be said of certificates in the folder that are none of these; empty if nothing."""
    others = set(folder.rglob(f"*{SUFFIX}")) - set(files)
    if not others:
        return ""
    return f"{len(others)} more there, such as {min(others)}, are of another run"
