"""A scenario without expectations is a question: a violation is news, and nothing is wrong else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import Called

QUESTION = """\
title = "A read is dropped in another task"

[sizes]
Task = 2
Future = 2
Operation = 1
Handle = 4
Channel = 1

[parameters]
kind = ["STREAM_READ"]
channel = 0
remote = "WRITE"
opened = true
may_block_on = false

[program]
actions = [
  "call_export", "deliver_event", "poll", "move_to_storage", "drop_operation", "return_pending",
  "return_ready", "peer_copy", "wake",
]

[mixes]
export = ["v3"]
block_on = ["v3"]
import = ["v3"]
"""


@pytest.fixture
def question(tmp_path: Path) -> Path:
    path = tmp_path / "question.toml"
    path.write_text(QUESTION, encoding="utf-8")
    return path


def test_a_violation_answers_a_question_with_status_1(question: Path, called: Called) -> None:
    status, printed, _ = called("check", question, "--json", question.with_suffix(".json"))
    assert status == 1
    assert "violated: 2 verdicts, 2 causes" in printed
    assert " 1 no-stuck-task: violated\n" in printed
    assert printed.endswith("24 verdicts in 1 run: 22 holds, 2 violated, 0 unknown\n")
    assert "expected" not in printed
    rows = json.loads(question.with_suffix(".json").read_text("utf-8"))["results"]
    assert {row["expected"] for row in rows} == {"nothing"}


def test_a_question_that_nothing_answers_has_status_0(question: Path, called: Called) -> None:
    status, printed, _ = called("check", question, "--property", "no-panic", "-q")
    assert (status, printed) == (
        0,
        "1 verdict in 1 run: 1 holds, 0 violated, 0 unknown\n",
    )


def test_a_question_that_a_limit_leaves_open_has_status_3(question: Path, called: Called) -> None:
    status, printed, _ = called("check", question, "--property", "no-panic", "--max-states", "20")
    assert status == 3
    assert "limit reached, max-states 20" in printed


def test_what_a_question_expects_of_one_property_is_not_asked(
    question: Path, called: Called
) -> None:
    with question.open("a", encoding="utf-8") as file:
        for name in ("no-stuck-task", "done-task-exits"):
            file.write(f'[[expect]]\nproperty = "{name}"\nverdict = "violated"\nreason = "known"\n')
    status, printed, _ = called("check", question)
    assert status == 0
    assert "2 violated" in printed
