"""The builtins that wait behave as the specification's definitions, and as Wasmtime 50 does."""

from __future__ import annotations

import pytest

from tests.abi.test_host import READER, WRITER, Host, assert_traps
from tests.support import instance
from wakeproof.language.model import BUNDLED
from wakeproof.scenario.script import parse_step

NEWER, WASMTIME = "spec_26e6ea9d", "wasmtime_50"


class OnHost(Host):
    """An instance on a host of a given name."""

    def __init__(self, scenario: str, name: str) -> None:
        super().__init__(scenario, BUNDLED.with_host(name))


@pytest.fixture(params=[NEWER, WASMTIME])
def host(request: pytest.FixtureRequest) -> Host:
    """An instance that has both ends of a stream, on each host that has the builtins."""
    return OnHost("issue-1618-free", request.param)


@pytest.fixture(params=[NEWER, WASMTIME])
def calls(request: pytest.FixtureRequest) -> Host:
    """An instance that calls async imports, on each host that has the builtins."""
    return OnHost("subtask", request.param)


def started(calls: Host) -> int:
    """Call an import whose callee waits."""
    subtask = calls.canon_lower(calls.enums.SubtaskState.STARTED)
    assert isinstance(subtask, int)
    return subtask


def test_a_synchronous_read_waits_until_something_is_written(host: Host) -> None:
    assert host.canon_stream_read_sync(READER, 2) == host.code("BLOCKED")
    assert not host.sync_wait_is_over(READER)
    assert host.canon_stream_write(WRITER, 1) == host.code("COMPLETED_1")
    assert host.sync_wait_is_over(READER)
    assert host.end_sync_wait(READER) == host.code("COMPLETED_1")
    assert not host.sync_wait_is_over(READER)


def test_a_synchronous_read_of_what_is_there_does_not_wait(host: Host) -> None:
    host.canon_stream_write(WRITER, 1)
    assert host.canon_stream_read_sync(READER, 1) == host.code("COMPLETED_1")


def test_an_end_that_is_waited_for_joins_no_set_and_is_not_cancelled(host: Host) -> None:
    wset = host.canon_waitable_set_new()
    host.canon_stream_read_sync(READER, 1)
    assert_traps("canon_waitable_join::sync-waiter", host.canon_waitable_join, READER, wset)
    assert_traps("cancel_copy::not-copying", host.canon_stream_cancel_read, READER)
    assert_traps("CopyEnd.drop::copying", host.canon_stream_drop_readable, READER)


def test_an_end_that_is_waited_for_leaves_no_set_but_on_wasmtime_the_wait_is_lost() -> None:
    newer, wasmtime = OnHost("issue-1618-free", NEWER), OnHost("issue-1618-free", WASMTIME)
    for host in (newer, wasmtime):
        host.canon_stream_read_sync(READER, 1)
    assert_traps("canon_waitable_join::sync-waiter", newer.canon_waitable_join, READER, None)
    wasmtime.canon_waitable_join(READER, None)
    wasmtime.canon_stream_write(WRITER, 1)
    assert not wasmtime.sync_wait_is_over(READER)


@pytest.mark.parametrize("there", [True, False])
def test_a_synchronous_read_traps_in_a_set_on_wasmtime_only_if_it_waits(there: bool) -> None:
    newer, wasmtime = OnHost("issue-1618-free", NEWER), OnHost("issue-1618-free", WASMTIME)
    for host in (newer, wasmtime):
        host.canon_waitable_join(READER, host.canon_waitable_set_new())
        if there:
            host.canon_stream_write(WRITER, 1)
    assert_traps("stream_copy::sync-in-set", newer.canon_stream_read_sync, READER, 1)
    if there:
        assert wasmtime.canon_stream_read_sync(READER, 1) == wasmtime.code("COMPLETED_1")
    else:
        assert_traps("stream_copy::sync-in-set", wasmtime.canon_stream_read_sync, READER, 1)


def test_a_set_on_which_a_thread_waits_is_not_dropped(host: Host) -> None:
    wset = host.canon_waitable_set_new()
    host.canon_waitable_set_wait_any(wset)
    assert_traps("WaitableSet.drop::has-waiters", host.canon_waitable_set_drop, wset)


def test_a_wait_on_any_set_ends_with_an_event_of_it(host: Host) -> None:
    wset = host.canon_waitable_set_new()
    host.canon_waitable_join(READER, wset)
    host.canon_waitable_set_wait_any(wset)
    host.canon_stream_read(READER, 1)
    host.canon_stream_write(WRITER, 1)
    assert host.end_set_wait(wset, READER) == host.code("COMPLETED_1")
    host.canon_waitable_join(READER, None)
    host.canon_waitable_set_drop(wset)


def test_a_wait_on_what_is_not_a_set_traps(host: Host) -> None:
    assert_traps("canon_waitable_set_wait::not-a-set", host.canon_waitable_set_wait_any, READER)


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ("subtask_progress", "RETURNED"),
        ("acknowledge_cancel", "CANCELLED_BEFORE_RETURNED"),
    ],
)
def test_a_callee_that_does_not_answer_its_cancel_resolves_later(
    calls: Host, ends: str, code: str
) -> None:
    subtask = started(calls)
    assert calls.canon_subtask_cancel_async(subtask, False, False) == calls.code("BLOCKED")
    getattr(calls, ends)(subtask)
    assert calls.get_pending_event(subtask) == calls.code(code)
    calls.canon_subtask_drop(subtask)


@pytest.mark.parametrize(
    ("returns", "code"), [(True, "RETURNED"), (False, "CANCELLED_BEFORE_RETURNED")]
)
def test_a_callee_may_answer_an_asynchronous_cancel_at_once(
    calls: Host, returns: bool, code: str
) -> None:
    subtask = started(calls)
    assert calls.canon_subtask_cancel_async(subtask, True, returns) == calls.code(code)
    calls.canon_subtask_drop(subtask)


def test_a_synchronous_cancel_waits_until_the_callee_has_resolved(calls: Host) -> None:
    subtask = calls.canon_lower(calls.enums.SubtaskState.STARTING)
    calls.subtask_progress(subtask)
    assert calls.canon_subtask_cancel_sync(subtask) == calls.code("BLOCKED")
    assert not calls.sync_wait_is_over(subtask), "an event that it has started is no answer"
    calls.acknowledge_cancel(subtask)
    assert calls.sync_wait_is_over(subtask)
    assert calls.end_sync_wait(subtask) == calls.code("CANCELLED_BEFORE_RETURNED")


def test_a_call_that_waits_to_start_is_cancelled_at_once(calls: Host) -> None:
    subtask = calls.canon_lower(calls.enums.SubtaskState.STARTING)
    assert calls.canon_subtask_cancel_sync(subtask) == calls.code("CANCELLED_BEFORE_STARTED")


def test_a_call_in_a_set_is_cancelled_in_no_form(calls: Host) -> None:
    subtask = started(calls)
    calls.canon_waitable_join(subtask, calls.canon_waitable_set_new())
    site = "canon_subtask_cancel::sync-in-set"
    assert_traps(site, calls.canon_subtask_cancel_async, subtask, True, False)
    assert_traps(site, calls.canon_subtask_cancel_sync, subtask)


def test_a_second_cancel_traps_but_on_wasmtime_the_callee_may_answer_it() -> None:
    newer, wasmtime = OnHost("subtask", NEWER), OnHost("subtask", WASMTIME)
    for calls in (newer, wasmtime):
        calls.canon_subtask_cancel_async(started(calls), False, False)
    site = "canon_subtask_cancel::cancelled-twice"
    assert_traps(site, newer.canon_subtask_cancel_async, 0, True, True)
    assert wasmtime.canon_subtask_cancel_async(0, True, True) == wasmtime.code("RETURNED")


# --- what definitions.py says at 26e6ea9d, and no later text --------------------------------------


def test_before_pull_request_719_a_late_cancel_completes() -> None:
    newer, wasmtime = OnHost("issue-1618-free", NEWER), OnHost("issue-1618-free", WASMTIME)
    for host in (newer, wasmtime):
        host.canon_stream_write(WRITER, 1)
        host.canon_stream_read(READER, 1)
    assert newer.canon_stream_cancel_write(WRITER) == newer.code("COMPLETED_1")
    assert wasmtime.canon_stream_cancel_write(WRITER) == wasmtime.code("CANCELLED_1")


def test_before_pull_request_720_an_idle_end_hears_of_a_drop_when_it_copies() -> None:
    newer, wasmtime = OnHost("issue-1618-free", NEWER), OnHost("issue-1618-free", WASMTIME)
    for host in (newer, wasmtime):
        host.canon_stream_drop_readable(READER)
    assert newer.s.pending[WRITER] == newer.enums.Pending.NOTHING
    assert wasmtime.s.pending[WRITER] == wasmtime.enums.Pending.DROPPED
    assert newer.canon_stream_write(WRITER, 1) == newer.code("DROPPED_0")


def test_a_copy_that_is_over_ends_dropped_if_the_other_end_is_gone_at_its_delivery() -> None:
    newer = OnHost("issue-1618-free", NEWER)
    newer.canon_stream_write(WRITER, 1)
    newer.canon_stream_read(READER, 1)
    newer.canon_stream_drop_readable(READER)
    assert newer.get_pending_event(WRITER) == newer.code("DROPPED_1")


def test_a_cancel_is_one_call_in_a_trace() -> None:
    built = instance("subtask", "v3/v3/v3")
    lines = ("call_export left", "call_import call STARTED", "drop_operation call false")
    steps = [parse_step(built.scenario, built.resolved.program, line, "") for line in lines]
    rows, _ = built.tracer().trace(steps)
    cancels = [call["name"] for call in rows[-1]["calls"] if "cancel" in call["name"]]
    assert cancels == ["subtask.cancel"]
