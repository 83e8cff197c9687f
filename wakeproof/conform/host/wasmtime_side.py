"""The builtins on Wasmtime: a small component, called through its exports."""

from __future__ import annotations

import ctypes
import importlib.metadata
from collections.abc import Sequence
from typing import Any

from wakeproof.bundled import ROOT
from wakeproof.conform.host.builtins import BUILTINS, Outcome
from wakeproof.crates.wasmtime import load_wasmtime
from wakeproof.errors import InputError

COMPONENT = ROOT / "conformance" / "host" / "host.wat"
PAYLOADS = ("u8", "", "u32", "s64", "f32")


class Engine:
    """The component, compiled once for every item type; `fresh` makes an instance."""

    def __init__(self) -> None:
        self.package = load_wasmtime()
        self.ffi: Any = importlib.import_module("wasmtime._ffi")
        config = self.package.Config()
        self.ffi.wasmtime_config_wasm_component_model_async_set(config.ptr(), True)
        self.engine = self.package.Engine(config)
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
        self.context = self.store._context()
        self.instance = engine.linker.instantiate(self.store, component)
        self.functions: dict[str, Any] = {}
        self.value = engine.ffi.wasmtime_component_val_t()

    def call(self, name: str, arguments: Sequence[int]) -> Outcome:
        """Call a builtin. The event loop runs while the call does, and only then."""
        ffi = self.engine.ffi
        function = self.functions.get(name)
        if function is None:
            function = self.instance.get_func(self.store, self.indexes[name])._func
            self.functions[name] = function
        values = (ffi.wasmtime_component_val_t * len(arguments))()
        for slot, argument in zip(values, arguments, strict=True):
            slot.kind = ffi.WASMTIME_COMPONENT_U32.value
            slot.of.u32 = argument
        gives = bool(BUILTINS[name].gives)
        error = ctypes.POINTER(ffi.wasmtime_error_t)()
        future = ffi.wasmtime_component_func_call_async(
            ctypes.byref(function),
            self.context,
            values,
            len(arguments),
            ctypes.byref(self.value) if gives else None,
            int(gives),
            ctypes.byref(error),
        )
        try:
            ready = any(ffi.wasmtime_call_future_poll(future) for _ in range(100))
        finally:
            ffi.wasmtime_call_future_delete(future)
        if error:
            return Outcome(trap=self._message(error))
        if not ready:
            return Outcome(trap="the call blocks")
        if not gives:
            return Outcome()
        wide = BUILTINS[name].gives in ("ends", "event")
        return Outcome(self.value.of.u64 if wide else self.value.of.u32)

    def _message(self, error: Any) -> str:
        """The message of an error, without the guest's stack."""
        text = str(self.engine.package.WasmtimeError._from_ptr(error))
        text = text.partition("Caused by:\n")[2] or text
        return text.strip().splitlines()[0].strip().removeprefix("wasm trap: ")
