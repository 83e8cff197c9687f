"""Exported crates, built and run: on a release, or on a release with a cure.

All crates that are built with the same features are members of one workspace in the user's cache,
so that cargo builds them side by side and a release once.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from wakeproof.crates.cargo import cargo, write
from wakeproof.crates.releases import releases
from wakeproof.errors import InputError
from wakeproof.export.rust.cure import Cure
from wakeproof.export.rust.files import rust_crate
from wakeproof.export.rust.program import RustTest

PATIENCE = 20.0


@dataclass(frozen=True)
class Run:
    """A program on a release, cured or not, built with features."""

    test: RustTest
    release: str
    features: tuple[str, ...]
    cure: Cure | None = None

    @property
    def package(self) -> str:
        """The name of the member of the workspace."""
        cured = f"-{self.cure.name}" if self.cure else ""
        return f"{self.test.name}-{self.release.replace('.', '-')}{cured}"


@dataclass(frozen=True)
class Ran:
    """What came out: the exit status and the last line."""

    run: Run
    status: int
    line: str

    @property
    def failed(self) -> bool:
        """The defect is there."""
        return self.status == 1 and self.line.startswith("FAILED")

    @property
    def passed(self) -> bool:
        """The defect is not there."""
        return self.status == 0 and self.line == "passed"


def run_all(runs: Iterable[Run], done: Callable[[Ran], None] = lambda _: None) -> list[Ran]:
    """Build and run all, in order. Raises `InputError` without cargo or the crates."""
    runs = list(runs)
    builds = sorted({run.features for run in runs})
    folders = {features: workspace(features, runs) for features in builds}
    results: dict[int, Ran] = {}
    for features, folder in folders.items():
        target = folder.parent / "target"
        cargo(["build", "--quiet", "--workspace", "--target-dir", str(target)], folder)
        for number, run in enumerate(runs):
            if run.features == features:
                results[number] = execute(run, target / "debug" / run.package)
                done(results[number])
    return [results[number] for number in range(len(runs))]


def execute(run: Run, program: Path) -> Ran:
    """Run a program that was built; addresses in what it says are left out."""
    try:
        done = subprocess.run(
            [program], capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return Ran(run, -1, f"does not end within {PATIENCE:.0f} s")
    lines = done.stderr.strip().splitlines() or [""]
    return Ran(run, done.returncode, re.sub(r"0x[0-9a-f]+", "0x...", lines[-1]))


def workspace(features: tuple[str, ...], runs: Iterable[Run]) -> Path:
    """A workspace with a member for every run with these features; its folder."""
    base = platformdirs.user_cache_path("wakeproof") / "rust-tests"
    members = [run for run in runs if run.features == features]
    folder = base / workspace_name(features, [run.package for run in members])
    names = ", ".join(f'"{run.package}"' for run in members)
    manifest = f'[workspace]\nresolver = "2"\nmembers = [{names}]\n'
    # built once, and many: no debug information, no symbols, no notes for the next build
    manifest += "\n[profile.dev]\ndebug = false\nstrip = true\nincremental = false\n"
    write(folder / "Cargo.toml", manifest)
    for run in members:
        if run.cure is None:
            source = f'version = "={run.release}"'
        else:
            source = f"path = {json.dumps(str(cured(run.cure, base)))}"
        files = rust_crate(run.test, source, features, run.release)
        for name, text in files.items():
            if name == "Cargo.toml":
                text = text.replace(f'name = "{run.test.name}"', f'name = "{run.package}"')
                text = text.replace("\n[workspace]\n", "")
            place = folder if name == ".cargo/config.toml" else folder / run.package
            write(place / name, text)
    return folder


def workspace_name(features: Sequence[str], packages: Sequence[str]) -> str:
    """A folder for these members alone: somebody else may build others at the same time."""
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    return "-".join([*features, digest])


def cured(cure: Cure, base: Path) -> Path:
    """A copy of a release with the change; its folder."""
    folder = base / "cured" / cure.name / f"wit-bindgen-{cure.release}"
    original = unpacked(cure.release, base)
    if not folder.is_dir():
        shutil.copytree(original, folder)
        manifest = folder / "Cargo.toml"
        # a version of its own: two copies of one release in a workspace must differ
        version = f'version = "{cure.release}'
        text = manifest.read_text(encoding="utf-8").replace(version, f"{version}+{cure.name}", 1)
        manifest.write_text(text, encoding="utf-8")
    text = (original / cure.file).read_text(encoding="utf-8")
    write(folder / cure.file, cure.applied(text))
    return folder


def unpacked(release: str, base: Path) -> Path:
    """Where cargo keeps the source of a release."""
    if release not in releases():
        raise InputError(f"no release {release}", hint="one of " + ", ".join(releases()))
    folder = base / "sources" / release
    manifest = (
        f'[package]\nname = "sources"\nversion = "0.0.0"\nedition = "2021"\n\n[workspace]\n\n'
        f'[dependencies]\nwit-bindgen = {{ version = "={release}", default-features = false }}\n'
    )
    write(folder / "Cargo.toml", manifest)
    write(folder / "src" / "lib.rs", "")
    document = json.loads(cargo(["metadata", "--format-version", "1"], folder))
    (found,) = (p for p in document["packages"] if p["name"] == "wit-bindgen")
    return Path(found["manifest_path"]).parent
