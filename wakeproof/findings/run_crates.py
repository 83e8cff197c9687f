"""Build and run exported programs as crates: on a release, or on a release with a cure.

All crates that are built with the same features are members of one workspace in the user's cache,
so cargo builds them side by side and each release once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wakeproof.crates.cargo import run_cargo, write_if_changed
from wakeproof.crates.checkout import Checkout
from wakeproof.crates.release_source import release_source
from wakeproof.export.rust.cure import Cure
from wakeproof.export.rust.files import rust_crate
from wakeproof.export.rust.program import RustTest
from wakeproof.util.cache_folder import cache_folder, scratch_folder
from wakeproof.util.files import write_whole
from wakeproof.util.processes import run_process

# seconds until a program that still runs is stopped
PATIENCE = 20.0


@dataclass(frozen=True)
class CrateRun:
    """A program to be run on a release, cured or not, built with features of the release.

    A `checkout` takes the place of the release.
    """

    test: RustTest
    release: str
    features: tuple[str, ...]
    cure: Cure | None = None
    checkout: Checkout | None = None

    @property
    def package(self) -> str:
        """The name of the member of the workspace."""
        cured = f"-{self.cure.name}" if self.cure else ""
        if self.checkout is not None:
            cured = f"-{hashlib.sha256(bytes(self.checkout.crate)).hexdigest()[:12]}"
        return f"{self.test.name}-{self.release.replace('.', '-')}{cured}"


@dataclass(frozen=True)
class CrateResult:
    """The result of a run: the exit status and the last line of its output."""

    run: CrateRun
    status: int
    line: str

    @property
    def failed(self) -> bool:
        """Whether the program shows the defect."""
        return self.status == 1 and self.line.startswith("FAILED")

    @property
    def passed(self) -> bool:
        """Whether the program ends without the defect."""
        return self.status == 0 and self.line == "passed"


def run_crates(
    runs: Iterable[CrateRun], done: Callable[[CrateResult], None] = lambda _: None
) -> list[CrateResult]:
    """Build and run all programs; returns the results in the order of `runs`.

    `done` receives each result. Raises `InputError` without cargo or the crates.
    """
    runs = list(runs)
    builds = sorted({run.features for run in runs})
    folders = {features: write_workspace(features, runs) for features in builds}
    results: dict[int, CrateResult] = {}
    for features, folder in folders.items():
        target = folder.parent / "target"
        build = ["build", "--quiet", "--workspace", "--target-dir", str(target)]
        run_cargo(build, folder, "the tests")
        for number, run in enumerate(runs):
            if run.features == features:
                results[number] = run_program(run, target / "debug" / run.package)
                done(results[number])
    return [results[number] for number in range(len(runs))]


def run_program(run: CrateRun, program: Path) -> CrateResult:
    """Run a program that was built, and replace the addresses in its last line."""
    try:
        done = run_process([program], seconds=PATIENCE)
    except subprocess.TimeoutExpired:
        return CrateResult(run, -1, f"does not end within {PATIENCE:.0f} s")
    lines = done.stderr.strip().splitlines() or [""]
    return CrateResult(run, done.returncode, re.sub(r"0x[0-9a-f]+", "0x...", lines[-1]))


def write_workspace(features: tuple[str, ...], runs: Iterable[CrateRun]) -> Path:
    """Write a workspace with a member for each run with these features; returns its folder."""
    base = cache_folder("rust-tests")
    members = [run for run in runs if run.features == features]
    folder = base / workspace_name(features, [run.package for run in members])
    names = ", ".join(f'"{run.package}"' for run in members)
    manifest = f'[workspace]\nresolver = "2"\nmembers = [{names}]\n'
    # each is built once: no debug information, no symbols, no data for an incremental build
    manifest += "\n[profile.dev]\ndebug = false\nstrip = true\nincremental = false\n"
    write_if_changed(folder / "Cargo.toml", manifest)
    for run in members:
        files = rust_crate(run.test, dependency(run, base), features, run.release)
        for name, text in files.items():
            if name == "Cargo.toml":
                text = text.replace(f'name = "{run.test.name}"', f'name = "{run.package}"')
                text = text.replace("\n[workspace]\n", "")
            place = folder if name == ".cargo/config.toml" else folder / run.package
            write_if_changed(place / name, text)
    return folder


def workspace_name(features: Sequence[str], packages: Sequence[str]) -> str:
    """Name a folder for these members only: another process may build others at the same time."""
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    return "-".join([*features, digest])


def dependency(run: CrateRun, base: Path) -> str:
    """Return where a manifest takes `wit-bindgen` from.

    It is the registry, a cured copy in `base`, or a checkout.
    """
    if run.checkout is not None:
        return f"path = {json.dumps(str(run.checkout.crate))}"
    if run.cure is None:
        return f'version = "={run.release}"'
    return f"path = {json.dumps(str(cured_release(run.cure, base)))}"


def cured_release(cure: Cure, base: Path) -> Path:
    """Write a copy of a release with the change of a cure; returns its folder."""
    folder = base / "cured" / cure.name / f"wit-bindgen-{cure.release}"
    original = release_source(cure.release)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        # a folder with the final name is always complete
        with scratch_folder() as fresh:
            copy = shutil.copytree(original, fresh / "copy")
            manifest = copy / "Cargo.toml"
            # two copies of one release in a workspace must have different versions
            version = f'version = "{cure.release}'
            text = manifest.read_text(encoding="utf-8")
            write_whole(manifest, text.replace(version, f"{version}+{cure.name}", 1))
            with contextlib.suppress(OSError):  # another process was quicker
                copy.rename(folder)
    text = (original / cure.file).read_text(encoding="utf-8")
    write_if_changed(folder / cure.file, cure.applied(text))
    return folder
