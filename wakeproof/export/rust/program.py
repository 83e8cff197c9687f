"""The parts of a Rust program that stands for a trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

# names that WIT keeps for itself
KEYWORDS = {"export": "exported", "import": "imported", "static": "fixed", "use": "used"}


@dataclass
class Body:
    """The lines of one future, destructor or function; a block has a head, a body and an end."""

    lines: list[str | tuple[str, Body, str]] = field(default_factory=list)
    cleanup: Body | None = None

    def flat(self, depth: int = 0) -> Iterator[str]:
        """The lines, indented."""
        pad = "    " * depth
        if self.cleanup is not None and self.cleanup.lines:
            yield f"{pad}let cleanup = OnDrop(|| {{"
            yield from self.cleanup.flat(depth + 1)
            yield f"{pad}}});"
        for line in self.lines:
            if isinstance(line, str):
                yield pad + line
            else:
                head, body, end = line
                yield pad + head
                yield from body.flat(depth + 1)
                yield pad + end
        if self.cleanup is not None and self.cleanup.lines:
            yield f"{pad}std::mem::forget(cleanup);"


@dataclass(frozen=True)
class Export:
    """A function of the component: `name` as in WIT, `ident` as in Rust."""

    name: str
    ident: str
    is_async: bool
    body: Body


@dataclass(frozen=True)
class Channel:
    """A stream or future that the program works on; `outside` is what a peer has of it.

    `outside` is `read`, `write` or empty. `reader` and `writer`: the program uses that end.
    """

    ident: str
    is_future: bool
    outside: str
    reader: bool
    writer: bool


@dataclass(frozen=True)
class Moment:
    """Something outside: `call`, `sync`, `lifted`, `cancel`, `copy`, `drop`, `answer`, `progress`
    or `run`.

    `waits`: the peer's copy finds nobody, or the cancellation a `block_on`. `what` of an answer is
    how far the next call of the import comes at once, of a progress how far it is then.
    """

    kind: str
    what: str = ""
    waits: bool = False


@dataclass
class Program:
    """What the two sides of a trace do. `helpers` are the small functions that the code needs."""

    exports: list[Export] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    # the operations of the trace: constructor, channel, `read` or `write`
    operations: dict[str, tuple[str, str]] = field(default_factory=dict)
    # how far the calls of the import come at once, in their order
    answers: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    wakers: list[str] = field(default_factory=list)
    handles: list[str] = field(default_factory=list)
    helpers: set[str] = field(default_factory=set)
    # in the end it says whether what it spawned ran
    spawned_ran: bool = False
    # in the end every call returns by itself, where the runtime is as it should be
    returns: bool = False
    # in the end nothing is left in the component's handle table
    leaves_nothing: bool = False
    # in the end the waker of a poll was woken
    wakes: bool = False


def stored(end: str, is_future: bool) -> str:
    """An end as it is stored: a stream's is shared with the operation that borrows it."""
    return end if is_future else f"Rc::new(RefCell::new({end}))"


def opened(name: str, is_future: bool) -> list[str]:
    """The lines that make a channel of which the program has both ends."""
    new = "wit_future::new(|| 0)" if is_future else "wit_stream::new()"
    return [
        f"let (writer, reader) = {new};",
        f"{name.upper()}_WRITER.set(Some({stored('writer', is_future)}));",
        f"{name.upper()}_READER.set(Some({stored('reader', is_future)}));",
    ]


def ident(name: str) -> str:
    """A name of the scenario as Rust has it."""
    return KEYWORDS.get(name, name).replace("-", "_")
