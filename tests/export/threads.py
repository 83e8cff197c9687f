"""Traces in which the frames of an instance end in any order, written by hand.

A host of today resumes any ready thread of an instance while an export of synchronous type waits.
The machine here knows just enough of the model's state for the translation into Rust: which body
runs, and which operations are under way. Each step names what runs after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from wakeproof.language.values import Step
from wakeproof.scenario.instance import Instance

EXPORT, IN_EXPORT, IN_SYNC = range(3)
LEFT, RIGHT = range(2)
FIRST, SECOND = range(2)

NAMES = {
    "Task": ["export", "in-export", "in-sync"],
    "Future": ["export-body", "in-export-body", "in-sync-body"],
    "Operation": ["left", "right"],
    "Channel": ["first", "second"],
}
ENUMS = {
    "Phase": ["ENDED", "RUNS", "WAITING", "BLOCKED_WAIT", "DROPPING"],
    "HostTask": ["INITIAL", "STARTED", "RESOLVED"],
    "OperationState": ["FREE", "IN_PROGRESS", "DONE"],
    "OperationKind": ["STREAM_READ"],
    "Side": ["NONE", "READ", "WRITE"],
}


@dataclass(frozen=True)
class Line:
    """A step, the task that runs after it, and the operation that it starts or finishes."""

    action: str
    arguments: tuple[Any, ...] = ()
    runs: int | None = None
    starts: int | None = None
    finishes: int | None = None


class Machine:
    """Takes the lines in their order."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        self.taken = 0
        self.s = SimpleNamespace(
            running=None,
            polling=[0, 1, 2],
            phase=[0] * 3,
            state=[0, 0],
            host_task=[0] * 3,
            pending_side=[0, 0],
            waitables=[[None] * 8] * 3,
        )
        p = SimpleNamespace(
            root=[0, 1, 2],
            kind=[0, 0],
            channel=[FIRST, SECOND],
            remote=[2, 2],
            is_future=[False, False],
            keep_join_handles=False,
            items=[1, 1],
            peer_items=[1, 1],
        )
        marked = SimpleNamespace(marks={"action": "runtime"})
        functions = {line.action: marked for line in lines}
        self.program = SimpleNamespace(enums=ENUMS, functions=functions)
        self.namespace: dict[str, Any] = {
            "p": p,
            "in_waker": lambda _: False,
            "current_future": lambda: self.s.running,
        }
        self.namespace |= {line.action: self.take for line in lines}

    def take(self, *_: Any) -> None:
        line = self.lines[self.taken]
        self.taken += 1
        self.s.running = line.runs
        if line.starts is not None:
            self.s.state[line.starts] = 1
        if line.finishes is not None:
            self.s.state[line.finishes] = 2

    def initial(self) -> None:
        return None

    def load(self, _: object) -> None:
        return None

    def save(self) -> None:
        return None


def by_hand(lines: list[Line]) -> tuple[Instance, list[Step]]:
    """Return what stands for an instance, and the steps."""

    def machine() -> Machine:
        return Machine(lines)

    instance = cast(Instance, SimpleNamespace(machine=machine, names=NAMES))
    return instance, [Step(line.action, line.arguments) for line in lines]


# The async export waits first; its frames are below those of the synchronous one, and go on first.
BELOW_FIRST = [
    Line("call_export", (EXPORT,), runs=EXPORT),
    Line("block_on", (IN_EXPORT,), runs=IN_EXPORT),
    Line("poll", (LEFT,), runs=IN_EXPORT, starts=LEFT),
    Line("return_pending"),
    Line("peer_copy", (FIRST,)),
    Line("call_sync_export"),
    Line("block_on", (IN_SYNC,), runs=IN_SYNC),
    Line("poll", (RIGHT,), runs=IN_SYNC, starts=RIGHT),
    Line("return_pending"),
    Line("waitable_set_wait", (IN_EXPORT, 0), runs=IN_EXPORT),
    Line("poll", (LEFT,), runs=IN_EXPORT, finishes=LEFT),
    Line("return_ready", runs=EXPORT),
    Line("return_ready"),
    Line("peer_copy", (SECOND,)),
    Line("waitable_set_wait", (IN_SYNC, 1), runs=IN_SYNC),
    Line("poll", (RIGHT,), runs=IN_SYNC, finishes=RIGHT),
    Line("return_ready"),
    Line("return_sync_export"),
]

# The synchronous export waits first. The callback of the async one runs inside that wait and waits
# above it; the frames below go on first, and end.
ABOVE_LAST = [
    Line("call_export", (EXPORT,), runs=EXPORT),
    Line("wake_self", runs=EXPORT),
    Line("return_pending"),
    Line("call_sync_export"),
    Line("block_on", (IN_SYNC,), runs=IN_SYNC),
    Line("poll", (RIGHT,), runs=IN_SYNC, starts=RIGHT),
    Line("return_pending"),
    Line("resume_yielded", (EXPORT,), runs=EXPORT),
    Line("block_on", (IN_EXPORT,), runs=IN_EXPORT),
    Line("poll", (LEFT,), runs=IN_EXPORT, starts=LEFT),
    Line("return_pending"),
    Line("peer_copy", (SECOND,)),
    Line("waitable_set_wait", (IN_SYNC, 1), runs=IN_SYNC),
    Line("poll", (RIGHT,), runs=IN_SYNC, finishes=RIGHT),
    Line("return_ready"),
    Line("return_sync_export"),
    Line("peer_copy", (FIRST,)),
    Line("waitable_set_wait", (IN_EXPORT, 0), runs=IN_EXPORT),
    Line("poll", (LEFT,), runs=IN_EXPORT, finishes=LEFT),
    Line("return_ready", runs=EXPORT),
    Line("return_ready"),
]

# The same, but what waits above ends first: the order of a stack.
ABOVE_FIRST = [
    *ABOVE_LAST[:7],
    Line("resume_yielded", (EXPORT,), runs=EXPORT),
    Line("return_ready"),
    *ABOVE_LAST[11:16],
]
