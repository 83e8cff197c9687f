"""Wakeproof: a model checker and simulator for the wasip3 async task C ABI.

A scenario is checked in one mix of versions; what is violated has a trace:

>>> import wakeproof
>>> verdicts = wakeproof.check_scenario("issue-1618", mix="v2/v1/v2")
>>> [verdict.property for verdict in verdicts if verdict.verdict == "violated"]
['no-stale-callback', 'map-mirrors-set', 'one-home', 'no-panic']

The names in `__all__` are the public API; they are loaded when they are first used. Every other
name of the package is private and may change in any release.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wakeproof.api.functions import (
        check_scenario,
        export_trace,
        load_model,
        load_scenario,
        prove_properties,
        replay,
        simulate,
    )
    from wakeproof.api.results import Proof, Trace, Verdict, Violation
    from wakeproof.errors import InputError
    from wakeproof.language.model import Model
    from wakeproof.scenario.file import Scenario

__version__ = "0.1.0"

# none of these may be the name of a module of the package: its import would hide the name here
__all__ = [
    "InputError",
    "Model",
    "Proof",
    "Scenario",
    "Trace",
    "Verdict",
    "Violation",
    "check_scenario",
    "export_trace",
    "load_model",
    "load_scenario",
    "prove_properties",
    "replay",
    "simulate",
]

# where the names are looked for, in this order
_MODULES = ("api.functions", "api.results", "errors", "language.model", "scenario.file")


if not TYPE_CHECKING:
    # a type checker would take any name for a public one
    def __getattr__(name: str) -> Any:
        """Load a public name when it is first used."""
        for module in _MODULES if name in __all__ else ():
            names = vars(importlib.import_module(f"wakeproof.{module}"))
            if name in names:
                globals()[name] = names[name]
                return names[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The names that are there, and the public ones that are not loaded yet."""
    return sorted({*globals(), *__all__})
