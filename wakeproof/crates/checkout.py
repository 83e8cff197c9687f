"""A checkout of `wit-bindgen` in the place of a release: the guest driver is built with its source.

Nothing in the checkout is written. The driver has a manifest of its own in the user's cache, which
names the folder of the crate, and shares what is built of the other releases with every driver.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wakeproof.crates import rust_source
from wakeproof.crates.cargo import CargoError, run_cargo, unpack_driver, write_if_changed
from wakeproof.crates.release_source import release_source
from wakeproof.errors import InputError
from wakeproof.util.cache_folder import cache_folder
from wakeproof.util.text import read_text
from wakeproof.util.toml import load_toml

# where the crate is in a checkout of the whole repository
CRATE = Path("crates", "guest-rust")
HINT = "name a checkout of bytecodealliance/wit-bindgen, or its folder crates/guest-rust"
# the start of an error of the compiler, and the line with its place
ERROR = re.compile(r"^error(?:\[E\d+\])?: (.*)$", re.MULTILINE)
PLACE = re.compile(r"^ *--> (.+):(\d+):\d+$", re.MULTILINE)


@dataclass(frozen=True)
class Checkout:
    """The source of the crate in a folder, which takes the place of a release.

    `crate` is the folder of its `Cargo.toml`, and `original` that of the release. `versions` are
    the versions of the model that it is compared with, and `digest` is that of its Rust files.
    """

    crate: Path
    version: str
    release: str
    original: Path
    versions: tuple[str, ...] = ()
    digest: str = ""

    def file(self, name: str) -> str:
        """Return the text of a file of the crate; empty if it has none of this name."""
        return _text(self.crate / name)

    def original_file(self, name: str) -> str:
        """Return the text of the same file of the release."""
        return _text(self.original / name)

    def files(self) -> list[str]:
        """Return the Rust files of either, such as `src/rt/mod.rs`, in order."""
        roots = (self.crate, self.original)
        found = {f.relative_to(r).as_posix() for r in roots for f in (r / "src").rglob("*.rs")}
        return sorted(found)


@dataclass(frozen=True)
class ChangedFunction:
    """A function of the crate that differs from the release, and the first line that does.

    It may be a constant or a type, such as `const BLOCKED`. The line is that of the release if the
    function is `gone`.
    """

    name: str
    file: str
    line: int
    gone: bool = False


def find_checkout(path: Path, release: str) -> Checkout:
    """Find the crate in a checkout of the repository, or in its own folder.

    Raises `InputError` if there is none, if it cannot take the place of the release, and without
    cargo or the released crates.
    """
    for folder in (path, path / CRATE):
        manifest = folder / "Cargo.toml"
        table = load_toml(manifest) if manifest.is_file() else {}
        if _table(table, "package").get("name") == "wit-bindgen":
            break
    else:
        raise InputError("not a checkout of wit-bindgen", where=str(path), hint=HINT)
    folder = folder.resolve()
    version = _version(table, folder)
    if _numbers(version)[:1] != _numbers(release)[:1]:
        raise InputError(
            f"wit-bindgen {version} is another major version than {release}",
            where=str(folder / "Cargo.toml"),
            hint=f"name a checkout of wit-bindgen {_numbers(release)[0]}.*",
        )
    if _numbers(version) < _numbers(release):
        raise InputError(
            f"wit-bindgen {version} is older than {release}, with which it would be compared",
            where=str(folder / "Cargo.toml"),
            hint="name an older version of the model with --base; `wakeproof list versions`",
        )
    found = Checkout(folder, version, release, release_source(release))
    content = "".join(f"{name}\n{found.file(name)}" for name in found.files())
    return replace(found, digest=hashlib.sha256(content.encode()).hexdigest())


def _version(manifest: dict[str, Any], folder: Path) -> str:
    """Return the version of a crate, which may be that of its workspace. Raises `InputError`."""
    version = _table(manifest, "package").get("version")
    if version == {"workspace": True}:
        for above in folder.parents:
            if (above / "Cargo.toml").is_file():
                workspace = _table(load_toml(above / "Cargo.toml"), "workspace")
                version = _table(workspace, "package").get("version")
                break
    if not isinstance(version, str) or not _numbers(version):
        where = str(folder / "Cargo.toml")
        raise InputError("the crate has no version", where=where, hint=HINT)
    return version


def _table(table: dict[str, Any], key: str) -> dict[str, Any]:
    found = table.get(key)
    return found if isinstance(found, dict) else {}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d{1,9}", re.split(r"[-+]", version)[0]))


def _text(path: Path) -> str:
    return read_text(path) if path.is_file() else ""


def changed_functions(checkout: Checkout) -> list[ChangedFunction]:
    """Return the functions of the runtime that differ from those of the release, in order."""
    found: dict[str, ChangedFunction] = {}
    for file in checkout.files():
        for change in _changed_in(file, checkout.original_file(file), checkout.file(file)):
            found.setdefault(change.name, change)
    return list(found.values())


def _changed_in(file: str, old: str, new: str) -> Iterator[ChangedFunction]:
    names = {function.name for function in rust_source.functions_of(new)}
    for difference in rust_source.differences(old, new):
        for line in difference.new or [difference.at]:
            if name := rust_source.item_at(new, line):
                yield ChangedFunction(name, file, line)
        for line in difference.old:
            name = rust_source.function_at(old, line)
            if name and name not in names:
                yield ChangedFunction(name, file, line, gone=True)


def build_on_checkout(checkout: Checkout, features: tuple[str, ...], program: str) -> Path:
    """Build the driver with the source of a checkout and with features; returns its path.

    Raises `InputError`: without cargo, or with the first error of the compiler and its place.
    """
    driver = unpack_driver()
    name, folder = _write_manifest(checkout, driver, program)
    target = driver / "target" / ("-".join(features) or "plain")
    command = ["build", "--quiet", "--bin", name, "--target-dir", str(target)]
    command += ["--features", ",".join(features)] if features else []
    try:
        run_cargo(command, folder, "the guest driver")
    except CargoError as error:
        raise build_error(error.output, checkout.crate) from None
    return target / "debug" / name


def _write_manifest(checkout: Checkout, driver: Path, program: str) -> tuple[str, Path]:
    """Write the manifest of the driver with the checkout; returns its program and its folder."""
    digest = hashlib.sha256(f"{driver} {checkout.crate} {checkout.release}".encode()).hexdigest()
    name, folder = f"{program}-{digest[:12]}", cache_folder("checkouts") / digest[:12]
    text = read_text(driver / "Cargo.toml")
    # the sources of the driver stay where they are
    text = re.sub(r'"(src/\w+\.rs)"', lambda m: json.dumps(str(driver / m[1])), text)
    text = text.replace(f'name = "{program}"\npath', f'name = "{name}"\npath')
    place = f"path = {json.dumps(str(checkout.crate))}"
    pattern = rf'^version = "=?{re.escape(checkout.release)}"$'
    text = re.sub(pattern, lambda _: place, text, flags=re.MULTILINE)
    # lines for the stack, in the driver and in the crate; all else is as for every driver
    text = text.replace("\ndebug = false\n", '\ndebug = "line-tables-only"\n')
    text += '\n[profile.dev.package."*"]\ndebug = false\n'
    spec = f"{checkout.crate.as_uri()}#wit-bindgen@{checkout.version}"
    text += f'\n[profile.dev.package."path+{spec}"]\ndebug = "line-tables-only"\n'
    write_if_changed(folder / "Cargo.toml", text)
    config = Path(".cargo", "config.toml")
    write_if_changed(folder / config, read_text(driver / config))
    if (driver / "Cargo.lock").is_file() and not (folder / "Cargo.lock").exists():
        # the same releases of everything, without asking the registry
        shutil.copyfile(driver / "Cargo.lock", folder / "Cargo.lock")
    return name, folder


def build_error(output: str, crate: Path) -> InputError:
    """Return the first error of a compiler's output as a message, with its place.

    It may be one of the driver, whose calls the crate does not have.
    """
    error = ERROR.search(output)
    place = PLACE.search(output, error.end() if error else 0)
    inside = place is None or Path(place[1]).is_relative_to(crate)
    what = "the checkout" if inside else "the guest driver with the checkout"
    return InputError(
        f"{what} does not build: {error[1] if error else output.strip()}",
        where=f"{place[1]}:{place[2]}" if place else str(crate),
        hint=f"`cargo check --features async-spawn,inter-task-wakeup` in {crate}",
    )
