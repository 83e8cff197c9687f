"""The one screen of `check`: what is not as expected by cause, what is known, in 24 lines."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from tests.report.overviews import overview, verdicts
from tests.support import bundled
from wakeproof.bundled import SCENARIOS
from wakeproof.check.causes import known, unexpected
from wakeproof.check.job import Job, run_job
from wakeproof.check.verdict import Verdict, exit_status
from wakeproof.cli import cli
from wakeproof.errors import Exit
from wakeproof.language.model import BUNDLED, model_of
from wakeproof.report.terminal.console import COLUMNS
from wakeproof.report.terminal.overview import LINES, print_overview

MUTATED = '''"""V3, but a task is never kept."""

from model.types import Operation, Task
from wakeproof.language import side

BASE = "v3"


@side("operation")
def keep_task(operation: Operation, task: Task) -> None:
    """Keep nothing."""
    return
'''
V3 = (("export", "v3"), ("block_on", "v3"), ("import", "v3"))
NAMES = ("handle-reuse", "issue-1618")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder with a version in which a reference is not counted."""
    (tmp_path / "v4.py").write_text(MUTATED, encoding="utf-8")
    return tmp_path


def check(*words: object) -> Result:
    """Check in this process."""
    return CliRunner().invoke(cli, ["check", *map(str, words)])


def screen(rows: list[Verdict], whole: bool = False) -> list[str]:
    """Return the lines of the screen about some verdicts."""
    console = Console(width=200, file=io.StringIO(), color_system=None)
    found = overview(rows)
    print_overview(console, found, whole)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_a_panic_comes_first_with_its_line_its_condition_and_its_runs(mine: Path) -> None:
    lines = screen(verdicts(model_of(mine), "v2/v2/v4", *NAMES))
    assert lines[0].startswith("checked 2 scenarios in 1 mix: 2 runs, ")
    start = next(n for n, line in enumerate(lines) if line.startswith("not as expected: "))
    assert lines[start + 1 : start + 6] == [
        " 1 no-panic at register_waker::prev-is-own: violated, expected holds",
        "   panic in WaitableOperation::register_waker: waitable.rs, line 271 at 0.63.0",
        "   must hold: the callback pointer that this registration replaces, if there was",
        "     one, is the operation's own",
        "   in handle-reuse v2/v2/v4 and 1 more run",
    ]
    assert "steps of 1: wakeproof check handle-reuse --mix v2/v2/v4 --traces" in lines


@pytest.mark.slow
def test_of_many_causes_the_first_is_whole_and_each_other_one_a_line(mine: Path) -> None:
    model = model_of(mine)
    rows = verdicts(model, "v4/v4/v4", "handle-reuse", "nested-waits")
    rows += verdicts(model, "v3/v3/v3", "handle-reuse")
    lines = screen(rows)
    causes = unexpected(rows)
    assert len(causes) > 4
    start = next(n for n, line in enumerate(lines) if line.startswith(" 2 "))
    for number, line in enumerate(lines[start : start + len(causes) - 1], 2):
        assert line.startswith(f" {number} {causes[number - 1].short_name}: ")
        assert line.endswith(" with v4")
    assert any(line.endswith(", all with v4") for line in lines[:start])


def at_other_sites(*expected: str) -> Verdict:
    """Return the verdict on panics of `spawn`, as if these sites were expected."""
    rows = verdicts(BUNDLED, "v3/v3/v3", "spawn")
    (row,) = (row for row in rows if row.property == "no-panic")
    return dataclasses.replace(row, as_expected=False, expected_sites=expected)


def test_of_a_violation_at_other_sites_only_the_new_ones_and_the_missing_ones_are_causes() -> None:
    sites = [row["site"] for row in at_other_sites().violations]
    row = at_other_sites(*sites[1:], "spawn::x", "spawn::y")
    new, missing = unexpected([row])
    assert new.key == ("no-panic", sites[0], "violated")
    assert missing.key == ("no-panic", "", "missing")
    assert [cause.site for cause in known([row])] == sites[1:]
    text = "\n".join(screen([row]))
    assert "not as expected: 1 verdict, 2 causes" in text
    assert " 2 no-panic: expected and not reached: x, y\n" in text


def test_a_new_property_comes_before_a_violation_at_other_sites() -> None:
    row = at_other_sites("spawn::x")
    new = dataclasses.replace(row, property="no-leak", expected="holds", expected_sites=None)
    first, *_ = unexpected([row, new])
    assert first.property_id == "no-leak"


@pytest.mark.slow
def test_the_screen_fits_a_terminal_unless_everything_is_wanted(mine: Path) -> None:
    rows = verdicts(model_of(mine), "v2/v2/v4", *NAMES, "sync-export", "move-between-tasks")
    lines = screen(rows)
    # the command prints one more line, the counts
    assert len(lines) < LINES
    assert max(map(len, lines)) <= COLUMNS
    assert len(screen(rows, whole=True)) > len(lines)


def test_a_known_finding_has_its_name_and_its_number_of_runs() -> None:
    rows = verdicts(BUNDLED, "v3/v2/v3", "stream-after-drop", "move-between-tasks")
    lines = screen(rows)
    assert not any(line.startswith("not as expected") for line in lines)
    text = "\n".join(lines)
    assert "   2 stream-read-after-drop" in text
    assert "   1 task-waits-on-empty-set" in text


@pytest.mark.parametrize(
    ("mix", "name"),
    [("v2/v2/v2", "task-waits-on-empty-set"), ("v3/v2/v3", "task-waits-on-empty-set")],
)
def test_a_violation_is_one_finding_that_its_releases_may_have(mix: str, name: str) -> None:
    rows = verdicts(BUNDLED, mix, "move-between-tasks")
    found = overview([row for row in rows if row.property == "no-stuck-task"])
    assert [f.name for cause in found.known for f in found.named(cause)] == [name]


def test_a_task_that_waits_for_a_lock_is_not_like_one_that_waits_for_nothing() -> None:
    job = Job(bundled("two-mutexes"), BUNDLED, V3, None, None, build=("inter-task-wakeup",))
    (row,) = (row for row in run_job(job) if row.property == "no-stuck-task")
    assert row.verdict == "violated"
    assert overview([row]).finding_of(row, "") is None


def test_of_several_findings_it_is_that_of_the_scenario_or_none() -> None:
    rows = verdicts(BUNDLED, "v1/v1/v1", "nested-block-on")
    (row,) = (row for row in rows if row.property == "no-stuck-task")
    found = overview([row])
    named = found.finding_of(row, "")
    assert named is not None
    assert named.name == "task-waits-for-finished-read"
    assert found.finding_of(dataclasses.replace(row, scenario="another"), "") is None


def test_a_finding_with_a_step_of_its_own_is_one_whose_trace_takes_it() -> None:
    rows = verdicts(BUNDLED, "v3/v2/v3", "cancel-explicit", "forget")
    found = overview([row for row in rows if row.property == "no-trap"])
    names = {f.name for cause in found.known for f in found.named(cause)}
    # the shortest trace of `cancel-explicit` cancels nothing
    assert names == {
        "stream-read-after-drop",
        "reader-used-after-forgotten-read",
        "reader-dropped-after-forgotten-read",
    }


def test_every_finding_of_a_run_is_on_its_screen_once() -> None:
    rows = verdicts(BUNDLED, "v2/v2/v2", "yield", "default-write", "spawn")
    words = " ".join(screen(rows, whole=True)).split()
    for name in ("spawned-without-task", "block-on-yields-first", "default-write-of-dying-task"):
        assert words.count(name) == 1


def test_a_verdict_that_holds_but_is_expected_to_be_violated_is_a_cause(tmp_path: Path) -> None:
    text = (SCENARIOS / "issue-1618.toml").read_text(encoding="utf-8")
    text += '\n[[expect]]\nproperty = "no-trap"\nverdict = "violated"\nreason = "it traps"\n'
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    done = check(tmp_path / "own.toml", "--mix", "v3/v3/v3")
    assert done.exit_code == Exit.NOT_AS_EXPECTED
    assert " 1 no-trap: holds, expected violated\n   was expected, as it traps\n" in done.output


def test_quiet_prints_what_is_not_as_expected_and_one_line(mine: Path) -> None:
    wanted = ("issue-1618", "--mix", "v2/v2/v2", "--quiet")
    assert check(*wanted).output.splitlines() == [
        "24 verdicts in 1 run: 16 holds, 0 violated, 8 unknown; all as expected"
    ]
    done = check("issue-1618", "--mix", "v2/v2/v4", "--quiet", "--model", mine)
    assert done.output.startswith("not as expected: ")


def test_more_is_printed_with_verbose_and_with_traces() -> None:
    words = ("stream-after-drop", "--mix", "v3/v2/v3")
    plain, verbose = check(*words).output, check(*words, "-v").output
    traces = check(*words, "--traces").output
    assert "  violated: no-trap\n" in verbose
    assert "  violated: no-trap\n" not in plain + traces
    assert "1 peer    peer_drop(input)" in traces
    assert "peer_drop" not in plain + verbose


def test_unknown_verdicts_have_their_reason() -> None:
    done = check("nested-waits", "--mix", "v3/v3/v3", "-v")
    text = " ".join(done.stdout.split())
    assert (
        "unknown: 8 properties of progress: the scenario leaves out deliver_event, which is "
        "possible holds: "
    ) in text


def test_the_verdicts_of_each_mix_fit_80_columns_too() -> None:
    done = check("issue-1618", "stream-after-drop", "-v")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert "v2/v2/v2, v2/v2/v3, v2/v3/v2, v2/v3/v3, v3/v2/v2, v3/v2/v3, v3/v3/v2, v3/v3/v3" in lines
    assert "  violated: no-stale-callback, map-mirrors-set, one-home, no-panic" in lines


@pytest.mark.slow
def test_a_second_run_reads_the_cache_and_reports_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    from wakeproof.check import cached_job

    cached_job._cache.cache_clear()
    words = ("stream-after-drop", "--mix", "v3/v2/v3,v2/v2/v2", "--traces", "--json")
    first = check(*words, tmp_path / "1.json")
    second = check(*words, tmp_path / "2.json")
    fresh = check(*words, tmp_path / "3.json", "--fresh")
    cached_job._cache.cache_clear()
    assert "(2 cached)" in second.output
    assert "cached" not in first.output + fresh.output
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    assert "peer_drop(input)" in second.output
    rows = json.loads((tmp_path / "2.json").read_text(encoding="utf-8"))["results"]
    assert [row["violations"][0]["trace"][0]["action"] for row in rows if row["violations"]] == [
        "peer_drop",
        "peer_drop",
    ]


def test_a_cache_that_cannot_be_written_costs_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wakeproof.check import cached_job

    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    cached_job._cache.cache_clear()
    done = check("stream-after-drop", "--mix", "v3/v2/v3", "--explorer", "plain")
    cached_job._cache.cache_clear()
    assert done.exit_code == Exit.AS_EXPECTED, done.exception
    assert "all as expected" in done.output


def test_a_run_that_a_limit_ended_is_not_cached() -> None:
    words = ("subtask", "--mix", "v2/v2/v2", "--max-states", "50")
    for _ in range(2):
        done = check(*words)
        assert done.exit_code == Exit.UNKNOWN
        assert "cached" not in done.output


def test_what_a_limit_left_open_is_unknown_and_one_line() -> None:
    words = ("spawn", "--mix", "v3/v3/v3", "--max-states", "500", "--fresh")
    done = check(*words)
    assert done.exit_code == Exit.UNKNOWN
    line = "\n17 verdicts of 1 run unknown: limit reached, max-states 500\n"
    assert line in done.output
    assert "not as expected" not in done.output
    assert done.stdout.endswith(" 22 unknown; 17 not decided\n")
    assert "other sites" not in check(*words, "-v").stdout


def test_a_new_site_is_not_as_expected_where_a_limit_ended_the_run_too() -> None:
    sites = [row["site"] for row in at_other_sites().violations]
    row = dataclasses.replace(at_other_sites(*sites[1:], "spawn::x"), limit="max-states 5")
    assert exit_status([row]) == Exit.NOT_AS_EXPECTED
    assert [cause.key for cause in unexpected([row])] == [("no-panic", sites[0], "violated")]
    row = dataclasses.replace(row, expected_sites=(*sites, "spawn::x"))
    assert exit_status([row]) == Exit.UNKNOWN


def test_fail_fast_ends_with_the_first_run_that_is_not_as_expected(mine: Path) -> None:
    words = ("issue-1618", "--model", mine, "--fresh", "--jobs", "1", "--fail-fast")
    done = check(*words)
    assert done.exit_code == Exit.NOT_AS_EXPECTED
    assert "ended by --fail-fast after " in done.output
    assert "37 runs" not in done.output.split("checked")[1]


def test_a_run_that_ended_early_replaces_no_page_and_no_baseline(
    mine: Path, tmp_path: Path
) -> None:
    page, baseline = tmp_path / "page.md", tmp_path / "known.txt"
    for file in (page, baseline):
        file.write_text("whole", encoding="utf-8")
    words = ("issue-1618", "--model", mine, "--jobs", "1", "--fail-fast", "--report", page)
    done = check(*words, "--write-baseline", baseline)
    assert "ended by --fail-fast after " in done.output
    for file, name in ((page, "page.partial.md"), (baseline, "known.partial.txt")):
        assert file.read_text(encoding="utf-8") == "whole"
        assert (tmp_path / name).read_text(encoding="utf-8") != "whole"
        assert f"what there is is in {tmp_path / name}\n" in done.output
    # without an end before that the page is written
    done = check("issue-1618", "--mix", "v3/v3/v3", "--report", page)
    assert page.read_text(encoding="utf-8") != "whole"
    assert "partial" not in done.output
