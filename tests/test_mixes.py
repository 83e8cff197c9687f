"""Many mixes as one program, which takes the steps of each, and its proofs, which are theirs."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from tests.conftest import Alter
from wakeproof.certificates import certificate, recheck
from wakeproof.check import Bound
from wakeproof.content import MODEL, PROOFS, SCENARIOS
from wakeproof.induction import (
    Answer,
    Induction,
    Question,
    breaks,
    facts_of,
    in_its_own_mix,
)
from wakeproof.language import GuardFailed, WentWrong
from wakeproof.machine import Machine, Run, Snapshot
from wakeproof.prove import Job, Proof, begin, prove, resolve_with_lemmas
from wakeproof.reader import Resolved, read_sources, resolve_mixes, version_parameter
from wakeproof.scenario import ROLES, Mix, read_scenario

SMALL = {"Task": 2, "Future": 2, "Operation": 1, "Handle": 3, "Channel": 1}
VERSIONS = ("v1", "v2", "v3")
MIXES = [dict(zip(ROLES, mix, strict=True)) for mix in itertools.product(VERSIONS, repeat=3)]
TWO = [dict.fromkeys(ROLES, "v1"), dict.fromkeys(ROLES, "v2")]


@pytest.fixture(scope="module")
def together() -> Resolved:
    """The program of all mixes of V1, V2 and V3."""
    sources = read_sources(MODEL, (), PROOFS)
    return resolve_mixes(sources, dict.fromkeys(ROLES, VERSIONS))


@pytest.fixture(scope="module")
def two() -> Resolved:
    """The program of all mixes of V1 and V2."""
    sources = read_sources(MODEL, (), PROOFS)
    return resolve_mixes(sources, dict.fromkeys(ROLES, ("v1", "v2")))


def fields(machine: Machine, state: Snapshot) -> dict[str, object]:
    """The fields of a state, each with its cells in order."""
    found: dict[str, list[object]] = {}
    for (name, _, _), value in zip(machine.layout(), state, strict=True):
        found.setdefault(name, []).append(value)
    return {name: tuple(cells) for name, cells in found.items()}


@pytest.mark.parametrize("mix", MIXES, ids=lambda mix: "/".join(mix.values()))
def test_the_program_of_all_mixes_takes_the_steps_of_each(mix: Mix, together: Resolved) -> None:
    bound = Bound(read_scenario(SCENARIOS / "everything.toml"), mix, MODEL)
    alone = Machine(bound.resolved, bound.run)
    chosen = {version_parameter(role): VERSIONS.index(version) for role, version in mix.items()}
    run = Run(bound.run.sizes, {**bound.run.parameters, **chosen})
    every = Machine(together, run)
    here, there = alone.initial(), every.initial()
    draw = random.Random(1)
    taken = 0
    for _ in range(60):
        steps = alone.steps(only=bound.actions)
        draw.shuffle(steps)
        for step, act in steps:
            ends = []
            for machine, state in ((alone, here), (every, there)):
                machine.load(state)
                function = act if machine is alone else every.namespace[step.action]
                try:
                    function(*step.arguments)
                    ends.append(("", ""))
                except GuardFailed:
                    ends.append(("not possible", ""))
                except WentWrong as wrong:
                    ends.append((wrong.kind, wrong.site))
            assert ends[0] == ends[1], step
            if ends[0] == ("", ""):
                here, there = alone.save(), every.save()
                taken += 1
                break
        else:
            break
        own, all_ = fields(alone, here), fields(every, there)
        assert own.items() <= all_.items()
    assert taken > 5


def question(mix: Mix, program: Resolved, given: tuple[str, ...] | None = None) -> Question:
    """What follows in a mix from all its facts, or from those given, about all its facts."""
    facts = tuple(facts_of(program.program))
    return Question(tuple(mix.items()), facts if given is None else given, facts)


@pytest.mark.parametrize("action", ["wake", "drop_waker", "peer_copy", "open_channel"])
def test_what_is_proved_of_mixes_together_is_proved_of_each_alone(
    action: str, two: Resolved
) -> None:
    alone = [resolve_with_lemmas(MODEL, (), mix) for mix in TWO]
    questions = [question(mix, program) for mix, program in zip(TWO, alone, strict=True)]
    found = {(a.mix, a.goal): a for a in Induction(two, SMALL, action).decide(questions)}
    for mix, program, asked in zip(TWO, alone, questions, strict=True):
        answers = Induction(program, SMALL, action).decide([asked])
        known = {a.goal: a.status for a in answers}
        mine = {goal: a.status for (of, goal), a in found.items() if of == tuple(mix.items())}
        # what is plain in one mix need not be so in the program of both
        assert {mine[goal] for goal in mine.keys() - known.keys()} <= {"proved"}
        assert {goal: mine[goal] for goal in known} == known
    assert {a.status for a in found.values()} >= {"proved"}


def test_a_counterexample_is_a_state_of_the_program_of_its_mix(two: Resolved) -> None:
    alone = {tuple(mix.items()): resolve_with_lemmas(MODEL, (), mix) for mix in TWO}
    questions = [
        question(dict(mix), program, given=("free_list_is_free",)) for mix, program in alone.items()
    ]
    refuted: set[object] = set()
    for answer in Induction(two, SMALL, "wake").decide(questions):
        if answer.counterexample is None:
            continue
        own = alone[answer.mix]
        found = in_its_own_mix(answer.counterexample, two.program, own.program)
        assert len(found.before) == len(Machine(own, Run(SMALL, {})).blank())
        assert breaks(own, found, answer.goal)
        refuted.add(answer.mix)
    assert refuted == set(alone)


def test_a_fact_that_falls_is_given_no_more_and_what_leant_on_it_is_asked_again(
    two: Resolved, alter: Alter
) -> None:
    # a clone is lost in V2 alone: what V1 keeps stands
    old, new = "    clone_of(task)\n    operation_drop_task", "    operation_drop_task"
    model = alter("versions/v2.py", old, new)
    sources = read_sources(model, (), PROOFS)
    broken = resolve_mixes(sources, dict.fromkeys(ROLES, ("v1", "v2")))
    questions = [question(mix, resolve_with_lemmas(model, (), mix)) for mix in TWO]
    answers = Induction(broken, SMALL, "poll").settle(questions)
    fallen = {
        asked.mix: {a.goal for a in answers if a.mix == asked.mix and a.status != "proved"}
        for asked in questions
    }
    first, second = (fallen[asked.mix] for asked in questions)
    assert "refcount-exact" in second - first
    for answer in answers:
        if answer.status == "proved":
            assert not set(answer.needs) & fallen[answer.mix], answer.goal
    assert len({(a.mix, a.goal) for a in answers}) == len(answers)


def test_a_certificate_is_about_every_mix_in_which_the_fact_is_proved(
    two: Resolved, tmp_path: Path
) -> None:
    pytest.importorskip("cvc5")
    questions = [question(mix, resolve_with_lemmas(MODEL, (), mix)) for mix in TWO]
    induction = Induction(two, SMALL, "drop_waker")
    proved = [a for a in induction.settle(questions) if a.status == "proved"]
    assert {a.mix for a in proved} == {asked.mix for asked in questions}
    file = tmp_path / "drop_waker.smt2"
    file.write_text(certificate(induction, proved), encoding="utf-8")
    confirmed = recheck(file, 60)
    assert {c.says for c in confirmed} == {"unsat"}
    assert {c.goal for c in confirmed} == {a.goal for a in proved}


def test_a_certificate_without_what_a_proof_needs_is_refuted(two: Resolved, tmp_path: Path) -> None:
    pytest.importorskip("cvc5")
    questions = [question(mix, resolve_with_lemmas(MODEL, (), mix)) for mix in TWO]
    induction = Induction(two, SMALL, "drop_waker")
    (needy, *_) = (a for a in induction.settle(questions) if a.status == "proved" and a.needs)
    file = tmp_path / "drop_waker.smt2"
    bare = Answer(needy.action, needy.goal, "proved", 0.0, needy.mix)
    file.write_text(certificate(induction, [bare]), encoding="utf-8")
    assert {c.says for c in recheck(file, 60)} == {"sat"}


def test_what_has_a_trace_is_not_asked_and_nothing_leans_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Job] = []

    def nothing(run: object, jobs: list[Job], *_: object) -> bool:
        asked.extend(jobs)
        return True

    monkeypatch.setattr("wakeproof.prove.map_cached", nothing)

    def violated(proof: Proof, goal: str) -> bool:
        return goal == "one-home" and proof.mix["export"] == "v1"

    first, second = prove(
        MODEL, (), TWO, SMALL, lambda job, answers: None, lambda left: None, violated=violated
    )
    for job in asked:
        for one in job.questions:
            known = one.mix == tuple(first.mix.items())
            assert ("one-home" in one.given) == ("one-home" in one.wanted) == (not known)
    assert not first.holds("one-home")
    assert second.holds("one-home"), "no obligation about it failed"


def test_a_version_is_a_parameter_of_its_own(together: Resolved) -> None:
    for role in ROLES:
        kind = together.program.parameters[version_parameter(role)].value
        assert together.program.enums[kind.name] == VERSIONS


def test_mixes_of_other_actions_are_not_proved_together(tmp_path: Path) -> None:
    file = tmp_path / "v4.py"
    file.write_text(
        "from wakeproof.language import action\n"
        'BASE = "v3"\n\n\n'
        '@action("host")\ndef rest() -> None:\n    """Nothing."""\n'
    )
    mixes = [dict.fromkeys(ROLES, version) for version in ("v2", "v3", "v4")]
    proofs = begin(MODEL, (file,), mixes, SMALL)
    assert [dict(p.versions)["export"] for p in proofs] == [("v2", "v3"), ("v2", "v3"), ("v4",)]
