"""A trace as a sequence diagram of Mermaid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.export.saved import SAVED, SavedViolation, hostile, lasso, saved
from wakeproof.cli import cli
from wakeproof.errors import InputError
from wakeproof.export.mermaid import LONGEST, escaped

NAMES = sorted(folder.name for folder in SAVED.iterdir() if folder.is_dir())

# what Mermaid shows as it is: nothing that its grammar, its Markdown or HTML gives a meaning
TEXT = r"(?:[^#;<>&\"`\\%{}\[\]|~$\n]|#\d+;|<br/>)+"
LINE = re.compile(
    rf"    (?:(?:participant|actor) L\d+ as {TEXT}|L\d+(?:->>|-->>|-x)L\d+: {TEXT}"
    rf"|Note over L\d+(?:,L\d+)?: {TEXT}|loop {TEXT}|end)"
)


def test_each_line_is_one_of_the_grammar() -> None:
    for found in (*map(saved, NAMES), lasso(), hostile()):
        first, *lines = found.to("mermaid").splitlines()
        assert first == "sequenceDiagram"
        assert [line for line in lines if not LINE.fullmatch(line)] == []


@pytest.mark.parametrize("found", [saved("stack-lost-when-frames-end"), lasso()], ids=["", "loop"])
def test_each_step_is_a_message_in_order(found: SavedViolation) -> None:
    numbers = re.findall(r"^    L\d+\S+: (\d+)\. (\w+)", found.to("mermaid"), re.MULTILINE)
    assert numbers == [(str(n), row["action"]) for n, row in enumerate(found.trace, 1)]


def test_a_call_goes_from_the_code_that_makes_it_to_the_task_or_the_host() -> None:
    text = saved("wakeup-through-dead-task").to("mermaid")
    assert re.findall(r"(?:participant|actor) (L\d) as (.*)", text) == [
        ("L0", "peer of input"),
        ("L1", "host"),
        ("L2", "waiting"),
        ("L3", "polling"),
    ]
    assert "L3->>L2: waitable_unregister(waiting, h1) = read" in text
    assert "L2->>L1: waitable.join(h1, null)" in text, "the code of the other task does it"
    assert "L0->>L1: 12. peer_copy(input)" in text


def test_a_call_that_does_not_return_has_a_cross_and_the_rule_that_it_breaks() -> None:
    text = saved("wakeup-read-cancelled-in-set").to("mermaid")
    assert "L2-xL1: stream.cancel-read(h3) = does not return" in text
    assert "The host traps in cancel_copy: it must hold that an end" in text


def test_the_steps_of_a_loop_are_in_a_loop() -> None:
    lines = [line.strip() for line in lasso().to("mermaid").splitlines()]
    inside = lines[lines.index("loop again and again") + 1 : lines.index("end")]
    assert [line.split(": ")[1] for line in inside if ". " in line] == [
        "3. wake_self()",
        "4. return_pending()",
        "5. resume_block_on(nested)",
    ]


def test_hostile_names_are_text() -> None:
    text = hostile().to("mermaid")
    assert "<img" not in text
    assert "%%" not in text
    assert max(map(len, text.splitlines())) < 10 * LONGEST
    assert escaped("a;\n#b") == "a#59; #35;b"


def test_the_same_trace_is_the_same_text() -> None:
    assert lasso().to("mermaid") == lasso().to("mermaid")


def test_the_command_writes_a_trace_of_a_results_file(tmp_path: Path) -> None:
    trace, output = SAVED / "stream-read-after-drop" / "trace.json", tmp_path / "diagram.mmd"
    arguments = ["export", str(trace), "--to", "mermaid", "--output"]
    done = CliRunner().invoke(cli, [*arguments, str(output)])
    assert done.exit_code == 0, done.output
    assert output.read_text("utf-8") == saved("stream-read-after-drop").to("mermaid")
    refused = CliRunner().invoke(cli, [*arguments, str(trace)])
    assert isinstance(refused.exception, InputError), "an output that is the input"


def test_a_trace_of_another_model_is_refused() -> None:
    found = saved("stream-read-after-drop")
    other = SavedViolation(
        found.instance, {**found.result, "violations": [{**found.violation, "trace": []}]}
    )
    with pytest.raises(InputError, match="not one of this model"):
        other.to("mermaid")


@pytest.mark.parametrize("name", NAMES)
def test_the_report_of_a_finding_has_its_diagram(name: str) -> None:
    report = (SAVED / name / "issue.md").read_text("utf-8")
    assert f"\n```mermaid\n{saved(name).to('mermaid')}```\n" in report
