"""The command: exit statuses, messages, results, traces."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support import run
from wakeproof.bundled import MODEL, PACKAGE, ROOT, SCENARIOS
from wakeproof.check import results_file
from wakeproof.language.model import BUNDLED

SCHEMA = json.loads(results_file.SCHEMA.read_text(encoding="utf-8"))


def results(path: Path) -> list[dict[str, Any]]:
    """The results of a file, checked against the schema."""
    document = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(document, SCHEMA)
    rows: list[dict[str, Any]] = document["results"]
    return rows


def scenario_file(folder: Path, old: str = "", new: str = "", name: str = "issue-1618") -> Path:
    """A copy of a bundled scenario, with one piece of its text replaced."""
    text = (SCENARIOS / f"{name}.toml").read_text(encoding="utf-8")
    assert old in text
    path = folder / f"{name}.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_scenario_as_expected_ends_with_0_and_writes_valid_results(tmp_path: Path) -> None:
    done = run("check", "issue-1618", "--json", tmp_path / "r.json")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = results(tmp_path / "r.json")
    assert {tuple(r["mix"].values()) for r in rows} == {
        tuple(mix) for mix in itertools.product(("v1", "v2", "v3"), repeat=3)
    }
    by = {(*r["mix"].values(), r["property"]): r for r in rows}
    broken = by["v1", "v1", "v1", "no-panic"]
    assert broken["verdict"] == "violated"
    assert [v["site"] for v in broken["violations"]] == ["waitable::register_waker::prev-is-own"]
    assert broken["violations"][0]["trace"][-1]["action"] == "poll"
    assert by["v1", "v1", "v1", "no-stale-callback"]["verdict"] == "violated"
    assert by["v2", "v2", "v2", "no-panic"]["verdict"] == "holds"
    assert by["v2", "v2", "v2", "no-stale-callback"]["verdict"] == "holds"


def test_a_trace_names_the_abi_calls_and_builtins_with_arguments_and_results() -> None:
    done = run("check", "issue-1618", "--mix", "v1/v1/v1", "--traces")
    assert "waitable_register(export, h2, first-write) = null" in done.stdout
    assert "waitable.join(h2, h3)" in done.stdout
    assert "must hold:" in done.stdout
    assert "means:" in done.stdout


@pytest.mark.slow
def test_a_verdict_that_changed_ends_with_1(tmp_path: Path) -> None:
    path = scenario_file(tmp_path, "[otherwise]", "[otherwise]\n# changed", "stream-after-drop")
    text = re.sub(r"\nsites = .*\n", "\n", path.read_text(encoding="utf-8"))
    path.write_text(text.replace('verdict = "violated"', 'verdict = "holds"'), encoding="utf-8")
    done = run("check", path)
    assert done.returncode == 1
    assert "not as expected" in done.stdout


@pytest.mark.slow
def test_a_violation_at_another_site_than_expected_ends_with_1(tmp_path: Path) -> None:
    path = scenario_file(
        tmp_path, "host::stream_copy::not-idle", "host::drop::wrong-end", "stream-after-drop"
    )
    assert run("check", path).returncode == 1


@pytest.mark.slow
def test_a_limit_ends_with_3_and_is_named(tmp_path: Path) -> None:
    done = run("check", "subtask", "--max-states", "50", "--json", tmp_path / "r.json")
    assert done.returncode == 3
    assert "max-states 50" in done.stdout
    assert {r["verdict"] for r in results(tmp_path / "r.json")} >= {"unknown"}
    assert run("check", "subtask", "--timeout", "0.001").returncode == 3


def test_a_bound_that_is_too_small_is_unknown_not_holds(tmp_path: Path) -> None:
    path = scenario_file(tmp_path, "Handle = 4", "Handle = 2", "move-between-tasks")
    done = run("check", path, "--executor", "v2", "--block-on", "v2", "--import", "v2")
    assert done.returncode == 3
    assert "the bound on handles is too small" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "line_text", "message"),
    [
        ("[sizes]", "[sizes", "[sizes", "not TOML"),
        ("Task = 2", "Tusk = 2", "Tusk", "index type 'Tusk'"),
        ('"STREAM_READ"', '"STREAM_REED"', "kind =", "'STREAM_REED' is not of type OperationKind"),
        ('title = "', 'title = "\\u001b[2J', "title", "does not match"),
        ('["export"', '["a\\"); std::process::exit(0); //"', "Task =", "does not match"),
        ('"STREAM_READ"', "99", "kind =", "99 is not of type OperationKind"),
        ('"STREAM_READ"', "-1", "kind =", "-1 is not of type OperationKind"),
        ("opened = true", "opend = true", "opend", "no parameter 'opend'"),
        ('"call_export export"', '"call_exprt export"', "call_exprt", "no action 'call_exprt'"),
        ('"poll read"', '"poll reed"', "poll reed", "'reed' is not of type Operation"),
        ('export = ["v1", "v2", "v3"]', 'export = ["v9"]', "", "unknown ABI version 'v9'"),
        ('property = "no-panic"', 'property = "no-panics"', '"no-panics"', "property 'no-panics'"),
        ('title = "', 'titel = "', "titel", "title"),
        ('"return_ready",', '"return_sync_export",', "return_sync_export", "not possible"),
    ],
)
def test_a_malformed_scenario_ends_with_2_and_names_the_place(
    tmp_path: Path, old: str, new: str, line_text: str, message: str
) -> None:
    path = scenario_file(tmp_path, old, new)
    done = run("check", path)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    if line_text:
        lines = path.read_text(encoding="utf-8").splitlines()
        number = next(i for i, line in enumerate(lines, 1) if line_text in line)
        assert f"{path}:{number}" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "no-such-scenario"],
        ["check", "issue-1618", "--property", "no-such-property"],
        ["check", "issue-1618", "--executor", "v7"],
        ["check", "issue-1618", "--model", "/no/such/folder"],
        ["check", "--no-such-option"],
        ["replay", "/no/such/file.json"],
        ["simulate", "issue-1618", "--script", "/no/such/file"],
        ["prove", "--timeout", "5"],
        ["check", "issue-1618", "--max-states", "18446744073709551616"],
        ["show", "v33"],
        ["check", "issue-1618", "--mix", ""],
        ["check", "issue-1618", "--executor", "v2,"],
        ["check", "issue-1618", "--json", "/no/such/folder/results.json"],
        ["simulate", "issue-1618", "--json", "/no/such/folder/results.json"],
        ["findings", "--run", "--traces", "/no/such/file.json"],
        ["findings", "--component"],
    ],
)
def test_wrong_use_ends_with_2_and_one_message(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_reported_after_the_verdicts_were_printed() -> None:
    done = run("check", "stream-after-drop", "--json", "/dev/full")
    assert done.returncode == 2
    assert "No space left" in done.stderr
    assert "verdicts in" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("explorer", "name", "change", "seconds", "status", "sent"),
    [
        # it takes six seconds where nothing else runs
        (
            "plain",
            "wake-between-tasks",
            ("single_use = true", "single_use = false"),
            3.5,
            3,
            signal.SIGINT,
        ),
        # more than seven steps reach sites that are not expected, and that is reported
        ("native", "everything", ("steps = 7", "steps = 70"), 6.0, 1, signal.SIGTERM),
    ],
)
def test_an_interrupt_keeps_what_was_computed(
    tmp_path: Path,
    explorer: str,
    name: str,
    change: tuple[str, str],
    seconds: float,
    status: int,
    sent: signal.Signals,
) -> None:
    path = scenario_file(tmp_path, *change, name)
    command = [sys.executable, "-m", "wakeproof", "check", str(path), "--executor", "v2"]
    command += ["--block-on", "v2", "--import", "v2", "--explorer", explorer]
    command += ["--fresh", "--json", str(tmp_path / "r.json"), "--report", str(tmp_path / "p.md")]
    (tmp_path / "p.md").write_text("whole", encoding="utf-8")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status
    assert "Traceback" not in errors
    rows = results(tmp_path / "r.json")
    assert {r["limit"] for r in rows} == {"interrupted"}
    assert (tmp_path / "p.md").read_text(encoding="utf-8") == "whole"
    assert (tmp_path / "p.partial.md").exists()
    assert rows[0]["states"] > 1000


def test_a_closed_pipe_prints_no_traceback() -> None:
    command = f"{sys.executable} -m wakeproof check issue-1618 | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_a_reader_who_closes_the_pipe_loses_no_file(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    words = ["check", "issue-1618", "--mix", "v2/v2/v2", "--json", str(file)]
    process = subprocess.Popen(
        [sys.executable, "-m", "wakeproof", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 3
    assert len(results(file)) == len(BUNDLED.properties)
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_a_saved_violation_replays_and_an_altered_one_does_not(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    run("check", "issue-1618", "--property", "no-panic", "--json", file)
    done = run("replay", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "still happens" in done.stdout
    document = json.loads(file.read_text(encoding="utf-8"))
    for row in document["results"]:
        row["mix"] = {"export": "v2", "block_on": "v2", "import": "v2"}
    file.write_text(json.dumps(document), encoding="utf-8")
    done = run("replay", file)
    assert done.returncode == 1
    assert "the site is not reached any more" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("word", ["[/red]", "[link=x]y", "[bold"])
def test_a_name_in_a_results_file_is_printed_as_it_is(word: str, tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    run("check", "issue-1618", "--property", "no-panic", "--json", file)
    document = json.loads(file.read_text(encoding="utf-8"))
    for row in document["results"]:
        for violation in row["violations"]:
            violation["site"] = word
    file.write_text(json.dumps(document), encoding="utf-8")
    done = run("replay", file)
    assert done.returncode in (1, 2), done.stderr
    assert word in done.stdout + done.stderr
    assert "unexpected failure" not in done.stderr


def test_a_file_that_is_not_a_results_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"tool": "other"}', encoding="utf-8")
    done = run("replay", tmp_path / "x.json")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_trace_violates_the_property_that_is_named_with_it(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    run("check", "issue-1618", "--property", "no-panic", "--json", file)
    document = json.loads(file.read_text(encoding="utf-8"))
    for wrong, message in (
        ("no-panics", "the model does not know the property no-panics"),
        ("no-trap", "which does not violate no-trap"),
    ):
        for row in document["results"]:
            row["property"] = wrong
        file.write_text(json.dumps(document), encoding="utf-8")
        done = run("replay", file)
        assert done.returncode == 1
        assert message in " ".join(done.stdout.split())


@pytest.mark.slow
@pytest.mark.parametrize("command", ["replay", "releases"])
def test_a_file_without_a_violation_is_refused_where_there_is_nothing_to_play(
    command: str, tmp_path: Path
) -> None:
    file = tmp_path / "r.json"
    run("check", "table-forms", "--property", "no-trap", "--json", file)
    assert results(file)
    done = run(command, file)
    assert done.returncode == 2
    assert str(file) in done.stderr
    assert "hint:" in done.stderr or "wakeproof check --json FILE" in done.stderr


def test_a_walk_is_determined_by_its_seed() -> None:
    first = run("simulate", "subtask", "--seed", "5")
    assert first.returncode == 0, first.stderr
    assert run("simulate", "subtask", "--seed", "5").stdout == first.stdout
    assert run("simulate", "subtask", "--seed", "6").stdout != first.stdout


def test_a_walk_by_script_lists_the_possible_actions_where_it_fails(tmp_path: Path) -> None:
    script = tmp_path / "walk.txt"
    script.write_text("call_export left\n# a comment\nreturn_pending\n", encoding="utf-8")
    done = run("simulate", "subtask", "--script", script)
    assert done.returncode == 2
    assert f"{script}:3" in done.stderr
    assert "possible here:" in done.stderr


def test_a_saved_walk_replays(tmp_path: Path) -> None:
    run("simulate", "subtask", "--seed", "3", "--json", tmp_path / "w.json")
    results(tmp_path / "w.json")
    assert run("replay", tmp_path / "w.json").returncode == 0


def test_the_rows_of_a_saved_walk_are_a_script(tmp_path: Path) -> None:
    run("simulate", "subtask", "--seed", "3", "--json", tmp_path / "w.json")
    trace = results(tmp_path / "w.json")[0]["violations"][0]["trace"]
    assert any(row["arguments"] for row in trace)
    lines = [" ".join([row["action"], *row["arguments"].values()]) for row in trace]
    script = tmp_path / "walk.txt"
    script.write_text("\n".join(lines), encoding="utf-8")
    done = run("simulate", "subtask", "--script", script, "--json", tmp_path / "again.json")
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "again.json")[0]["violations"][0]["trace"] == trace


def test_list_names_everything() -> None:
    done = run("list")
    assert done.returncode == 0, done.stderr
    for word in ("issue-1618", "no-stale-callback", "v1_1638", "poll_with_noop_waker"):
        assert word in done.stdout
    assert "waitable::register_waker::prev-is-own" in done.stdout


def test_the_results_on_standard_output_are_nothing_but_json() -> None:
    done = run("check", "issue-1618", "--mix", "v2/v2/v2", "--json", "-")
    assert len(json.loads(done.stdout)["results"]) == len(BUNDLED.properties)
    assert "all as expected" in done.stderr


def test_the_findings_are_listed_in_lines_of_80_columns() -> None:
    done = run("findings")
    lines = done.stdout.splitlines()
    assert (
        "cancelled-task-keeps-read          0.60.0, not in 0.63.0 no-waitable-in-dead-set" in lines
    )
    assert max(map(len, lines)) <= 80
    assert len(run("findings", "stream-read-after-drop").stdout.splitlines()) == 3


@pytest.mark.slow
def test_the_pages_of_a_finding_are_made_again_from_what_its_test_did(tmp_path: Path) -> None:
    kept = ROOT / "reports" / "findings"
    name = "stream-read-after-drop"
    refused = run("findings", name, "--output", str(tmp_path))
    assert f"what {name} does on 0.58.0 is not known" in refused.stderr
    for file in ("crates.json", "components.json"):
        shutil.copy(kept / file, tmp_path)
    done = run("findings", name, "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    made = {file.relative_to(tmp_path): file.read_text("utf-8") for file in files_in(tmp_path)}
    assert len(made) > len(("crates.json", "components.json", "issue.md", "page.html"))
    assert made == {path: (kept / path).read_text("utf-8") for path in made}


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_show_prints_a_finding_with_its_program_and_its_cure() -> None:
    done = run("show", "stream-read-after-drop")
    assert done.returncode == 0, done.stderr
    assert "  where: trap in stream_copy: " in done.stdout
    assert "async fn exported() {" in done.stdout
    assert "  cure: The reader and the writer of a stream are done" in done.stdout


def test_show_prints_the_story_and_the_expectations() -> None:
    done = run("show", "issue-1618")
    assert done.returncode == 0, done.stderr
    assert "no-op" in done.stdout or "does nothing" in done.stdout
    assert "prev-is-own" in done.stdout


@pytest.mark.slow
def test_a_version_of_ones_own_is_checked_beside_the_bundled_ones(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "v2_mine.py").write_text(
        '"""V2, but a task is never kept."""\n\n'
        "from __future__ import annotations\n\n"
        "from model.types import Operation, Task\n"
        "from wakeproof.language import side\n\n"
        'BASE = "v2"\n\n\n'
        '@side("operation")\n'
        "def keep_task(operation: Operation, task: Task) -> None:\n"
        '    """Keep nothing."""\n'
        "    return\n",
        encoding="utf-8",
    )
    path = scenario_file(tmp_path, '"v1", "v2"', '"v2_mine"', "move-between-tasks")
    text = path.read_text(encoding="utf-8").replace('"v1", "v2"', '"v2_mine"')
    path.write_text(text, encoding="utf-8")
    words = ("--property", "no-stale-callback", "--traces")
    done = run("check", path, "--model", tmp_path / "mine", *words)
    assert "v2_mine/v2_mine/v2_mine" in done.stdout
    assert "no-stale-callback  v2_mine" in done.stdout, "V2 without its kept task is V1"


def test_a_malformed_table_of_properties_is_refused(tmp_path: Path) -> None:
    shutil.copytree(MODEL, tmp_path / "model")
    path = tmp_path / "model" / "properties.toml"
    path.write_text(path.read_text(encoding="utf-8") + "\n[[property]]\n", encoding="utf-8")
    done = run("check", "stream-after-drop", "--model", tmp_path / "model")
    assert done.returncode == 2
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr


def test_help_and_check_do_not_load_the_solver() -> None:
    code = "import sys, wakeproof.cli, wakeproof.commands; sys.exit('z3' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
    )
    code = "import sys, wakeproof.cli; sys.exit('rich' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
    )


@pytest.mark.slow
def test_a_violation_of_a_scenario_of_ones_own_is_replayed_and_exported(tmp_path: Path) -> None:
    story = (SCENARIOS / "move-between-tasks.toml").read_text(encoding="utf-8")
    (tmp_path / "my-story.toml").write_text(story, encoding="utf-8")
    mix = ["--mix", "v2/v2/v2", "--property", "no-stuck-task"]
    assert run("check", "my-story.toml", *mix, "--json", "r.json", cwd=tmp_path).returncode == 0
    assert "still happening: 1 of 1 trace" in run("replay", "r.json", cwd=tmp_path).stdout
    assert "# The export" in run("export", "r.json", "--to", "issue", cwd=tmp_path).stdout
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert run("export", "../r.json", "--to", "issue", cwd=elsewhere).returncode == 0
    named = ["--scenario", "../my-story.toml"]
    assert run("export", "../r.json", "--to", "issue", *named, cwd=elsewhere).returncode == 0
