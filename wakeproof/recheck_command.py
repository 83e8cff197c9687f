"""`wakeproof recheck`, behind the command line: certificates, on all processors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from rich.console import Console

from wakeproof.cache import map_cached
from wakeproof.certificates import Confirmation, listed, obligations, others_there, recheck
from wakeproof.commands import status_line, write_file
from wakeproof.errors import Exit, InputError
from wakeproof.render import make_console
from wakeproof.report import table_row

SHOWN = 16
"""So many digits of a digest tell certificates apart."""

ROW = re.compile(
    r"^\| `.*\.smt2` \| \S+ \| (\d+) \| (\d+) \| \S+ \| `([0-9a-f]+)` \|$", re.MULTILINE
)
"""A certificate on a page: how many obligations it has, how many are confirmed, its digest."""

Confirmations = dict[Path, list[Confirmation]]


@dataclass(frozen=True)
class Job:
    """One certificate; `seconds` is the limit for an obligation of it."""

    file: Path
    seconds: float


def recheck_command(
    folder: Path,
    seconds: float,
    fresh: bool,
    report_file: Path | None,
    page: Path | None,
    command: str,
) -> int:
    """Have cvc5 confirm the certificates of a folder; the exit status.

    Those that the `page` of an earlier call has as confirmed, with the same digest, are not asked.
    """
    # the longest first, so that no processor waits at the end
    files = sorted(listed(folder), key=lambda file: -file.stat().st_size)
    if not files:
        raise InputError(
            "no certificates here", where=str(folder), hint="write them: prove --certificates DIR"
        )
    if page is not None and report_file is not None:
        raise InputError(
            "a page is written of what was asked: --report does not go with --confirmed",
            hint="leave out one of them",
        )
    console = make_console()
    if more := others_there(folder, files):
        console.print(f"{more}: not asked", markup=False, soft_wrap=True)
    if page is not None:
        known = confirmed_on(page)
        before = {file for file in files if digest(file)[:SHOWN] in known}
        files = [file for file in files if file not in before]
        console.print(
            f"{sum(map(obligations, before))} obligations in {len(before)} certificates "
            f"were confirmed before, as {page} says",
            markup=False,
            soft_wrap=True,
        )
    found: Confirmations = {}
    with status_line(console, f"0 of {len(files)} certificates") as say:

        def done(job: Job, confirmations: list[Confirmation]) -> None:
            found[job.file] = confirmations
            say(f"{len(found)} of {len(files)} certificates, {confirmed(found)} confirmed")

        jobs = [Job(file, seconds) for file in files]
        finished = map_cached(recheck_job, jobs, _inputs, done, fresh, is_final=_is_final)
    others = _print(console, found, finished)
    if report_file is not None and finished:
        write_file(report_file, markdown(folder, found, command))
    if any(other.refuted for other in others):
        return Exit.NOT_AS_EXPECTED
    return Exit.AS_EXPECTED if finished and not others else Exit.UNKNOWN


def recheck_job(job: Job) -> list[Confirmation]:
    """What cvc5 says of a certificate."""
    return recheck(job.file, job.seconds)


def _inputs(job: Job) -> list[object]:
    """All that an answer that is final depends on: not the file's name, nor the limit."""
    return [digest(job.file), solver_version()]


def _is_final(confirmations: Sequence[Confirmation]) -> bool:
    return all(c.confirmed or c.refuted for c in confirmations)


def digest(file: Path) -> str:
    """The SHA-256 of a certificate."""
    with file.open("rb") as text:
        return hashlib.file_digest(text, "sha256").hexdigest()


def solver_version() -> str:
    """That of cvc5; none if it is not installed."""
    try:
        return metadata.version("cvc5")
    except metadata.PackageNotFoundError:
        return ""


def confirmed(found: Mapping[Path, Sequence[Confirmation]]) -> int:
    """How many obligations are."""
    return sum(c.confirmed for some in found.values() for c in some)


def _print(console: Console, found: Confirmations, finished: bool) -> list[Confirmation]:
    """Say how many are confirmed, and which are not; those."""
    others = []
    for file, confirmations in sorted(found.items()):
        for other in (c for c in confirmations if not c.confirmed):
            others.append(other)
            console.print(f"{file}: {other.goal}: {other.says}", markup=False, soft_wrap=True)
    console.print(
        ("" if finished else "interrupted: ")
        + f"{confirmed(found)} obligations in {len(found)} certificates confirmed by cvc5"
    )
    return others


# --- the page -----------------------------------------------------------------------------------


def confirmed_on(page: Path) -> set[str]:
    """The beginnings of the digests of the certificates that a page has as wholly confirmed.

    Raises `InputError` if it cannot be read, or has none.
    """
    try:
        rows = ROW.findall(page.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise InputError(
            f"cannot be read: {why}", where=str(page), hint="name a page of recheck --report"
        ) from None
    found = {short for asked, said, short in rows if asked == said}
    if not found:
        raise InputError(
            "no confirmed certificates on it",
            where=f"{page}:1",
            hint="name a page that recheck --report wrote",
        )
    return found


def markdown(folder: Path, found: Confirmations, command: str) -> str:
    """Every certificate, and what came of its obligations."""
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
