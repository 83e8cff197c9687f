"""The public API: what users import from `wakeproof`, without a terminal."""

from __future__ import annotations

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
