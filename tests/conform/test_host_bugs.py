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
    engine = async_engine(PACKAGE)
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
