"""Proofs of whole mixes: obligations on all processors, until what is left is inductive.

All facts are assumed at first. A fact that an action breaks falls, and with it every proof that
needed it, which is tried again without it; what is left in the end is the largest set of facts
that is inductive. Actions with little text come first, in three parts: what falls there is not
assumed where it takes longer. The ways to go wrong are no facts: each is asked for, and nothing is
built on it.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from wakeproof import ir
from wakeproof.anynumber import WindowInduction, actions_in_window, decide
from wakeproof.cache import digest, map_cached
from wakeproof.certificates import SUFFIX, certificate
from wakeproof.content import PROOFS, load_toml
from wakeproof.emit_c import called, nodes
from wakeproof.errors import InputError
from wakeproof.induction import (
    INITIAL,
    WRONG,
    Answer,
    Induction,
    actions_of,
    facts_of,
    site_goal,
)
from wakeproof.pool import map_jobs
from wakeproof.reader import Resolved, read_sources, resolve
from wakeproof.scenario import Mix

PARTS = (1 / 16, 1 / 4)
"""The shortest actions, so much of all there is to do, come before the others."""


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
    `any_number` is the same for any number of members, about the facts that did not fall and the
    sites that are never reached. Only what is `wanted` was asked, everything if None; `costs` are
    the seconds that an action took at the given sizes.
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
    wanted: tuple[str, ...] | None = None
    costs: Mapping[str, float] = field(default_factory=dict)

    def failures(self, goal: str) -> list[Answer]:
        """The obligations about a fact or a site that are not proved, in the order of the text."""
        about = [self.answers[a, goal] for a in self.actions if (a, goal) in self.answers]
        return [answer for answer in about if answer.status != "proved"]

    def holds(self, goal: str) -> bool:
        """Whether the fact is inductive with the others that are, or the site is never reached."""
        asked = self.wanted is None or goal in self.wanted
        return self.finished and asked and goal not in self.fallen and not self.failures(goal)

    def seconds(self, action: str) -> float:
        """What the obligations of an action took."""
        return sum(answer.seconds for (done, _), answer in self.answers.items() if done == action)

    def sites(self, kind: str) -> list[str]:
        """The sites of a kind of going wrong that some action has in its text."""
        program = self.resolved.program
        roots = [action for action in self.actions if action in program.functions]
        found = {
            node.site
            for function in called(program, roots)
            for node in nodes(function.body)
            if (isinstance(node, ir.Wrong) and node.kind == kind)
            or (isinstance(node, ir.Unwrap) and kind == "panic")
        }
        return sorted(found)

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


def sizes_of(
    model: Path, table: str = "sizes", given: Mapping[str, int] = MappingProxyType({})
) -> dict[str, int]:
    """The sizes at which a model's facts are proved: those of `proofs.toml`, where none is given.

    A size that is the name of another type is the size of that. The table `window` has the sizes of
    the first window in proofs for any number of members. Raises `InputError` for a table that is
    none, with its file.
    """
    path = proof_sources(model) / "proofs.toml"
    sizes = load_toml(path).get(table, {})
    merged = {**sizes, **given} if isinstance(sizes, dict) else {}
    resolved = {name: merged.get(size, size) for name, size in merged.items()}
    if not resolved or not all(isinstance(number, int) for number in resolved.values()):
        raise InputError(
            f"no table of sizes, {table}",
            where=f"{path}:1",
            mend=f"write [{table}] with a number, or the name of another type, for each index type",
        )
    return resolved


def left_out(model: Path, proof: Proof) -> list[str]:
    """The facts that `proofs.toml` says are not asked for any number.

    Raises `InputError` for one that is no fact, with the file.
    """
    path = proof_sources(model) / "proofs.toml"
    names: list[str] = load_toml(path).get("any-number", {}).get("left-out", [])
    for name in names:
        if name not in proof.hypotheses:
            raise InputError(
                f"left-out: {name} is no lemma and no property", where=f"{path}:1", mend="remove it"
            )
    return names


def resolve_with_lemmas(model: Path, extra: tuple[Path, ...], mix: Mix) -> Resolved:
    """The program of a mix, lemmas and premises included."""
    return resolve(read_sources(model, extra, proof_sources(model)), mix)


def run_job(job: Job) -> list[Answer]:
    """Decide the obligations of a job."""
    resolved = resolve_with_lemmas(job.model, job.extra, dict(job.mix))
    if job.any_number:
        facts = job.hypotheses if job.wanted is None else job.wanted
        return decide(resolved, dict(job.sizes), job.action, job.hypotheses, facts)
    induction = Induction(resolved, dict(job.sizes), job.action)
    wanted = induction.goals() if job.wanted is None else job.wanted
    return list(induction.answers(job.hypotheses, wanted))


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
    window: Mapping[str, int] = MappingProxyType({}),
    larger: Sequence[Mix] = (),
) -> list[Proof]:
    """Prove what can be proved of the mixes; `on_round` is told how many jobs come.

    What is inductive in the mixes that are `larger` is then proved for any number of members, the
    sizes of the first `window` being these. A proof that is not `finished` was interrupted; what
    was decided stays in its answers.
    """
    proofs = [_begin(model, extra, mix, sizes) for mix in mixes]
    finished = _reduce(model, extra, proofs, on_done, on_round, fresh)
    if finished:
        for proof in (proof for proof in proofs if proof.mix in larger):
            known = [h for h in proof.hypotheses if h not in proof.fallen]
            standing = [h for h in known if h not in left_out(model, proof)]
            actions = actions_in_window(proof.resolved.program)
            sites = [site_goal(kind, site) for kind in WRONG for site in proof.sites(kind)]
            wanted = (*standing, *(goal for goal in sites if proof.holds(goal)))
            costs = {action: proof.seconds(action) for action in actions}
            proof.any_number = Proof(
                proof.mix,
                window,
                proof.resolved,
                standing,
                actions,
                sizes_vary=True,
                wanted=wanted,
                costs=costs,
            )
        if begun := [proof.any_number for proof in proofs if proof.any_number is not None]:
            _reduce(model, extra, begun, on_done, on_round, fresh)
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
    weights = [_weights(proof) for proof in proofs]
    everything = [(number, action) for number, found in enumerate(weights) for action in found]
    everything.sort(key=lambda one: weights[one[0]][one[1]])
    sums = list(itertools.accumulate(weights[number][action] for number, action in everything))
    cuts = [0, *(bisect.bisect(sums, sums[-1] * part) for part in PARTS), len(sums)]
    first, *later = (everything[a:b] for a, b in itertools.pairwise(cuts))
    wanted: dict[tuple[int, str], tuple[str, ...] | None]
    wanted = {one: _asked(proofs[one[0]]) for one in first}
    while wanted or later:
        jobs: dict[Job, int] = {}
        # the longest first, so that no processor waits at the end
        for number, action in sorted(wanted, key=lambda one: -weights[one[0]][one[1]]):
            proof, goals = proofs[number], wanted[number, action]
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
        fell = [_fell(proof) for proof in proofs]
        wanted = {one: _asked(proofs[one[0]]) for one in (later.pop(0) if later else ())}
        for number, again in enumerate(fell):
            wanted |= {(number, action): goals for action, goals in again.items()}
    for proof in proofs:
        proof.finished = True
    return True


def _asked(proof: Proof) -> tuple[str, ...] | None:
    """What is asked of an action: everything if None."""
    if proof.wanted is None:
        return None
    return tuple(goal for goal in proof.wanted if not proof.failures(goal))


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
    if not Induction(resolved, sizes, INITIAL).happens(True, ()):
        numbers = ", ".join(f"{number} {name}" for name, number in sizes.items())
        raise InputError(
            f"no parameters fit the premises with {numbers}: everything would be proved of nothing",
            where=str(proof_sources(model)),
            mend="choose other sizes; the premises are the functions marked @premise(...)",
        )
    return Proof(mix, sizes, resolved, list(facts_of(program)), actions_of(program))


def _weights(proof: Proof) -> dict[str, float]:
    """How long each action may take: as at given sizes, or by the text that it runs through."""
    if proof.sizes_vary:
        return {action: proof.costs.get(action, 0.0) for action in proof.actions}
    program = proof.resolved.program
    texts = {f.name: sum(1 for _ in nodes(f.body)) for f in program.functions.values()}
    return {
        action: sum(texts[f.name] for f in called(program, [action]))
        if action in program.functions
        else 0
        for action in proof.actions
    }


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
    """A certificate is about every state, those too that are like others by a change of places."""
    job = writing.job
    resolved = resolve_with_lemmas(job.model, job.extra, dict(job.mix))
    sizes, action = dict(job.sizes), job.action
    induction = (
        WindowInduction(resolved, sizes, action, job.hypotheses, every_state=True)
        if job.any_number
        else Induction(resolved, sizes, action, every_state=True)
    )
    writing.file.write_text(certificate(induction, writing.answers), encoding="utf-8")
    return writing.file


__all__ = ["Job", "Proof", "prove", "sizes_of", "write_certificates"]
