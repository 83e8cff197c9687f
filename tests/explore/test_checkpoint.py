"""A search that is killed resumes from its checkpoint; one that does not fit is refused."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import instance
from wakeproof.bundled import SCENARIOS
from wakeproof.errors import Exit, InputError
from wakeproof.explore.native import search as native
from wakeproof.explore.native.checkpoint import Checkpoint
from wakeproof.explore.native.library import Program
from wakeproof.explore.result import Exploration, Limits

CHECK = [sys.executable, "-m", "wakeproof", "check", "--explorer", "native", "--quiet"]
LONG = ["everything", "--executor", "v2", "--block-on", "v2", "--import", "v2"]


def a_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a check in a process of its own."""
    return subprocess.run([*CHECK, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def longer(tmp_path: Path) -> str:
    """A scenario with a bound that takes some seconds."""
    file = tmp_path / "longer.toml"
    text = 'base = "everything.toml"\ntitle = "Longer"\n[bounds]\nsteps = 17\n'
    file.write_text(text.replace("everything.toml", str(SCENARIOS / "everything.toml")))
    return str(file)


def results(file: Path) -> list[dict[str, Any]]:
    """Return the verdicts in a results file, without their times."""
    rows: list[dict[str, Any]] = json.loads(file.read_text())["results"]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["memory", "disk"])
def test_a_search_killed_at_random_resumes_to_the_same_result(
    longer: str, tmp_path: Path, where: str
) -> None:
    options = [longer, *LONG[1:], "--checkpoint", str(tmp_path / "kept"), "--resume"]
    if where == "disk":
        options += ["--disk", str(tmp_path / "disk")]
    expected, found = tmp_path / "expected.json", tmp_path / "found.json"
    a_run(longer, *LONG[1:], "--json", str(expected))
    fate = random.Random(0)
    environment = {**os.environ, "WAKEPROOF_SAVE_EVERY": "0.02"}
    killed = 0
    for _ in range(4):
        process = subprocess.Popen([*CHECK, *options], env=environment, stdout=subprocess.DEVNULL)
        while process.poll() is None and not any((tmp_path / "kept").glob("*/checkpoint.json")):
            time.sleep(0.005)
        try:
            process.wait(timeout=fate.uniform(0, 0.6))
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
    assert killed, "no run was killed after a checkpoint"
    a_run(*options, "--json", str(found))
    assert results(found) == results(expected)
    assert not any((tmp_path / "kept").iterdir()), "a complete search removes its checkpoint"


def begun(folder: Path, mix: str = "v2/v2/v2", **identity: str) -> tuple[Exploration, Checkpoint]:
    """Run a search until its memory limit; return its result and its checkpoint."""
    b = instance("everything", mix)
    program = Program(b.machine(), b.actions)
    checkpoint = Checkpoint(folder, {"mix": mix, **identity}, resume=True)
    limits = Limits(steps=16, memory=1)
    with contextlib.closing(checkpoint):
        found = native.explore(program, limits, None, checkpoint=checkpoint)
    return found, checkpoint


def test_a_run_over_its_memory_limit_stops_and_can_be_resumed(tmp_path: Path) -> None:
    found, checkpoint = begun(tmp_path / "kept")
    assert found.limit.startswith("memory ")
    assert found.states >= 1
    assert checkpoint.exists()
    again, _ = begun(tmp_path / "kept")
    assert again.states >= found.states


DAMAGE: dict[str, Callable[[Path], object]] = {
    "one byte of a file is changed": lambda f: (f / "states").write_bytes(
        b"\xff" + (f / "states").read_bytes()[1:]
    ),
    "a file is too short": lambda f: (f / "children").write_bytes(b""),
    "a file is missing": lambda f: (f / "values").unlink(),
    "one character is changed": lambda f: (f / "checkpoint.json").write_text(
        (f / "checkpoint.json").read_text().replace("saved", "sawed")
    ),
    "half of the manifest is missing": lambda f: (f / "checkpoint.json").write_text("{"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, damage: str) -> None:
    begun(tmp_path / "kept")
    DAMAGE[damage](tmp_path / "kept")
    with pytest.raises(InputError, match="the checkpoint") as refused:
        begun(tmp_path / "kept")
    assert refused.value.status == Exit.WRONG_USE


def altered(folder: Path, alter: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest, and make the checksums of it and of all files anew."""
    path = folder / "checkpoint.json"
    manifest = json.loads(json.loads(path.read_text())["checkpoint"])
    alter(manifest)
    before = [0] * 4
    for part in manifest["parts"]:
        for i, name in enumerate(("values", "children", "blocks", "states")):
            data = (folder / name).read_bytes()[before[i] : part["ends"][i]]
            part["sums"][i] = hashlib.blake2b(data, digest_size=16).hexdigest()
        before = part["ends"]
    text = json.dumps(manifest)
    checksum = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    path.write_text(json.dumps({"sum": checksum, "checkpoint": text}))


FORGED: dict[str, Callable[[dict[str, Any]], object]] = {
    "there are no parts": lambda m: m.update(parts=[]),
    "a number is a text": lambda m: m["parts"][0]["to"].__setitem__(0, "1"),
    "a number is negative": lambda m: m["parts"][-1]["to"].__setitem__(3, -1),
    "a number is enormous": lambda m: m["parts"][-1]["to"].__setitem__(0, 1 << 63),
    "a file would be enormous": lambda m: m["parts"][-1].update(
        to=[1 << 40] * 4, ends=[24 << 40, 8 << 40, 16 << 40, 8 << 40]
    ),
    "a list is too long": lambda m: m["parts"][0]["ends"].append(0),
    "the layout has no limbs": lambda m: m["parts"][0].update(
        layout="00" + m["parts"][0]["layout"][2:]
    ),
    "the layout has wide lanes": lambda m: m["parts"][0].update(
        layout=m["parts"][0]["layout"][:2] + "ff" * (len(m["parts"][0]["layout"]) // 2 - 1)
    ),
    "the layout is no number": lambda m: m["parts"][0].update(layout="zz"),
    "the other numbers are all ones": lambda m: m.update(saved="ff" * (len(m["saved"]) // 2)),
    "the other numbers are all zero": lambda m: m.update(saved="00" * (len(m["saved"]) // 2)),
    "the other numbers are cut": lambda m: m.update(saved=m["saved"][:-2]),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_numbers_out_of_their_range_are_refused(tmp_path: Path, forgery: str) -> None:
    begun(tmp_path / "kept")
    altered(tmp_path / "kept", FORGED[forgery])
    with pytest.raises(InputError, match="the checkpoint"):
        begun(tmp_path / "kept")


@pytest.mark.parametrize("name", ["values", "children", "blocks", "states"])
def test_items_out_of_their_range_are_refused(tmp_path: Path, name: str) -> None:
    begun(tmp_path / "kept")
    file = tmp_path / "kept" / name
    file.write_bytes(b"\xff" * file.stat().st_size)
    altered(tmp_path / "kept", lambda m: None)
    with pytest.raises(InputError, match=f"the content of {name}|checkpoint.json has changed"):
        begun(tmp_path / "kept")


def test_a_value_that_no_state_has_is_refused(tmp_path: Path) -> None:
    begun(tmp_path / "kept")
    file = tmp_path / "kept" / "values"
    data = file.read_bytes()
    # the bytes of the last lane, without its number: members that no type has
    file.write_bytes(data[:-24] + b"\xc8" * 16 + data[-8:])
    altered(tmp_path / "kept", lambda m: None)
    with pytest.raises(InputError, match="the content of values has changed"):
        begun(tmp_path / "kept")


FORGER = """
import contextlib, random, shutil, sys
from pathlib import Path
from tests.explore.test_checkpoint import altered
from tests.support import instance
from wakeproof.errors import InputError
from wakeproof.explore.native import search as native
from wakeproof.explore.native.checkpoint import Checkpoint
from wakeproof.explore.native.library import Program
from wakeproof.explore.result import Limits

folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
fate = random.Random(seed)
b = instance("everything", "v2/v2/v2")
program = Program(b.machine(), b.actions)

def run(limits):
    with contextlib.closing(Checkpoint(folder / "kept", {}, resume=True)) as checkpoint:
        return native.explore(program, limits, checkpoint=checkpoint)

search = native.Search(program, Limits(steps=16), 1, 0.0)
while search.report.depth < 9:
    search.library.wakeproof_run(search.handle, 1e-6)
    search.read_report()
with contextlib.closing(Checkpoint(folder / "first", {}, resume=True)) as checkpoint:
    checkpoint.save(search.library, search.handle)
search.close()

def one_byte(digits):
    at = fate.randrange(0, len(digits), 2)
    return digits[:at] + f"{fate.randrange(256):02x}" + digits[at + 2:]

def change(manifest):
    part = manifest["parts"][-1]
    kind = fate.choice(["saved", "to", "layout", "none", "none", "none"])
    if kind == "saved":
        manifest["saved"] = one_byte(manifest["saved"])
    elif kind == "to":
        part["to"][fate.randrange(4)] += fate.choice([-1, 1, 1000])
    elif kind == "layout":
        part["layout"] = one_byte(part["layout"])

refused = 0
for _ in range(count):
    shutil.rmtree(folder / "kept", ignore_errors=True)
    shutil.copytree(folder / "first", folder / "kept")
    for _ in range(fate.randrange(3)):
        file = folder / "kept" / fate.choice(["values", "children", "blocks", "states"])
        data = bytearray(file.read_bytes())
        data[fate.randrange(len(data))] = fate.choice([0, 1, 127, 128, 255, fate.randrange(256)])
        file.write_bytes(data)
    altered(folder / "kept", change)
    try:
        run(Limits(steps=16, max_states=3000))
    except InputError:
        refused += 1
print(refused)
"""


def test_no_forged_checkpoint_makes_native_code_crash(tmp_path: Path) -> None:
    count = int(os.environ.get("WAKEPROOF_FORGED", "60"))
    done = subprocess.run(
        [sys.executable, "-c", FORGER, str(tmp_path), "1", str(count)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert 0 < int(done.stdout) < count


def replaced(file: Path, how: str) -> None:
    """Put something else in the place of a file."""
    file.unlink()
    if how == "pipe":
        os.mkfifo(file)
    elif how == "device":
        file.symlink_to("/dev/zero")
    elif how == "folder":
        file.mkdir()
    else:
        outside = file.parent.parent / "outside"
        outside.write_text("of somebody else", encoding="utf-8")
        file.symlink_to(outside)


@pytest.mark.parametrize("how", ["pipe", "device", "link", "folder"])
@pytest.mark.parametrize("name", ["checkpoint.json", "values", "states"])
def test_what_is_not_a_file_is_refused(tmp_path: Path, name: str, how: str) -> None:
    begun(tmp_path / "kept")
    replaced(tmp_path / "kept" / name, how)
    with pytest.raises(InputError, match="the checkpoint cannot be read or written"):
        begun(tmp_path / "kept")


def test_nothing_is_written_through_a_link_in_the_folder(tmp_path: Path) -> None:
    begun(tmp_path / "kept")
    for name in ("values", "states"):
        replaced(tmp_path / "kept" / name, "link")
    (tmp_path / "kept" / "checkpoint.json").unlink()
    with pytest.raises(InputError, match="not a file"):
        begun(tmp_path / "kept")
    assert (tmp_path / "outside").read_text(encoding="utf-8") == "of somebody else"
    (tmp_path / "linked").symlink_to(tmp_path / "kept")
    with pytest.raises(InputError, match="not a folder"):
        Checkpoint(tmp_path / "linked", {}, resume=True)


@pytest.mark.slow
def test_a_folder_has_one_owner_at_a_time(longer: str, tmp_path: Path) -> None:
    options = [longer, *LONG[1:], "--checkpoint", str(tmp_path / "kept"), "--resume"]
    first = subprocess.Popen([*CHECK, *options], stdout=subprocess.DEVNULL)
    while not any((tmp_path / "kept").glob("*/lock")):
        time.sleep(0.005)
    time.sleep(0.05)
    second = a_run(*options)
    assert first.poll() is None, "the first one ended before the second was there"
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert second.returncode == Exit.WRONG_USE
    assert f"process {first.pid} works in this folder" in second.stderr
    assert a_run(*options).returncode != Exit.WRONG_USE, "a killed owner has given it up"


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    begun(tmp_path / "kept")
    with pytest.raises(InputError, match="is of another mix"):
        begun(tmp_path / "kept", "v1/v1/v1")
    with pytest.raises(InputError, match="is of another tool"):
        begun(tmp_path / "kept", tool="another version")


def test_a_checkpoint_is_not_overwritten_by_a_run_without_resume(tmp_path: Path) -> None:
    begun(tmp_path / "kept")
    with pytest.raises(InputError, match="has a checkpoint already"):
        Checkpoint(tmp_path / "kept", {}, resume=False)


def test_a_folder_that_cannot_be_written_is_reported_in_one_message() -> None:
    done = a_run(*LONG, "--checkpoint", "/proc/nowhere")
    assert done.returncode == Exit.WRONG_USE
    assert "the checkpoint cannot be read or written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ["--resume"],
        ["--explorer", "plain", "--symmetry"],
        ["--swarm", "2", "--symmetry"],
        ["--memory", "lots"],
    ],
)
def test_options_that_contradict_each_other_are_refused(wrong: list[str]) -> None:
    done = a_run("subtask", *wrong)
    assert done.returncode == Exit.WRONG_USE
    assert "Traceback" not in done.stderr
