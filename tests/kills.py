"""Kill commands at random points: `python -m tests.kills --kills 100 --seed 1`.

After a kill no process is left, no file is half written, and what was there before is there still,
or all of the new content. The next run, with the same cache, has the result of one that was never
killed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wakeproof.bundled import SCENARIOS
from wakeproof.errors import Exit
from wakeproof.util.cache_folder import read_entry

ROOT = Path(__file__).parents[1]
MARK = "WAKEPROOF_KILLS"
"""A variable of the environment, by which the processes of a command are found."""
GRACE = 10.0
"""Seconds in which the processes of a command end after it."""
PATIENCE = 600.0
"""Seconds of a command that is not killed, and of one that was asked to end."""
OLD = "what was there before\n"
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
LONGER = f'base = "{SCENARIOS / "everything.toml"}"\ntitle = "Longer"\n[bounds]\nsteps = 15\n'


@dataclass(frozen=True)
class Command:
    """A command, and its words."""

    name: str
    words: tuple[str, ...]

    @property
    def writes(self) -> tuple[str, ...]:
        """The files that it writes."""
        return tuple(word for word in self.words if word.startswith("out."))


WORDS = {
    "check": "check issue-1618 subtask yield --mix v1/v2/v2,v2/v2/v2 --quiet --json out.json "
    "--report out.md",
    "check with a checkpoint": "check longer.toml --mix v2/v2/v2 --explorer native --quiet "
    "--checkpoint kept --resume --json out.json",
    "prove": "prove --mix v1/v1/v1 --tasks 1 --operations 1 --handles 1 --fresh --json out.json "
    "--certificates certificates",
    "conform host": "conform host --calls 4000 --report out.md",
    "conform guest": "conform guest --walks 40 --mix v2/v2/v2 --report out.md",
    "findings": "findings task-waits-on-empty-set --output out",
}
COMMANDS = {name: Command(name, tuple(words.split())) for name, words in WORDS.items()}


@dataclass
class Run:
    """How a command ended: its status, the seconds, and what it wrote without times."""

    status: int
    seconds: float
    errors: str
    written: dict[str, Any] = field(default_factory=dict)


def normal(file: Path) -> Any:
    """Return what a file has, without what differs from run to run."""
    text = file.read_text("utf-8")
    if file.suffix == ".json":
        return without_times(json.loads(text)["results"])
    if not text.endswith("\n"):
        raise ValueError("a page that does not end with a line")
    # the other sections of a page stay, and so does what is before the first
    _, _, sections = text.partition("\n## ")
    return re.sub(r"[\d,.]+ (?=s\b|a second|walks a second)", "# ", sections)


def without_times(value: Any) -> Any:
    """Return a value without durations, and without the facts that a solver happened to use."""
    if isinstance(value, list):
        return [without_times(one) for one in value]
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if key not in ("seconds", "needs")}
        return {key: without_times(one) for key, one in kept.items()}
    return value


def contradicts(rows: Any, expected: Any) -> bool:
    """Return whether results that an interrupt ended have a verdict that is not expected."""
    if not isinstance(rows, list):
        return False
    certain = [row for row in rows if row.get("verdict") in ("holds", "violated")]
    return any(row not in expected for row in certain)


def processes(mark: str) -> dict[int, str]:
    """Return the processes that have the mark in their environment, and their commands."""
    found = {}
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        # a process may end at the same time; one that has ended, a zombie, has no environment
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(entry.name)] = command.decode(errors="replace").strip()
    return found


def is_of_python(errors: str) -> bool:
    """Return whether a traceback is of Python's start: of the tool the package alone had been read.

    Python reads `__init__.py` before `__main__.py`, which handles an interrupt.
    """
    files = re.findall(r'File "([^"]*)"', errors)
    return bool(files) and all(
        file.startswith("<frozen ") or file.endswith("/wakeproof/__init__.py") for file in files
    )


class Killing:
    """Kills of commands in a folder, which all use one cache there."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.rng = random.Random(seed)
        self.expected: dict[str, Run] = {}
        self.number = 0

    @contextlib.contextmanager
    def started(self, command: Command, place: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """Start a command in a folder; yields its process and the mark of all its processes."""
        self.number += 1
        mark = f"{os.getpid()}-{self.number}"
        (place / "longer.toml").write_text(LONGER, "utf-8")
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "XDG_CACHE_HOME": str(self.cache),
            "WAKEPROOF_SAVE_EVERY": "0.05",
            MARK: mark,
        }
        with subprocess.Popen(
            [sys.executable, "-m", "wakeproof", *command.words],
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        ) as process:
            yield process, mark

    def run(self, command: Command, place: Path) -> Run:
        """Run a command to its end."""
        place.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with self.started(command, place) as (process, _):
            _, errors = process.communicate(timeout=PATIENCE)
        found = Run(process.returncode, time.monotonic() - began, errors)
        for name in command.writes:
            if (place / name).is_file():
                found.written[name] = normal(place / name)
        return found

    def learn(self, command: Command) -> Run:
        """Run a command that nobody kills: with an empty cache, then with a full one."""
        if command.name not in self.expected:
            place = self.folder / "expected" / command.name.replace(" ", "-")
            self.run(command, place)
            shutil.rmtree(place)
            self.expected[command.name] = self.run(command, place)
        return self.expected[command.name]

    def kill(self, command: Command, place: Path) -> tuple[signal.Signals, float, list[str]]:
        """Kill a command at a random point; returns how, when, and what is wrong after it."""
        expected = self.learn(command)
        place.mkdir(parents=True, exist_ok=True)
        for name in command.writes:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(OLD, "utf-8")
        how, when = self.rng.choice(SIGNALS), self.rng.uniform(0, expected.seconds)
        faults = []
        with self.started(command, place) as (process, mark):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(when)
            process.send_signal(how)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                faults.append(f"no end after {how.name}")
                process.kill()
            left = self.left(mark)
            faults += [f"process {number} is left: {text}" for number, text in left.items()]
            for number in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            errors = process.stderr.read() if process.stderr else ""
        faults += self.wrong_end(process.returncode, how, expected, errors)
        return how, when, faults + self.wrong_files(command, place, expected)

    @staticmethod
    def left(mark: str) -> dict[int, str]:
        """Return the processes of a command that are there some seconds after its end."""
        until = time.monotonic() + GRACE
        while found := processes(mark):
            if time.monotonic() > until:
                return found
            time.sleep(0.05)
        return {}

    @staticmethod
    def wrong_end(status: int, how: signal.Signals, expected: Run, errors: str) -> list[str]:
        """Return what is wrong with the end of a command that was killed."""
        faults = []
        # the signal itself ends Python before it handles any
        allowed = {-how, expected.status, *([] if how == signal.SIGKILL else [Exit.UNKNOWN])}
        if status not in allowed:
            faults.append(f"status {status} after {how.name}")
        if "Traceback" in errors and not is_of_python(errors):
            faults.append(f"a traceback after {how.name}: {errors[-800:]}")
        return faults

    def wrong_files(self, command: Command, place: Path, expected: Run) -> list[str]:
        """Return what is wrong with the files that a command has left."""
        faults = []
        for name in command.writes:
            file = place / name
            if not file.exists():
                faults.append(f"{name} is gone")
            elif file.read_text("utf-8") != OLD:
                # an interrupt keeps what was computed until then, whole
                try:
                    is_wrong = contradicts(normal(file), expected.written.get(name))
                except (ValueError, KeyError):
                    faults.append(f"{name} is half written")
                else:
                    faults += [f"{name} has a wrong verdict"] if is_wrong else []
        for file in [*place.rglob("*"), *self.cache.rglob("*.part")]:
            if file.suffix == ".part":
                faults.append(f"{file.name} is left")
        for file in (self.cache / "wakeproof").glob("*.so"):
            if read_entry(file) is None:
                faults.append(f"{file.name} of the cache is half written")
        for file in (self.cache / "wakeproof" / "results").glob("*"):
            if read_entry(file) is None:
                faults.append(f"{file.name} of the cached results is half written")
        return faults

    def wrong_result(self, command: Command, place: Path) -> list[str]:
        """Run a command to its end; return how its result differs from the expected one."""
        expected, found = self.learn(command), self.run(command, place)
        faults = []
        if found.status != expected.status:
            faults.append(f"status {found.status}, not {expected.status}: {found.errors[-400:]}")
        if found.written != expected.written:
            faults.append("another result after kills")
        scratch = self.cache / "wakeproof" / "scratch"
        # the command after a kill removes what the killed one left, if it needs such a folder
        if command.name == "check" and scratch.is_dir() and len(list(scratch.iterdir())) > 1:
            faults.append("scratch folders are left")
        return faults


def rounds(names: Sequence[str], kills: int, each: int) -> Iterator[tuple[Command, int]]:
    """Yield commands in turn, with the kills of each before its result is compared."""
    left = kills
    while left:
        for name in names:
            count = min(each, left)
            if count:
                yield COMMANDS[name], count
            left -= count


def main() -> int:
    """Kill commands as the options say; return 1 if something was left or is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="number of kills")
    parser.add_argument("--seed", type=int, default=0, help="seed of their points")
    parser.add_argument("--each", type=int, default=4, help="kills before a result is compared")
    parser.add_argument("--commands", default=",".join(COMMANDS), help="some of the commands")
    parser.add_argument("--folder", type=Path, default=Path("build/kills"), help="where to work")
    options = parser.parse_args()
    killing = Killing(options.folder.resolve(), options.seed)
    killing.folder.mkdir(parents=True, exist_ok=True)
    for place in killing.folder.iterdir():
        # the cache has the crates, whose build takes minutes
        if place != killing.cache:
            shutil.rmtree(place)
    counts: Counter[str] = Counter()
    faults = compared = 0
    began = time.monotonic()
    for command, count in rounds(options.commands.split(","), options.kills, options.each):
        place = killing.folder / command.name.replace(" ", "-")
        for _ in range(count):
            how, when, wrong = killing.kill(command, place)
            counts[command.name] += 1
            counts[how.name] += 1
            faults += len(wrong)
            for line in wrong:
                print(f"{command.name}, {how.name} after {when:.2f} s: {line}", flush=True)
        wrong = killing.wrong_result(command, place)
        compared += 1
        faults += len(wrong)
        for line in wrong:
            print(f"{command.name}, the next run: {line}", flush=True)
        done = sum(counts[name] for name in COMMANDS)
        print(f"{done} of {options.kills} kills, {faults} faults", file=sys.stderr, flush=True)
    print(f"{options.kills} kills, seed {options.seed}: {faults} faults")
    print(", ".join(f"{name} {number}" for name, number in sorted(counts.items())))
    print(f"{compared} results compared; {time.monotonic() - began:.0f} s")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
