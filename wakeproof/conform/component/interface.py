"""The interface of the component under test (`conformance/component/walk.wat`).

It imports the functions of a `Party`, which decides and compares; its core module has the builtins
through an observer, which reports their calls and results to the party.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

# exports for tasks, calls of imports that may be under way at once, and callers of the export of
# synchronous type beside the caller of everything else
TASKS, CALLEES, CALLERS = 6, 4, 4


@dataclass(frozen=True)
class ComponentBuiltin:
    """A builtin that the observer reports.

    The core module imports it as `field` of `module`; `canon` defines it. `takes` is the number of
    parameters (all `i32`), `reported` has the positions of those that are reported. `gives` is the
    result: `i32`, `i64`, `event` (an `i32`, and two more in memory) or empty.
    """

    number: int
    name: str
    module: str
    field: str
    takes: int
    reported: tuple[int, ...]
    gives: str
    canon: str

    @property
    def waits(self) -> bool:
        """Whether other threads may run before it returns; it waits on its first argument."""
        return self.gives == "event" or self.name == "subtask.cancel"

    @property
    def result(self) -> str:
        """The core type of the result; empty for none."""
        return "i32" if self.gives == "event" else self.gives


def _builtins() -> list[ComponentBuiltin]:
    """List every builtin, in the order of their numbers."""
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
            reported = (0, 2)[: 1 + (kind == "stream")] if copies else tuple(range(takes))
            gives = "i64" if verb == "new" else "" if "drop" in verb else "i32"
            canon = f"{kind}.{verb} {type_}" + (f" async {memory}" if copies else "")
            rows.append((f"{kind}.{verb}", module, field, takes, reported, gives, canon))
    return [ComponentBuiltin(number, *row) for number, row in enumerate(rows)]


BUILTINS = _builtins()


# commands of the caller; those from `START` on have their argument above the eighth bit
GIVE_UP_TURN, WAIT_FOR_ALL, RETURN = 0, 1, 2
START, CANCEL, SYNC, SYNC_LIFTED, COPY, DROP, LET_START, LET_RETURN = range(3, 11)

# what a reader that was handed over is, among the peers' ends: its channel and so many more
HANDED = 64

# what a callee does that is called back
ACKNOWLEDGES, RETURNS, WAITS_ON = range(3)


class Party(Protocol):
    """What a component calls during a walk; an exception ends the walk."""

    def receive(self, line: str) -> None:
        """Receive a line of the guest."""

    def answer(self, line: str) -> str:
        """Receive a line of the guest and return the answer."""

    def builtin_called(self, builtin: ComponentBuiltin, arguments: tuple[int, ...]) -> None:
        """Note that the guest calls a builtin."""

    def builtin_returned(
        self, builtin: ComponentBuiltin, values: tuple[int, int, int], handle: int
    ) -> None:
        """Note that a builtin returns; one that `waits` was called with `handle`."""

    def choose_callee(self) -> int:
        """Return which callee a call is for; plus 256 if it may not start yet."""

    def callee_started(self, callee: int) -> bool:
        """Return whether a callee that starts returns at once."""

    def callee_resumed(self, callee: int, event: int) -> int:
        """Return what a callee does that is called back.

        It is `ACKNOWLEDGES`, `RETURNS` or `WAITS_ON`.
        """

    def next_command(self) -> int:
        """Return the next command of the caller."""

    def caller_saw(self, what: int, task: int, value: int) -> None:
        """Note what the caller sees: 0 of a call, 1 as an event, 2 of a cancellation."""


class Stopped(Exception):
    """The party ends the walk."""


class Endless(Exception):
    """A walk does not stop: its fuel or its time is used up."""


@dataclass(frozen=True)
class Ended:
    """How a walk ended: `returns`, `trap` (with Wasmtime's message), or `stopped` by the party."""

    how: str
    message: str = ""
