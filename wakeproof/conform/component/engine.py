"""The scripted program as a component on Wasmtime: build it, and run walks in it.

The core module is `conformance/guest` for WebAssembly; the component around it is made from the
template `conformance/component/walk.wat`. During a walk it calls the functions of a `Party`.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.metadata
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import jinja2

from wakeproof.bundled import ROOT
from wakeproof.conform.component.interface import (
    BUILTINS,
    CALLEES,
    CALLERS,
    TASKS,
    Ended,
    Endless,
    Party,
    Stopped,
)
from wakeproof.crates.cargo import run_cargo, unpack_driver
from wakeproof.crates.wasm_binary import leb128
from wakeproof.crates.wasm_target import TARGET, build_flags, target_folder
from wakeproof.crates.wasmtime import async_engine, call_async, load_wasmtime
from wakeproof.util.cache_folder import read_entry, write_entry
from wakeproof.util.files import write_whole

TEMPLATE = ROOT / "conformance" / "component"
MODULE = "wakeproof_component.wasm"

# fuel of a walk; it does not count for making the instance
FUEL: Final = 2_000_000_000
UNLIMITED: Final = 1 << 62
# seconds until a walk that still runs counts as endless
PATIENCE: Final = 60.0
OUT_OF_FUEL = "all fuel consumed"
# the core module of the template, in whose place the real one comes
EMPTY_MODULE = b"\x01\x08\x00asm\x01\x00\x00\x00"


@functools.cache
def build_core(features: tuple[str, ...]) -> Path:
    """Build the core module with these features of the releases, and return its path.

    Raises `InputError` without cargo, the crates or the target.
    """
    flags = build_flags()
    folder, target = unpack_driver(), target_folder()
    command = ["rustc", "--quiet", "--lib", "--target", TARGET, *flags]
    command += ["--target-dir", str(target), "--features", ",".join(features)]
    # the component has the memory: the host's builtins need it before the module is instantiated
    command += ["--", "-Clink-arg=--import-memory"]
    # each thread of the instance gets a stack of its own
    command += ["-Clink-arg=--export=__stack_pointer"]
    # without the flags of the driver, which are for native code; building takes longer than running
    extra = {"CARGO_ENCODED_RUSTFLAGS": "", "CARGO_PROFILE_DEV_OPT_LEVEL": "0"}
    module = folder / "modules" / f"{'-'.join(features) or 'plain'}.wasm"
    module.parent.mkdir(exist_ok=True)
    with (module.parent / "lock").open("w") as lock:
        # cargo writes the result to one place, whatever the features are
        fcntl.flock(lock, fcntl.LOCK_EX)
        run_cargo(command, folder, "the component", wasm=True, extra=extra)
        write_whole(module, (target / TARGET / "debug" / MODULE).read_bytes())
    return module


def component_around(module: bytes, to_binary: Callable[[str], bytes]) -> bytes:
    """Return the component around a core module; `to_binary` translates its text format."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE), undefined=jinja2.StrictUndefined
    )
    names = [b.name for b in BUILTINS]
    text = environment.get_template("walk.wat").render(
        builtins=BUILTINS,
        callees=range(CALLEES),
        callers=range(CALLERS),
        tasks=range(1, TASKS + 1),
        call_import=names.index("call-import"),
    )
    binary = bytes(to_binary(text))
    before, _, after = binary.partition(EMPTY_MODULE)
    return before + b"\x01" + leb128(len(module)) + module + after


class Component:
    """The component with one build of the releases, compiled once; each walk has a new instance.

    Raises `InputError` without Wasmtime, cargo, the crates or the target.
    """

    def __init__(self, features: tuple[str, ...]) -> None:
        self.package = load_wasmtime()
        self.engine = async_engine(
            self.package,
            # the caller cancels without waiting for the answer
            more_builtins=True,
            consume_fuel=True,
            # compiling takes longer than running
            cranelift_opt_level="none",
        )
        self.component = self._compiled(build_core(features))
        self.party: Party
        self.failed: BaseException | None = None
        self.linker = self.package.component.Linker(self.engine)
        with self.linker.root() as root:
            for name, function in self._imports().items():
                root.add_func(name, function)

    def _compiled(self, module: Path) -> Any:
        """Return the compiled component, from the entry beside the core module if it is there."""
        kind = self.package.component.Component
        binary = component_around(module.read_bytes(), self.package.wat2wasm)
        version = importlib.metadata.version("wasmtime")
        digest = hashlib.sha256(binary + version.encode()).hexdigest()[:12]
        kept = module.with_suffix(f".{digest}")
        if (code := read_entry(kept)) is not None:
            return kind.deserialize(self.engine, code)
        compiled = kind(self.engine, binary)
        write_entry(kept, bytes(compiled.serialize()))
        return compiled

    def _imports(self) -> dict[str, Callable[..., Any]]:
        """Return the functions that the component imports, by name."""

        def called(number: int, first: int, second: int) -> None:
            builtin = BUILTINS[number]
            # `context.get` has no argument, and is reported with its result
            count = 1 if builtin.name.startswith("context") else len(builtin.reported)
            self.party.builtin_called(builtin, (first, second)[:count])

        def gave(number: int, first: int, second: int, third: int, handle: int) -> None:
            self.party.builtin_returned(BUILTINS[number], (first, second, third), handle)

        functions: dict[str, Callable[..., Any]] = {
            "tell": lambda line: self.party.receive(line),
            "ask": lambda line: self.party.answer(line),
            "called": called,
            "gave": gave,
            "callee": lambda: self.party.choose_callee(),
            "started": lambda callee: int(self.party.callee_started(callee)),
            "resumed": lambda callee, event: self.party.callee_resumed(callee, event),
            "next": lambda: self.party.next_command(),
            "saw": lambda what, task, value: self.party.caller_saw(what, task, value),
        }
        return {name: self._guarded(function) for name, function in functions.items()}

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a time limit; an exception in it ends the walk."""

        def guarded(_: Any, *arguments: Any) -> Any:
            try:
                if time.monotonic() > self.until:
                    raise Endless(f"it runs for more than {PATIENCE:.0f} s")
                return function(*arguments)
            except BaseException as error:
                self.failed = error
                raise

        return guarded

    def walk(self, party: Party) -> Ended:
        """Run a new instance until it ends.

        Raises what the party raises, except `Stopped`, and `Endless` if the walk does not end.
        """
        self.party, self.failed = party, None
        self.until = time.monotonic() + PATIENCE
        store = self.package.Store(self.engine)
        store.set_fuel(UNLIMITED)
        instance = self.linker.instantiate(store, self.component)
        store.set_fuel(FUEL)
        function = instance.get_func(store, self.component.get_export_index("run"))
        in_time = iter(lambda: time.monotonic() < self.until, False)
        called = call_async(self.package, store, function, in_time)
        message = called.error or ""
        if self.failed is not None and not isinstance(self.failed, Stopped):
            raise self.failed
        if self.failed is not None:
            return Ended("stopped")
        if OUT_OF_FUEL in message:
            raise Endless("its fuel is used up")
        if not message and not called.returned:
            raise Endless(f"it runs for more than {PATIENCE:.0f} s")
        return Ended("trap", message) if message else Ended("returns")
