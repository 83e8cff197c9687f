"""A saved trace as a test, as a crate and as a report; the findings that are kept as such."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from click.testing import CliRunner, Result

from tests.export.saved import scripted
from tests.support import instance, needs_cargo
from wakeproof.cli import cli
from wakeproof.crates.release_source import release_source
from wakeproof.crates.wasm_target import build_flags
from wakeproof.crates.wasmtime import load_wasmtime
from wakeproof.errors import Exit, InputError
from wakeproof.export.issue import repaired_from
from wakeproof.export.rust.files import rust_test
from wakeproof.export.rust.from_trace import Writer, program_of
from wakeproof.export.rust.program import Channel, Maker, OutsideStep, Program, RustTest
from wakeproof.export.trace import comment_of, title_of
from wakeproof.findings.cases import Case, case_of, deviations, deviations_on_wasmtime
from wakeproof.findings.known_releases import known_releases
from wakeproof.findings.registry import load_findings
from wakeproof.findings.run_components import (
    compose,
    describe_error,
    parts_of,
    plain_frame,
    run_component,
    run_components,
)
from wakeproof.findings.run_crates import (
    CrateResult,
    CrateRun,
    run_crates,
)
from wakeproof.findings.runs import run_cases, run_cases_on_wasmtime
from wakeproof.findings.trace import result_of
from wakeproof.findings.violations import suite_runs
from wakeproof.language.model import BUNDLED
from wakeproof.language.properties import Property
from wakeproof.language.sites import Site
from wakeproof.report.pages.findings import finding_files
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.script import parse_step

FINDINGS, CURES = load_findings()
BY_NAME = {finding.name: finding for finding in FINDINGS}


def case(name: str) -> Case:
    return case_of(BY_NAME[name], CURES)


def export(*arguments: str | Path) -> Result:
    """Run the command in this process; what went wrong is in `exception`."""
    return CliRunner().invoke(cli, ["export", *map(str, arguments)])


def saved(folder: Path, *results: dict[str, Any]) -> Path:
    """A results file."""
    path = folder / "trace.json"
    document = {"tool": "wakeproof", "version": "test", "results": list(results)}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def refused(result: Result) -> str:
    """The one line of a refusal."""
    assert isinstance(result.exception, InputError), result.output
    assert result.exception.status == Exit.WRONG_USE
    return str(result.exception)


# --- what is written ------------------------------------------------------------------------------


def test_a_test_has_the_three_files_of_the_suite(tmp_path: Path) -> None:
    path = saved(tmp_path, result_of(BY_NAME["stream-read-after-drop"]))
    assert export(path, "--to", "rust-test", "--output", tmp_path / "out").exit_code == 0
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {"test.wit", "test.rs", "runner.rs"}


ONE_RELEASE = [name for name in BY_NAME if name != "spawn-in-task-of-older-release"]


@pytest.mark.parametrize("name", ONE_RELEASE)
def test_a_test_has_its_story_in_three_lines_and_nothing_of_the_checker(name: str) -> None:
    files = rust_test(case(name).test)
    assert len(BY_NAME[name].story) == 3
    assert files["test.rs"].startswith("".join(f"// {line}\n" for line in BY_NAME[name].story))
    for text in files.values():
        assert max(map(len, text.splitlines())) <= 100
        assert not any(word in text for word in ("h1", "h2", "wakeproof", "v2", "v3", "slot"))


def test_a_poll_in_storage_takes_the_operation_and_puts_it_back() -> None:
    body = rust_test(case("task-waits-on-empty-set").test)["test.rs"]
    assert (
        "    async fn right() {\n"
        "        let mut read = READ.take().unwrap();\n"
        "        assert!(poll_once(&mut read).await.is_pending());\n"
        "        READ.set(Some(read));\n    }\n"
    ) in body


def test_a_nested_block_on_is_a_block_and_a_destructor_a_guard() -> None:
    assert "block_on(async {" in rust_test(case("block-on-yields-first").test)["test.rs"]
    woken = rust_test(case("cancelled-sleeper-is-woken").test)["test.rs"]
    assert "let cleanup = OnDrop(|| {" in woken
    assert "drop(sleeper);" in rust_test(case("cancelled-sleeper-is-woken").test)["runner.rs"]


def test_a_waker_of_the_program_is_a_closure_with_the_steps_of_its_wake() -> None:
    body = rust_test(case("spawned-by-waker-when-done").test)["test.rs"]
    assert (
        "        let waker = waker_that_runs(|| {\n            spawn_local(async {\n"
        "            });\n        });\n"
    ) in body
    assert "poll(&mut Context::from_waker(&waker))" in body


def test_a_report_has_program_releases_calls_site_and_cure() -> None:
    one = case("stream-read-after-drop")
    (run, *_) = one.runs(everywhere=False)
    text = finding_files(one, [CrateResult(run, 1, "FAILED: the host traps")], {})["issue.md"]
    for part in ("async fn exported()", "| 0.63.0 | the host traps |", "stream.read(h1, 1)"):
        assert part in text
    assert "`src/rt/async_support/stream_support.rs` of 0.63.0, line 651" in text
    assert "The host's rule: `design/mvp/canonical-abi/definitions.py`" in text
    assert "self.reader.done = true;" in text


def test_a_report_has_the_program_without_the_assertions_of_the_test(tmp_path: Path) -> None:
    path = saved(tmp_path, result_of(BY_NAME["task-waits-on-empty-set"]))
    text = export(path, "--to", "issue").output
    assert "async fn right() {" in text
    assert "handles" not in text
    assert "let_go" not in text


def test_a_report_without_a_finding_is_headed_by_what_it_means(tmp_path: Path) -> None:
    prop = BUNDLED.properties["no-stuck-task"]
    assert title_of(prop, None).startswith("The export's task never ends")
    trap = BUNDLED.sites["host::stream_copy::not-idle"]
    assert title_of(prop, trap) == "The host traps in stream_copy"


def test_a_report_has_the_releases_of_the_table(tmp_path: Path) -> None:
    path = saved(tmp_path, result_of(BY_NAME["wakeup-read-cancelled-in-set"]))
    text = export(path, "--to", "issue").output
    assert "| 0.58.0 | it happens |" in text
    assert "| 0.63.0 | does not happen |" in text
    assert "Take 0.59.0 or newer" in text
    assert known_releases(*about("wakeup-read-cancelled-in-set"), tmp_path / "no.json") == []


@pytest.mark.parametrize("text", ["", "# Violations by release\n", "[]", '{"violations": [{}]}'])
def test_a_releases_file_that_is_not_one_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "releases.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="not what is known of each release"):
        known_releases(*about("wakeup-read-cancelled-in-set"), tmp_path / "releases.json")


def test_no_repair_is_needed_only_if_all_later_runs_pass() -> None:
    both = [("0.60.0", "FAILED: the host traps"), ("0.63.0", "passed")]
    assert repaired_from(both) == "Take 0.63.0 or newer: it does not happen there."
    assert repaired_from(list(reversed(both))) == ""
    assert repaired_from([("0.60.0", "FAILED"), ("0.60.0 with `async-spawn`", "passed")]) == ""


def about(name: str) -> tuple[Instance, Property, Site, tuple[str, ...]]:
    """The arguments of a look-up in the table of releases."""
    one = BY_NAME[name]
    prop = BUNDLED.properties[one.property]
    return one.instance(), prop, BUNDLED.sites[one.site], one.built_with()


def test_a_task_that_stays_behind_is_seen_by_what_it_leaves() -> None:
    files = rust_test(case("task-waits-on-empty-set").test)
    for line in ("let before = handles();", "let_go().await;", "assert_eq!(handles(), before, "):
        assert line in files["runner.rs"]
    assert "        drop(READ.take());\n" in files["test.rs"]
    assert "handles: func() -> u32;" in files["test.wit"]


def test_what_a_component_calls_is_a_third_one() -> None:
    steps = ("call_export left", "call_import call STARTING", "return_pending")
    files = rust_test(scripted("subtask", *steps))
    assert set(files) == {"test.wit", "test.rs", "runner.rs", "leaf.rs", "compose.wac"}
    assert files["test.wit"].startswith("//@ async = true\n//@ dependencies = ['test', 'leaf']\n")
    body = files["runner.rs"].partition("async fn run() {\n")[2]
    assert [line.strip() for line in body.splitlines()[:4]] == [
        "hold(true);",
        "let (gate, reader) = wit_future::new(|| ());",
        "expect(reader);",
        "let left = start(left()).await;",
    ]


def test_a_test_without_a_finding_has_the_outside_steps_as_its_story() -> None:
    prop = BUNDLED.properties["no-stuck-task"]
    program = Program(
        outside=[OutsideStep("call", "left"), OutsideStep("run"), OutsideStep("call", "right")]
    )
    first, second, third = comment_of(program, prop, None)
    assert first == "`left` is called, `right` is called."
    assert second == "It must hold that no task waits for what can never come."
    assert third == prop.means
    program.outside *= 9
    assert comment_of(program, prop, None)[0].endswith("`right` is called, and so on.")


def test_a_peer_that_comes_first_waits() -> None:
    lines = ("peer_copy input", "call_export export", "poll read", "return_ready")
    body = rust_test(scripted("stream-after-drop", *lines))["runner.rs"]
    assert [line.strip() for line in body.partition("async fn run() {\n")[2].splitlines()[:9]] == [
        "let (mut input, reader) = wit_stream::new();",
        "prepare(reader);",
        "let mut input_copy = Box::pin(input.write(vec![1]));",
        "begin(&mut input_copy).await;",
        "let exported = start(exported()).await;",
        "",
        "// Everybody lets go.",
        "drop(input_copy);",
        "drop(input);",
    ]


def test_a_waker_that_must_be_woken_is_noted() -> None:
    files = rust_test(case("cancelled-task-keeps-read").test)
    assert "WOKEN.set(true);" in files["test.rs"]
    assert "assert!(woken());" in files["runner.rs"]


def test_an_event_without_a_receiver_is_not_a_test() -> None:
    test = case("cancelled-task-keeps-read").test
    deaf = dataclasses.replace(test.program, helpers={"Context", "Waker"})
    with pytest.raises(InputError, match="nobody who calls the component sees the end"):
        rust_test(dataclasses.replace(test, program=deaf))


def test_a_future_that_stays_inside_is_known_to_the_bindings() -> None:
    inside = Channel("pipe", is_future=True, outside="")
    program = Program(channels=[inside], operations={"read_pipe": Maker("pipe", "read")})
    files = rust_test(RustTest("inside", ("One.", "Two.", "Three."), program))
    assert "takes-future: func(it: future<u8>);" in files["test.wit"]
    assert "fn takes_future(_: FutureReader<u8>) {}" in files["test.rs"]


# --- what does not happen -------------------------------------------------------------------------


def test_a_loop_inside_one_call_is_a_loop_that_something_outside_ends() -> None:
    files = rust_test(case("block-on-starves-the-host").test)
    assert "            while goes_on() {\n                yield_async().await;" in files["test.rs"]
    assert "const TURNS: u32 = 1000;" in files["test.rs"]
    assert "outside();" in files["runner.rs"]
    assert "assert!(ran_in_time());" in files["runner.rs"]


def test_a_loop_begins_where_none_of_its_operations_is_under_way() -> None:
    text = rust_test(case("block-on-with-events-starves-the-host").test)["test.rs"]
    loop = text.partition("while goes_on() {")[2].partition("});")[0].splitlines()
    assert [line.split()[-2:] for line in loop if "let mut" in line] == [
        ["=", "write_pipe();"],
        ["=", "read_pipe();"],
    ]


def test_what_is_never_polled_is_looked_for_before_anybody_lets_go() -> None:
    files = rust_test(case("spawned-waits-for-another-event").test)
    assert files["test.rs"].count("SPAWNED_RAN.set(true);") == 1
    before, _, after = files["runner.rs"].partition("// Everybody lets go.")
    assert "assert!(spawned_ran());" in before
    assert after


def test_a_loop_that_yields_ends_once_its_operation_is_ready() -> None:
    files = rust_test(case("yielding-task-gets-no-event").test)
    assert (
        "        let mut read = read_input();\n"
        "        while poll_once(&mut read).await.is_pending() {\n"
        "            yield_async().await;\n"
        "        }\n"
        "        LOOP_ENDED.set(true);\n    }\n"
    ) in files["test.rs"]
    before, _, after = files["runner.rs"].partition("// Everybody lets go.")
    assert "let _ = input.write(vec![1]).await;" in before
    assert "assert!(loop_ended());" in before
    assert after


@pytest.mark.parametrize(
    ("turn", "says"),
    [
        (("wake_self", "return_pending"), "in which the program gives way to the host"),
        (("poll read", "poll read", "wake_self", "return_pending"), "more than the poll of an"),
    ],
)
def test_a_loop_that_does_not_wait_for_one_operation_is_refused(
    turn: Sequence[str], says: str
) -> None:
    found = instance("yield", "v0_48_1/v0_48_1/v0_48_1")
    stem = ("call_export export", "poll read", "wake_self", "return_pending", "peer_copy input")
    lines = (*stem, "resume_yielded export", *turn)
    steps = [parse_step(found.scenario, found.resolved.program, line, "") for line in lines]
    with pytest.raises(InputError, match=says):
        program_of(found, steps, "event-can-be-taken", len(stem))


def test_what_nobody_outside_can_see_is_refused() -> None:
    found = instance("yield", "v3/v3/v3")
    lines = ("call_export export", "wake_self", "return_pending", "resume_yielded export")
    steps = [parse_step(found.scenario, found.resolved.program, line, "") for line in lines]
    with pytest.raises(InputError, match="no test can check no-idle-turns yet"):
        program_of(found, steps, "no-idle-turns", 1)


def test_a_loop_of_the_host_alone_is_refused() -> None:
    found = instance("yield", "v3/v3/v3")
    lines = ("call_export export", "poll read", "return_pending", "peer_copy input")
    steps = [parse_step(found.scenario, found.resolved.program, line, "") for line in lines]
    with pytest.raises(InputError, match="in which the program gives way to the host"):
        program_of(found, steps, "outside-not-starved", 3)


# --- what is refused ------------------------------------------------------------------------------


def test_a_violation_that_no_host_can_see_is_refused(tmp_path: Path) -> None:
    result = result_of(BY_NAME["task-waits-for-finished-read"]) | {"property": "one-home"}
    said = refused(export(saved(tmp_path, result), "--to", "rust-test"))
    assert "nobody outside can see that one-home is violated" in said


def test_a_crate_of_a_release_that_knows_only_webassembly_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, result_of(BY_NAME["yielding-task-gets-no-event"]))
    said = refused(export(path, "--to", "rust-crate", "--output", tmp_path / "crate"))
    assert "0.48.1 declares the host's builtins for wasm32 alone" in said


def test_a_finding_of_such_a_release_is_a_component_on_every_release() -> None:
    one = case("yielding-task-gets-no-event")
    assert one.crate_runs(everywhere=True) == []
    labels = [one.label(run) for run in one.suite_runs()]
    assert labels[:3] == ["0.48.1", "0.50.0", "0.58.0"]
    # the release does not have the other feature
    assert labels[-1] == "0.48.1 with `async-spawn`"
    fails = {label: "fails" for label in labels if label.startswith("0.48.1")}
    seen = dict.fromkeys(labels, "returns") | fails
    assert deviations_on_wasmtime(one, seen) == []
    assert deviations_on_wasmtime(one, seen | {"0.63.0": "fails"}) == [
        "yielding-task-gets-no-event should pass on Wasmtime with 0.63.0: fails"
    ]


def test_a_trace_of_another_model_is_refused(tmp_path: Path) -> None:
    result = result_of(BY_NAME["task-waits-on-empty-set"])
    result["violations"][0]["trace"].pop()
    said = refused(export(saved(tmp_path, result), "--to", "issue"))
    assert "not one of this model: the property holds at its end" in said


def test_a_walk_without_a_violation_is_refused(tmp_path: Path) -> None:
    result = result_of(BY_NAME["task-waits-on-empty-set"]) | {"property": ""}
    assert "ends in no violation" in refused(export(saved(tmp_path, result), "--to", "issue"))


def test_a_violation_of_something_else_is_refused(tmp_path: Path) -> None:
    one = result_of(BY_NAME["task-waits-on-empty-set"])
    strange = saved(tmp_path, one | {"property": "no-such"})
    assert "no property 'no-such'" in refused(export(strange, "--to", "issue"))
    none = saved(tmp_path, one | {"violations": []})
    assert "there is no violation in the file" in refused(export(none, "--to", "issue"))
    other = export(saved(tmp_path, one), "--to", "issue", "--property", "no-trap")
    assert "no such violation" in refused(other)
    assert "no-stuck-task in v3/v2/v3" in refused(other)


def test_one_of_several_violations_must_be_chosen(tmp_path: Path) -> None:
    both = [result_of(BY_NAME[n]) for n in ("task-waits-on-empty-set", "stream-read-after-drop")]
    path = saved(tmp_path, *both)
    assert "2 violations in the file" in refused(export(path, "--to", "issue"))
    chosen = export(path, "--to", "issue", "--property", "no-trap")
    assert chosen.output.startswith("# A stream that ended without an item is read again")


def test_a_mix_of_releases_has_a_crate_and_no_test(tmp_path: Path) -> None:
    path = saved(tmp_path, result_of(BY_NAME["spawn-in-task-of-older-release"]))
    said = refused(export(path, "--to", "rust-test"))
    assert "built with one release, and the mix has several" in said
    assert export(path, "--to", "rust-crate", "--output", tmp_path / "crate").exit_code == 0
    manifest = (tmp_path / "crate" / "Cargo.toml").read_text(encoding="utf-8")
    assert "[dependencies.wit_bindgen_0_60_0]" in manifest
    host = (tmp_path / "crate" / "src" / "host.rs").read_text(encoding="utf-8")
    assert "use wit_bindgen_0_60_0::rt::async_support as rt;" in host


OPENED_AGAIN = (
    "call_sync_export",
    "drop_writer pipe",
    "drop_reader pipe",
    "open_channel pipe",
    "poll_with_noop_waker read",
)
CANCELLED_UNDER_BLOCK_ON = (
    "call_export first",
    "block_on second",
    "poll read",
    "return_pending",
    "request_cancellation first",
    "call_sync_export",
    "poll_with_noop_waker write",
    "return_sync_export",
    "waitable_set_wait second 0",
    "poll read",
    "return_ready",
    "wake_self",
    "return_pending",
    "deliver_pending_cancel first",
    "finish_drop",
)


def test_a_call_that_cannot_be_cancelled_in_time_is_refused_for_the_suite() -> None:
    with pytest.raises(InputError, match="a cancellation while a block_on waits"):
        rust_test(scripted("everything", *CANCELLED_UNDER_BLOCK_ON[:5]))


def test_a_step_that_cannot_be_written_yet_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Writer, "on_open_channel")
    with pytest.raises(InputError, match="step 4, open_channel, cannot be written as Rust yet"):
        scripted("everything", *OPENED_AGAIN)


def test_without_cargo_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(cli, ["findings", "stream-read-after-drop", "--run"])
    assert "needs cargo, which is not installed" in refused(result)


def test_without_wasmtime_nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    monkeypatch.setattr("wakeproof.findings.runs.run_cases", lambda *_: pytest.fail("it is built"))
    result = CliRunner().invoke(cli, ["findings", "stream-read-after-drop", "--run", "--component"])
    assert "the package wasmtime is not installed" in refused(result)


def test_an_unknown_finding_is_refused() -> None:
    assert "unknown finding 'nothing'" in refused(CliRunner().invoke(cli, ["findings", "nothing"]))


# --- on the crates --------------------------------------------------------------------------------


def test_a_program_is_one_test_of_the_suite_however_often_it_is_found() -> None:
    test = case("cancelled-task-keeps-read").test
    deaf = dataclasses.replace(test.program, helpers={"Context", "Waker"})
    mixed = case("spawn-in-task-of-older-release").test
    runs = {
        "read 0.60.0": CrateRun(test, "0.60.0", ()),
        "read 0.60.0 again": CrateRun(test, "0.60.0", ()),
        "read 0.58.0": CrateRun(test, "0.58.0", ()),
        "mixed": CrateRun(mixed, "0.63.0", ()),
        "deaf": CrateRun(dataclasses.replace(test, program=deaf), "0.60.0", ()),
    }
    tests, not_written = suite_runs(runs)
    assert list(tests) == ["read 0.60.0", "read 0.58.0"]
    (line,) = not_written
    assert line.startswith("deaf: nobody who calls the component sees the end")


def test_an_exported_crate_needs_cargo_alone(tmp_path: Path) -> None:
    needs_cargo()
    path = saved(tmp_path, result_of(BY_NAME["operation-finished-in-block-on"]))
    folder = tmp_path / "crate"
    assert export(path, "--to", "rust-crate", "--output", folder).exit_code == 0
    target = platformdirs.user_cache_path("wakeproof") / "rust-tests" / "target"
    said = {}
    for release in ("0.58.0", "0.60.0"):
        manifest = (folder / "Cargo.toml").read_text(encoding="utf-8")
        (folder / "Cargo.toml").write_text(manifest.replace("=0.58.0", f"={release}"), "utf-8")
        command = ["cargo", "run", "--quiet", "--target-dir", str(target)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        said[release] = (done.returncode, done.stderr.splitlines()[-1])
    status, line = said["0.58.0"]
    assert status == 1
    assert line.endswith("wit-bindgen-0.58.0/src/rt/async_support/waitable.rs:201")
    assert said["0.60.0"] == (0, "passed")


def test_a_program_that_spins_ends_by_a_time_limit(tmp_path: Path) -> None:
    needs_cargo()
    path = saved(tmp_path, result_of(BY_NAME["operation-finished-in-block-on"]))
    folder = tmp_path / "crate"
    assert export(path, "--to", "rust-crate", "--output", folder).exit_code == 0
    spins = """pub async fn exported() {
        block_on(poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        }));"""
    for file, old, new in (
        # 0.58.0 panics there
        ("Cargo.toml", "=0.58.0", "=0.63.0"),
        ("src/component.rs", "pub async fn exported() {", spins),
        ("src/host.rs", "from_secs(10)", "from_millis(500)"),
    ):
        text = (folder / file).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    target = platformdirs.user_cache_path("wakeproof") / "rust-tests" / "target"
    command = ["cargo", "run", "--quiet", "--target-dir", str(target)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "FAILED: the component spins: it has not ended after 500ms"
    )


@pytest.mark.slow
def test_a_test_fails_where_the_defect_is_and_passes_where_it_is_not() -> None:
    needs_cargo()
    names = ("stream-read-after-drop", "cancelled-task-keeps-read", "cancel-of-spawning-task")
    chosen = [case(name) for name in names]
    results = run_cases(chosen, everywhere=False, progress=lambda *_: None)
    for one in chosen:
        ran = results[one.finding.name]
        first, *others = ran
        assert first.failed
        assert others
        assert all(row.passed for row in others)
        assert deviations(one, ran) == []


def test_what_a_program_does_in_its_middle_can_be_run() -> None:
    needs_cargo()
    again = scripted("everything", *OPENED_AGAIN)
    cancelled = scripted("everything", *CANCELLED_UNDER_BLOCK_ON)
    programs = [dataclasses.replace(again, name="opened"), dataclasses.replace(cancelled, name="c")]
    opened, ended = run_crates([CrateRun(test, "0.63.0", ()) for test in programs])
    assert opened.line.startswith("FAILED: the component panics at wit-bindgen-0.63.0/")
    assert ended.passed, ended.line


def test_a_finding_with_the_wrong_release_is_refused() -> None:
    one = case("cancelled-task-keeps-read")
    mistaken = dataclasses.replace(
        one, finding=dataclasses.replace(one.finding, affected="0.63.0", unaffected="0.60.0")
    )
    features = one.finding.built_with()
    results = [
        CrateResult(CrateRun(one.test, "0.63.0", features), 0, "passed"),
        CrateResult(
            CrateRun(one.test, "0.60.0", features), 1, "FAILED: an event is never delivered"
        ),
    ]
    said = deviations(mistaken, results)
    assert [line.split(":")[0] for line in said] == [
        "cancelled-task-keeps-read should fail on 0.63.0",
        "cancelled-task-keeps-read should pass on 0.60.0",
    ]


def test_a_test_that_passes_on_wasmtime_where_it_should_fail_is_caught() -> None:
    one = case("stream-read-after-drop")
    right = {"0.63.0": "traps: cannot read", "0.63.0 with `done-after-drop`": "returns"}
    assert deviations_on_wasmtime(one, right) == []
    said = deviations_on_wasmtime(one, dict(zip(right, reversed(right.values()), strict=True)))
    assert said == [
        "stream-read-after-drop should fail on Wasmtime with 0.63.0: returns",
        "stream-read-after-drop should pass on Wasmtime with 0.63.0 with `done-after-drop`: "
        "traps: cannot read",
    ]


def test_a_program_that_breaks_down_is_neither_failed_nor_passed() -> None:
    one = case("stream-read-after-drop")
    run = CrateRun(one.test, "0.63.0", ())
    assert deviations(one, [CrateResult(run, 101, "error")]) == [
        "stream-read-after-drop should fail on 0.63.0: error",
        "stream-read-after-drop on 0.63.0: error",
    ]


# --- as components --------------------------------------------------------------------------------


def test_a_composed_component_has_one_export() -> None:
    wasmtime = pytest.importorskip("wasmtime.component")
    engine = pytest.importorskip("wasmtime")
    config = engine.Config()
    test = engine.wat2wasm('(component (instance $i) (export "my:test/i" (instance $i)))')
    runner = engine.wat2wasm(
        '(component (import "my:test/i" (instance $i)) '
        '(core module $m (func (export "run"))) (core instance $c (instantiate $m)) '
        '(func $f (canon lift (core func $c "run"))) (export "run" (func $f)))'
    )
    binary = compose(parts_of(bytes(test), bytes(runner), None))
    component = wasmtime.Component(engine.Engine(config), binary)
    assert component.get_export_index("run") is not None


def test_a_component_that_never_stops_runs_out_of_fuel() -> None:
    pytest.importorskip("wasmtime")
    wasmtime = load_wasmtime()
    endless = wasmtime.wat2wasm(
        '(component (core module $m (func (export "run") (loop $again (br $again)))) '
        "(core instance $c (instantiate $m)) "
        '(func $f async (canon lift (core func $c "run"))) (export "run" (func $f)))'
    )
    assert run_component(wasmtime, bytes(endless)) == "traps: all fuel consumed by WebAssembly"


def test_a_panic_is_named_after_the_function_of_the_runtime() -> None:
    frame = "<wit_bindgen[7f]::rt::async_support::spawn::Tasks>::new::<a[1]::B>::{closure#0}"
    assert plain_frame(frame) == "wit_bindgen::rt::async_support::spawn::Tasks::new"
    trace = f"error\n  0: 0x1 - t.wasm!std[1]::panic\n  1: 0x2 - t.wasm!{frame}\n"
    trace += "\nCaused by:\n    wasm trap: wasm `unreachable` instruction executed\n"
    assert describe_error(trace) == "panics in `spawn::Tasks::new`"
    assert describe_error(trace.replace(frame, "t[1]::run")) == "fails an assertion of the test"
    assert (
        describe_error(trace.replace(frame, "t_runner[1]::r")) == "fails an assertion of the runner"
    )
    overwritten = trace.replace(frame, "t[1]::check_frame")
    assert describe_error(overwritten) == "a frame that waited was overwritten"
    assert (
        describe_error("x\n\nCaused by:\n    wasm trap: deadlock detected")
        == "traps: deadlock detected"
    )


def needs_components() -> None:
    """Skip the test where no components are built."""
    pytest.importorskip("wasmtime")
    if shutil.which("cargo") is None:
        pytest.skip("no components are built: there is no cargo")
    try:
        build_flags()
    except InputError as error:
        pytest.skip(f"no components are built: {error.what}")


def test_a_test_traps_on_wasmtime_and_returns_once_the_runtime_is_cured() -> None:
    needs_components()
    seen = run_cases_on_wasmtime([case("stream-read-after-drop")], lambda *_: None)
    results = seen["stream-read-after-drop"]
    assert results["0.63.0"].startswith("traps: cannot read from stream after being notified")
    assert results["0.63.0 with `done-after-drop`"] == "returns"


@pytest.mark.nightly
def test_a_task_that_yields_is_given_no_event_by_0_48_1_and_is_by_0_50_0() -> None:
    """`CallbackCode::Poll` of 0.49.0, between them, is a code that Wasmtime does not know."""
    needs_components()
    test = case("yielding-task-gets-no-event").test
    runs = [CrateRun(test, release, ()) for release in ("0.48.1", "0.49.0", "0.50.0")]
    assert [result.seen for result in run_components(runs)] == [
        "fails an assertion of the runner",
        "traps: unsupported callback code",
        "returns",
    ]


# --- the data -------------------------------------------------------------------------------------


def test_every_finding_names_where_its_test_passes() -> None:
    nowhere = {finding.name for finding in FINDINGS if not (finding.unaffected or finding.cure)}
    # the stack pointer cannot be set back from Rust, the current task belongs to no thread, and
    # every release waits in a drop, a wait whose event is there returns at once, and nobody calls
    # back what an export of synchronous type starts; what is leaked runs no code, and an operation
    # that is over panics by design
    assert nowhere == {
        "stack-lost-when-frames-end",
        "current-task-of-another-thread",
        "frame-overwritten-while-a-drop-waits",
        "drop-traps-in-sync-export",
        "block-on-with-events-starves-the-host",
        "second-start-by-hand",
        "reader-used-after-forgotten-read",
        "reader-dropped-after-forgotten-read",
        "item-of-forgotten-read-is-lost",
        "forgotten-reader-stays",
        "cancelled-when-over",
        "polled-when-over",
    }


def test_every_finding_has_the_place_of_the_fault() -> None:
    sites = BUNDLED.sites
    for finding in FINDINGS:
        panics = finding.site != "" and sites[finding.site].kind == "panic"
        assert bool(finding.where) != panics, finding.name


def test_the_line_at_fault_is_in_the_release() -> None:
    needs_cargo()
    for finding in FINDINGS:
        if finding.where:
            file = release_source(finding.affected) / finding.where["file"]
            line = file.read_text(encoding="utf-8").splitlines()[finding.where["line"] - 1]
            assert finding.where["name"] in line, finding.name


def test_a_change_replaces_the_lines_that_it_names() -> None:
    cure = dataclasses.replace(CURES["done-after-drop"], at=(2, 3), instead=1, lines=("END",))
    assert cure.applied("one\ntwo\nthree\nfour") == "one\nwriter\nreader\nfour"


def test_a_finding_whose_verdict_is_gone_is_refused() -> None:
    gone = dataclasses.replace(BY_NAME["stream-read-after-drop"], property="no-leak", site="")
    with pytest.raises(InputError, match="does not violate no-leak"):
        result_of(gone)


def test_a_wrong_entry_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "findings.toml"
    path.write_text('[[finding]]\nname = "x"\nsite = 3\nsight = 4\n', encoding="utf-8")
    with pytest.raises(InputError, match="x: no key sight"):
        load_findings(path)
