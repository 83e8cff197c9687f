"""Some kills of a command at random points: nothing is left, and the next run is as any other."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.kills import COMMANDS, OLD, Killing, contradicts, rounds

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no /proc")


@pytest.fixture(scope="module")
def killing(tmp_path_factory: pytest.TempPathFactory) -> Killing:
    """Kills with a cache of their own."""
    return Killing(tmp_path_factory.mktemp("kills"), 0)


@pytest.mark.slow
def test_a_killed_check_leaves_nothing_and_changes_no_result(
    killing: Killing, tmp_path: Path
) -> None:
    command, place = COMMANDS["check"], tmp_path / "check"
    for _ in range(3):
        _, _, faults = killing.kill(command, place)
        assert not faults
    assert not killing.wrong_result(command, place)


@pytest.mark.slow
def test_a_half_written_file_and_a_wrong_verdict_are_faults(
    killing: Killing, tmp_path: Path
) -> None:
    command = COMMANDS["check"]
    expected = killing.learn(command)
    for name in command.writes:
        (tmp_path / name).write_text(OLD, "utf-8")
    assert not killing.wrong_files(command, tmp_path, expected)
    (tmp_path / "out.json").write_text('{"results": [', "utf-8")
    (tmp_path / "out.md").unlink()
    faults = killing.wrong_files(command, tmp_path, expected)
    assert faults == ["out.json is half written", "out.md is gone"]
    row = dict(expected.written["out.json"][0])
    assert not contradicts([row], expected.written["out.json"])
    row["verdict"] = "holds" if row["verdict"] == "violated" else "violated"
    assert contradicts([row], expected.written["out.json"])


def test_every_command_is_killed_as_often_as_is_asked() -> None:
    found = list(rounds(list(COMMANDS), 23, 4))
    assert sum(count for _, count in found) == 23
    assert {command.name for command, _ in found} == set(COMMANDS)
