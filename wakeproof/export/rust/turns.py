"""The loop of a run that goes on for ever, as a loop of Rust.

Two kinds can be written. A loop inside one call of the component ends as soon as something outside
has run, and a test fails if that has not happened after `TURNS` turns. A loop that polls an
operation and yields ends once the operation is ready, and a test fails if it has not ended although
the event of the operation is there, and the component has run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wakeproof.errors import InputError
from wakeproof.export.rust.body import POLLED, Block, Body, Line
from wakeproof.language.values import Step

if TYPE_CHECKING:
    from wakeproof.export.rust.from_trace import Writer

TURNS = 1_000
"""Turns of the loop after which nothing outside will ever run."""
OVERLOOKED = "event-can-be-taken"
"""The property that a loop violates which yields, and is not given the event that would end it."""


def from_its_head(
    writer: Writer, steps: Sequence[Step], loop: int | None
) -> tuple[Sequence[Step], int | None]:
    """Return the steps of a run and the number before which its loop begins, if it has one.

    The loop may begin at any of its steps: it is one at which the program runs, and has none of
    the operations that the loop is about; or, where the loop waits for an operation, polls it.
    Raises `InputError` if there is none.
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
    if writer.violated == OVERLOOKED:
        return steps[number].action == "poll"
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
        if self.writer.violated == OVERLOOKED:
            self._until_ready(own)
            return
        self.body.add_block("while goes_on() {", own, "}")
        self.writer.need("goes_on")
        program.takes_turns = True

    def _until_ready(self, own: Body) -> None:
        """Write a loop that ends once the operation is ready which it polls.

        `own` are the lines of a turn. Raises `InputError` for those that do more than that.
        """
        turn = [*own.all()]
        polled = POLLED.fullmatch(turn[0].text)
        if polled is None or [line.text for line in turn[1:]] != ["yield_async().await;"]:
            raise InputError(
                "a loop with more than the poll of an operation cannot be written as Rust yet"
            )
        lines = self.body.lines
        while _are_alike(lines[-2:], turn):
            # a turn before the event came
            for line, earlier in zip(turn, lines[-2:], strict=True):
                line.steps[:0] = earlier.steps if isinstance(earlier, Line) else []
            del lines[-2:]
        head = Line(f"while poll_once(&mut {polled[1]}).await.is_pending() {{", turn[0].steps)
        lines.append(Block(head, Body([turn[1]]), Line("}")))
        self.body.add("LOOP_ENDED.set(true);")
        self.writer.program.flag = "loop_ended"


def _are_alike(lines: Sequence[Line | Block], turn: Sequence[Line]) -> bool:
    """Whether lines have the texts of a turn."""
    texts = [line.text if isinstance(line, Line) else "" for line in lines]
    return texts == [line.text for line in turn]
