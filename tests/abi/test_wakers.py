"""Wakers of the program: their code runs inside the delivery of an event."""

from __future__ import annotations

import pytest

from tests.abi.program import Program
from wakeproof.language.primitives import GuardFailed, WentWrong

VERSIONS = ("v1", "v2", "v3")
# the export has given its result, and its call, in shared storage, is done
DONE = (
    "call_export export",
    "call_import_with_program_waker call STARTED",
    "move_to_storage call",
    "return_ready",
    "subtask_progress h1",
)


def program(version: str, scenario: str = "waker-spawns") -> Program:
    """Return a program with one version in every role."""
    return Program(scenario, "/".join([version] * 3))


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_waker_spawns_after_the_export_is_done_panics(version: str) -> None:
    it = program(version)
    it.take(*DONE, "deliver_event export h1", "spawn_local runnable")
    with pytest.raises(WentWrong, match="nothing-spawned-when-empty"):
        it.take("finish_wake")


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_waker_spawns_before_that_is_polled_in_the_same_turn(version: str) -> None:
    it = program(version)
    it.take(
        "call_export export",
        "call_import_with_program_waker call STARTED",
        "keep_waker",
        "return_pending",
        "waitable_set_poll export null",
        "resume_yielded export",
        "subtask_progress h1",
        "deliver_event export h1",
        "spawn_local runnable",
        "finish_wake",
    )
    assert it.value("polling", "export") == "runnable"


def test_the_code_of_a_waker_is_no_poll() -> None:
    it = program("v3")
    it.take(*DONE, "deliver_event export h1")
    assert it.value("phase", "export") == "WAKING"
    assert it.value("polling", "export") is None
    for step in ("return_pending", "return_ready", "keep_waker"):
        with pytest.raises(GuardFailed):
            it.take(step)


def test_a_waker_polls_what_it_is_woken_for() -> None:
    it = program("v3")
    it.take(*DONE, "deliver_event export h1", "poll_with_program_waker call", "finish_wake")
    assert it.value("state", "call") == "FREE"
    assert it.value("phase", "export") == "ENDED"


def test_a_waker_borrows_nothing() -> None:
    it = program("v3", "waker-polls")
    it.take(
        "call_export export",
        "poll_with_program_waker read",
        "keep_waker",
        "return_pending",
        "peer_copy input",
        "deliver_event export h1",
    )
    for step in ("poll_with_program_waker read", "drop_operation read false"):
        with pytest.raises(GuardFailed):
            it.take(step)
    # nor does what it blocks on, though the future below owns the operation
    it.take("block_on in-waker")
    with pytest.raises(GuardFailed):
        it.take("poll_with_program_waker read")


def test_a_waker_of_a_waker_runs_above_it() -> None:
    it = program("v3", "waker-polls")
    it.take(
        "call_export export",
        "poll_with_program_waker read",
        "keep_waker",
        "return_pending",
        "peer_copy input",
        "deliver_event export h1",
        "block_on in-waker",
        "poll_with_program_waker other-read",
        "keep_waker",
        "return_pending",
        "peer_copy other-input",
        "waitable_set_wait in-waker h2",
    )
    assert [it.value("phase", name) for name in ("export", "in-waker")] == ["WAKING", "WAKING"]
    it.take("wake in-waker-body", "finish_wake")
    assert [it.value("phase", name) for name in ("export", "in-waker")] == ["WAKING", "POLLING"]
