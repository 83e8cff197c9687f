"""Bad input is one message, which names the file or the option; never a traceback."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wakeproof.bundled import MODEL, SCENARIOS
from wakeproof.errors import Exit
from wakeproof.explore.native.compiler import compiler
from wakeproof.main import main

Refused = Callable[..., str]
"""Runs a command that fails, and returns its message."""

SCENARIO = (SCENARIOS / "issue-1618.toml").read_text(encoding="utf-8")


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Run the command; it is refused with a short message and without a traceback."""

    def run(*words: str | Path) -> str:
        monkeypatch.setattr(sys, "argv", ["wakeproof", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        message = capsys.readouterr().err
        assert ended.value.code == Exit.WRONG_USE, message
        assert "Traceback" not in message
        assert len(message) <= 1_500
        return message

    return run


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    """Have the compiler looked for in this test, and again in the next."""
    compiler.cache_clear()
    yield
    compiler.cache_clear()


def edited(old: str, new: str) -> str:
    """A scenario, with one piece of its text replaced."""
    assert old in SCENARIO
    return SCENARIO.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (edited('"poll read"', '"poll ²"'), ":35: '²' is not of type Operation"),
        (edited('"poll read"', f'"poll {"1" * 5_000}"'), ":35: '111"),
        (edited('"poll read"', '" "'), "the model has no action ''"),
        (edited("Task = 2", "Task = 2.0"), ":10: sizes.Task: 2.0 is not of type 'integer'"),
        (edited("Task = 2", f"Task = {'1' * 5_000}"), ":1: not TOML: Exceeds the limit"),
        (edited("Task = 2", f"Task = 0x{'1' * 5_000}"), ":1: a number has more than 64 bits"),
        (edited("Task = 2", f"Task = {'[' * 100_000}"), ":1: nested too deeply"),
        ("base" + ".base" * 100_000 + " = 1", ":1: a line of dots"),
        (
            edited('export = ["v2", "v3"]', 'export = ["v2", "v2"]'),
            "['v2', 'v2'] has non-unique elements",
        ),
        (edited('export = ["v2", "v3"]', "export = []"), "expect.0.export: [] should be non-empty"),
        (edited('import = ["v1"', 'import = ["v99"'), ":46: unknown ABI version 'v99'"),
        (edited("opened = true", f'opened = ["{"x" * 9_000}"]'), "xxx [...] xxx"),
        (re.sub(r"^(\w+) = \d$", r"\1 = 0", SCENARIO, flags=re.MULTILINE), "2 names for 0 members"),
        ('base = "a\\u0000"', "a\\0: cannot be read: embedded null byte"),
    ],
)
def test_a_bad_scenario_is_refused(
    text: str, message: str, tmp_path: Path, refused: Refused
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    error = refused("simulate", path)
    assert message in error
    assert str(tmp_path) in error


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'{{"results": {"1" * 5_000}}}', ":1: not JSON: Exceeds the limit"),
        ("[" * 100_000, ":1: nested too deeply"),
        ('{"results": [}', ":1: not JSON: Expecting value"),
        ('{"tool": "wakeproof", "version": "1", "results": 1}', "results: 1 is not of type"),
    ],
)
def test_a_bad_results_file_is_refused(
    text: str, message: str, tmp_path: Path, refused: Refused
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    error = refused("replay", path)
    assert message in error
    assert str(path) in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check", "--memory", "1" * 5_000], "invalid value for '--memory': '111"),
        (["check", "--memory", "²"], "'²' is not a size; write for example 500M or 16G"),
        (["check", "--max-states", "1" * 5_000], "invalid value for '--max-states': '111"),
        (["check", "--timeout", "1e300"], "invalid value for '--timeout': 1e+300 is not in"),
        (["recheck", ".", "--timeout", "1e300"], "invalid value for '--timeout'"),
        (["prove", "--size", "Task=²"], "--size Task=²: no such size"),
        (["prove", "--size", f"Task={'1' * 5_000}"], "--size Task=111"),
    ],
)
def test_a_bad_option_is_refused(words: list[str], message: str, refused: Refused) -> None:
    assert message in refused(*words)


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("CC", 'a"b', 'CC=a"b: no closing quotation'),
        ("CFLAGS", "-O1 '-g", "CFLAGS=-O1 '-g: no closing quotation"),
        ("WAKEPROOF_SAVE_EVERY", "abc", "WAKEPROOF_SAVE_EVERY=abc: not a number of seconds"),
        ("WAKEPROOF_SAVE_EVERY", "nan", "WAKEPROOF_SAVE_EVERY=nan: not a number of seconds"),
    ],
)
def test_a_bad_environment_variable_is_refused(
    variable: str,
    value: str,
    message: str,
    tmp_path: Path,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, value)
    options = ("--explorer", "native", "--mix", "v1/v1/v1", "--checkpoint", tmp_path)
    assert message in refused("check", "subtask", *options)


@pytest.mark.parametrize(
    ("instruction", "more", "message"),
    [
        ("bash_complete", {}, "COMP_WORDS and COMP_CWORD are not those of bash"),
        ("zsh_complete", {"COMP_WORDS": "wakeproof", "COMP_CWORD": "x"}, "not those of zsh"),
        ("fish_complete", {"COMP_CWORD": "x"}, "COMP_WORDS and COMP_CWORD are not those of fish"),
        ("ksh_source", {}, "_WAKEPROOF_COMPLETE=ksh_source: not a shell whose words"),
        ("bash", {}, "_WAKEPROOF_COMPLETE=bash: not a shell whose words"),
    ],
)
def test_a_completion_that_no_shell_has_begun_is_refused(
    instruction: str,
    more: dict[str, str],
    message: str,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"_WAKEPROOF_COMPLETE": instruction, **more}.items():
        monkeypatch.setenv(name, value)
    assert message in refused("list")


@pytest.mark.parametrize("name", ["COLUMNS", "LINES"])
@pytest.mark.parametrize("value", ["\N{SUPERSCRIPT TWO}", "9" * 5_000, "-1", "x"])
def test_a_size_of_the_terminal_that_is_not_a_number_is_ignored(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["wakeproof", "list", "versions"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == Exit.AS_EXPECTED


@pytest.mark.usefixtures("fresh_compiler")
def test_the_message_of_a_compiler_need_not_be_utf_8(
    tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cc"
    path.write_bytes(b'#!/bin/sh\necho "\xff error \xff" | tee /dev/stderr\n[ "$1" = --version ]\n')
    path.chmod(0o755)
    monkeypatch.setenv("CC", str(path))
    message = refused("check", "subtask", "--explorer", "native")
    assert "the C compiler failed: \ufffd error \ufffd" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("BASE = {[]: 1}", ":1: BASE is not a literal"),
        (f'BASE = "v1"\nx = {"not " * 100_000}1', ":1: nested too deeply"),
        (f'BASE = "v1"\nx = {"not " * 100}1', ":2: nested too deeply"),
        (f'BASE = "v1"\nx = {"-" * 5_000}1', ":1: nested too deeply"),
        (f'BASE = "v1"\nx = {"[" * 100_000}', ":2: not Python: too many nested parentheses"),
        (f'BASE = "v1"\nABI = {"1" * 5_000}', ":2: not Python: Exceeds the limit"),
        (f'BASE = "v1"\nABI = 0x{"1" * 5_000}', ":2: a number of more than 64 bits"),
        ('BASE = "v1\0"', ":1: "),
    ],
)
def test_a_bad_version_is_refused(
    text: str, message: str, tmp_path: Path, refused: Refused
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    assert f"{path}{message}" in refused("list", "--model", tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("parameters.toml", "host = 1", ":1: host: 1 is not of type 'string'"),
        ("parameters.toml", "\nsizes = 1", ":2: sizes: 1 is not of type 'object'"),
        ("parameters.toml", "[sizes]\nTask = []", ":2: sizes.Task: [] is not of type 'integer'"),
        ("parameters.toml", '[names]\nTask = "{x}"', ":2: names.Task: '{x}' does not match"),
        ("parameters.toml", "features = [1]", ":1: features: [1] is not of type 'object'"),
        ("parameters.toml", "[features.spawn]\nsets = 1", ":2: features.spawn.sets: 1 is not of"),
        ("parameters.toml", "[features.spawn]", "features.spawn: 'sets' is a required property"),
        ("properties.toml", "", ":1: the properties: 'property' is a required property"),
        (
            "properties.toml",
            '[[property]]\nsays = ""\nmeans = ""\nid = 1',
            ":4: property.0.id: 1 is not of type",
        ),
        ("properties.toml", "property = [1]", ":1: property.0: 1 is not of type 'object'"),
        ("proofs/proofs.toml", "host = []", ":1: host: [] is not of type 'string'"),
        ("proofs/proofs.toml", "sizes = 1", ":1: sizes: 1 is not of type 'object'"),
        ("proofs/proofs.toml", "[sizes]\nTask = [2]", ":2: sizes.Task: [2] is not of type"),
        ("proofs/proofs.toml", "any-number = 1", ":1: any-number: 1 is not of type 'object'"),
        ("proofs/proofs.toml", "[any-number]\nleft-out = 1", ":2: any-number.left-out: 1 is not"),
    ],
)
def test_a_bad_table_of_a_model_is_refused(
    file: str, text: str, message: str, tmp_path: Path, refused: Refused
) -> None:
    model = tmp_path / "model"
    shutil.copytree(MODEL, model)
    path = model / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    error = refused("prove", "--model", model)
    assert str(path) in error
    assert message in error


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such device")
@pytest.mark.parametrize("words", ["simulate subtask --script", "replay", "conform spec"])
def test_a_text_without_an_end_is_refused(
    words: str, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wakeproof.util.text.MOST", 1_000_000)
    assert "/dev/zero: more than 1,000,000 characters" in refused(*words.split(), "/dev/zero")


def test_a_file_name_that_is_not_utf_8_is_refused(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / os.fsdecode(b"\xff.toml")
    path.write_text(SCENARIO, encoding="utf-8")
    assert "/\\udcff.toml' is not UTF-8" in refused("show", path)


def test_a_title_is_printed_to_an_output_without_its_letters(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(edited("Issue 1618", "\N{SNOWMAN}"), encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    command = [sys.executable, "-m", "wakeproof", "show", str(path)]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert b"\\u2603, step by step" in done.stdout


@pytest.mark.parametrize(
    ("redirection", "message"),
    [
        (">&-", "wakeproof: standard output is closed\n  hint: send it to /dev/null\n"),
        (">&- 2>&-", ""),
        (">/dev/full", "wakeproof: No space left on device\n  hint: free some space\n"),
    ],
)
def test_an_output_that_takes_nothing_is_one_message(redirection: str, message: str) -> None:
    command = f"{sys.executable} -m wakeproof list versions {redirection}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (Exit.WRONG_USE, message)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("check subtask --swarm 1 --memory 1G", "--memory does not go with --swarm"),
        ("check subtask --swarm 1 --timeout 9", "--timeout does not go with --swarm"),
        ("check subtask --swarm 1 --max-states 9", "--max-states does not go with --swarm"),
        ("check subtask --time 9", "--time needs --swarm\n  hint: --timeout limits"),
        ("check subtask --explorer plain --memory 1G", "--memory does not go with --explorer"),
        ("check subtask --off zzz", "unknown feature 'zzz'\n  hint: one of inter-task-wakeup, "),
        ("simulate subtask --off zzz", "unknown feature 'zzz'\n  hint: one of inter-task-wakeup, "),
    ],
)
def test_an_option_that_has_no_effect_is_refused(
    words: str, message: str, refused: Refused
) -> None:
    assert message in refused(*words.split())


HOSTS = "spec_26e6ea9d, spec_6d28164, wasmtime_50"


@pytest.mark.parametrize("command", ["check", "simulate"])
def test_an_unknown_host_is_refused(command: str, tmp_path: Path, refused: Refused) -> None:
    message = f"unknown host 'zzz'\n  hint: one of {HOSTS}"
    assert message in refused(command, "subtask", "--host", "zzz")
    path = tmp_path / "mine.toml"
    path.write_text(SCENARIO + 'host = ["zzz"]\n', encoding="utf-8")
    assert f"{path}:104: {message}" in refused(command, path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('BASE = ""\nHOST = "x"\ndef f(:\n', ":3: not Python: invalid syntax"),
        (
            'BASE = "zzz"\nHOST = "x"\n',
            f":1: unknown host 'zzz'\n  hint: use one of: mine, {HOSTS}",
        ),
        ('BASE = "v1"\nHOST = "x"\n', f":1: unknown host 'v1'\n  hint: use one of: mine, {HOSTS}"),
        ('BASE = "mine"\nHOST = "x"\n', ":1: host 'mine' is its own base"),
    ],
)
def test_a_bad_host_is_refused(text: str, message: str, tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    assert f"{path}{message}" in refused(
        "simulate", "subtask", "--model", tmp_path, "--host", "mine"
    )


TEXT = """
from model.types import Task
from wakeproof.language import side

@side("{side}")
def {function}(task: Task) -> None:
    pass
"""


@pytest.mark.parametrize(
    ("facts", "side", "function", "message"),
    [
        ('BASE = "v1"\nABI = 1', "host", "begin_turn", "begin_turn is on the host's side"),
        ('BASE = ""\nHOST = "x"', "executor", "wait_when_done", "is on the guest's side"),
    ],
)
def test_a_text_of_another_side_is_refused(
    facts: str, side: str, function: str, message: str, tmp_path: Path, refused: Refused
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(facts + TEXT.format(side=side, function=function), encoding="utf-8")
    chosen = ("--host", "mine") if "HOST" in facts else ("--mix", "mine/v1/v1")
    error = refused("simulate", "subtask", "--model", tmp_path, *chosen)
    assert f"{path}:" in error
    assert message in error
    assert "hint: a host overrides the host's side, a version every other" in error
