"""A trace as a story: who takes part, what passes between them, what changes, how it ends.

The diagrams and the page of a trace are made from it. Lanes are made from the names that the
bundled model has for its tasks; a model with others has a lane for each actor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wakeproof.errors import InputError
from wakeproof.execution.trace import CallRow, StepRow, Tracer, call_text
from wakeproof.execution.trace_text import argument_text, step_text
from wakeproof.export.remarks import matters, remarks
from wakeproof.language.primitives import GuardFailed
from wakeproof.language.values import Snapshot, Step
from wakeproof.scenario.instance import Instance

TASK = "Task"
RUNNING = "running"
"""The index type of what has a lane of its own, and the field that says whose code runs."""
FROM_THE_HOST = "callback event"
"""The call that the host makes; the component makes the others."""
DOES_NOT_RETURN = "does not return"
GIVES_WAY = "gives way to the host"


@dataclass(frozen=True)
class Lane:
    """Who takes part: `kind` is `peer`, `host`, `program` (code outside of a task) or `task`."""

    kind: str
    name: str


@dataclass(frozen=True)
class Message:
    """What passes from one lane to another, or happens on one.

    `number` is that of a step if it is the step itself, else 0. `returns`: the code gives way to
    the host. `fails`: the call does not return.
    """

    source: Lane
    target: Lane
    text: str
    number: int = 0
    returns: bool = False
    fails: bool = False


@dataclass(frozen=True)
class Moment:
    """A step: its number from 1, its row, its messages, what follows, and the state after it.

    The state maps each of its scalars to its value, as words of a script.
    """

    number: int
    row: StepRow
    messages: tuple[Message, ...]
    follows: tuple[str, ...]
    state: Mapping[str, str]


@dataclass(frozen=True)
class Story:
    """A trace in one instance; the steps from number `loop` on, from 0, are repeated for ever."""

    lanes: tuple[Lane, ...]
    moments: tuple[Moment, ...]
    first: Mapping[str, str]
    loop: int | None = None


def run_steps(instance: Instance, steps: Sequence[Step]) -> tuple[Tracer, list[Snapshot]]:
    """Run a path; return its tracer, and the states before the first step and after each.

    Raises `InputError` for a step that is not possible.
    """
    tracer = instance.tracer()
    states = [tracer.machine.initial()]
    for number, step in enumerate(steps, 1):
        try:
            states.append(tracer.step(states[-1], step)[1])
        except GuardFailed:
            raise InputError(
                f"step {number}, {step.action}, is not possible in this model",
                hint="export a trace of this model; `wakeproof replay` checks a trace",
            ) from None
    return tracer, states


def story_of(instance: Instance, steps: Sequence[Step], loop: int | None = None) -> Story:
    """Return the story of a path. Raises `InputError` for a step that is not possible."""
    tracer, snapshots = run_steps(instance, steps)
    rows, _ = tracer.trace(steps)
    states = [cells_of(tracer, snapshot) for snapshot in snapshots]
    teller = _Teller(instance)
    moments = []
    for number, (row, follows) in enumerate(zip(rows, remarks(rows), strict=True), 1):
        messages = tuple(teller.messages(number, row))
        moments.append(Moment(number, row, messages, tuple(follows), states[number]))
    order = ("peer", "host", "program", "task")
    found = dict.fromkeys(
        lane for m in moments for message in m.messages for lane in (message.source, message.target)
    )
    lanes = sorted({teller.host: None} | found, key=lambda lane: order.index(lane.kind))
    return Story(tuple(lanes), tuple(moments), states[0], loop)


def cells_of(tracer: Tracer, snapshot: Snapshot) -> dict[str, str]:
    """Return each scalar of a state, `wset[h1]`, with its value as the word of a script."""
    return {
        tracer.cell(name, keys, declared): tracer.show(value, declared.value)
        for (name, keys, declared), value in zip(tracer.layout, snapshot, strict=True)
    }


class _Teller:
    """Follows whose code runs, and says who sends what to whom."""

    host = Lane("host", "host")
    program = Lane("program", "program")

    def __init__(self, instance: Instance) -> None:
        self.running = "null"
        functions = instance.resolved.program.functions
        # the parameters of an action or call that are tasks
        self.tasks: dict[str, list[str]] = {}
        for function in functions.values():
            for name in {function.name, *function.marks.values()}:
                named = [n for n, kind in function.parameters if kind.name == TASK]
                self.tasks.setdefault(str(name), []).extend(named)

    def messages(self, number: int, row: StepRow) -> Iterator[Message]:
        """Yield the message of a step, then those of its calls; follow whose code runs."""
        before = self.lane_of(self.running)
        self.running = row["changes"].get(RUNNING, ["", self.running])[1]
        after = self.lane_of(self.running)
        given = self.given(row["action"], row["arguments"])
        match row["actor"]:
            case "host":
                source, target = self.host, given or after
                code = target
            case "program":
                source, target = before, given or (before if after == before else after)
                gives_way = self.running == "null" and before != self.program
                target = self.host if gives_way or _returns(row, before) else target
                code = before if target == self.host else target
            case _:
                name = next(iter(row["arguments"].values()), row["actor"])
                source, target, code = Lane("peer", name), self.host, self.host
        calls = list(self.calls(row["calls"], code))
        if row["actor"] != "program" or target != self.host:
            yield Message(source, target, step_text(row), number)
            yield from calls
        elif calls:
            # the runtime makes these calls before it gives way
            yield Message(source, source, step_text(row), number)
            yield from calls
            yield Message(source, target, GIVES_WAY, returns=True)
        else:
            yield Message(source, target, step_text(row), number, returns=True)

    def calls(self, calls: Sequence[CallRow], code: Lane) -> Iterator[Message]:
        """Yield the messages of the calls that matter; `code` is the lane that makes the first."""
        stack = [code]
        for call in calls:
            del stack[call["depth"] + 1 :]
            source = stack[-1]
            inside = self.given(call["name"], call["arguments"]) or source
            target = self.host if call["kind"] == "builtin" else inside
            stack.append(source if call["kind"] == "builtin" else inside)
            if not matters(call["name"]):
                continue
            text = call_text(call, (argument_text(*one) for one in call["arguments"].items()))
            if call["name"] == FROM_THE_HOST:
                source, target = target, source
            yield Message(source, target, text, fails=call["result"] == DOES_NOT_RETURN)

    def given(self, name: str, arguments: Mapping[str, str]) -> Lane | None:
        """Return the lane of the task that a step or a call names; None without one."""
        for parameter in self.tasks.get(name, ()):
            if arguments.get(parameter, "null") != "null":
                return Lane("task", arguments[parameter])
        return None

    def lane_of(self, task: str) -> Lane:
        """Return the lane of a task, or that of code outside of a task."""
        return self.program if task == "null" else Lane("task", task)


def _returns(row: StepRow, before: Lane) -> bool:
    """Return whether code outside of a task gives way to its caller, the host."""
    return before.kind == "program" and row["action"].startswith("return_")
