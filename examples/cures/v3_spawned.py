"""V3, but what is spawned into a task that is done is polled, and not asserted away.

The cure for `nothing-spawned-when-empty`: `Tasks::poll_next` (`spawn.rs`) turns its loop once more
where its `FuturesUnordered` is empty and something was spawned, as it does after any other answer.
"""

from __future__ import annotations

from model.spawn import drain_spawned, futures_unordered_poll_next
from model.types import Polled, Task
from wakeproof.language import side

BASE = "v3_next"
RELEASE = "a cure"
ABI = 3


@side("executor")
def tasks_turn(task: Task, answer: Polled) -> Polled:
    """One turn of the loop in `Tasks::poll_next`: whatever was spawned is polled."""
    if answer == Polled.PROGRAM:
        return answer
    spawned = drain_spawned(task)
    if answer == Polled.SOME or spawned:
        return futures_unordered_poll_next(task)
    return answer
