"""The loop of a run that goes on for ever, as a loop of Rust which ends after some turns.

Only a loop inside one call of the component can be written: it ends as soon as something outside
has run, and a test fails if that has not happened after `TURNS` turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wakeproof.errors import InputError
from wakeproof.export.rust.body import Body
from wakeproof.language.values import Step

if TYPE_CHECKING:
    from wakeproof.export.rust.from_trace import Writer

TURNS = 1_000
"""Turns of the loop after which nothing outside will ever run."""


def from_its_head(
    writer: Writer, steps: Sequence[Step], loop: int | None
) -> tuple[Sequence[Step], int | None]:
    """Return the steps of a run and the number before which its loop begins, if it has one.

    The loop may begin at any of its steps: it is one at which the program runs, and has none of
    the operations that the loop is about. Raises `InputError` if there is none.
    """
    if loop is None or loop == len(steps):
        return steps, None
    machine = writer.machine
    state = machine.initial()
    for number, step in enumerate(steps):
        machine.load(state)
        if number >= loop and _is_head(writer, steps, number, steps[loop:]):
            return [*steps, *steps[loop:number]], number
        machine.namespace[step.action](*step.arguments)
        state = machine.save()
    raise InputError(
        "a loop in which the program gives way to the host cannot be written as Rust",
        hint="`wakeproof replay --real` plays its turns on the released crates",
    )


def _is_head(writer: Writer, steps: Sequence[Step], number: int, loop: Sequence[Step]) -> bool:
    """Whether the loop may begin before a step, in the state that is loaded."""
    s = writer.s
    if s.running is None or s.polling[s.running] is None or writer.in_cleanup():
        return False
    # a future that has woken itself is about to give way: both together are one line
    if steps[number - 1].action == "wake_self":
        return False
    functions = writer.machine.program.functions
    return all(
        writer.is_free(argument)
        for step in loop
        for (_, kind), argument in zip(
            functions[step.action].parameters, step.arguments, strict=True
        )
        if kind.name == "Operation" and isinstance(argument, int)
    )


class Loop:
    """The loop of a program: the lines of the body that runs before the step number `head`.

    Without a `head` there is none.
    """

    def __init__(self, writer: Writer, head: int | None) -> None:
        self.writer = writer
        self.head = head
        self.body = Body()
        self.place = self.lines = self.outside = 0

    def reach(self, number: int) -> None:
        """Note where the loop begins, if it does before the step with a number, counted from 0."""
        if number != self.head:
            return
        self.body = self.writer.here()
        self.place = len(self.body.lines)
        self.lines = self._lines()
        self.outside = len(self.writer.program.outside)

    def _lines(self) -> int:
        """Return the number of lines of all functions."""
        return sum(1 for e in self.writer.program.exports for _ in e.body.all())

    def close(self) -> None:
        """Put the lines of the steps since the head into a loop.

        Raises `InputError` if there are lines elsewhere, or if something happens outside.
        """
        if self.head is None:
            return
        program, own = self.writer.program, Body(self.body.lines[self.place :])
        added = program.outside[self.outside :]
        if self._lines() - self.lines != sum(1 for _ in own.all()) or any(
            step.kind != "run" for step in added
        ):
            raise InputError("a loop of several futures or calls cannot be written as Rust yet")
        # the waits of the loop find their events: the host does not run
        del program.outside[self.outside :]
        del self.body.lines[self.place :]
        self.body.add_block("while goes_on() {", own, "}")
        self.writer.need("goes_on")
        program.takes_turns = True
