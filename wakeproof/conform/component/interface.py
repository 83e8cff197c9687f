"""The interface of the component under test: its tasks, its callees, its builtins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

# how many exports for tasks there are, and how many calls of imports may be under way
TASKS, CALLEES = 6, 4


@dataclass(frozen=True)
class Builtin:
    """A builtin that the observer says: under which import the core module has it.

    `takes` counts parameters (all `i32`), `tells` are the places of those that are said; `gives` is
    `i32`, `i64`, `event` (an `i32`, and two more in memory) or empty.
    """

    number: int
    name: str
    module: str
    field: str
    takes: int
    tells: tuple[int, ...]
    gives: str
    canon: str

    @property
    def result(self) -> str:
        """The core type of the result; empty for none."""
        return "i32" if self.gives == "event" else self.gives


def _builtins() -> list[Builtin]:
    """Every builtin, in the order of their numbers."""
    memory = "(memory $linear)"
    root = "$root"
    rows: list[tuple[str, str, str, int, tuple[int, ...], str, str]] = [
        ("waitable-set.new", root, "[waitable-set-new]", 0, (), "i32", "waitable-set.new"),
        ("waitable-set.drop", root, "[waitable-set-drop]", 1, (0,), "", "waitable-set.drop"),
        *(
            (f"waitable-set.{verb}", root, f"[waitable-set-{verb}]", 2, (0,), "event",
             f"waitable-set.{verb} {memory}")
            for verb in ("wait", "poll")
        ),
        ("waitable.join", root, "[waitable-join]", 2, (0, 1), "", "waitable.join"),
        ("context.get", root, "[context-get-0]", 0, (), "i32", "context.get i32 0"),
        ("context.set", root, "[context-set-0]", 1, (0,), "", "context.set i32 0"),
        ("subtask.cancel", root, "[subtask-cancel]", 1, (0,), "i32", "subtask.cancel"),
        ("subtask.drop", root, "[subtask-drop]", 1, (0,), "", "subtask.drop"),
        ("task.cancel", "[export]$root", "[task-cancel]", 0, (), "", "task.cancel"),
        ("task.return", "wakeproof", "task.return", 0, (), "", "task.return"),
        ("call-import", "wakeproof", "call-import", 0, (), "i32", ""),
    ]  # fmt: skip
    for kind, type_, module in (
        ("stream", "$unit", root),
        ("stream", "$stream", "wakeproof"),
        ("future", "$future", "wakeproof"),
    ):
        for verb in ("new", "read", "write", "cancel-read", "cancel-write", "drop-readable",
                     "drop-writable"):  # fmt: skip
            field = f"{kind}.{verb}"
            copies = verb in ("read", "write")
            if module == root:
                field = f"[{'async-lower][' if copies else ''}{kind}-{verb}-unit]"
            takes = 0 if verb == "new" else 1 if not copies else 2 + (kind == "stream")
            tells = (0, 2)[: 1 + (kind == "stream")] if copies else tuple(range(takes))
            gives = "i64" if verb == "new" else "" if "drop" in verb else "i32"
            canon = f"{kind}.{verb} {type_}" + (f" async {memory}" if copies else "")
            rows.append((f"{kind}.{verb}", module, field, takes, tells, gives, canon))
    return [Builtin(number, *row) for number, row in enumerate(rows)]


BUILTINS = _builtins()


class Party(Protocol):
    """What the parts of a walk ask and say; raising an exception ends the walk."""

    def tell(self, line: str) -> None:
        """The guest says something."""

    def ask(self, line: str) -> str:
        """The guest says something, and wants an answer."""

    def called(self, builtin: Builtin, arguments: tuple[int, ...]) -> None:
        """The guest calls a builtin."""

    def gave(self, builtin: Builtin, values: tuple[int, int, int]) -> None:
        """A builtin came back."""

    def callee(self) -> int:
        """Which callee a call is for; plus 256: it may not start yet."""

    def started(self, callee: int) -> bool:
        """A callee starts: whether it returns at once."""

    def resumed(self, callee: int, event: int) -> bool:
        """A callee is called back, to end: whether it returns, and does not acknowledge."""

    def next(self) -> int:
        """The caller's next command."""

    def saw(self, what: int, task: int, value: int) -> None:
        """What the caller sees: 0 of a call, 1 as an event, 2 of a cancellation."""


class Stopped(Exception):
    """A party wants no more of a walk."""


class Endless(Exception):
    """A walk does not stop: its fuel or its time is used up."""


@dataclass(frozen=True)
class Ended:
    """How a walk ended: `returns`, `trap` (with Wasmtime's message), or `stopped` by a party."""

    how: str
    message: str = ""
