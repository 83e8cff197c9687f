"""Fixtures for altered models and commands; which tests run; interrupts reach all."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support import Alter, Called
from wakeproof.bundled import MODEL
from wakeproof.main import main

# tests that are started in the background ignore interrupts, and so would their processes
signal.signal(signal.SIGINT, signal.default_int_handler)

NIGHTLY = bool(os.environ.get("WAKEPROOF_NIGHTLY"))
SLOW = bool(os.environ.get("WAKEPROOF_SLOW"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `slow` or `nightly`, unless a test is named or a variable is set.

    WAKEPROOF_SLOW is that of .ci/run, WAKEPROOF_NIGHTLY that of .ci/nightly. Of a test that is
    slow or nightly `but` for some cases the first ones stay.
    """
    for item in () if NIGHTLY else marked(items, "nightly"):
        item.add_marker(pytest.mark.skip(reason="runs at night: WAKEPROOF_NIGHTLY"))
    if SLOW or NIGHTLY or any("::" in word for word in config.args):
        return
    slow = marked(items, "slow")
    config.hook.pytest_deselected(items=slow)
    left_out = {id(item) for item in slow}
    items[:] = [item for item in items if id(item) not in left_out]


def marked(items: list[pytest.Item], name: str) -> list[pytest.Item]:
    """Return the tests with a mark, without the first cases of a test that it keeps."""
    cases: Counter[str] = Counter()
    found = []
    for item in items:
        if (mark := item.get_closest_marker(name)) is not None:
            test = item.nodeid.partition("[")[0]
            cases[test] += 1
            if cases[test] > mark.kwargs.get("but", 0):
                found.append(item)
    return found


@pytest.fixture
def alter(tmp_path: Path) -> Alter:
    """Copies the model with one piece of its text replaced; the piece must occur exactly once."""

    def altered(file: str, old: str, new: str) -> Path:
        folder = tmp_path / "model"
        shutil.copytree(MODEL, folder)
        text = (folder / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {file}"
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")
        return folder

    return altered


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Called:
    """Run a command in this process; return its status, what it prints, and its messages."""

    def call(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["wakeproof", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call
