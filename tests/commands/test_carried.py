"""A results file carries its scenarios: its traces are replayed and exported anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import Called, bundled
from wakeproof.check.carried import carried, scenario_of, with_files
from wakeproof.check.results_file import read_results
from wakeproof.commands.new import NewOptions, new_command
from wakeproof.scenario.file import read_scenario


@pytest.fixture
def traces(tmp_path: Path, called: Called, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The results of a scenario called as a bundled one, whose file is gone meanwhile."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    new_command(NewOptions(file=Path("subtask.toml"), source=None))
    status, _, _ = called("check", "subtask.toml", "--json", tmp_path / "traces.json", "-q")
    assert status == 1
    (home / "subtask.toml").unlink()
    away = tmp_path / "away"
    away.mkdir()
    monkeypatch.chdir(away)
    return tmp_path / "traces.json"


def test_traces_are_replayed_without_the_file_of_their_scenario(
    traces: Path, called: Called
) -> None:
    status, printed, _ = called("replay", traces)
    assert (status, printed.splitlines()) == (
        0,
        [
            "subtask v3/v3/v3 host::stream_copy::not-idle: still happens",
            "still happening: 1 of 1 trace",
        ],
    )


def test_traces_are_exported_without_the_file_of_their_scenario(
    traces: Path, called: Called
) -> None:
    status, printed, _ = called("export", traces, "--to", "issue")
    assert status == 0
    assert "async fn worker()" in printed


def test_a_scenario_with_a_bundled_name_is_not_the_bundled_one(traces: Path) -> None:
    (row,) = {scenario_of(result) for result in read_results(traces)}
    assert read_scenario(Path(row)).title == "A select whose loser is dropped"
    assert Path(row).stem == "subtask"


def test_a_bundled_scenario_is_taken_from_where_it_is(tmp_path: Path, called: Called) -> None:
    file = tmp_path / "walk.json"
    assert called("simulate", "spawn-off", "--json", file)[0] in (0, 1)
    (row,) = read_results(file)
    assert Path(scenario_of(row)) == bundled("spawn-off").path


def test_a_scenario_carries_its_base(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(bundled("subtask").path.read_text("utf-8"), "utf-8")
    (tmp_path / "mine.toml").write_text('base = "base.toml"\ntitle = "mine"\n', "utf-8")
    scenarios = carried([read_scenario(tmp_path / "mine.toml")])
    assert set(scenarios["mine"]["files"]) == {"mine.toml", "base.toml"}
    results = [{"scenario": "mine"}]
    document = {"tool": "wakeproof", "results": results, "scenarios": scenarios}
    (tmp_path / "base.toml").unlink()
    (row,) = with_files(document)
    assert read_scenario(Path(scenario_of(row))).title == "mine"


def test_what_is_carried_is_written_into_the_cache_only(traces: Path) -> None:
    document = json.loads(traces.read_text("utf-8"))
    files = document["scenarios"]["subtask"]["files"]
    files["../outside.toml"] = files["subtask.toml"]
    traces.write_text(json.dumps(document), "utf-8")
    assert {scenario_of(row) for row in read_results(traces)} == {"subtask"}
