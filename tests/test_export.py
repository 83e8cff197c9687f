"""A saved trace as a test, as a crate and as a report; the findings that are kept as such."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from click.testing import CliRunner, Result

from wakeproof.check import Bound
from wakeproof.cli import cli
from wakeproof.content import MODEL, SCENARIOS
from wakeproof.errors import Exit, InputError
from wakeproof.findings import load_findings
from wakeproof.findings_pages import Made, make, pages, run_findings, wrong
from wakeproof.guest import build
from wakeproof.rust_components import build_flags, compose, message, plain_frame
from wakeproof.rust_program import program_of
from wakeproof.rust_runs import Ran, Run
from wakeproof.rust_test import rust_test
from wakeproof.scenario import parse_step, read_scenario

FINDINGS, CURES = load_findings()
BY_NAME = {finding.name: finding for finding in FINDINGS}


def made(name: str) -> Made:
    return make(BY_NAME[name], CURES)


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
    path = saved(tmp_path, BY_NAME["stream-read-after-drop"].result())
    assert export(path, "--to", "rust-test", "--output", tmp_path / "out").exit_code == 0
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {"test.wit", "test.rs", "runner.rs"}


ONE_RELEASE = [name for name in BY_NAME if name != "spawn-in-task-of-older-release"]


@pytest.mark.parametrize("name", ONE_RELEASE)
def test_a_test_tells_its_story_in_three_lines_and_nothing_of_the_checker(name: str) -> None:
    files = rust_test(made(name).told)
    assert len(BY_NAME[name].story) == 3
    assert files["test.rs"].startswith("".join(f"// {line}\n" for line in BY_NAME[name].story))
    for text in files.values():
        assert max(map(len, text.splitlines())) <= 100
        assert not any(word in text for word in ("h1", "h2", "wakeproof", "v2", "v3", "slot"))


def test_a_poll_in_storage_takes_the_operation_and_puts_it_back() -> None:
    body = rust_test(made("task-waits-on-empty-set").told)["test.rs"]
    assert (
        "    async fn right() {\n"
        "        let mut read = READ.take().unwrap();\n"
        "        assert!(poll_once(&mut read).await.is_pending());\n"
        "        READ.set(Some(read));\n    }\n"
    ) in body


def test_a_nested_block_on_is_a_block_and_a_destructor_a_guard() -> None:
    assert "block_on(async {" in rust_test(made("block-on-yields-first").told)["test.rs"]
    woken = rust_test(made("cancelled-sleeper-is-woken").told)["test.rs"]
    assert "let cleanup = OnDrop(|| {" in woken
    assert "drop(sleeper);" in rust_test(made("cancelled-sleeper-is-woken").told)["runner.rs"]


def test_a_report_has_program_releases_calls_site_and_cure() -> None:
    one = made("stream-read-after-drop")
    (run, *_) = one.runs(everywhere=False)
    text = pages(one, [Ran(run, 1, "FAILED: the host traps")], {})["issue.md"]
    for part in ("async fn exported()", "| 0.63.0 | the host traps |", "stream.read(h1)"):
        assert part in text
    assert "`design/mvp/canonical-abi/definitions.py`" in text
    assert "self.reader.done = true;" in text


# --- what is refused ------------------------------------------------------------------------------


def test_a_violation_that_nobody_can_see_is_refused(tmp_path: Path) -> None:
    result = BY_NAME["task-waits-for-finished-read"].result() | {"property": "one-home"}
    said = refused(export(saved(tmp_path, result), "--to", "rust-test"))
    assert "nobody outside can see that one-home is violated" in said


def test_a_trace_of_another_model_is_refused(tmp_path: Path) -> None:
    result = BY_NAME["task-waits-on-empty-set"].result()
    result["violations"][0]["trace"].pop()
    said = refused(export(saved(tmp_path, result), "--to", "issue"))
    assert "not one of this model: the property holds at its end" in said


def test_a_walk_without_a_violation_is_refused(tmp_path: Path) -> None:
    result = BY_NAME["task-waits-on-empty-set"].result() | {"property": ""}
    assert "ends in no violation" in refused(export(saved(tmp_path, result), "--to", "issue"))


def test_one_of_several_violations_must_be_chosen(tmp_path: Path) -> None:
    both = [BY_NAME[n].result() for n in ("task-waits-on-empty-set", "stream-read-after-drop")]
    path = saved(tmp_path, *both)
    assert "2 violations in the file" in refused(export(path, "--to", "issue"))
    chosen = export(path, "--to", "issue", "--property", "no-trap")
    assert chosen.output.startswith("# A stream that ended without an item is read again")


def test_a_mix_of_releases_has_a_crate_and_no_test(tmp_path: Path) -> None:
    path = saved(tmp_path, BY_NAME["spawn-in-task-of-older-release"].result())
    said = refused(export(path, "--to", "rust-test"))
    assert "built with one release, and the mix has several" in said
    assert export(path, "--to", "rust-crate", "--output", tmp_path / "crate").exit_code == 0
    manifest = (tmp_path / "crate" / "Cargo.toml").read_text(encoding="utf-8")
    assert "[dependencies.wit_bindgen_0_60_0]" in manifest
    host = (tmp_path / "crate" / "src" / "host.rs").read_text(encoding="utf-8")
    assert "use wit_bindgen_0_60_0::rt::async_support as rt;" in host


def test_a_step_that_cannot_be_written_yet_is_named() -> None:
    mix = {"export": "v3", "block_on": "v3", "import": "v3"}
    bound = Bound(read_scenario(SCENARIOS / "everything.toml"), mix, MODEL)
    lines = ("call_sync_export", "open_channel pipe")
    steps = [parse_step(bound.scenario, bound.resolved.program, line, "") for line in lines]
    with pytest.raises(InputError, match="step 2, open_channel, cannot be written as Rust yet"):
        program_of(bound, steps, "no-stuck-task")


def test_without_cargo_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(cli, ["findings", "stream-read-after-drop"])
    assert "needs cargo, which is not there" in refused(result)


def test_an_unknown_finding_is_refused() -> None:
    assert "no finding 'nothing'" in refused(CliRunner().invoke(cli, ["findings", "nothing"]))


# --- on the crates --------------------------------------------------------------------------------


def needs_cargo() -> None:
    """Skip where cargo or the crates cannot be had, but not in CI."""
    try:
        build(())
    except InputError as error:
        if os.environ.get("WAKEPROOF_NEEDS_GUEST"):
            raise
        pytest.skip(f"nothing is built: {error.what}")


def test_an_exported_crate_needs_cargo_alone(tmp_path: Path) -> None:
    needs_cargo()
    path = saved(tmp_path, BY_NAME["operation-finished-in-block-on"].result())
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


def test_a_test_fails_where_the_defect_is_and_passes_where_it_is_not() -> None:
    needs_cargo()
    names = ("stream-read-after-drop", "cancelled-task-keeps-read", "cancel-of-spawning-task")
    chosen = [made(name) for name in names]
    results = run_findings(chosen, everywhere=False, done=lambda *_: None)
    for one in chosen:
        ran = results[one.finding.name]
        assert [row.failed for row in ran] == [True, False]
        assert [row.passed for row in ran] == [False, True]
        assert wrong(one, ran) == []


def test_a_finding_that_is_told_wrong_is_caught() -> None:
    one = made("cancelled-task-keeps-read")
    told_wrong = dataclasses.replace(
        one, finding=dataclasses.replace(one.finding, affected="0.63.0", unaffected="0.60.0")
    )
    features = one.finding.built_with()
    results = [
        Ran(Run(one.told, "0.63.0", features), 0, "passed"),
        Ran(Run(one.told, "0.60.0", features), 1, "FAILED: an event is never delivered"),
    ]
    said = wrong(told_wrong, results)
    assert [line.split(":")[0] for line in said] == [
        "cancelled-task-keeps-read should fail on 0.63.0",
        "cancelled-task-keeps-read should pass on 0.60.0",
    ]


def test_a_program_that_breaks_down_is_neither_failed_nor_passed() -> None:
    one = made("stream-read-after-drop")
    run = Run(one.told, "0.63.0", ())
    assert wrong(one, [Ran(run, 101, "error")]) == [
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
    component = wasmtime.Component(engine.Engine(config), compose(bytes(test), bytes(runner)))
    assert component.get_export_index("run") is not None


def test_a_panic_is_named_after_the_function_of_the_runtime() -> None:
    frame = "<wit_bindgen[7f]::rt::async_support::spawn::Tasks>::new::<a[1]::B>::{closure#0}"
    assert plain_frame(frame) == "wit_bindgen::rt::async_support::spawn::Tasks::new"
    trace = f"error\n  0: 0x1 - t.wasm!std[1]::panic\n  1: 0x2 - t.wasm!{frame}\n"
    trace += "\nCaused by:\n    wasm trap: wasm `unreachable` instruction executed\n"
    assert message(trace) == "panics in `spawn::Tasks::new`"
    assert message(trace.replace(frame, "t[1]::run")) == "fails an assertion of its own"
    assert (
        message("x\n\nCaused by:\n    wasm trap: deadlock detected") == "traps: deadlock detected"
    )


def test_a_test_traps_on_wasmtime_and_returns_once_the_runtime_is_cured() -> None:
    pytest.importorskip("wasmtime")
    if shutil.which("cargo") is None:
        pytest.skip("no components are built: there is no cargo")
    try:
        build_flags()
    except InputError as error:
        pytest.skip(f"no components are built: {error.what}")
    from wakeproof.findings_pages import run_on_wasmtime

    seen = run_on_wasmtime([made("stream-read-after-drop")], lambda *_: None)
    results = seen["stream-read-after-drop"]
    assert results["0.63.0"].startswith("traps: cannot read from stream after being notified")
    assert results["0.63.0 with `done-after-drop`"] == "returns"


# --- the data -------------------------------------------------------------------------------------


def test_every_finding_names_where_its_test_passes() -> None:
    for finding in FINDINGS:
        assert bool(finding.unaffected) != bool(finding.cure), finding.name


def test_a_change_replaces_the_lines_that_it_names() -> None:
    cure = dataclasses.replace(CURES["done-after-drop"], at=(2, 3), instead=1, lines=("END",))
    assert cure.applied("one\ntwo\nthree\nfour") == "one\nwriter\nreader\nfour"


def test_a_finding_whose_verdict_is_gone_is_refused() -> None:
    gone = dataclasses.replace(BY_NAME["stream-read-after-drop"], property="no-leak", site="")
    with pytest.raises(InputError, match="does not violate no-leak"):
        gone.result()


def test_a_wrong_entry_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "findings.toml"
    path.write_text('[[finding]]\nname = "x"\nsite = 3\nsight = 4\n', encoding="utf-8")
    with pytest.raises(InputError, match="x: no key sight"):
        load_findings(path)
