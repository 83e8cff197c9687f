"""The system's C compiler, and a cache of compiled libraries.

The compiler is `cc`, or the value of the environment variable CC, with the options of CFLAGS. The
cache stores a library under the hash of its text, of the compiler's version and of the options, so
nothing is compiled twice. A library is an entry of the cache once it is complete, so processes may
share the cache; the loader ignores the checksum at its end.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import platform
import shutil
import subprocess
from pathlib import Path

from wakeproof.errors import InputError
from wakeproof.util.cache_folder import cache_folder, read_entry, scratch_folder, write_entry
from wakeproof.util.environment import words_of
from wakeproof.util.processes import kill_process, run_process, start_process

OPTIONS = ("-std=gnu11", "-fPIC", "-shared", "-pthread", "-w")
SOON = ("-O1",)
"""Options for a library that is needed at once."""
FAST = ("-O3", "-march=native")
"""Options for a long run: compiling takes two to three times as long, searching two thirds."""
KEPT = 1500
"""Libraries that the cache keeps, three times those of the bundled scenarios: about 150 MB."""
PATIENCE = 120.0
"""Seconds until a compiler that makes a library counts as stuck."""
PROBE_PATIENCE = 10.0
"""The same for one that prints its version, or compiles a line."""


class CompilerError(InputError):
    """The C compiler is missing or fails, or its library cannot be stored or loaded."""


class CompilerTimeout(CompilerError):
    """The C compiler does not end in time."""


@functools.cache
def compiler() -> tuple[tuple[str, ...], str]:
    """Return the command of the compiler and the text of its version.

    Raises `CompilerError` if the compiler is missing or does not run, `InputError` if CC cannot be
    split into words.
    """
    command = words_of("CC", "cc")
    hint = "install gcc or clang, set CC, or use --explorer plain"
    if not command or shutil.which(command[0]) is None:
        raise CompilerError(f"no C compiler: {' '.join(command)!r} is not installed", hint=hint)
    try:
        done = run_process([*command, "--version"], seconds=PROBE_PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        done = None
    if done is None or done.returncode:
        raise CompilerError(f"the C compiler {command[0]!r} does not run", hint=hint)
    return command, done.stdout


def library_path(text: str, level: tuple[str, ...] = SOON) -> Path:
    """Return the path of the library of a C text in the cache, whether it exists or not.

    Raises `CompilerError` as `compiler` does, and if others may write to the cache.
    """
    command, version = compiler()
    try:
        folder = cache_folder()
    except InputError as error:
        raise CompilerError(error.what, where=error.where, hint=error.hint) from None
    machine = platform.machine() if level == SOON else _processor()
    key = "\0".join((*command, version, *options(level), machine, text))
    name = hashlib.sha256(key.encode()).hexdigest()[:32] + ".so"
    return folder / name


def is_stored(library: Path) -> bool:
    """Return whether the cache has a library, whole and the user's own."""
    return read_entry(library) is not None


def load(text: str, seconds: float = PATIENCE) -> ctypes.CDLL:
    """Load the library of a C text from the cache; compile it first if it is not there.

    Raises `CompilerTimeout` if that takes longer, and `CompilerError` if it cannot be compiled,
    stored or loaded.
    """
    command, _ = compiler()
    library = library_path(text)
    fast = library_path(text, FAST)
    try:
        if is_stored(fast):
            library = fast
        elif not is_stored(library):
            _compile((*command, *options()), text, library, seconds)
            _prune(library.parent)
        return ctypes.CDLL(str(library))
    except OSError as error:
        raise CompilerError(
            f"native code cannot be stored or loaded: {error.strerror or error}",
            where=str(error.filename or library),
            hint="free some space, set XDG_CACHE_HOME, or use --explorer plain",
        ) from None


def options(level: tuple[str, ...] = SOON) -> tuple[str, ...]:
    """Return the options of the compiler: ours, then those of the environment variable CFLAGS."""
    return (*OPTIONS, *level, *words_of("CFLAGS", ""))


@functools.cache
def _processor() -> str:
    """Return the features of this processor, on which the effect of `-march=native` depends."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.node()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


class Background:
    """A compiler that makes a library in the background.

    A failure leaves no library and is not reported, because nothing depends on the library. Raises
    `OSError` if the cache cannot be written.
    """

    def __init__(self, text: str, level: tuple[str, ...] = FAST) -> None:
        command, _ = compiler()
        self.library = library_path(text, level)
        self.folder = contextlib.ExitStack()
        folder = self.folder.enter_context(scratch_folder())
        source, self.made = folder / "text.c", folder / "made.so"
        source.write_text(text, encoding="utf-8")
        self.process = start_process([*command, *options(level), str(source), "-o", str(self.made)])

    def take(self) -> ctypes.CDLL | None:
        """Move the library to the cache and load it; None if it is not complete, or on failure."""
        if self.process.poll() != 0 or not self.made.exists():
            return None
        try:
            write_entry(self.library, self.made.read_bytes())
            return ctypes.CDLL(str(self.library))
        except OSError:
            return None

    def finish(self, seconds: float = PATIENCE) -> None:
        """Wait for the compiler, not longer than that, and move the library to the cache."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        self.take()

    def stop(self) -> None:
        """Stop the compiler and remove its files."""
        kill_process(self.process)
        self.folder.close()


def _compile(command: tuple[str, ...], text: str, library: Path, seconds: float) -> None:
    """Compile in a folder of the cache and move the result to its place."""
    with scratch_folder() as folder:
        made = folder / "made.so"
        try:
            done = run_process(
                [*command, "-x", "c", "-", "-o", str(made)], text=text, seconds=seconds
            )
        except subprocess.TimeoutExpired:
            raise CompilerTimeout(
                f"the C compiler {command[0]!r} does not end within {seconds:.0f} s",
                hint="use --explorer plain, or another CC",
            ) from None
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            first = next((line for line in lines if "error" in line), lines[0])
            raise CompilerError(
                f"the C compiler failed: {first}", hint="use --explorer plain, or another CC"
            )
        write_entry(library, made.read_bytes())


def _prune(folder: Path) -> None:
    """Remove the least recently used libraries beyond the `KEPT` most recent ones."""
    libraries = []
    for path in folder.glob("*.so"):
        # another process may remove it at the same time
        with contextlib.suppress(FileNotFoundError):
            libraries.append((path.stat().st_mtime, path))
    for _, library in sorted(libraries, reverse=True)[KEPT:]:
        library.unlink(missing_ok=True)
