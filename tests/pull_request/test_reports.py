"""What a reviewer of a pull request sees: JUnit XML, SARIF, annotations, the summary."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.report.sarif import checked_sarif
from wakeproof.cli import cli
from wakeproof.crates.checkout import ChangedFunction, Checkout
from wakeproof.errors import Exit
from wakeproof.execution.trace import StepRow
from wakeproof.pull_request.look import below
from wakeproof.pull_request.result import (
    KINDS,
    Compared,
    Divergence,
    PlayedFinding,
    PullRequest,
)
from wakeproof.report.ci.pull_request import (
    pull_request_annotations,
    pull_request_junit,
    pull_request_sarif,
    pull_request_summary,
)
from wakeproof.review.review import Change, Review
from wakeproof.review.struct_layout import Rule

FILE = "src/rt/async_support/waitable.rs"
BELOW = "crates/guest-rust/"
STEP = StepRow(
    actor="host", action="call_export", says="", arguments={"task": "export"}, calls=[], changes={}
)
PARTED = Divergence(
    *("WaitableOperation::cancel", FILE, 7, True, 1, "WaitableOperation::cancel"),
    *("everything", "v3/v3/v3", (), (STEP,), "returns", "panics"),
)
CHANGED = [
    ChangedFunction("AbiBuffer::advance", "src/rt/buffer.rs", 3),
    ChangedFunction("WaitableOperation::cancel", FILE, 5),
    ChangedFunction("WakerState::wake", FILE, 90),
    ChangedFunction("Tasks::poll_next", FILE, 99),
]


def pull_request(divergences: list[Divergence]) -> PullRequest:
    """Return a look at four changed functions: two reached, one not, one outside of the model."""
    return PullRequest(
        "crate",
        "0.63.0",
        "0.63.0",
        CHANGED,
        ["AbiBuffer::advance"],
        Compared(
            "v3",
            walks=5,
            divergences=divergences,
            reached={
                "WaitableOperation::cancel": 4,
                "WakerState::wake": 0,
                "Tasks::poll_next": 2,
            },
        ),
        below=BELOW,
        builds=[(), ("async-spawn",)],
    )


@pytest.fixture
def wrong() -> PullRequest:
    """A look that found a fault of each kind."""
    result = pull_request([PARTED])
    result.rules = [Rule("the version comes first", False, "it does not")]
    result.findings = [
        PlayedFinding("f-brought", "it is brought", False, True, test="FAILED: x"),
        PlayedFinding("f-fails", "it fails", False, None, test="FAILED: y", otherwise=True),
        PlayedFinding("f-unknown", "it is unknown", True, None),
        PlayedFinding("f-stays", "it stays", True, True),
    ]
    change = Change("broken", "no-panic", "x::y", "spawn", "mine/v3/v3", "v3/v3/v3", [STEP])
    result.review = Review("mine", "v3", changes=[change, change])
    return result


def cases(result: PullRequest) -> dict[str, ElementTree.Element]:
    """Return the test cases by their suite and name."""
    root = ElementTree.fromstring(pull_request_junit(result))
    return {f"{c.get('classname')}: {c.get('name')}": c for c in root.iter("testcase")}


def test_every_kind_of_fault_is_there(wrong: PullRequest) -> None:
    assert [fault.kind for fault in wrong.faults()] == list(KINDS)
    assert wrong.status == Exit.NOT_AS_EXPECTED


def test_sarif_is_valid_and_its_places_are_lines_of_the_checkout(
    wrong: PullRequest, tmp_path: Path
) -> None:
    (tmp_path / "s.sarif").write_text(pull_request_sarif(wrong), encoding="utf-8")
    run = checked_sarif(tmp_path / "s.sarif")
    found = {}
    for row in run["results"]:
        place = row["locations"][0]["physicalLocation"]
        found[row["ruleId"]] = (place["artifactLocation"]["uri"], place["region"]["startLine"])
    # what has no place of its own is where the branch has changed what the model has
    changed = (f"{BELOW}{FILE}", 5)
    assert found == {
        "pr/diverges": (f"{BELOW}{FILE}", 7),
        "pr/layout": (f"{BELOW}src/rt/async_support/cabi.rs", 1),
        "pr/brought": changed,
        "pr/fails": changed,
        "pr/worse": changed,
    }
    assert run["results"][0]["message"]["text"].splitlines() == [
        "the model and the checkout part in WaitableOperation::cancel after 1 steps: "
        "the model returns, the crate panics",
        " 1 host    call_export(export)",
    ]
    marks = [row["partialFingerprints"]["cause/v1"] for row in run["results"]]
    assert len(set(marks)) == len(marks)


def test_sarif_of_a_branch_that_is_right_has_no_result(tmp_path: Path) -> None:
    (tmp_path / "s.sarif").write_text(pull_request_sarif(pull_request([])), encoding="utf-8")
    assert checked_sarif(tmp_path / "s.sarif")["results"] == []


def test_junit_has_a_case_for_each_build_function_and_finding(wrong: PullRequest) -> None:
    found = cases(wrong)
    outcomes = {name: [child.tag for child in case] for name, case in found.items()}
    beside = "v3 beside the checkout"
    assert outcomes == {
        "build: the driver with no features": [],
        "build: the driver with async-spawn": [],
        "layout of the C ABI: the version comes first": ["failure"],
        f"{beside}: AbiBuffer::advance": ["skipped"],
        f"{beside}: WakerState::wake": ["skipped"],
        f"{beside}: Tasks::poll_next": [],
        f"{beside}: WaitableOperation::cancel": ["failure"],
        "findings: f-brought": ["failure"],
        "findings: f-fails": ["failure"],
        "findings: f-unknown": ["skipped"],
        "findings: f-stays": [],
        "mine against v3: no-panic at x::y": ["failure"],
    }
    parted = found[f"{beside}: WaitableOperation::cancel"]
    assert parted.get("file") == f"{BELOW}{FILE}"
    text = parted[0].text or ""
    assert text.startswith(f"{BELOW}{FILE}:7\nmust hold: ")
    assert text.endswith("\n 1 host    call_export(export)")
    root = ElementTree.fromstring(pull_request_junit(wrong))
    counts = (root.get("tests"), root.get("failures"), root.get("skipped"))
    assert counts == ("12", "5", "3")


def test_junit_of_a_branch_that_is_right_passes() -> None:
    root = ElementTree.fromstring(pull_request_junit(pull_request([])))
    assert (root.get("failures"), root.get("errors")) == ("0", "0")
    assert "v3 beside the checkout: no divergence in 5 walks" in cases(pull_request([]))


def test_an_interrupted_look_is_an_error_and_not_right() -> None:
    result = pull_request([])
    result.finished = result.base.finished = False
    root = ElementTree.fromstring(pull_request_junit(result))
    assert root.get("errors") == "1"
    assert pull_request_summary(result).startswith(
        "## Wakeproof: no walk parted from v3 until it was interrupted\n"
    )


def test_the_summary_fits_a_screen_and_says_what_no_walk_has_seen(wrong: PullRequest) -> None:
    text = pull_request_summary(wrong)
    lines = text.splitlines()
    assert lines[0] == "## Wakeproof: v3 is not right for this branch"
    assert "- not reached by the walks: WakerState::wake" in lines
    assert "- outside of the model: AbiBuffer::advance" in lines
    assert f"| `WaitableOperation::cancel` {BELOW}{FILE}:7 | the model and" in text
    assert len(text.split("<details>")[0].splitlines()) < 24
    assert " 1 host    call_export(export)" in text.split("<details>")[1]
    right = pull_request_summary(pull_request([]))
    assert right.startswith("## Wakeproof: v3 is right for this branch\n")
    assert "| where |" not in right


def test_an_annotation_is_at_the_line_of_the_change(wrong: PullRequest) -> None:
    lines = pull_request_annotations(wrong)
    assert len(lines) == len(KINDS)
    assert lines[0].startswith(
        f"::error file={BELOW}{FILE},line=7,title=WaitableOperation%3A%3Acancel::the model and "
    )


def test_files_are_below_the_repository_of_git(tmp_path: Path) -> None:
    crate = tmp_path / "crates" / "guest-rust"
    crate.mkdir(parents=True)
    checkout = Checkout(crate.resolve(), "0.63.0", "0.63.0", tmp_path)
    assert below(crate, checkout) == ""
    assert below(tmp_path, checkout) == BELOW
    (tmp_path / ".git").mkdir()
    assert below(crate, checkout) == BELOW


@pytest.mark.parametrize("name", ["Cargo.toml", "lib.rs"])
def test_a_text_of_the_checkout_is_not_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("", encoding="utf-8")
    words = ["pr", "--crate", str(tmp_path), "--summary", str(tmp_path / name)]
    done = CliRunner().invoke(cli, words)
    assert "would overwrite an input" in str(done.exception)


@pytest.mark.parametrize("option", ["--json", "--junit", "--sarif", "--summary"])
def test_a_file_that_cannot_be_written_is_refused_before_the_build(option: str) -> None:
    done = CliRunner().invoke(cli, ["pr", "--crate", "x", option, "/nowhere/x"])
    assert "cannot be written" in str(done.exception)
