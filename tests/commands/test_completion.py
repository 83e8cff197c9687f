"""What a shell completes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from wakeproof.bundled import PACKAGE, ROOT, SCENARIOS
from wakeproof.cli import cli
from wakeproof.commands.completion import COMPLETION
from wakeproof.findings.registry import load_findings
from wakeproof.language.model import BUNDLED

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}


def completed(*words: str) -> set[str]:
    """What completes the last of the words that follow `wakeproof`."""
    shell = ShellComplete(cli, {}, "wakeproof", "_WAKEPROOF_COMPLETE")
    *before, incomplete = words
    found = shell.get_completions(before, incomplete)
    return {item.value for item in found if item.type == "plain"}


def test_scenarios_are_completed() -> None:
    every = {path.stem for path in SCENARIOS.glob("*.toml")}
    assert completed("check", "") == every
    assert completed("check", "subtask", "") == every
    assert completed("review", "v3", "--against", "v2", "") == every
    assert completed("replay", "x.json", "--scenario", "") == every
    for command in ("simulate", "export"):
        assert completed(command, "issue-1618") == {"issue-1618", "issue-1618-free"}
    names = {finding.name for finding in load_findings()[0]}
    assert completed("show", "") == every | set(BUNDLED.versions) | names


def test_versions_are_completed_in_lists_and_mixes() -> None:
    every = set(BUNDLED.versions)
    assert completed("show", "v3", "--against", "") == every
    assert completed("review", "") == every
    assert completed("check", "--executor", "") == every
    assert completed("review", "v3", "--beside", "v1,v2") == {"v1,v2", "v1,v2_draft"}
    assert completed("prove", "--mix", "v1/v2/v3,v2/v1_") == {"v1/v2/v3,v2/v1_1638"}


def test_versions_of_a_folder_are_completed_beside_the_bundled_ones() -> None:
    cures = str(ROOT / "examples" / "cures")
    found = completed("simulate", "--model", cures, "--import", "")
    assert found > set(BUNDLED.versions)
    assert "v3_done" in found


def test_properties_sites_features_and_findings_are_completed() -> None:
    for command in ("check", "prove", "export"):
        assert completed(command, "--property", "") == set(BUNDLED.properties)
    assert completed("export", "--site", "waitable::") == {
        site for site in BUNDLED.sites if site.startswith("waitable::")
    }
    for command in ("check", "simulate", "review"):
        assert completed(command, "--on", "") == set(BUNDLED.features)
        assert completed(command, "--off", "") == set(BUNDLED.features)
    assert "task-waits-on-empty-set" in completed("findings", "")


def test_a_model_of_ones_own_has_its_own_names(tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "versions").mkdir(parents=True)
    (model / "versions" / "mine.py").touch()
    (model / "properties.toml").write_text(
        '[[property]]\nid = "one-inside"\nsays = "x"\nmeans = "y"\n', encoding="utf-8"
    )
    assert completed("check", "--model", str(model), "--property", "") == {"one-inside"}
    assert completed("check", "--model", str(model), "--import", "") == {"mine"}


@pytest.mark.parametrize("text", ["", "[[property]]\n", "not TOML"])
def test_what_cannot_be_read_completes_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "properties.toml").write_text(text, encoding="utf-8")
    for option in ("--property", "--on", "--executor"):
        assert completed("check", "--model", str(tmp_path), option, "") == set()


def test_completion_loads_no_more_than_the_names() -> None:
    code = (
        "import sys\n"
        "from click.shell_completion import ShellComplete\n"
        "from wakeproof.cli import cli\n"
        "shell = ShellComplete(cli, {}, 'wakeproof', '_WAKEPROOF_COMPLETE')\n"
        "for option in ('--property', '--on', '--mix'):\n"
        "    assert shell.get_completions(['check', option], '')\n"
        "assert shell.get_completions(['export', '--site'], '')\n"
        "sys.exit(', '.join({'rich', 'networkx', 'jsonschema', 'z3'} & sys.modules.keys()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.stderr.strip() == ""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_the_line_of_the_help_switches_completion_on_in_bash(tmp_path: Path) -> None:
    command = tmp_path / "wakeproof"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m wakeproof "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    script = (
        f"{COMPLETION['bash']}\n"
        "complete -p wakeproof >/dev/null || exit 1\n"
        "COMP_WORDS=(wakeproof check --mix v1/v1_); COMP_CWORD=3\n"
        '_wakeproof_completion wakeproof; echo "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={**ENVIRONMENT, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "v1/v1_1638\n", "")
