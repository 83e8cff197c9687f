"""The WebAssembly target of the installed Rust, and the flags of cargo for it."""

from __future__ import annotations

import os
from pathlib import Path

from wakeproof.errors import InputError
from wakeproof.util.cache_folder import cache_folder
from wakeproof.util.processes import run_process

TARGET = "wasm32-unknown-unknown"

HINT = f"`rustup target add {TARGET}`, or see conformance/wasm-toolchain in the checkout"


def target_folder() -> Path:
    """Return the folder for all builds for WebAssembly: they share one standard library."""
    return cache_folder("rust-components") / "target"


def build_flags() -> list[str]:
    """Return the flags of cargo for a build for WebAssembly: empty where rustup has the target.

    A compiler that accepts unstable flags builds the standard library itself. Raises `InputError`
    if the compiler can do neither, or does not exist.
    """
    rustc = os.environ.get("RUSTC", "rustc")
    try:
        done = run_process([rustc, "--print", "target-libdir", "--target", TARGET])
    except OSError:
        raise InputError(
            f"the compiler {rustc} is not installed", hint="install Rust with cargo"
        ) from None
    if Path(done.stdout.strip()).is_dir() and any(Path(done.stdout.strip()).glob("libstd-*")):
        return []
    if os.environ.get("RUSTC_BOOTSTRAP"):
        return ["-Zbuild-std=std,panic_abort"]
    raise InputError(f"the installed Rust cannot build for {TARGET}", hint=HINT)
