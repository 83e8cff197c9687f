"""The source of a release of `wit-bindgen`, where cargo keeps it."""

from __future__ import annotations

import json
from pathlib import Path

from wakeproof.crates.cargo import run_cargo, write_if_changed
from wakeproof.crates.releases import OLDER, releases
from wakeproof.errors import InputError
from wakeproof.util.cache_folder import cache_folder


def release_source(release: str) -> Path:
    """Return the folder in which cargo keeps the source of a release, after a download if needed.

    Raises `InputError` for an unknown release, and without cargo or the crates.
    """
    if release not in (*OLDER, *releases()):
        raise InputError(f"unknown release {release}", hint="one of " + ", ".join(releases()))
    folder = cache_folder("sources", release)
    manifest = (
        f'[package]\nname = "sources"\nversion = "0.0.0"\nedition = "2021"\n\n[workspace]\n\n'
        f'[dependencies]\nwit-bindgen = {{ version = "={release}", default-features = false }}\n'
    )
    write_if_changed(folder / "Cargo.toml", manifest)
    write_if_changed(folder / "src" / "lib.rs", "")
    command = ["metadata", "--format-version", "1"]
    document = json.loads(run_cargo(command, folder, "the released crates"))
    (found,) = (p for p in document["packages"] if p["name"] == "wit-bindgen")
    return Path(found["manifest_path"]).parent
