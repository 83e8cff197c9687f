"""Run TLC on an exported model, and read its findings and figures.

The environment variable WAKEPROOF_TLC names TLC's jar.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from bench.process import Cost, run
from bench.spin import Decided, Found
from wakeproof.export.promela import site_name
from wakeproof.export.tla import module_name, tla
from wakeproof.export.tla_progress import tla_progress
from wakeproof.scenario.instance import Instance

STATES = re.compile(r"(\d+) states generated, (\d+) distinct states found, 0 states left")
STARTED = re.compile(r"^Starting\.\.\. \((.+)\)", re.MULTILINE)
PROGRESS = re.compile(r"^Progress\(\d+\) at (.+?): .*?([\d,]+) distinct states found", re.MULTILINE)
INVARIANT = re.compile(r"Invariant Inv_(\w+) is violated")
SITE = re.compile(r'\bwrong \|-> "(\w+) ([^"]+)"')
VIOLATED = re.compile(r"Temporal (property \w+ was|properties were) violated")
"""Releases of TLC differ: some name the property, others do not."""
HOLDS = "Model checking completed. No error has been found."

OUTCOMES = {"no_panic", "no_trap", "no_use_after_free"}
"""The invariants whose violations are read from their sites."""


def missing() -> str:
    """Return the reason why TLC cannot run here; empty if it can."""
    jar = os.environ.get("WAKEPROOF_TLC", "")
    if not jar:
        return "WAKEPROOF_TLC does not name TLC's jar"
    if not Path(jar).is_file():
        return f"WAKEPROOF_TLC: no file {jar}"
    return "" if shutil.which("java") else "java is not installed"


def tlc(
    instance: Instance,
    folder: Path,
    workers: int = 1,
    invariants: bool = True,
    most: float | None = None,
) -> Found:
    """Explore a scenario's TLA+ model; check its invariants only with `invariants`.

    TLC reports one broken invariant of a state, so it runs again for the others; the figures are
    those of the first run. After `most` seconds it ends with the states that it reported last.
    """
    module, configuration = tla(instance)
    name = module_name(instance)
    (folder / f"{name}.tla").write_text(module, encoding="utf-8")
    lines = configuration.splitlines()
    left = [line for line in lines if line.startswith("INVARIANT")] if invariants else []
    rest = [line for line in lines if not line.startswith("INVARIANT")]
    command = [*_command(workers), "-continue", f"{name}.tla"]
    broken: set[str] = set()
    first: Found | None = None
    while True:
        (folder / f"{name}.cfg").write_text("\n".join([*rest, *left, ""]), encoding="utf-8")
        output, cost = run(command, folder, most=most)
        if not cost.ended:
            return _stopped(output, cost)
        states = STATES.search(output)
        if states is None:
            raise RuntimeError(f"TLC did not end: {output[-1000:]}")
        named = set(INVARIANT.findall(output))
        broken |= {site_name(kind, site) for kind, site in SITE.findall(output)}
        broken |= named - OUTCOMES
        first = first or Found(int(states[2]), int(states[1]), frozenset(), 0.0, cost, cost.seconds)
        left = [line for line in left if line.removeprefix("INVARIANT Inv_") not in named]
        if not named:
            return replace(first, broken=frozenset(broken))


def decide(
    instance: Instance,
    property_id: str,
    folder: Path,
    workers: int = 1,
    most: float | None = None,
) -> Decided:
    """Decide a property of progress of a scenario.

    Raises `RuntimeError` if TLC does not decide it, as after `most` seconds.
    """
    module, configuration = tla_progress(instance, property_id)
    name = module_name(instance, property_id)
    (folder / f"{name}.tla").write_text(module, encoding="utf-8")
    (folder / f"{name}.cfg").write_text(configuration, encoding="utf-8")
    command = [*_command(workers), "-lncheck", "final", f"{name}.tla"]
    output, cost = run(command, folder, most=most)
    violated, holds = VIOLATED.search(output) is not None, HOLDS in output
    states = STATES.search(output)
    if violated == holds or states is None:
        raise RuntimeError(f"TLC has not decided: {output[-1000:]}")
    return Decided(violated, int(states[2]), 0.0, cost)


def _command(workers: int) -> list[str]:
    collector = "-XX:+UseSerialGC" if workers == 1 else "-XX:+UseParallelGC"
    java = ["java", "-Xss64m", collector, "-jar", os.environ["WAKEPROOF_TLC"]]
    return [*java, "-deadlock", "-noGenerateSpecTE", "-workers", str(workers)]


def _stopped(output: str, cost: Cost) -> Found:
    """Return the last report of a run that was stopped: TLC reports every minute."""
    started, reports = STARTED.search(output), PROGRESS.findall(output)
    if started is None or not reports:
        return Found(0, 0, frozenset(), 0.0, cost, 0.0)
    at, states = reports[-1]
    seconds = (datetime.fromisoformat(at) - datetime.fromisoformat(started[1])).total_seconds()
    return Found(int(states.replace(",", "")), 0, frozenset(), 0.0, cost, seconds)
