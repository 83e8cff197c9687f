"""The released guest runtimes in a process: `conformance/guest`, built by cargo.

The driver says what happens and asks; whoever holds a `Guest` answers. `conformance/guest/src`
describes the lines.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import select
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from wakeproof.bundled import ROOT
from wakeproof.errors import InputError
from wakeproof.language.sources import Sources
from wakeproof.scenario.mixes import Mix
from wakeproof.util.toml import load_toml

SOURCE = ROOT / "conformance" / "guest"
FEATURES: Final = ("inter-task-wakeup", "async-spawn")
PATIENCE = 20.0
FOREIGN = ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET")
HINT = (
    "install Rust 1.85 or newer with cargo, and let it reach its registry once; "
    "every other command works without"
)


@dataclass(frozen=True)
class ActionRow:
    """How an action is taken for real: a row of `conformance/guest/actions.toml`, which says what
    its parts mean.
    """

    driver: str | None = None
    pending: str = ""
    rust: str = ""
    needs: tuple[str, ...] = ()


@functools.cache
def action_rows() -> dict[str, ActionRow]:
    """The rows, by the names of the actions."""
    return {
        name: ActionRow(**{**row, "needs": tuple(row.get("needs", ()))})
        for name, row in load_toml(SOURCE / "actions.toml").items()
    }


def releases() -> tuple[str, ...]:
    """The releases of `wit-bindgen` that the driver is built with, oldest first."""
    text = (SOURCE / "src" / "releases.rs").read_text(encoding="utf-8")
    return tuple(re.findall(r'^    "([\d.]+)" \w+ \w+;$', text, re.MULTILINE))


def releases_of(sources: Sources, mix: Mix) -> dict[str, str]:
    """The release of `wit-bindgen` behind every role of a mix. Raises `InputError` for none."""
    found = {}
    for role, version in mix.items():
        release = release_of(sources, version)
        if release is None:
            raise InputError(
                f"{version} is no release that the guest driver is built with",
                hint="one of " + ", ".join(released_versions(sources)),
            )
        found[role] = release
    return found


def release_of(sources: Sources, version: str) -> str | None:
    """The release of `wit-bindgen` that a version of the model mirrors, if the driver has it."""
    if version not in sources.versions:
        raise InputError(f"no version {version!r}", hint="`wakeproof list versions`")
    name = str(sources.versions[version].facts.get("RELEASE", ""))
    number = name.removeprefix("wit-bindgen ")
    return number if number in releases() else None


def released_versions(sources: Sources) -> list[str]:
    """The versions of the model that the driver can run, in order."""
    return [v for v in sorted(sources.versions) if release_of(sources, v) is not None]


@functools.cache
def build(features: tuple[str, ...]) -> Path:
    """Build the driver with these features of the releases; the path of the executable.

    What was built before is used again. Raises `InputError` if cargo or the crates are missing.
    """
    folder = unpacked()
    target = folder / "target" / ("-".join(features) or "plain")
    command = ["cargo", "build", "--quiet", "--bin", "wakeproof-guest", "--target-dir", str(target)]
    command += ["--features", ",".join(features)] if features else []
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=cargo_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise InputError("the guest driver needs cargo, which is not there", hint=HINT) from None
    if done.returncode != 0:
        why = done.stderr.strip()
        raise InputError(f"the guest driver could not be built: {why}", hint=HINT)
    return target / "debug" / "wakeproof-guest"


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


class Silence(Exception):
    """The driver says nothing any more: it is `gone`, or it runs without end."""

    def __init__(self, what: str, gone: bool) -> None:
        super().__init__(what)
        self.gone = gone


class Guest:
    """A running driver. `say` answers what it asked last, `hear` is what it says next."""

    def __init__(self, features: tuple[str, ...]) -> None:
        self.features = features
        self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [build(self.features)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self.rest = b""

    def walk(self) -> list[str]:
        """Begin a walk in a process of its own; what it says first."""
        self.say("walk")
        return self.hear()

    def say(self, line: str) -> None:
        """Send a line. Raises `Silence` if nobody listens."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line.encode() + b"\n")
        except BrokenPipeError:
            raise Silence("the driver is gone", True) from None

    def hear(self) -> list[str]:
        """The words of the next line. Raises `Silence`."""
        assert self.process.stdout is not None
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            more = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            if not more:
                what = "the driver is gone" if ready else f"nothing for {PATIENCE:.0f} s"
                raise Silence(what, bool(ready))
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode().split(" ")

    def leave(self, asked: bool) -> None:
        """End a walk; `asked`: the driver waits for an answer."""
        try:
            if asked:
                self.say("quit")
            while self.hear()[0] != "ended":
                pass
        except Silence:
            self.close()
            self._start()

    def close(self) -> None:
        """End the driver, and whatever it runs."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
