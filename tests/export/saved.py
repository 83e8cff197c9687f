"""Violations to export: those that `reports/findings` has, a lasso, one with hostile names."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wakeproof.execution.trace import StepRow
from wakeproof.export.issue import KnownViolation
from wakeproof.export.picture import picture
from wakeproof.export.rust.from_trace import program_of
from wakeproof.export.rust.program import RustTest
from wakeproof.language.model import BUNDLED
from wakeproof.language.values import Step
from wakeproof.scenario.instance import Instance, scenario_for
from wakeproof.scenario.script import parse_step, steps_of

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

    def to(self, form: str, known: KnownViolation | None = None) -> str:
        """Return the violation in a form of one file, with what is known of it."""
        known = known or KnownViolation(title=self.instance.scenario.title)
        return picture(self.instance, self.result["property"], self.violation, form, known)


@functools.cache
def saved(finding: str) -> SavedViolation:
    """Read the trace of a finding."""
    text = (SAVED / finding / "trace.json").read_text("utf-8")
    result = json.loads(text)["results"][0]
    scenario = scenario_for(BUNDLED, result["scenario"])
    return SavedViolation(Instance(scenario, result["mix"], BUNDLED), result)


@functools.cache
def lasso() -> SavedViolation:
    """Return a run that goes on for ever: its last three steps are repeated."""
    spins = ["call_export export", "block_on nested", "wake_self", "return_pending"]
    mix = dict.fromkeys(("export", "block_on", "import"), "v3")
    found = Instance(scenario_for(BUNDLED, "yield"), mix, BUNDLED)
    lines = [*spins, "resume_block_on nested"]
    return _violation(found, _steps(found, lines), "outside-not-starved", "", 2)


def scripted(scenario: str, *lines: str, violated: str = "") -> RustTest:
    """Return the program of a script, with the releases of V3."""
    mix = dict.fromkeys(("export", "block_on", "import"), "v3")
    found = Instance(scenario_for(BUNDLED, scenario), mix, BUNDLED)
    program = program_of(found, _steps(found, lines), violated)
    return RustTest("scripted", ("One.", "Two.", "Three."), program)


HOSTILE = {
    "Task": ("</script><img src=x onerror=alert(1)>", "other"),
    "Operation": ('`end`; %%{init: {}}%% #lt;\n"quoted" &amp; <br/>',),
    "Channel": ("x" * 10_000, "wakeup-of-sleeper", "wakeup-of-other"),
}
"""Names with markup, with what Mermaid reads, and with 10,000 characters."""


@functools.cache
def hostile() -> SavedViolation:
    """Return a trap in a scenario with hostile names, which a scenario file could not have."""
    kind = saved("wakeup-read-cancelled-in-set")
    steps = steps_of(kind.trace, kind.instance.resolved.program, kind.instance.names)
    found = copy.copy(kind.instance)
    found.names = {**kind.instance.names, **HOSTILE}
    found.scenario = dataclasses.replace(
        kind.instance.scenario, names=found.names, title="<b>A title</b>", story="]]> <script>"
    )
    return _violation(found, steps, kind.result["property"], kind.violation["site"])


def _steps(instance: Instance, lines: Sequence[str]) -> list[Step]:
    program = instance.resolved.program
    return [parse_step(instance.scenario, program, line, "") for line in lines]


def _violation(
    instance: Instance, steps: Sequence[Step], prop: str, site: str, loop: int | None = None
) -> SavedViolation:
    rows, _ = instance.tracer().trace(steps)
    violation: dict[str, Any] = {"site": site, "message": "", "trace": rows}
    if loop is not None:
        violation["loop"] = loop
    result = {"scenario": instance.scenario.name, "mix": instance.mix, "property": prop}
    return SavedViolation(instance, {**result, "violations": [violation]})
