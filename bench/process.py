"""A process and what it takes."""

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


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, bytes of memory at the peak, and whether it came to its own end."""

    seconds: float
    peak: int
    ended: bool = True


def run(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    most: float | None = None,
) -> tuple[str, Cost]:
    """Run a command, for `most` seconds at most: what it writes, and what it takes."""
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        stopped = threading.Event()

        def stop() -> None:
            stopped.set()
            os.kill(process.pid, signal.SIGKILL)

        timer = threading.Timer(most, stop) if most is not None else None
        if timer is not None:
            timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        if timer is not None:
            timer.cancel()
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    return said, Cost(seconds, usage.ru_maxrss * 1024, not stopped.is_set())
