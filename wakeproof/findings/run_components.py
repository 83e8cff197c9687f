"""Run exported tests as components on Wasmtime: build them with the generator's macro, and compose.

`test.rs` and `runner.rs` are compiled unchanged, each with the bindings of its world. Cargo,
`wit-component` as a library and `compose` take the place of the tools of the generator's suite.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wakeproof.crates.cargo import run_cargo, write_if_changed
from wakeproof.crates.releases import FEATURES, releases
from wakeproof.crates.wasm_binary import leb128
from wakeproof.crates.wasm_target import TARGET, build_flags, target_folder
from wakeproof.crates.wasmtime import async_engine, call_async, load_wasmtime, reason_of
from wakeproof.errors import InputError
from wakeproof.export.rust.files import rust_test
from wakeproof.export.rust.program import RustTest
from wakeproof.findings.run_crates import CrateRun, dependency, workspace_name
from wakeproof.util.cache_folder import cache_folder
from wakeproof.util.processes import run_process

COMPONENTIZE = Path(__file__).with_name("componentize")
# turns of the event loop after which a call that has not returned is given up
TURNS = 1_000
FUEL = 1_000_000_000
# what a test has found if a function of it fails, by name
CHECKS = {
    "check_frame": "a frame that waited was overwritten",
    "check_stack": "the stack pointer is not where it was",
}
INTERFACE, CALLS, CONTROL = "my:test/i", "my:test/calls", "my:test/control"


@dataclass(frozen=True)
class ComponentResult:
    """The result of a run on Wasmtime: what its user sees, in a few words."""

    run: CrateRun
    seen: str


@dataclass(frozen=True)
class Member:
    """A member of a workspace: the crate for one world (`test`, `runner` or `leaf`) of a test."""

    package: str
    world: str
    run: CrateRun


def run_components(
    runs: Iterable[CrateRun], done: Callable[[ComponentResult], None] = lambda _: None
) -> list[ComponentResult]:
    """Build and run all tests; returns the results in the order of `runs`.

    `done` receives each result. Raises `InputError` without Wasmtime, cargo or the target.
    """
    runs = list(runs)
    wasmtime = load_wasmtime()
    base = cache_folder("rust-components")
    flags = build_flags()
    newest = {run.test.name: outside_of(run.test) for run in runs}
    everything = [Member(run.package, "test", run) for run in runs]
    everything += [Member(f"{name}-runner", "runner", run) for name, run in newest.items()]
    everything += [
        Member(f"{name}-leaf", "leaf", run)
        for name, run in newest.items()
        if run.test.program.has_leaf
    ]
    built: dict[tuple[str, str], Path] = {}
    for features in sorted({member.run.features for member in everything}):
        members = [member for member in everything if member.run.features == features]
        built |= build_components(base, features, members, flags)
    found = []
    for run in runs:
        test = built[run.package, "test"].read_bytes()
        runner = built[f"{run.test.name}-runner", "runner"].read_bytes()
        leaf = built.get((f"{run.test.name}-leaf", "leaf"))
        parts = parts_of(test, runner, leaf.read_bytes() if leaf else None)
        found.append(ComponentResult(run, run_component(wasmtime, compose(parts))))
        done(found[-1])
    return found


def outside_of(test: RustTest) -> CrateRun:
    """Return how the runner and the leaf of a test are built: with the newest release.

    Where a callee answers late, what comes next has to happen before who waits for it goes on: an
    executor with the optional features comes one turn later.
    """
    return CrateRun(test, releases()[-1], () if test.program.drop_waits else FEATURES)


def build_components(
    base: Path,
    features: tuple[str, ...],
    members: Sequence[Member],
    flags: Sequence[str],
) -> dict[tuple[str, str], Path]:
    """Build all members of a workspace; returns their components by package and world."""
    folder = base / workspace_name(features, [member.package for member in members])
    names = ", ".join(f'"{member.package}"' for member in members)
    text = f'[workspace]\nresolver = "2"\nmembers = ["componentize", {names}]\n'
    write_if_changed(folder / "Cargo.toml", text + "\n[profile.dev]\ndebug = false\n")
    for name in ("Cargo.toml", "src/main.rs"):
        text = (COMPONENTIZE / name).read_text(encoding="utf-8")
        write_if_changed(folder / "componentize" / name, text)
    for member in members:
        write_member(folder / member.package, member, base)
    target = ["--target-dir", str(target_folder())]
    build = ["build", "--quiet", "--package", "componentize"]
    run_cargo([*build, *target], folder, "the maker of components")
    packages = [word for member in members for word in ("--package", member.package)]
    build = ["build", "--quiet", *packages, "--target", TARGET]
    run_cargo([*build, *target, *flags], folder, "the tests", wasm=True)
    modules = target_folder() / TARGET / "debug"
    pairs = {
        (member.package, member.world): (
            modules / f"{member.package.replace('-', '_')}.wasm",
            base / "components" / f"{member.package}.wasm",
        )
        for member in members
    }
    (base / "components").mkdir(exist_ok=True)
    program = target_folder() / "debug" / "componentize"
    words = [str(path) for pair in pairs.values() for path in pair]
    done = run_process([program, *words])
    if done.returncode != 0:
        raise InputError(f"no component can be made: {done.stderr.strip()}")
    return {key: component for key, (_, component) in pairs.items()}


def write_member(folder: Path, member: Member, base: Path) -> None:
    """Write the crate of a member."""
    run = member.run
    listed = ", ".join(f'"{name}"' for name in run.features)
    manifest = (
        f'[package]\nname = "{member.package}"\nversion = "0.0.0"\nedition = "2021"\n\n'
        f'[lib]\npath = "{member.world}.rs"\ncrate-type = ["cdylib"]\n\n'
        f"[dependencies]\nwit-bindgen = {{ {dependency(run, base)}, features = [{listed}] }}\n"
    )
    bindings = folder / "bindings.rs"
    script = f'fn main() {{\n    println!("cargo:rustc-env=BINDINGS={bindings}");\n}}\n'
    macro = f'wit_bindgen::generate!({{ path: "test.wit", world: "{member.world}" }});\n'
    write_if_changed(folder / "Cargo.toml", manifest)
    write_if_changed(folder / "build.rs", script)
    write_if_changed(bindings, macro)
    for name, text in rust_test(run.test.on(run.release)).items():
        write_if_changed(folder / name, text)


@dataclass(frozen=True)
class Part:
    """A component of a test, the interfaces that it imports from earlier parts, and its exports."""

    binary: bytes
    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()


def parts_of(test: bytes, runner: bytes, leaf: bytes | None) -> list[Part]:
    """Arrange the components of a test as `test.wit` connects them."""
    if leaf is None:
        return [Part(test, (), (INTERFACE,)), Part(runner, (INTERFACE,))]
    return [
        Part(leaf, (), (CALLS, CONTROL)),
        Part(test, (CALLS,), (INTERFACE,)),
        Part(runner, (INTERFACE, CONTROL)),
    ]


def compose(parts: Sequence[Part]) -> bytes:
    """Compose the parts to one component, which exports the `run` of the last part.

    The format is in `WebAssembly/component-model`, `design/mvp/Binary.md`.
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


def run_component(package: Any, component: bytes) -> str:
    """Call `run` of a component, and describe what the user of Wasmtime sees."""
    engine = async_engine(package, consume_fuel=True)
    loaded = package.component.Component(engine, component)
    store = package.Store(engine)
    store.set_fuel(FUEL)
    instance = package.component.Linker(engine).instantiate(store, loaded)
    function = instance.get_func(store, loaded.get_export_index("run"))
    called = call_async(package, store, function, range(TURNS))
    if called.error is not None:
        return describe_error(called.error)
    return "returns" if called.returned else "never returns"


def describe_error(text: str) -> str:
    """Return the reason of a trap, or the function of the runtime that panics."""
    reason = reason_of(text)
    if "unreachable" not in reason:
        return f"traps: {reason}"
    # the first frame outside the standard library is the one that panics
    frames = [line.partition("!")[2] for line in text.splitlines() if "!" in line]
    own = [plain_frame(f) for f in frames if not re.match(r"<?&?(std|core|alloc|__rust|rust_)", f)]
    if own and own[0].startswith("wit_bindgen::rt::async_support::"):
        return f"panics in `{own[0].removeprefix('wit_bindgen::rt::async_support::')}`"
    crate, _, function = own[0].partition("::") if own else ("", "", "")
    if function in CHECKS:
        return CHECKS[function]
    return f"fails an assertion of the {'runner' if crate.endswith('runner') else 'test'}"


def plain_frame(frame: str) -> str:
    """Strip hashes, generic arguments and closures from the path of a function."""
    frame = re.sub(r"\[[0-9a-f]+\]|::\{[^}]*\}", "", frame)
    # `<Type<Argument> as Trait>::method::<Argument>`, or a path
    method = re.match(r"<&?([\w:]+).*?>::(\w+)(::<.*)?$", frame)
    if method is not None:
        return f"{method[1]}::{method[2]}"
    return frame.partition("::<")[0]
