"""The trace of a finding: the shortest one that `check` finds, or the script of the finding."""

from __future__ import annotations

import copy
import functools
from typing import Any

from wakeproof.bundled import SCENARIOS
from wakeproof.check.job import Job, run_job
from wakeproof.check.replay import replay_one
from wakeproof.check.verdict import Verdict
from wakeproof.errors import InputError
from wakeproof.execution.trace_text import for_ever
from wakeproof.findings.registry import FINDINGS, Finding
from wakeproof.language.model import BUNDLED
from wakeproof.language.primitives import GuardFailed
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.mixes import ROLES, mix_name
from wakeproof.scenario.script import parse_step


def result_of(finding: Finding) -> dict[str, Any]:
    """Return the violation as an entry of a results file, without what depends on the machine.

    Raises `InputError` if the verdict has changed or the script cannot be followed.
    """
    violation = _by_script(finding) if finding.script else _by_check(finding)
    instance = finding.instance()
    expected = instance.scenario.expected(finding.property, instance.mix, instance.features)
    return {
        "scenario": finding.scenario,
        "mix": finding.roles(),
        "property": finding.property,
        "verdict": "violated",
        "expected": "violated",
        "reason": expected.reason,
        "as_expected": True,
        "states": 0,
        "transitions": 0,
        "depth": len(violation["trace"]),
        "seconds": 0.0,
        "limit": "",
        "violations": [violation],
    }


def _by_check(finding: Finding) -> dict[str, Any]:
    """Return the violation that exploring the scenario finds."""
    for verdict in _verdicts(finding.scenario, finding.mix):
        for violation in verdict.violations:
            if verdict.property == finding.property and violation["site"] == finding.site:
                # the verdicts are cached: a caller may change what it gets
                return copy.deepcopy(dict(violation))
    where = f"{finding.scenario} {mix_name(finding.roles())}"
    raise InputError(
        f"{where} does not violate {finding.property} {finding.site}",
        where=f"{FINDINGS}: {finding.name}",
        hint="the verdict has changed: take the finding out, or name another mix",
    )


@functools.cache
def _verdicts(scenario: str, mix: tuple[str, ...]) -> list[Verdict]:
    """Return the verdicts of a scenario in a mix; several findings share them."""
    roles = tuple(zip(ROLES, mix, strict=True))
    return run_job(Job(read_scenario(SCENARIOS / f"{scenario}.toml"), BUNDLED, roles, None, None))


def _by_script(finding: Finding) -> dict[str, Any]:
    """Return the violation at the end of the finding's script."""
    instance, where = finding.instance(), f"{FINDINGS}: {finding.name}"
    program = instance.resolved.program
    steps = [parse_step(instance.scenario, program, line, where) for line in finding.script]
    try:
        rows, wrong = instance.tracer().trace(steps)
    except GuardFailed:
        raise InputError("a step of the script is not possible", where=where) from None
    if (wrong.site if wrong else "") != finding.site:
        raise InputError(f"the script does not end at {finding.site}", where=where)
    says = BUNDLED.properties[finding.property].says
    message = "" if finding.site else f"the property: {says}"
    violation: dict[str, Any] = {"site": finding.site, "message": message, "trace": rows}
    if finding.loop is not None:
        violation["loop"] = finding.loop
        violation["message"] += for_ever(finding.loop, len(rows))
        if why := replay_one(instance, finding.property, violation):
            raise InputError(f"the script is not a run for ever: {why}", where=where)
    return violation
