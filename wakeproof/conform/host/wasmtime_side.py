"""The builtins on Wasmtime: a small component, called through its exports."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from typing import Any

from wakeproof.bundled import ROOT
from wakeproof.conform.host.builtins import BUILTINS, Outcome
from wakeproof.crates.wasmtime import async_engine, call_async, load_wasmtime, reason_of
from wakeproof.errors import InputError

COMPONENT = ROOT / "conformance" / "host" / "host.wat"
PAYLOADS = ("u8", "", "u32", "s64", "f32")
# how often the event loop turns before a call counts as blocked
TURNS = 100


class Engine:
    """The component, compiled once for every item type; `fresh` makes an instance."""

    def __init__(self) -> None:
        self.package = load_wasmtime()
        self.engine = async_engine(self.package)
        self.linker = self.package.component.Linker(self.engine)
        self.name = f"Wasmtime {importlib.metadata.version('wasmtime')}"
        try:
            text = COMPONENT.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot be read: {error}", where=str(COMPONENT)) from None
        self.components: dict[str, tuple[Any, dict[str, Any]]] = {}
        for payload in PAYLOADS:
            item = f" {payload}" if payload else ""
            changed = text.replace("(stream u8)) ;; item", f"(stream{item}))")
            changed = changed.replace("(future u8)) ;; item", f"(future{item}))")
            component = self.package.component.Component(self.engine, changed)
            guest = component.get_export_index("guest")
            indexes = {
                name: component.get_export_index(builtin.export, guest)
                for name, builtin in BUILTINS.items()
            }
            self.components[payload] = component, indexes

    def fresh(self, payload: str) -> Guest:
        """A new store with a new instance: a trap leaves nothing behind."""
        return Guest(self, *self.components[payload])


class Guest:
    """One instance, and the exports that were called so far."""

    def __init__(self, engine: Engine, component: Any, indexes: dict[str, Any]) -> None:
        self.engine = engine
        self.indexes = indexes
        self.store = engine.package.Store(engine.engine)
        self.instance = engine.linker.instantiate(self.store, component)
        self.functions: dict[str, Any] = {}
        self.value = engine.package._ffi.wasmtime_component_val_t()

    def call(self, name: str, arguments: Sequence[int]) -> Outcome:
        """Call a builtin. The event loop runs while the call does, and only then."""
        function = self.functions.get(name)
        if function is None:
            function = self.instance.get_func(self.store, self.indexes[name])
            self.functions[name] = function
        gives = BUILTINS[name].gives
        result = self.value if gives else None
        called = call_async(
            self.engine.package, self.store, function, range(TURNS), arguments, result
        )
        if called.error is not None:
            return Outcome(trap=reason_of(called.error))
        if not called.returned:
            return Outcome(trap="the call blocks")
        if not gives:
            return Outcome()
        return Outcome(self.value.of.u64 if gives in ("ends", "event") else self.value.of.u32)
