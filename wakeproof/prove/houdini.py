"""Houdini: decide obligations on all processors, and drop facts until the rest is inductive.

All facts are assumed at first. A fact that an action breaks is dropped, and every proof that used
it is tried again without it; what is left in the end is the largest set of facts that is inductive.
Mixes are proved together, of one program in which versions are parameters; a fact may be dropped in
one mix and kept in another. Actions with little text come first, in some parts: the facts dropped
there are not assumed where proofs take longer. Ways to go wrong are not facts: each is decided, and
no proof uses them.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import (
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import replace

from wakeproof.errors import InputError, ModelError
from wakeproof.language import ir
from wakeproof.language.analysis import called, nodes
from wakeproof.language.model import Model
from wakeproof.language.resolve import Resolved
from wakeproof.prove.any_number.counts import counted_fields
from wakeproof.prove.any_number.window_growth import decide
from wakeproof.prove.any_number.window_induction import actions_in_window
from wakeproof.prove.induction import Induction
from wakeproof.prove.lemma_sources import (
    alone,
    left_out,
    proof_sources,
    resolve_versions,
    resolve_with_lemmas,
    sizes_of,
)
from wakeproof.prove.merged_actions import mergeable
from wakeproof.prove.obligation import (
    INITIAL,
    WRONG,
    Answer,
    ReplayError,
    actions_of,
    breaks,
    facts_of,
    in_its_own_mix,
    premises_of,
    site_goal,
)
from wakeproof.prove.proof import Deciding, Job, Proof
from wakeproof.scenario.mixes import Mix, Versions
from wakeproof.symbolic.solver import CADICAL, solver_version
from wakeproof.util.parallel import KILLED, Workers, workers
from wakeproof.util.resources import gc_paused
from wakeproof.util.result_cache import NotFinal, digest, map_cached

PARTS = (1 / 16, 1 / 4, 1 / 2)
"""The shares of all work, the shortest actions first, after which unproved facts are dropped."""

DEFAULT = Deciding()

OnDone = Callable[[Job, list[Answer], int], object]
"""Called with a job that is done, its answers, and the number of jobs that are left."""


@gc_paused()
def run_job(job: Job) -> list[Answer]:
    """Decide the obligations of a job; a counterexample is one to the program of its mix alone."""
    resolved = resolve_versions(job.model, job.versions)
    sizes = dict(job.sizes)
    if job.any_number:
        return decide(resolved, sizes, job.actions, job.questions, job.solver)
    induction = Induction(resolved, sizes, job.actions, solver=job.solver)
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
    """Everything that the answers of a job depend on."""
    texts = [*job.model.texts, proof_sources(job.model)]
    return [job, solver_version(job.solver), *(digest(path) for path in texts)]


def prove(
    model: Model,
    mixes: Sequence[Mix],
    sizes: Mapping[str, int],
    on_done: OnDone,
    deciding: Deciding = DEFAULT,
    larger: Sequence[Mix] = (),
    violated: Callable[[Proof, str], bool] = lambda proof, goal: False,
) -> list[Proof]:
    """Prove what can be proved of the mixes, at the given `sizes`.

    Goals that are known to be `violated` are not decided, and no proof uses them. What is inductive
    in the mixes that are `larger` is then proved for any number of members, beginning with the
    window of `proofs.toml`. A proof that is not `finished` was interrupted; what was decided stays
    in its answers.
    """
    window = sizes_of(model, "window") if larger else {}
    # proofs that avoid these facts take longer: an obligation that fails is solved twice
    left = left_out(model) if larger else ()
    proofs = begin(model, mixes, sizes, deciding.solver)
    for proof in proofs:
        proof.left_out = left
        proof.hypotheses = [fact for fact in proof.hypotheses if not violated(proof, fact)]
        sites = (goal for goal in proof.site_goals() if not violated(proof, goal))
        proof.wanted = (*proof.hypotheses, *sites)

    def reduce(some: Sequence[Proof]) -> bool:
        with workers(given=deciding.pool) as pool:
            return _reduce(model, some, on_done, deciding, pool)

    if not reduce(proofs):
        return proofs
    # what needs the facts that are left out fails at the given sizes too, and sooner
    weaker = {number: _without_left_out(p) for number, p in enumerate(proofs) if p.mix in larger}
    for number, weak in weaker.items():
        proofs[number].any_number = weak
    if not weaker or not reduce(tuple(weaker.values())):
        return proofs
    begun = _begin_in_windows(proofs, weaker, window)
    for number, proof in begun.items():
        proofs[number].any_number = proof
    reduce(tuple(begun.values()))
    return proofs


def _begin_in_windows(
    proofs: Sequence[Proof], weaker: Mapping[int, Proof], window: Mapping[str, int]
) -> dict[int, Proof]:
    """The proofs for any number of members, with nothing proved, of what the `weaker` ones prove.

    They are by the number of the proof, and begin with a window of these sizes.
    """
    versions = _together_in_windows(weaker)
    begun = {}
    for number, weak in weaker.items():
        proof = proofs[number]
        kept = weak.kept()
        left = {site_goal(kind, site) for kind in WRONG for site in proof.left_out}
        sites = [goal for goal in proof.site_goals() if weak.holds(goal) and goal not in left]
        begun[number] = Proof(
            proof.mix,
            window,
            proof.resolved,
            kept,
            actions_in_window(proof.resolved.program),
            versions[number],
            sizes_vary=True,
            wanted=(*kept, *sites),
            costs=_costs(proof),
        )
    return begun


def _together_in_windows(proofs: Mapping[int, Proof]) -> dict[int, Versions]:
    """The versions of the mixes with which each mix is proved for any number of members.

    They are those that were proved together before, if the same facts say what is counted: a window
    does not know the counts of other facts.
    """
    groups: dict[object, list[int]] = {}
    for number, proof in proofs.items():
        program = proof.resolved.program
        kept = proof.kept()
        facts = {name: fact for name, fact in facts_of(program).items() if name in kept}
        counting = frozenset(c.fact for c in counted_fields(program, facts).values())
        groups.setdefault((proof.versions, counting), []).append(number)
    found: dict[int, Versions] = {}
    for some in groups.values():
        mixes = [proofs[number].mix for number in some]
        of = tuple((role, tuple(dict.fromkeys(mix[role] for mix in mixes))) for role in mixes[0])
        taken = of in found.values()
        found |= {number: alone(proofs[number].mix) if taken else of for number in some}
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
"""The goals that each job is to decide, by the number of the proof."""


def _reduce(
    model: Model,
    proofs: Sequence[Proof],
    on_done: OnDone,
    deciding: Deciding,
    pool: Workers,
) -> bool:
    """Drop facts until those that are left are inductive; False if interrupted."""
    weights: dict[Work, float] = {}
    for proof in proofs:
        for actions, weight in _weights(model, proof).items():
            one = (proof.versions, actions)
            weights[one] = weights.get(one, 0.0) + weight
    # for any number few facts are dropped that were proved at the given sizes
    one_part = any(proof.sizes_vary for proof in proofs)
    parts = [list(weights)] if one_part else _parts(weights)
    if any(proof.answers for proof in proofs):
        parts = []
    retry: Wanted = {}
    _drop_unproved(proofs, retry)
    while parts or retry:
        if parts:
            wanted = _wanted(proofs, parts.pop(0))
        else:
            # after the last part, so that each is tried again once
            wanted, retry = retry, {}
        # the longest first, so that no processor waits at the end
        order = sorted(wanted, key=lambda one: -weights.get(one, 0.0))
        jobs = [_job(model, proofs, work, wanted[work], deciding.solver) for work in order]
        if not _run(jobs, proofs, on_done, deciding.fresh, pool):
            return False
        _drop_unproved(proofs, retry)
    for proof in proofs:
        proof.finished = True
    return True


def _job(
    model: Model,
    proofs: Sequence[Proof],
    work: Work,
    wanted: Mapping[int, tuple[str, ...]],
    solver: str,
) -> Job:
    """The job that decides the goals wanted, by the number of the proof."""
    versions, actions = work
    first = proofs[next(iter(wanted))]
    sizes = tuple(first.sizes.items())
    questions = tuple(proofs[number].question(goals) for number, goals in wanted.items())
    return Job(model, versions, sizes, actions, questions, first.sizes_vary, solver)


def _run(
    jobs: Sequence[Job],
    proofs: Sequence[Proof],
    on_done: OnDone,
    fresh: bool,
    pool: Workers,
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

    return map_cached(run_job, jobs, _inputs, done, fresh, pool, NotFinal(_lost))


def _lost(job: Job) -> list[Answer]:
    """The answers of a job without a result."""
    return [
        Answer(action, goal, "unknown", 0.0, question.mix, reason=KILLED)
        for action in job.actions
        for question in job.questions
        for goal in question.wanted
    ]


def _parts(weights: Mapping[Work, float]) -> list[list[Work]]:
    """The actions in some parts, those with little weight first."""
    everything = sorted(weights, key=lambda one: weights[one])
    sums = list(itertools.accumulate(weights[one] for one in everything))
    cuts = [0, *(bisect.bisect(sums, sums[-1] * part) for part in PARTS), len(sums)]
    return [everything[a:b] for a, b in itertools.pairwise(cuts)]


def _drop_unproved(proofs: Sequence[Proof], retry: Wanted) -> None:
    """Drop facts that are not proved, and add to `retry` what relied on them."""
    for number, proof in enumerate(proofs):
        for action, goals in _drop_from(proof).items():
            waiting = retry.setdefault((proof.versions, (action,)), {})
            waiting[number] = tuple(dict.fromkeys((*waiting.get(number, ()), *goals)))


def _without_left_out(proof: Proof) -> Proof:
    """The proof without the facts that are left out; what relied on them has to be tried again."""
    given_up = {
        (INITIAL, fact): Answer(INITIAL, fact, "unknown", 0.0, reason="it is left out")
        for fact in proof.left_out
        if fact in proof.hypotheses
    }
    answers = proof.answers | given_up
    return replace(proof, answers=answers, dropped=dict(proof.dropped), finished=False)


def _wanted(proofs: Sequence[Proof], part: Iterable[Work]) -> Wanted:
    """The goals of these actions: all that are wanted, without those that failed already."""
    wanted: Wanted = {}
    for versions, actions in part:
        for number, proof in enumerate(proofs):
            if proof.versions == versions and set(actions) <= set(proof.actions):
                goals = proof.wanted or ()
                if proof.sizes_vary:
                    goals = tuple(goal for goal in goals if not proof.failures(goal))
                wanted.setdefault((versions, actions), {})[number] = goals
    return wanted


def begin(
    model: Model, mixes: Sequence[Mix], sizes: Mapping[str, int], solver: str = CADICAL
) -> list[Proof]:
    """The proofs with nothing proved; mixes with the same declarations are of one program."""
    groups: dict[object, list[Mix]] = {}
    for mix in mixes:
        groups.setdefault(_declared(resolve_with_lemmas(model, mix).program), []).append(mix)
    proofs = {}
    for some in groups.values():
        versions = tuple((role, tuple(dict.fromkeys(m[role] for m in some))) for role in some[0])
        try:
            resolve_versions(model, versions)
            together = True
        except ModelError:
            # each is a program, but not all at once: two siblings use the same name
            together = False
        for mix in some:
            resolved = resolve_with_lemmas(model, mix)
            check_premises(model, resolved, sizes, solver)
            facts, actions = list(facts_of(resolved.program)), actions_of(resolved.program)
            of = versions if together else alone(mix)
            proofs[alone(mix)] = Proof(mix, sizes, resolved, facts, actions, of)
    return [proofs[alone(mix)] for mix in mixes]


def _declared(program: ir.Program) -> object:
    """The declarations that mixes of one program share: types, actions and premises."""
    return (
        tuple(program.indexes),
        tuple(program.enums.items()),
        tuple(program.bounds.items()),
        tuple(actions_of(program)),
        tuple(premises_of(program)),
    )


def check_premises(model: Model, resolved: Resolved, sizes: Mapping[str, int], solver: str) -> None:
    """Raise `InputError` where there is nothing to prove: no lemmas, sizes or parameters."""
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
    if not Induction(resolved, sizes, (INITIAL,), solver=solver).happens(True, ()):
        numbers = ", ".join(f"{number} {name}" for name, number in sizes.items())
        raise InputError(
            f"no parameters fit the premises with {numbers}: everything would be proved of nothing",
            where=str(proof_sources(model)),
            hint="choose other sizes; the premises are the functions marked @premise(...)",
        )


def _weights(model: Model, proof: Proof) -> dict[tuple[str, ...], float]:
    """How long each action may take: as at the given sizes, or by the length of its text."""
    if proof.sizes_vary:
        program = resolve_versions(model, proof.versions).program
        return {
            # their shared text is executed once
            some: max(proof.costs.get(action, 0.0) for action in some)
            for some in mergeable(program, proof.actions)
        }
    program = proof.resolved.program
    texts = {f.name: sum(1 for _ in nodes(f.body)) for f in program.functions.values()}
    return {
        (action,): sum(texts[f.name] for f in called(program, [action]))
        if action in program.functions
        else 0
        for action in proof.actions
    }


def _drop_from(proof: Proof) -> dict[str, tuple[str, ...]]:
    """Drop the facts that are not proved. Returns by action the goals that relied on them."""
    # in the order of the text, not of their arrival
    place = {action: number for number, action in enumerate(proof.actions)}
    proof.answers = {
        key: proof.answers[key]
        for key in sorted(proof.answers, key=lambda one: (place[one[0]], one[1]))
    }
    dropped = {
        goal: answer
        for (_, goal), answer in proof.answers.items()
        if answer.status != "proved" and goal in proof.hypotheses and goal not in proof.dropped
    }
    proof.dropped |= dropped
    retry: dict[str, list[str]] = {}
    for (action, goal), answer in proof.answers.items():
        kept = answer.status == "proved" and goal not in proof.dropped
        if kept and any(fact in dropped for fact in answer.needs):
            retry.setdefault(action, []).append(goal)
    return {action: tuple(goals) for action, goals in retry.items()}
