"""The WebAssembly target of the Rust at hand, and the flags for it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import platformdirs

from wakeproof.errors import InputError

TARGET = "wasm32-unknown-unknown"

HINT = f"`rustup target add {TARGET}`, or see conformance/wasm-toolchain in the checkout"


def target_folder() -> Path:
    """Where cargo puts what it builds for WebAssembly: one standard library for all."""
    return platformdirs.user_cache_path("wakeproof") / "rust-components" / "target"


def build_flags() -> list[str]:
    """What cargo needs for a build for WebAssembly. Raises `InputError` if it cannot."""
    rustc = os.environ.get("RUSTC", "rustc")
    try:
        done = subprocess.run(
            [rustc, "--print", "target-libdir", "--target", TARGET],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise InputError(f"there is no {rustc}", hint="install Rust with cargo") from None
    if Path(done.stdout.strip()).is_dir() and any(Path(done.stdout.strip()).glob("libstd-*")):
        return []
    if os.environ.get("RUSTC_BOOTSTRAP"):
        return ["-Zbuild-std=std,panic_abort"]
    raise InputError(f"the Rust at hand cannot build for {TARGET}", hint=HINT)
