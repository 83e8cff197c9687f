"""V1 before pull request 1608: what a future spawns is polled once another event comes.

The loop of `callback` that a future which is done turned in 0.57.1 is that of `Tasks` here.
"""

from __future__ import annotations

from model.spawn import drain_spawned, futures_unordered_poll_next
from model.types import Polled, Task
from wakeproof.language import side

BASE = "v1"
RELEASE = "wit-bindgen 0.57.1"
ABI = 1


@side("executor")
def tasks_turn(task: Task, answer: Polled) -> Polled:
    """`Tasks::poll_next`: one poll, and what was spawned is only put into the set."""
    if answer == Polled.PROGRAM:
        return answer
    drain_spawned(task)
    return futures_unordered_poll_next(task) if answer == Polled.SOME else answer
