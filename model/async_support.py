"""The executor: a task from its start to its end.

Mirrors `crates/guest-rust/src/rt/async_support.rs` at tag v0.58.0: `FutureState`, `start_task`,
`callback`, `block_on`. The real functions call the program's code in their middle; here they
stop there. `callback` runs up to the first poll, `after_poll` from a poll's return to the next
poll or to the answer for the host, `callback_return` is what the callers do with the answer.
"""

from __future__ import annotations

from model.host import (
    canon_context_get,
    canon_context_set,
    canon_stream_drop_readable,
    canon_task_cancel,
    exit_implicit_thread,
)
from model.inter_task_wakeup import (
    cancel_inter_task_stream_read,
    consume_waitable_event,
    read_inter_task_stream,
)
from model.spawn import (
    is_aborted,
    release_child,
    tasks_drop,
    tasks_is_empty,
    tasks_new,
    tasks_poll_next,
)
from model.state import p, s
from model.types import (
    CallbackCode,
    Code,
    Event,
    ExecutorRole,
    Future,
    Handle,
    HostTask,
    Phase,
    Polled,
    SleepState,
    Task,
)
from model.waitable import cabi_wake
from model.waitable_set import (
    remaining_work,
    remove_waitable_from_all_sets,
    waitable_set_drop,
    waitables_drop,
)
from model.wakers import drop_strong_reference
from wakeproof.language import cabi, panic, side, unwrap


@cabi("wasip3_task_set")
def wasip3_task_set(task: Task | None) -> Task | None:
    """Swap the pointer to the current task."""
    previous = s.wasip3_task
    s.wasip3_task = task
    return previous


def with_p3_task_set(task: Task) -> None:
    """The beginning of `with_p3_task_set`."""
    s.saved_task[task] = wasip3_task_set(task)


def reset_task(task: Task) -> None:
    """The end of `with_p3_task_set`: `ResetTask::drop`."""
    wasip3_task_set(s.saved_task[task])
    s.saved_task[task] = None


def state_new(task: Task, role: ExecutorRole) -> None:
    """`FutureState::new` (V1), `TaskState::new` (V2): two references, a root future."""
    s.alive[task] = True
    s.used[task] = p.single_use
    s.executor_role[task] = role
    s.sleep_state[task] = SleepState.POLLING
    s.strong_count[task] = 2
    tasks_new(task)


def start_task(task: Task) -> None:
    """`start_task`, up to the first poll."""
    state_new(task, ExecutorRole.EXPORT)
    if canon_context_get(task):
        panic("async_support::start_task::context-empty")
    canon_context_set(task, True)
    callback(task, Event.NONE, None, Code.NONE)


def callback(task: Task, event: Event, waitable: Handle | None, code: Code) -> None:
    """The exported `callback`: take the state out of the context and run."""
    if not canon_context_get(task):
        panic("async_support::callback::context-set")
    canon_context_set(task, False)
    state_callback(task, event, waitable, code)


@side("executor")
def state_callback(task: Task, event: Event, waitable: Handle | None, code: Code) -> None:
    """`FutureState::callback`, up to the first poll. Cancellation is destruction."""
    s.running = task
    s.phase[task] = Phase.POLLING
    if event == Event.CANCEL:
        callback_return(task, CallbackCode.EXIT)
        return
    callback_event(task, waitable, code)


def callback_event(task: Task, waitable: Handle | None, code: Code) -> None:
    """Deliver the event inside `with_p3_task_set`, then poll."""
    with_p3_task_set(task)
    s.sleep_state[task] = SleepState.WOKEN
    if waitable is not None:
        deliver_waitable_event(task, waitable, code)
    cancel_inter_task_stream_read(task)
    poll_loop(task)


def poll_loop(task: Task) -> None:
    """The beginning of a turn of the loop."""
    s.sleep_state[task] = SleepState.POLLING
    after_poll(task, tasks_poll_next(task))


def after_poll(task: Task, answer: Polled) -> None:
    """The rest of a turn of the loop, once `Tasks::poll_next` has answered."""
    if answer == Polled.PROGRAM:
        s.phase[task] = Phase.DROPPING if is_aborted(task) else Phase.POLLING
    elif answer == Polled.NONE:
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
            if remaining_work(task):
                unwrap(s.waitable_set[task], "async_support::TaskState.callback::woken-set-exists")
                s.phase[task] = Phase.SET_POLL
            else:
                callback_return_yield(task)
        else:
            s.sleep_state[task] = SleepState.SLEEPING
            read_inter_task_stream(task)
            unwrap(s.waitable_set[task], "async_support::TaskState.callback::sleep-set-exists")
            callback_return_wait(task)


@side("executor")
def wait_when_done(task: Task) -> None:
    """No future is left, but somebody is registered: wait for that."""
    unwrap(s.waitable_set[task], "async_support::TaskState.callback::ready-set-exists")
    callback_return_wait(task)


def callback_return_wait(task: Task) -> None:
    """`break CallbackCode::Wait`."""
    reset_task(task)
    callback_return(task, CallbackCode.WAIT)


def callback_return_yield(task: Task) -> None:
    """`break CallbackCode::Yield`."""
    reset_task(task)
    callback_return(task, CallbackCode.YIELD)


def callback_return_exit(task: Task) -> None:
    """`break CallbackCode::Exit`."""
    reset_task(task)
    callback_return(task, CallbackCode.EXIT)


def callback_return(task: Task, code: CallbackCode) -> None:
    """What the exported `callback` and `block_on` do with the answer."""
    if code == CallbackCode.EXIT:
        state_drop(task)
    elif s.executor_role[task] == ExecutorRole.EXPORT:
        canon_context_set(task, True)
        s.running = None
        if s.host_task[task] == HostTask.PENDING_CANCEL:
            s.phase[task] = Phase.CANCELLING
        else:
            s.phase[task] = Phase.YIELDED if code == CallbackCode.YIELD else Phase.WAITING
    elif code == CallbackCode.YIELD:
        block_on_yield(task)
    else:
        unwrap(s.waitable_set[task], "async_support::block_on::wait-set-exists")
        s.phase[task] = Phase.BLOCKED_WAIT


@side("executor")
def block_on_yield(task: Task) -> None:
    """`block_on` after YIELD: poll the set, which may never have been made."""
    unwrap(s.waitable_set[task], "async_support::block_on::yield-set-exists")
    s.phase[task] = Phase.BLOCKED_POLL


def deliver_waitable_event(task: Task, waitable: Handle, code: Code) -> None:
    """`deliver_waitable_event`: to the inter-task stream, or to the callback in the map."""
    remove_waitable_from_all_sets(waitable)
    if consume_waitable_event(task, waitable):
        return
    operation = unwrap(
        s.waitables[task][waitable], "async_support::deliver_waitable_event::waitable-registered"
    )
    dangling = s.dangling[task][waitable]
    s.waitables[task][waitable] = None
    s.dangling[task][waitable] = False
    cabi_wake(operation, dangling, code)


# --- the end of a task --------------------------------------------------------------------------


@side("executor")
def state_drop(task: Task) -> None:
    """`FutureState::drop`: futures that are left are dropped with the task set."""
    cancel_inter_task_stream_read(task)
    if tasks_is_empty(task):
        state_drop_fields(task)
        end_task(task)
    else:
        with_p3_task_set(task)
        s.phase[task] = Phase.DROPPING


@side("executor")
def state_drop_next(task: Task, future: Future) -> None:
    """`FutureState::drop` after a destructor of the program: the next one, or the rest."""
    task_cancel_on_drop(task, future)
    release_child(task, future)
    if not tasks_is_empty(task):
        return
    tasks_drop(task)
    reset_task(task)
    state_drop_fields(task)
    end_task(task)


def task_cancel_on_drop(task: Task, future: Future) -> None:
    """`TaskCancelOnDrop::drop`, which comes last when an export's root future is dropped."""
    if (
        s.executor_role[task] == ExecutorRole.EXPORT
        and future == p.root[task]
        and s.host_task[task] != HostTask.RESOLVED
    ):
        canon_task_cancel(task)


@side("executor")
def state_drop_fields(task: Task) -> None:
    """The fields of `FutureState` in their order: tasks, set, map, both wakers, the stream."""
    tasks_drop(task)
    waitable_set_drop(task)
    waitables_drop(task)
    drop_strong_reference(task)
    drop_strong_reference(task)
    inter_task_stream_drop(task)


def inter_task_stream_drop(task: Task) -> None:
    """The reader of the inter-task stream is dropped."""
    reader = s.stream[task]
    s.stream[task] = None
    s.stream_reading[task] = False
    if reader is not None:
        canon_stream_drop_readable(reader)


def end_task(task: Task) -> None:
    """The state is gone: back to the host, or to the caller of `block_on`."""
    s.alive[task] = False
    s.phase[task] = Phase.ENDED
    s.running = s.caller[task]
    s.caller[task] = None
    if s.executor_role[task] == ExecutorRole.EXPORT:
        exit_implicit_thread(task)
