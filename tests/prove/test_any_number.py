"""What is proved of the ABI for any number of tasks, operations and handles."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.prove.test_prove import PROMISED, SMALL, hypotheses, resolved
from tests.prove.test_prove import decide as decide_at_sizes
from tests.support import Alter
from wakeproof.language.model import BUNDLED
from wakeproof.language.resolve import Resolved
from wakeproof.prove.any_number.window_growth import decide
from wakeproof.prove.any_number.window_induction import (
    ROOM,
    WALKS,
    WindowInduction,
    actions_in_window,
)
from wakeproof.prove.certificates.recheck import recheck
from wakeproof.prove.certificates.write import certificate
from wakeproof.prove.induction import Induction
from wakeproof.prove.lemma_sources import left_out, sizes_of
from wakeproof.prove.obligation import Answer, Question
from wakeproof.symbolic.terms import values

WINDOW = sizes_of(BUNDLED, "window")

THREE_ALIVE = '''

def three_are_alive() -> bool:
    """Some three tasks are alive."""
    return any(any(any(are_three(a, b, c) for c in Task) for b in Task) for a in Task)


def are_three(a: Task, b: Task, c: Task) -> bool:
    """All of them are alive, and no two are one."""
    return a != b and b != c and a != c and s.alive[a] and s.alive[b] and s.alive[c]


@invariant("one-home")
def one_home() -> bool:
    """Not what it should be: no three tasks are alive."""
    return not three_are_alive()


def is_in_one_home() -> bool:'''


def seen(program: Resolved, actions: tuple[str, ...], wanted: Sequence[str]) -> dict[str, Answer]:
    """The answers about some facts and one action."""
    return {a.goal: a for a in decide(program, WINDOW, actions, [question(program, wanted)])}


def question(program: Resolved, wanted: Sequence[str] = ()) -> Question:
    """What follows from all facts, in the only mix that there is."""
    return Question((), tuple(hypotheses(program)), tuple(wanted))


def wide(program: Resolved, action: str, every_state: bool = False) -> WindowInduction:
    """A window that is wide enough for the actions that wake a task."""
    sizes = {kind: size + 1 for kind, size in WINDOW.items()}
    return WindowInduction(program, sizes, (action,), [question(program)], every_state)


@pytest.mark.slow
@pytest.mark.parametrize("action", ["wake", "drop_waker"])
def test_what_v2_promises_is_kept_whatever_the_number_of_tasks(action: str) -> None:
    answers = seen(resolved(), (action,), PROMISED)
    assert answers.keys() & set(PROMISED)
    assert {a.status for a in answers.values()} == {"proved"}


@pytest.mark.parametrize("action", ["wake", "block_on", "call_import"])
def test_there_are_steps_to_be_seen_in_a_window(action: str) -> None:
    program = resolved()
    window = WindowInduction(program, WINDOW, (action,), [question(program)])
    window.goals(())
    assert window.happens(window.completes(), hypotheses(program))


def test_a_window_must_have_room_for_what_an_action_names() -> None:
    program = resolved()
    narrow = WindowInduction(program, dict.fromkeys(WINDOW, 1), ("wake",), [question(program)])
    assert {a.goal: a.status for a in narrow.rooms()}[f"{ROOM}Task"] == "unknown"
    assert {a.status for a in wide(program, "wake").rooms()} == {"proved"}


@pytest.mark.slow
def test_a_window_grows_to_what_an_action_names_and_to_what_a_fact_is_about() -> None:
    program = resolved()
    narrow = dict.fromkeys(WINDOW, 1)
    answers = decide(program, narrow, ("wake",), [question(program, ["one-home"])])
    room, fact = (
        next(dict(a.sizes) for a in answers if a.goal == goal)
        for goal in (f"{ROOM}Task", "one-home")
    )
    assert narrow["Task"] < room["Task"] < fact["Task"]
    # the facts on which it relies also prove that there is room
    whole = {a.goal: set(a.needs) for a in answers}
    assert whole[f"{ROOM}Task"] <= whole["one-home"]


@pytest.mark.nightly
def test_what_holds_of_two_tasks_need_not_hold_of_any_number(alter: Alter) -> None:
    old = '\n\n@invariant("one-home")\ndef one_home() -> bool:'
    program = resolved(model=alter("properties.py", old, THREE_ALIVE))
    # of two it is plain
    assert decide_at_sizes(program, "call_export", ("one-home",)) == {}
    answer = seen(program, ("call_export",), ["one-home"])["one-home"]
    assert answer.status == "unknown"
    assert "leaves it open" in answer.reason


@pytest.mark.parametrize(
    ("goal", "action", "old", "new"),
    [
        (
            "refcount-exact",
            "drop_waker",
            "    s.kept_waker[future] = False\n    waker_drop(WakerKind.CONTEXT, future)\n",
            "    s.kept_waker[future] = False\n",
        ),
        (
            "refcount-exact",
            "drop_waker",
            "    s.kept_waker[future] = False\n    waker_drop(WakerKind.CONTEXT, future)\n",
            "    waker_drop(WakerKind.CONTEXT, future)\n",
        ),
    ],
    ids=["a waker's reference is lost", "a waker is given back and kept"],
)
def test_a_fault_is_proved_for_no_number(
    goal: str, action: str, old: str, new: str, alter: Alter
) -> None:
    program = resolved(model=alter("program.py", old, new))
    assert seen(program, (action,), [goal])[goal].status == "unknown"


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.nightly) for n in (1, 2, 3))]
)
@pytest.mark.parametrize(
    "action",
    [*(pytest.param(a, marks=pytest.mark.nightly) for a in ("drop_waker", "wake")), "drop_reader"],
)
def test_what_fails_at_some_size_is_proved_for_no_number(action: str, seed: int) -> None:
    """Of a few of the facts much less follows: each that fails for few members fails for any."""
    program = resolved()
    facts = hypotheses(program)
    given = tuple(random.Random(seed).sample(facts, 12))
    asked = [Question((), given, tuple(facts))]
    at_sizes = Induction(program, SMALL, (action,)).decide(asked)
    failing = {a.goal for a in at_sizes if a.status == "fails"}
    assert failing
    proved = {a.goal for a in decide(program, WINDOW, (action,), asked) if a.status == "proved"}
    assert not failing & proved


def asked_for_any_number(program: Resolved) -> list[str]:
    return [fact for fact in hypotheses(program) if fact not in left_out(BUNDLED)]


def test_what_a_window_proves_is_more_than_nothing() -> None:
    program = resolved()
    answers = seen(program, ("drop_reader",), asked_for_any_number(program))
    assert {a.status for a in answers.values()} == {"proved"}


def test_sites_are_decided_first_and_then_facts_about_counts() -> None:
    """What is known not to go wrong is less to look at for what comes after."""
    program = resolved()
    site = "undefined alloc::Arc.drop::freed"
    wanted = ("one-home", "refcount-exact", site)
    asked = Question((), tuple(hypotheses(program)), wanted)
    answers = list(wide(program, "wake").decide([asked], whole=True))
    assert [a.goal for a in answers if a.goal in wanted] == [site, "refcount-exact", "one-home"]


@pytest.mark.nightly
def test_what_follows_a_chain_of_frames_is_open() -> None:
    """The stack may be of any height: no window shows all of it."""
    fact = "stacks_restore_what_was_before"
    assert seen(resolved(), ("block_on",), [fact])[fact].reason == WALKS


def test_the_beginning_is_a_prefix_and_turns_of_a_loop() -> None:
    program = resolved()
    first, turn, *others = actions_in_window(program.program)
    assert turn not in program.program.functions
    assert set(others) < set(program.program.functions)
    for action in (first, turn):
        wanted = asked_for_any_number(program)
        answers = decide(program, WINDOW, (action,), [question(program, wanted)])
        assert {a.status for a in answers} == {"proved"}


@pytest.mark.slow
def test_another_solver_confirms_what_is_proved_for_any_number(tmp_path: Path) -> None:
    pytest.importorskip("cvc5")
    program = resolved()
    induction = wide(program, "drop_waker")
    facts = hypotheses(program)
    answers = list(induction.answers(facts, ["no-stale-callback", "refcount-exact"]))
    answers += induction.rooms()
    assert {a.status for a in answers} == {"proved"}
    file = tmp_path / "drop_waker.smt2"
    file.write_text(certificate(induction, answers), encoding="utf-8")
    assert all(c.confirmed for c in recheck(file, 60))


@pytest.mark.slow
def test_a_certificate_holds_of_the_states_too_that_are_like_others(tmp_path: Path) -> None:
    pytest.importorskip("cvc5")
    program = resolved()
    window = wide(program, "wake")
    answers = list(window.answers(hypotheses(program), ["one-home", "refcount-exact"]))
    assert "proved" in {answer.status for answer in answers}
    whole = wide(program, "wake", every_state=True)
    known = {name: values(unknown) for name, (unknown, _) in window.model.unknowns.items()}
    assert any(
        len(known[name]) < len(values(unknown))
        for name, (unknown, _) in whole.model.unknowns.items()
        if name in known
    )
    file = tmp_path / "wake.smt2"
    file.write_text(certificate(whole, answers), encoding="utf-8")
    assert all(c.confirmed for c in recheck(file, 120))
