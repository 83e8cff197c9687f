"""A folder of certificates: the list of them, and the head of each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from wakeproof.errors import InputError
from wakeproof.util.files import write_whole

SUFFIX = ".smt2"

MARK = "; wakeproof certificate"

COUNT = "; obligations: "
"""The first two lines begin with these; the second has the number of obligations."""

DIGITS = 9
"""The most digits of this number."""

LIST = "certificates.json"
"""The file that lists the certificates of the last run, in their folder."""

WRITE_AGAIN = "write it again: prove --certificates"
"""The hint for a certificate or a list that is not complete."""


def obligations(file: Path) -> int:
    """The number of obligations in the head of a certificate.

    Raises `InputError` if it has no such head, or no obligation: it would be confirmed by nothing.
    """
    # a binary file is not a certificate either
    with file.open(encoding="utf-8", errors="replace") as text:
        mark, count = text.readline(), text.readline().removeprefix(COUNT).strip()
    if not mark.startswith(MARK) or not count.isdecimal() or len(count) > DIGITS:
        raise InputError(
            "not a certificate",
            where=f"{file}:1",
            hint="name a folder that `prove --certificates` wrote",
        )
    if int(count) == 0:
        raise InputError("a certificate without an obligation", where=f"{file}:2", hint=WRITE_AGAIN)
    return int(count)


def write_list(folder: Path, files: Iterable[Path]) -> None:
    """List the certificates that belong into the folder, and remove the files of these names.

    This happens before they are written: after an interrupt none of another run is among them.
    """
    files = list(files)
    for file in files:
        file.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    list_again(folder, files)


def list_again(folder: Path, files: Iterable[Path]) -> None:
    """List the certificates that were written at last: there may be fewer than were begun."""
    names = sorted(file.relative_to(folder).as_posix() for file in files)
    write_whole(folder / LIST, json.dumps(names, indent=1) + "\n")


def listed(folder: Path) -> set[Path]:
    """The certificates that belong into a folder; without a list, all in it.

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
        raise InputError("not a list of certificates", where=f"{folder / LIST}:1", hint=WRITE_AGAIN)
    wanted = {folder / name for name in names}
    if missing := wanted - there:
        raise InputError(
            f"{len(missing)} of {len(wanted)} certificates are missing: {min(missing).name}, ...",
            where=str(folder),
            hint=WRITE_AGAIN,
        )
    return wanted


def others_there(folder: Path, files: Iterable[Path]) -> str:
    """A message about certificates in the folder that are not these; empty if there are none."""
    others = set(folder.rglob(f"*{SUFFIX}")) - set(files)
    if not others:
        return ""
    return f"{len(others)} more there, such as {min(others)}, are of another run"
