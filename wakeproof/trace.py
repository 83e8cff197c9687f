"""From a path to a trace that a person reads: actors, calls in order, what changed, what broke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from wakeproof import ir
from wakeproof.language import GuardFailed, WentWrong
from wakeproof.machine import Machine, Recorder, Run, Scalar, Snapshot, Step
from wakeproof.reader import Resolved


class CallRow(TypedDict):
    """One ABI call or builtin: `depth` 0 is called by the step itself."""

    kind: str
    name: str
    arguments: dict[str, str]
    result: str
    depth: int


class StepRow(TypedDict):
    """One step of a trace. `changes` maps a scalar of the state to [before, after]."""

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

    def tell(self, steps: Sequence[Step]) -> tuple[list[StepRow], WentWrong | None]:
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
        function = self.program.functions[step.action]
        self.recorder.calls.clear()
        self.machine.load(before)
        wrong = None
        try:
            self.machine.namespace[step.action](*step.arguments)
        except WentWrong as error:
            wrong = error
        after = self.machine.save()
        row: StepRow = {
            "actor": function.marks["action"],
            "action": step.action,
            "says": " ".join(function.doc.split("\n\n")[0].split()),
            "arguments": self.arguments(function, step.arguments),
            "calls": [
                {
                    "kind": call.kind,
                    "name": call.name,
                    "arguments": self.arguments(
                        self.program.functions[call.function], call.arguments
                    ),
                    "result": self.result(self.program.functions[call.function], call.result)
                    if call.returned
                    else "does not return",
                    "depth": call.depth,
                }
                for call in self.recorder.calls
            ],
            "changes": self.changes(before, after),
        }
        return row, after, wrong

    def arguments(self, function: ir.Function, values: Sequence[Scalar]) -> dict[str, str]:
        """Named and shown arguments."""
        return {
            name: self.show(value, kind)
            for (name, kind), value in zip(function.parameters, values, strict=True)
        }

    def result(self, function: ir.Function, value: Scalar) -> str:
        """A shown result; empty for a function without one."""
        return "" if function.returns.kind == "unit" else self.show(value, function.returns)

    def show(self, value: Scalar, kind: ir.Type) -> str:
        """A value as a person reads it."""
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


def steps_of(
    rows: Sequence[Mapping[str, Any]], program: ir.Program, names: Mapping[str, Sequence[str]]
) -> list[Step]:
    """The steps behind the rows of a saved trace. Raises `KeyError` or `ValueError` if unknown."""
    steps = []
    for row in rows:
        function = program.functions[row["action"]]
        values = [
            _read(row["arguments"][name], kind, program, names)
            for name, kind in function.parameters
        ]
        steps.append(Step(row["action"], tuple(values)))
    return steps


def _read(
    text: str, kind: ir.Type, program: ir.Program, names: Mapping[str, Sequence[str]]
) -> Scalar:
    if text == "null":
        return None
    if kind.kind == "bool":
        return text == "true"
    if kind.kind == "enum":
        return program.enums[kind.name].index(text)
    if kind.kind == "index":
        return list(names[kind.name]).index(text)
    return int(text)


__all__ = ["CallRow", "GuardFailed", "StepRow", "Tracer", "steps_of"]
