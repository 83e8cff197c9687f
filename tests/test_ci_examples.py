"""The steps of action.yml, run as GitHub runs them; the examples for other CI use what there is.

Only pip is not run: a `python` on the path takes its place, which looks at what would be installed.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from wakeproof import __version__
from wakeproof.bundled import SCENARIOS
from wakeproof.cli_check import check

ROOT = Path(__file__).parent.parent
# a step begins with a dash; a value of a mapping is in a line
STEP = re.compile(r"^    - ", re.MULTILINE)
VALUE = re.compile(r"^ +([\w-]+): (.+)$", re.MULTILINE)
EXPRESSION = re.compile(r"\$\{\{ ([\w.-]+) \}\}")
PYTHON = """#!/bin/sh
if [ "$1 $2 $3" = "-m pip install" ]; then
  for last; do :; done
  exec test -f "$last/pyproject.toml"
fi
exec {python} "$@"
"""
KNOWN = {option for parameter in check.params for option in parameter.opts}


@pytest.fixture
def runner(tmp_path: Path) -> dict[str, str]:
    """The environment of a runner, with the command and the inputs of the action."""
    python = shlex.quote(sys.executable)
    commands = {
        "wakeproof": f'#!/bin/sh\nexec {python} -m wakeproof "$@"\n',
        "python": PYTHON.replace("{python}", python),
    }
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in commands.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    text = (SCENARIOS / "stream-after-drop.toml").read_text(encoding="utf-8")
    (tmp_path / "story.toml").write_text(text.split("[[expect]]")[0], encoding="utf-8")
    return os.environ | {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "inputs.baseline": "",
        "inputs.scenarios": "story.toml",
        "inputs.options": "--mix v3/v2/v3",
        "inputs.python-version": "3.13",
    }


def steps_of_action() -> list[dict[str, str]]:
    """Return the values of each step of the action, those of `env` and `with` among them."""
    text = (ROOT / "action.yml").read_text(encoding="utf-8").partition("\n  steps:\n")[2]
    return [dict(VALUE.findall(f"      {step}")) for step in STEP.split(text)[1:]]


def run_action(tmp_path: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the steps of the action in a checkout up to the first that fails; return the last."""
    values = environment | {"runner.temp": environment["RUNNER_TEMP"]}
    values |= {"runner.os": "Linux", "runner.arch": "X64"}
    (tmp_path / "temp").mkdir(exist_ok=True)
    done = None
    for step in steps_of_action():
        output = tmp_path / f"output-{step.get('id', 'none')}"
        filled = {
            name: EXPRESSION.sub(lambda found: values[found[1]], text)
            for name, text in step.items()
        }
        if step.get("uses", "").startswith("actions/cache"):
            (tmp_path / "key").write_text(filled["key"], encoding="utf-8")
            continue
        if "run" not in step:
            continue
        own = {name: text for name, text in filled.items() if name.isupper()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=tmp_path,
            env=environment | own | {"GITHUB_OUTPUT": str(output)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return done
        for line in output.read_text().splitlines() if output.exists() else ():
            name, _, text = line.partition("=")
            values[f"steps.{step['id']}.outputs.{name}"] = text
    assert done is not None
    return done


def test_the_action_fails_with_annotations_a_summary_and_files(
    tmp_path: Path, runner: dict[str, str]
) -> None:
    done = run_action(tmp_path, runner)
    assert done.returncode == 1, done.stderr
    assert "::error file=story.toml,line=1,title=no-trap at stream_copy%3A%3Anot-idle::" in (
        done.stdout
    )
    folder = tmp_path / "temp" / "wakeproof"
    assert (tmp_path / "output-check").read_text() == f"folder={folder}\n"
    assert (tmp_path / "summary.md").read_text().startswith("## Wakeproof: 1 cause not as expected")
    assert {file.name for file in folder.iterdir()} >= {
        "results.json",
        "junit.xml",
        "wakeproof.sarif",
    }
    assert ElementTree.parse(folder / "junit.xml").getroot().get("failures") == "1"


def test_the_action_passes_with_a_baseline(tmp_path: Path, runner: dict[str, str]) -> None:
    (tmp_path / "b.txt").write_text("story v3/v2/v3 no-trap violated host::stream_copy::not-idle\n")
    done = run_action(tmp_path, runner | {"inputs.baseline": "b.txt"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "::error" not in done.stdout


def test_an_input_of_the_action_is_not_run_by_the_shell(
    tmp_path: Path, runner: dict[str, str]
) -> None:
    inputs = {"inputs.scenarios": "$(touch\tran) *", "inputs.options": "; touch ran"}
    done = run_action(tmp_path, runner | inputs)
    assert done.returncode == 2
    assert not (tmp_path / "ran").exists()


def key_of_cache(tmp_path: Path, environment: dict[str, str]) -> str:
    """Return the key of the cache that the action uses."""
    run_action(tmp_path, environment | {"inputs.options": "--no-such-option"})
    return (tmp_path / "key").read_text(encoding="utf-8")


def test_the_cache_is_keyed_by_the_version_and_by_what_is_checked(
    tmp_path: Path, runner: dict[str, str]
) -> None:
    key = key_of_cache(tmp_path, runner)
    assert re.fullmatch(rf"wakeproof-Linux-X64-py3\.13-{__version__}-[0-9a-f]{{16}}", key)
    assert key_of_cache(tmp_path, runner) == key
    assert key_of_cache(tmp_path, runner | {"inputs.scenarios": "subtask"}) != key
    story = tmp_path / "story.toml"
    story.write_text(story.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert key_of_cache(tmp_path, runner) != key


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
