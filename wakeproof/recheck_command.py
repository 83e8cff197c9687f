"""`wakeproof recheck`: certificates confirmed by a second solver, on all processors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from wakeproof.cert_folder import LIST, listed, obligations, others_there
from wakeproof.cert_recheck import (
    Confirmation,
    Confirmations,
    confirmed,
    digest,
    recheck_all,
    solver_version,
)
from wakeproof.commands.output import data_file, refuse_unwritable_page, status_line, write_page
from wakeproof.errors import Exit, InputError
from wakeproof.report.terminal.verdicts import make_console
from wakeproof.util.markdown import table_row

SHOWN = 16
"""The length of a digest's beginning, which tells certificates apart."""


def recheck_command(
    folder: Path,
    seconds: float,
    fresh: bool,
    report_file: Path | None,
    confirmed_file: Path | None,
    command: str,
) -> int:
    """Have cvc5 confirm the certificates of a folder. Returns the exit status.

    Certificates that the `confirmed_file` of an earlier call has as confirmed, with the same
    digest, are not checked again.
    """
    # the longest first, so that no processor waits at the end
    files = sorted(listed(folder), key=lambda file: -file.stat().st_size)
    if not files:
        raise InputError(
            "no certificates here", where=str(folder), hint="write them: prove --certificates DIR"
        )
    if confirmed_file is not None and report_file is not None:
        raise InputError(
            "--report does not go with --confirmed: a page lists what was checked",
            hint="leave out one of them",
        )
    if report_file is not None:
        refuse_unwritable_page(report_file)
        if data_file(report_file).resolve() == (folder / LIST).resolve():
            raise InputError(
                f"{LIST} of the folder would be overwritten by that of the page",
                where=str(report_file),
                hint="name a page elsewhere",
            )
    console = make_console()
    if more := others_there(folder, files):
        console.print(f"{more}: not checked", markup=False, soft_wrap=True)
    if confirmed_file is not None:
        known = confirmed_in(confirmed_file)
        before = {file for file in files if digest(file)[:SHOWN] in known}
        files = [file for file in files if file not in before]
        console.print(
            f"{sum(map(obligations, before))} obligations in {len(before)} certificates "
            f"were confirmed before, as {confirmed_file} says",
            markup=False,
            soft_wrap=True,
        )
    found: Confirmations = {}
    with status_line(console, f"0 of {len(files)} certificates") as say:

        def done(file: Path, confirmations: list[Confirmation]) -> None:
            found[file] = confirmations
            say(f"{len(found)} of {len(files)} certificates, {confirmed(found)} confirmed")

        finished = recheck_all(files, seconds, done, fresh)
    others = _print(console, found, finished)
    if report_file is not None and finished:
        text = markdown(folder, found, command)
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
        + f"{confirmed(found)} obligations in {len(found)} certificates confirmed by cvc5"
    )
    return others


# --- the page -----------------------------------------------------------------------------------


def to_json(folder: Path, found: Confirmations) -> dict[str, Any]:
    """The results as data, without what differs from run to run."""
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
    """The beginnings of the digests of the certificates that a file has as wholly confirmed.

    Raises `InputError` if it cannot be read, or has none.
    """
    hint = "name the JSON file that recheck --report wrote beside its page"
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))["certificates"]
        found = {str(row["digest"]) for row in rows if row["obligations"] == row["confirmed"]}
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(file), hint=hint) from None
    except (ValueError, KeyError, TypeError):
        raise InputError("no confirmed certificates", where=f"{file}:1", hint=hint) from None
    if not found:
        raise InputError("no confirmed certificates", where=f"{file}:1", hint=hint)
    return found


def markdown(folder: Path, found: Confirmations, command: str) -> str:
    """A page with every certificate, and the results of its obligations."""
    asked = sum(len(some) for some in found.values())
    lines = [
        "# What a second solver has confirmed",
        "",
        f"Generated by `{command}`. cvc5 {solver_version()} was asked about every obligation that",
        "`wakeproof prove --certificates` wrote (`docs/proofs.md`): it has its own parser and its",
        "own CaDiCaL, and makes clauses in its own way. Seconds are those of one processor. The",
        "digest is the beginning of a certificate's SHA-256: the same model, lemmas, sizes and",
        "tool give the same certificate again.",
        "",
        f"{confirmed(found)} of {asked} obligations in {len(found)} certificates are confirmed.",
        "",
        *_table(folder, found),
    ]
    return "\n".join(lines) + "\n"


def _table(folder: Path, found: Confirmations) -> Iterator[str]:
    columns = ("certificate", "MB", "obligations", "confirmed", "seconds", "digest")
    yield table_row(*columns)
    yield table_row(*["---"] * len(columns))
    for file, some in sorted(found.items()):
        yield table_row(
            f"`{file.relative_to(folder).as_posix()}`",
            f"{file.stat().st_size / 1e6:.1f}",
            str(len(some)),
            str(sum(c.confirmed for c in some)),
            f"{sum(c.seconds for c in some):.0f}",
            f"`{digest(file)[:SHOWN]}`",
        )
