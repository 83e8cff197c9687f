"""Status lines, and files that commands write."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import (
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from wakeproof import __version__
from wakeproof.errors import InputError
from wakeproof.util.text import read_text


@contextlib.contextmanager
def status_line(console: Console, text: str) -> Iterator[Callable[[str], None]]:
    """Show a status line on a terminal. Yields a function that sets its text."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(text)
        yield lambda description: bar.update(task, description=description)


def write_json(path: Path, results: Sequence[Mapping[str, Any]]) -> None:
    """Write a results file. Raises `InputError` if it cannot be written."""
    document = {"tool": "wakeproof", "version": __version__, "results": list(results)}
    write_file(path, json.dumps(document, indent=1) + "\n")


def write_file(path: Path, text: str) -> None:
    """Write a file. Raises `InputError` if it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"the results could not be written: {error.strerror}",
            where=str(path),
            hint="name another file; what is printed above is complete",
        ) from None


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write files, given by path, into a folder; raises `InputError` if one cannot be written."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, text)


def data_file(page: Path) -> Path:
    """Return the path of the data beside a Markdown page: the same name with the suffix `.json`.

    Programs read it. Raises `InputError` if the page has that name itself.
    """
    file = page.with_suffix(".json")
    if file == page:
        raise InputError(
            "a page with the suffix .json would be overwritten by its data",
            where=str(page),
            hint="name a page with the suffix .md",
        )
    return file


def write_page(page: Path, text: str, data: Mapping[str, Any]) -> None:
    """Write a Markdown page, and its data beside it. Raises `InputError` if that fails."""
    file = data_file(page)
    write_file(page, text)
    write_file(file, json.dumps(data, indent=1) + "\n")


def refuse_unwritable_page(page: Path) -> None:
    """Raise `InputError` before long work if a page or its data cannot be written."""
    refuse_unwritable(page)
    refuse_unwritable(data_file(page))


def refuse_unwritable(*files: Path | None, folder: Path | None = None) -> None:
    """Make the folder. Raises `InputError`, before long work, if results cannot be written."""
    for file in files:
        if file is not None:
            # a link that leads nowhere would be written where it leads
            place = file if file.exists() else file.resolve().parent
            if not os.access(place, os.W_OK) or place.is_dir() == (place == file):
                raise InputError(
                    "the results cannot be written",
                    where=str(file),
                    hint="name a file in an existing folder that you may write to",
                )
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # a folder that is not writable is refused now
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise InputError(
                f"the folder cannot be written to: {error.strerror}",
                where=str(folder),
                hint="name a folder that you may write to",
            ) from None


def write_part(path: Path, text: str) -> None:
    """Write one section of a page, `## HEADING ...`; its other sections stay as they are."""
    page = read_text(path) if path.exists() else "# Conformance\n"
    head, *parts = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    heading = text.splitlines()[0]
    parts = [p for p in parts if p.splitlines()[0] != heading] + [text]
    blocks = [head, *sorted(parts)]
    write_file(path, "\n".join(block.strip() + "\n" for block in blocks))
