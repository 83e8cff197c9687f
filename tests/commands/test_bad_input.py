"""Bad input is one message, which names the file or the option; never a traceback."""

from __future__ import annotations

import re
import shutil
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
