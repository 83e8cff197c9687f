"""A long search may be killed at any moment and goes on; what it cannot go on from is refused."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.test_explore import instance
from wakeproof.errors import Exit, InputError
from wakeproof.explore.native import search as native
from wakeproof.explore.native.checkpoint import Checkpoint
from wakeproof.explore.native.library import Program
from wakeproof.explore.result import Exploration, Limits

CHECK = [sys.executable, "-m", "wakeproof", "check", "--explorer", "native", "--quiet"]
LONG = ["everything", "--executor", "v2", "--block-on", "v2", "--import", "v2"]


def a_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command to its end."""
    return subprocess.run([*CHECK, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def longer(tmp_path: Path) -> str:
    """The scenario with a bound that takes some seconds."""
    file = tmp_path / "longer.toml"
    text = 'base = "everything.toml"\ntitle = "Longer"\n[bounds]\nsteps = 17\n'
    from wakeproof.bundled import SCENARIOS

    file.write_text(text.replace("everything.toml", str(SCENARIOS / "everything.toml")))
    return str(file)


def results(file: Path) -> list[dict[str, Any]]:
    """The verdicts in a file of results, but for the time that they took."""
    rows: list[dict[str, Any]] = json.loads(file.read_text())["results"]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_a_search_that_is_killed_at_random_goes_on_to_the_same_result(
    longer: str, tmp_path: Path
) -> None:
    options = [longer, *LONG[1:], "--checkpoint", str(tmp_path / "kept"), "--resume"]
    expected, found = tmp_path / "expected.json", tmp_path / "found.json"
    a_run(longer, *LONG[1:], "--json", str(expected))
    fate = random.Random(0)
    environment = {**os.environ, "WAKEPROOF_SAVE_EVERY": "0.02"}
    killed = 0
    for _ in range(4):
        process = subprocess.Popen([*CHECK, *options], env=environment, stdout=subprocess.DEVNULL)
        while process.poll() is None and not any((tmp_path / "kept").glob("*/checkpoint.json")):
            time.sleep(0.005)
        try:
            process.wait(timeout=fate.uniform(0, 0.6))
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
    assert killed, "it was killed after a checkpoint"
    a_run(*options, "--json", str(found))
    assert results(found) == results(expected)
    assert not any((tmp_path / "kept").iterdir()), "a search that is complete keeps nothing"


def begun(folder: Path, mix: str = "v2/v2/v2", **identity: str) -> tuple[Exploration, Checkpoint]:
    """A search that a limit ends, with its checkpoint."""
    b = instance("everything", mix)
    program = Program(b.machine(), b.actions)
    checkpoint = Checkpoint(folder, {"mix": mix, **identity}, resume=True)
    limits = Limits(steps=16, memory=1)
    found = native.explore(program, limits, None, checkpoint=checkpoint)
    return found, checkpoint


def test_a_run_over_its_memory_stops_with_its_figures_and_can_go_on(tmp_path: Path) -> None:
    found, checkpoint = begun(tmp_path / "kept")
    assert found.limit.startswith("memory ")
    assert found.states >= 1
    assert checkpoint.exists()
    again, _ = begun(tmp_path / "kept")
    assert again.states >= found.states


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a byte of a file": lambda f: (f / "states").write_bytes(
        b"\xff" + (f / "states").read_bytes()[1:]
    ),
    "a file that is too short": lambda f: (f / "children").write_bytes(b""),
    "a file that is not there": lambda f: (f / "values").unlink(),
    "a character": lambda f: (f / "checkpoint.json").write_text(
        (f / "checkpoint.json").read_text().replace("saved", "sawed")
    ),
    "half of it": lambda f: (f / "checkpoint.json").write_text("{"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, damage: str) -> None:
    begun(tmp_path / "kept")
    DAMAGE[damage](tmp_path / "kept")
    with pytest.raises(InputError, match="the checkpoint") as refused:
        begun(tmp_path / "kept")
    assert refused.value.status == Exit.WRONG_USE


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    begun(tmp_path / "kept")
    with pytest.raises(InputError, match="is of another mix"):
        begun(tmp_path / "kept", "v1/v1/v1")
    with pytest.raises(InputError, match="is of another tool"):
        begun(tmp_path / "kept", tool="another version")


def test_a_checkpoint_is_not_overwritten_by_a_run_that_is_not_to_resume(tmp_path: Path) -> None:
    begun(tmp_path / "kept")
    with pytest.raises(InputError, match="has a checkpoint already"):
        Checkpoint(tmp_path / "kept", {}, resume=False)


def test_a_folder_that_cannot_be_written_is_told_in_one_message() -> None:
    done = a_run(*LONG, "--checkpoint", "/proc/nowhere")
    assert done.returncode == Exit.WRONG_USE
    assert "the checkpoint cannot be read or written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ["--resume"],
        ["--explorer", "plain", "--symmetry"],
        ["--swarm", "2", "--symmetry"],
        ["--memory", "lots"],
    ],
)
def test_options_that_mean_nothing_together_are_refused(wrong: list[str]) -> None:
    done = a_run("subtask", *wrong)
    assert done.returncode == Exit.WRONG_USE
    assert "Traceback" not in done.stderr
