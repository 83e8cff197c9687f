"""V3, but a task that is done is told when nothing is registered with it any more.

The cure for `no-stuck-task` with the feature `inter-task-wakeup`: where `callback`
(`async_support.rs`) finds no future left and waits for what is registered, it goes to sleep as it
does with futures left, reading its own stream; and `cabi_waitable_unregister` wakes a task that
sleeps and has nothing left. Without the feature there is nothing that could wake it.
"""

from __future__ import annotations

from model.async_support import callback_return_wait
from model.inter_task_wakeup import read_inter_task_stream
from model.state import p, s
from model.types import Handle, Operation, SleepState, Task
from model.waitable_set import remaining_work, remove_waitable_from_all_sets
from model.wakers import wake_by_ref
from wakeproof.language import cabi, side, undefined, unwrap

BASE = "v3_next"
RELEASE = "a cure"
ABI = 3


@side("executor")
def wait_when_done(task: Task) -> None:
    """No future is left, but somebody is registered: sleep until nobody is."""
    if p.inter_task_wakeup[s.executor_role[task]]:
        s.sleep_state[task] = SleepState.SLEEPING
        read_inter_task_stream(task)
    unwrap(s.waitable_set[task], "async_support::TaskState.callback::ready-set-exists")
    callback_return_wait(task)


@side("executor")
@cabi("waitable_unregister")
def waitable_unregister(task: Task, waitable: Handle) -> Operation | None:
    """`SharedTaskState::cabi_waitable_unregister`, which wakes a task that sleeps on nothing."""
    if s.strong_count[task] == 0:
        undefined("async_support::cabi_to_self::freed")
    remove_waitable_from_all_sets(waitable)
    previous = s.waitables[task][waitable]
    s.waitables[task][waitable] = None
    s.dangling[task][waitable] = False
    if (
        p.inter_task_wakeup[s.executor_role[task]]
        and s.sleep_state[task] == SleepState.SLEEPING
        and not remaining_work(task)
    ):
        wake_by_ref(task)
    return previous
