"""The released guest runtimes in a process: `conformance/guest`, built by cargo.

The driver prints what happens and reads answers, one line each; `conformance/guest/src` describes
the lines. A `GuestDriver` is the other end of its two pipes.
"""

from __future__ import annotations

import functools
import os
import select
import subprocess
from pathlib import Path

from wakeproof.crates.cargo import run_cargo, unpack_driver
from wakeproof.crates.checkout import Checkout, build_on_checkout
from wakeproof.util.processes import kill_process, start_process

PROGRAM = "wakeproof-guest"
# seconds until a driver that prints nothing counts as running without end
PATIENCE = 20.0
# the variable with the folder of the crate whose stack the driver prints
FRAMES = "WAKEPROOF_FRAMES"


@functools.cache
def build_driver(features: tuple[str, ...], checkout: Checkout | None = None) -> Path:
    """Build the driver with these features of the releases, and return its path.

    A `checkout` takes the place of a release. An earlier build is reused. Raises `InputError`
    without cargo or the crates, or if the checkout does not build.
    """
    if checkout is not None:
        return build_on_checkout(checkout, features, PROGRAM)
    folder = unpack_driver()
    target = folder / "target" / ("-".join(features) or "plain")
    command = ["build", "--quiet", "--bin", PROGRAM, "--target-dir", str(target)]
    command += ["--features", ",".join(features)] if features else []
    run_cargo(command, folder, "the guest driver")
    return target / "debug" / PROGRAM


class Silence(Exception):
    """The driver prints nothing more: it is `gone`, or it runs without end."""

    def __init__(self, what: str, gone: bool) -> None:
        super().__init__(what)
        self.gone = gone


class GuestDriver:
    """A running driver: `receive` reads its next line, `send` answers its last question.

    With `frames`, and a checkout, `frames` has the stack of the crate at the last line: places of
    its source as `file:line:column`, the innermost first.
    """

    def __init__(
        self, features: tuple[str, ...], checkout: Checkout | None = None, frames: bool = False
    ) -> None:
        self.features = features
        self.checkout = checkout
        self.frames: tuple[str, ...] = ()
        self.environment = dict(os.environ)
        self.environment.pop(FRAMES, None)
        if frames and checkout is not None:
            self.environment[FRAMES] = f"{checkout.crate}{os.sep}"
        self._start()

    def _start(self) -> None:
        program = build_driver(self.features, self.checkout)
        self.process = start_process(
            [program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None,
            env=self.environment,
            # Rust shortens the places of a stack that are below the working folder
            cwd=program.parent,
        )
        self.rest = b""

    def begin_walk(self) -> list[str]:
        """Begin a walk in a process of its own; returns the words of its first line."""
        self.send("walk")
        return self.receive()

    def send(self, line: str) -> None:
        """Send a line. Raises `Silence` if the driver has ended."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line.encode() + b"\n")
        except BrokenPipeError:
            raise Silence("the driver is gone", True) from None

    def receive(self) -> list[str]:
        """Return the words of the next line. Raises `Silence` if none comes."""
        assert self.process.stdout is not None
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            more = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            if not more:
                what = "the driver is gone" if ready else f"nothing for {PATIENCE:.0f} s"
                raise Silence(what, bool(ready))
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        words = line.decode().split(" ")
        if words[0] == "from":
            self.frames = tuple(words[1:])
            return self.receive()
        return words

    def end_walk(self, waits: bool) -> None:
        """End a walk; `waits`: the driver waits for an answer."""
        try:
            if waits:
                self.send("quit")
            while self.receive()[0] != "ended":
                pass
        except Silence:
            self.close()
            self._start()

    def close(self) -> None:
        """End the driver and all processes of its walks."""
        kill_process(self.process)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
