"""Processes that end with this one, and in time.

Each is started in a process group of its own, which is killed as a whole: a compiler or cargo has
processes of its own that do the work. Nothing of the group reads the terminal.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

PARENT_DEATH_SIGNAL = 1
"""The number of Linux's `PR_SET_PDEATHSIG`."""

_libc = ctypes.CDLL(None)


def start_process(
    command: Sequence[str | Path],
    *,
    stdin: int | IO[Any] = subprocess.DEVNULL,
    stdout: int | IO[Any] = subprocess.DEVNULL,
    stderr: int | IO[Any] | None = subprocess.DEVNULL,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process; on Linux it is killed when the thread that started it ends.

    Its pipes are not buffered. Raises `OSError`.
    """
    return subprocess.Popen(
        command,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=cwd,
        env=env,
        bufsize=0,
        process_group=0,
        preexec_fn=functools.partial(end_with_parent, os.getpid()),
    )


def run_process(
    command: Sequence[str | Path],
    *,
    text: str = "",
    seconds: float | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a process, which reads `text`, to its end; returns its status and what it prints.

    What is not UTF-8 is replaced. Raises `OSError`, and `subprocess.TimeoutExpired` for a process
    that runs longer; it leaves none behind then, nor after an interrupt.
    """
    pipe = subprocess.PIPE
    process = start_process(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=cwd, env=env)
    with process:
        try:
            output, errors = process.communicate(text.encode(), timeout=seconds)
        except BaseException:
            kill_process(process)
            raise
    words = [data.decode(errors="replace") for data in (output, errors)]
    return subprocess.CompletedProcess(command, process.returncode, *words)


def kill_process(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with its group, and wait for its end."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def end_with_parent(parent: int) -> None:
    """Have Linux kill this process when `parent` ends, which started it; elsewhere do nothing."""
    if sys.platform == "linux":
        _libc.prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
        # the parent may have ended before
        if os.getppid() != parent:
            os._exit(1)
