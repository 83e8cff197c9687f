"""Confirm certificates by cvc5, with its own parser, its own clauses and its own CaDiCaL."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from wakeproof.errors import InputError
from wakeproof.prove.certificates.folder import WRITE_AGAIN, obligations
from wakeproof.prove.certificates.reader import read_certificate
from wakeproof.util.parallel import KILLED
from wakeproof.util.result_cache import NotFinal, map_cached


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


Confirmations = dict[Path, list[Confirmation]]
"""The answers for each certificate."""


@dataclass(frozen=True)
class RecheckJob:
    """A certificate; `seconds` is the limit for each of its obligations."""

    file: Path
    seconds: float


def recheck_all(
    files: Sequence[Path],
    seconds: float,
    on_done: Callable[[Path, list[Confirmation]], None],
    fresh: bool,
) -> bool:
    """Check certificates, on all processors; False if interrupted.

    `seconds` is the limit for an obligation. `fresh` ignores cached results.
    """

    def done(job: RecheckJob, confirmations: list[Confirmation]) -> None:
        on_done(job.file, confirmations)

    jobs = [RecheckJob(file, seconds) for file in files]
    return map_cached(_recheck_job, jobs, _inputs, done, fresh, None, NotFinal(_lost, _is_final))


def _lost(_: RecheckJob) -> list[Confirmation]:
    """The answer for a certificate without a result."""
    return [Confirmation("every obligation", f"unknown: {KILLED}", 0.0)]


def _recheck_job(job: RecheckJob) -> list[Confirmation]:
    """Check one certificate."""
    return recheck(job.file, job.seconds)


def _inputs(job: RecheckJob) -> list[object]:
    """Everything that a final answer depends on: neither the file's name nor the limit."""
    return [digest(job.file), solver_version()]


def _is_final(confirmations: Sequence[Confirmation]) -> bool:
    return all(c.confirmed or c.refuted for c in confirmations)


def recheck(file: Path, limit: float) -> list[Confirmation]:
    """Check every obligation of a certificate by cvc5; `limit` is that for one, in seconds.

    Raises `InputError` if cvc5 is not installed, or if the file is not a certificate or not
    complete.
    """
    try:
        import cvc5
    except ImportError:
        raise InputError("cvc5 is not installed", hint="pip install 'wakeproof[proofs]'") from None
    wanted = obligations(file)
    text = read_certificate(file)
    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("incremental", "true")
    # all clauses at once, for a solver that simplifies them: else it takes up to ten times longer
    solver.setOption("bitblast", "eager")
    solver.setOption("bv-sat-solver", "cadical")
    solver.setOption("tlimit-per", str(max(1, int(limit * 1000))))
    parser = cvc5.InputParser(solver)
    # the text that was read: the file may be another by now
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, file.name)
    symbols = parser.getSymbolManager()
    confirmations = []
    goal = ""
    try:
        while not (command := parser.nextCommand()).isNull():
            began = time.monotonic()
            output = str(command.invoke(solver, symbols)).strip()
            name = command.getCommandName()
            if name == "echo":
                goal = output.strip('"')
            elif name in ("check-sat", "check-sat-assuming"):
                seconds = round(time.monotonic() - began, 2)
                confirmations.append(Confirmation(goal, output, seconds))
    except RuntimeError as error:
        raise InputError(
            f"cvc5 cannot read it: {error}",
            where=str(file),
            hint=WRITE_AGAIN,
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


def solver_version() -> str:
    """The version of cvc5; empty if it is not installed."""
    try:
        return metadata.version("cvc5")
    except metadata.PackageNotFoundError:
        return ""


def confirmed(found: Mapping[Path, Sequence[Confirmation]]) -> int:
    """The number of obligations that are confirmed."""
    return sum(c.confirmed for some in found.values() for c in some)
