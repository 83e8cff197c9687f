"""Threads of an instance as a test of the suite: frames that wait, in any order of their ends."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from tests.export.threads import (
    ABOVE_FIRST,
    ABOVE_LAST,
    BELOW_FIRST,
    EXPORT,
    LEFT,
    Line,
    by_hand,
)
from wakeproof.crates.releases import releases
from wakeproof.crates.wasm_target import build_flags
from wakeproof.errors import InputError
from wakeproof.export.rust.files import rust_crate, rust_test
from wakeproof.export.rust.from_trace import program_of
from wakeproof.export.rust.program import RustTest
from wakeproof.findings.cases import Case, case_of, deviations_on_wasmtime
from wakeproof.findings.registry import load_findings
from wakeproof.findings.run_components import run_components
from wakeproof.findings.run_crates import CrateRun
from wakeproof.report.pages.findings import finding_files, findings_matrix, findings_page

FRAMES, POINTER = "no-frame-overwritten", "stack-pointer-restored"
OVERWRITTEN = "a frame that waited was overwritten"
LOST = "the stack pointer is not where it was"


def written(lines: list[Line], violated: str = FRAMES) -> RustTest:
    """The test of some steps."""
    return RustTest("threads", ("A story.",), program_of(*by_hand(lines), violated))


def function(text: str, name: str) -> str:
    """The body of a function of the component, without indentation."""
    body = text.split(f"fn {name}() {{\n")[1].split("\n    }\n")[0]
    return "\n".join(line.removeprefix("        ") for line in body.splitlines())


def test_whoever_waits_does_so_in_a_frame_that_is_looked_at() -> None:
    text = rust_test(written(BELOW_FIRST))["test.rs"]
    assert function(text, "exported") == (
        'in_frame("in-export", || block_on(async {\n'
        "    let mut left = read_first();\n"
        "    (&mut left).await;\n"
        "}));\n"
        "assert!(poll_once(&mut write_second()).await.is_ready());"
    )
    assert function(text, "blocks").startswith('in_frame("in-sync", || block_on(async {')


def test_other_properties_do_not_look_at_frames() -> None:
    text = rust_test(written(BELOW_FIRST, "no-stuck-task"))["test.rs"]
    assert function(text, "blocks").startswith("block_on(async {")
    assert "frame" not in text


def test_the_caller_does_what_happens_before_and_after_the_synchronous_call() -> None:
    runner = rust_test(written(ABOVE_LAST))["runner.rs"]
    steps = ("start(exported())", "blocks();", "first.write(vec![1])", "exported.await")
    places = [runner.index(step) for step in steps]
    assert places == sorted(places)
    assert "second" not in runner


def test_a_peer_that_acts_during_the_synchronous_call_is_a_thread_of_the_component() -> None:
    text = rust_test(written(ABOVE_LAST))["test.rs"]
    body = function(text, "exported").splitlines()
    written_at = body.index("    assert!(poll_once(&mut write_second()).await.is_ready());")
    assert body[written_at + 1] == "    suspend().await;"


def test_a_frame_that_still_waits_at_the_end_of_the_trace_goes_on() -> None:
    text = rust_test(written(BELOW_FIRST[:10]))["test.rs"]
    assert function(text, "exported").splitlines()[-3:] == [
        "    drop(SECOND_WRITER.take());",
        "    drop(SECOND_READER.take());",
        "}));",
    ]


def test_the_stack_pointer_is_asked_for_before_and_after() -> None:
    files = rust_test(written(BELOW_FIRST, POINTER))
    assert "  stack-pointer: func() -> u32;\n" in files["test.wit"]
    assert function(files["test.rs"], "blocks").startswith("in_wide_frame(|| block_on(async {")
    body = files["runner.rs"].split("async fn run() {\n")[1].split("\n    }\n}\n")[0].split("\n")
    assert body[0].strip() == "let before = stack_pointer();"
    assert body[-1].strip() == "check_stack(before);"


def test_a_blocking_yield_waits_in_a_frame_too() -> None:
    lines = [Line("call_sync_export"), Line("yield_blocking"), Line("return_sync_export")]
    text = rust_test(written(lines))["test.rs"]
    assert function(text, "yields") == 'in_frame("yields", || drop(yield_blocking()));'
    plain = rust_test(written(lines, "no-panic"))["test.rs"]
    assert function(plain, "yields") == "yield_blocking();"


def test_a_crate_has_one_stack_and_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be written as a crate: it has one stack"):
        rust_crate(written(BELOW_FIRST), 'version = "=0.63.0"', (), "0.63.0")


def test_a_call_during_the_synchronous_call_is_refused() -> None:
    lines = [*ABOVE_LAST[:9], Line("call_export", (EXPORT,), runs=EXPORT)]
    with pytest.raises(InputError, match="call while an export of synchronous type waits"):
        written(lines)


def test_a_peer_that_cannot_be_both_inside_and_outside_is_refused() -> None:
    lines = [*BELOW_FIRST[:9], Line("peer_copy", (LEFT,))]
    with pytest.raises(InputError, match="the peer of first acts while"):
        written(lines)


def test_frames_that_end_in_another_order_are_overwritten_on_wasmtime() -> None:
    pytest.importorskip("wasmtime")
    if shutil.which("cargo") is None:
        pytest.skip("no components are built: there is no cargo")
    try:
        build_flags()
    except InputError as error:
        pytest.skip(f"no components are built: {error.what}")
    expected = {
        ("below-first", FRAMES): OVERWRITTEN,
        ("above-last", FRAMES): OVERWRITTEN,
        ("cut", FRAMES): OVERWRITTEN,
        ("above-first", FRAMES): "returns",
        ("below-first", POINTER): LOST,
        ("above-last", POINTER): LOST,
        ("above-first", POINTER): "returns",
    }
    traces = {
        "below-first": BELOW_FIRST,
        "above-last": ABOVE_LAST,
        "above-first": ABOVE_FIRST,
        "cut": BELOW_FIRST[:10],
    }
    runs = [
        CrateRun(
            RustTest(f"{name}-{prop}", (), program_of(*by_hand(traces[name]), prop)), release, ()
        )
        for name, prop in expected
        for release in ("0.60.0", "0.63.0")
    ]
    seen = [result.seen for result in run_components(runs)]
    assert seen == [outcome for outcome in expected.values() for _ in range(2)]


# --- findings -------------------------------------------------------------------------------------


def on_components_only() -> Case:
    """A finding whose test is about frames; its trace is that of another."""
    findings, cures = load_findings()
    (finding,) = (f for f in findings if f.name == "sync-export-takes-read")
    told = dataclasses.replace(
        finding,
        rule="The rule.",
        options=("One side.", "The other."),
        example={"lines": ["fn sum() -> u32 {", "}"], "says": "It is 7000."},
    )
    one = dataclasses.replace(case_of(finding, cures), finding=told)
    return dataclasses.replace(one, test=dataclasses.replace(one.test, program=PROGRAM))


PROGRAM = written(BELOW_FIRST).program


def outcomes(one: Case) -> dict[str, str]:
    """What Wasmtime does: every release fails, and the change passes."""
    runs = one.suite_runs()
    return {one.label(run): "returns" if run.cure else OVERWRITTEN for run in runs}


def test_what_only_a_component_shows_is_run_on_every_release_as_one() -> None:
    one = on_components_only()
    assert one.crate_runs(everywhere=True) == []
    assert [run.release for run in one.suite_runs()][: len(releases())] == list(releases())


def test_a_release_that_passes_on_wasmtime_is_not_as_stated() -> None:
    one = on_components_only()
    assert deviations_on_wasmtime(one, outcomes(one)) == []
    (line,) = deviations_on_wasmtime(one, outcomes(one) | {"0.60.0": "returns"})
    assert line.endswith("should fail on Wasmtime with 0.60.0: returns")


def test_its_report_has_the_frame_the_rule_and_what_each_side_could_do() -> None:
    one = on_components_only()
    text = finding_files(one, [], outcomes(one))["issue.md"]
    assert "fn in_frame(name: &str, wait: impl FnOnce()) {" in text
    assert "| the program as a component on Wasmtime |" in text
    assert f"| 0.63.0 | {OVERWRITTEN} |" in text
    assert "## In a few lines\n\n```rust\nfn sum() -> u32 {\n}\n```\n\nIt is 7000.\n" in text
    assert "## The rule\n\nThe rule.\n" in text
    assert "\n\n- One side.\n- The other.\n" in text


def test_its_rows_are_those_of_the_components() -> None:
    one = on_components_only()
    outcome = finding_files(one, [], outcomes(one))["outcome.md"]
    assert f"| 0.58.0 | cannot be one | {OVERWRITTEN} |" in outcome
    name = one.finding.name
    page = findings_page([one], {name: []}, {name: outcomes(one)})
    assert "| fails | fails | fails | fails | fails | fails | passes |" in page
    drawn = findings_matrix([one], {name: []}, {name: outcomes(one)})
    assert f">{name}: fails {', '.join(releases())}</desc>" in drawn
