"""Confirm certificates by other solvers: each has its own parser, and its own way to decide."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wakeproof.errors import InputError
from wakeproof.prove.certificates.folder import WRITE_AGAIN, obligations
from wakeproof.prove.certificates.reader import read_certificate
from wakeproof.prove.certificates.second_solvers import ASK, CannotRead, solver_name
from wakeproof.util.parallel import KILLED, Workers
from wakeproof.util.result_cache import NotFinal, map_cached

CVC5 = "cvc5"
"""The solver that confirms unless others are named."""


@dataclass(frozen=True)
class Confirmation:
    """The answer of another solver to one obligation, and the seconds that it took."""

    goal: str
    answer: str
    seconds: float

    @property
    def confirmed(self) -> bool:
        """Whether no step breaks it."""
        return self.answer == "unsat"

    @property
    def refuted(self) -> bool:
        """Whether a step breaks it."""
        return self.answer == "sat"


Confirmations = dict[Path, dict[str, list[Confirmation]]]
"""The answers for each certificate, by solver."""


@dataclass(frozen=True)
class RecheckJob:
    """A certificate, and who checks it; `seconds` is the limit for each of its obligations.

    `digest` is that of the file: on another machine another one may have its name.
    """

    file: Path
    digest: str
    seconds: float
    solver: str = CVC5


def recheck_all(
    files: Sequence[Path],
    solvers: Sequence[str],
    seconds: float,
    on_done: Callable[[Path, str, list[Confirmation]], None],
    fresh: bool,
    pool: Workers | None = None,
) -> bool:
    """Have every solver check certificates, on all processors; False if interrupted.

    `seconds` is the limit for an obligation. `fresh` ignores cached results. With a `pool` its
    workers read the files.
    """

    def done(job: RecheckJob, confirmations: list[Confirmation]) -> None:
        on_done(job.file, job.solver, confirmations)

    jobs = [
        RecheckJob(file, text, seconds, solver)
        for file, text in ((file, digest(file)) for file in files)
        for solver in solvers
    ]
    return map_cached(_recheck_job, jobs, _inputs, done, fresh, pool, NotFinal(_lost, _is_final))


def _lost(_: RecheckJob) -> list[Confirmation]:
    """The answer for a certificate without a result."""
    return [Confirmation("every obligation", f"unknown: {KILLED}", 0.0)]


def _recheck_job(job: RecheckJob) -> list[Confirmation]:
    """Check one certificate. Raises `InputError` if the file is not that of the job."""
    there = digest(job.file) if job.file.is_file() else ""
    if there != job.digest:
        what = "another certificate is" if there else "no certificate is"
        raise InputError(
            f"{what} where it is to be checked",
            where=str(job.file),
            hint="give every worker the same files at the same paths",
        )
    return recheck(job.file, job.seconds, job.solver)


def _inputs(job: RecheckJob) -> list[object]:
    """Everything that a final answer depends on: neither the file's name nor the limit."""
    return [job.digest, solver_name(job.solver)]


def _is_final(confirmations: Sequence[Confirmation]) -> bool:
    return all(c.confirmed or c.refuted for c in confirmations)


def recheck(file: Path, limit: float, solver: str = CVC5) -> list[Confirmation]:
    """Check every obligation of a certificate; `limit` is that for one, in seconds.

    Raises `InputError` if the solver is not installed, or if the file is not a certificate or not
    complete.
    """
    wanted = obligations(file)
    # the text that was read strictly: the file may be another by now
    text = read_certificate(file)
    try:
        asked = ASK[solver](text, limit)
        confirmations = [Confirmation(goal, says, round(took, 2)) for goal, says, took in asked]
    except CannotRead as error:
        raise InputError(
            f"{solver} cannot read it: {error}", where=str(file), hint=WRITE_AGAIN
        ) from None
    if len(confirmations) != wanted:
        raise InputError(
            f"{len(confirmations)} of its {wanted} obligations are there",
            where=str(file),
            hint=WRITE_AGAIN,
        )
    return confirmations


def digest(file: Path) -> str:
    """The SHA-256 of a certificate."""
    with file.open("rb") as text:
        return hashlib.file_digest(text, "sha256").hexdigest()


def confirmed(found: Iterable[Sequence[Confirmation]]) -> int:
    """The number of obligations that are confirmed."""
    return sum(c.confirmed for some in found for c in some)


def confirmed_by_all(of_solvers: Mapping[str, Sequence[Confirmation]]) -> int:
    """The number of obligations of a certificate that every solver confirms."""
    return sum(all(c.confirmed for c in some) for some in zip(*of_solvers.values(), strict=True))
