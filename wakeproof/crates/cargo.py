"""Run cargo; the only place that does."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import platformdirs

from wakeproof.crates.releases import SOURCE
from wakeproof.errors import InputError

FOREIGN = ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET")
HINT = (
    "install Rust 1.85 or newer with cargo, and let it reach its registry once; "
    "every other command works without"
)


def cargo_environment(wasm: bool = False) -> dict[str, str]:
    """Only the driver's own flags: those of the user's environment would replace them.

    A compiler that has to be told to be unstable is there to build for WebAssembly alone.
    """
    left_out = set(FOREIGN)
    if not wasm and "RUSTC_BOOTSTRAP" in os.environ:
        left_out |= {"RUSTC", "RUSTC_BOOTSTRAP"}
    return {name: value for name, value in os.environ.items() if name not in left_out}


def unpacked() -> Path:
    """A copy of the driver's source that cargo may write beside, a folder for every text."""
    files = sorted(SOURCE.glob("Cargo.toml"))
    files += sorted(p for part in (".cargo", "src") for p in (SOURCE / part).rglob("*.*"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(str(path.relative_to(SOURCE)).encode() + b"\0" + path.read_bytes() + b"\0")
    folder = platformdirs.user_cache_path("wakeproof") / f"guest-{digest.hexdigest()[:12]}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=folder.parent))
        for path in files:
            (fresh / path.relative_to(SOURCE)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, fresh / path.relative_to(SOURCE))
        try:
            fresh.rename(folder)
        except OSError:
            # somebody else was quicker
            shutil.rmtree(fresh, ignore_errors=True)
    return folder


def cargo(arguments: Iterable[str], folder: Path, wasm: bool = False) -> str:
    """Run cargo; what it prints. Raises `InputError` if it is not there, or does not succeed."""
    try:
        done = subprocess.run(
            ["cargo", *arguments],
            cwd=folder,
            env=cargo_environment(wasm),
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise InputError("to run tests needs cargo, which is not there", hint=HINT) from None
    if done.returncode != 0:
        raise InputError(f"the tests could not be built: {done.stderr.strip()}", hint=HINT)
    return done.stdout


def write(path: Path, text: str) -> None:
    """Write a file if it is not there as it should be: cargo goes by its time."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
