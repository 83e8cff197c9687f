"""A program of the tests of the ABI: steps of a script, and the state after them."""

from __future__ import annotations

from typing import Any

from tests.support import instance
from wakeproof.language.model import BUNDLED, Model
from wakeproof.scenario.script import parse_step


class Program:
    """A program that takes the steps of a script, in one mix of one scenario."""

    def __init__(self, scenario: str, mix: str, model: Model = BUNDLED) -> None:
        self.instance = instance(scenario, mix, model)
        self.machine = self.instance.machine()
        self.machine.load(self.machine.initial())

    def take(self, *lines: str) -> None:
        """Take the steps of these lines."""
        for line in lines:
            step = parse_step(self.instance.scenario, self.instance.resolved.program, line, "")
            self.machine.namespace[step.action](*step.arguments)

    def value(self, field: str, name: str = "") -> Any:
        """Return a field of the state, at the key of this name, with members as names."""
        found = getattr(self.machine.s, field)
        declared = self.instance.resolved.program.state[field]
        if declared.keys:
            found = found[self.instance.names[declared.keys[0]].index(name)]
        if declared.value.kind == "enum" and found is not None:
            return self.instance.resolved.program.enums[declared.value.name][found]
        if declared.value.kind == "index" and found is not None:
            return self.instance.names[declared.value.name][found]
        return found
