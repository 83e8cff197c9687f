"""An unexpected failure of the tool is one line and one status; --debug prints its traceback."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from wakeproof.commands import show
from wakeproof.errors import LONGEST, Exit, InputError
from wakeproof.main import ISSUES, main
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


def test_a_request_to_end_is_an_interrupt(tmp_path: Path) -> None:
    words = ["check", "everything", "--explorer", "plain", "--json", "out.json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "wakeproof", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(3)
    process.terminate()
    output, errors = process.communicate(timeout=60)
    assert process.returncode == Exit.UNKNOWN, errors
    assert "interrupted" in output + errors
    assert "Traceback" not in errors


def test_a_long_message_is_shortened_and_keeps_its_ends() -> None:
    error = InputError("a" + "b" * 10_000 + "c", where="file:1", hint="d" * 10_000)
    assert len(str(error)) < 3 * LONGEST < 1_500
    assert str(error).startswith("file:1: abbb")
    assert "bbbc\n  hint: ddd" in str(error)
