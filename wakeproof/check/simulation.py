"""Simulation: walks through the states of a scenario, at random or by a script."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from wakeproof.errors import InputError
from wakeproof.execution.enabled_steps import enumerators
from wakeproof.execution.trace import StepRow, Tracer
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.values import Step
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.script import parse_step
from wakeproof.util.text import read_text


def script_lines(path: Path) -> list[tuple[str, str]]:
    """Read the lines of a script file with their places; `#` starts a comment."""
    text = read_text(path, "name a file with one step a line, `action argument ...`")
    return numbered_steps(text.splitlines(), str(path))


def numbered_steps(lines: Iterable[str], name: str) -> list[tuple[str, str]]:
    """Number the steps of a script's lines with their places, `name:line`; `#` starts a comment."""
    steps = ((line.split("#")[0].strip(), f"{name}:{n}") for n, line in enumerate(lines, 1))
    return [(step, where) for step, where in steps if step]


class Walk:
    """A walk through the states of one scenario in one mix."""

    def __init__(self, instance: Instance, rng: random.Random) -> None:
        self.instance = instance
        self.random = rng
        self.tracer: Tracer = instance.tracer()
        machine = self.tracer.machine
        self.state = machine.initial()
        self.listing = enumerators(machine, instance.actions)
        self.rows: list[StepRow] = []
        self.wrong: WentWrong | None = None
        self.broken: list[str] = []

    @property
    def ended(self) -> bool:
        """Whether the component instance is dead."""
        return self.wrong is not None

    def possible(self) -> list[Step]:
        """List the enabled steps."""
        self.tracer.machine.load(self.state)
        return [Step(name, a) for name, listing, _ in self.listing for a in listing()]

    def take(self, step: Step, where: str) -> None:
        """Take one step. Raises `InputError`, which lists the enabled actions, if it cannot."""
        try:
            row, self.state, self.wrong = self.tracer.step(self.state, step)
        except GuardFailed:
            names = sorted({s.action for s in self.possible()})
            raise InputError(
                f"{step.action} is not possible here",
                where=where,
                hint="possible here: " + ", ".join(names),
            ) from None
        self.rows.append(row)
        if self.wrong is None:
            for property_id, holds in self.tracer.machine.invariants.items():
                if property_id not in self.broken and not holds():
                    self.broken.append(property_id)

    def wander(self, steps: int) -> None:
        """Take random steps: at most `steps`, until none is enabled or the instance is dead."""
        while not self.ended and len(self.rows) < steps and (possible := self.possible()):
            self.take(self.random.choice(possible), "")

    def follow(self, script: Iterable[tuple[str, str]]) -> None:
        """Take the steps of a script, lines with their places, until the instance is dead.

        Raises `InputError` for a step that is not enabled, or that the model does not have.
        """
        program = self.instance.resolved.program
        for line, where in script:
            self.take(parse_step(self.instance.scenario, program, line, where), where)
            if self.ended:
                break

    def result(self) -> dict[str, Any]:
        """Return the walk as an entry of a results file; its end violates the property, if any."""
        properties = self.instance.model.properties.values()
        if self.wrong is not None:
            names = [p.id for p in properties if p.outcome == self.wrong.kind]
        else:
            machine = self.tracer.machine
            machine.load(self.state)
            names = [p for p in self.broken if not machine.invariants[p]()]
        site = self.wrong.site if self.wrong else ""
        violation = {"site": site, "message": "", "trace": self.rows}
        return {
            "scenario": self.instance.scenario.name,
            "mix": self.instance.mix,
            "host": self.instance.model.host_name,
            "features": self.instance.build,
            "property": names[0] if names else "",
            "verdict": "violated" if names else "unknown",
            "expected": "unknown",
            "reason": "a walk",
            "as_expected": True,
            "states": len(self.rows) + 1,
            "transitions": len(self.rows),
            "depth": len(self.rows),
            "seconds": 0.0,
            "limit": "one walk",
            "violations": [violation],
        }
