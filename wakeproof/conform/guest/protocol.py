"""The words that are exchanged with the guest driver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wakeproof.language.primitives import WentWrong
from wakeproof.language.values import Scalar, Snapshot, Step

# the handle of an end that a peer got: the program never uses it
AWAY = 0xFFFF_FFF0
Word = str | tuple[str, int]


@dataclass
class Expected:
    """A line that the driver must say.

    `kind` is `call` (a builtin, answered with `reply`; `reply` is None where the host traps),
    `abi` (a C ABI call) or `ret` (the return of one, `None` where the result is not compared). A
    word is a string, or stands for an address or an index: ("task", 1), ("operation", 0),
    ("handle", 2).
    """

    kind: str
    words: tuple[Word, ...]
    reply: tuple[Word, ...] | None = None

    def answer(self) -> str:
        """The reply as the driver wants it, with the model's handles."""
        assert self.reply is not None
        if self.words[0] == "call-import":
            # the state, and the handle above it
            state, handle = map(spell, self.reply)
            return f"= {int(state) | int(handle) << 4}"
        return " ".join(["=", *map(spell, self.reply)])


@dataclass(frozen=True)
class Act:
    """One step of the model, and what it is for the real runtime.

    `command` is sent to the driver: None for a step in which the guest has no part, empty
    where the step answers a wait or a poll, or the guest goes on by itself. `place` is where the
    driver stands after it, as its words: `at idle 1`, `call waitable-set.wait 3`; a word `*` may be
    anything. `reused`: the memory that a step uses after it was freed has a new owner by then.
    """

    step: Step
    command: str | None
    expected: tuple[Expected, ...]
    place: tuple[str, ...]
    wrong: WentWrong | None
    after: Snapshot
    alive: Mapping[int, bool] = field(default_factory=dict)
    reused: bool = False

    @property
    def born(self) -> int | None:
        """The slot in which the step begins a task."""
        begins = self.step.action in ("call_export", "block_on")
        return self.step.arguments[0] if begins else None


class Names:
    """Which address of the driver stands for which task and operation of the model; and, where the
    host is a real one, which of its indexes for which handle.
    """

    def __init__(self, own_handles: bool = False) -> None:
        self.handles: dict[int, str] | None = {} if own_handles else None
        self.tasks: dict[int, str] = {}
        self.operations: dict[str, int] = {}

    def forget(self, task: int) -> None:
        """A new task stands in this slot."""
        self.tasks.pop(task, None)

    def handle(self, handle: int, heard: str = "") -> str:
        """The host's index for a handle; learned from `heard` if neither was known."""
        if self.handles is None:
            return str(handle + 1)
        if handle not in self.handles and heard and heard not in self.handles.values():
            self.handles[handle] = heard
        return self.handles.get(handle, "")

    def freed(self, handle: int) -> None:
        """The host takes the entry out of its table."""
        if self.handles is not None:
            self.handles.pop(handle, None)

    def agree(self, expected: Word, heard: str, alive: Mapping[int, bool]) -> bool:
        """Whether a word of the driver is the one expected; learns a new address."""
        if isinstance(expected, str):
            return expected == heard or (expected == "null" and heard == "0")
        kind, number = expected
        if kind == "handle":
            return heard == self.handle(number, heard)
        if heard in ("null", "0"):
            return False
        if kind == "task":
            if number not in self.tasks:
                # a V1 `block_on` has its state on the stack, where a later one may have its own
                if any(a == heard and alive.get(t) for t, a in self.tasks.items()):
                    return False
                self.tasks[number] = heard
            return self.tasks[number] == heard
        if heard.startswith("operation-"):
            return heard == f"operation-{number}"
        return self.operations.setdefault(heard, number) == number


def spell(word: Word) -> str:
    """A word as the driver says it; an address by its name."""
    if isinstance(word, str):
        return word
    kind, number = word
    return str(number + 1) if kind == "handle" else f"{kind}-{number}"


def scalars(arguments: Sequence[Scalar]) -> Iterator[str]:
    """Arguments for a person."""
    for argument in arguments:
        yield "null" if argument is None else str(argument)
