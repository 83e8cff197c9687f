"""Drops of calls that wait in the host until the callee has answered its cancellation."""

from __future__ import annotations

import pytest

from tests.abi.test_threads import NEWER, OLDER, WASMTIME, OnHost
from wakeproof.language.primitives import WentWrong

CALLS_AND_DROPS = ("call_export export", "call_import call STARTED", "drop_call_and_wait call")
SYNC_WAITS = ("call_sync_export", "block_on in-sync", "poll input", "return_pending")
SYNC_DROPS = (
    "call_export export",
    "call_import call STARTED",
    "move_to_storage call",
    "return_pending",
    "call_sync_export",
    "drop_call_and_wait call",
)


@pytest.mark.parametrize("host", [NEWER, WASMTIME])
@pytest.mark.parametrize("answer", ["subtask_progress", "acknowledge_cancel"])
def test_a_drop_goes_on_once_its_callee_has_answered(host: str, answer: str) -> None:
    program = OnHost(host, "drop-waits")
    program.take(*CALLS_AND_DROPS)
    assert program.refuses("end_cancel export")
    assert program.refuses("return_ready")
    program.take(f"{answer} h2", "end_cancel export", "return_ready")
    assert not any(program.machine.s.alive)


@pytest.mark.parametrize("host", [NEWER, WASMTIME])
def test_a_drop_that_goes_on_overwrites_the_frames_of_who_waits_above(host: str) -> None:
    program = OnHost(host, "drop-waits")
    program.take(*CALLS_AND_DROPS, "acknowledge_cancel h2", *SYNC_WAITS)
    assert program.holds("no-frame-overwritten")
    program.take("end_cancel export")
    assert not program.holds("no-frame-overwritten")


@pytest.mark.parametrize("host", [NEWER, WASMTIME])
def test_while_a_drop_waits_its_task_has_the_lock(host: str) -> None:
    program = OnHost(host, "drop-waits")
    program.take(*CALLS_AND_DROPS)
    assert program.machine.namespace["lock_is_held"]()
    assert not program.refuses("call_sync_export")


@pytest.mark.parametrize("host", [NEWER, WASMTIME])
def test_a_drop_that_waits_in_an_export_of_synchronous_type_traps(host: str) -> None:
    program = OnHost(host, "drop-in-sync-export")
    program.take(*SYNC_DROPS)
    with pytest.raises(WentWrong, match="sync-blocked-alone"):
        program.take("trap_blocked_cancel 0")


def test_a_call_that_waits_in_a_drop_has_not_given_control_back_in_wasmtime() -> None:
    program = OnHost(WASMTIME, "drop-waits")
    program.take(*CALLS_AND_DROPS)
    assert program.machine.s.start_waits
    program.take("acknowledge_cancel h2", "end_cancel export")
    assert program.machine.s.starting
    program.take("return_ready")
    assert not program.machine.s.starting


def test_a_call_that_has_yielded_before_its_drop_waits_has_given_control_back() -> None:
    program = OnHost(WASMTIME, "drop-waits")
    program.take("call_export export", "wake_self", "return_pending", "resume_yielded export")
    program.take(*CALLS_AND_DROPS[1:])
    assert not program.machine.s.start_waits


def test_before_pull_request_705_every_callee_answers_at_once() -> None:
    program = OnHost(OLDER, "drop-waits")
    program.take("call_export export", "call_import call STARTED", "drop_operation call false")
    assert "drop_call_and_wait" not in program.machine.namespace
