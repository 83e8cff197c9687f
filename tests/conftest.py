"""Fixtures for altered models and commands, and the tests of the night; interrupts reach all."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.support import Alter, Called
from wakeproof.bundled import MODEL
from wakeproof.main import main

# tests that are started in the background ignore interrupts, and so would their processes
signal.signal(signal.SIGINT, signal.default_int_handler)

NIGHTLY = bool(os.environ.get("WAKEPROOF_NIGHTLY"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked `nightly` unless WAKEPROOF_NIGHTLY is set, as .ci/nightly does."""
    for item in items:
        if not NIGHTLY and item.get_closest_marker("nightly"):
            item.add_marker(pytest.mark.skip(reason="runs at night: WAKEPROOF_NIGHTLY"))


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
