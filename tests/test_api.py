"""The public API: what users import from `wakeproof`."""

from __future__ import annotations

import dataclasses
import doctest
import inspect
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import wakeproof
from tests.mutants import MUTANTS
from tests.support import Alter
from wakeproof.bundled import PACKAGE, SCENARIOS
from wakeproof.export import PICTURES
from wakeproof.language.model import Model

ROOT = Path(__file__).parent.parent
FINDING = ("stream-after-drop", "v3/v2/v3", "no-trap")
"""A scenario, a mix and a property that is violated in them; a finding."""


def violation(scenario: str, mix: str, name: str, **options: Any) -> wakeproof.Violation:
    """The first violation of a property."""
    (verdict,) = wakeproof.check_scenario(scenario, mix=mix, property=name, **options)
    return verdict.violations[0]


def command(*arguments: object) -> str:
    """What the command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "wakeproof", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def roles(mix: str) -> list[str]:
    """The options that choose a mix."""
    options = zip(("--executor", "--block-on", "--import"), mix.split("/"), strict=True)
    return [word for option in options for word in option]


def loaded(code: str) -> set[str]:
    """The modules that are loaded after some code ran in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"],
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


# --- the names -----------------------------------------------------------------------------------


def test_the_import_loads_no_other_module_of_the_package() -> None:
    modules = loaded("import wakeproof")
    assert [name for name in modules if name.startswith("wakeproof")] == ["wakeproof"]
    assert not {"z3", "networkx", "rich", "click"} & modules


def test_a_check_loads_neither_the_solver_nor_the_terminal() -> None:
    modules = loaded("import wakeproof; wakeproof.check_scenario('issue-1618', mix='v2/v2/v2')")
    assert "wakeproof.explore.plain" in modules
    assert not {"z3", "rich", "click"} & modules


def test_an_editor_and_a_star_import_see_the_public_names() -> None:
    assert set(wakeproof.__all__) <= set(dir(wakeproof))
    names: dict[str, object] = {}
    exec("from wakeproof import *", names)
    assert set(wakeproof.__all__) == names.keys() - {"__builtins__"}


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'check_scenarios'"):
        _ = wakeproof.check_scenarios  # type: ignore[attr-defined]


def test_no_public_name_is_the_name_of_a_module() -> None:
    modules = {module.name for module in pkgutil.iter_modules(wakeproof.__path__)}
    assert {"api", "check", "export"} <= modules
    assert not modules & set(wakeproof.__all__)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name == "Proof" else [])
        for name in ("wakeproof", *wakeproof.__all__)
    ],
)
def test_the_docstring_of_a_public_name_has_an_example_that_runs(name: str) -> None:
    what = wakeproof if name == "wakeproof" else getattr(wakeproof, name)
    examples = doctest.DocTestParser().get_doctest(inspect.getdoc(what) or "", {}, name, None, 0)
    assert len(examples.examples) > 1
    printed: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    assert not runner.run(examples, out=printed.append).failed, "".join(printed)


# --- check ---------------------------------------------------------------------------------------


def test_a_scenario_is_loaded_and_checked_in_a_few_lines() -> None:
    scenario = wakeproof.load_scenario("subtask")
    verdicts = wakeproof.check_scenario(scenario, mix="v3/v2/v3 +none")
    assert all(verdict.as_expected for verdict in verdicts)
    assert [verdict.property for verdict in verdicts] == list(wakeproof.load_model().properties)


def test_the_verdicts_of_every_mix_are_those_of_the_command(tmp_path: Path) -> None:
    command("check", "table-forms", "--json", tmp_path / "r.json")
    rows = json.loads((tmp_path / "r.json").read_text("utf-8"))["results"]
    verdicts = wakeproof.check_scenario("table-forms")
    assert len(verdicts) == 3 * len(wakeproof.load_model().properties)
    assert [(v.mix, v.property, v.verdict, v.states) for v in verdicts] == [
        ("/".join(row["mix"].values()), row["property"], row["verdict"], row["states"])
        for row in rows
    ]


@pytest.mark.slow
def test_a_scenario_that_tries_features_is_checked_in_every_build(tmp_path: Path) -> None:
    text = (SCENARIOS / "subtask.toml").read_text("utf-8")
    path = tmp_path / "subtask.toml"
    tries = '[mixes]\nfeatures = ["inter-task-wakeup", "async-spawn"]'
    path.write_text(text.replace("[mixes]", tries), encoding="utf-8")
    verdicts = wakeproof.check_scenario(path, mix="v3/v2/v3", property="no-panic")
    assert [verdict.mix for verdict in verdicts] == [
        "v3/v2/v3 +none",
        "v3/v2/v3 +async-spawn",
        "v3/v2/v3 +inter-task-wakeup",
        "v3/v2/v3 +inter-task-wakeup +async-spawn",
    ]
    both = verdicts[-1]
    mix = "v3/v2/v3 +async-spawn +inter-task-wakeup"
    (one,) = wakeproof.check_scenario(path, mix=mix, property="no-panic")
    assert (one.mix, one.states) == (both.mix, both.states)


def test_another_build_of_a_scenario_is_checked_and_simulated_by_its_name() -> None:
    (own,) = wakeproof.check_scenario("subtask", mix="v3/v2/v3", property="no-panic")
    (built,) = wakeproof.check_scenario("subtask", mix="v3/v2/v3 +async-spawn", property="no-panic")
    assert (own.mix, built.mix) == ("v3/v2/v3", "v3/v2/v3 +async-spawn")
    assert own.states != built.states
    trace = wakeproof.simulate("subtask", mix=built.mix)
    assert trace.mix == built.mix
    assert wakeproof.replay(trace) == ""


def test_a_limit_that_is_reached_makes_a_verdict_unknown() -> None:
    (verdict,) = wakeproof.check_scenario(
        "subtask", mix="v3/v2/v3 +none", property="no-panic", max_states=10
    )
    assert (verdict.verdict, verdict.limit) == ("unknown", "max-states 10")
    assert not verdict.as_expected


def test_a_file_of_ones_own_is_a_scenario(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text((SCENARIOS / "issue-1618.toml").read_text("utf-8"), encoding="utf-8")
    found = violation(str(path), "v1/v1/v1", "no-panic")
    assert found.trace.scenario.name == "mine"
    assert wakeproof.replay(found.trace) == ""


def test_versions_beside_the_model_join_the_mixes() -> None:
    folder = ROOT / "examples" / "cures"
    model = wakeproof.load_model(folder)
    assert "v3_done" in model.versions
    scenario = wakeproof.load_scenario("stream-after-drop", model)
    for given in (model, folder):
        (cured,) = wakeproof.check_scenario(
            scenario, model=given, mix="v3/v2/v3_done", property="no-trap"
        )
        assert cured.verdict == "holds"
    assert violation(*FINDING).site == "host::stream_copy::not-idle"


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    found = violation(*FINDING)
    wakeproof.replay(found.trace)
    wakeproof.export_trace(found.trace, "rust-test")
    str(found), found.trace._repr_html_()
    assert capfd.readouterr() == ("", "")


# --- traces --------------------------------------------------------------------------------------


def test_a_trace_prints_as_the_terminal_prints_it() -> None:
    found = violation(*FINDING)
    printed = command("check", FINDING[0], *roles(FINDING[1]), "--traces", "-v")
    lines = [line.rstrip() for line in str(found.trace).splitlines()]
    assert "\n".join(lines) in "\n".join(line.rstrip() for line in printed.splitlines())
    assert lines[0].startswith("   1 peer    peer_drop(input)  ")
    assert lines[-1].startswith("     means: ")
    verdict = wakeproof.check_scenario(FINDING[0], mix=FINDING[1], property=FINDING[2])[0]
    assert str(verdict).endswith(str(found))
    assert str(found) == (
        f"no-trap at host::stream_copy::not-idle  v3/v2/v3, {len(found.trace.steps)} steps\n"
        f"{found.trace}"
    )


def test_the_repr_of_a_result_is_short() -> None:
    found = violation(*FINDING)
    steps = len(found.trace.steps)
    trace = (
        f"<Trace of stream-after-drop v3/v2/v3: {steps} steps, violates no-trap at {found.site}>"
    )
    assert repr(found.trace) == trace
    assert repr(found) == f"Violation(property='no-trap', site='{found.site}', trace={trace})"


def test_a_notebook_shows_a_trace_in_colours() -> None:
    html = violation(*FINDING).trace._repr_html_()
    assert html.startswith("<pre")
    assert '<span style="font-weight: bold">peer_drop</span>' in html


@pytest.mark.parametrize(
    "mutant", [m for m in MUTANTS if m.property == "map-mirrors-set"], ids=lambda m: m.property
)
def test_a_trace_replays_in_its_own_model_and_not_in_one_without_the_fault(
    mutant: Any, alter: Alter
) -> None:
    model = Model(alter(mutant.file, mutant.old, mutant.new))
    found = violation(mutant.scenario, mutant.mix, mutant.property, model=model)
    assert wakeproof.replay(found.trace) == ""
    assert wakeproof.replay(found.trace, model=model.root) == ""
    assert wakeproof.replay(found.trace, model=wakeproof.load_model()) != ""


def test_a_trace_does_not_replay_as_a_violation_of_another_property() -> None:
    trace = dataclasses.replace(violation(*FINDING).trace, property="no-panic")
    assert "does not violate no-panic" in wakeproof.replay(trace)


@pytest.mark.parametrize("form", ["rust-test", "rust-crate", "issue"])
def test_an_exported_trace_is_that_of_the_command(form: str, tmp_path: Path) -> None:
    scenario, mix, name = FINDING
    command("check", scenario, *roles(mix), "--property", name, "--json", tmp_path / "r.json")
    output = tmp_path / ("issue.md" if form == "issue" else "files")
    command("export", tmp_path / "r.json", "--to", form, "--output", output)
    files = wakeproof.export_trace(violation(*FINDING).trace, form)
    if form == "issue":
        assert files == {"issue.md": output.read_text("utf-8")}
    else:
        written = [path for path in output.rglob("*") if path.is_file()]
        assert files == {
            path.relative_to(output).as_posix(): path.read_text("utf-8") for path in written
        }


@pytest.mark.parametrize("form", PICTURES)
def test_a_picture_of_a_trace_is_that_of_the_command(form: str, tmp_path: Path) -> None:
    scenario, mix, name = FINDING
    command("check", scenario, *roles(mix), "--property", name, "--json", tmp_path / "r.json")
    output = tmp_path / "picture"
    command("export", tmp_path / "r.json", "--to", form, "--output", output)
    files = wakeproof.export_trace(violation(*FINDING).trace, form)
    assert files == {f"trace{PICTURES[form]}": output.read_text("utf-8")}


def test_a_walk_that_violates_nothing_has_a_picture() -> None:
    files = wakeproof.export_trace(wakeproof.simulate("subtask", steps=2), "mermaid")
    assert "Nothing is violated" in files["trace.mmd"]


# --- walks ---------------------------------------------------------------------------------------


def test_a_walk_is_that_of_the_command() -> None:
    trace = wakeproof.simulate("subtask", seed=3, steps=8)
    assert len(trace.steps) == 8
    assert str(trace) in command("simulate", "subtask", "--seed", 3, "--steps", 8)
    assert wakeproof.replay(trace) == ""


def test_a_walk_may_be_in_a_mix_that_the_scenario_does_not_name() -> None:
    assert wakeproof.simulate("spawn-off", steps=1).mix == "v3/v3/v3"
    trace = wakeproof.simulate("spawn-off", mix="v3/v3/v2", steps=3)
    assert trace.mix == "v3/v3/v2"
    assert wakeproof.replay(trace) == ""


def test_a_script_is_lines_or_a_text_or_a_file(tmp_path: Path) -> None:
    found = violation(*FINDING)
    text = "# from a trace\n" + "\n".join(found.trace.script) + "  # the last\n"
    file = tmp_path / "script.txt"
    file.write_text(text, encoding="utf-8")
    for script in (found.trace.script, text, file):
        trace = wakeproof.simulate(FINDING[0], mix=FINDING[1], script=script)
        assert trace == found.trace


def test_a_walk_that_violates_nothing_is_not_exported() -> None:
    with pytest.raises(wakeproof.InputError, match="ends in no violation"):
        wakeproof.export_trace(wakeproof.simulate("subtask", steps=2), "rust-test")


# --- proofs --------------------------------------------------------------------------------------


def test_a_proof_has_a_verdict_on_every_property_and_the_goals_that_are_open() -> None:
    # the sizes and the mix of the example in the docstring, whose results are cached
    proof = wakeproof.prove_properties(
        mix="v2/v2/v2", sizes={"Task": 1, "Operation": 1, "Handle": 1}
    )
    # the host that the lemmas are about
    older = wakeproof.load_model(host="spec_6d28164")
    assert list(proof.verdicts) == list(older.properties)
    assert proof.verdicts["no-stale-callback"] == "proved"
    assert "no-stale-callback" in proof.facts
    assert proof.verdicts["no-panic"] == "violated"
    goal = "panic subtask::in_progress_update::starting-not-started"
    assert goal in proof.open["no-panic"]
    assert "no-panic: violated; open: panic " in str(proof)


# --- wrong input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "arguments", "what"),
    [
        ("load_model", {"folder": "/nowhere"}, "no such folder"),
        ("load_scenario", {"name_or_path": "no-such-story"}, "no scenario 'no-such-story'"),
        ("check_scenario", {"scenario": "no-such-story"}, "no scenario 'no-such-story'"),
        ("check_scenario", {"scenario": "spawn", "model": "/nowhere"}, "no such folder"),
        ("check_scenario", {"scenario": "spawn", "mix": "v3/v3"}, "'v3/v3' is not a mix"),
        ("check_scenario", {"scenario": "spawn", "mix": ""}, "'' is not a mix"),
        ("check_scenario", {"scenario": "spawn", "mix": "v3/v3/v9"}, "unknown version 'v9'"),
        ("check_scenario", {"scenario": "issue-1618", "mix": "v2_draft/v2/v2"}, "does not name"),
        ("check_scenario", {"scenario": "spawn-off", "mix": "v3/v3/v2"}, "does not name"),
        ("check_scenario", {"scenario": "subtask", "mix": "v3/v2/v3 +speed"}, "has no build"),
        ("check_scenario", {"scenario": "issue-1618", "mix": "v3/v2/v3 +none"}, "has no build"),
        ("check_scenario", {"scenario": "spawn", "property": "no-bugs"}, "unknown property"),
        ("check_scenario", {"scenario": "spawn", "max_states": 0}, "max_states=0"),
        ("check_scenario", {"scenario": "spawn", "timeout": 0}, "timeout=0"),
        ("simulate", {"scenario": "subtask", "steps": 0}, "steps=0"),
        ("simulate", {"scenario": "subtask", "script": ["run right"]}, "no action 'run'"),
        ("simulate", {"scenario": "subtask", "script": "return_ready"}, "is not possible here"),
        ("simulate", {"scenario": "subtask", "script": Path("/nowhere")}, "cannot be read"),
        ("prove_properties", {"properties": ["no-bugs"]}, "unknown property 'no-bugs'"),
        ("prove_properties", {"mix": "v2/v2/v9"}, "unknown version 'v9'"),
        ("prove_properties", {"mix": "v2/v2/v2 +none"}, "for every build"),
        ("prove_properties", {"sizes": {"Task": 0}}, "Task=0"),
        ("prove_properties", {"sizes": {"Tasks": 1}}, "Tasks=1"),
    ],
)
def test_wrong_input_is_an_input_error_with_a_hint(
    function: str, arguments: dict[str, Any], what: str
) -> None:
    with pytest.raises(wakeproof.InputError) as error:
        getattr(wakeproof, function)(**arguments)
    assert what in error.value.what
    assert error.value.hint or error.value.where == "/nowhere"


def test_a_wrong_form_is_an_input_error_that_names_one_like_it() -> None:
    trace = wakeproof.simulate("subtask", steps=1)
    with pytest.raises(wakeproof.InputError) as error:
        wakeproof.export_trace(trace, "c-test")
    assert error.value.hint == "did you mean rust-test?"


@pytest.mark.parametrize("function", ["check_scenario", "simulate"])
def test_a_scenario_with_versions_of_another_model_is_an_input_error(function: str) -> None:
    scenario = wakeproof.load_scenario("subtask", wakeproof.load_model(ROOT / "examples" / "cures"))
    with pytest.raises(wakeproof.InputError, match="unknown version 'v3_"):
        getattr(wakeproof, function)(scenario)


def test_wrong_input_in_a_file_has_its_line(tmp_path: Path) -> None:
    text = (SCENARIOS / "issue-1618.toml").read_text("utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("title =", "titel ="), encoding="utf-8")
    with pytest.raises(wakeproof.InputError) as error:
        wakeproof.load_scenario(path)
    assert error.value.where.startswith(f"{path}:")
    assert error.value.hint
