"""Random walks, and walks by a script."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from wakeproof.errors import InputError
from wakeproof.execution.enabled_steps import enumerators
from wakeproof.execution.trace import StepRow, Tracer
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.values import Step
from wakeproof.scenario.instance import Instance


def script_lines(path: Path) -> list[tuple[str, str]]:
    """The steps of a script file with their places; `#` starts a comment."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from None
    lines = [
        (line.split("#")[0].strip(), f"{path}:{n}") for n, line in enumerate(text.splitlines(), 1)
    ]
    return [(line, where) for line, where in lines if line]


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
        """The instance is dead."""
        return self.wrong is not None

    def possible(self) -> list[Step]:
        """The steps that are possible now."""
        self.tracer.machine.load(self.state)
        return [Step(name, a) for name, listing, _ in self.listing for a in listing()]

    def take(self, step: Step, where: str) -> None:
        """Take one step; `InputError` lists what is possible if it is not."""
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

    def result(self) -> dict[str, Any]:
        """The walk as an entry of a results file; its property is violated at its end."""
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
