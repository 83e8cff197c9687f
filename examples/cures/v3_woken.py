"""V3, but a task that is cancelled is awake before its root is told.

The cure for `cancel-spawning-off` and for the destructors of `cancel-asleep-off`: `callback`
(`async_support.rs`) stores SLEEP_STATE_WOKEN before `cancel_root`, as it does before it delivers
any other event. Whatever the cancellation then wakes finds the task awake, and needs no stream.
"""

from __future__ import annotations

from model.async_support import callback_event, reset_task, with_p3_task_set
from model.state import p
from model.types import Code, Event, Handle, Phase, SleepState, Task
from model.versions.v3 import abort
from model.versions.v3 import s as s
from wakeproof.language import side

BASE = "v3_next"
RELEASE = "a cure"
ABI = 3


@side("executor")
def state_callback(task: Task, event: Event, waitable: Handle | None, code: Code) -> None:
    """`TaskState::callback`, up to the first poll, awake from the start."""
    s.running = task
    s.phase[task] = Phase.POLLING
    if event == Event.CANCEL:
        with_p3_task_set(task)
        s.sleep_state[task] = SleepState.WOKEN
        if not p.async_spawn[s.executor_role[task]]:
            s.phase[task] = Phase.DROPPING
            return
        abort(p.root[task])
        reset_task(task)
    callback_event(task, waitable, code)
