"""The system's C compiler, and a cache of what it made.

The compiler is `cc`, or what the environment variable CC names, with the options of CFLAGS. A
library is kept under the hash of its text, of the compiler's version and of its options, so
that nothing is compiled twice; it appears in the cache whole or not at all, whoever else
writes there.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import platformdirs

from wakeproof.errors import InputError

OPTIONS = ("-std=gnu11", "-fPIC", "-shared", "-pthread", "-w")
SOON = ("-O1",)
FAST = ("-O3", "-march=native")
"""What is compiled at once, and what pays for a long run: it takes the compiler two to
three times as long, and the search then takes two thirds of the time."""
KEPT = 400
"""How many libraries the cache keeps: about 40 MB."""


class CompilerError(InputError):
    """There is no C compiler, or it does not do its work."""


@functools.cache
def compiler() -> tuple[tuple[str, ...], str]:
    """The command of the compiler and what it says about its version.

    Raises `CompilerError` if there is none.
    """
    command = tuple(shlex.split(os.environ.get("CC", "cc")))
    hint = "install gcc or clang, set CC, or use --explorer plain"
    if not command or shutil.which(command[0]) is None:
        raise CompilerError(f"no C compiler: {' '.join(command)!r} is not there", hint=hint)
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    if said.returncode:
        raise CompilerError(f"the C compiler {command[0]!r} does not run", hint=hint)
    return command, said.stdout


def library_path(text: str, level: tuple[str, ...] = SOON) -> Path:
    """Where the library of a C text is, or would be, in the cache.

    Raises `CompilerError` if there is no compiler.
    """
    command, version = compiler()
    machine = platform.machine() if level == SOON else _processor()
    told = "\0".join((*command, version, *options(level), machine, text))
    name = hashlib.sha256(told.encode()).hexdigest()[:32] + ".so"
    return platformdirs.user_cache_path("wakeproof") / name


def load(text: str) -> ctypes.CDLL:
    """The library of a C text, from the cache if it is there.

    Raises `CompilerError` if it cannot be compiled, kept or loaded.
    """
    command, _ = compiler()
    library = library_path(text)
    fast = library_path(text, FAST)
    try:
        if fast.exists():
            library = fast
        if library.exists():
            library.touch()
        else:
            library.parent.mkdir(parents=True, exist_ok=True)
            _compile((*command, *options()), text, library)
            _forget(library.parent)
        return ctypes.CDLL(str(library))
    except OSError as error:
        raise CompilerError(
            f"native code cannot be kept or loaded: {error.strerror or error}",
            where=str(error.filename or library),
            hint="make room, set XDG_CACHE_HOME, or use --explorer plain",
        ) from None


def options(level: tuple[str, ...] = SOON) -> tuple[str, ...]:
    """The options of the compiler: ours, then those of the environment variable CFLAGS."""
    return (*OPTIONS, *level, *shlex.split(os.environ.get("CFLAGS", "")))


@functools.cache
def _processor() -> str:
    """What tells apart processors for which `-march=native` means different things."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.node()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


class Background:
    """The compiler at work on a library while something else goes on.

    Where anything fails there is no library, and nothing is said: nothing depends on it. Raises
    `OSError` if there is no place for it.
    """

    def __init__(self, text: str, level: tuple[str, ...] = FAST) -> None:
        command, _ = compiler()
        self.library = library_path(text, level)
        self.library.parent.mkdir(parents=True, exist_ok=True)
        self.folder = tempfile.TemporaryDirectory(dir=self.library.parent)
        source, self.made = Path(self.folder.name) / "text.c", Path(self.folder.name) / "made.so"
        source.write_text(text, encoding="utf-8")
        self.process = subprocess.Popen(
            [*command, *options(level), str(source), "-o", str(self.made)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def take(self) -> ctypes.CDLL | None:
        """The library, once it is there."""
        if self.process.poll() != 0 or not self.made.exists():
            return None
        try:
            self.made.replace(self.library)
            return ctypes.CDLL(str(self.library))
        except OSError:
            return None

    def finish(self) -> None:
        """Wait until the library is there, if it will be."""
        self.process.wait()
        self.take()

    def stop(self) -> None:
        """The compiler is not wanted any more."""
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


def _compile(command: tuple[str, ...], text: str, library: Path) -> None:
    """Compile beside the library and move it to its place when it is whole."""
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        made = Path(folder) / "made.so"
        done = subprocess.run(
            [*command, "-x", "c", "-", "-o", str(made)],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["it says nothing"]
            first = next((line for line in lines if "error" in line), lines[0])
            raise CompilerError(
                f"the C compiler failed: {first}", hint="use --explorer plain, or another CC"
            )
        made.replace(library)


def _forget(folder: Path) -> None:
    """Remove the libraries that were not used for longest, if there are too many."""
    libraries = []
    for path in folder.glob("*.so"):
        # another process may forget at the same time
        with contextlib.suppress(FileNotFoundError):
            libraries.append((path.stat().st_mtime, path))
    for _, library in sorted(libraries, reverse=True)[KEPT:]:
        library.unlink(missing_ok=True)
