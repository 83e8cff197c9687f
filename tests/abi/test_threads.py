"""Threads of an instance that wait, by the rules of each host.

`spec_6d28164` is the specification before pull request 705, `spec_26e6ea9d` the one after it.
"""

from __future__ import annotations

import pytest

from tests.abi.program import Program
from wakeproof.language.model import BUNDLED
from wakeproof.language.primitives import GuardFailed, WentWrong

OLDER, NEWER, WASMTIME = "spec_6d28164", "spec_26e6ea9d", "wasmtime_50"

# an async export waits in a block_on
EXPORT_WAITS = ("call_export export", "block_on in-export", "poll left", "return_pending")
# an export of synchronous type waits in a block_on
SYNC_WAITS = ("call_sync_export", "block_on in-sync", "poll right", "return_pending")


class OnHost(Program):
    """A program on a host, with 0.63.0 in every role."""

    def __init__(self, host: str, scenario: str = "waits-in-either-order") -> None:
        super().__init__(scenario, "v3/v3/v3", BUNDLED.with_host(host))

    def refuses(self, line: str) -> bool:
        """Return whether the step is not possible now."""
        saved = self.machine.save()
        try:
            self.take(line)
        except GuardFailed:
            return True
        finally:
            self.machine.load(saved)
        return False

    def holds(self, prop: str) -> bool:
        """Return whether an invariant holds now."""
        return bool(self.machine.invariants[prop]())


@pytest.mark.parametrize("host", [NEWER, WASMTIME])
def test_the_thread_below_goes_on_first_and_overwrites_the_one_above(host: str) -> None:
    program = OnHost(host)
    program.take(*EXPORT_WAITS, "peer_copy first", *SYNC_WAITS)
    assert program.holds("no-frame-overwritten")
    program.take("waitable_set_wait in-export h1")
    assert not program.holds("no-frame-overwritten")


def test_before_pull_request_705_the_thread_below_stayed_below() -> None:
    program = OnHost(OLDER)
    program.take(*EXPORT_WAITS, "peer_copy first", *SYNC_WAITS)
    assert program.refuses("waitable_set_wait in-export h1")
    with pytest.raises(WentWrong, match="sync-blocked-alone"):
        program.take("trap_blocked_sync_export in-sync")


def test_the_thread_above_goes_on_first_and_overwrites_nothing() -> None:
    program = OnHost(WASMTIME)
    program.take(*EXPORT_WAITS, "peer_copy second", "call_sync_export", "block_on in-sync")
    program.take("poll right", "return_ready")
    assert program.holds("no-frame-overwritten")
    program.take("return_sync_export", "peer_copy first", "waitable_set_wait in-export h1")
    assert program.holds("no-frame-overwritten")


@pytest.mark.parametrize("host", [NEWER, WASMTIME])
def test_an_export_of_synchronous_type_that_waits_alone_traps(host: str) -> None:
    program = OnHost(host)
    program.take(*SYNC_WAITS)
    with pytest.raises(WentWrong, match="sync-blocked-alone"):
        program.take("trap_blocked_sync_export in-sync")


def test_an_export_that_waits_again_during_a_synchronous_wait_is_held_to_the_rule_again() -> None:
    steps = (*EXPORT_WAITS, "peer_copy first", *SYNC_WAITS)
    going_on = ("waitable_set_wait in-export h1", "poll left", "poll left", "return_pending")
    wasmtime, specification = OnHost(WASMTIME), OnHost(NEWER)
    for program in (wasmtime, specification):
        program.take(*steps)
        assert program.refuses("peer_copy second"), "a thread of the instance has to go on first"
        program.take(*going_on)
    # the export waits again: the specification still lets only threads of the instance go on
    assert specification.refuses("peer_copy second")
    assert wasmtime.refuses("peer_copy second"), "it waited in its own call, under the same rule"


def test_a_callback_that_returns_wait_frees_the_others_in_wasmtime() -> None:
    steps = ("call_export export", "poll left", "return_pending", "peer_copy first", *SYNC_WAITS)
    turn = ("deliver_event export h1", "poll left", "poll left", "return_pending")
    wasmtime, specification = OnHost(WASMTIME), OnHost(NEWER)
    for program in (wasmtime, specification):
        program.take(*steps)
        program.take(*turn)
    assert specification.refuses("peer_copy second")
    wasmtime.take("peer_copy second", "waitable_set_wait in-sync h2")


def test_the_flag_of_wasmtime_stays_on_when_overlapping_calls_end_in_order() -> None:
    program = OnHost(WASMTIME, "sync-exports-overlap")
    turn = ("resume_yielded export", "wake_self", "return_pending")
    program.take("call_export export", "wake_self", "return_pending")
    program.take("call_sync_export", "block_on in-first", "poll left", "return_pending", *turn)
    program.take("call_sync_export", "block_on in-second", "poll right", "return_pending", *turn)
    for channel, task, handle, operation in (
        ("first", "in-first", "h1", "left"),
        ("second", "in-second", "h2", "right"),
    ):
        program.take(f"peer_copy {channel}", f"waitable_set_wait {task} {handle}")
        program.take(f"poll {operation}", "return_ready", "return_sync_export")
    assert program.value("do_not_suspend"), "no call of synchronous type is in progress"
    program.take("resume_yielded export", "block_on in-export", "poll left", "return_pending")
    with pytest.raises(WentWrong, match="sync-call-in-progress"):
        program.take("trap_without_sync_export in-export")


def test_a_cancellation_ends_the_wait_for_a_callback_at_once_in_wasmtime() -> None:
    steps = (
        "call_export cancelled",
        "poll read",
        "return_pending",
    )
    program = OnHost(WASMTIME, "cancel-operations-elsewhere")
    program.take(*steps, "request_cancellation cancelled")
    assert program.value("phase", "cancelled") == "DROPPING"


def test_a_cancellation_that_finds_an_event_waits_for_the_callback_in_wasmtime() -> None:
    program = OnHost(WASMTIME, "cancel-operations-elsewhere")
    program.take("call_export cancelled", "poll read", "return_pending", "peer_copy input")
    program.take("request_cancellation cancelled")
    assert program.refuses("deliver_event cancelled h1"), "the cancellation comes first"
    program.take("deliver_pending_cancel cancelled")


def test_nothing_lies_on_the_stack_once_all_have_ended_in_order() -> None:
    program = OnHost(WASMTIME)
    program.take(*EXPORT_WAITS, "peer_copy first", "waitable_set_wait in-export h1")
    program.take("poll left", "return_ready", "return_ready")
    assert program.value("stack_pointer") == 0
    assert program.holds("stack-pointer-restored")
