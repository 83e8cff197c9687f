"""Run a `.wast` file on Wasmtime, assertion by assertion.

Every instance has a store of its own, which its calls share: what a trap leaves behind is seen by
later calls of that instance only.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wakeproof.conform.spec.script import (
    Assertion,
    Case,
    Component,
    Fields,
    Instantiation,
    Invoke,
    Script,
    Unknown,
    Value,
)
from wakeproof.crates.wasmtime import (
    async_engine,
    call_with_values,
    load_wasmtime,
    reason_of,
    wasmtime_name,
)

# how often the event loop turns before a call counts as one that never returns
TURNS = 20_000
# fuel of a call and of an instantiation: some seconds, after which the code counts as endless
FUEL = 2_000_000_000


class Failed(Exception):
    """A component could not be made, or a call failed; the message is Wasmtime's."""


@dataclass(frozen=True)
class Live:
    """An instance and its store."""

    store: Any
    instance: Any


class WasmtimeScripts:
    """An engine that runs scripts. Raises `InputError` if Wasmtime is not installed."""

    def __init__(self) -> None:
        self.package = load_wasmtime()
        self.name = wasmtime_name()
        self.engine = async_engine(
            self.package, more_builtins=True, stackful=True, consume_fuel=True
        )

    def run(self, script: Script) -> list[str]:
        """Return for each assertion of a script why it does not hold, empty if it does."""
        return list(ScriptRun(self).run(script))


class ScriptRun:
    """The definitions and instances of one script so far.

    `broken` is the reason why the last instance could not be made; it fails all calls of it.
    """

    def __init__(self, engine: WasmtimeScripts) -> None:
        self.package = engine.package
        self.engine = engine.engine
        self.linker = self.package.component.Linker(self.engine)
        self.definitions: dict[str, Any] = {}
        self.broken_definitions: dict[str, str] = {}
        self.instances: dict[str, Live] = {}
        self.last: Live | None = None
        self.broken = "no component was instantiated"

    def run(self, script: Script) -> Iterator[str]:
        """Yield for each assertion why it does not hold, empty if it does."""
        for directive in script.directives:
            match directive:
                case Assertion():
                    yield self.check(directive)
                case Unknown() if directive.asserts:
                    yield directive.reason
                case Unknown():
                    self.forget(directive.reason)
                case Component() if directive.definition:
                    self.define(directive)
                case Component() | Instantiation():
                    self.instantiate(directive)
                case Invoke():
                    self.prepare(directive)

    def define(self, component: Component) -> None:
        """Keep a definition, or why it could not be made."""
        try:
            self.definitions[component.name] = self.compile(component)
        except Failed as failed:
            self.broken_definitions[component.name] = str(failed)

    def instantiate(self, what: Component | Instantiation) -> None:
        """Make the instance that later calls refer to."""
        try:
            if isinstance(what, Component):
                made = self.compile(what)
            elif what.definition in self.definitions:
                made = self.definitions[what.definition]
            else:
                unknown = f"no definition {what.definition}"
                raise Failed(self.broken_definitions.get(what.definition, unknown))
            self.last = self.start(made)
        except Failed as failed:
            self.instances.pop(what.name, None)
            self.forget(str(failed))
            return
        if what.name:
            self.instances[what.name] = self.last

    def forget(self, reason: str) -> None:
        """Have calls of the last instance fail with a reason."""
        self.last, self.broken = None, reason

    def prepare(self, invoke: Invoke) -> None:
        """Make a call that nothing is asserted of; if it fails, so do later calls."""
        try:
            self.call(invoke)
        except Failed as failed:
            self.forget(str(failed))

    def compile(self, component: Component) -> Any:
        """Compile a component. Raises `Failed`."""
        try:
            return self.package.component.Component(self.engine, component.source)
        except self.package.WasmtimeError as error:
            raise Failed(str(error)) from None

    def start(self, component: Any) -> Live:
        """Instantiate in a new store. Raises `Failed`."""
        store = self.package.Store(self.engine)
        store.set_fuel(FUEL)
        try:
            return Live(store, self.linker.instantiate(store, component))
        except (self.package.WasmtimeError, self.package.Trap) as error:
            raise Failed(str(error)) from None

    def check(self, assertion: Assertion) -> str:
        """Return why an assertion does not hold, empty if it does."""
        subject, returns = assertion.subject, assertion.kind == "assert_return"
        try:
            if isinstance(subject, Invoke):
                got, wanted = self.call(subject, assertion.results)
            else:
                got = wanted = self.compile(subject)
                if assertion.kind == "assert_trap":
                    self.start(got)
        except Failed as failed:
            message = str(failed)
            as_it_must = not returns and assertion.message in message
            return "" if as_it_must else reason_of(message)
        if not returns:
            return "nothing failed"
        return "" if got == wanted else f"the result is {got}, not {wanted}"

    def call(self, invoke: Invoke, results: tuple[Value, ...] = ()) -> tuple[Any, Any]:
        """Call a function. Returns its result and the wanted one, as the package has them.

        Raises `Failed`.
        """
        live = self.instances.get(invoke.instance) if invoke.instance else self.last
        if live is None:
            raise Failed(self.broken)
        index = live.instance.get_export_index(live.store, invoke.function)
        function = None if index is None else live.instance.get_func(live.store, index)
        if function is None:
            raise Failed(f"no function {invoke.function}")
        kind, ffi = function.type(live.store), self.package._ffi
        if len(kind.params) != len(invoke.arguments) or len(results) > 1:
            raise Failed("the number of arguments or results is wrong")
        if kind.result is None and results:
            raise Failed(f"{invoke.function} has no result")
        wanted = [self.converted(kind.result, value) for value in results]
        values = (ffi.wasmtime_component_val_t * len(kind.params))()
        try:
            for slot, (_, of), value in zip(values, kind.params, invoke.arguments, strict=True):
                self.converted(of, value, live.store, slot)
            got = self.result_of(live, function, kind, values)
        finally:
            for slot in values:
                ffi.wasmtime_component_val_delete(ctypes.byref(slot))
        return got, wanted[0] if wanted else got

    def result_of(self, live: Live, function: Any, kind: Any, values: Any) -> Any:
        """Call a function; return its result, None if it has none. Raises `Failed`."""
        live.store.set_fuel(FUEL)
        space = None if kind.result is None else self.package._ffi.wasmtime_component_val_t()
        called = call_with_values(self.package, live.store, function, range(TURNS), values, space)
        if called.error is not None:
            raise Failed(called.error)
        if not called.returned:
            raise Failed("the call never returns")
        return None if kind.result is None else kind.result.convert_from_c(space)

    def converted(self, kind: Any, value: Value, store: Any = None, slot: Any = None) -> Any:
        """Return a value as the package has it, and write it into a slot if one is given.

        Raises `Failed`.
        """
        try:
            given = to_python(self.package, kind, value)
            if slot is not None:
                kind.convert_to_c(store, given, ctypes.pointer(slot))
        except (TypeError, ValueError, LookupError, NotImplementedError) as error:
            raise Failed(f"a value of another type: {error}") from None
        return given


def to_python(package: Any, kind: Any, value: Value | None) -> Any:
    """Return a value as the package's type `kind` takes it.

    Raises `LookupError` or `ValueError` if it is not of that type.
    """
    types = package.component
    match value:
        case list() if isinstance(kind, types.TupleType):
            pairs = zip(kind.elements, value, strict=True)
            return tuple(to_python(package, inner, item) for inner, item in pairs)
        case list() if isinstance(kind, types.ListType):
            return [to_python(package, kind.element, item) for item in value]
        case Fields() if isinstance(kind, types.RecordType):
            record = types.Record()
            for name, inner in kind.fields:
                setattr(record, name, to_python(package, inner, value.values[name]))
            return record
        case Case() if isinstance(kind, types.EnumType):
            return value.name
        case Case() if isinstance(kind, types.VariantType):
            inner = dict(kind.cases)[value.name]
            payload = None if inner is None else to_python(package, inner, value.payload)
            return types.Variant(value.name, payload) if kind._tagged() else payload
        case list() | Fields() | Case():
            raise ValueError(f"not of the type {type(kind).__name__}")
    return value
