"""Remarks on the steps of a trace: the reason, at the step where it happens."""

from __future__ import annotations

import copy

import pytest

from wakeproof.export.remarks import matters, remarks
from wakeproof.findings.registry import Finding, load_findings
from wakeproof.findings.trace import result_of

FINDINGS = {finding.name: finding for finding in load_findings()[0]}


def remarks_on(finding: Finding) -> list[list[str]]:
    return remarks(result_of(finding)["violations"][0]["trace"])


@pytest.mark.parametrize(
    ("name", "step", "remark"),
    [
        ("task-waits-on-empty-set", -1, "h2 is empty from here, and `left` waits on it"),
        ("wakeup-through-dead-task", -2, "`polling` has ended, and h1 stays in its set"),
        (
            "wakeup-through-dead-task",
            -1,
            "the event of h1 waits in the set of `polling`, which has ended",
        ),
        ("cancelled-task-keeps-read", -1, "`cancelled` has ended, and h1 stays in its set"),
        (
            "cancelled-sleeper-is-woken",
            -2,
            "`sleeper` sleeps by its state, and does not read its wakeup stream any more",
        ),
        (
            "sync-export-takes-read",
            -1,
            "`read` is registered with `export` from here, no more with `nested`",
        ),
    ],
)
def test_the_reason_of_a_finding_is_at_its_step(name: str, step: int, remark: str) -> None:
    assert remark in remarks_on(FINDINGS[name])[step]


@pytest.mark.parametrize("name", ["stream-read-after-drop", "operation-finished-in-block-on"])
def test_a_trace_has_as_many_rows_of_remarks_as_steps(name: str) -> None:
    finding = FINDINGS[name]
    trace = result_of(finding)["violations"][0]["trace"]
    assert len(remarks_on(finding)) == len(trace)


def test_a_task_that_waits_names_its_set_and_what_is_in_it() -> None:
    found = [line for lines in remarks_on(FINDINGS["task-waits-on-empty-set"]) for line in lines]
    assert "`left` waits on h2, for h1" in found


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ("waitable_register", True),
        ("waitable-set.drop", True),
        ("stream.read", True),
        ("context.get", False),
        ("wasip3_task_set(null)", False),
        ("clone", False),
        ("drop", False),
    ],
)
def test_calls_that_count_references_do_not_matter(call: str, shown: bool) -> None:
    assert matters(call) is shown


def test_a_trace_of_another_model_has_no_remarks() -> None:
    row = copy.deepcopy(result_of(FINDINGS["stream-read-after-drop"])["violations"][0]["trace"][0])
    row["changes"] = {"counter": ["0", "1"], "cells[a]": ["0", "1"]}
    assert remarks([row]) == [[]]
