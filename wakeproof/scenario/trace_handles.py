"""The handles of a trace by their names: ends of channels, and the sets of waitables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from wakeproof.execution.trace import StepRow
from wakeproof.scenario.instance import Instance

ENDS = ("read", "write")
# builtins of a task, which have no counterpart in calls about handles alone
OF_TASKS = ("context.get", "context.set", "task.return", "task.cancel")


@dataclass
class TraceHandles:
    """What is known of handles while the steps of a trace are written in another form.

    `made` has the handles of each channel's ends that are in the table, by `read` and `write`.
    `sets` maps a waitable to its set, `task_sets` a task to its own.
    """

    instance: Instance
    made: dict[str, dict[str, str]] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)
    task_sets: dict[str, str] = field(default_factory=dict)

    def parameter(self, name: str, channel: str) -> Any:
        """Return a parameter of the run for a channel."""
        return self.instance.run.parameters[name][self.instance.names["Channel"].index(channel)]

    def kind(self, channel: str) -> str:
        """Whether a channel is a stream or a future."""
        return "future" if self.parameter("is_future", channel) else "stream"

    def remote(self, channel: str) -> str:
        """Return the end of a channel that a peer has: `read`, `write`, or neither."""
        sides = self.instance.resolved.program.enums["Side"]
        return str(sides[self.parameter("remote", channel)]).lower()

    def opened(self) -> Iterator[str]:
        """Yield the channels that are open from the beginning, with their ends in `made`."""
        machine = self.instance.machine()
        machine.load(machine.initial())
        handles, channels = self.instance.names["Handle"], self.instance.names["Channel"]
        kinds = self.instance.resolved.program.enums["HandleKind"]
        for channel, name in enumerate(channels):
            of_it = [h for h, c in enumerate(machine.s.end_channel) if c == channel]
            if of_it:
                self.made[name] = {
                    "read" if kinds[machine.s.slot[h]].endswith("READ") else "write": handles[h]
                    for h in of_it
                }
                yield name

    def follow_ends(self, row: StepRow) -> None:
        """Note the ends that a step makes, before its calls are written."""
        for place, (before, after) in row["changes"].items():
            handle = place.removeprefix("end_channel[").removesuffix("]")
            if place.startswith("end_channel[") and after != "null" and before != after:
                slot = row["changes"].get(f"slot[{handle}]", ("", ""))[1]
                verb = "read" if slot.endswith("READ") else "write"
                self.made.setdefault(after, {})[verb] = handle

    def follow_sets(self, row: StepRow) -> None:
        """Note the sets of tasks after a step."""
        for place, (_, after) in row["changes"].items():
            if place.startswith("waitable_set["):
                self.task_sets[place.removeprefix("waitable_set[").removesuffix("]")] = after


def step_words(number: int, row: StepRow) -> str:
    """Return a step in one line: its number, its action and the arguments."""
    return " ".join(" ".join([str(number), row["action"], *row["arguments"].values()]).split())
