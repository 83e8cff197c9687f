"""`wakeproof recheck`: have other solvers confirm certificates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from wakeproof.commands.inputs import chosen_workers
from wakeproof.commands.options import ClusterOptions
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
    CVC5,
    Confirmation,
    Confirmations,
    confirmed,
    confirmed_by_all,
    digest,
    recheck_all,
)
from wakeproof.prove.certificates.second_solvers import PACKAGES, solver_name
from wakeproof.report.pages.certificates import SHOWN, certificates_page
from wakeproof.report.terminal.console import make_console
from wakeproof.util.json_file import load_json
from wakeproof.util.text import plural


@dataclass(frozen=True, kw_only=True)
class RecheckOptions(ClusterOptions):
    """A folder of certificates, the limit of an obligation in seconds, and the page to write.

    Each solver of `solver` checks every certificate. Certificates that `confirmed_file`, the data
    of a page, has as confirmed with the same digest are not checked again. `command` is the
    command line, for the page.
    """

    folder: Path
    timeout: float
    solver: tuple[str, ...] = (CVC5,)
    fresh: bool = False
    report_file: Path | None = None
    confirmed_file: Path | None = None
    command: str = ""

    def __post_init__(self) -> None:
        """Raise `InputError` for an unknown solver, or for options that do not go together."""
        for name in self.solver:
            if name not in PACKAGES:
                raise InputError(
                    f"unknown solver {name!r}", hint="one or more of " + ",".join(PACKAGES)
                )
        if self.confirmed_file is not None and self.report_file is not None:
            raise InputError(
                "--report does not go with --confirmed: the page has what was checked",
                hint="leave out one of them",
            )


def recheck_command(options: RecheckOptions) -> int:
    """Have solvers confirm the certificates of a folder; return the exit status."""
    folder, report_file = options.folder, options.report_file
    solvers = tuple(dict.fromkeys(options.solver))
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
    for file in files:
        # what is no certificate is refused before hours are spent on the others
        obligations(file)
    console = make_console()
    if more := others_there(folder, files):
        console.print(f"{more}: not checked", markup=False, soft_wrap=True)
    if options.confirmed_file is not None:
        known = confirmed_in(options.confirmed_file, solvers)
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
    with (
        chosen_workers(options) as pool,
        status_line(console, f"0 of {plural(len(files), 'certificate')}") as show,
    ):

        def done(file: Path, solver: str, confirmations: list[Confirmation]) -> None:
            found.setdefault(file, {})[solver] = confirmations
            every = [some for of_solvers in found.values() for some in of_solvers.values()]
            show(
                f"{len(found)} of {plural(len(files), 'certificate')}, {confirmed(every)} confirmed"
            )

        finished = recheck_all(files, solvers, options.timeout, done, options.fresh, pool)
    others = _print(console, found, solvers, finished)
    if report_file is not None and finished:
        text = certificates_page(folder, found, solvers, options.command)
        write_page(report_file, text, to_json(folder, found, solvers))
    if any(other.refuted for other in others):
        return Exit.NOT_AS_EXPECTED
    return Exit.AS_EXPECTED if finished and not others else Exit.UNKNOWN


def _print(
    console: Console, found: Confirmations, solvers: Sequence[str], finished: bool
) -> list[Confirmation]:
    """Print how many obligations are confirmed, and which are not. Returns the latter."""
    others = []
    for file, of_solvers in sorted(found.items()):
        for solver in solvers:
            by = f"{solver}: " if len(solvers) > 1 else ""
            for other in (c for c in of_solvers.get(solver, ()) if not c.confirmed):
                others.append(other)
                line = f"{file}: {other.goal}: {by}{other.answer}"
                console.print(line, markup=False, soft_wrap=True)
    for solver in solvers:
        some = [of_solvers[solver] for of_solvers in found.values() if solver in of_solvers]
        console.print(
            ("" if finished else "interrupted: ")
            + f"{plural(confirmed(some), 'obligation')} in {plural(len(some), 'certificate')} "
            f"confirmed by {solver}"
        )
    return others


def to_json(folder: Path, found: Confirmations, solvers: Sequence[str]) -> dict[str, Any]:
    """Return the data of the page, without what differs from run to run.

    An obligation is confirmed if all solvers confirm it.
    """
    return {
        "solver": ", ".join(map(solver_name, solvers)),
        "certificates": [
            {
                "file": file.relative_to(folder).as_posix(),
                "obligations": len(of_solvers[solvers[0]]),
                "confirmed": confirmed_by_all(of_solvers),
                "digest": digest(file)[:SHOWN],
            }
            for file, of_solvers in sorted(found.items())
        ],
    }


def confirmed_in(file: Path, solvers: Sequence[str]) -> set[str]:
    """Return the beginnings of the digests of the certificates that a file has as confirmed.

    Raises `InputError` for a file that cannot be read, has none, or is of other solvers.
    """
    hint = "name the JSON file that recheck --report wrote beside its page"
    document = load_json(file, hint)
    try:
        rows = document["certificates"]
        known = {name.split()[0] for name in str(document["solver"]).split(", ")}
        found = {str(row["digest"]) for row in rows if row["obligations"] == row["confirmed"]}
    except (KeyError, TypeError, IndexError):
        raise InputError("no confirmed certificates", where=f"{file}:1", hint=hint) from None
    if not found:
        raise InputError("no confirmed certificates", where=f"{file}:1", hint=hint)
    if others := [solver for solver in solvers if solver not in known]:
        raise InputError(f"not confirmed by {', '.join(others)}", where=f"{file}:1", hint=hint)
    return found
