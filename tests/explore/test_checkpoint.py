"""A search that is killed resumes from its checkpoint; one that does not fit is refused."""

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

from tests.support import instance
from wakeproof.bundled import SCENARIOS
from wakeproof.errors import Exit, InputError
from wakeproof.explore.native import search as native
from wakeproof.explore.native.checkpoint import Checkpoint
from wakeproof.explore.native.library import Program
from wakeproof.explore.result import Exploration, Limits

CHECK = [sys.executable, "-m", "wakeproof", "check", "--explorer", "native", "--quiet"]
LONG = ["everything", "--executor", "v2", "--block-on", "v2", "--import", "v2"]


def a_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a check in a process of its own."""
    return subprocess.run([*CHECK, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def longer(tmp_path: Path) -> str:
    """A scenario with a bound that takes some seconds."""
    file = tmp_path / "longer.toml"
    text = 'base = "everything.toml"\ntitle = "Longer"\n[bounds]\nsteps = 17\n'
    file.write_text(text.replace("everything.toml", str(SCENARIOS / "everything.toml")))
    return str(file)


def results(file: Path) -> list[dict[str, Any]]:
    """Return the verdicts in a results file, without their times."""
    rows: list[dict[str, Any]] = json.loads(file.read_text())["results"]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_a_search_killed_at_random_resumes_to_the_same_result(longer: str, tmp_path: Path) -> None:
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
    assert killed, "no run was killed after a checkpoint"
    a_run(*options, "--json", str(found))
    assert results(found) == results(expected)
    assert not any((tmp_path / "kept").iterdir()), "a complete search removes its checkpoint"


def begun(folder: Path, mix: str = "v2/v2/v2", **identity: str) -> tuple[Exploration, Checkpoint]:
    """Run a search until its memory limit; return its result and its checkpoint."""
    b = instance("everything", mix)
    program = Program(b.machine(), b.actions)
    checkpoint = Checkpoint(folder, {"mix": mix, **identity}, resume=True)
    limits = Limits(steps=16, memory=1)
    found = native.explore(program, limits, None, checkpoint=checkpoint)
    return found, checkpoint


def test_a_run_over_its_memory_limit_stops_and_can_be_resumed(tmp_path: Path) -> None:
    found, checkpoint = begun(tmp_path / "kept")
    assert found.limit.startswith("memory ")
    assert found.states >= 1
    assert checkpoint.exists()
    again, _ = begun(tmp_path / "kept")
    assert again.states >= found.states


DAMAGE: dict[str, Callable[[Path], object]] = {
    "one byte of a file is changed": lambda f: (f / "states").write_bytes(
        b"\xff" + (f / "states").read_bytes()[1:]
    ),
    "a file is too short": lambda f: (f / "children").write_bytes(b""),
    "a file is missing": lambda f: (f / "values").unlink(),
    "one character is changed": lambda f: (f / "checkpoint.json").write_text(
        (f / "checkpoint.json").read_text().replace("saved", "sawed")
    ),
    "half of the manifest is missing": lambda f: (f / "checkpoint.json").write_text("{"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, damage: str) -> None:
    begun(tmp_path / "kept")
    DAMAGE[damage](tmp_path / "kept")
    with pytest.raises(InputError, match="the checkpoint") as refused:
        begun(tmp_path / "kept")
    assert refused.value.status == Exit.WRONG_USE


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    begun(tmp_path / "kept")
    with pytest.raises(InputError, match="is of another mix"):
        begun(tmp_path / "kept", "v1/v1/v1")
    with pytest.raises(InputError, match="is of another tool"):
        begun(tmp_path / "kept", tool="another version")


def test_a_checkpoint_is_not_overwritten_by_a_run_without_resume(tmp_path: Path) -> None:
    begun(tmp_path / "kept")
    with pytest.raises(InputError, match="has a checkpoint already"):
        Checkpoint(tmp_path / "kept", {}, resume=False)


def test_a_folder_that_cannot_be_written_is_reported_in_one_message() -> None:
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
def test_options_that_contradict_each_other_are_refused(wrong: list[str]) -> None:
    done = a_run("subtask", *wrong)
    assert done.returncode == Exit.WRONG_USE
    assert "Traceback" not in done.stderr
