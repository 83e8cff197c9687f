"""The model against components on Wasmtime, traces as components, and what a run may lack."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.conform.wrong_models import WRONG_MODELS
from tests.support import Alter
from wakeproof.bundled import ROOT
from wakeproof.cli import cli
from wakeproof.conform.component import engine as component
from wakeproof.conform.component.circumstances import Circumstances
from wakeproof.conform.component.follower import Follower
from wakeproof.conform.component.given_steps import GivenSteps
from wakeproof.conform.component.known_bugs import KNOWN_BUGS
from wakeproof.conform.component.replay import OnWasmtime, Sight
from wakeproof.conform.component.walks import ComponentWalker, component_with
from wakeproof.conform.guest.player import Parted
from wakeproof.conform.guest.reproduce import Reproduction
from wakeproof.conform.walking import WalkPlan, compare_by_walks
from wakeproof.errors import Exit, InputError
from wakeproof.findings.registry import load_findings
from wakeproof.findings.trace import result_of
from wakeproof.language.model import Model
from wakeproof.language.values import Step
from wakeproof.report.conformance_text import COMPONENTS, walks_text
from wakeproof.report.pages.conformance import ReplayedTraces, generalised, replay_section
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.script import steps_of
from wakeproof.util.cache_folder import read_entry

FINDINGS = ROOT / "reports" / "findings"
TOOLCHAIN = ROOT / "conformance" / "wasm-toolchain"

try:
    component_with(())
except InputError as error:
    # without the target or Wasmtime these tests are skipped, except in CI
    if os.environ.get("WAKEPROOF_NEEDS_COMPONENT"):
        raise
    pytest.skip(f"no components are run: {error.what}", allow_module_level=True)


def test_a_compiled_component_that_is_damaged_is_compiled_again() -> None:
    module = component.build_core(())
    compiled = [file for file in module.parent.glob("plain.*") if file.suffix != ".wasm"]
    assert compiled
    for file in compiled:
        data = file.read_bytes()
        file.write_bytes(data[:5_000] + bytes(100) + data[5_100:])
    component.Component(())
    assert any(map(read_entry, compiled))


# --- walks ----------------------------------------------------------------------------------------


def test_walks_agree_in_every_mix_and_build() -> None:
    result = compare_by_walks(ComponentWalker, WalkPlan(walks=108, seed=1))
    text = walks_text(result, counterpart=COMPONENTS)
    assert not result.divergences, text
    assert len({mix for mix, _ in result.mixes}) == 27
    assert len({features for _, features in result.mixes}) == 4
    assert result.steps > 108 * 10
    assert sum(result.explained.values()) < 5, text
    assert {"waitable-set.poll", "stream.read", "task.return"} <= set(result.calls)
    kinds = {kind for kind, _ in result.sites}
    assert {"panic", "trap"} <= kinds


@pytest.mark.parametrize("name", WRONG_MODELS)
def test_wrong_model_is_caught(name: str, alter: Alter) -> None:
    mixes = [dict.fromkeys(("export", "block_on", "import"), "v2")]
    plan = WalkPlan(walks=60, seed=1, mixes=mixes, model=Model(alter(*WRONG_MODELS[name])))
    result = compare_by_walks(ComponentWalker, plan)
    assert result.divergences, walks_text(result, counterpart=COMPONENTS)
    assert all(d.model != d.real for d in result.divergences)


# --- traces ---------------------------------------------------------------------------------------


def trace_of(name: str) -> tuple[Instance, list[Step]]:
    """Return the trace of a finding."""
    (finding,) = (f for f in load_findings()[0] if f.name == name)
    instance = finding.instance()
    rows = result_of(finding)["violations"][0]["trace"]
    return instance, steps_of(rows, instance.resolved.program, instance.names)


def player(name: str) -> tuple[OnWasmtime, list[Step]]:
    """Return what plays the trace of a finding, and the trace."""
    instance, steps = trace_of(name)
    return OnWasmtime(instance), steps


SEEN = {
    "task-waits-on-empty-set": "`left` never exits, though the result was given",
    "wakeup-through-dead-task": "deadlock detected: `waiting` never returns",
    "stream-read-after-drop": "traps: cannot read from stream after being notified that",
    "block-on-yields-first": "panics in wit-bindgen 0.60.0, src/rt/async_support.rs, line ",
    "cancelled-task-keeps-read": "nothing to see",
}


@pytest.mark.parametrize("name", SEEN)
def test_a_user_of_wasmtime_sees(name: str) -> None:
    real, steps = player(name)
    sight = real.play(steps)
    assert sight.followed
    assert sight.seen.startswith(SEEN[name])


def test_an_outcome_that_is_altered_is_a_divergence() -> None:
    real, steps = player("block-on-yields-first")
    follower: Follower = real.follower
    site = follower.sites["async_support::block_on::yield-set-exists"]
    elsewhere = tuple((release, line + 1) for release, line in site.places)
    altered = {site.id: dataclasses.replace(site, places=elsewhere)}
    follower.sites = {**follower.sites, **altered}
    with pytest.raises(Parted) as parted:
        follower.play(real.component, GivenSteps(follower, steps))
    assert parted.value.model == f"panic at {site.id}"
    assert parted.value.real.startswith("panic ")
    assert real.play(steps).refutes


def test_a_message_of_wasmtime_explains_nothing_without_its_cause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, steps = player("sync-export-takes-read")
    assert real.play(steps).seen == "traps: BUG: event expected to be present"
    # the same, where no event was taken from the wait
    monkeypatch.setattr(Circumstances, "note_taken_events", lambda *_: None)
    assert real.play(steps).refutes


def test_a_trace_is_not_followed_where_wasmtime_takes_another_step() -> None:
    real, steps = player("task-waits-on-empty-set")
    backwards = [steps[0], *steps[2:]]
    sight = real.play(backwards)
    assert not sight.followed
    assert sight.seen.startswith("cannot be had")


def test_releases_that_were_never_made_cannot_be_played() -> None:
    instance, steps = trace_of("task-waits-on-empty-set")
    draft = Instance(instance.scenario, instance.mix | {"import": "v2_draft"}, instance.model)
    sight = OnWasmtime(draft).play(steps)
    assert sight.seen.startswith("not played: v2_draft is not a release")


# --- on the command line --------------------------------------------------------------------------


def replay(path: Path) -> Result:
    """`wakeproof replay --component`."""
    return CliRunner().invoke(cli, ["replay", str(path), "--component"])


def test_replay_has_three_columns() -> None:
    result = replay(FINDINGS / "task-waits-on-empty-set" / "trace.json")
    assert result.exit_code == Exit.AS_EXPECTED, result.output
    rows = [line.split("│") for line in result.output.splitlines() if "│" in line]
    _, model, crates, wasmtime = (" ".join("".join(c).split()) for c in zip(*rows, strict=True))
    assert model == "still happens"
    assert crates.startswith("reproduced: the task has answered WAIT")
    assert wasmtime == SEEN["task-waits-on-empty-set"]


def test_the_page_counts_traces_with_the_same_sight(tmp_path: Path) -> None:
    trace = FINDINGS / "task-waits-on-empty-set" / "trace.json"
    words = ["replay", str(trace), "--component", "--report", str(tmp_path / "page.md")]
    assert CliRunner().invoke(cli, words).exit_code == Exit.AS_EXPECTED
    row = "| `no-stuck-task` | reproduced | a task never exits, though the result was given | 1 |"
    assert row in (tmp_path / "page.md").read_text(encoding="utf-8").splitlines()


def test_the_page_has_what_is_seen_without_names_and_lines() -> None:
    panic = Sight("panics in wit-bindgen 0.63.0, src/rt/async_support/waitable.rs, line 244")
    assert generalised(panic) == "panics in `waitable.rs`"
    both = Sight("deadlock detected: `left` and `right` never return")
    assert generalised(both) == "deadlock detected: tasks never return"


def test_the_page_explains_bugs_of_wasmtime() -> None:
    traces = ReplayedTraces()
    seen = Sight("traps: BUG: event expected to be present")
    traces.add("no-lost-wakeup", "", Reproduction("reproduced", "the same"), seen)
    page = replay_section(traces, "replay")
    row = "| `no-lost-wakeup` | reproduced | traps: BUG: event expected to be present | 1 |"
    assert row in page.splitlines()
    assert "- BUG: event expected to be present: Wasmtime 50, where a wait" in page


def test_nothing_to_see_is_not_a_failure() -> None:
    result = replay(FINDINGS / "cancelled-task-keeps-read" / "trace.json")
    assert result.exit_code == Exit.AS_EXPECTED, result.output
    assert "nothing to see" in result.output


def test_each_turn_of_a_loop_is_compared_with_wasmtime() -> None:
    result = replay(FINDINGS / "block-on-starves-the-host" / "trace.json")
    assert result.exit_code == Exit.AS_EXPECTED, result.output
    rows = [line.split("│") for line in result.output.splitlines() if "│" in line]
    _, _, crates, wasmtime = (" ".join(" ".join(c).split()) for c in zip(*rows, strict=True))
    assert crates == "reproduced: the same calls, in each turn of its loop"
    assert wasmtime == "the same in each turn of its loop, then nothing to see"


def test_turns_that_wasmtime_does_not_take_are_no_turns() -> None:
    real, steps = player("task-waits-on-empty-set")
    assert "turn" not in real.play([steps[0], *steps[2:]], looped=True).seen


def test_a_trace_of_another_model_is_one_line(tmp_path: Path) -> None:
    text = (FINDINGS / "task-waits-on-empty-set" / "trace.json").read_text(encoding="utf-8")
    document = json.loads(text)
    document["results"][0]["violations"][0]["trace"][0]["action"] = "call_exported"
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    result = replay(path)
    assert result.exit_code == Exit.NOT_AS_EXPECTED
    assert "the model has no action 'call_exported'" in result.output


# --- what may be missing, and what never stops ----------------------------------------------------


def test_a_component_that_never_stops_runs_out_of_fuel(monkeypatch: pytest.MonkeyPatch) -> None:
    real, steps = player("task-waits-on-empty-set")
    monkeypatch.setattr(component, "FUEL", 100_000)
    assert real.play(steps).seen == "it never stops: its fuel is used up"


def test_a_component_that_never_stops_runs_out_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    real, steps = player("task-waits-on-empty-set")
    monkeypatch.setattr(component, "PATIENCE", 0.0)
    assert real.play(steps).seen == "it never stops: it runs for more than 0 s"


def without_target(folder: Path) -> Path:
    """Write a compiler that has no library for WebAssembly."""
    compiler = folder / "rustc"
    compiler.write_text("#!/bin/sh\necho /nonexistent\n", encoding="utf-8")
    compiler.chmod(0o755)
    return compiler


def test_missing_target_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RUSTC", str(without_target(tmp_path)))
    monkeypatch.delenv("RUSTC_BOOTSTRAP", raising=False)
    component_with.cache_clear()
    component.build_core.cache_clear()
    result = CliRunner().invoke(cli, ["conform", "component", "--walks", "1"])
    component_with.cache_clear()
    assert isinstance(result.exception, InputError)
    assert result.exception.status == Exit.WRONG_USE
    assert "cannot build for wasm32-unknown-unknown" in result.exception.what
    assert "rustup target add" in result.exception.hint


def test_missing_cargo_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(component, "build_flags", list)
    monkeypatch.setenv("PATH", "/nonexistent")
    component.build_core.cache_clear()
    with pytest.raises(InputError, match="needs cargo"):
        component.build_core(())
    component.build_core.cache_clear()


def test_wasmtime_without_the_async_setting_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    bindings: Any = importlib.import_module("wasmtime._ffi")
    monkeypatch.delattr(bindings, "wasmtime_config_wasm_component_model_more_async_builtins_set")
    with pytest.raises(InputError, match="cannot be driven") as error:
        component.Component(())
    assert error.value.hint == "pip install 'wasmtime==50.*'"


def test_the_toolchain_names_in_a_line_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [TOOLCHAIN, tmp_path / "wasm"],
        env={"PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "wasm-toolchain: there is no cargo: install Rust\n"


def test_the_compiler_for_webassembly_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSTC", "/nonexistent/rustc")
    monkeypatch.setenv("RUSTC_BOOTSTRAP", "1")
    from wakeproof.crates.cargo import cargo_environment

    assert "RUSTC" not in cargo_environment()
    assert cargo_environment(wasm=True)["RUSTC"] == "/nonexistent/rustc"
    monkeypatch.delenv("RUSTC_BOOTSTRAP")
    assert cargo_environment()["RUSTC"] == "/nonexistent/rustc"


def test_every_explanation_names_the_wasmtime_that_it_is_about() -> None:
    assert all(e.why.startswith("Wasmtime 50") for e in KNOWN_BUGS.values())
