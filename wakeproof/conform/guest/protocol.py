"""The lines that are exchanged with the guest driver, and how their words map to the model.

The driver writes addresses and, where the host is real, indexes; the model has tasks, operations
and handles. `RealNames` learns which belong together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wakeproof.language.primitives import WentWrong
from wakeproof.language.values import Scalar, Snapshot, Step

# the handle of an end that a peer has: the program never uses it
AWAY = 0xFFFF_FFF0
# a word as it is, or what it names in the model: ("task", 1), ("operation", 0), ("handle", 2)
Word = str | tuple[str, int]


@dataclass
class Expected:
    """A line that the driver must print next.

    `kind` is `call` for a builtin, which is answered with `reply` (None where the host traps),
    `abi` for a call of the C ABI, and `ret` for the return of one; a `ret` without words is not
    compared.
    """

    kind: str
    words: tuple[Word, ...]
    reply: tuple[Word, ...] | None = None

    def answer(self) -> str:
        """Return the reply as the driver reads it, with the handles of the model."""
        assert self.reply is not None
        if self.words[0] == "call-import":
            # the state, and the handle in the bits above it
            state, handle = map(word_text, self.reply)
            return f"= {int(state) | int(handle) << 4}"
        return " ".join(["=", *map(word_text, self.reply)])


@dataclass(frozen=True)
class Act:
    """One step of the model, and how the real runtime takes it.

    `command` is sent to the driver: None for a step in which the guest has no part, empty where the
    step answers a wait or a poll, or the guest goes on by itself. `place` is what the driver prints
    where it stands after the step, such as `at idle 1` or `call waitable-set.wait 3`; a word `*`
    matches any. `reused`: the memory that the step uses after it was freed has a new owner by then.
    `export` is the task of the export in whose thread it happens, None where that is no such task.
    """

    step: Step
    command: str | None
    expected: tuple[Expected, ...]
    place: tuple[str, ...]
    wrong: WentWrong | None
    after: Snapshot
    alive: Mapping[int, bool] = field(default_factory=dict)
    reused: bool = False
    export: int | None = None

    @property
    def born(self) -> int | None:
        """The slot in which the step begins a task."""
        begins = self.step.action in ("call_export", "block_on", "start_task_by_hand")
        return self.step.arguments[0] if begins else None


class RealNames:
    """Which addresses of the driver belong to which tasks and operations of the model.

    With `own_handles` the host is real too: then also which index of its table to which handle.
    """

    def __init__(self, own_handles: bool = False) -> None:
        self.handles: dict[int, str] | None = {} if own_handles else None
        self.tasks: dict[int, str] = {}
        self.operations: dict[str, int] = {}

    def forget(self, task: int) -> None:
        """Forget the address of a task: a new one begins in its slot."""
        self.tasks.pop(task, None)

    def handle(self, handle: int, received: str = "") -> str:
        """Return the index of a handle; if neither is known yet, learn that it is `received`."""
        if self.handles is None:
            return str(handle + 1)
        if handle not in self.handles and received and received not in self.handles.values():
            self.handles[handle] = received
        return self.handles.get(handle, "")

    def handle_at(self, index: str) -> int | None:
        """Return the handle with this index of a real host, None if there is none."""
        known = self.handles or {}
        return next((handle for handle, number in known.items() if number == index), None)

    def freed(self, handle: int) -> None:
        """Forget the index of a handle: the host removes the entry from its table."""
        if self.handles is not None:
            self.handles.pop(handle, None)

    def agree(self, expected: Word, received: str, alive: Mapping[int, bool]) -> bool:
        """Whether a word of the driver is the expected one; learns a new address."""
        if isinstance(expected, str):
            return expected == received or (expected == "null" and received == "0")
        kind, number = expected
        if kind == "handle":
            return received == self.handle(number, received)
        if received in ("null", "0"):
            return False
        if kind == "task":
            if number not in self.tasks:
                # a V1 `block_on` has its state on the stack, where a later one may have its own
                if any(a == received and alive.get(t) for t, a in self.tasks.items()):
                    return False
                self.tasks[number] = received
            return self.tasks[number] == received
        if received.startswith("operation-"):
            return received == f"operation-{number}"
        return self.operations.setdefault(received, number) == number


def word_text(word: Word) -> str:
    """Return a word as the driver prints it; an address by its name."""
    if isinstance(word, str):
        return word
    kind, number = word
    return str(number + 1) if kind == "handle" else f"{kind}-{number}"


def words_text(words: Sequence[Word]) -> str:
    """Return words as text, for a message."""
    return " ".join(map(word_text, words))


def argument_texts(arguments: Sequence[Scalar]) -> Iterator[str]:
    """Yield the arguments of a step as text."""
    for argument in arguments:
        yield "null" if argument is None else str(argument)
