"""Exported tests as components on Wasmtime: built with the generator's macro, composed, run.

`test.rs` and `runner.rs` are compiled as they are, each with the bindings of its world; what the
generator's suite does with its own tools is done here by cargo, by `wit-component` as a library,
and by `compose`.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from wakeproof.crates.cargo import run_cargo, write_if_changed
from wakeproof.crates.releases import FEATURES, releases
from wakeproof.crates.wasm_binary import leb128
from wakeproof.crates.wasm_target import TARGET, build_flags, target_folder
from wakeproof.crates.wasmtime import async_engine, call_async, load_wasmtime, reason_of
from wakeproof.errors import InputError
from wakeproof.export.rust.files import rust_test
from wakeproof.findings.run_crates import Run, cured, workspace_name

COMPONENTIZE = Path(__file__).with_name("componentize")
# how often the event loop may turn before a call that has not returned is given up
TURNS = 1_000
INTERFACE, CALLS, CONTROL = "my:test/i", "my:test/calls", "my:test/control"


@dataclass(frozen=True)
class OnWasmtime:
    """What a user of Wasmtime sees of a run: a word or two."""

    run: Run
    seen: str


def run_components(
    runs: Iterable[Run], done: Callable[[OnWasmtime], None] = lambda _: None
) -> list[OnWasmtime]:
    """Build and run all, in order. Raises `InputError` without Wasmtime, cargo or the target."""
    runs = list(runs)
    wasmtime = load_wasmtime()
    base = platformdirs.user_cache_path("wakeproof") / "rust-components"
    flags = build_flags()
    runners = {run.test.name: Run(run.test, releases()[-1], FEATURES) for run in runs}
    built: dict[tuple[str, str], Path] = {}
    everything = [(run.package, "test", run) for run in runs]
    everything += [(f"{name}-runner", "runner", run) for name, run in runners.items()]
    everything += [
        (f"{name}-leaf", "leaf", run) for name, run in runners.items() if run.test.program.answers
    ]
    for features in sorted({run.features for _, _, run in everything}):
        members = [row for row in everything if row[2].features == features]
        built |= build(base, features, members, flags)
    found = []
    for run in runs:
        test = built[run.package, "test"].read_bytes()
        runner = built[f"{run.test.name}-runner", "runner"].read_bytes()
        leaf = built.get((f"{run.test.name}-leaf", "leaf"))
        parts = parts_of(test, runner, leaf.read_bytes() if leaf else None)
        found.append(OnWasmtime(run, execute(wasmtime, compose(parts))))
        done(found[-1])
    return found


def build(
    base: Path,
    features: tuple[str, ...],
    members: Sequence[tuple[str, str, Run]],
    flags: Sequence[str],
) -> dict[tuple[str, str], Path]:
    """The components of all members of a workspace, by package and world."""
    folder = base / workspace_name(features, [package for package, _, _ in members])
    names = ", ".join(f'"{package}"' for package, _, _ in members)
    text = f'[workspace]\nresolver = "2"\nmembers = ["componentize", {names}]\n'
    write_if_changed(folder / "Cargo.toml", text + "\n[profile.dev]\ndebug = false\n")
    for name in ("Cargo.toml", "src/main.rs"):
        text = (COMPONENTIZE / name).read_text(encoding="utf-8")
        write_if_changed(folder / "componentize" / name, text)
    for package, world, run in members:
        write_member(folder / package, package, world, run, base)
    target = ["--target-dir", str(target_folder())]
    build = ["build", "--quiet", "--package", "componentize"]
    run_cargo([*build, *target], folder, "the maker of components")
    packages = [word for package, _, _ in members for word in ("--package", package)]
    build = ["build", "--quiet", *packages, "--target", TARGET]
    run_cargo([*build, *target, *flags], folder, "the tests", wasm=True)
    modules = target_folder() / TARGET / "debug"
    pairs = {
        (package, world): (
            modules / f"{package.replace('-', '_')}.wasm",
            base / "components" / f"{package}.wasm",
        )
        for package, world, _ in members
    }
    (base / "components").mkdir(exist_ok=True)
    program = target_folder() / "debug" / "componentize"
    words = [str(path) for pair in pairs.values() for path in pair]
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InputError(f"no component can be made: {done.stderr.strip()}")
    return {key: component for key, (_, component) in pairs.items()}


def write_member(folder: Path, package: str, world: str, run: Run, base: Path) -> None:
    """One world of a test as a crate."""
    listed = ", ".join(f'"{name}"' for name in run.features)
    if run.cure is None:
        source = f'version = "={run.release}"'
    else:
        source = f"path = {json.dumps(str(cured(run.cure, base)))}"
    manifest = (
        f'[package]\nname = "{package}"\nversion = "0.0.0"\nedition = "2021"\n\n'
        f'[lib]\npath = "{world}.rs"\ncrate-type = ["cdylib"]\n\n'
        f"[dependencies]\nwit-bindgen = {{ {source}, features = [{listed}] }}\n"
    )
    bindings = folder / "bindings.rs"
    write_if_changed(folder / "Cargo.toml", manifest)
    write_if_changed(
        folder / "build.rs",
        f'fn main() {{\n    println!("cargo:rustc-env=BINDINGS={bindings}");\n}}\n',
    )
    write_if_changed(
        bindings, f'wit_bindgen::generate!({{ path: "test.wit", world: "{world}" }});\n'
    )
    for name, text in rust_test(run.test).items():
        write_if_changed(folder / name, text)


@dataclass(frozen=True)
class Part:
    """A component of a test, the interfaces that it takes from parts before it, and those that it
    gives.
    """

    binary: bytes
    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()


def parts_of(test: bytes, runner: bytes, leaf: bytes | None) -> list[Part]:
    """The components of a test, as `test.wit` has them."""
    if leaf is None:
        return [Part(test, (), (INTERFACE,)), Part(runner, (INTERFACE,))]
    return [
        Part(leaf, (), (CALLS, CONTROL)),
        Part(test, (CALLS,), (INTERFACE,)),
        Part(runner, (INTERFACE, CONTROL)),
    ]


def compose(parts: Sequence[Part]) -> bytes:
    """A component of these, whose `run` is that of the last; `design/mvp/Binary.md` of the
    Component Model has the format.
    """
    sections: list[tuple[int, bytes]] = []
    given: dict[str, int] = {}
    instances = 0
    for number, part in enumerate(parts):
        arguments = [_name(it) + b"\x05" + leb128(given[it]) for it in part.takes]
        sections.append((4, part.binary))
        sections.append((5, _vector(b"\x00" + leb128(number) + _vector(*arguments))))
        made = instances
        instances += 1
        for interface in part.gives:
            alias = b"\x05\x00" + leb128(made) + _name(interface)
            sections.append((6, _vector(alias)))
            given[interface] = instances
            instances += 1
    its_run = b"\x01\x00" + leb128(instances - 1) + _name("run")
    exported = b"\x00" + _name("run") + b"\x01" + leb128(0) + b"\x00"
    sections += [(6, _vector(its_run)), (11, _vector(exported))]
    body = b"".join(bytes([kind]) + leb128(len(b)) + b for kind, b in sections)
    return b"\x00asm\x0d\x00\x01\x00" + body


def _name(text: str) -> bytes:
    return leb128(len(text)) + text.encode()


def _vector(*items: bytes) -> bytes:
    return leb128(len(items)) + b"".join(items)


def execute(package: Any, component: bytes) -> str:
    """Call `run`: what a user sees of it."""
    engine = async_engine(package, consume_fuel=True)
    loaded = package.component.Component(engine, component)
    store = package.Store(engine)
    store.set_fuel(1_000_000_000)
    instance = package.component.Linker(engine).instantiate(store, loaded)
    function = instance.get_func(store, loaded.get_export_index("run"))
    called = call_async(package, store, function, range(TURNS))
    if called.error is not None:
        return message(called.error)
    return "returns" if called.returned else "never returns"


def message(text: str) -> str:
    """The reason of a trap; where the guest panics, the function of the runtime that does."""
    reason = reason_of(text)
    if "unreachable" not in reason:
        return f"traps: {reason}"
    # the first frame that is not the standard library's
    frames = [line.partition("!")[2] for line in text.splitlines() if "!" in line]
    own = [plain_frame(f) for f in frames if not re.match(r"<?&?(std|core|alloc|__rust|rust_)", f)]
    if own and own[0].startswith("wit_bindgen::rt::async_support::"):
        return f"panics in `{own[0].removeprefix('wit_bindgen::rt::async_support::')}`"
    crate = own[0].partition("::")[0] if own else ""
    return f"fails an assertion of the {'runner' if crate.endswith('runner') else 'test'}"


def plain_frame(frame: str) -> str:
    """A function's path without hashes, generic arguments and closures."""
    frame = re.sub(r"\[[0-9a-f]+\]|::\{[^}]*\}", "", frame)
    # `<Type<Argument> as Trait>::method::<Argument>`, or a path
    method = re.match(r"<&?([\w:]+).*?>::(\w+)(::<.*)?$", frame)
    if method is not None:
        return f"{method[1]}::{method[2]}"
    return frame.partition("::<")[0]
