"""Wasmtime: engines that run async components, calls of their exports, and messages of traps.

The Python package has no asynchronous call, so these functions use its bindings of the C API. The
event loop of a component runs only while the future of such a call is polled.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from wakeproof.errors import InputError

HINT = "pip install 'wasmtime==50.*'"
# the functions of the C API without which a release of the package is of no use
NEEDED = (
    "wasmtime_config_wasm_component_model_async_set",
    "wasmtime_config_wasm_component_model_more_async_builtins_set",
    "wasmtime_component_func_call_async",
)


@dataclass(frozen=True)
class Called:
    """How a call ended: whether it returned, and Wasmtime's message if it failed."""

    returned: bool
    error: str | None = None


def load_wasmtime() -> Any:
    """Import the package and its bindings.

    Raises `InputError` if it is not installed, or is a release without asynchronous calls.
    """
    try:
        package: Any = importlib.import_module("wasmtime")
        importlib.import_module("wasmtime.component")
        bindings = importlib.import_module("wasmtime._ffi")
        for name in NEEDED:
            getattr(bindings, name)
    except ImportError:
        raise InputError("the package wasmtime is not installed", hint=HINT) from None
    except AttributeError as error:
        raise InputError(
            f"this release of the package wasmtime cannot be driven: {error}", hint=HINT
        ) from None
    return package


def wasmtime_name() -> str:
    """Return the name of the installed release, such as `Wasmtime 50.0.1`."""
    return f"Wasmtime {importlib.metadata.version('wasmtime')}"


def async_engine(
    package: Any, more_builtins: bool = False, stackful: bool = False, **settings: Any
) -> Any:
    """Make an engine that runs async components.

    With `more_builtins` these may cancel without waiting for the answer, with `stackful` they may
    lift async functions without a callback. `settings` are attributes of `wasmtime.Config`.
    """
    config = package.Config()
    ffi = package._ffi
    ffi.wasmtime_config_wasm_component_model_async_set(config.ptr(), True)
    if more_builtins:
        ffi.wasmtime_config_wasm_component_model_more_async_builtins_set(config.ptr(), True)
    if stackful:
        ffi.wasmtime_config_wasm_component_model_async_stackful_set(config.ptr(), True)
    for name, value in settings.items():
        setattr(config, name, value)
    return package.Engine(config)


def call_async(
    package: Any,
    store: Any,
    function: Any,
    turns: Iterable[object],
    arguments: Sequence[int] = (),
    result: Any = None,
) -> Called:
    """Call a function of a component; poll the call once for each of `turns`, until it returns.

    `arguments` are passed as `u32`. `result` is a `wasmtime_component_val_t` that receives the only
    result of the function, None for a function without one.
    """
    ffi = package._ffi
    values = (ffi.wasmtime_component_val_t * len(arguments))()
    for slot, argument in zip(values, arguments, strict=True):
        slot.kind = ffi.WASMTIME_COMPONENT_U32.value
        slot.of.u32 = argument
    return call_with_values(package, store, function, turns, values, result)


def call_with_values(
    package: Any, store: Any, function: Any, turns: Iterable[object], values: Any, result: Any
) -> Called:
    """Call as `call_async` does, with an array of `wasmtime_component_val_t` as the arguments."""
    ffi = package._ffi
    error = ctypes.POINTER(ffi.wasmtime_error_t)()
    future = ffi.wasmtime_component_func_call_async(
        ctypes.byref(function._func),
        store._context(),
        values,
        len(values),
        None if result is None else ctypes.byref(result),
        int(result is not None),
        ctypes.byref(error),
    )
    try:
        returned = any(ffi.wasmtime_call_future_poll(future) for _ in turns)
    finally:
        ffi.wasmtime_call_future_delete(future)
    return Called(returned, str(package.WasmtimeError._from_ptr(error)) if error else None)


def reason_of(message: str) -> str:
    """Shorten the message of an error to its cause: without the stack of the guest."""
    text = message.partition("Caused by:\n")[2] or message
    lines = text.strip().splitlines() or ["an error without a message"]
    return re.sub(r"^\d+: ", "", lines[0].strip()).removeprefix("wasm trap: ")
