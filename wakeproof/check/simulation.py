"""Simulation: walks through the states of a scenario, at random or by a script."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from wakeproof.errors import InputError
from wakeproof.execution.enabled_steps import enumerators, why_not
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


MOST_LISTED = 16
"""So many enabled steps are listed where another one is not possible."""


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
        """Take one step. Raises `InputError` if it cannot: why, and which steps are enabled."""
        try:
            row, self.state, self.wrong = self.tracer.step(self.state, step)
        except GuardFailed:
            raise InputError(
                f"{self.line(step)} is not possible here: {self.reason(step)}",
                where=where,
                hint="possible here: " + self.listed(),
            ) from None
        self.rows.append(row)
        if self.wrong is None:
            for property_id, holds in self.tracer.machine.invariants.items():
                if property_id not in self.broken and not holds():
                    self.broken.append(property_id)

    def line(self, step: Step) -> str:
        """Return a step as the line of a script."""
        function = self.instance.resolved.program.functions[step.action]
        return " ".join([step.action, *self.tracer.arguments(function, step.arguments).values()])

    def reason(self, step: Step) -> str:
        """Return why a step is not possible."""
        self.tracer.machine.load(self.state)
        if step.action not in self.instance.actions:
            return "the scenario does not allow the action"
        return why_not(self.tracer.machine, step) or "it does not hold in the middle of the step"

    def listed(self) -> str:
        """Return the enabled steps as lines of a script: some of each action, if there are many."""
        of_action: dict[str, list[str]] = {}
        for step in self.possible():
            of_action.setdefault(step.action, []).append(self.line(step))
        share = max(1, MOST_LISTED // max(1, len(of_action)))
        cut = [[*lines[:share], *(["..."] * (len(lines) > share))] for lines in of_action.values()]
        return "; ".join(line for lines in cut for line in lines) or "nothing"

    @property
    def is_violation(self) -> bool:
        """Whether something broke on the way, or at the end."""
        return self.wrong is not None or bool(self.broken)

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
