"""The script of action.yml, run as GitHub runs it; the examples for other CI use what there is."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from wakeproof.bundled import SCENARIOS
from wakeproof.cli_check import check

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "examples" / "ci" / "action.sh"
KNOWN = {option for parameter in check.params for option in parameter.opts}


@pytest.fixture
def runner(tmp_path: Path) -> dict[str, str]:
    """The environment of a step, with the command on its path."""
    command = tmp_path / "bin" / "wakeproof"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m wakeproof "$@"\n')
    command.chmod(0o755)
    text = (SCENARIOS / "stream-after-drop.toml").read_text(encoding="utf-8")
    (tmp_path / "story.toml").write_text(text.split("[[expect]]")[0], encoding="utf-8")
    return os.environ | {
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "BASELINE": "",
        "SCENARIOS": "story.toml",
        "OPTIONS": "--mix v3/v2/v3",
    }


def step(tmp_path: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the script in a checkout."""
    return subprocess.run(
        ["bash", str(SCRIPT)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_action_fails_with_annotations_a_summary_and_files(
    tmp_path: Path, runner: dict[str, str]
) -> None:
    done = step(tmp_path, runner)
    assert done.returncode == 1, done.stderr
    assert "::error file=story.toml,line=1,title=no-trap at stream_copy%3A%3Anot-idle::" in (
        done.stdout
    )
    folder = tmp_path / "temp" / "wakeproof"
    assert (tmp_path / "output").read_text() == f"folder={folder}\n"
    assert (tmp_path / "summary.md").read_text().startswith("## Wakeproof: 1 cause not as expected")
    assert {file.name for file in folder.iterdir()} >= {
        "results.json",
        "junit.xml",
        "wakeproof.sarif",
    }
    assert ElementTree.parse(folder / "junit.xml").getroot().get("failures") == "1"


def test_the_action_passes_with_a_baseline(tmp_path: Path, runner: dict[str, str]) -> None:
    (tmp_path / "b.txt").write_text("story v3/v2/v3 no-trap violated host::stream_copy::not-idle\n")
    done = step(tmp_path, runner | {"BASELINE": "b.txt"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "::error" not in done.stdout


def test_an_input_of_the_action_is_not_run_by_the_shell(
    tmp_path: Path, runner: dict[str, str]
) -> None:
    done = step(tmp_path, runner | {"SCENARIOS": "$(touch\tran) *", "OPTIONS": "; touch ran"})
    assert done.returncode == 2
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "file",
    ["action.yml", "examples/ci/action.sh", "examples/ci/gitlab.yml", ".pre-commit-hooks.yaml"],
)
def test_the_options_of_an_example_exist(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.findall(r"wakeproof check ([^\n]*)", text)
    assert found or file == "action.yml"
    for line in found:
        assert set(re.findall(r"(?<= )--[a-z-]+", f" {line}")) <= KNOWN, line
