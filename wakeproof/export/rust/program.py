"""A Rust program that stands for a trace, as data: functions, channels, what happens outside."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from wakeproof.export.rust.body import Body, Line

# the helpers that come from the crate of nested tasks
OF_NESTED = frozenset({"block_on", "start_task"})
# names that are keywords of WIT or Rust
KEYWORDS = {
    "await": "awaited",
    "export": "exported",
    "import": "imported",
    "move": "moves",
    "return": "returns",
    "static": "fixed",
    "use": "used",
}


@dataclass(frozen=True)
class Export:
    """A function of the component: `name` as in WIT, `ident` as in Rust.

    `steps` has the number of the step that calls it.
    """

    name: str
    ident: str
    is_async: bool
    body: Body
    steps: tuple[int, ...] = ()

    def listing(self, depth: int = 0, pub: str = "") -> Iterator[Line]:
        """Yield the lines of the function, indented by `depth` levels, with their steps."""
        head = f"{'    ' * depth}{pub}{'async ' if self.is_async else ''}fn {self.ident}() {{"
        lines = list(self.body.indented(depth + 1))
        yield Line(head if lines else head + "}", [*self.steps])
        if lines:
            yield from lines
            yield Line("    " * depth + "}")


@dataclass(frozen=True)
class Channel:
    """A stream or future of which an end is used.

    `outside` is what a peer does with its end, `read` or `write`, or empty if both ends are in the
    program.
    """

    ident: str
    is_future: bool
    outside: str


class Maker(NamedTuple):
    """What makes an operation: its channel, `read` or `write`, and how many items it copies."""

    channel: str
    side: str
    items: int = 1


@dataclass(frozen=True)
class OutsideStep:
    """A step of the caller, a peer or the host.

    `kind` is `call`, `sync`, `lifted`, `cancel`, `copy`, `drop`, `drop-handed`, `answer`,
    `progress`, `run`, or `flag`, which checks that the program has set its flag by now.
    `subject` is a function or a channel; of an answer it is the state that the next call of the
    import reaches at once, and of a progress the state that the call reaches. `waits`: the copy of
    the peer finds no partner, or the cancellation comes while a `block_on` waits. `step` is the
    number of the first step of the trace that it stands for.
    """

    kind: str
    subject: str = ""
    waits: bool = False
    step: int = field(default=0, compare=False)


@dataclass
class Program:
    """A component and what happens outside of it, in order.

    `operations` has the functions that make operations.
    `answers` are the states that the calls of the import reach at once. `stored`, `wakers` and
    `handles` name statics, and `helpers` the functions of `helpers.py` that the code uses.
    `by_hand`: operations are in variables of the futures that made them, and not boxed futures.
    `handed` are the channels whose reader is handed over to another component, and `taken_back`
    those of them whose reader comes back.

    `flag` is `spawned_ran` or `loop_ended` if a test checks that this has come to pass, else empty.
    The others are what a test checks at its end: `returns`, that every call returns by itself;
    `leaves_nothing`, that the component's handle table has no more entries than before; `wakes`,
    that the waker of a poll was woken; `keeps_frames`, that no frame was overwritten while it
    waited; `keeps_stack`, that a call finds the stack pointer where the first one found it;
    `takes_turns`, that a loop in the program is ended by what happens outside; `counts`, that both
    ends of this channel report as many items. `in_any_order` says that threads go on while an
    export of synchronous type waits, and `drop_waits` that a callee does not answer a cancellation
    at once.
    """

    exports: list[Export] = field(default_factory=list)
    outside: list[OutsideStep] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    operations: dict[str, Maker] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    wakers: list[str] = field(default_factory=list)
    handles: list[str] = field(default_factory=list)
    helpers: set[str] = field(default_factory=set)
    handed: list[str] = field(default_factory=list)
    taken_back: set[str] = field(default_factory=set)
    by_hand: bool = False
    counts: str = ""
    flag: str = ""
    returns: bool = False
    leaves_nothing: bool = False
    wakes: bool = False
    keeps_frames: bool = False
    keeps_stack: bool = False
    takes_turns: bool = False
    in_any_order: bool = False
    drop_waits: bool = False

    @property
    def has_leaf(self) -> bool:
        """Whether a third component takes part, whose functions the program imports."""
        return bool(self.answers or self.handed)

    @property
    def needs_component(self) -> bool:
        """Whether only a component can be the test: a crate has one thread and one stack."""
        return self.knows_frames or self.in_any_order or self.drop_waits

    @property
    def knows_frames(self) -> bool:
        """Whether the test is about the stack in linear memory, which only a component has."""
        return self.keeps_frames or self.keeps_stack


@dataclass(frozen=True)
class RustTest:
    """A generated Rust test: its name, the lines of its comment and its program.

    `executor` and `block_on` are the releases of these roles if they differ from that of the
    operations, and empty otherwise. `release` is that of the operations, or empty if the text is
    the same for all that the guest driver is built with.
    """

    name: str
    story: tuple[str, ...]
    program: Program
    executor: str = ""
    block_on: str = ""
    release: str = ""

    def on(self, release: str) -> RustTest:
        """Return the same test with operations of this release."""
        executor = self.executor if self.executor != release else ""
        block_on = self.block_on if self.block_on != release else ""
        return dataclasses.replace(self, executor=executor, block_on=block_on, release=release)

    def others(self) -> list[str]:
        """Return the releases that the program needs beside that of the operations."""
        nested = self.block_on if OF_NESTED & self.program.helpers else ""
        return sorted({release for release in (self.executor, nested) if release})


def crate_name(release: str) -> str:
    """Return the name of the crate of a release; the empty release is that of the operations."""
    return f"wit_bindgen_{release.replace('.', '_')}" if release else "wit_bindgen"


def stored_end(end: str, is_plain: bool) -> str:
    """Return what is stored of an end; one that boxed operations borrow is shared."""
    return end if is_plain else f"Rc::new(RefCell::new({end}))"


def buffer(side: str, items: int) -> str:
    """Return the buffer of a read or a write."""
    if side == "read":
        return f"Vec::with_capacity({items})"
    return "vec![1]" if items == 1 else f"vec![1; {items}]"


def open_lines(name: str, is_future: bool, by_hand: bool) -> list[str]:
    """Return the lines that make a channel of which the program has both ends."""
    new = "wit_future::new(|| 0)" if is_future else "wit_stream::new()"
    is_plain = is_future or by_hand
    return [
        f"let (writer, reader) = {new};",
        f"{name.upper()}_WRITER.set(Some({stored_end('writer', is_plain)}));",
        f"{name.upper()}_READER.set(Some({stored_end('reader', is_plain)}));",
    ]


def ident(name: str) -> str:
    """Return the Rust identifier for a name of the scenario."""
    return KEYWORDS.get(name, name).replace("-", "_")
