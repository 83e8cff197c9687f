"""Violations that are saved in `reports/findings`, ready to be exported."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wakeproof.execution.trace import StepRow
from wakeproof.language.model import BUNDLED
from wakeproof.scenario.instance import Instance, scenario_for

SAVED = Path(__file__).parents[2] / "reports" / "findings"


@dataclass(frozen=True)
class SavedViolation:
    """An instance, and an entry of a results file whose only violation is of this instance."""

    instance: Instance
    result: dict[str, Any]

    @property
    def violation(self) -> dict[str, Any]:
        found: dict[str, Any] = self.result["violations"][0]
        return found

    @property
    def trace(self) -> list[StepRow]:
        rows: list[StepRow] = self.violation["trace"]
        return rows


@functools.cache
def saved(finding: str) -> SavedViolation:
    """Read the trace of a finding."""
    text = (SAVED / finding / "trace.json").read_text("utf-8")
    result = json.loads(text)["results"][0]
    scenario = scenario_for(BUNDLED, result["scenario"])
    return SavedViolation(Instance(scenario, result["mix"], BUNDLED), result)
