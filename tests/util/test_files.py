"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from wakeproof.util.files import write_whole


def test_a_file_gets_its_new_content_and_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("old", encoding="utf-8")
    file.chmod(0o640)
    write_whole(file, "new")
    assert file.read_text(encoding="utf-8") == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [file]


def test_a_private_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "entry"
    file.touch(mode=0o666)
    write_whole(file, b"new", private=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_full_disk_costs_nothing_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "page.md"
    file.write_text("old", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, "new")
    assert file.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_text_that_utf_8_does_not_have_costs_nothing_that_was_there(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("old", encoding="utf-8")
    with pytest.raises(UnicodeEncodeError):
        write_whole(file, "half\ud800")
    assert file.read_text(encoding="utf-8") == "old"


WRITE = """
import os, signal, sys
from pathlib import Path
from wakeproof.util.files import write_whole
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
write_whole(Path(sys.argv[1]), "new" * 100_000)
"""


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="no files without a name")
def test_a_process_that_is_killed_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("old", encoding="utf-8")
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", WRITE, file], cwd=root, check=False)
    assert done.returncode == -signal.SIGKILL
    assert file.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("named", [True, False])
def test_a_file_is_written_where_files_without_a_name_are_and_where_not(
    named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if named:
        monkeypatch.setattr("wakeproof.util.files._open_unnamed", lambda *_: None)
    write_whole(tmp_path / "new", "text")
    assert (tmp_path / "new").read_text(encoding="utf-8") == "text"
    assert list(tmp_path.iterdir()) == [tmp_path / "new"]


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old", encoding="utf-8")
    link.symlink_to(target)
    write_whole(link, "new")
    assert target.read_text(encoding="utf-8") == "old"
    assert not link.is_symlink()
