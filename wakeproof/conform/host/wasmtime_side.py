"""The builtins on Wasmtime, called through the exports of a component: `conformance/host`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wakeproof.bundled import ROOT
from wakeproof.conform.host.builtins import BUILTINS, WAITS, Outcome
from wakeproof.crates.wasmtime import (
    async_engine,
    call_async,
    load_wasmtime,
    reason_of,
    wasmtime_name,
)
from wakeproof.errors import InputError

COMPONENT = ROOT / "conformance" / "host" / "host.wat"
# the types of the items of streams and futures; the empty one is for none
PAYLOADS = ("u8", "", "u32", "s64", "f32")
# how often the event loop turns before a call counts as blocked
TURNS = 100
# the bit that an answer of the driver's export `turn` has if the call that waits is over
OVER = 1 << 63


class WasmtimeHost:
    """The component, compiled once for each item type.

    Raises `InputError` if Wasmtime is not installed.
    """

    def __init__(self) -> None:
        self.package = load_wasmtime()
        self.engine = async_engine(self.package, more_builtins=True, stackful=True)
        self.linker = self.package.component.Linker(self.engine)
        self.name = wasmtime_name()
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
            driver = component.get_export_index("driver")
            indexes = {
                name: component.get_export_index(builtin.export, driver if builtin.waits else guest)
                for name, builtin in BUILTINS.items()
            }
            indexes["turn"] = component.get_export_index("turn", driver)
            self.components[payload] = component, indexes

    def fresh(self, payload: str) -> WasmtimeInstance:
        """Make an instance in a store of its own, so that no trap affects a later sequence."""
        return WasmtimeInstance(self, *self.components[payload])


class WasmtimeInstance:
    """One instance of the component, with the exports that were called so far."""

    def __init__(self, engine: WasmtimeHost, component: Any, indexes: dict[str, Any]) -> None:
        self.engine = engine
        self.indexes = indexes
        self.store = engine.package.Store(engine.engine)
        self.instance = engine.linker.instantiate(self.store, component)
        self.functions: dict[str, Any] = {}
        self.value = engine.package._ffi.wasmtime_component_val_t()
        self.waiting = False

    def call(self, name: str, arguments: Sequence[int]) -> Outcome:
        """Call a builtin, and let the call that waits go on. The event loop runs only meanwhile."""
        builtin = BUILTINS[name]
        wide = builtin.waits or builtin.gives in ("ends", "event")
        outcome = self._export(name, arguments, bool(builtin.gives), wide)
        if outcome.trap or not (self.waiting or builtin.waits):
            return outcome
        if builtin.waits:
            self.waiting = outcome.value == WAITS
            return outcome
        turn = self._export("turn", (), True, True)
        if turn.trap or not turn.value:
            return Outcome(outcome.value, turn.trap)
        self.waiting = False
        return Outcome(outcome.value, after=turn.value ^ OVER)

    def _export(self, name: str, arguments: Sequence[int], has_result: bool, wide: bool) -> Outcome:
        """Call an export, whose result is of 64 bits if it is `wide`."""
        function = self.functions.get(name)
        if function is None:
            function = self.instance.get_func(self.store, self.indexes[name])
            self.functions[name] = function
        result = self.value if has_result else None
        called = call_async(
            self.engine.package, self.store, function, range(TURNS), arguments, result
        )
        if called.error is not None:
            return Outcome(trap=reason_of(called.error))
        if not called.returned:
            return Outcome(trap="the call blocks")
        if not has_result:
            return Outcome()
        return Outcome(self.value.of.u64 if wide else self.value.of.u32)
