"""Helpers that several test modules share: bundled scenarios, verdicts, the command, outcomes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeGuard

import pytest

from wakeproof.bundled import MODEL, SCENARIOS
from wakeproof.check.job import Job, run_job
from wakeproof.check.verdict import Verdict
from wakeproof.conform.guest.driver import build_driver
from wakeproof.errors import InputError
from wakeproof.execution.machine import Machine
from wakeproof.explore.result import Exploration
from wakeproof.language.model import BUNDLED, Model
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.values import Snapshot, Step
from wakeproof.scenario.file import Scenario, bundled_scenarios, read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import ROLES, Mix

ALL = [path.stem for path in bundled_scenarios()]
"""The names of the bundled scenarios."""

Alter = Callable[[str, str, str], Path]
"""Copies the model with one piece of a file's text replaced: the file, the old text, the new."""

Called = Callable[..., tuple[int, str, str]]
"""Runs a command in this process; returns its status, what it prints, and its messages."""

Outcome = Snapshot | tuple[str, str] | None
"""The outcome of a step in plain Python: a state, (kind, site), or None if it is not enabled."""


# --- scenarios and mixes --------------------------------------------------------------------------


def bundled(name: str) -> Scenario:
    """Read a bundled scenario."""
    return read_scenario(SCENARIOS / f"{name}.toml")


def mix_of(name: str) -> Mix:
    """Return the mix `export/block_on/import`."""
    return dict(zip(ROLES, name.split("/"), strict=True))


def instance(scenario: str, mix: str = "v2/v2/v2", model: Model = BUNDLED) -> Instance:
    """Return a bundled scenario in the mix `export/block_on/import`."""
    return Instance(bundled(scenario), mix_of(mix), model)


def a_mix_of(scenario: str) -> str:
    """Return one of a scenario's mixes, at another place of the list for every scenario."""
    mixes = bundled(scenario).mixes({})
    return "/".join(mixes[ALL.index(scenario) * 3 % len(mixes)].values())


# --- verdicts -------------------------------------------------------------------------------------


def check(
    scenario: str,
    mix: str,
    model: Path = MODEL,
    explorer: str = "plain",
    max_states: int = 200_000,
    symmetry: bool = False,
) -> dict[str, Verdict]:
    """Check a bundled scenario in the mix `export/block_on/import`; return verdicts by property."""
    job = Job(
        bundled(scenario),
        Model(model),
        tuple(mix_of(mix).items()),
        max_states,
        120.0,
        explorer=explorer,
        symmetry=symmetry,
    )
    return {v.property: v for v in run_job(job)}


def sites(verdict: Verdict) -> set[str]:
    """Return the sites at which a property is violated."""
    return {row["site"] for row in verdict.violations if row["site"]}


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "wakeproof", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def needs_cargo() -> None:
    """Skip the test if the driver cannot be built; in CI, fail."""
    try:
        build_driver(())
    except InputError as error:
        if os.environ.get("WAKEPROOF_NEEDS_GUEST"):
            raise
        pytest.skip(f"nothing is built: {error.what}")


# --- steps and traces -----------------------------------------------------------------------------


def take(machine: Machine, state: Snapshot, step: Step) -> Outcome:
    """Take a step from a state in plain Python; return its outcome."""
    machine.load(state)
    try:
        machine.namespace[step.action](*step.arguments)
    except GuardFailed:
        return None
    except WentWrong as wrong:
        return wrong.kind, wrong.site
    return machine.save()


def is_state(outcome: Outcome) -> TypeGuard[Snapshot]:
    """Return whether an outcome is a state, which has more than two scalars."""
    return outcome is not None and len(outcome) > 2


def lengths(found: Exploration) -> dict[tuple[str, str], int]:
    """Return the length of the trace to each violation."""
    return {key: len(violation.steps) for key, violation in found.violations.items()}


def assert_traces_happen(machine: Machine, found: Exploration) -> None:
    """Assert that every trace leads to its violation in plain Python."""
    for (key, site), violation in found.violations.items():
        machine.load(machine.initial())
        for step in violation.steps[: -1 if site else None]:
            machine.namespace[step.action](*step.arguments)
        if site:
            last = violation.steps[-1]
            with pytest.raises(WentWrong) as wrong:
                machine.namespace[last.action](*last.arguments)
            assert (wrong.value.kind, wrong.value.site) == (key, site)
        else:
            assert not machine.invariants[key]()
