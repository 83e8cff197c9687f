"""`start_task` by hand, in an export of synchronous type."""

from __future__ import annotations

import pytest

from tests.abi.program import Program
from wakeproof.language.model import BUNDLED
from wakeproof.language.primitives import GuardFailed, WentWrong

STARTED = ("call_sync_export", "start_task_by_hand by-hand", "poll read", "return_pending")


def program(version: str = "v3", host: str = "wasmtime_50") -> Program:
    """Return a program with one version in every role, on a host."""
    return Program("start-by-hand", "/".join([version] * 3), BUNDLED.with_host(host))


@pytest.mark.parametrize("host", BUNDLED.hosts)
@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_what_waits_is_lost_and_a_second_start_panics(version: str, host: str) -> None:
    it = program(version, host)
    it.take(*STARTED)
    assert it.value("phase", "by-hand") == "LOST"
    assert not it.machine.invariants["no-stuck-task"]()
    with pytest.raises(WentWrong, match="context-empty"):
        it.take("start_task_by_hand by-hand-too")


@pytest.mark.parametrize("host", BUNDLED.hosts)
def test_another_call_has_a_context_of_its_own(host: str) -> None:
    it = program(host=host)
    it.take(*STARTED, "return_sync_export", "call_sync_export", "start_task_by_hand by-hand-too")
    assert it.value("phase", "by-hand-too") == "POLLING"


def test_its_event_is_delivered_to_nobody() -> None:
    it = program()
    it.take(*STARTED, "return_sync_export", "peer_copy input")
    with pytest.raises(GuardFailed):
        it.take("deliver_event by-hand h1")


def test_what_is_done_in_its_first_poll_has_ended() -> None:
    it = program()
    it.take("call_sync_export", "start_task_by_hand by-hand", "return_ready")
    assert it.value("phase", "by-hand") == "ENDED"
    it.take("start_task_by_hand by-hand-too", "return_ready", "return_sync_export")
    assert it.machine.invariants["task-pointer-restored"]()
