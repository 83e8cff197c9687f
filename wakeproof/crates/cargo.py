"""Run cargo, in the user's cache: the only module that does.

What it builds there (the guest driver, exported tests, components) is reused by the next run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from wakeproof.crates.releases import SOURCE
from wakeproof.errors import InputError
from wakeproof.util.cache_folder import cache_folder, scratch_folder
from wakeproof.util.files import write_whole
from wakeproof.util.processes import run_process

# settings of the user that would replace the flags of the driver
FOREIGN = ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET")
HINT = (
    "install Rust 1.85 or newer with cargo, and let it reach its registry once; "
    "every other command works without"
)


class CargoError(InputError):
    """A build that failed; `output` has the errors of the compiler."""

    def __init__(self, what: str, output: str) -> None:
        super().__init__(f"{what} could not be built: {output}", hint=HINT)
        self.output = output


def cargo_environment(wasm: bool = False) -> dict[str, str]:
    """Return the environment for cargo: the user's, without flags that would replace our own.

    A compiler that needs `RUSTC_BOOTSTRAP` is there for WebAssembly, so native builds ignore it.
    """
    left_out = set(FOREIGN)
    if not wasm and "RUSTC_BOOTSTRAP" in os.environ:
        left_out |= {"RUSTC", "RUSTC_BOOTSTRAP"}
    return {name: value for name, value in os.environ.items() if name not in left_out}


def run_cargo(
    arguments: Iterable[str],
    folder: Path,
    what: str,
    wasm: bool = False,
    extra: Mapping[str, str] | None = None,
) -> str:
    """Run cargo in a folder and return what it prints.

    `what` names in messages what is built. `wasm`: the build is for WebAssembly. `extra` is added
    to the environment. Raises `InputError` if cargo is not installed, and `CargoError` if it does
    not succeed.
    """
    try:
        done = run_process(
            ["cargo", *arguments], cwd=folder, env=cargo_environment(wasm) | dict(extra or {})
        )
    except FileNotFoundError:
        raise InputError(
            f"building {what} needs cargo, which is not installed", hint=HINT
        ) from None
    if done.returncode != 0:
        raise CargoError(what, done.stderr.strip())
    return done.stdout


def unpack_driver() -> Path:
    """Copy the source of the guest driver to where cargo may write, and return the folder.

    Its name has a digest of the source, so every text has a folder of its own.
    """
    files = sorted(SOURCE.glob("Cargo.toml"))
    files += sorted(p for part in (".cargo", "src") for p in (SOURCE / part).rglob("*.*"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(str(path.relative_to(SOURCE)).encode() + b"\0" + path.read_bytes() + b"\0")
    folder = cache_folder() / f"guest-{digest.hexdigest()[:12]}"
    if not folder.is_dir():
        with scratch_folder() as scratch:
            fresh = scratch / "fresh"
            for path in files:
                (fresh / path.relative_to(SOURCE)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, fresh / path.relative_to(SOURCE))
            with contextlib.suppress(OSError):  # another process was quicker
                fresh.rename(folder)
    return folder


def write_if_changed(path: Path, text: str) -> None:
    """Write a file unless it has this text: cargo rebuilds what is newer than its result."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
