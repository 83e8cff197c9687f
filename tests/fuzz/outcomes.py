"""Run inputs, and judge how they end."""

from __future__ import annotations

import codecs
import contextlib
import io
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.fuzz.inputs import Input
from tests.fuzz.kinds import make_input
from wakeproof.errors import Exit

PATIENCE = 60.0
"""Seconds after which a command hangs: each has limits of some seconds."""
LONGEST = 1_500
"""Characters of a message."""
MEMORY = 6 << 30
"""Bytes of addresses of a process."""
MOST = 200
"""Inputs of a process."""
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    """The end of a command: its status, negative for a signal, and its standard error."""

    status: int
    errors: str
    seconds: float

    def fault(self, refused: bool, has_screen: bool = False) -> str:
        """Return what is wrong with it, or empty.

        Its standard error `has_screen` where its standard output is a file of the command.
        """
        if "Traceback (most recent call last)" in self.errors:
            return "a traceback"
        if self.status < 0:
            return f"signal {-self.status}"
        if self.status not in set(Exit) - {Exit.SOFTWARE}:
            return f"status {self.status}"
        if refused and self.status != Exit.WRONG_USE:
            return f"status {self.status} for an input that is wrong"
        # each run of a check is a line where there is no terminal
        errors = re.sub(r"^\d+ of \d+ runs?: .*\n", "", self.errors, flags=re.MULTILINE)
        messages = re.split(r"^(?=wakeproof: )", errors, flags=re.MULTILINE)
        if has_screen:
            messages[0] = ""
        if any(len(message) > LONGEST for message in messages):
            return "a message of more than 1,500 characters"
        if messages[0].strip() and not messages[0].startswith("Usage: "):
            return "an output that is not a message"
        if self.status == Exit.WRONG_USE and not self.errors.strip():
            return "no message"
        return ""


def hangs(seconds: float) -> Outcome:
    """Return the outcome of a command that does not end."""
    return Outcome(-signal.SIGALRM, f"no end within {PATIENCE:.0f} s", seconds)


def write_files(one: Input, folder: Path) -> None:
    """Write the files of an input."""
    for name, data in one.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def run_alone(one: Input) -> Outcome:
    """Run an input in a process of its own."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wakeproof-fuzz-") as name:
        write_files(one, Path(name))
        process = subprocess.Popen(
            [sys.executable, "-m", "wakeproof", *map(os.fsencode, one.words_in(name))],
            cwd=name,
            env={**os.environ, "PYTHONPATH": str(ROOT), **one.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            process_group=0,
        )
        try:
            _, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return hangs(time.monotonic() - began)
    text = errors.decode(_encoding(one), errors="replace")
    return Outcome(process.returncode, text, time.monotonic() - began)


def _encoding(one: Input) -> str:
    """Return the encoding in which an input has asked for what is printed."""
    asked = one.variables.get("PYTHONIOENCODING", "").partition(":")[0]
    with contextlib.suppress(LookupError):
        return codecs.lookup(asked or "utf-8").name
    return "utf-8"


# --- in this process ------------------------------------------------------------------------------


def run_jobs_here() -> None:
    """Have jobs run in this process, not in workers; before anything else is imported."""
    from wakeproof.util import parallel

    def map_jobs(
        run: Callable[[Any], Any],
        jobs: Sequence[Any],
        on_done: Callable[[Any], None],
        *_: object,
        **__: object,
    ) -> bool:
        for job in jobs:
            on_done(run(job))
        return True

    parallel.map_jobs = map_jobs


@contextlib.contextmanager
def in_folder(folder: str) -> Iterator[None]:
    """Work in a folder."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def run_here(one: Input) -> Outcome:
    """Run an input in this process, in a folder of its own."""
    from wakeproof.main import main

    began = time.monotonic()
    errors = io.StringIO()
    status = 0
    with (
        tempfile.TemporaryDirectory(prefix="wakeproof-fuzz-") as name,
        in_folder(name),
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(errors),
        warnings.catch_warnings(),
    ):
        write_files(one, Path(name))
        sys.argv = ["wakeproof", *one.words_in(name)]
        try:
            main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 0
    return Outcome(status, errors.getvalue(), time.monotonic() - began)


def serve(pipe: Connection, seed: int, kinds: Sequence[str]) -> None:
    """Run inputs whose numbers come through a pipe, and send how each ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    run_jobs_here()
    with contextlib.suppress(EOFError):
        while True:
            pipe.send(run_here(make_input(seed, pipe.recv(), kinds)))


class Server:
    """A process that runs inputs; it is replaced after a crash or a hang."""

    def __init__(self, seed: int, kinds: Sequence[str]) -> None:
        self.seed = seed
        self.kinds = kinds
        self.count = 0
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, self.seed, self.kinds))
        self.process.start()
        other.close()

    def run(self, number: int) -> Outcome:
        """Run the input with a number; a fault counts if a process of its own has it too."""
        one = make_input(self.seed, number, self.kinds)
        self.count += 1
        if self.count % MOST == 0:
            # a process keeps the models that it has read
            self.close()
            self._start()
        if one.alone:
            return run_alone(one)
        found = self._run(number)
        return run_alone(one) if found.fault(one.refused, one.prints_a_file) else found

    def _run(self, number: int) -> Outcome:
        began = time.monotonic()
        self.pipe.send(number)
        if not self.pipe.poll(2 * PATIENCE):
            self.close()
            self._start()
            return hangs(time.monotonic() - began)
        try:
            found: Outcome = self.pipe.recv()
        except EOFError:
            self.process.join()
            status = self.process.exitcode or 0
            self._start()
            return Outcome(status, "", time.monotonic() - began)
        return found

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()
        self.pipe.close()
