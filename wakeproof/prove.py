"""Proofs of whole mixes: obligations on all processors, until what is left is inductive.

All facts are assumed at first. A fact that an action breaks falls, and with it every proof that
needed it, which is tried again without it; what is left in the end is the largest set of facts
that is inductive. Mixes are proved together, of one program in which versions are parameters; a
fact falls in one mix and stands in another. Actions with little text come first, in some parts:
what falls there is not assumed where it takes longer. The ways to go wrong are no facts: each is
asked for, and nothing is built on it.
"""

from __future__ import annotations

import bisect
import functools
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from wakeproof.anynumber import WindowInduction, actions_in_window, decide
from wakeproof.bundled import PROOFS
from wakeproof.certificates import SUFFIX, certificate
from wakeproof.errors import InputError, ModelError
from wakeproof.induction import (
    INITIAL,
    WRONG,
    Answer,
    Induction,
    Question,
    ReplayError,
    actions_of,
    breaks,
    facts_of,
    in_its_own_mix,
    premises_of,
    site_goal,
    sites_in,
)
from wakeproof.joined import joints
from wakeproof.language import ir
from wakeproof.language.analysis import called, nodes
from wakeproof.language.model import Model
from wakeproof.language.resolve import Resolved, resolve_mixes
from wakeproof.language.sources import Sources, read_sources
from wakeproof.scenario.mixes import Mix
from wakeproof.util.parallel import map_jobs, workers
from wakeproof.util.resources import kept_until_the_end
from wakeproof.util.result_cache import digest, map_cached
from wakeproof.util.toml import load_toml
from wakeproof.window_counts import counted_fields

PARTS = (1 / 16, 1 / 4, 1 / 2)
"""The shortest actions, so much of all there is to do, come before the others."""


Versions = tuple[tuple[str, tuple[str, ...]], ...]
"""The roles, and the versions that each may run."""


@dataclass(frozen=True)
class Job:
    """Some obligations of one action, or several that are joined, in mixes of these versions.

    `sizes` are those of the index types; the `questions`, one a mix, name facts and sites.
    """

    model: Model
    versions: Versions
    sizes: tuple[tuple[str, int], ...]
    actions: tuple[str, ...]
    questions: tuple[Question, ...]
    any_number: bool = False


OnDone = Callable[[Job, list[Answer], int], object]
"""Called with a job that is done, its answers, and how many jobs are left before facts drop."""


@dataclass
class Proof:
    """What is known of one mix: `answers` by action and goal, and the facts that fell.

    If `sizes_vary`, the `sizes` are those of the first window on any number of members, and
    `any_number` is the same for any number of members, about the facts that did not fall and the
    sites that are never reached. Only what is `wanted` was asked, everything if None; what is
    `left_out` is not asked for any number. `costs` are the seconds that an action took at the
    given sizes. The `versions` are those of all mixes that are proved with this one.
    """

    mix: Mix
    sizes: Mapping[str, int]
    resolved: Resolved
    hypotheses: list[str]
    actions: list[str]
    versions: Versions = ()
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    fallen: dict[str, Answer] = field(default_factory=dict)
    finished: bool = False
    sizes_vary: bool = False
    any_number: Proof | None = None
    wanted: tuple[str, ...] | None = None
    left_out: tuple[str, ...] = ()
    costs: Mapping[str, float] = field(default_factory=dict)

    def standing(self) -> list[str]:
        """The facts that did not fall."""
        return [fact for fact in self.hypotheses if fact not in self.fallen]

    def failures(self, goal: str) -> list[Answer]:
        """The obligations about a fact or a site that are not proved, in the order of the text."""
        about = [self.answers[a, goal] for a in self.actions if (a, goal) in self.answers]
        return [answer for answer in about if answer.status != "proved"]

    def holds(self, goal: str) -> bool:
        """Whether the fact is inductive with the others that are, or the site is never reached."""
        asked = self.wanted is None or goal in self.wanted
        return self.finished and asked and goal not in self.fallen and not self.failures(goal)

    def sites(self, kind: str) -> list[str]:
        """The sites of a kind of going wrong that some action has in its text; none of no kind."""
        return self._sites.get(kind, [])

    @functools.cached_property
    def _sites(self) -> dict[str, list[str]]:
        program = self.resolved.program
        # the initial action has a name of its own here
        roots = [
            f.name
            for f in program.marked("action").values()
            if (INITIAL if f.marks["action"] == INITIAL else f.name) in self.actions
        ]
        found: dict[str, set[str]] = {kind: set() for kind in WRONG}
        for kind, site in sites_in(program, roots):
            found[kind].add(site)
        return {kind: sorted(sites) for kind, sites in found.items()}

    def site_goals(self) -> list[str]:
        """The obligations that no site of the text is reached."""
        return [site_goal(kind, site) for kind in WRONG for site in self.sites(kind)]

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


def proof_sources(model: Model) -> Path:
    """The folder of lemmas of a model: the bundled ones, or its own `proofs` beside its files."""
    own = model.root / "proofs"
    return own if own.is_dir() else PROOFS


def sources_with_lemmas(model: Model) -> Sources:
    """The parsed files of a model, lemmas and premises included."""
    return read_sources(model.root, model.extra, proof_sources(model))


def sizes_of(
    model: Model, table: str = "sizes", given: Mapping[str, int] = MappingProxyType({})
) -> dict[str, int]:
    """The sizes at which a model's facts are proved: those of `proofs.toml`, where none is given.

    A size that is the name of another type is the size of that. The table `window` has the sizes of
    the first window in proofs for any number of members. Raises `InputError` for a table that is
    none, or has what is no size, with its file.
    """
    path = proof_sources(model) / "proofs.toml"
    sizes = load_toml(path).get(table, {})
    merged = {**sizes, **given} if isinstance(sizes, dict) else {}
    resolved = {name: merged.get(size, size) for name, size in merged.items()}
    hint = f"write [{table}] with a number, or the name of another type, for each index type"
    if not resolved:
        raise InputError(f"no table of sizes, {table}", where=f"{path}:1", hint=hint)
    for name, size in resolved.items():
        if not isinstance(size, int) or size < 1:
            what = f"{name} = {merged[name]!r} in [{table}]: neither a size nor a type that has one"
            raise InputError(what, where=str(path), hint=hint)
    return resolved


def left_out(model: Model) -> tuple[str, ...]:
    """The facts and sites that `proofs.toml` says are not asked for any number.

    Raises `InputError` for one that no text of the model names, with the file, if the file is the
    model's own: the bundled one may name what an edited model has no more.
    """
    folder = proof_sources(model)
    path = folder / "proofs.toml"
    names: list[str] = load_toml(path).get("any-number", {}).get("left-out", [])
    known = sources_with_lemmas(model).names() if folder != PROOFS else set(names)
    for name in names:
        if name not in known:
            raise InputError(
                f"left-out: {name} is no lemma, no property and no site",
                where=f"{path}:1",
                hint="remove it",
            )
    return tuple(names)


def resolve_with_lemmas(model: Model, mix: Mix) -> Resolved:
    """The program of a mix, lemmas and premises included."""
    return _resolve(model, _alone(mix))


def _alone(mix: Mix) -> Versions:
    return tuple((role, (version,)) for role, version in mix.items())


def _resolve(model: Model, versions: Versions) -> Resolved:
    """The program of all mixes of these versions."""
    texts = [*model.texts, proof_sources(model)]
    return _resolved(model, versions, tuple(digest(path) for path in texts))


@functools.lru_cache(maxsize=64)
def _resolved(model: Model, versions: Versions, texts: tuple[str, ...]) -> Resolved:
    return resolve_mixes(sources_with_lemmas(model), dict(versions))


@kept_until_the_end()
def run_job(job: Job) -> list[Answer]:
    """Decide the obligations of a job; a counterexample is one of the program of its mix alone."""
    resolved = _resolve(job.model, job.versions)
    sizes = dict(job.sizes)
    if job.any_number:
        return decide(resolved, sizes, job.actions, job.questions)
    induction = Induction(resolved, sizes, job.actions)
    return [_in_its_own_mix(job, resolved, answer) for answer in induction.settle(job.questions)]


def _in_its_own_mix(job: Job, resolved: Resolved, answer: Answer) -> Answer:
    found = answer.counterexample
    if found is None:
        return answer
    own = resolve_with_lemmas(job.model, dict(answer.mix))
    found = in_its_own_mix(found, resolved.program, own.program)
    if not breaks(own, found, answer.goal):
        raise ReplayError(f"{answer.action} does not break {answer.goal} in {dict(answer.mix)}")
    return replace(answer, counterexample=found)


def _inputs(job: Job) -> list[object]:
    """All that the answers of a job depend on."""
    texts = [*job.model.texts, proof_sources(job.model)]
    return [job, *(digest(path) for path in texts)]


def prove(
    model: Model,
    mixes: Sequence[Mix],
    sizes: Mapping[str, int],
    on_done: OnDone,
    fresh: bool = False,
    larger: Sequence[Mix] = (),
    violated: Callable[[Proof, str], bool] = lambda proof, goal: False,
) -> list[Proof]:
    """Prove what can be proved of the mixes, at the given `sizes`.

    What is known to be `violated` is not asked, and no proof relies on it. What is inductive in the
    mixes that are `larger` is then proved for any number of members, from the first window of
    `proofs.toml` on. A proof that is not `finished` was interrupted; what was decided stays in its
    answers. `fresh` ignores cached results.
    """
    window = sizes_of(model, "window") if larger else {}
    # to do without takes longer: what fails is asked twice
    left = left_out(model) if larger else ()
    proofs = begin(model, mixes, sizes)
    for proof in proofs:
        proof.left_out = left
        proof.hypotheses = [fact for fact in proof.hypotheses if not violated(proof, fact)]
        sites = (goal for goal in proof.site_goals() if not violated(proof, goal))
        proof.wanted = (*proof.hypotheses, *sites)

    def reduce(some: Sequence[Proof]) -> bool:
        with workers() as pool:
            return _reduce(model, some, on_done, fresh, pool)

    if not reduce(proofs):
        return proofs
    # what needs the facts that are left out fails at the given sizes already, and sooner
    weaker = {number: _without_left_out(p) for number, p in enumerate(proofs) if p.mix in larger}
    for number, weak in weaker.items():
        proofs[number].any_number = weak
    if not weaker or not reduce(tuple(weaker.values())):
        return proofs
    begun = []
    left_sites = {site_goal(kind, site) for kind in WRONG for site in left}
    versions = _together_in_windows(weaker)
    for number, weak in weaker.items():
        proof = proofs[number]
        standing = weak.standing()
        asked = [g for g in proof.site_goals() if weak.holds(g) and g not in left_sites]
        actions = actions_in_window(proof.resolved.program)
        proof.any_number = Proof(
            proof.mix,
            window,
            proof.resolved,
            standing,
            actions,
            versions[number],
            sizes_vary=True,
            wanted=(*standing, *asked),
            costs=_costs(proof),
        )
        begun.append(proof.any_number)
    reduce(begun)
    return proofs


def _together_in_windows(proofs: Mapping[int, Proof]) -> dict[int, Versions]:
    """The versions of the mixes that are proved with each for any number of members.

    They are those that were proved together before, if the same facts say what is counted: for
    others a window does not know it.
    """
    alike: dict[object, list[int]] = {}
    for number, proof in proofs.items():
        program = proof.resolved.program
        standing = proof.standing()
        facts = {name: fact for name, fact in facts_of(program).items() if name in standing}
        counting = frozenset(c.fact for c in counted_fields(program, facts).values())
        alike.setdefault((proof.versions, counting), []).append(number)
    found: dict[int, Versions] = {}
    for some in alike.values():
        mixes = [proofs[number].mix for number in some]
        of = tuple((role, tuple(dict.fromkeys(mix[role] for mix in mixes))) for role in mixes[0])
        taken = of in found.values()
        found |= {number: _alone(proofs[number].mix) if taken else of for number in some}
    return found


def _costs(proof: Proof) -> dict[str, float]:
    """The seconds that the obligations of each action took."""
    costs = dict.fromkeys(proof.actions, 0.0)
    for (action, _), answer in proof.answers.items():
        costs[action] += answer.seconds
    return costs


Work = tuple[Versions, tuple[str, ...]]
"""The versions and the actions of a job."""

Wanted = dict[Work, dict[int, tuple[str, ...]]]
"""What each job is to decide, by the number of the proof."""


def _reduce(
    model: Model,
    proofs: Sequence[Proof],
    on_done: OnDone,
    fresh: bool,
    pool: ProcessPoolExecutor,
) -> bool:
    """Let facts fall until those that are left are inductive; whether it came to its end."""
    weights: dict[Work, float] = {}
    for proof in proofs:
        for actions, weight in _weights(model, proof).items():
            one = (proof.versions, actions)
            weights[one] = weights.get(one, 0.0) + weight
    # for any number little falls that has not fallen at the given sizes
    one_part = any(proof.sizes_vary for proof in proofs)
    parts = [list(weights)] if one_part else _parts(weights)
    if any(proof.answers for proof in proofs):
        parts = []
    again: Wanted = {}
    _let_fall(proofs, again)
    while parts or again:
        if parts:
            wanted = _asked(proofs, parts.pop(0))
        else:
            # what is to be tried again waits for the last part, so that it is tried again once
            wanted, again = again, {}
        # the longest first, so that no processor waits at the end
        order = sorted(wanted, key=lambda one: -weights.get(one, 0.0))
        jobs = [_job(model, proofs, work, wanted[work]) for work in order]
        if not _run(jobs, proofs, on_done, fresh, pool):
            return False
        _let_fall(proofs, again)
    for proof in proofs:
        proof.finished = True
    return True


def _job(
    model: Model, proofs: Sequence[Proof], work: Work, wanted: Mapping[int, tuple[str, ...]]
) -> Job:
    """The job that decides what is wanted, by the number of the proof."""
    versions, actions = work
    first = proofs[next(iter(wanted))]
    sizes = tuple(first.sizes.items())
    questions = tuple(_question(proofs[number], goals) for number, goals in wanted.items())
    return Job(model, versions, sizes, actions, questions, first.sizes_vary)


def _run(
    jobs: Sequence[Job],
    proofs: Sequence[Proof],
    on_done: OnDone,
    fresh: bool,
    pool: ProcessPoolExecutor,
) -> bool:
    """Run the jobs, and put their answers into the proofs; False if interrupted."""
    by_mix = {(proof.versions, tuple(proof.mix.items())): proof for proof in proofs}
    left = len(jobs)

    def done(job: Job, answers: list[Answer]) -> None:
        nonlocal left
        left -= 1
        for answer in answers:
            proof = by_mix[job.versions, answer.mix]
            proof.answers[answer.action, answer.goal] = answer
        on_done(job, answers, left)

    return map_cached(run_job, jobs, _inputs, done, fresh, pool)


def _parts(weights: Mapping[Work, float]) -> list[list[Work]]:
    """The actions, those with little weight first, in some parts."""
    everything = sorted(weights, key=lambda one: weights[one])
    sums = list(itertools.accumulate(weights[one] for one in everything))
    cuts = [0, *(bisect.bisect(sums, sums[-1] * part) for part in PARTS), len(sums)]
    return [everything[a:b] for a, b in itertools.pairwise(cuts)]


def _let_fall(proofs: Sequence[Proof], again: Wanted) -> None:
    """Let facts fall that are not proved, and add to `again` what is to be tried without them."""
    for number, proof in enumerate(proofs):
        for action, goals in _fell(proof).items():
            waiting = again.setdefault((proof.versions, (action,)), {})
            waiting[number] = tuple(dict.fromkeys((*waiting.get(number, ()), *goals)))


def _without_left_out(proof: Proof) -> Proof:
    """What is known if what is left out is given up; what leaned on that has to be tried again."""
    given_up = {
        (INITIAL, fact): Answer(INITIAL, fact, "unknown", 0.0, reason="it is left out")
        for fact in proof.left_out
        if fact in proof.hypotheses
    }
    answers = proof.answers | given_up
    return replace(proof, answers=answers, fallen=dict(proof.fallen), finished=False)


def _question(proof: Proof, goals: tuple[str, ...]) -> Question:
    """What is asked in the mix of a proof: what follows from the facts that did not fall."""
    standing = proof.standing()
    spared = tuple(fact for fact in standing if fact in proof.left_out)
    return Question(tuple(proof.mix.items()), tuple(standing), goals, spared)


def _asked(proofs: Sequence[Proof], part: Iterable[Work]) -> Wanted:
    """All that these actions are asked: what is wanted, and has not failed yet."""
    asked: Wanted = {}
    for versions, actions in part:
        for number, proof in enumerate(proofs):
            if proof.versions == versions and set(actions) <= set(proof.actions):
                goals = proof.wanted or ()
                if proof.sizes_vary:
                    goals = tuple(goal for goal in goals if not proof.failures(goal))
                asked.setdefault((versions, actions), {})[number] = goals
    return asked


def begin(model: Model, mixes: Sequence[Mix], sizes: Mapping[str, int]) -> list[Proof]:
    """The proofs with nothing proved; mixes of like declarations are of one program."""
    alike: dict[object, list[Mix]] = {}
    for mix in mixes:
        alike.setdefault(_declared(resolve_with_lemmas(model, mix).program), []).append(mix)
    proofs = {}
    for some in alike.values():
        versions = tuple((role, tuple(dict.fromkeys(m[role] for m in some))) for role in some[0])
        try:
            _resolve(model, versions)
            together = True
        except ModelError:
            # each is a program, but not all of them at once: two siblings name something alike
            together = False
        for mix in some:
            resolved = resolve_with_lemmas(model, mix)
            check_premises(model, resolved, sizes)
            facts, actions = list(facts_of(resolved.program)), actions_of(resolved.program)
            of = versions if together else _alone(mix)
            proofs[_alone(mix)] = Proof(mix, sizes, resolved, facts, actions, of)
    return [proofs[_alone(mix)] for mix in mixes]


def _declared(program: ir.Program) -> object:
    """What has to be the same for mixes to be of one program: types, actions and premises."""
    return (
        tuple(program.indexes),
        tuple(program.enums.items()),
        tuple(program.bounds.items()),
        tuple(actions_of(program)),
        tuple(premises_of(program)),
    )


def check_premises(model: Model, resolved: Resolved, sizes: Mapping[str, int]) -> None:
    """Raise `InputError` where there is nothing to prove: no lemmas, no size, no parameters."""
    program = resolved.program
    missing = set(program.indexes) - set(sizes)
    if missing:
        raise InputError(
            f"no size for {', '.join(sorted(missing))}",
            where=str(proof_sources(model) / "proofs.toml"),
            hint="write it into [sizes]",
        )
    if not program.marked("lemma"):
        raise InputError(
            "the model has no lemmas",
            where=str(model.root),
            hint="write functions marked @lemma(...) into a folder `proofs` in it",
        )
    if not Induction(resolved, sizes, (INITIAL,)).happens(True, ()):
        numbers = ", ".join(f"{number} {name}" for name, number in sizes.items())
        raise InputError(
            f"no parameters fit the premises with {numbers}: everything would be proved of nothing",
            where=str(proof_sources(model)),
            hint="choose other sizes; the premises are the functions marked @premise(...)",
        )


def _weights(model: Model, proof: Proof) -> dict[tuple[str, ...], float]:
    """How long each action may take: as at given sizes, or by the text that it runs through."""
    if proof.sizes_vary:
        program = _resolve(model, proof.versions).program
        return {
            # what they share is looked at once
            some: max(proof.costs.get(action, 0.0) for action in some)
            for some in joints(program, proof.actions)
        }
    program = proof.resolved.program
    texts = {f.name: sum(1 for _ in nodes(f.body)) for f in program.functions.values()}
    return {
        (action,): sum(texts[f.name] for f in called(program, [action]))
        if action in program.functions
        else 0
        for action in proof.actions
    }


def _fell(proof: Proof) -> dict[str, tuple[str, ...]]:
    """Let the facts fall that are not proved; what has to be tried again without them."""
    # as they stand in the text, not as they came
    place = {action: number for number, action in enumerate(proof.actions)}
    proof.answers = {
        key: proof.answers[key]
        for key in sorted(proof.answers, key=lambda one: (place[one[0]], one[1]))
    }
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
    """One certificate to write: what is proved of one action, in all mixes of one program."""

    job: Job
    answers: tuple[Answer, ...]
    file: Path
    every_state: bool


def certificates_of(proof: Proof) -> str:
    """The folder, below that of all certificates, of those of this proof and of its mixes."""
    versions = "-".join("+".join(names) for _, names in proof.versions)
    return f"{versions}/any-number" if proof.sizes_vary else versions


def writings(
    model: Model,
    proofs: Sequence[Proof],
    folder: Path,
    every_state: bool = False,
) -> list[Writing]:
    """The certificates of every proved obligation, a file an action, or those that end alike.

    They are about the states that the proofs looked at; if `every_state`, about those too that are
    like others by a change of places. Their files are in `folder`.
    """
    found: dict[tuple[str, tuple[str, ...], tuple[tuple[str, int], ...]], list[Answer]] = {}
    of: dict[str, list[Proof]] = {}
    for proof in (p for one in proofs for p in (one, one.any_number) if p is not None):
        place = certificates_of(proof)
        of.setdefault(place, []).append(proof)
        program = _resolve(model, proof.versions).program
        joint = {one: some for some in joints(program, proof.actions) for one in some}
        for (action, goal), answer in proof.answers.items():
            if answer.status == "proved" and goal not in proof.fallen:
                # what is not proved of all of them has a certificate of each
                several = (proof.answers.get((one, goal), answer) for one in joint[action])
                together = all(one.status == "proved" for one in several)
                actions = joint[action] if together else (action,)
                sizes = answer.sizes or tuple(proof.sizes.items())
                found.setdefault((place, actions, sizes), []).append(answer)
    result = []
    written_of: Counter[tuple[str, str]] = Counter()
    for (place, actions, sizes), answers in found.items():
        first = of[place][0]
        questions = tuple(_question(proof, ()) for proof in of[place])
        job = Job(model, first.versions, sizes, actions, questions, first.sizes_vary)
        head, *others = actions
        name = f"{head}-and-{len(others)}-more" if others else head
        written_of[place, name] += 1
        if written_of[place, name] > 1:
            name = f"{name}-{written_of[place, name]}"
        file = folder / place / f"{name}{SUFFIX}"
        result.append(Writing(job, tuple(answers), file, every_state))
    return result


def write_certificates(some: Sequence[Writing], on_written: Callable[[Path], None]) -> bool:
    """Write certificates, on all processors; False if interrupted."""
    for writing in some:
        writing.file.parent.mkdir(parents=True, exist_ok=True)
    return map_jobs(_write, some, on_written)


@kept_until_the_end()
def _write(writing: Writing) -> Path:
    """Write one certificate; the file."""
    job = writing.job
    resolved = _resolve(job.model, job.versions)
    sizes = dict(job.sizes)
    induction = (
        WindowInduction(resolved, sizes, job.actions, job.questions, writing.every_state)
        if job.any_number
        else Induction(resolved, sizes, job.actions, writing.every_state)
    )
    # a file that is there is whole
    part = writing.file.with_suffix(".part")
    part.write_text(certificate(induction, writing.answers), encoding="utf-8")
    return part.replace(writing.file)


__all__ = ["Job", "Proof", "Writing", "prove", "sizes_of", "write_certificates", "writings"]
