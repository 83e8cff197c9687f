"""Processes that end with the one that started them, and in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wakeproof.util.processes import kill_process, run_process, start_process

# a process that has one of its own, and writes the numbers of both
FAMILY = 'sleep 600 & echo $$ $! >"$0.new"; mv "$0.new" "$0"; wait'


def family(file: Path) -> list[str | Path]:
    """Return the command of a process with a child, which write their numbers to the file."""
    return ["sh", "-c", FAMILY, file]


def members(file: Path) -> list[int]:
    """Return the numbers of the processes, once they are there."""
    until = time.monotonic() + 10
    while not file.exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    return [int(word) for word in file.read_text(encoding="utf-8").split()]


def ended(number: int) -> bool:
    """Return whether a process has ended, or does soon."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(") ")[2][0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_a_process_reads_a_text_and_returns_its_output_and_status() -> None:
    done = run_process(["sh", "-c", r"cat; printf 'b\377' >&2; exit 3"], text="a")
    assert (done.stdout, done.stderr, done.returncode) == ("a", "b\ufffd", 3)


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc")
def test_a_process_that_runs_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run_process(family(tmp_path / "numbers"), seconds=0.5)
    assert all(map(ended, members(tmp_path / "numbers")))


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc")
def test_a_process_is_killed_with_its_children(tmp_path: Path) -> None:
    process = start_process(family(tmp_path / "numbers"))
    numbers = members(tmp_path / "numbers")
    kill_process(process)
    assert all(map(ended, numbers))
    kill_process(process)


PARENT = """
import sys
from wakeproof.util.processes import run_process
run_process(["sh", "-c", 'echo $$ >"$0.new"; mv "$0.new" "$0"; exec sleep 600', sys.argv[1]])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no signal for it")
def test_a_process_ends_when_the_one_that_started_it_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "number"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, file], cwd=Path(__file__).parents[2])
    (number,) = members(file)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert ended(number)
