"""Differences that are Wasmtime's own fault: the components of `reports/host`, on Wasmtime."""

from __future__ import annotations

from typing import Any

import pytest

from wakeproof.bundled import ROOT
from wakeproof.conform.component.known_bugs import CANNOT_BLOCK, DEADLOCK
from wakeproof.crates.wasmtime import async_engine, call_async, load_wasmtime, reason_of
from wakeproof.errors import InputError

HOST = ROOT / "reports" / "host"
# enough for every event loop here
TURNS = 1000

try:
    PACKAGE: Any = load_wasmtime()
except InputError as error:
    pytest.skip(f"no components are run: {error.what}", allow_module_level=True)


def run(name: str, *arguments: int) -> str:
    """Call the export `run` of a component in `reports/host`: why it traps, empty if it returns."""
    engine = async_engine(PACKAGE, more_builtins=True)
    text = (HOST / name).read_text(encoding="utf-8")
    component = PACKAGE.component.Component(engine, PACKAGE.wat2wasm(text))
    store = PACKAGE.Store(engine)
    instance = PACKAGE.component.Linker(engine).instantiate(store, component)
    function = instance.get_func(store, component.get_export_index("run"))
    called = call_async(PACKAGE, store, function, range(TURNS), arguments)
    assert called.returned
    return reason_of(called.error) if called.error else ""


def test_a_wait_traps_once_overlapping_sync_calls_ended_in_the_order_they_began() -> None:
    assert run("do-not-suspend.wat", 1) == CANNOT_BLOCK


def test_a_wait_is_allowed_once_overlapping_sync_calls_ended_as_a_stack() -> None:
    assert run("do-not-suspend.wat", 2) == ""


def test_an_async_call_that_waits_in_a_cancel_at_once_does_not_return_to_its_caller() -> None:
    assert run("cancel-keeps-caller.wat", 0) == DEADLOCK


def test_an_async_call_that_has_yielded_before_it_waits_in_a_cancel_returned_to_its_caller() -> (
    None
):
    assert run("cancel-keeps-caller.wat", 1) == ""


def test_the_next_call_fails_after_a_call_was_cancelled_before_it_started() -> None:
    assert run("cancel-before-start.wat", 0) == "BUG: switch item already set"
    assert run("cancel-before-start.wat", 1) == ""


@pytest.mark.parametrize(
    ("how", "words"),
    [(0, "BUG: delivering non-present event"), (1, "BUG: event expected to be present")],
)
def test_an_event_that_is_taken_from_its_waiter_ends_the_store(how: int, words: str) -> None:
    assert run("event-taken.wat", how) == words
    assert run("event-taken.wat", how + 2) == ""


@pytest.mark.parametrize("how", [0, 1], ids=["yield", "wait"])
def test_an_export_starts_before_a_pending_cancellation_is_delivered(how: int) -> None:
    assert "integer divide by zero" in run("cancel-after-another-starts.wat", how)
    assert run("cancel-after-another-starts.wat", 2) == ""


def test_a_task_is_cancelled_that_has_given_its_result() -> None:
    assert "unreachable" in run("cancel-after-return.wat", 0)
    assert run("cancel-after-return.wat", 1) == ""


def test_a_join_to_no_set_of_what_is_read_synchronously_does_not_trap() -> None:
    assert run("join-to-no-set.wat", 0) == ""
    assert "synchronously while added to a waitable set" in run("join-to-no-set.wat", 1)


def test_a_synchronous_read_never_returns_whose_end_has_left_its_set() -> None:
    assert run("join-to-no-set.wat", 2) == DEADLOCK
    assert run("join-to-no-set.wat", 3) == ""


def test_a_set_is_dropped_whose_waiter_has_not_gone_on() -> None:
    assert run("set-of-waiter-dropped.wat", 0) == ""
    assert "cannot drop waitable set with waiters" in run("set-of-waiter-dropped.wat", 1)


def test_another_instance_ends_the_wait_of_an_export_of_synchronous_type() -> None:
    assert run("sync-wait-ended-outside.wat", 0) == ""
    assert run("sync-wait-ended-outside.wat", 1) == CANNOT_BLOCK


def test_cancel_read_of_a_writable_end_cancels_its_write() -> None:
    assert run("cancel-of-another-direction.wat", 0) == ""
    assert "passed write end" in run("cancel-of-another-direction.wat", 1)


def test_a_callee_that_waits_on_is_cancelled_twice() -> None:
    assert run("cancel-twice.wat", 0) == ""
    assert "called after terminal status delivered" in run("cancel-twice.wat", 1)


def test_to_cancel_a_task_that_yielded_while_the_lock_is_held_ends_the_store() -> None:
    words = "BUG: thread with `WakeOnCancel::Yielding` not promotable"
    assert run("cancel-of-yielded.wat", 0) == words
    assert run("cancel-of-yielded.wat", 1) == ""


def test_a_read_fails_whose_task_has_ended() -> None:
    assert run("copy-outlives-task.wat", 0) == "resource not present"
    assert run("copy-outlives-task.wat", 1) == ""


def test_a_synchronous_read_of_an_end_in_a_set_traps_only_where_it_waits() -> None:
    assert run("sync-copy-in-set.wat", 0) == ""
    assert "synchronously while added to a waitable set" in run("sync-copy-in-set.wat", 1)
