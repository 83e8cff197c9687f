"""Status lines, and files that commands write."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import (
    Callable,
    Iterable,
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
from wakeproof.report.terminal.console import STANDARD_OUTPUT, STANDARD_OUTPUTS
from wakeproof.util.files import write_whole
from wakeproof.util.text import read_text

NOWHERE = Path(os.devnull)
"""The file that several results may be written to."""


@contextlib.contextmanager
def status_line(console: Console, text: str) -> Iterator[Callable[[str], None]]:
    """Show a status line on a terminal. Yields a function that sets its text."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(text)
        yield lambda description: bar.update(task, description=description)


def write_json(
    path: Path,
    results: Sequence[Mapping[str, Any]],
    scenarios: Mapping[str, Any] | None = None,
) -> None:
    """Write a results file with `scenarios`. Raises `InputError` if it cannot be written."""
    document: dict[str, Any] = {
        "tool": "wakeproof",
        "version": __version__,
        "results": list(results),
    }
    if scenarios:
        document["scenarios"] = scenarios
    write_file(path, json.dumps(document, indent=1) + "\n")


def write_file(path: Path, text: str) -> None:
    """Write a file, whole or not at all. Raises `InputError` if it cannot be written."""
    try:
        if path == STANDARD_OUTPUT:
            sys.stdout.write(text)
        elif _is_stream(path):
            path.write_text(text, encoding="utf-8")
        else:
            write_whole(Path(os.path.realpath(path)), text)
    except (OSError, UnicodeEncodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "they are not text in UTF-8"
        raise InputError(
            f"the results could not be written: {reason}",
            where=str(path),
            hint="name another file; what is printed above is complete",
        ) from None


def write_one(text: str, output: Path | None) -> None:
    """Write a text to a file, or print it. Raises `InputError` if it cannot be written."""
    if output is None:
        print(text, end="")
    else:
        write_file(output, text)


def partial_file(path: Path) -> Path:
    """Return where a partial result is written, so that a whole one at `path` stays as it is.

    It is a file beside it, `page.partial.md` beside `page.md`; a stream takes what there is.
    """
    return path if _is_stream(path) else path.with_name(f"{path.stem}.partial{path.suffix}")


def _is_stream(path: Path) -> bool:
    """Return whether a path is that of a device, a pipe or an open file: nothing to replace."""
    if path == STANDARD_OUTPUT:
        return True
    return path.absolute().parts[1:2] in (("dev",), ("proc",)) or (
        path.exists() and not path.is_file()
    )


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write files, given by path, into a folder; raises `InputError` if one cannot be written."""
    for name, text in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"the folder cannot be made: {error.strerror}",
                where=str(path.parent),
                hint="name a folder that you may write to",
            ) from None
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


def refuse_unwritable_page(page: Path, inputs: Iterable[Path | None] = ()) -> None:
    """Raise `InputError` before long work if a page or its data cannot be written."""
    refuse_unwritable(page, data_file(page), inputs=inputs)


def refuse_unwritable(
    *files: Path | None, folder: Path | None = None, inputs: Iterable[Path | None] = ()
) -> None:
    """Make the folder. Raises `InputError`, before long work, if results cannot be written.

    That includes a file that would overwrite another one, or one of the `inputs`: files, and
    folders with the texts of a model.
    """
    taken: list[Path] = []
    read = [path for path in inputs if path is not None]
    for file in (file for file in files if file is not None):
        if not _is_writable(file):
            raise InputError(
                "the results cannot be written",
                where=str(file),
                hint="name a file in an existing folder that you may write to",
            )
        if any(_overwrites(file, path) for path in read):
            raise InputError(
                "the results would overwrite an input of this command",
                where=str(file),
                hint="name another file",
            )
        if file in STANDARD_OUTPUTS and any(other in STANDARD_OUTPUTS for other in taken):
            raise InputError(
                "two results would be written to standard output",
                where=str(file),
                hint="name a file for one of them",
            )
        if file != NOWHERE and any(_is_same(file, other) for other in taken):
            raise InputError(
                "two results would be written to this file",
                where=str(file),
                hint="name a file for each",
            )
        taken.append(file)
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


def _is_writable(file: Path) -> bool:
    """Return whether a file can be written, which takes its folder too: it is replaced."""
    if file == STANDARD_OUTPUT:
        return True
    if file.is_dir() or (file.exists() and not os.access(file, os.W_OK)):
        return False
    if file.exists() and _is_stream(file):
        return True
    # a link that leads nowhere is written where it leads
    folder = Path(os.path.realpath(file)).parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _overwrites(file: Path, path: Path) -> bool:
    """Return whether the file is the input, or a text in a folder that is one."""
    is_text = file.suffix in (".py", ".toml", ".rs") and file.exists()
    inside = Path(os.path.realpath(path)) in Path(os.path.realpath(file)).parents
    return _is_same(file, path) or (inside and is_text)


def _is_same(file: Path, other: Path) -> bool:
    """Return whether two paths are of one file, which need not exist."""
    if file.exists() and other.exists():
        return file.samefile(other)
    return os.path.realpath(file) == os.path.realpath(other)


def drawing_file(page: Path, name: str) -> Path | None:
    """Return the file of a drawing beside a page, `page-NAME.svg`; None beside a stream."""
    if _is_stream(page):
        return None
    return page.with_name(f"{page.stem}-{name}.svg")


def write_part(path: Path, text: str) -> None:
    """Write one section of a page, `## HEADING ...`; its other sections stay as they are."""
    page = read_text(path) if path.exists() else "# Conformance\n"
    head, *parts = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    heading = text.splitlines()[0]
    parts = [p for p in parts if p.splitlines()[0] != heading] + [text]
    blocks = [head, *sorted(parts)]
    write_file(path, "\n".join(block.strip() + "\n" for block in blocks))
