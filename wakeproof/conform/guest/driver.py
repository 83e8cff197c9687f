"""The released guest runtimes in a process: `conformance/guest`, built by cargo.

The driver says what happens and asks; whoever holds a `Guest` answers. `conformance/guest/src`
describes the lines.
"""

from __future__ import annotations

import functools
import os
import select
import subprocess
from pathlib import Path

from wakeproof.crates.cargo import run_cargo, unpack_driver

PATIENCE = 20.0


@functools.cache
def build(features: tuple[str, ...]) -> Path:
    """Build the driver with these features of the releases; the path of the executable.

    What was built before is used again. Raises `InputError` if cargo or the crates are missing.
    """
    folder = unpack_driver()
    target = folder / "target" / ("-".join(features) or "plain")
    command = ["build", "--quiet", "--bin", "wakeproof-guest", "--target-dir", str(target)]
    command += ["--features", ",".join(features)] if features else []
    run_cargo(command, folder, "the guest driver")
    return target / "debug" / "wakeproof-guest"


class Silence(Exception):
    """The driver says nothing any more: it is `gone`, or it runs without end."""

    def __init__(self, what: str, gone: bool) -> None:
        super().__init__(what)
        self.gone = gone


class Guest:
    """A running driver. `say` answers what it asked last, `hear` is what it says next."""

    def __init__(self, features: tuple[str, ...]) -> None:
        self.features = features
        self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [build(self.features)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self.rest = b""

    def walk(self) -> list[str]:
        """Begin a walk in a process of its own; what it says first."""
        self.say("walk")
        return self.hear()

    def say(self, line: str) -> None:
        """Send a line. Raises `Silence` if nobody listens."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line.encode() + b"\n")
        except BrokenPipeError:
            raise Silence("the driver is gone", True) from None

    def hear(self) -> list[str]:
        """The words of the next line. Raises `Silence`."""
        assert self.process.stdout is not None
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            more = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            if not more:
                what = "the driver is gone" if ready else f"nothing for {PATIENCE:.0f} s"
                raise Silence(what, bool(ready))
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode().split(" ")

    def leave(self, asked: bool) -> None:
        """End a walk; `asked`: the driver waits for an answer."""
        try:
            if asked:
                self.say("quit")
            while self.hear()[0] != "ended":
                pass
        except Silence:
            self.close()
            self._start()

    def close(self) -> None:
        """End the driver, and whatever it runs."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
