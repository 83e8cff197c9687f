"""Many mixes as one program, which takes the steps of each, and its proofs, which are theirs."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import Alter
from wakeproof.bundled import MODEL, PROOFS, SCENARIOS
from wakeproof.commands.inputs import chosen_mixes
from wakeproof.commands.options import MixOptions
from wakeproof.errors import InputError
from wakeproof.execution.machine import Machine
from wakeproof.language.model import BUNDLED, Model
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.resolve import Resolved, resolve_mixes, version_parameter
from wakeproof.language.sources import read_sources
from wakeproof.language.values import Run, Snapshot
from wakeproof.prove.any_number.window_growth import decide
from wakeproof.prove.certificates.recheck import recheck
from wakeproof.prove.certificates.write import certificate
from wakeproof.prove.houdini import begin, prove
from wakeproof.prove.induction import Induction
from wakeproof.prove.lemma_sources import left_out, resolve_with_lemmas, sizes_of
from wakeproof.prove.obligation import (
    Answer,
    Question,
    breaks,
    facts_of,
    in_its_own_mix,
)
from wakeproof.prove.proof import Job, Proof
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import ROLES, Mix, every_mix

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
    # of the base text's host, as the sources are read here
    model = BUNDLED.with_host("spec_6d28164")
    instance = Instance(read_scenario(SCENARIOS / "everything.toml"), mix, model)
    alone = Machine(instance.resolved, instance.run)
    chosen = {version_parameter(role): VERSIONS.index(version) for role, version in mix.items()}
    run = Run(instance.run.sizes, {**instance.run.parameters, **chosen})
    every = Machine(together, run)
    here, there = alone.initial(), every.initial()
    draw = random.Random(1)
    taken = 0
    for _ in range(60):
        steps = alone.steps(only=instance.actions)
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


@pytest.mark.slow(but=1)
@pytest.mark.parametrize("action", ["open_channel", "wake", "drop_waker", "peer_copy"])
def test_what_is_proved_of_mixes_together_is_proved_of_each_alone(
    action: str, two: Resolved
) -> None:
    alone = [resolve_with_lemmas(BUNDLED, mix) for mix in TWO]
    questions = [question(mix, program) for mix, program in zip(TWO, alone, strict=True)]
    found = {(a.mix, a.goal): a for a in Induction(two, SMALL, (action,)).decide(questions)}
    for mix, program, asked in zip(TWO, alone, questions, strict=True):
        answers = Induction(program, SMALL, (action,)).decide([asked])
        known = {a.goal: a.status for a in answers}
        mine = {goal: a.status for (of, goal), a in found.items() if of == tuple(mix.items())}
        # what is plain in one mix need not be so in the program of both
        assert {mine[goal] for goal in mine.keys() - known.keys()} <= {"proved"}
        assert {goal: mine[goal] for goal in known} == known
    assert {a.status for a in found.values()} >= {"proved"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "action",
    ["peer_copy", *(pytest.param(a, marks=pytest.mark.nightly) for a in ("wake", "drop_waker"))],
)
def test_windows_of_mixes_together_show_what_those_of_each_show_and_nothing_that_fails(
    action: str, two: Resolved
) -> None:
    window = sizes_of(BUNDLED, "window")
    alone = [resolve_with_lemmas(BUNDLED, mix) for mix in TWO]
    questions = [question(mix, program) for mix, program in zip(TWO, alone, strict=True)]
    found = decide(two, window, (action,), questions)
    for program, asked in zip(alone, questions, strict=True):
        mine = {a.goal for a in found if a.mix == asked.mix and a.status == "proved"}
        known = {a.goal: a.status for a in decide(program, window, (action,), [asked])}
        assert mine >= {goal for goal, status in known.items() if status == "proved"}
        small = {a.goal: a.status for a in Induction(program, SMALL, (action,)).decide([asked])}
        assert not mine & {goal for goal, status in small.items() if status != "proved"}
        assert mine & set(facts_of(program.program))


def test_mixes_in_which_the_same_facts_count_are_proved_together_for_any_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Job] = []
    without: set[str] = set()

    def pretend(
        run: object, jobs: list[Job], inputs: object, done: Callable[..., None], *_: object
    ) -> bool:
        asked.extend(jobs)
        for job in jobs:
            done(
                job,
                [
                    Answer(action, fact, "fails", 0.0, question.mix)
                    for action in job.actions
                    for question in job.questions
                    for action in job.actions
                    for fact in question.wanted
                    if fact in without and dict(question.mix)["import"] == "v1"
                ],
            )
        return True

    monkeypatch.setattr("wakeproof.prove.houdini.map_cached", pretend)
    for dropped, together in ((set(), {2}), ({"refcount-exact"}, {1})):
        asked.clear()
        without.clear()
        without.update(dropped)
        prove(BUNDLED, TWO, SMALL, lambda *_: None, larger=TWO)
        assert {len(job.questions) for job in asked if job.any_number} == together


def test_a_counterexample_is_a_state_of_the_program_of_its_mix(two: Resolved) -> None:
    alone = {tuple(mix.items()): resolve_with_lemmas(BUNDLED, mix) for mix in TWO}
    questions = [
        question(dict(mix), program, given=("free_list_is_free",)) for mix, program in alone.items()
    ]
    refuted: set[object] = set()
    for answer in Induction(two, SMALL, ("wake",)).decide(questions):
        if answer.counterexample is None:
            continue
        own = alone[answer.mix]
        found = in_its_own_mix(answer.counterexample, two.program, own.program)
        assert len(found.before) == len(Machine(own, Run(SMALL, {})).blank())
        assert breaks(own, found, answer.goal)
        refuted.add(answer.mix)
    assert refuted == set(alone)


def test_a_dropped_fact_is_no_longer_given_and_what_relied_on_it_is_tried_again(
    two: Resolved, alter: Alter
) -> None:
    # a clone is lost in V2 alone: what V1 keeps stands
    old, new = "    clone_of(task)\n    operation_drop_task", "    operation_drop_task"
    model = alter("versions/v2.py", old, new)
    sources = read_sources(model, (), PROOFS)
    broken = resolve_mixes(sources, dict.fromkeys(ROLES, ("v1", "v2")))
    questions = [question(mix, resolve_with_lemmas(Model(model), mix)) for mix in TWO]
    answers = Induction(broken, SMALL, ("poll",)).settle(questions)
    dropped = {
        asked.mix: {a.goal for a in answers if a.mix == asked.mix and a.status != "proved"}
        for asked in questions
    }
    first, second = (dropped[asked.mix] for asked in questions)
    assert "refcount-exact" in second - first
    for answer in answers:
        if answer.status == "proved":
            assert not set(answer.needs) & dropped[answer.mix], answer.goal
    assert len({(a.mix, a.goal) for a in answers}) == len(answers)


def test_a_certificate_is_about_every_mix_in_which_the_fact_is_proved(
    two: Resolved, tmp_path: Path
) -> None:
    pytest.importorskip("cvc5")
    questions = [question(mix, resolve_with_lemmas(BUNDLED, mix)) for mix in TWO]
    induction = Induction(two, SMALL, ("drop_waker",))
    proved = [a for a in induction.settle(questions) if a.status == "proved"]
    assert {a.mix for a in proved} == {asked.mix for asked in questions}
    file = tmp_path / "drop_waker.smt2"
    file.write_text(certificate(induction, proved), encoding="utf-8")
    confirmed = recheck(file, 60)
    assert all(c.confirmed for c in confirmed)
    assert {c.goal for c in confirmed} == {a.goal for a in proved}


@pytest.mark.slow
def test_a_certificate_without_what_a_proof_needs_is_refuted(two: Resolved, tmp_path: Path) -> None:
    pytest.importorskip("cvc5")
    questions = [question(mix, resolve_with_lemmas(BUNDLED, mix)) for mix in TWO]
    induction = Induction(two, SMALL, ("drop_waker",))
    (needy, *_) = (a for a in induction.settle(questions) if a.status == "proved" and a.needs)
    file = tmp_path / "drop_waker.smt2"
    bare = Answer(needy.action, needy.goal, "proved", 0.0, needy.mix)
    file.write_text(certificate(induction, [bare]), encoding="utf-8")
    assert all(c.refuted for c in recheck(file, 60))


def test_a_goal_with_a_trace_is_not_decided_and_no_proof_relies_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Job] = []

    def nothing(run: object, jobs: list[Job], *_: object) -> bool:
        asked.extend(jobs)
        return True

    monkeypatch.setattr("wakeproof.prove.houdini.map_cached", nothing)

    def violated(proof: Proof, goal: str) -> bool:
        return goal == "one-home" and proof.mix["export"] == "v1"

    first, second = prove(BUNDLED, TWO, SMALL, lambda *_: None, violated=violated)
    for job in asked:
        for one in job.questions:
            known = one.mix == tuple(first.mix.items())
            assert ("one-home" in one.given) == ("one-home" in one.wanted) == (not known)
    assert not first.holds("one-home")
    assert second.holds("one-home"), "no obligation about it failed"


RELYING = ("one-home", "stacks_are_run")
"""In the tests below the first relies on the second, which is left out for any number."""


def relying(job: Job) -> list[Answer]:
    """Everything is proved, but what relies on a fact only where that is given."""
    fact, other = RELYING
    return [
        Answer(
            action,
            fact,
            "proved" if other in question.given else "unknown",
            0.0,
            question.mix,
            needs=(other,),
        )
        for action in job.actions
        for question in job.questions
        if fact in question.wanted
    ]


def test_goals_that_rely_on_omitted_facts_get_no_question_for_any_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Job] = []

    def pretend(
        run: object, jobs: list[Job], inputs: object, done: Callable[..., None], *_: object
    ) -> bool:
        asked.extend(jobs)
        for job in jobs:
            done(job, relying(job))
        return True

    monkeypatch.setattr("wakeproof.prove.houdini.map_cached", pretend)
    proofs = prove(BUNDLED, TWO, SMALL, lambda *_: None, larger=TWO[1:])
    assert [proof.holds("one-home") for proof in proofs] == [True, True]
    assert [proof.any_number is None for proof in proofs] == [True, False]
    larger = [question for job in asked if job.any_number for question in job.questions]
    assert larger
    for question in larger:
        assert not set(RELYING) & {*question.given, *question.wanted}
        assert "map-mirrors-set" in question.wanted
        assert "trap host::WaitableSet.drop::has-waiters" not in question.wanted
        assert "trap host::WaitableSet.drop::not-empty" in question.wanted


def test_an_interrupt_before_the_windows_proves_nothing_for_any_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(
        run: object, jobs: list[Job], inputs: object, done: Callable[..., None], *_: object
    ) -> bool:
        for job in jobs:
            done(job, relying(job))
        return any(RELYING[1] in q.given for job in jobs for q in job.questions)

    monkeypatch.setattr("wakeproof.prove.houdini.map_cached", interrupted)
    (proof,) = prove(BUNDLED, TWO[1:], SMALL, lambda *_: None, larger=TWO[1:])
    assert proof.finished
    assert proof.any_number is not None
    assert not proof.any_number.finished
    assert not proof.any_number.holds("map-mirrors-set")


def test_a_version_is_a_parameter_of_its_own(together: Resolved) -> None:
    for role in ROLES:
        kind = together.program.parameters[version_parameter(role)].value
        assert together.program.enums[kind.name] == VERSIONS


REST = '''
from wakeproof.language import action
BASE = "v3"


@action("host")
def rest() -> None:
    """Nothing."""
'''
FEWER = """
from typing import Annotated, TypeAlias
from wakeproof.language import Limit
BASE = "v3"
Count: TypeAlias = Annotated[int, Limit(2)]
"""


@pytest.mark.parametrize("text", [REST, FEWER], ids=["another-action", "smaller-numbers"])
def test_mixes_of_other_declarations_are_not_of_one_program(text: str, tmp_path: Path) -> None:
    file = tmp_path / "v4.py"
    file.write_text(text, encoding="utf-8")
    mixes = [dict.fromkeys(ROLES, version) for version in ("v2", "v3", "v4")]
    proofs = begin(Model(MODEL, (file,)), mixes, SMALL)
    assert [dict(p.versions)["export"] for p in proofs] == [("v2", "v3"), ("v2", "v3"), ("v4",)]


def with_its_own_lemmas(folder: Path) -> Path:
    """A copy of the model, with the lemmas in it."""
    model = folder / "model"
    shutil.copytree(MODEL, model)
    shutil.copytree(PROOFS, model / "proofs")
    return model


def test_a_premise_of_a_version_is_not_taken_for_granted_of_another(tmp_path: Path) -> None:
    model = with_its_own_lemmas(tmp_path)
    with (model / "proofs" / "v3.py").open("a", encoding="utf-8") as text:
        text.write('\n\n@premise("one")\ndef one() -> bool:\n    """One."""\n    return True\n')
    mixes = [dict.fromkeys(ROLES, version) for version in ("v2", "v3")]
    assert [dict(p.versions)["export"] for p in begin(Model(model), mixes, SMALL)] == [
        ("v2",),
        ("v3",),
    ]


@pytest.mark.slow
def test_siblings_that_use_the_same_name_are_proved_each_alone(tmp_path: Path) -> None:
    files = []
    for name in ("left", "right"):
        file = tmp_path / f"{name}.py"
        file.write_text(
            f"""
from model.types import Task
from model.wakers import waker_stream_drop
from model.state import s
from model.types import SleepState
from wakeproof.language import side

BASE = "v3"


def let_go(task: Task) -> None:
    \"\"\"The {name} way.\"\"\"
    s.sleep_state[task] = SleepState.POLLING


@side("executor")
def drop_shared(task: Task) -> None:
    \"\"\"Let go, then drop the stream.\"\"\"
    let_go(task)
    waker_stream_drop(task)
"""
        )
        files.append(file)
    mixes = [dict.fromkeys(ROLES, version) for version in ("left", "right")]
    proofs = begin(Model(MODEL, tuple(files)), mixes, SMALL)
    assert [dict(p.versions)["export"] for p in proofs] == [("left",), ("right",)]


def test_a_mix_that_is_named_twice_is_proved_once() -> None:
    v2 = dict.fromkeys(ROLES, "v2")
    for twice in (MixOptions(executor=("v2", "v2")), MixOptions(mix=("v2/v2/v2", "v2/v2/v2"))):
        assert every_mix(chosen_mixes(twice, BUNDLED), ["v2"]) == [v2]


def test_what_is_left_out_for_any_number_is_in_some_text(tmp_path: Path) -> None:
    assert set(left_out(BUNDLED)) <= read_sources(MODEL, (), PROOFS).names()
    model = with_its_own_lemmas(tmp_path)
    file = model / "proofs" / "proofs.toml"
    text = file.read_text("utf-8").replace("left-out = [", 'left-out = [\n  "no_such_lemma",')
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="no_such_lemma is not a lemma"):
        left_out(Model(model))


def test_what_is_left_out_may_be_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lemmas of V2 are left out where V1 runs alone, which has none of them."""
    only_v1 = TWO[:1]
    of_v2 = "block_ons_drop_no_futures"
    program = resolve_with_lemmas(BUNDLED, only_v1[0]).program
    assert of_v2 in left_out(BUNDLED)
    assert of_v2 not in facts_of(program)
    monkeypatch.setattr("wakeproof.prove.houdini.map_cached", lambda *_: False)
    (proof,) = prove(BUNDLED, only_v1, SMALL, lambda *_: None, larger=only_v1)
    assert proof.hypotheses
    assert not proof.finished


@pytest.mark.parametrize("action", ["call_export", "return_sync_export"])
def test_a_proof_uses_reserved_facts_only_if_it_fails_without_them(action: str) -> None:
    program = resolve_with_lemmas(BUNDLED, TWO[1])
    facts = tuple(facts_of(program.program))
    reserved = set(left_out(BUNDLED)) & set(facts)
    with_all = Question((), facts, facts, tuple(reserved))
    without = Question((), tuple(fact for fact in facts if fact not in reserved), facts)
    proved = {a.goal: a for a in Induction(program, SMALL, (action,)).decide([with_all])}
    alone = {a.goal: a.status for a in Induction(program, SMALL, (action,)).decide([without])}
    relying = {g for g, a in proved.items() if a.status == "proved" and reserved & set(a.needs)}
    assert relying == {
        g for g, a in proved.items() if a.status == "proved" and alone[g] != "proved"
    }
    assert relying
    assert len(relying) < len(proved)


WRITING = """
import hashlib
from wakeproof.prove.certificates.write import certificate
from wakeproof.bundled import MODEL, PROOFS
from wakeproof.prove.obligation import Answer, facts_of
from wakeproof.prove.induction import Induction
from wakeproof.language.resolve import resolve_mixes
from wakeproof.language.sources import read_sources
from wakeproof.scenario.mixes import ROLES

two = resolve_mixes(read_sources(MODEL, (), PROOFS), dict.fromkeys(ROLES, ("v1", "v2")))
sizes = {"Task": 2, "Future": 2, "Operation": 1, "Handle": 3, "Channel": 1}
facts = tuple(facts_of(two.program))
induction = Induction(two, sizes, ("poll", "call_import"))
answers = [Answer(induction.action, fact, "proved", 0.0, needs=facts) for fact in facts]
print(hashlib.sha256(certificate(induction, answers).encode()).hexdigest())
"""


@pytest.mark.slow
def test_a_certificate_is_the_same_every_time() -> None:
    written = {
        subprocess.run(
            [sys.executable, "-c", WRITING],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(written) == 1
