"""Actions that end with the same call are proved together: one action that is any of them."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from pysat.solvers import Cadical153
from rich.console import Console

from tests.prove.test_any_number import WINDOW, question, seen
from tests.prove.test_prove import SMALL, hypotheses, resolved
from tests.support import Alter
from wakeproof.commands.prove import write_all
from wakeproof.language.model import BUNDLED
from wakeproof.language.values import Run
from wakeproof.prove.any_number.window_growth import decide
from wakeproof.prove.any_number.window_induction import ROOM, WindowInduction, actions_in_window
from wakeproof.prove.certificates.folder import listed
from wakeproof.prove.certificates.jobs import write_certificates, writings
from wakeproof.prove.certificates.recheck import recheck
from wakeproof.prove.certificates.write import certificate
from wakeproof.prove.induction import Induction
from wakeproof.prove.merged_actions import merge, mergeable, merged_name
from wakeproof.prove.obligation import Question
from wakeproof.prove.proof import Proof
from wakeproof.scenario.mixes import ROLES
from wakeproof.symbolic.cnf import Clauses
from wakeproof.symbolic.execution import take_step
from wakeproof.symbolic.model import SymbolicModel
from wakeproof.symbolic.terms import (
    Formula,
    Terms,
    Value,
    same,
)

MIXES = ["v1/v1/v1", "v2/v2/v2"]

MERGED = ("drop_waker", "drop_join_handle")


@pytest.mark.parametrize("mix", MIXES)
def test_every_action_is_proved_once(mix: str) -> None:
    program = resolved(mix).program
    actions = actions_in_window(program)
    together = mergeable(program, actions)
    assert sorted(itertools.chain(*together)) == sorted(actions)
    assert all(list(some) == [a for a in actions if a in some] for some in together)


@pytest.mark.parametrize("mix", MIXES)
def test_what_runs_the_same_text_is_proved_together(mix: str) -> None:
    program = resolved(mix).program
    together = {
        action: some
        for some in mergeable(program, list(program.marked("action")))
        for action in some
    }
    assert together["poll"] == together["poll_with_noop_waker"] == together["poll_with_waker_of"]
    assert together["deliver_event"] == together["waitable_set_wait"]
    assert together["poll"] != together["deliver_event"]
    assert together["drop_operation"] == ("drop_operation",)


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize(
    "actions",
    [
        ("wake", "wake_self"),
        ("drop_waker", "drop_join_handle"),
        ("call_import", "call_import_with_noop_waker"),
        ("deliver_event", "waitable_set_wait", "resume_block_on"),
    ],
    ids=merged_name,
)
def test_the_merged_action_takes_the_steps_of_each(mix: str, actions: tuple[str, ...]) -> None:
    """Cell for cell: with the choice made, nothing is left of the others."""
    program = resolved(mix).program
    model = SymbolicModel(program, Run(SMALL, {}), free=True)
    before = model.fresh_state("before")
    merged = merge(program, actions)
    for action in actions:
        own = program.functions[action]
        arguments: dict[str, Value] = {}
        for name, kind in own.parameters:
            shared = f"{name}: {kind.name}" if kind.name else name
            arguments[shared] = model.fresh(f"{name} of {action}", kind)
        given: list[Value] = []
        for name, kind in merged.parameters:
            unused = model.fresh(f"{name} unused", kind)
            choice = name == f"is {action}"
            given.append(choice if name.startswith("is ") else arguments.get(name, unused))
        one = take_step(model, before, own, list(arguments.values()))
        other = take_step(model, before, merged, given)
        cells = zip(model.flatten(one.state), model.flatten(other.state), strict=True)
        assert all(same(a, b) for a, b in cells)
        assert one.wrong.keys() == other.wrong.keys()
        formulas = [(one.enabled, other.enabled), (one.completes, other.completes)]
        formulas += [(condition, other.wrong[site]) for site, condition in one.wrong.items()]
        assert not any(may_differ(model.terms, a, b) for a, b in formulas)


def may_differ(terms: Terms, a: Formula, b: Formula) -> bool:
    """Whether there are values for which one of two formulas is true and not the other."""
    if same(a, b):
        return False
    differ = terms.or_(terms.and_(a, terms.not_(b)), terms.and_(b, terms.not_(a)))
    clauses = Clauses([differ])
    clauses.add(differ)
    with Cadical153(bootstrap_with=clauses.clauses) as solver:
        return bool(solver.solve())


def test_an_answer_about_a_merged_action_is_one_about_each() -> None:
    program = resolved()
    asked = question(program, ["one-home", "refcount-exact"])
    answers = decide(program, WINDOW, ("wake", "wake_self"), [asked])
    proved = {(a.action, a.goal) for a in answers if a.status == "proved"}
    assert {("wake", "one-home"), ("wake_self", "refcount-exact")} <= proved


@pytest.mark.slow
@pytest.mark.parametrize(
    "action", [pytest.param("drop_waker", marks=pytest.mark.nightly), "drop_join_handle"]
)
def test_another_solver_confirms_it_of_each_action(action: str, tmp_path: Path) -> None:
    program = resolved()
    asked = question(program, ["refcount-exact", "one-home"])
    answers = decide(program, WINDOW, MERGED, [asked])
    own = [a for a in answers if a.action == action and a.status == "proved"]
    assert {"refcount-exact", "one-home", f"{ROOM}Task"} <= {a.goal for a in own}
    confirmed = set()
    for sizes in {a.sizes for a in own}:
        alone = WindowInduction(
            program, dict(sizes), (action,), [question(program)], every_state=True
        )
        file = tmp_path / "one.smt2"
        file.write_text(certificate(alone, [a for a in own if a.sizes == sizes]), encoding="utf-8")
        confirmations = recheck(file, 300)
        assert all(c.confirmed for c in confirmations)
        confirmed |= {c.goal for c in confirmations}
    assert confirmed == {a.goal for a in own}


def test_a_fault_of_one_action_is_a_fault_of_the_merged_action(alter: Alter) -> None:
    assert seen(resolved(), MERGED, ["refcount-exact"])["refcount-exact"].status == "proved"
    kept = alter(
        "program.py",
        "    s.kept_waker[future] = False\n    waker_drop(WakerKind.CONTEXT, future)\n",
        "    waker_drop(WakerKind.CONTEXT, future)\n",
    )
    assert (
        seen(resolved(model=kept), MERGED, ["refcount-exact"])["refcount-exact"].status == "unknown"
    )


def small_proof() -> Proof:
    """What is proved of the two that are merged, each by itself."""
    program = resolved()
    versions = tuple((role, ("v2",)) for role in ROLES)
    facts = hypotheses(program)
    mix = dict.fromkeys(ROLES, "v2")
    proof = Proof(mix, SMALL, program, facts, list(MERGED), versions, finished=True)
    for action in MERGED:
        asked = Question(tuple(mix.items()), tuple(facts), ("refcount-exact", "one-home"))
        for answer in Induction(program, SMALL, (action,)).settle([asked]):
            assert answer.status == "proved"
            proof.answers[action, answer.goal] = answer
    return proof


def written(proof: Proof, folder: Path, every_state: bool = False) -> list[Path]:
    """The certificates of a proof."""
    files: list[Path] = []
    assert write_certificates(writings(BUNDLED, [proof], folder, every_state), files.append)
    return files


def goals_in(files: list[Path]) -> dict[str, list[str]]:
    """What a second solver has confirmed, by the name of the certificate."""
    confirmed = {}
    for file in files:
        confirmations = recheck(file, 60)
        assert all(c.confirmed for c in confirmations)
        confirmed[file.stem] = sorted(c.goal for c in confirmations)
    return confirmed


@pytest.mark.slow
def test_a_certificate_is_about_all_merged_actions(tmp_path: Path) -> None:
    sizes = []
    for every_state in (False, True):
        files = written(small_proof(), tmp_path, every_state)
        assert goals_in(files) == {"drop_waker-and-1-more": ["one-home", "refcount-exact"]}
        sizes.append(files[0].stat().st_size)
    # of every state there is more to say
    assert sizes[0] < sizes[1]


@pytest.mark.slow
def test_certificates_of_another_run_are_reported(tmp_path: Path) -> None:
    some = writings(BUNDLED, [small_proof()], tmp_path)
    said = io.StringIO()
    assert write_all(Console(file=said, width=300), some, tmp_path)
    (tmp_path / "[old].smt2").touch()
    assert write_all(Console(file=said, width=300), some, tmp_path)
    assert said.getvalue().splitlines() == [
        f"1 certificate in {tmp_path}",
        f"1 certificate in {tmp_path}",
        f"1 more there, such as {tmp_path}/[old].smt2, are of another run",
    ]


@pytest.mark.slow
def test_what_is_not_proved_of_all_merged_actions_is_certified_of_each(tmp_path: Path) -> None:
    proof = small_proof()
    lost = proof.answers["drop_join_handle", "one-home"]
    proof.answers["drop_join_handle", "one-home"] = replace(lost, status="unknown")
    files = written(proof, tmp_path)
    assert goals_in(files) == {
        "drop_waker-and-1-more": ["refcount-exact"],
        "drop_waker": ["one-home"],
    }


def test_a_certificate_states_of_an_action_the_sizes_at_which_it_is_proved(tmp_path: Path) -> None:
    # a window on any number of members grows for each action by itself
    proof = small_proof()
    larger = tuple({**SMALL, "Operation": SMALL["Operation"] + 1}.items())
    of_one = proof.answers["drop_join_handle", "one-home"]
    proof.answers["drop_join_handle", "one-home"] = replace(of_one, sizes=larger)
    stated = {
        (action, answer.goal, writing.job.sizes)
        for writing in writings(BUNDLED, [proof], tmp_path)
        for answer in writing.answers
        for action in writing.job.actions
    }
    small = tuple(proof.sizes.items())
    assert stated == {
        (action, goal, larger if (action, goal) == ("drop_join_handle", "one-home") else small)
        for action in MERGED
        for goal in ("one-home", "refcount-exact")
    }


def test_no_certificate_is_written_of_actions_that_touch_nothing_of_the_goals(
    tmp_path: Path,
) -> None:
    (writing,) = writings(BUNDLED, [small_proof()], tmp_path)
    # they change no call, but are decided together with actions that do
    of_others = tuple(replace(answer, goal="calls_are_calls") for answer in writing.answers)
    other = replace(writing, answers=of_others, file=tmp_path / "mix" / "other.smt2")
    assert write_all(Console(file=io.StringIO()), [writing, other], tmp_path)
    assert listed(tmp_path) == {writing.file}


def test_a_certificate_of_merged_actions_assumes_what_each_of_them_needs(tmp_path: Path) -> None:
    proof = small_proof()
    answers = [proof.answers[action, "refcount-exact"] for action in MERGED]
    whole = tuple({fact for answer in answers for fact in answer.needs})
    merged = Induction(proof.resolved, SMALL, MERGED, every_state=True)
    file = tmp_path / "both.smt2"
    for needs, says in (((whole, ()), "unsat"), (((), whole), "unsat"), (((), ()), "sat")):
        both = [replace(a, needs=some) for a, some in zip(answers, needs, strict=True)]
        file.write_text(certificate(merged, both), encoding="utf-8")
        assert {c.answer for c in recheck(file, 60)} == {says}
