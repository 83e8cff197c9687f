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
import itertools
from collections.abc import (
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from concurrent.futures import ProcessPoolExecutor
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
    Versions,
    alone,
    left_out,
    proof_sources,
    resolve_versions,
    resolve_with_lemmas,
    sizes_of,
)
from wakeproof.prove.merged_actions import joints
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
from wakeproof.prove.proof import Job, Proof
from wakeproof.scenario.mixes import Mix
from wakeproof.util.parallel import workers
from wakeproof.util.resources import gc_paused
from wakeproof.util.result_cache import digest, map_cached

PARTS = (1 / 16, 1 / 4, 1 / 2)
"""The shortest actions, so much of all there is to do, come before the others."""

OnDone = Callable[[Job, list[Answer], int], object]
"""Called with a job that is done, its answers, and how many jobs are left before facts drop."""


@gc_paused()
def run_job(job: Job) -> list[Answer]:
    """Decide the obligations of a job; a counterexample is one of the program of its mix alone."""
    resolved = resolve_versions(job.model, job.versions)
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
    questions = tuple(proofs[number].question(goals) for number, goals in wanted.items())
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
            resolve_versions(model, versions)
            together = True
        except ModelError:
            # each is a program, but not all of them at once: two siblings name something alike
            together = False
        for mix in some:
            resolved = resolve_with_lemmas(model, mix)
            check_premises(model, resolved, sizes)
            facts, actions = list(facts_of(resolved.program)), actions_of(resolved.program)
            of = versions if together else alone(mix)
            proofs[alone(mix)] = Proof(mix, sizes, resolved, facts, actions, of)
    return [proofs[alone(mix)] for mix in mixes]


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
        program = resolve_versions(model, proof.versions).program
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
