"""The scripted program as a component on Wasmtime: `conformance/component/walk.wat`, built here.

The core module is `conformance/guest` for WebAssembly; the component around it is a template.
Whoever runs a `Walk` answers what its parts ask (`Party`).
"""

from __future__ import annotations

import ctypes
import fcntl
import functools
import hashlib
import importlib
import importlib.metadata
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import jinja2

from wakeproof.bundled import ROOT
from wakeproof.conform_host import load_wasmtime
from wakeproof.errors import InputError
from wakeproof.guest import HINT, cargo_environment, unpacked
from wakeproof.rust_components import TARGET, build_flags, target_folder

TEMPLATE = ROOT / "conformance" / "component"
MODULE = "wakeproof_component.wasm"
# how many exports for tasks there are, and how many calls of imports may be under way
TASKS, CALLEES = 6, 4
FUEL: Final = 2_000_000_000
UNLIMITED: Final = 1 << 62
# a walk that has not ended by then never will
PATIENCE: Final = 60.0
OUT_OF_FUEL = "all fuel consumed"
EMPTY_MODULE = b"\x01\x08\x00asm\x01\x00\x00\x00"


@dataclass(frozen=True)
class Builtin:
    """A builtin that the observer says: under which import the core module has it.

    `takes` counts parameters (all `i32`), `tells` are the places of those that are said; `gives` is
    `i32`, `i64`, `event` (an `i32`, and two more in memory) or empty.
    """

    number: int
    name: str
    module: str
    field: str
    takes: int
    tells: tuple[int, ...]
    gives: str
    canon: str

    @property
    def result(self) -> str:
        """The core type of the result; empty for none."""
        return "i32" if self.gives == "event" else self.gives


def _builtins() -> list[Builtin]:
    """Every builtin, in the order of their numbers."""
    memory = "(memory $linear)"
    root = "$root"
    rows: list[tuple[str, str, str, int, tuple[int, ...], str, str]] = [
        ("waitable-set.new", root, "[waitable-set-new]", 0, (), "i32", "waitable-set.new"),
        ("waitable-set.drop", root, "[waitable-set-drop]", 1, (0,), "", "waitable-set.drop"),
        *(
            (f"waitable-set.{verb}", root, f"[waitable-set-{verb}]", 2, (0,), "event",
             f"waitable-set.{verb} {memory}")
            for verb in ("wait", "poll")
        ),
        ("waitable.join", root, "[waitable-join]", 2, (0, 1), "", "waitable.join"),
        ("context.get", root, "[context-get-0]", 0, (), "i32", "context.get i32 0"),
        ("context.set", root, "[context-set-0]", 1, (0,), "", "context.set i32 0"),
        ("subtask.cancel", root, "[subtask-cancel]", 1, (0,), "i32", "subtask.cancel"),
        ("subtask.drop", root, "[subtask-drop]", 1, (0,), "", "subtask.drop"),
        ("task.cancel", "[export]$root", "[task-cancel]", 0, (), "", "task.cancel"),
        ("task.return", "wakeproof", "task.return", 0, (), "", "task.return"),
        ("call-import", "wakeproof", "call-import", 0, (), "i32", ""),
    ]  # fmt: skip
    for kind, type_, module in (
        ("stream", "$unit", root),
        ("stream", "$stream", "wakeproof"),
        ("future", "$future", "wakeproof"),
    ):
        for verb in ("new", "read", "write", "cancel-read", "cancel-write", "drop-readable",
                     "drop-writable"):  # fmt: skip
            field = f"{kind}.{verb}"
            copies = verb in ("read", "write")
            if module == root:
                field = f"[{'async-lower][' if copies else ''}{kind}-{verb}-unit]"
            takes = 0 if verb == "new" else 1 if not copies else 2 + (kind == "stream")
            tells = (0, 2)[: 1 + (kind == "stream")] if copies else tuple(range(takes))
            gives = "i64" if verb == "new" else "" if "drop" in verb else "i32"
            canon = f"{kind}.{verb} {type_}" + (f" async {memory}" if copies else "")
            rows.append((f"{kind}.{verb}", module, field, takes, tells, gives, canon))
    return [Builtin(number, *row) for number, row in enumerate(rows)]


BUILTINS = _builtins()


class Party(Protocol):
    """What the parts of a walk ask and say; raising an exception ends the walk."""

    def tell(self, line: str) -> None:
        """The guest says something."""

    def ask(self, line: str) -> str:
        """The guest says something, and wants an answer."""

    def called(self, builtin: Builtin, arguments: tuple[int, ...]) -> None:
        """The guest calls a builtin."""

    def gave(self, builtin: Builtin, values: tuple[int, int, int]) -> None:
        """A builtin came back."""

    def callee(self) -> int:
        """Which callee a call is for; plus 256: it may not start yet."""

    def started(self, callee: int) -> bool:
        """A callee starts: whether it returns at once."""

    def resumed(self, callee: int, event: int) -> bool:
        """A callee is called back, to end: whether it returns, and does not acknowledge."""

    def next(self) -> int:
        """The caller's next command."""

    def saw(self, what: int, task: int, value: int) -> None:
        """What the caller sees: 0 of a call, 1 as an event, 2 of a cancellation."""


@functools.cache
def build_core(features: tuple[str, ...]) -> Path:
    """Build the core module with these features of the releases; the path of it.

    Raises `InputError` if cargo, the crates or the target are missing.
    """
    flags = build_flags()
    folder, target = unpacked(), target_folder()
    command = ["cargo", "rustc", "--quiet", "--lib", "--target", TARGET, *flags]
    command += ["--target-dir", str(target), "--features", ",".join(features)]
    # the component gives the memory: the host's builtins have it before the module is there
    command += ["--", "-Clink-arg=--import-memory"]
    # without the driver's flags, which are for native code; to build takes longer than to run
    environment = cargo_environment(wasm=True) | {
        "CARGO_ENCODED_RUSTFLAGS": "",
        "CARGO_PROFILE_DEV_OPT_LEVEL": "0",
    }
    module = folder / "modules" / f"{'-'.join(features) or 'plain'}.wasm"
    module.parent.mkdir(exist_ok=True)
    with (module.parent / "lock").open("w") as lock:
        # cargo has one place for the result, whatever the features are
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            raise InputError("the component needs cargo, which is not there", hint=HINT) from None
        if done.returncode != 0:
            why = done.stderr.strip()
            raise InputError(f"the component could not be built: {why}", hint=HINT)
        shutil.copyfile(target / TARGET / "debug" / MODULE, module)
    return module


def component(module: bytes, to_binary: Callable[[str], bytes]) -> bytes:
    """The component around a core module."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE), undefined=jinja2.StrictUndefined
    )
    names = [b.name for b in BUILTINS]
    text = environment.get_template("walk.wat").render(
        builtins=BUILTINS,
        callees=range(CALLEES),
        tasks=range(1, TASKS + 1),
        call_import=names.index("call-import"),
    )
    binary = bytes(to_binary(text))
    # the first core module of the component, which is empty
    before, _, after = binary.partition(EMPTY_MODULE)
    return before + b"\x01" + _number(len(module)) + module + after


def _number(value: int) -> bytes:
    """LEB128."""
    more, rest = value & 0x7F, value >> 7
    return bytes([more | 0x80]) + _number(rest) if rest else bytes([more])


class Stopped(Exception):
    """A party wants no more of a walk."""


class Endless(Exception):
    """A walk does not stop: its fuel or its time is used up."""


@dataclass(frozen=True)
class Ended:
    """How a walk ended: `returns`, `trap` (with Wasmtime's message), or `stopped` by a party."""

    how: str
    message: str = ""


class Component:
    """The component with one build of the releases, compiled once; `walk` makes an instance."""

    def __init__(self, features: tuple[str, ...]) -> None:
        self.package = load_wasmtime()
        self.ffi: Any = importlib.import_module("wasmtime._ffi")
        config = self.package.Config()
        self.ffi.wasmtime_config_wasm_component_model_async_set(config.ptr(), True)
        # the caller cancels without waiting for the answer
        self.ffi.wasmtime_config_wasm_component_model_more_async_builtins_set(config.ptr(), True)
        config.consume_fuel = True
        # it runs once: what takes long is to compile it
        config.cranelift_opt_level = "none"
        self.engine = self.package.Engine(config)
        self.component = self._compiled(build_core(features))
        self.party: Party
        self.failed: BaseException | None = None
        self.linker = self.package.component.Linker(self.engine)
        with self.linker.root() as root:
            for name, function in self._imports().items():
                root.add_func(name, function)

    def _compiled(self, module: Path) -> Any:
        """The component with a core module, from a file beside it if it was compiled before."""
        kind = self.package.component.Component
        binary = component(module.read_bytes(), self.package.wat2wasm)
        version = importlib.metadata.version("wasmtime")
        digest = hashlib.sha256(binary + version.encode()).hexdigest()[:12]
        kept = module.with_suffix(f".{digest}")
        if kept.is_file():
            return kind.deserialize_file(self.engine, str(kept))
        compiled = kind(self.engine, binary)
        fresh = kept.with_name(f"{kept.name}.{os.getpid()}")
        fresh.write_bytes(compiled.serialize())
        fresh.replace(kept)
        return compiled

    def _imports(self) -> dict[str, Callable[..., Any]]:
        """The functions that the parts of a walk import."""

        def called(number: int, first: int, second: int) -> None:
            builtin = BUILTINS[number]
            if builtin.name.startswith("context"):
                self.party.called(builtin, (first,))
            else:
                self.party.called(builtin, (first, second)[: len(builtin.tells)])

        def gave(number: int, first: int, second: int, third: int) -> None:
            self.party.gave(BUILTINS[number], (first, second, third))

        functions: dict[str, Callable[..., Any]] = {
            "tell": lambda line: self.party.tell(line),
            "ask": lambda line: self.party.ask(line),
            "called": called,
            "gave": gave,
            "callee": lambda: self.party.callee(),
            "started": lambda callee: int(self.party.started(callee)),
            "resumed": lambda callee, event: int(self.party.resumed(callee, event)),
            "next": lambda: self.party.next(),
            "saw": lambda what, task, value: self.party.saw(what, task, value),
        }
        return {name: self._kept(function) for name, function in functions.items()}

    def _kept(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same, for Wasmtime; what it raises ends the walk."""

        def kept(_: Any, *arguments: Any) -> Any:
            try:
                if time.monotonic() > self.until:
                    raise Endless(f"it runs for more than {PATIENCE:.0f} s")
                return function(*arguments)
            except BaseException as error:
                self.failed = error
                raise

        return kept

    def walk(self, party: Party) -> Ended:
        """Run a fresh instance until it ends. Raises what the party raised, but for `Stopped`.

        Raises `Endless` if it never ends.
        """
        self.party, self.failed = party, None
        self.until = time.monotonic() + PATIENCE
        ffi = self.ffi
        store = self.package.Store(self.engine)
        store.set_fuel(UNLIMITED)
        instance = self.linker.instantiate(store, self.component)
        store.set_fuel(FUEL)
        function = instance.get_func(store, self.component.get_export_index("run"))._func
        error = ctypes.POINTER(ffi.wasmtime_error_t)()
        future = ffi.wasmtime_component_func_call_async(
            ctypes.byref(function), store._context(), None, 0, None, 0, ctypes.byref(error)
        )
        try:
            ready = False
            while not ready and time.monotonic() < self.until:
                ready = ffi.wasmtime_call_future_poll(future)
        finally:
            ffi.wasmtime_call_future_delete(future)
        message = str(self.package.WasmtimeError._from_ptr(error)) if error else ""
        if self.failed is not None and not isinstance(self.failed, Stopped):
            raise self.failed
        if self.failed is not None:
            return Ended("stopped")
        if OUT_OF_FUEL in message:
            raise Endless("its fuel is used up")
        if not message and not ready:
            raise Endless(f"it runs for more than {PATIENCE:.0f} s")
        return Ended("trap", message) if message else Ended("returns")
