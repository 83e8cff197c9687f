"""`wakeproof recheck`, behind the command line: certificates, on all processors."""

from __future__ import annotations

import functools
from pathlib import Path

from wakeproof.certificates import SUFFIX, Confirmation, recheck
from wakeproof.commands import status_line
from wakeproof.errors import Exit, InputError
from wakeproof.pool import map_jobs
from wakeproof.render import make_console


def recheck_command(folder: Path, seconds: float) -> int:
    """Have cvc5 confirm the certificates of a folder; the exit status."""
    # the longest first, so that no processor waits at the end
    files = sorted(folder.rglob(f"*{SUFFIX}"), key=lambda file: -file.stat().st_size)
    if not files:
        raise InputError(
            "no certificates here", where=str(folder), mend="write them: prove --certificates DIR"
        )
    console = make_console()
    number = confirmed = 0
    others: list[Confirmation] = []
    with status_line(console, f"0 of {len(files)} certificates") as say:

        def done(confirmations: list[Confirmation]) -> None:
            nonlocal number, confirmed
            number += 1
            others.extend(c for c in confirmations if c.says != "unsat")
            confirmed += sum(c.says == "unsat" for c in confirmations)
            say(f"{number} of {len(files)} certificates, {confirmed} obligations confirmed")

        finished = map_jobs(functools.partial(recheck, seconds=seconds), files, done)
    for other in sorted(others, key=lambda other: (other.file, other.goal)):
        console.print(f"{other.file}: {other.goal}: {other.says}", markup=False, soft_wrap=True)
    console.print(
        ("" if finished else "interrupted: ")
        + f"{confirmed} obligations in {number} certificates confirmed by cvc5"
    )
    if any(other.says == "sat" for other in others):
        return Exit.NOT_AS_EXPECTED
    return Exit.AS_EXPECTED if finished and not others else Exit.UNKNOWN
