"""`wakeproof simulate` follows scripts, says why a step is not possible, and what broke."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import Called
from wakeproof.language.model import BUNDLED


def test_the_script_of_a_scenario_is_followed(called: Called) -> None:
    status, printed, _ = called("simulate", "issue-1618", "--mix", "v2/v2/v2")
    assert status == 0
    assert "v2/v2/v2, by its script" in printed
    assert "  10 program poll(second-write)" in printed


def test_a_walk_that_breaks_a_property_has_status_1(called: Called) -> None:
    status, printed, _ = called("simulate", "issue-1618", "--mix", "v2/v1/v2")
    assert status == 1
    assert "broke: panic in WaitableOperation::register_waker" in printed


def test_the_steps_before_an_impossible_one_are_printed_with_what_is_possible(
    called: Called, tmp_path: Path
) -> None:
    script = tmp_path / "steps.txt"
    script.write_text("call_export left\npoll call\n", encoding="utf-8")
    status, printed, message = called("simulate", "subtask", "--script", script)
    assert status == 2
    assert "   1 host    call_export(left)" in printed
    assert "steps.txt:2: poll call is not possible here: it does not hold: " in message
    assert "The operation can be polled here, made first if its slot is free" in message
    assert "hint: possible here: call_import call STARTING; call_import call STARTED; " in message


def test_an_action_that_the_scenario_leaves_out_is_named_as_the_reason(
    called: Called, tmp_path: Path
) -> None:
    script = tmp_path / "steps.txt"
    script.write_text("call_export left\nkeep_waker\npoll call\n", encoding="utf-8")
    _, _, message = called("simulate", "subtask", "--script", script)
    assert "steps.txt:3: poll call is not possible" in message


@pytest.mark.parametrize("version", ["v3", "0.63.0"])
def test_a_version_is_shown_by_its_name_or_its_release(version: str, called: Called) -> None:
    status, printed, _ = called("show", version)
    assert status == 0
    assert printed.startswith("v3  wit-bindgen 0.63.0\n")
    assert "next: wakeproof show v3 --against v2" in printed
    assert called("show", "v3", "--against", "v2")[0] == 0


def test_every_version_is_shown(called: Called) -> None:
    assert all(called("show", version)[0] == 0 for version in BUNDLED.versions)


@pytest.mark.parametrize(
    "words",
    [
        ["check", "issue-1618", "--mix", "0.63.0/0.58.0/0.63.0", "-v"],
        ["simulate", "spawn-off", "--mix", "0.63.0/0.58.0/0.63.0", "--steps", "1"],
    ],
)
def test_a_release_is_understood_where_its_version_is(words: list[str], called: Called) -> None:
    status, printed, _ = called(*words)
    assert status == 0
    assert "v3/v1/v3" in printed
