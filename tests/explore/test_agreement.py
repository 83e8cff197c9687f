"""A run of native code that differs from plain Python ends with what differs, and where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.support import instance
from wakeproof.cli import cli
from wakeproof.errors import Exit, InputError
from wakeproof.execution.machine import Machine
from wakeproof.explore.native import search as native
from wakeproof.explore.native import swarm as swarms
from wakeproof.explore.native.agreement import FEW, LEAST, Disagreement, sample
from wakeproof.explore.native.library import Program
from wakeproof.explore.result import NO_LIMITS

FAULTS = {
    "a store": ("m_host_task = 1;", "m_host_task = 0;", "after the action call_export"),
    "a guard": (
        "if (z_may_call_export)",
        "if (1)",
        "the action call_export has 1 .* and 0",
    ),
    "a site": ("static void a_call_export(", "", "after the action call_export"),
    "an invariant": ("!f_no_leak(s)", "f_no_leak(s)", "the property no-leak"),
}
"""What is wrong in the C text, and what the message names."""


def broken(text: str, fault: str) -> str:
    """Return the C text with a fault."""
    before, after, _ = FAULTS[fault]
    assert before in text
    if fault == "a site":
        # the action goes wrong at the first site there is
        at = text.index("{", text.index(before)) + 1
        return text[:at] + " s->wrong = 3; return;" + text[at:]
    return text.replace(before, after, 1)


class BrokenProgram(Program):
    """A program with a fault in its C text."""

    fault = ""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.text = broken(self.text, self.fault)


class BrokenSwarm(swarms.SwarmProgram):
    """A program of a swarm with a fault in its C text."""

    def __init__(self, machine: Machine, actions: Sequence[str] | None) -> None:
        super().__init__(machine, actions)
        self.text = broken(self.text, "a store")


def check(*options: str) -> Result:
    """Check one run in this process."""
    words = ["check", "subtask", "--mix", "v2/v2/v2", "--explorer", "native", "--fresh", *options]
    return CliRunner().invoke(cli, words)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_native_code_is_found_by_the_run_itself(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BrokenProgram, "fault", fault)
    b = instance("subtask", "v2/v2/v2")
    with pytest.raises(Disagreement, match=FAULTS[fault][2]) as found:
        native.explore(BrokenProgram(b.machine(), b.actions), NO_LIMITS)
    assert found.value.status == Exit.SOFTWARE


def test_the_message_names_the_run_and_the_steps_to_the_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(BrokenProgram, "fault", "a guard")
    monkeypatch.setattr("wakeproof.explore.explorer.Program", BrokenProgram)
    wrong = check().exception
    assert isinstance(wrong, InputError)
    assert wrong.status == Exit.SOFTWARE
    assert wrong.what.startswith("subtask v2/v2/v2: native code and plain Python differ: ")
    assert "with its steps: call_export left; " in wrong.hint


def test_the_message_is_short_however_long_the_way_to_the_state_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(BrokenProgram, "fault", "a guard")
    monkeypatch.setattr("wakeproof.explore.explorer.Program", BrokenProgram)
    monkeypatch.setattr("wakeproof.check.job._script", lambda *_: "poll read; " * 1_000)
    wrong = check().exception
    assert isinstance(wrong, InputError)
    assert len(f"wakeproof: {wrong}") <= 1_500
    assert "with its steps: poll read; poll" in str(wrong)


def test_a_fault_is_found_by_a_swarm_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swarms, "SwarmProgram", BrokenSwarm)
    wrong = check("--swarm", "1", "--time", "0.2").exception
    assert isinstance(wrong, InputError)
    assert wrong.status == Exit.SOFTWARE
    assert "after the action call_export" in wrong.what


def test_a_sample_has_some_dozens_of_states_and_few_of_a_large_run() -> None:
    assert list(sample(10)) == list(range(10))
    assert LEAST <= len(sample(1_000)) < 2 * LEAST
    assert LEAST <= len(sample(1_000_000)) < 2 * LEAST
    assert 2_400 < len(sample(100_000_000)) < 2_600


def test_the_runs_of_one_text_share_the_states_that_are_compared() -> None:
    for runs in (2, 4, 27):
        assert runs * len(sample(1_000, runs)) >= LEAST
    assert FEW <= len(sample(1_000, 27)) < 2 * FEW
    assert len(sample(100_000_000, 27)) == len(sample(100_000_000))
