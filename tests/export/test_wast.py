"""A trace as a script of WebAssembly, which is played on Wasmtime."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.export.saved import SAVED, SavedViolation, saved
from tests.support import instance, run
from wakeproof.conform.spec.script import read_script
from wakeproof.conform.spec.wasmtime_run import WasmtimeScripts
from wakeproof.errors import InputError
from wakeproof.export.wast import wast
from wakeproof.scenario.script import parse_step

# traces that do what a component does not do by its own calls
LEFT_OUT = (
    "drop-traps-in-sync-export",
    "frame-overwritten-while-a-drop-waits",
    # the call of an import that takes an end
    "reader-handed-over-when-done",
)
FINDINGS = sorted(f.parent.name for f in SAVED.glob("*/trace.json"))


@pytest.fixture(scope="module")
def engine() -> WasmtimeScripts:
    try:
        return WasmtimeScripts()
    except InputError as error:
        pytest.skip(error.what)


def script_of(found: SavedViolation, message: str = "") -> str:
    """Return the script of a saved violation."""
    return wast(found.instance, found.trace, found.violation["site"], message)


def reasons(engine: WasmtimeScripts, tmp_path: Path, text: str) -> list[str]:
    """Play a script; return for each assertion why it does not hold."""
    file = tmp_path / "trace.wast"
    file.write_text(text)
    return engine.run(read_script(file))


@pytest.mark.parametrize("finding", [f for f in FINDINGS if f not in LEFT_OUT])
def test_trace_of_a_finding_holds_on_wasmtime(
    engine: WasmtimeScripts, tmp_path: Path, finding: str
) -> None:
    assert reasons(engine, tmp_path, script_of(saved(finding))) == [""]


def test_script_whose_result_is_another_returns_the_number_of_the_step(
    engine: WasmtimeScripts, tmp_path: Path
) -> None:
    found = saved("sync-export-takes-read")
    wrong = script_of(found).replace(
        "(i32.const -1)) (then (return", "(i32.const 1)) (then (return"
    )
    step = next(n for n, row in enumerate(found.trace, 1) if row["action"] == "poll")
    assert reasons(engine, tmp_path, wrong) == [f"the result is {step}, not 0"]


def test_script_that_ends_in_a_trap_holds_by_its_message(
    engine: WasmtimeScripts, tmp_path: Path
) -> None:
    found = saved("wakeup-read-cancelled-in-set")
    in_set = "waitable cannot be used synchronously"
    assert reasons(engine, tmp_path, script_of(found, in_set)) == [""]
    (reason,) = reasons(engine, tmp_path, script_of(found, "another message"))
    assert in_set in reason


CALLS = (
    (
        *("call_export left", "call_import call STARTING", "return_pending"),
        *("subtask_progress h1", "subtask_progress h1"),
    ),
    ("call_export left", "call_import call STARTED", "drop_operation call true"),
    ("call_export left", "call_import call STARTING", "drop_operation call false"),
    ("call_export left", "call_import call RETURNED"),
    (
        *("call_export left", "call_import call STARTED", "return_pending", "subtask_progress h1"),
        "deliver_event left h1",
    ),
)


@pytest.mark.parametrize("lines", CALLS, ids=lambda lines: lines[-1])
def test_calls_of_imports_hold_on_wasmtime(
    engine: WasmtimeScripts, tmp_path: Path, lines: tuple[str, ...]
) -> None:
    built = instance("subtask", "v3/v3/v3")
    steps = [parse_step(built.scenario, built.resolved.program, line, "") for line in lines]
    rows, wrong = built.tracer().trace(steps)
    assert wrong is None
    text = wast(built, rows, "", "")
    assert reasons(engine, tmp_path, text) == [""]
    assert len(re.findall(r"^ +;; \d", text, re.MULTILINE)) == len(lines)


@pytest.mark.parametrize("finding", LEFT_OUT)
def test_step_that_a_component_does_not_make_is_refused(finding: str) -> None:
    with pytest.raises(InputError) as error:
        script_of(saved(finding))
    assert error.value.hint


def test_event_is_that_of_the_trace_where_the_host_could_take_another(
    engine: WasmtimeScripts, tmp_path: Path
) -> None:
    built = instance("select-drops-loser", "v3/v3/v3")
    lines = ("call_export selects", "poll one", "poll other", "return_pending")
    events = ("peer_copy left", "peer_drop right", "deliver_event selects h2")
    steps = [
        parse_step(built.scenario, built.resolved.program, line, "") for line in (*lines, *events)
    ]
    rows, wrong = built.tracer().trace(steps)
    assert wrong is None
    assert reasons(engine, tmp_path, wast(built, rows, "", "")) == [""]


def test_cancellation_that_waits_is_refused() -> None:
    built = instance("drop-in-sync-export", "v3/v3/v3")
    lines = (
        *("call_export export", "call_import call STARTED", "drop_call_and_wait call"),
        *("subtask_progress h1", "end_cancel export"),
    )
    steps = [parse_step(built.scenario, built.resolved.program, line, "") for line in lines]
    rows, _ = built.tracer().trace(steps)
    with pytest.raises(InputError, match="a cancellation that waits cannot be written"):
        wast(built, rows, "", "")


def test_only_what_is_called_is_imported() -> None:
    text = script_of(saved("wakeup-read-cancelled-in-set"))
    assert "$Callee" not in text
    assert "future" not in text.replace("(type $future (future u8))", "")


def test_command_writes_a_script(tmp_path: Path) -> None:
    output = tmp_path / "trace.wast"
    trace = SAVED / "wakeup-read-cancelled-in-set" / "trace.json"
    done = run("export", trace, "--to", "wast", "--output", output)
    assert done.returncode == 0, done.stderr
    assert output.read_text().endswith(
        '"waitable cannot be used synchronously while added to a waitable set")\n'
    )
