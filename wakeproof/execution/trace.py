"""From a path to a trace: the calls of each step in order, what changed, what went wrong.

A row of a trace is data: an action and its arguments as the words of a script's line, which
`scenario.parameters.parse_value` reads. The text that people read is made where it is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NotRequired, TypedDict

from wakeproof.execution.machine import Call, Machine, Recorder, split_mark
from wakeproof.language import ir
from wakeproof.language.primitives import WentWrong
from wakeproof.language.resolve import Resolved
from wakeproof.language.values import Run, Scalar, Snapshot, Step

# the result of a call that does not return
NO_RETURN = "does not return"


class CallRow(TypedDict):
    """One ABI call or builtin; the step itself makes the calls of `depth` 0.

    `name` is the mark of the model's function, which may include arguments that the model fixes.
    """

    kind: str
    name: str
    arguments: dict[str, str]
    result: str
    depth: int


class StepRow(TypedDict):
    """One step of a trace: `action` and `arguments` are the words of a script's line.

    `says` is the first paragraph of the action's docstring; `changes` maps a scalar of the state to
    [before, after]. `line` is the line of a scenario's program that takes the step.
    """

    actor: str
    action: str
    says: str
    arguments: dict[str, str]
    calls: list[CallRow]
    changes: dict[str, list[str]]
    line: NotRequired[str]


class Tracer:
    """A machine that makes traces: it runs paths with recorded calls and named values.

    `line_of` returns the line of a program that takes a step from the state of a machine, or is
    empty.
    """

    def __init__(
        self,
        resolved: Resolved,
        run: Run,
        names: Mapping[str, Sequence[str]],
        line_of: Callable[[Machine, Step], str] | None = None,
    ) -> None:
        self.line_of = line_of
        self.recorder = Recorder()
        self.machine = Machine(resolved, run, self.recorder)
        self.program = resolved.program
        self.names = names
        self.layout = self.machine.layout()

    def trace(self, steps: Sequence[Step]) -> tuple[list[StepRow], WentWrong | None]:
        """Run a path: return its rows, and how the last step went wrong, or None.

        Raises `GuardFailed` if a step is not enabled.
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
        """Run one step from a state: return its row, the state after it, how it went wrong."""
        self.recorder.calls.clear()
        self.machine.load(before)
        line = self.line_of(self.machine, step) if self.line_of else ""
        wrong = None
        try:
            self.machine.namespace[step.action](*step.arguments)
        except WentWrong as error:
            wrong = error
        after = self.machine.save()
        calls = [self.call(call) for call in self.recorder.calls]
        row = self.row(step, calls, self.changes(before, after))
        if line:
            row["line"] = line
        return row, after, wrong

    def row(
        self, step: Step, calls: Sequence[CallRow], changes: Mapping[str, list[str]]
    ) -> StepRow:
        """Return the row of a step with these calls and changes."""
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
        """Return the row of a recorded call."""
        function = self.program.functions[call.function]
        return {
            "kind": call.kind,
            "name": call.name,
            "arguments": self.arguments(function, call.arguments),
            "result": self.result(function, call.result) if call.returned else NO_RETURN,
            "depth": call.depth,
        }

    def arguments(self, function: ir.Function, values: Sequence[Scalar]) -> dict[str, str]:
        """Return the arguments by parameter, each as a word of a script."""
        return {
            name: self.show(value, kind)
            for (name, kind), value in zip(function.parameters, values, strict=True)
        }

    def result(self, function: ir.Function, value: Scalar) -> str:
        """Return a result as a word of a script; empty for a function without a result."""
        return "" if function.returns.kind == "unit" else self.show(value, function.returns)

    def show(self, value: Scalar, kind: ir.Type) -> str:
        """Return a value as a word of a script; `parse_value` reads it."""
        if value is None:
            return "null"
        if kind.kind == "enum":
            return self.program.enums[kind.name][value]
        if kind.kind == "index":
            return self.names[kind.name][value]
        return str(value).lower()

    def changes(self, before: Snapshot, after: Snapshot) -> dict[str, list[str]]:
        """Return the scalars in which two states differ, each with [before, after]."""
        rows = {}
        for (name, keys, declared), old, new in zip(self.layout, before, after, strict=True):
            if old != new:
                rows[self.cell(name, keys, declared)] = [
                    self.show(old, declared.value),
                    self.show(new, declared.value),
                ]
        return rows

    def cell(self, name: str, keys: Sequence[int], declared: ir.FieldType) -> str:
        """Name a scalar of the state: `waitables[left][h2]`."""
        shown = (self.key(kind, key) for kind, key in zip(declared.keys, keys, strict=True))
        return name + "".join(f"[{key}]" for key in shown)

    def key(self, kind: str, key: int) -> str:
        """Name a key: the name of a member of an index type or of an enumeration."""
        return self.names[kind][key] if kind in self.names else self.program.enums[kind][key]


def call_text(call: CallRow, values: Iterable[str]) -> str:
    """Return a call with its result as a line of text; `values` are its arguments as text."""
    name, fixed = split_mark(call["name"])
    result = f" = {call['result']}" if call["result"] else ""
    return f"{name}({', '.join(fixed or values)}){result}"
