"""The host layer behaves as the specification's definitions do, builtin by builtin.

Each test is a statement about `definitions.py` of the Component Model. It calls the model's host
directly, outside any task.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support import instance
from wakeproof.language.model import BUNDLED, Model
from wakeproof.language.primitives import WentWrong


class Host:
    """The builtins of one component instance, as attributes."""

    def __init__(self, scenario: str, model: Model = BUNDLED) -> None:
        built = instance(scenario, model=model)
        self.machine = built.machine()
        self.machine.load(self.machine.initial())
        self.enums = SimpleNamespace(
            **{
                name: SimpleNamespace(**{m: i for i, m in enumerate(members)})
                for name, members in built.resolved.program.enums.items()
            }
        )
        self.s: Any = self.machine.s

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self.machine.namespace[name]  # type: ignore[no-any-return]

    def code(self, name: str) -> int:
        """Return a return code by name."""
        value: int = getattr(self.enums.Code, name)
        return value


@pytest.fixture
def host() -> Host:
    """An instance that has both ends of a stream: the reader is 0, the writer 1."""
    return Host("issue-1618-free")


@pytest.fixture
def promise() -> Host:
    """An instance that has both ends of a future: the reader is 0, the writer 1."""
    return Host("future-read")


READER, WRITER = 0, 1


def assert_traps(site: str, function: Callable[..., Any], *arguments: Any) -> None:
    """Assert that the call traps at the site."""
    with pytest.raises(WentWrong) as wrong:
        function(*arguments)
    assert (wrong.value.kind, wrong.value.site) == ("trap", f"host::{site}")


def test_a_freed_index_is_the_next_to_be_reused(host: Host) -> None:
    first, second = host.canon_waitable_set_new(), host.canon_waitable_set_new()
    host.canon_waitable_set_drop(first)
    assert host.canon_waitable_set_new() == first
    host.canon_waitable_set_drop(second)
    host.canon_waitable_set_drop(first)
    assert [host.canon_waitable_set_new(), host.canon_waitable_set_new()] == [first, second]


def test_a_write_without_a_reader_blocks_and_its_event_comes_with_the_read(host: Host) -> None:
    assert host.canon_stream_write(WRITER, 1) == host.code("BLOCKED")
    assert host.canon_stream_read(READER, 1) == host.code("COMPLETED_1")
    assert host.s.pending[WRITER] == host.enums.Pending.COMPLETED
    assert host.get_pending_event(WRITER) == host.code("COMPLETED_1")
    assert host.s.copy_state[WRITER] == host.enums.CopyState.IDLE


def test_a_second_write_before_the_first_is_done_traps(host: Host) -> None:
    host.canon_stream_write(WRITER, 1)
    assert_traps("stream_copy::not-idle", host.canon_stream_write, WRITER, 1)


def test_dropping_the_reader_notifies_a_waiting_writer_and_ends_the_stream(host: Host) -> None:
    host.canon_stream_write(WRITER, 1)
    host.canon_stream_drop_readable(READER)
    assert host.get_pending_event(WRITER) == host.code("DROPPED_0")
    assert_traps("stream_copy::not-idle", host.canon_stream_write, WRITER, 1)


def test_a_drop_after_the_transfer_of_an_item_still_counts_it(host: Host) -> None:
    host.canon_stream_write(WRITER, 1)
    host.canon_stream_read(READER, 1)
    host.canon_stream_drop_readable(READER)
    assert host.get_pending_event(WRITER) == host.code("DROPPED_1")


def test_a_write_to_a_dropped_stream_is_answered_at_once(host: Host) -> None:
    host.canon_stream_drop_readable(READER)
    assert host.canon_stream_write(WRITER, 1) == host.code("DROPPED_0")


def test_an_idle_end_is_notified_at_once_that_the_other_is_dropped(host: Host) -> None:
    host.canon_stream_drop_readable(READER)
    assert host.get_pending_event(WRITER) == host.code("DROPPED_0")
    assert_traps("stream_copy::not-idle", host.canon_stream_write, WRITER, 1)


def test_an_end_cannot_be_dropped_while_it_copies(host: Host) -> None:
    host.canon_stream_write(WRITER, 1)
    assert_traps("CopyEnd.drop::copying", host.canon_stream_drop_writable, WRITER)


def test_a_cancel_takes_a_waiting_copy_back(host: Host) -> None:
    host.canon_stream_write(WRITER, 1)
    assert host.canon_stream_cancel_write(WRITER) == host.code("CANCELLED_0")
    assert host.canon_stream_write(WRITER, 1) == host.code("BLOCKED")


def test_a_cancel_after_the_transfer_returns_the_number_of_items(host: Host) -> None:
    host.canon_stream_write(WRITER, 1)
    host.canon_stream_read(READER, 1)
    assert host.canon_stream_cancel_write(WRITER) == host.code("CANCELLED_1")


def test_a_cancel_without_a_copy_traps(host: Host) -> None:
    assert_traps("cancel_copy::not-copying", host.canon_stream_cancel_write, WRITER)


def test_a_synchronous_cancel_traps_while_the_end_is_in_a_set(host: Host) -> None:
    wset = host.canon_waitable_set_new()
    host.canon_waitable_join(WRITER, wset)
    host.canon_stream_write(WRITER, 1)
    assert_traps("cancel_copy::sync-in-set", host.canon_stream_cancel_write, WRITER)
    host.canon_waitable_join(WRITER, None)
    assert host.canon_stream_cancel_write(WRITER) == host.code("CANCELLED_0")


def test_a_waitable_is_in_one_set_at_most(host: Host) -> None:
    first, second = host.canon_waitable_set_new(), host.canon_waitable_set_new()
    host.canon_waitable_join(WRITER, first)
    host.canon_waitable_join(WRITER, second)
    host.canon_waitable_set_drop(first)
    assert_traps("WaitableSet.drop::not-empty", host.canon_waitable_set_drop, second)


def test_dropping_an_end_takes_it_out_of_its_set(host: Host) -> None:
    wset = host.canon_waitable_set_new()
    host.canon_waitable_join(WRITER, wset)
    host.canon_stream_drop_writable(WRITER)
    host.canon_waitable_set_drop(wset)


def test_a_copy_of_a_part_leaves_the_rest_pending_until_its_event_is_delivered(host: Host) -> None:
    assert host.canon_stream_write(WRITER, 3) == host.code("BLOCKED")
    assert host.canon_stream_read(READER, 1) == host.code("COMPLETED_1")
    assert host.canon_stream_read(READER, 1) == host.code("COMPLETED_1")
    assert host.get_pending_event(WRITER) == host.code("COMPLETED_2")
    assert host.canon_stream_read(READER, 1) == host.code("BLOCKED"), "the rest was taken back"


def test_a_copy_takes_no_more_than_there_is(host: Host) -> None:
    host.canon_stream_read(READER, 3)
    assert host.canon_stream_write(WRITER, 2) == host.code("COMPLETED_2")
    assert host.canon_stream_write(WRITER, 2) == host.code("COMPLETED_1")
    assert host.canon_stream_write(WRITER, 2) == host.code("BLOCKED"), "the reader's room is used"
    assert host.get_pending_event(READER) == host.code("COMPLETED_3")


@pytest.mark.parametrize(("end", "code"), [("cancel_write", "CANCELLED_2"), ("drop", "DROPPED_2")])
def test_a_copy_that_ends_half_way_reports_what_was_copied(host: Host, end: str, code: str) -> None:
    host.canon_stream_write(WRITER, 3)
    host.canon_stream_read(READER, 2)
    if end == "drop":
        host.canon_stream_drop_readable(READER)
        assert host.get_pending_event(WRITER) == host.code(code)
    else:
        assert host.canon_stream_cancel_write(WRITER) == host.code(code)


def test_a_read_of_no_items_waits_for_a_write_and_leaves_it_pending(host: Host) -> None:
    assert host.canon_stream_read(READER, 0) == host.code("BLOCKED")
    assert host.canon_stream_write(WRITER, 2) == host.code("BLOCKED")
    assert host.get_pending_event(READER) == host.code("COMPLETED_0")
    assert host.canon_stream_read(READER, 0) == host.code("COMPLETED_0")
    assert host.canon_stream_read(READER, 2) == host.code("COMPLETED_2")


def test_a_write_of_no_items_goes_before_a_read_of_none(host: Host) -> None:
    host.canon_stream_read(READER, 0)
    assert host.canon_stream_write(WRITER, 0) == host.code("COMPLETED_0")
    assert host.s.pending[READER] == host.enums.Pending.NOTHING, "the read waits on"


def test_a_read_of_no_items_ends_a_write_of_none_and_waits_itself(host: Host) -> None:
    host.canon_stream_write(WRITER, 0)
    assert host.canon_stream_read(READER, 0) == host.code("BLOCKED")
    assert host.get_pending_event(WRITER) == host.code("COMPLETED_0")


def test_an_index_that_is_free_or_of_another_kind_traps(host: Host) -> None:
    wset = host.canon_waitable_set_new()
    assert_traps("stream_copy::wrong-end", host.canon_stream_write, READER, 1)
    assert_traps("drop::wrong-end", host.canon_stream_drop_readable, WRITER)
    assert_traps("canon_waitable_join::not-a-waitable", host.canon_waitable_join, wset, wset)
    assert_traps("canon_waitable_join::not-a-set", host.canon_waitable_join, WRITER, READER)
    host.canon_waitable_set_drop(wset)
    assert_traps("Table.get::empty-slot", host.canon_waitable_set_drop, wset)


def test_a_future_is_written_once_and_its_writer_dropped_only_then(promise: Host) -> None:
    assert_traps("WritableFutureEnd.drop::not-written", promise.canon_future_drop_writable, WRITER)
    promise.machine.load(promise.machine.initial())
    assert promise.canon_future_write(WRITER) == promise.code("BLOCKED")
    assert promise.canon_future_read(READER) == promise.code("COMPLETED_0")
    assert promise.get_pending_event(WRITER) == promise.code("COMPLETED_0")
    assert_traps("future_copy::not-idle", promise.canon_future_write, WRITER)
    promise.canon_future_drop_writable(WRITER)
    promise.canon_future_drop_readable(READER)


def test_dropping_the_reader_of_a_future_notifies_the_writer(promise: Host) -> None:
    promise.canon_future_write(WRITER)
    promise.canon_future_drop_readable(READER)
    assert promise.get_pending_event(WRITER) == promise.code("DROPPED_0")
    promise.canon_future_drop_writable(WRITER)


def test_a_cancelled_write_of_a_future_may_be_made_again(promise: Host) -> None:
    promise.canon_future_write(WRITER)
    assert promise.canon_future_cancel_write(WRITER) == promise.code("CANCELLED_0")
    assert promise.canon_future_write(WRITER) == promise.code("BLOCKED")


@pytest.fixture
def calls() -> Host:
    """An instance that calls async imports."""
    return Host("subtask")


def test_a_call_that_returns_at_once_makes_no_subtask(calls: Host) -> None:
    assert calls.canon_lower(calls.enums.SubtaskState.RETURNED) is None


def test_a_subtask_is_dropped_only_once_its_resolution_was_delivered(calls: Host) -> None:
    subtask = calls.canon_lower(calls.enums.SubtaskState.STARTED)
    assert_traps("Subtask.drop::resolution-not-delivered", calls.canon_subtask_drop, subtask)
    calls.subtask_progress(subtask)
    assert calls.get_pending_event(subtask) == calls.code("RETURNED")
    calls.canon_subtask_drop(subtask)


@pytest.mark.parametrize(
    ("state", "callee_returns", "code"),
    [
        ("STARTING", False, "CANCELLED_BEFORE_STARTED"),
        ("STARTED", False, "CANCELLED_BEFORE_RETURNED"),
        ("STARTED", True, "RETURNED"),
    ],
)
def test_a_cancelled_call_ends_as_its_callee_decides(
    calls: Host, state: str, callee_returns: bool, code: str
) -> None:
    subtask = calls.canon_lower(getattr(calls.enums.SubtaskState, state))
    assert calls.canon_subtask_cancel(subtask, callee_returns) == calls.code(code)
    calls.canon_subtask_drop(subtask)


def test_a_subtask_is_not_cancelled_in_a_set_nor_twice(calls: Host) -> None:
    subtask = calls.canon_lower(calls.enums.SubtaskState.STARTED)
    wset = calls.canon_waitable_set_new()
    calls.canon_waitable_join(subtask, wset)
    assert_traps("canon_subtask_cancel::sync-in-set", calls.canon_subtask_cancel, subtask, False)
    calls.canon_waitable_join(subtask, None)
    calls.canon_subtask_cancel(subtask, False)
    assert_traps(
        "canon_subtask_cancel::resolution-delivered", calls.canon_subtask_cancel, subtask, False
    )
