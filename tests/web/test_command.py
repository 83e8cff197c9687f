"""The command `explore`: what it prints, which port it takes, how it ends, what it refuses."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from wakeproof.bundled import ROOT
from wakeproof.cli import cli
from wakeproof.commands.explore import USUAL_PORT
from wakeproof.errors import Exit, InputError

pytest.importorskip("starlette", reason="needs starlette: pip install 'wakeproof[explore]'")


@contextlib.contextmanager
def explorer(
    *words: str, environment: dict[str, str] | None = None
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A running command: the address that it prints, and its process, which is interrupted."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wakeproof", "explore", *words],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("exploring at http://127.0.0.1:"), (line, process.communicate()[1])
        assert process.stdout.readline() == "Ctrl-C ends it\n"
        yield line.removeprefix("exploring at ").strip(), process
    finally:
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
    assert (rest, errors) == ("the explorer has ended\n", "")
    assert process.returncode == Exit.AS_EXPECTED


def page(address: str) -> str:
    """The text of a page."""
    with urllib.request.urlopen(address, timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def refused(*words: str) -> str:
    """The error of a command that is refused before it serves."""
    result = CliRunner().invoke(cli, ["explore", *words])
    assert isinstance(result.exception, InputError), result.output
    assert result.exception.status == Exit.WRONG_USE
    return str(result.exception)


def test_it_prints_the_address_of_the_state_and_ends_with_a_line() -> None:
    with explorer("yield", "--mix", "v1/v2/v2", "--port", "0") as (address, _):
        assert "/state?scenario=yield&mix=v1/v2/v2" in address
        assert "Yielding, in an export and in a block_on" in page(address)


@pytest.mark.slow
def test_a_search_does_not_keep_it_from_ending() -> None:
    with explorer("everything", "--port", "0") as (address, _):
        way = address.replace("/state?", "/way?") + "&condition=s.strong_count[first]+>+14"
        with contextlib.suppress(TimeoutError, urllib.error.URLError):
            urllib.request.urlopen(way.replace(">", "%3E"), timeout=0.5)
        began = time.monotonic()
    assert time.monotonic() - began < 8


def test_without_a_port_one_that_is_in_use_is_replaced_by_a_free_one() -> None:
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            # somebody else may have it already, which is as good
            stack.enter_context(socket.create_server(("127.0.0.1", USUAL_PORT)))
        address, _ = stack.enter_context(explorer())
        assert f":{USUAL_PORT}/" not in address
        assert "Scenarios" in page(address)


def test_a_port_in_use_is_refused_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = refused("--port", str(port))
    assert message == (
        f"port {port} cannot be used: Address already in use\n  hint: --port 0 takes a free one"
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["zzz"], "no scenario 'zzz'\n  hint: "),
        (
            ["yield", "--mix", "v9/v1/v1"],
            "unknown ABI version 'v9'\n  hint: one of v0_48_1, v0_57_1, v1, ",
        ),
        (["yield", "--mix", "v1/v1/v1,v2/v2/v2"], "several mixes\n  hint: name one of them"),
        (["yield", "--on", "zzz"], "unknown feature 'zzz'\n  hint: one of "),
        (["yield", "--host", "zzz"], "unknown host 'zzz'\n  hint: one of "),
        (["missing.json"], "missing.json: cannot be read: No such file or directory\n  hint: "),
        (["README.md"], "README.md:1: not JSON: "),
        (["reports/lines.json"], "'tool' is a required property\n  hint: give a file that "),
        (["pyproject.toml"], "the scenario: "),
        (
            ["reports/findings/task-waits-on-empty-set/trace.json", "--mix", "v1/v1/v1"],
            "trace.json: no trace in v1/v1/v1\n  hint: leave out --mix",
        ),
    ],
)
def test_wrong_input_is_one_line_with_a_hint(
    words: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert says in refused(*words)


def test_traces_of_a_results_file_are_offered(tmp_path: Path) -> None:
    file = tmp_path / "walk.json"
    words = ["simulate", "subtask", "--seed", "3", "--json", str(file)]
    assert CliRunner().invoke(cli, words).exit_code == 0
    (result,) = json.loads(file.read_text("utf-8"))["results"]
    with explorer(str(file), "--port", "0") as (address, _):
        length = len(result["violations"][0]["trace"])
        text = re.sub(r"<[^>]*>", "", page(address))
        assert f"step 0 of {length}" in text


def test_the_traces_of_somebody_else_bring_their_scenario(tmp_path: Path) -> None:
    scenario, file = tmp_path / "their-story.toml", tmp_path / "traces.json"
    words = ["new", str(scenario), "--from", "hangs"]
    assert CliRunner().invoke(cli, words).exit_code == 0
    words = ["check", str(scenario), "--property", "no-stuck-task", "--json", str(file)]
    assert CliRunner().invoke(cli, words).exit_code == Exit.NOT_AS_EXPECTED
    scenario.unlink()
    with explorer(str(file), "--port", "0") as (address, _):
        assert "their-story" in page(address)


def test_open_opens_the_browser(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n', encoding="utf-8")
    browser.chmod(0o755)
    with explorer("--open", "--port", "0", environment={"BROWSER": str(browser)}) as (address, _):
        for _ in range(100):
            if opened.exists() and opened.read_text("utf-8"):
                break
            time.sleep(0.05)
        assert opened.read_text("utf-8").strip() == address


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_without_the_server_there_is_one_message_with_the_line_of_pip(
    package: str, tmp_path: Path
) -> None:
    (tmp_path / f"{package}.py").write_text(
        f"raise ModuleNotFoundError('blocked', name={package!r})\n", encoding="utf-8"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "wakeproof", "explore"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == Exit.WRONG_USE
    assert done.stderr == (
        f"wakeproof: {package} is not installed\n  hint: pip install 'wakeproof[explore]'\n"
    )


def test_the_wheel_has_the_pages_with_their_style_and_script(tmp_path: Path) -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel")
    (built,) = wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    web = ROOT / "wakeproof" / "web"
    files = [*web.glob("templates/*"), *web.glob("static/*"), web / "picture.toml"]
    with zipfile.ZipFile(built) as archive:
        names = set(archive.namelist())
    assert {file.relative_to(ROOT).as_posix() for file in files} <= names
