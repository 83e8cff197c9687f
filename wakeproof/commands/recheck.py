"""`wakeproof recheck`: have a second solver confirm certificates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from wakeproof.commands.output import (
    data_file,
    refuse_unwritable_page,
    status_line,
    write_page,
)
from wakeproof.errors import Exit, InputError
from wakeproof.prove.certificates.folder import (
    LIST,
    listed,
    obligations,
    others_there,
)
from wakeproof.prove.certificates.recheck import (
    Confirmation,
    Confirmations,
    confirmed,
    digest,
    recheck_all,
    solver_version,
)
from wakeproof.report.pages.certificates import SHOWN, certificates_page
from wakeproof.report.terminal.console import make_console
from wakeproof.util.json_file import load_json
from wakeproof.util.text import plural


@dataclass(frozen=True, kw_only=True)
class RecheckOptions:
    """A folder of certificates, the limit of an obligation in seconds, and the page to write.

    Certificates that `confirmed_file`, the data of a page, has as confirmed with the same digest
    are not checked again. `command` is the command line, for the page.
    """

    folder: Path
    timeout: float
    fresh: bool = False
    report_file: Path | None = None
    confirmed_file: Path | None = None
    command: str = ""

    def __post_init__(self) -> None:
        """Raise `InputError` for options that do not go together."""
        if self.confirmed_file is not None and self.report_file is not None:
            raise InputError(
                "--report does not go with --confirmed: the page has what was checked",
                hint="leave out one of them",
            )


def recheck_command(options: RecheckOptions) -> int:
    """Have cvc5 confirm the certificates of a folder; return the exit status."""
    folder, report_file = options.folder, options.report_file
    # the longest first, so that no processor waits at the end
    files = sorted(listed(folder), key=lambda file: -file.stat().st_size)
    if not files:
        raise InputError(
            "no certificates here",
            where=str(folder),
            hint="`wakeproof prove --certificates DIR` writes them",
        )
    if report_file is not None:
        refuse_unwritable_page(report_file, files)
        if data_file(report_file).resolve() == (folder / LIST).resolve():
            raise InputError(
                f"{LIST} of the folder would be overwritten by that of the page",
                where=str(report_file),
                hint="name a page elsewhere",
            )
    console = make_console()
    if more := others_there(folder, files):
        console.print(f"{more}: not checked", markup=False, soft_wrap=True)
    if options.confirmed_file is not None:
        known = confirmed_in(options.confirmed_file)
        before = {file for file in files if digest(file)[:SHOWN] in known}
        files = [file for file in files if file not in before]
        console.print(
            f"confirmed before, according to {options.confirmed_file}: "
            f"{plural(sum(map(obligations, before)), 'obligation')} in "
            f"{plural(len(before), 'certificate')}",
            markup=False,
            soft_wrap=True,
        )
    found: Confirmations = {}
    with status_line(console, f"0 of {plural(len(files), 'certificate')}") as show:

        def done(file: Path, confirmations: list[Confirmation]) -> None:
            found[file] = confirmations
            show(
                f"{len(found)} of {plural(len(files), 'certificate')}, {confirmed(found)} confirmed"
            )

        finished = recheck_all(files, options.timeout, done, options.fresh)
    others = _print(console, found, finished)
    if report_file is not None and finished:
        text = certificates_page(folder, found, options.command)
        write_page(report_file, text, to_json(folder, found))
    if any(other.refuted for other in others):
        return Exit.NOT_AS_EXPECTED
    return Exit.AS_EXPECTED if finished and not others else Exit.UNKNOWN


def _print(console: Console, found: Confirmations, finished: bool) -> list[Confirmation]:
    """Print how many obligations are confirmed, and which are not. Returns the latter."""
    others = []
    for file, confirmations in sorted(found.items()):
        for other in (c for c in confirmations if not c.confirmed):
            others.append(other)
            console.print(f"{file}: {other.goal}: {other.answer}", markup=False, soft_wrap=True)
    console.print(
        ("" if finished else "interrupted: ")
        + f"{plural(confirmed(found), 'obligation')} in {plural(len(found), 'certificate')} "
        "confirmed by cvc5"
    )
    return others


def to_json(folder: Path, found: Confirmations) -> dict[str, Any]:
    """Return the data of the page, without what differs from run to run."""
    return {
        "solver": f"cvc5 {solver_version()}",
        "certificates": [
            {
                "file": file.relative_to(folder).as_posix(),
                "obligations": len(some),
                "confirmed": sum(c.confirmed for c in some),
                "digest": digest(file)[:SHOWN],
            }
            for file, some in sorted(found.items())
        ],
    }


def confirmed_in(file: Path) -> set[str]:
    """Return the beginnings of the digests of the certificates that a file has as confirmed.

    Raises `InputError` for a file that cannot be read or has none.
    """
    hint = "name the JSON file that recheck --report wrote beside its page"
    document = load_json(file, hint)
    try:
        rows = document["certificates"]
        found = {str(row["digest"]) for row in rows if row["obligations"] == row["confirmed"]}
    except (KeyError, TypeError):
        raise InputError("no confirmed certificates", where=f"{file}:1", hint=hint) from None
    if not found:
        raise InputError("no confirmed certificates", where=f"{file}:1", hint=hint)
    return found
