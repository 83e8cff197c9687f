"""Peers of streams and futures whose place the component takes.

While an export of synchronous type waits its caller waits too, and only threads of its own instance
go on. What a peer does meanwhile is done by the thread of the component that ran last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wakeproof.errors import InputError
from wakeproof.export.rust.body import Line
from wakeproof.export.rust.program import Maker, ident

if TYPE_CHECKING:
    from wakeproof.export.rust.from_trace import Writer

ENDS = {"read": "READER", "write": "WRITER"}


class PeersInside:
    """The channels whose peer is in the component; writes the lines of the peers."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.channels: set[int] = set()

    def copy(self, channel: int) -> Any:
        """Read or write as the peer. Returns a function that is called after the step."""
        writer = self.writer
        side = self.take_over(channel)
        name = writer.channel(channel)
        writer.program.operations[f"{side}_{name}"] = Maker(name, side)
        writer.need("poll_once")
        self.add(f"assert!(poll_once(&mut {side}_{name}()).await.is_ready());")

        def after(_: bool) -> None:
            if writer.s.pending_side[channel] == writer.p.remote[channel]:
                raise InputError(
                    f"the peer of {name} comes first while an export of synchronous type waits"
                )

        return after

    def drop(self, channel: int) -> None:
        """Drop the end of the peer."""
        side = self.take_over(channel)
        self.add(f"drop({self.writer.channel(channel).upper()}_{ENDS[side]}.take());")

    def let_go(self) -> None:
        """Drop the ends inside of what a frame still waits for, so that it goes on."""
        writer = self.writer
        for operation, state in enumerate(writer.s.state):
            channel = writer.p.channel[operation]
            if channel is None or writer.enums["OperationState"][state] != "IN_PROGRESS":
                continue
            if writer.in_sync and writer.peer(channel) and not self.acted(channel):
                self.take_over(channel)
            if not writer.peer(channel):
                name = writer.channel(channel).upper()
                self.add(f"drop({name}_WRITER.take());", f"drop({name}_READER.take());")

    def take_over(self, channel: int) -> str:
        """Take the place of a peer; returns its side, `read` or `write`.

        Raises `InputError` if it has acted outside.
        """
        if self.acted(channel):
            name = self.writer.names["Channel"][channel]
            raise InputError(
                f"the peer of {name} acts while an export of synchronous type waits, and before it"
            )
        self.channels.add(channel)
        side: str = self.writer.enums["Side"][self.writer.p.remote[channel]]
        return side.lower()

    def acted(self, channel: int) -> bool:
        """Whether the peer has copied or dropped its end outside."""
        name = ident(self.writer.names["Channel"][channel])
        outside = self.writer.program.outside
        return any(step.subject == name and step.kind in ("copy", "drop") for step in outside)

    def add(self, *lines: str) -> None:
        """Add lines to the body that ran last, before it gave way."""
        body = self.writer.latest.lines
        place = len(body) - self.writer.gave_way
        body[place:place] = map(Line, lines)
