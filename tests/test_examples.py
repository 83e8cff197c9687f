"""The examples of the public API run, and say what they say."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import wakeproof

ROOT = Path(__file__).parent.parent
API = ROOT / "docs" / "reference" / "api.md"
NAMES = {
    "load_model",
    "load_scenario",
    "check_scenario",
    "simulate",
    "replay",
    "prove_properties",
    "export_trace",
    "Model",
    "Scenario",
    "Verdict",
    "Violation",
    "Trace",
    "Proof",
    "InputError",
}


def test_the_public_names_are_those_of_the_page() -> None:
    assert set(wakeproof.__all__) == NAMES
    table = API.read_text("utf-8").split("## In a notebook")[0]
    shown = re.findall(r"`(\w+)[`(]", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))
    assert set(shown) == NAMES


def test_the_notebook_of_the_api_prints_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```pycon\n(.*?)^```$", API.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    session = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, API.name, str(API), 0)
    assert len(session.examples) > 5
    printed: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(session, out=printed.append)
    assert not result.failed, "".join(printed)


@pytest.mark.slow
def test_the_example_for_pytest_passes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", ROOT / "examples/pytest"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
