"""0.57.1 before pull request 1439: a task that was woken yields, and nobody looks at its set.

Mirrors `crates/guest-rust/src/rt/async_support.rs` at tag v0.48.1 (`FutureState::callback` and
`poll`), to which the line numbers refer. There is no inter-task stream (pull request 1440): a
`FutureWaker` is one flag, so that `SleepState` is WOKEN or POLLING and never SLEEPING, whatever the
features are. 0.49.0, the first release with 1439, returns `CallbackCode::Poll`, which hosts do not
know any more; since 0.50.0 (pull request 1471) `callback` polls the set itself, as in V1.
"""

from __future__ import annotations

from model.async_support import (
    callback_return_exit,
    callback_return_wait,
    callback_return_yield,
    deliver_waitable_event,
    in_waker,
    poll_loop,
    wait_when_done,
    with_p3_task_set,
)
from model.spawn import drain_spawned, futures_unordered_poll_next, tasks_is_empty
from model.state import s
from model.types import Code, Handle, Phase, Polled, SleepState, Task
from model.waitable_set import remaining_work
from wakeproof.language import panic, side, unwrap

BASE = "v0_57_1"
RELEASE = "wit-bindgen 0.48.1"
ABI = 1


@side("executor")
def callback_event(task: Task, waitable: Handle | None, code: Code) -> None:
    """`FutureState::callback` (145-149): deliver the event while no task is set, then poll."""
    if waitable is not None:
        deliver_waitable_event(task, waitable, code)
    if not in_waker(task):
        event_is_delivered(task)


@side("executor")
def event_is_delivered(task: Task) -> None:
    """`FutureState::poll` (169): the current task is set for the polls alone."""
    with_p3_task_set(task)
    poll_loop(task)


@side("executor")
def after_poll(task: Task, answer: Polled) -> None:
    """`FutureState::poll` (180-213): the rest of a turn; a task that was woken yields."""
    if answer == Polled.PROGRAM:
        s.phase[task] = Phase.POLLING
    elif answer == Polled.READY:
        if not tasks_is_empty(task):
            panic("async_support::TaskState.callback::ready-means-no-tasks")
        if remaining_work(task):
            wait_when_done(task)
        else:
            callback_return_exit(task)
    else:
        if tasks_is_empty(task):
            panic("async_support::TaskState.callback::pending-means-tasks")
        if s.sleep_state[task] == SleepState.WOKEN:
            # line 206, whether or not there is a set with events
            callback_return_yield(task)
        else:
            if not remaining_work(task):
                panic("inter_task_wakeup_disabled::read_inter_task_stream::waits-on-a-waitable")
            unwrap(s.waitable_set[task], "async_support::TaskState.callback::sleep-set-exists")
            callback_return_wait(task)


@side("executor")
def tasks_turn(task: Task, answer: Polled) -> Polled:
    """`Tasks::poll_next`; once a future is done, the next turn of the loop of `poll` (172-183)."""
    if answer == Polled.PROGRAM:
        return answer
    drain_spawned(task)
    if answer != Polled.SOME:
        return answer
    s.sleep_state[task] = SleepState.POLLING
    return futures_unordered_poll_next(task)
