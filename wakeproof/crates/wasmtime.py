"""Load Wasmtime; its engine, its calls, and the message of a trap."""

from __future__ import annotations

import importlib.metadata
import re
from typing import Any

from wakeproof.errors import InputError


def load_wasmtime() -> Any:
    """The package, with its bindings."""
    try:
        package: Any = importlib.import_module("wasmtime")
        importlib.import_module("wasmtime.component")
        bindings: Any = importlib.import_module("wasmtime._ffi")
        bindings.wasmtime_config_wasm_component_model_async_set  # noqa: B018
        bindings.wasmtime_config_wasm_component_model_more_async_builtins_set  # noqa: B018
        bindings.wasmtime_component_func_call_async  # noqa: B018
    except ImportError:
        raise InputError(
            "the package wasmtime is not installed", hint="pip install 'wasmtime==50.*'"
        ) from None
    except AttributeError as error:
        raise InputError(
            f"this release of the package wasmtime cannot be driven: {error}",
            hint="pip install 'wasmtime==50.*'",
        ) from None
    return package


def reason_of(message: str) -> str:
    """Why Wasmtime stopped, without the guest's stack."""
    text = message.partition("Caused by:\n")[2] or message
    line = text.strip().splitlines()[0] if text.strip() else ""
    return re.sub(r"^\d+: ", "", line.strip()).removeprefix("wasm trap: ")
