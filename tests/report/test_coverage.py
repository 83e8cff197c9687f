"""`check` says what was not put to the test, and which actions of a scenario never happen."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wakeproof.bundled import SCENARIOS
from wakeproof.check.results_file import read_results
from wakeproof.cli import cli
from wakeproof.errors import Exit

NEVER = '[program.never]\nresume_block_on = "no block_on of this one yields"\n'
ONE_MIX = '[mixes]\nexport = ["v2"]\nblock_on = ["v2"]\nimport = ["v2"]\n'
STORY = f"""base = "{SCENARIOS / "yield.toml"}"
title = "Only one mix"
{ONE_MIX}"""


def check(*words: object) -> Result:
    """Check in this process."""
    return CliRunner().invoke(cli, ["check", *map(str, words)])


@pytest.fixture
def story(tmp_path: Path) -> Path:
    """A scenario of one mix, in which an action that it names is not possible."""
    file = tmp_path / "one-mix.toml"
    file.write_text(STORY, encoding="utf-8")
    return file


def test_a_scenario_whose_action_is_never_possible_is_not_as_expected(story: Path) -> None:
    done = check(story)
    assert done.exit_code == Exit.NOT_AS_EXPECTED
    assert "not as expected: the actions of one-mix: resume_block_on: never possible" in done.output
    assert done.output.splitlines()[-1].endswith("; 1 action not as expected")


def test_a_scenario_may_say_that_its_action_is_never_possible(story: Path) -> None:
    story.write_text(STORY + NEVER, encoding="utf-8")
    done = check(story)
    assert done.exit_code == Exit.AS_EXPECTED, done.output
    assert "never taken: resume_block_on" in done.output
    assert "no block_on of this one yields" in check(story, "--coverage").output


def test_an_action_that_is_possible_though_it_never_should_is_not_as_expected(story: Path) -> None:
    both = NEVER + 'poll = "nothing is polled"\n'
    story.write_text(STORY + both, encoding="utf-8")
    done = check(story)
    assert done.exit_code == Exit.NOT_AS_EXPECTED
    assert "the actions of one-mix: poll: possible, expected never" in done.output


def test_an_action_that_is_never_possible_and_not_in_the_list_is_refused(story: Path) -> None:
    story.write_text(STORY + '[program.never]\nrun = "a misspelling"\n', encoding="utf-8")
    done = check(story)
    assert "unknown action 'run'" in str(done.exception)


@pytest.mark.parametrize("limit", [("--max-states", "50"), ("--explorer", "plain")])
def test_actions_are_judged_only_by_runs_that_are_whole(
    story: Path, limit: tuple[str, str]
) -> None:
    is_whole = limit[0] != "--max-states"
    assert ("never possible" in check(story, *limit).output) == is_whole


def test_actions_are_judged_only_by_all_mixes_of_a_scenario() -> None:
    done = check("yield", "--mix", "v2/v2/v2")
    assert done.exit_code == Exit.AS_EXPECTED
    assert "never taken: resume_block_on" in done.output


def test_ci_shows_an_action_that_is_never_possible(story: Path, tmp_path: Path) -> None:
    junit, summary = tmp_path / "junit.xml", tmp_path / "summary.md"
    done = check(story, "--junit", junit, "--summary", summary, "--annotations")
    assert "::error title=actions not as expected::one-mix: resume_block_on: never" in done.output
    assert 'message="resume_block_on: never possible"' in junit.read_text("utf-8")
    head, *lines = summary.read_text("utf-8").splitlines()
    assert head == "## Wakeproof: 1 scenario with actions not as expected"
    assert "- the actions of one-mix: resume_block_on: never possible" in lines


def test_the_results_say_what_was_put_to_the_test(story: Path, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    check(story, "--json", file)
    rows = {row["property"]: row for row in read_results(file)}
    assert rows["one-home"]["tested"] is True
    assert rows["spawned-is-polled"]["tested"] is False
    assert rows["no-panic"]["never_taken"] == ["resume_block_on"]
    assert {True, False} == set(rows["no-panic"]["sites"].values())


def test_the_table_of_coverage_has_numbers_of_runs(story: Path) -> None:
    lines = check(story, "--coverage").output.splitlines()
    words = [" ".join(line.split()) for line in lines]
    assert "action resume_block_on 1 of 1" in words
    assert "property spawned-is-polled 1 of 1" in words
    assert any(line.startswith("site host::") for line in words)


def test_coverage_does_not_go_with_quiet(story: Path) -> None:
    done = check(story, "--coverage", "--quiet")
    assert "--quiet and --coverage do not go together" in str(done.exception)
