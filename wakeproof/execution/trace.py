"""From a path to a trace: what each step does, its calls in order, what changed, what broke.

A row of a trace is data: an action and the words of its arguments, as a line of a script has them
(`scenario.parse_value` reads what `Tracer.show` writes). `report` and `render` make its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict

from wakeproof.execution.machine import (
    Call,
    Machine,
    Recorder,
    split_mark,
)
from wakeproof.language import ir
from wakeproof.language.primitives import WentWrong
from wakeproof.language.resolve import Resolved
from wakeproof.language.values import (
    Run,
    Scalar,
    Snapshot,
    Step,
)


class CallRow(TypedDict):
    """One ABI call or builtin: `depth` 0 is called by the step itself.

    `name` is the mark of the model's function: it may have arguments that the model fixes.
    """

    kind: str
    name: str
    arguments: dict[str, str]
    result: str
    depth: int


class StepRow(TypedDict):
    """One step of a trace: `action` and `arguments` are the words of a script's line.

    `changes` maps a scalar of the state to [before, after].
    """

    actor: str
    action: str
    says: str
    arguments: dict[str, str]
    calls: list[CallRow]
    changes: dict[str, list[str]]


class Tracer:
    """Runs paths again with the calls recorded and the values named."""

    def __init__(self, resolved: Resolved, run: Run, names: Mapping[str, Sequence[str]]) -> None:
        self.recorder = Recorder()
        self.machine = Machine(resolved, run, self.recorder)
        self.program = resolved.program
        self.names = names
        self.layout = self.machine.layout()

    def trace(self, steps: Sequence[Step]) -> tuple[list[StepRow], WentWrong | None]:
        """The rows of a path, and the way in which its last step went wrong, if it did.

        Raises `GuardFailed` if a step is not possible.
        """
        before = self.machine.initial()
        rows = []
        for step in steps:
            row, before, wrong = self.step(before, step)
            rows.append(row)
            if wrong is not None:
                return rows, wrong
        return rows, None

    def step(self, before: Snapshot, step: Step) -> tuple[StepRow, Snapshot, WentWrong | None]:
        """Run one step from a state: its row, the state after it, how it went wrong."""
        self.recorder.calls.clear()
        self.machine.load(before)
        wrong = None
        try:
            self.machine.namespace[step.action](*step.arguments)
        except WentWrong as error:
            wrong = error
        after = self.machine.save()
        calls = [self.call(call) for call in self.recorder.calls]
        return self.row(step, calls, self.changes(before, after)), after, wrong

    def row(
        self, step: Step, calls: Sequence[CallRow], changes: Mapping[str, list[str]]
    ) -> StepRow:
        """The row of a step that was taken, or that could not be taken."""
        function = self.program.functions[step.action]
        return {
            "actor": function.marks["action"],
            "action": step.action,
            "says": " ".join(function.doc.split("\n\n")[0].split()),
            "arguments": self.arguments(function, step.arguments),
            "calls": list(calls),
            "changes": dict(changes),
        }

    def call(self, call: Call) -> CallRow:
        """The row of a recorded call."""
        function = self.program.functions[call.function]
        return {
            "kind": call.kind,
            "name": call.name,
            "arguments": self.arguments(function, call.arguments),
            "result": self.result(function, call.result) if call.returned else "does not return",
            "depth": call.depth,
        }

    def arguments(self, function: ir.Function, values: Sequence[Scalar]) -> dict[str, str]:
        """Arguments by parameter, each as a word of a script."""
        return {
            name: self.show(value, kind)
            for (name, kind), value in zip(function.parameters, values, strict=True)
        }

    def result(self, function: ir.Function, value: Scalar) -> str:
        """A result as a word of a script; empty for a function without one."""
        return "" if function.returns.kind == "unit" else self.show(value, function.returns)

    def show(self, value: Scalar, kind: ir.Type) -> str:
        """A value as a word of a script; `scenario.parse_value` reads it."""
        if value is None:
            return "null"
        if kind.kind == "enum":
            return self.program.enums[kind.name][value]
        if kind.kind == "index":
            return self.names[kind.name][value]
        return str(value).lower()

    def changes(self, before: Snapshot, after: Snapshot) -> dict[str, list[str]]:
        """What differs between two states, field by field."""
        rows = {}
        for (name, keys, declared), old, new in zip(self.layout, before, after, strict=True):
            if old != new:
                rows[self.cell(name, keys, declared)] = [
                    self.show(old, declared.value),
                    self.show(new, declared.value),
                ]
        return rows

    def cell(self, name: str, keys: Sequence[int], declared: ir.FieldType) -> str:
        """A scalar of the state as a person reads it: `waitables[left][h2]`."""
        shown = (self.key(kind, key) for kind, key in zip(declared.keys, keys, strict=True))
        return name + "".join(f"[{key}]" for key in shown)

    def key(self, kind: str, key: int) -> str:
        """A key as a person reads it."""
        return self.names[kind][key] if kind in self.names else self.program.enums[kind][key]


def call_text(call: CallRow, values: Iterable[str]) -> str:
    """A call with its result as a line of text; `values` are its arguments as text."""
    name, fixed = split_mark(call["name"])
    result = f" = {call['result']}" if call["result"] else ""
    return f"{name}({', '.join(fixed or values)}){result}"
