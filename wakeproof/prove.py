"""Proofs of whole mixes: obligations on all processors, until what is left is inductive.

All facts are assumed at first. A fact that an action breaks falls, and with it every proof that
needed it, which is tried again without it; what is left in the end is the largest set of facts
that is inductive. The ways to go wrong are no facts: each is asked for, and nothing is built on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wakeproof.anynumber import WindowInduction, actions_in_window, decide
from wakeproof.cache import digest, map_cached
from wakeproof.certificates import SUFFIX, certificate
from wakeproof.content import PROOFS, load_toml
from wakeproof.errors import InputError
from wakeproof.induction import Answer, Induction, actions_of, facts_of
from wakeproof.pool import map_jobs
from wakeproof.reader import Resolved, read_sources, resolve
from wakeproof.scenario import Mix

HEAVY = ("deliver", "wait", "drop_operation", "poll")
"""Actions that run through most of the model come first, so that no processor waits at the end."""


@dataclass(frozen=True)
class Job:
    """Some obligations of one action of one mix.

    `sizes` are those of the index types; `wanted` names facts and sites, all of them if None.
    """

    model: Path
    extra: tuple[Path, ...]
    mix: tuple[tuple[str, str], ...]
    sizes: tuple[tuple[str, int], ...]
    action: str
    hypotheses: tuple[str, ...]
    wanted: tuple[str, ...] | None
    any_number: bool = False


@dataclass
class Proof:
    """What is known of one mix: `answers` by action and goal, and the facts that fell.

    If `sizes_vary`, the `sizes` are those of the first window on any number of members, and
    `any_number` is the same for any number of members, about the facts that did not fall.
    """

    mix: Mix
    sizes: Mapping[str, int]
    resolved: Resolved
    hypotheses: list[str]
    actions: list[str]
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    fallen: dict[str, Answer] = field(default_factory=dict)
    finished: bool = False
    sizes_vary: bool = False
    any_number: Proof | None = None

    def failures(self, goal: str) -> list[Answer]:
        """The obligations about a fact or a site that are not proved."""
        return [a for (_, g), a in self.answers.items() if g == goal and a.status != "proved"]

    def holds(self, goal: str) -> bool:
        """Whether the fact is inductive with the others that are, or the site is never reached."""
        return self.finished and goal not in self.fallen and not self.failures(goal)

    def sites(self, kind: str) -> list[str]:
        """The sites of a kind of going wrong that some action has in its text."""
        goals = dict.fromkeys(g for _, g in self.answers)
        return [g.removeprefix(f"{kind} ") for g in goals if g.startswith(f"{kind} ")]

    def supports(self, goals: Iterable[str]) -> set[str]:
        """The facts that the proofs of these goals need, and those that their proofs need."""
        needed: set[str] = set()
        todo = list(goals)
        while todo:
            goal = todo.pop()
            for (_, g), answer in self.answers.items():
                if g == goal:
                    more = set(answer.needs) - needed
                    needed |= more
                    todo += more
        return needed


def proof_sources(model: Path) -> Path:
    """The folder of lemmas of a model: the bundled ones, or its own `proofs` beside its files."""
    own = model / "proofs"
    return own if own.is_dir() else PROOFS


def sizes_of(model: Path, table: str = "sizes") -> dict[str, int]:
    """The sizes at which a model's facts are proved if nothing else is said, `proofs.toml`.

    The table `window` has those of the first window in proofs for any number of members.
    """
    path = proof_sources(model) / "proofs.toml"
    sizes = load_toml(path).get(table, {})
    if not isinstance(sizes, dict) or not all(isinstance(n, int) for n in sizes.values()):
        raise InputError(
            f"no table of sizes, {table}", where=f"{path}:1", mend=f"write [{table}] with numbers"
        )
    return dict(sizes)


def resolve_with_lemmas(model: Path, extra: tuple[Path, ...], mix: Mix) -> Resolved:
    """The program of a mix, lemmas and premises included."""
    return resolve(read_sources(model, extra, proof_sources(model)), mix)


def run_job(job: Job) -> list[Answer]:
    """Decide the obligations of a job."""
    if job.any_number:
        resolved = resolve_with_lemmas(job.model, job.extra, dict(job.mix))
        facts = job.hypotheses if job.wanted is None else job.wanted
        return decide(resolved, dict(job.sizes), job.action, job.hypotheses, facts)
    induction = _induction(job)
    wanted = induction.goals() if job.wanted is None else job.wanted
    return list(induction.answers(job.hypotheses, wanted))


def _induction(job: Job) -> Induction:
    resolved = resolve_with_lemmas(job.model, job.extra, dict(job.mix))
    if job.any_number:
        return WindowInduction(resolved, dict(job.sizes), job.action, job.hypotheses)
    return Induction(resolved, dict(job.sizes), job.action)


def _inputs(job: Job) -> list[object]:
    """All that the answers of a job depend on."""
    texts = [job.model, *job.extra, proof_sources(job.model)]
    return [job, *(digest(path) for path in texts)]


def prove(
    model: Path,
    extra: tuple[Path, ...],
    mixes: Sequence[Mix],
    sizes: Mapping[str, int],
    on_done: Callable[[Job, list[Answer]], None],
    on_round: Callable[[int], None],
    fresh: bool = False,
    window: Mapping[str, int] | None = None,
) -> list[Proof]:
    """Prove what can be proved of the mixes; `on_round` is told how many jobs come.

    With the sizes of a `window`, what is inductive is then proved for any number of members. A
    proof that is not `finished` was interrupted; what was decided stays in its answers.
    """
    proofs = [_begin(model, extra, mix, sizes) for mix in mixes]
    finished = _reduce(model, extra, proofs, on_done, on_round, fresh)
    if window and finished:
        for proof in proofs:
            standing = [h for h in proof.hypotheses if h not in proof.fallen]
            actions = actions_in_window(proof.resolved.program)
            proof.any_number = Proof(
                proof.mix, window, proof.resolved, standing, actions, sizes_vary=True
            )
        larger = [proof.any_number for proof in proofs if proof.any_number is not None]
        _reduce(model, extra, larger, on_done, on_round, fresh)
    return proofs


def _reduce(
    model: Path,
    extra: tuple[Path, ...],
    proofs: Sequence[Proof],
    on_done: Callable[[Job, list[Answer]], None],
    on_round: Callable[[int], None],
    fresh: bool,
) -> bool:
    """Let facts fall until those that are left are inductive; whether it came to its end."""
    todo = {
        (number, action): None for number, proof in enumerate(proofs) for action in proof.actions
    }
    wanted: dict[tuple[int, str], tuple[str, ...] | None] = dict(todo)
    while wanted:
        jobs: dict[Job, int] = {}
        for (number, action), goals in sorted(wanted.items(), key=lambda w: _weight(w[0][1])):
            proof = proofs[number]
            standing = tuple(h for h in proof.hypotheses if h not in proof.fallen)
            mix, sizes = tuple(proof.mix.items()), tuple(proof.sizes.items())
            job = Job(model, extra, mix, sizes, action, standing, goals, proof.sizes_vary)
            jobs[job] = number
        on_round(len(jobs))

        def done(job: Job, answers: list[Answer], jobs: Mapping[Job, int] = jobs) -> None:
            for answer in answers:
                proofs[jobs[job]].answers[answer.action, answer.goal] = answer
            on_done(job, answers)

        if not map_cached(run_job, list(jobs), _inputs, done, fresh):
            return False
        wanted = {}
        for number, proof in enumerate(proofs):
            for action, goals in _fell(proof).items():
                wanted[number, action] = goals
    for proof in proofs:
        proof.finished = True
    return True


def _begin(model: Path, extra: tuple[Path, ...], mix: Mix, sizes: Mapping[str, int]) -> Proof:
    resolved = resolve_with_lemmas(model, extra, mix)
    program = resolved.program
    missing = set(program.indexes) - set(sizes)
    if missing:
        raise InputError(f"no size for {', '.join(sorted(missing))}")
    if not program.marked("lemma"):
        raise InputError(
            "the model has no lemmas",
            where=str(model),
            mend="write functions marked @lemma(...) into a folder `proofs` in it",
        )
    return Proof(mix, sizes, resolved, list(facts_of(program)), actions_of(program))


def _weight(action: str) -> int:
    """Heavy actions first."""
    return -sum(part in action for part in HEAVY)


def _fell(proof: Proof) -> dict[str, tuple[str, ...]]:
    """Let the facts fall that are not proved; what has to be tried again without them."""
    falling = {
        goal: answer
        for (_, goal), answer in proof.answers.items()
        if answer.status != "proved" and goal in proof.hypotheses and goal not in proof.fallen
    }
    proof.fallen |= falling
    again: dict[str, list[str]] = {}
    for (action, goal), answer in proof.answers.items():
        stands = answer.status == "proved" and goal not in proof.fallen
        if stands and any(fact in falling for fact in answer.needs):
            again.setdefault(action, []).append(goal)
    return {action: tuple(goals) for action, goals in again.items()}


# --- certificates -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Writing:
    """One certificate to write: the answers of one action of one mix."""

    job: Job
    answers: tuple[Answer, ...]
    file: Path


def write_certificates(
    model: Path, extra: tuple[Path, ...], proofs: Sequence[Proof], folder: Path
) -> list[Path]:
    """Write every proved obligation into `folder`, a file an action and mix."""
    writings = []
    for proof in (p for one in proofs for p in (one, one.any_number) if p is not None):
        standing = tuple(h for h in proof.hypotheses if h not in proof.fallen)
        place = folder / "-".join(proof.mix.values())
        if proof.sizes_vary:
            place /= "any-number"
        for action in proof.actions:
            by_sizes: dict[tuple[tuple[str, int], ...], list[Answer]] = {}
            for (done, goal), answer in proof.answers.items():
                if done == action and answer.status == "proved" and goal not in proof.fallen:
                    sizes = answer.sizes or tuple(proof.sizes.items())
                    by_sizes.setdefault(sizes, []).append(answer)
            for number, (sizes, answers) in enumerate(by_sizes.items()):
                name = action if number == 0 else f"{action}-{number + 1}"
                mix = tuple(proof.mix.items())
                job = Job(model, extra, mix, sizes, action, standing, (), proof.sizes_vary)
                writings.append(Writing(job, tuple(answers), place / f"{name}{SUFFIX}"))
    for file in (w.file for w in writings):
        file.parent.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    map_jobs(_write, writings, written.append)
    return sorted(written)


def _write(writing: Writing) -> Path:
    writing.file.write_text(certificate(_induction(writing.job), writing.answers), encoding="utf-8")
    return writing.file


__all__ = ["Job", "Proof", "prove", "sizes_of", "write_certificates"]
