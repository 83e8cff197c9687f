"""An unexpected failure of the tool is one line and one status; --debug prints its traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wakeproof.commands import show
from wakeproof.errors import ISSUES, LONGEST, Exit, InputError
from wakeproof.main import main
from wakeproof.util.parallel import map_jobs


def fail_here(_: Any) -> None:
    int("not a number")


def fail_in_a_worker(_: Any) -> None:
    map_jobs(int, ["not a number"], print)


@pytest.mark.parametrize("fail", [fail_here, fail_in_a_worker])
@pytest.mark.parametrize("debug", [False, True])
def test_a_failure_of_the_tool_says_where_to_report_it(
    fail: Any, debug: bool, monkeypatch: pytest.MonkeyPatch, caplog: Any, capsys: Any
) -> None:
    monkeypatch.setattr(show, "list_command", fail)
    monkeypatch.setattr(sys, "argv", ["wakeproof", *(["--debug"] if debug else []), "list"])
    caplog.set_level("WARNING", "wakeproof")
    caplog.handler.setLevel("NOTSET")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == Exit.SOFTWARE.value == 70
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("wakeproof: unexpected failure: ValueError: invalid literal for int()")
    assert first.endswith("'not a number'")
    assert ISSUES in second
    assert ("Traceback" in caplog.text) == debug


ASKED_TO_END = """
import os, signal, sys
from wakeproof.commands import show
from wakeproof.main import main
show.list_command = lambda _: os.kill(os.getpid(), signal.SIGTERM)
sys.argv = ["wakeproof", "list"]
main()
"""


def test_a_request_to_end_is_an_interrupt() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", ASKED_TO_END], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (Exit.UNKNOWN, "wakeproof: interrupted")


def test_a_long_message_is_shortened_and_keeps_its_ends() -> None:
    error = InputError("a" + "b" * 10_000 + "c", where="file:1", hint="d" * 10_000)
    assert len(str(error)) < 3 * LONGEST < 1_500
    assert str(error).startswith("file:1: abbb")
    assert "bbbc\n  hint: ddd" in str(error)
