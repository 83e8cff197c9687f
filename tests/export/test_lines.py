"""The lines of a generated program, and the steps of the trace that each stands for."""

from __future__ import annotations

import pytest

from tests.export.saved import saved
from wakeproof.export.rust.body import Body
from wakeproof.export.rust.from_trace import program_of
from wakeproof.export.rust.program import Program
from wakeproof.scenario.script import steps_of

NAMES = ["cancelled-sleeper-is-woken", "spawned-under-block-on", "wakeup-through-dead-task"]


def program(name: str) -> Program:
    found = saved(name)
    steps = steps_of(found.trace, found.instance.resolved.program, found.instance.names)
    return program_of(found.instance, steps, found.result["property"])


def lines_of(name: str, step: int) -> list[str]:
    """The lines that stand for a step."""
    lines = (line for export in program(name).exports for line in export.listing())
    return [line.text.strip() for line in lines if step in line.steps]


@pytest.mark.parametrize("name", NAMES)
def test_each_step_of_the_program_stands_at_a_line(name: str) -> None:
    listed = {
        step for export in program(name).exports for line in export.listing() for step in line.steps
    }
    # the end of a destructor has no line
    by_program = {
        number
        for number, row in enumerate(saved(name).trace, 1)
        if row["actor"] == "program" and row["action"] != "finish_drop"
    }
    assert by_program <= listed


def test_a_line_stands_for_the_step_that_wrote_it() -> None:
    name = "wakeup-through-dead-task"
    assert lines_of(name, 1) == ["async fn waiting() {"]
    assert lines_of(name, 4) == ["WAITING_WAKER.set(Some(current_waker().await));"]
    assert "let waker = WAITING_WAKER.with_borrow(|waker| waker.clone().unwrap());" in lines_of(
        name, 10
    ), "a destructor's lines, too"
    assert lines_of(name, 12) == [], "what a peer does is not in the program"


def test_an_event_stands_where_the_code_waits_for_it() -> None:
    name = "frame-overwritten-while-it-waits"
    assert lines_of(name, 10) == lines_of(name, 4) == ["(&mut left).await;"]


def test_what_happens_outside_has_the_number_of_its_step() -> None:
    outside = program("wakeup-through-dead-task").outside
    assert [(step.kind, step.step) for step in outside] == [
        ("call", 1),
        ("call", 6),
        ("cancel", 9),
        ("copy", 12),
    ]


def test_an_await_stands_for_the_steps_of_the_polls_that_it_replaces() -> None:
    body = Body()
    body.add(
        "assert!(poll_once(&mut read).await.is_pending());",
        "suspend().await;",
        "assert!(poll_once(&mut read).await.is_ready());",
    )
    for number, line in enumerate(body.all(), 1):
        line.steps.append(number)
    body.merge_into_awaits()
    assert [(line.text, line.steps) for line in body.indented()] == [
        ("(&mut read).await;", [1, 2, 3])
    ]
