"""A trace as programs of the specification's interpreter, on the model's host and on Wasmtime."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.export.saved import SAVED, saved
from tests.support import ALL, a_mix_of, instance, run
from wakeproof.check.simulation import Walk
from wakeproof.conform.spec.check import check_spec, play_script
from wakeproof.conform.spec.from_trace import Lacking, Program, programs_of
from wakeproof.conform.spec.program_script import (
    InterpreterText,
    assertion_lines,
    command_text,
    program_script,
    read_interpreter,
)
from wakeproof.conform.spec.programs import COMMANDS, Command, read_program
from wakeproof.conform.spec.script import Assertion, Invoke, read_script
from wakeproof.errors import InputError
from wakeproof.language.model import BUNDLED
from wakeproof.scenario.script import parse_step

FINDINGS = sorted(f.parent.name for f in SAVED.glob("*/trace.json"))
# what the interpreter lacks for the others
LACKING = {
    "drop-traps-in-sync-export": "step 7 trap_blocked_cancel syncexport1 it does not trap",
    "frame-overwritten-while-a-drop-waits": "step 7 acknowledge_cancel h2 it lacks a command",
    "reader-handed-over-when-done": "step 4 hand_over_reader input it lacks a command",
    "set-dropped-with-member": "step 6 finish_drop it lacks sets of waitables, at which it traps",
    "spawned-by-waker-when-done": "it lacks a command for the event STARTED of a call",
    "wakeup-read-cancelled-in-set": "step 5 deliver_event sleeper h1 it does not trap, where the "
    "trace traps at host::cancel_copy::sync-in-set",
}
WRITTEN = [finding for finding in FINDINGS if finding not in LACKING]
STARTED = ("call_export left", "call_import call STARTED")
SCRIPTS = {
    "a peer that takes its write back": ("cancel-explicit", "peer_copy input", "peer_drop input"),
    "a peer that takes its read back": ("default-write", "peer_copy promise", "peer_drop promise"),
    "a reader of a future that is dropped": (
        "cancel-future",
        *("call_export writes", "drop_reader promise"),
    ),
    "a callee that starts late, and returns": (
        "subtask",
        *("call_export left", "call_import call STARTING", "return_pending"),
        *("subtask_progress h1", "subtask_progress h1", "deliver_event left h1"),
    ),
    "a callee that is cancelled before it starts": (
        "subtask",
        *("call_export left", "call_import call STARTING", "drop_operation call false"),
    ),
    "a callee that is cancelled": ("subtask", *STARTED, "drop_operation call false"),
    "a callee that returns at once": ("subtask", STARTED[0], "call_import call RETURNED"),
    "a callee that returns": (
        "subtask",
        *(*STARTED, "return_pending", "subtask_progress h1", "deliver_event left h1"),
    ),
    "a callee that returns, and whose call is dropped": (
        "subtask",
        *(*STARTED, "move_to_storage call", "return_pending", "subtask_progress h1"),
        *("call_export right", "poll call", "drop_operation call false"),
    ),
}


def programs(name: str) -> tuple[list[Program], str]:
    """Return the programs of a finding or script, with the site of its trap."""
    if name not in SCRIPTS:
        found = saved(name)
        site = found.violation["site"]
        return programs_of(found.instance, found.trace, site), site
    scenario, *lines = SCRIPTS[name]
    built = instance(scenario, "v3/v3/v3")
    steps = [parse_step(built.scenario, built.resolved.program, line, "") for line in lines]
    rows, wrong = built.tracer().trace(steps)
    assert wrong is None
    return programs_of(built, rows, ""), ""


def reasons_on_the_model(tmp_path: Path, written: Sequence[Program]) -> list[str]:
    """Play programs on the model, as `conform spec` does; return why each does not hold."""
    file = tmp_path / "programs.wast"
    file.write_text("\n".join(line for p in written for line in assertion_lines(p, "")))
    return list(play_script(read_script(file), BUNDLED))


@pytest.mark.parametrize("name", [*WRITTEN, *SCRIPTS])
def test_programs_of_a_trace_hold_on_the_model(tmp_path: Path, name: str) -> None:
    written, site = programs(name)
    assert reasons_on_the_model(tmp_path, written) == [""] * len(written)
    assert [p.trap for p in written[:-1]] == [""] * (len(written) - 1)
    assert not written or written[-1].trap == (site if site.startswith("host::") else "")


@pytest.mark.parametrize("name", [*WRITTEN, *SCRIPTS])
def test_programs_of_a_trace_hold_on_wasmtime(tmp_path: Path, name: str) -> None:
    checkout = os.environ.get("WAKEPROOF_SPEC")
    if not checkout:
        pytest.skip("WAKEPROOF_SPEC does not name a checkout of WebAssembly/component-model")
    written, _ = programs(name)
    file = tmp_path / "programs.wast"
    file.write_text(program_script(read_interpreter(Path(checkout)), written, name, ""))
    words = [(a.model.word, a.wasmtime and a.wasmtime.word) for a in check_spec(file).assertions]
    assert words == [("held", "held")] * len(written)


@pytest.mark.slow(but=3)
@pytest.mark.parametrize("scenario", ALL)
def test_programs_of_random_walks_hold_on_the_model(tmp_path: Path, scenario: str) -> None:
    built = instance(scenario, a_mix_of(scenario))
    for seed in range(4):
        walk = Walk(built, random.Random(seed))
        walk.wander(25)
        site = walk.wrong.site if walk.wrong and walk.wrong.kind == "trap" else ""
        with contextlib.suppress(Lacking):
            written = programs_of(built, walk.rows, site)
            assert reasons_on_the_model(tmp_path, written) == [""] * len(written), seed


@pytest.mark.parametrize("finding", LACKING)
def test_step_that_the_interpreter_lacks_is_named(finding: str) -> None:
    with pytest.raises(Lacking) as lacking:
        programs(finding)
    assert LACKING[finding] in str(lacking.value)


def test_program_with_another_code_does_not_hold(tmp_path: Path) -> None:
    written, _ = programs("a callee that returns at once")
    lines = [
        Command("expect-code", (1,)) if line == Command("expect-code", (2,)) else line
        for line in written[0].lines
    ]
    (reason,) = reasons_on_the_model(tmp_path, [Program(lines)])
    assert reason == "the model traps: unreachable"


def test_programs_of_traces_have_every_command_that_a_trace_needs() -> None:
    given = {c.name for n in (*WRITTEN, *SCRIPTS) for p in programs(n)[0] for c in p.commands}
    # no trace awaits an event, and the sink of a stream reads four bytes, not the peer's items
    spare = {"await", "await-readable", "call-import", "noop", "mock-read", "mock-write"}
    assert given == set(COMMANDS) - spare


def test_command_is_read_as_it_was_written(tmp_path: Path) -> None:
    commands = [Command(name, (1,) * len(fields)) for name, fields in COMMANDS.items()]
    file = tmp_path / "f.wast"
    text = " ".join(map(command_text, [*commands, Command("expect-code", (-1,))]))
    file.write_text(f'(assert_return (invoke "run" (list.const {text})))')
    (directive,) = read_script(file).directives
    assert isinstance(directive, Assertion)
    assert isinstance(directive.subject, Invoke)
    assert read_program(directive.subject) == [*commands, Command("expect-code", (-1,))]


# --- the command ----------------------------------------------------------------------------------


def interpreter_file(tmp_path: Path) -> Path:
    """Write a file with the definition of an interpreter that has the names of all commands."""
    cases = " ".join(f'"{name}"' for name in COMMANDS)
    file = tmp_path / "interpreter.wast"
    file.write_text(f"(component $Other)\n(component definition $Mine {cases})\n(assert_return)\n")
    return file


def test_interpreter_is_the_text_up_to_the_end_of_its_definition(tmp_path: Path) -> None:
    file = interpreter_file(tmp_path)
    found = read_interpreter(file)
    assert found == InterpreterText(file.read_text().removesuffix("\n(assert_return)\n"), "$Mine")
    file.write_text("(component definition $Mine)\n")
    with pytest.raises(InputError, match="no interpreter of the specification's tests is there"):
        read_interpreter(file)


def test_export_appends_a_program_to_the_interpreter(tmp_path: Path) -> None:
    interpreter, output = interpreter_file(tmp_path), tmp_path / "out.wast"
    trace = SAVED / "stream-write-after-cancel" / "trace.json"
    done = run(*("export", trace, "--to", "wast", "--interpreter", interpreter, "--output", output))
    assert done.returncode == 0, done.stderr
    text = output.read_text()
    assert "(component definition $Mine" in text
    assert "(component instance $i $Mine)\n(assert_trap\n" in text
    assert ";; 4 peer_drop output\n" in text
    assert ";; the message of the trap on Wasmtime is one of:\n;;   cannot have concurrent" in text
    assert list(play_script(read_script(output), BUNDLED)) == [""]


def test_export_writes_a_component_where_the_interpreter_lacks_a_step(tmp_path: Path) -> None:
    trace = SAVED / "set-dropped-with-member" / "trace.json"
    done = run("export", trace, "--to", "wast", "--interpreter", interpreter_file(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        ";; not a program of the specification's interpreter: at step 6 finish_drop it lacks sets"
    )
    assert "\n(component\n" in done.stdout


def test_export_refuses_what_is_neither(tmp_path: Path) -> None:
    trace = SAVED / "reader-handed-over-when-done" / "trace.json"
    done = run("export", trace, "--to", "wast", "--interpreter", interpreter_file(tmp_path))
    assert done.returncode == 2
    assert "not a program of the specification's interpreter: at step 4" in done.stderr
    done = run("export", trace, "--to", "html", "--interpreter", interpreter_file(tmp_path))
    assert "--interpreter is for wast" in done.stderr
