"""Certificates of proofs: which there are, and writing them on all processors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wakeproof.language.model import Model
from wakeproof.prove.any_number.window_induction import WindowInduction
from wakeproof.prove.certificates.folder import SUFFIX
from wakeproof.prove.certificates.write import certificate
from wakeproof.prove.induction import Induction
from wakeproof.prove.lemma_sources import resolve_versions
from wakeproof.prove.merged_actions import mergeable
from wakeproof.prove.obligation import Answer
from wakeproof.prove.proof import Job, Proof
from wakeproof.util.files import write_whole
from wakeproof.util.parallel import Workers, map_jobs
from wakeproof.util.resources import gc_paused


@dataclass(frozen=True)
class Writing:
    """A certificate to write: what is proved of one action, in all mixes of one program."""

    job: Job
    answers: tuple[Answer, ...]
    file: Path
    every_state: bool


def certificates_of(proof: Proof) -> str:
    """The folder of the certificates of this proof and its mixes, below that of all."""
    versions = "-".join("+".join(names) for _, names in proof.versions)
    return f"{versions}/any-number" if proof.sizes_vary else versions


def writings(
    model: Model,
    proofs: Sequence[Proof],
    folder: Path,
    every_state: bool = False,
) -> list[Writing]:
    """The certificates of every proved obligation, a file for an action or for those merged.

    They are about the states that the proofs considered; if `every_state`, also about those that
    symmetry breaking leaves out. Their files are in `folder`.
    """
    found: dict[tuple[str, tuple[str, ...], tuple[tuple[str, int], ...]], list[Answer]] = {}
    of: dict[str, list[Proof]] = {}
    for proof in (p for one in proofs for p in (one, one.any_number) if p is not None):
        place = certificates_of(proof)
        of.setdefault(place, []).append(proof)
        program = resolve_versions(model, proof.versions).program
        merged = {one: some for some in mergeable(program, proof.actions) for one in some}
        for (action, goal), answer in proof.answers.items():
            if answer.status == "proved" and goal not in proof.dropped:
                # where it is not proved of all of them, each has its own certificate
                several = {one: proof.answers.get((one, goal), answer) for one in merged[action]}
                actions: tuple[str, ...] = (action,)
                if all(other.status == "proved" for other in several.values()):
                    # what is proved at other sizes need not hold at these
                    alike = (one for one, other in several.items() if other.sizes == answer.sizes)
                    actions = tuple(alike)
                sizes = answer.sizes or tuple(proof.sizes.items())
                found.setdefault((place, actions, sizes), []).append(answer)
    result = []
    written_of: Counter[tuple[str, str]] = Counter()
    for (place, actions, sizes), answers in found.items():
        first = of[place][0]
        questions = tuple(proof.question(()) for proof in of[place])
        job = Job(model, first.versions, sizes, actions, questions, first.sizes_vary)
        head, *others = actions
        name = f"{head}-and-{len(others)}-more" if others else head
        written_of[place, name] += 1
        if written_of[place, name] > 1:
            name = f"{name}-{written_of[place, name]}"
        file = folder / place / f"{name}{SUFFIX}"
        result.append(Writing(job, tuple(answers), file, every_state))
    return result


def write_certificates(
    some: Sequence[Writing],
    on_written: Callable[[Path], None],
    pool: Workers | None = None,
) -> bool:
    """Write certificates, whose texts are made on all processors or in a `pool`.

    None is written where there is no obligation. Returns False if interrupted.
    """
    for writing in some:
        writing.file.parent.mkdir(parents=True, exist_ok=True)

    def write(made: tuple[int, str]) -> None:
        number, text = made
        if text:
            write_whole(some[number].file, text)
            on_written(some[number].file)

    return map_jobs(_text, list(enumerate(some)), write, pool)


@gc_paused()
def _text(numbered: tuple[int, Writing]) -> tuple[int, str]:
    """Return the text of a certificate, with its number."""
    number, writing = numbered
    job = writing.job
    resolved = resolve_versions(job.model, job.versions)
    sizes = dict(job.sizes)
    induction = (
        WindowInduction(resolved, sizes, job.actions, job.questions, writing.every_state)
        if job.any_number
        else Induction(resolved, sizes, job.actions, writing.every_state)
    )
    return number, certificate(induction, writing.answers)
