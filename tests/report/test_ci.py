"""JUnit XML, SARIF, annotations, the summary, and a baseline: all about one run that fails."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from tests.report.overviews import overview, verdicts
from tests.report.sarif import SARIF, checked_sarif
from wakeproof.bundled import SCENARIOS
from wakeproof.check.baseline import gone
from wakeproof.check.causes import name_of, unexpected
from wakeproof.cli import cli
from wakeproof.errors import Exit, InputError
from wakeproof.language.model import BUNDLED
from wakeproof.report.ci.github import summary
from wakeproof.report.ci.junit import junit

OWN = '\n[[expect]]\nproperty = "no-trap"\nverdict = "violated"\nreason = "it traps"\n'


def check(*words: object) -> Result:
    """Check in this process."""
    return CliRunner().invoke(cli, ["check", *map(str, words)])


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A scenario in the working folder that expects no panic, and a trap that does not happen."""
    text = (SCENARIOS / "issue-1618.toml").read_text(encoding="utf-8")
    violated = 'property = "no-panic"\nverdict = "violated"\nsites = ['
    begin = text.index(violated)
    end = text.index("]\n", begin) + 2
    text = text[:begin] + 'property = "no-panic"\nverdict = "holds"\n' + text[end:]
    (tmp_path / "story.toml").write_text(text + OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return "story.toml"


MIX = ("--mix", "v1/v1/v1")


def test_a_failing_run_as_junit_has_each_verdict_and_the_steps_of_the_wrong_ones(
    story: str,
) -> None:
    assert check(story, *MIX, "--junit", "j.xml").exit_code == Exit.NOT_AS_EXPECTED
    root = ElementTree.parse("j.xml").getroot()
    (suite,) = root
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("story", "24", "2")
    cases = {case.get("name"): case for case in suite}
    assert all(case.get("classname") == "story v1/v1/v1" for case in suite)
    assert all(case.get("file") == "story.toml" for case in suite)
    failure = cases["no-panic"].find("failure")
    assert failure is not None
    assert failure.text is not None
    assert "panic in WaitableOperation::register_waker: waitable.rs, line" in failure.text
    assert "must hold: the callback pointer that this registration" in failure.text
    assert "10 program poll(second-write)" in failure.text
    assert (failure.get("message") or "").startswith(
        "violated at waitable::register_waker::prev-is-own; expected holds: "
    )
    trap = cases["no-trap"].find("failure")
    assert trap is not None
    assert trap.get("message") == "holds; expected violated: it traps"


def test_a_run_that_a_limit_ends_is_one_error_of_junit(story: str) -> None:
    mixes = ("--mix", "v2/v2/v2,v3/v2/v3", "--max-states", "50")
    assert check("subtask", *mixes, "--junit", "j.xml").exit_code
    root = ElementTree.parse("j.xml").getroot()
    assert root.get("errors") == "2"
    assert {e.get("message") for e in root.iter("error")} == {"unknown; max-states 50"}
    skipped = list(root.iter("skipped"))
    assert root.get("skipped") == str(len(skipped))
    assert len(skipped) > 10
    assert {e.get("message") for e in skipped} == {"unknown; max-states 50"}


def test_what_is_not_decided_is_one_entry_for_a_reason_or_a_run(story: str) -> None:
    mixes = ("--mix", "v2/v2/v2,v3/v2/v3", "--max-states", "50", "--fresh")
    files = ("--sarif", "s.sarif", "--summary", "s.md", "--annotations")
    done = check("subtask", *mixes, *files)
    assert done.exit_code == Exit.UNKNOWN
    text = Path("s.md").read_text(encoding="utf-8")
    open_ = next(line for line in text.splitlines() if line.startswith("- "))
    assert open_.endswith(" verdicts of 2 runs unknown: limit reached, max-states 50")
    number = open_.split()[1]
    assert text.startswith(f"## Wakeproof: {number} verdicts not decided\n")
    assert f"::warning title=not decided::{open_[2:]}\n" in done.output
    assert done.output.count("::warning") == 1
    results = checked_sarif("s.sarif")["results"]
    warnings = [r for r in results if r["level"] == "warning"]
    assert [r["properties"]["runs"] for r in warnings] == [["v2/v2/v2"], ["v3/v2/v3"]]
    assert sum(len(r["properties"]["open"]) for r in warnings) == int(number)


def test_an_unknown_verdict_that_is_expected_is_no_entry(story: str) -> None:
    done = check("nested-waits", "--mix", "v3/v3/v3", "--sarif", "s.sarif", "--summary", "s.md")
    assert " 8 unknown; all as expected" in done.output
    assert all(r["level"] == "note" for r in checked_sarif("s.sarif")["results"])
    assert "unknown" not in Path("s.md").read_text(encoding="utf-8")


def test_a_failure_at_other_sites_names_the_new_ones_only() -> None:
    rows = [v for v in verdicts(BUNDLED, "v3/v3/v3", "spawn") if v.property == "no-panic"]
    first, *others = (violation["site"] for violation in rows[0].violations)
    expected = (*others, "spawn::x")
    rows = [dataclasses.replace(rows[0], as_expected=False, expected_sites=expected)]
    failure = ElementTree.fromstring(junit(overview(rows))).find(".//failure")
    assert failure is not None
    assert failure.get("message") == (
        f"violated at {first}, expected at other sites; 1 expected site not reached"
    )
    assert (failure.text or "").startswith("expected and not reached: spawn::x\npanic in ")
    assert (failure.text or "").count("must hold: ") == 1


def test_a_site_is_a_rule_of_sarif_and_its_line_the_location(story: str) -> None:
    check(story, *MIX, "stream-after-drop", "--sarif", "s.sarif")
    run = checked_sarif("s.sarif")
    results = {(r["ruleId"], r["level"]): r for r in run["results"]}
    panic = results["waitable::register_waker::prev-is-own", "error"]
    place = panic["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("/rt/async_support/waitable.rs")
    assert place["region"]["startLine"] == 271
    assert (
        "(10 steps: wakeproof check story.toml --mix v1/v1/v1 --traces)" in panic["message"]["text"]
    )
    trap = results["no-trap", "error"]["locations"][0]["physicalLocation"]
    assert trap["artifactLocation"]["uri"] == "story.toml"
    known = [r for r in run["results"] if r["level"] == "note"]
    assert known
    assert all(r["suppressions"][0]["justification"] for r in known)
    assert all(": violated, as expected, in " in r["message"]["text"] for r in known)


def test_the_hand_written_schema_refuses_another_log() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": "2.1.0", "runs": [{"results": []}]}, SARIF)


def test_an_annotation_is_one_line_with_the_file_of_the_scenario(story: str) -> None:
    lines = check(story, *MIX, "--annotations").output.splitlines()
    found = [line for line in lines if line.startswith("::")]
    assert len(found) == 2
    assert found[0].startswith(
        "::error file=story.toml,line=1,title=no-panic at register_waker%3A%3Aprev-is-own::"
        "violated, expected holds%0Apanic in WaitableOperation::register_waker: "
    )


def test_the_summary_fits_a_screen_and_names_what_is_wrong(story: str) -> None:
    check(story, *MIX, "--summary", "s.md")
    text = Path("s.md").read_text(encoding="utf-8")
    assert text.startswith("## Wakeproof: 2 causes not as expected\n")
    assert "| **no-panic**: violated, expected holds; panic in WaitableOperation" in text
    assert "| **no-trap**: holds, expected violated |" in text
    command = "wakeproof check story.toml --mix v1/v1/v1 --traces"
    assert f"\nSteps of the first: `{command}`\n" in text
    assert len(text.splitlines()) < 24


def test_the_summary_lists_as_many_known_causes_as_it_counts() -> None:
    text = summary(overview(verdicts(BUNDLED, "v3/v3/v3", "spawn")))
    head, _, rest = text.partition("<details><summary>Known and expected: ")[2].partition("</")
    numbers = [int(word) for word in head.split() if word.isdecimal()]
    assert len(numbers) == 2, head
    assert sum(numbers) == rest.split("</details>")[0].count("`") // 2


def test_only_what_is_not_in_the_baseline_fails(story: str) -> None:
    assert check(story, *MIX, "--write-baseline", "b.txt").exit_code == Exit.NOT_AS_EXPECTED
    lines = Path("b.txt").read_text(encoding="utf-8").splitlines()
    assert lines[1:] == [
        "story v1/v1/v1 no-panic violated waitable::register_waker::prev-is-own",
        "story v1/v1/v1 no-trap holds",
    ]
    done = check(story, *MIX, "--baseline", "b.txt", "--junit", "j.xml")
    assert done.exit_code == Exit.AS_EXPECTED
    assert "in the baseline: 2 verdicts" in done.output
    assert done.output.endswith("; all as expected or in the baseline\n")
    assert ElementTree.parse("j.xml").getroot().get("failures") == "0"
    # what is about another run does not count
    other = check("subtask", "--mix", "v2/v2/v2", "--baseline", "b.txt")
    assert "baseline" not in other.output
    Path("b.txt").write_text("\n".join([lines[1].replace("prev-is-own", "x"), lines[2]]))
    done = check(story, *MIX, "--baseline", "b.txt")
    assert done.exit_code == Exit.NOT_AS_EXPECTED, "another site is new"
    assert "not there any more: 1 verdict of the baseline" in done.output


def test_a_file_that_is_not_a_baseline_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("# none\nstory no-panic\n", encoding="utf-8")
    done = check("issue-1618", "--baseline", tmp_path / "b.txt")
    assert isinstance(done.exception, InputError)
    assert done.exception.where.endswith("b.txt:2")


@pytest.mark.parametrize("option", ["--junit", "--sarif", "--summary", "--write-baseline"])
def test_a_report_that_cannot_be_written_is_refused_before_the_run(option: str) -> None:
    done = check("issue-1618", option, "/nowhere/x")
    assert isinstance(done.exception, InputError)
    assert not done.output


def test_a_trace_that_the_crates_do_not_reproduce_is_a_cause() -> None:
    rows = verdicts(BUNDLED, "v3/v2/v3", "stream-after-drop")
    for row in rows:
        for violation in row.violations:
            violation["real"] = "not reproduced: step 2 is another"
    (cause,) = unexpected(rows)
    assert cause.key == ("no-trap", "host::stream_copy::not-idle", "refuted")
    found = overview(rows)
    assert found.wrong() == 1
    failure = ElementTree.fromstring(junit(found)).find(".//failure")
    assert failure is not None
    assert (failure.get("message") or "").endswith("; not reproduced: step 2 is another")


def test_the_reports_are_the_same_with_and_without_the_cache(story: str) -> None:
    words = (story, *MIX, "stream-after-drop", "--sarif")
    check(*words, "1.sarif", "--fresh")
    check(*words, "2.sarif")
    assert Path("1.sarif").read_bytes() == Path("2.sarif").read_bytes()


def test_a_verdict_of_a_build_is_found_in_a_baseline() -> None:
    rows = verdicts(BUNDLED, "v3/v2/v3", "stream-after-drop")
    rows = [dataclasses.replace(row, features=(), as_expected=False) for row in rows]
    names = {name_of(row) for row in rows}
    assert "stream-after-drop v3/v2/v3 +none no-panic holds" in names
    assert gone(names, rows) == 0
    assert gone({"stream-after-drop v3/v2/v3 +none no-panic violated x"}, rows) == 1
    assert gone({"stream-after-drop v3/v3/v3 no-panic violated x"}, rows) == 0
