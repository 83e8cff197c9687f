"""Run a process and measure its cost."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GRACE = 10.0
"""Seconds between the interrupt and the kill."""


@dataclass(frozen=True)
class Cost:
    """Cost of a process: seconds on the clock and of all processors, bytes of memory at the peak.

    `ended` is whether the process ended by itself.
    """

    seconds: float
    processor: float
    peak: int
    ended: bool = True


def run(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    most: float | None = None,
) -> tuple[str, Cost]:
    """Run a command for `most` seconds at most; return its output and its cost.

    After `most` seconds an interrupt lets it report its figures, and `GRACE` seconds later it is
    killed.
    """
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        stopped = threading.Event()

        def stop(by: signal.Signals) -> None:
            stopped.set()
            os.kill(process.pid, by)

        timers = []
        if most is not None:
            timers = [
                threading.Timer(most, stop, [signal.SIGINT]),
                threading.Timer(most + GRACE, stop, [signal.SIGKILL]),
            ]
        for timer in timers:
            timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        for timer in timers:
            timer.cancel()
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    return text, Cost(
        seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, not stopped.is_set()
    )
