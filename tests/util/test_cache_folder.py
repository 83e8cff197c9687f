"""Folders of the cache that are removed at the end, those of killed processes too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wakeproof.util.cache_folder import SCRATCH, scratch_folder

KILLED = """
import os, signal
from wakeproof.util.cache_folder import scratch_folder
with scratch_folder() as folder:
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder of the scratch folders of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "wakeproof" / SCRATCH


def test_a_scratch_folder_is_removed_at_the_end_and_after_an_error(cache: Path) -> None:
    with scratch_folder() as folder:
        assert folder.parent == cache
    with pytest.raises(ZeroDivisionError), scratch_folder():
        _ = 1 / 0
    assert not list(cache.iterdir())


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_not(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wakeproof.util.cache_folder.YOUNG", 0.0)
    with scratch_folder() as mine:
        root = Path(__file__).parents[2]
        subprocess.run([sys.executable, "-c", KILLED], cwd=root, check=False)
        assert len(list(cache.iterdir())) == 2
        with scratch_folder() as other:
            assert set(cache.iterdir()) == {mine, other}


def test_a_folder_that_was_made_just_now_is_left_alone(cache: Path) -> None:
    (cache / "unlocked").mkdir(parents=True, mode=0o700)
    (cache / "unlocked" / "lock").touch()
    with scratch_folder() as mine:
        assert set(cache.iterdir()) == {mine, cache / "unlocked"}
