"""A search on disk has the results of one in memory; a full disk loses nothing that was saved."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.explore.test_progress import ASSUMED
from tests.support import a_mix_of, instance
from wakeproof.errors import Exit, InputError
from wakeproof.explore.explorer import Explorer, explore_with
from wakeproof.explore.native import search as native
from wakeproof.explore.native.checkpoint import Checkpoint
from wakeproof.explore.native.library import Program
from wakeproof.explore.plain import explore
from wakeproof.explore.result import Exploration, Limits

MIX = "v2/v2/v2"


def program_of(scenario: str, mix: str = MIX) -> Program:
    """Return the program of a scenario in a mix."""
    b = instance(scenario, mix)
    return Program(b.machine(), b.actions)


def timeless(found: Exploration) -> Exploration:
    """Return a result without its time."""
    return dataclasses.replace(found, seconds=0.0)


def the_search(
    disk: Path | None, limits: Limits, threads: int = 1, kept: Path | None = None
) -> Exploration:
    """Explore `everything`, with the states in a folder or in memory, and save it if it is cut."""
    limits = dataclasses.replace(limits, disk=disk)
    program = program_of("everything")
    if kept is None:
        return timeless(native.explore(program, limits, threads=threads))
    with contextlib.closing(Checkpoint(kept, {}, resume=True)) as checkpoint:
        return timeless(native.explore(program, limits, threads=threads, checkpoint=checkpoint))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(
    "limits", [Limits(steps=9), Limits(max_states=60_001)], ids=["whole", "cut"]
)
def test_a_search_on_disk_has_the_result_of_one_in_memory(
    limits: Limits, threads: int, tmp_path: Path
) -> None:
    found = the_search(tmp_path / "disk", limits, threads)
    assert found == the_search(None, limits)
    assert found.states > 10_000
    assert not any((tmp_path / "disk").iterdir()), "the file has no name and ends with the search"


@pytest.mark.parametrize("scenario", ["cancel-spawning", "two-mutexes", "sync-exports-overlap"])
def test_a_search_on_disk_has_the_result_of_plain_python(scenario: str, tmp_path: Path) -> None:
    b = instance(scenario, a_mix_of(scenario))
    limits = Limits(max_states=20_000, steps=b.scenario.steps)
    program = Program(b.machine(), b.actions)
    found = native.explore(program, dataclasses.replace(limits, disk=tmp_path), threads=2)
    expected = explore(b.machine(), actions=b.actions, limits=limits)
    assert timeless(found) == timeless(expected)
    assert list(found.violations) == list(expected.violations), "in the order of discovery"


def test_progress_is_decided_on_disk_too(tmp_path: Path) -> None:
    b = instance("cancel-spawning", "v3/v2/v3")

    def found(limits: Limits) -> Exploration:
        explorer = Explorer("native", threads=2)
        return timeless(
            explore_with(explorer, b.machine(), actions=b.actions, limits=limits, assumed=ASSUMED)
        )

    in_memory = found(Limits())
    assert any(v.kind == "progress" for v in in_memory.violations.values())
    assert found(Limits(disk=tmp_path)) == in_memory


def test_states_on_disk_take_less_memory(tmp_path: Path) -> None:
    limits = Limits(max_states=300_000)
    on_disk, in_memory = the_search(tmp_path, limits), the_search(None, limits)
    assert on_disk.memory < 0.9 * in_memory.memory


def test_a_table_without_memory_ends_the_search_which_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # however fast the machine is, limits are looked at before the search is over
    monkeypatch.setattr(native, "SLICE", 0.001)
    whole = Limits(steps=9)
    cut = dataclasses.replace(whole, memory=1_000_000)
    found = the_search(tmp_path / "disk", cut, kept=tmp_path / "kept")
    assert found.limit.startswith("memory")
    assert found.states > 1000
    resumed = the_search(tmp_path / "disk", whole, kept=tmp_path / "kept")
    assert resumed == the_search(None, whole)


ON_A_SMALL_DISK = """
import contextlib, resource, sys
from pathlib import Path
from tests.explore.test_disk import the_search
from wakeproof.explore.result import Limits

resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
found = the_search(Path(sys.argv[1]), Limits(steps=10), 2, Path(sys.argv[2]))
print(found.states, found.limit)
"""


def test_a_search_on_a_full_disk_ends_unknown_and_resumes_on_another(tmp_path: Path) -> None:
    kept, small = tmp_path / "kept", tmp_path / "small"
    done = subprocess.run(
        [sys.executable, "-c", ON_A_SMALL_DISK, str(small), str(kept)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    states, limit = done.stdout.strip().split(" ", 1)
    assert limit == f"disk {small} is full"
    assert int(states) > 10_000
    whole = Limits(steps=10)
    resumed = the_search(tmp_path / "large", whole, kept=kept)
    assert resumed == the_search(None, whole)


def test_a_checkpoint_without_room_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "SLICE", 0.001)
    kept, cut = tmp_path / "kept", Limits(steps=9, memory=1)
    assert the_search(None, cut, kept=kept).limit.startswith("memory")
    before = (kept / "checkpoint.json").read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        found = the_search(None, Limits(steps=9, timeout=0.001), kept=kept)
    assert found.limit == f"disk {kept} is full"
    assert (kept / "checkpoint.json").read_bytes() == before
    assert the_search(None, Limits(steps=9), kept=kept) == the_search(None, Limits(steps=9))


def test_a_folder_without_room_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="no file can be made there"):
        the_search(tmp_path / "file", Limits(steps=3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--explorer", "plain"], "--disk is for native code"),
        (["--swarm", "2"], "--disk does not go with --swarm"),
        (["--cluster", "local:1"], "--disk does not go with --cluster"),
    ],
)
def test_options_that_do_not_go_with_it_are_refused(options: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wakeproof", "check", "subtask", "--disk", "d", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == Exit.WRONG_USE
    assert message in done.stderr
