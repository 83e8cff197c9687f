"""The executor: a task from its start to its end.

Mirrors `crates/guest-rust/src/rt/async_support.rs` at tag v0.58.0, to which the line numbers refer:
`FutureState`, `start_task`, `callback`, `block_on`. The real functions call the program's code in
their middle; here they stop there. So `FutureState::callback` (180-283) is in pieces:
`state_callback`, `callback_event` and `poll_loop` run up to the first poll, `after_poll` from a
poll's return to the next poll or to a `break` with the code for the host, and
`world.waitable_set_poll` from the host's answer to a poll of the set. `callback_return` is what the
callers of the function do with its code.
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
    """`start_task` (485-501), up to the first poll."""
    state_new(task, ExecutorRole.EXPORT)
    if canon_context_get(task):
        panic("async_support::start_task::context-empty")
    canon_context_set(task, True)
    callback(task, Event.NONE, None, Code.NONE)


def callback(task: Task, event: Event, waitable: Handle | None, code: Code) -> None:
    """The exported `callback` (510-517): take the state out of the context and run."""
    if not canon_context_get(task):
        panic("async_support::callback::context-set")
    canon_context_set(task, False)
    begin_turn(task)
    state_callback(task, event, waitable, code)


@side("host")
def begin_turn(task: Task) -> None:
    """The host has called the export, or its callback: a new frame, below which nothing is."""
    return


@side("executor")
def state_callback(task: Task, event: Event, waitable: Handle | None, code: Code) -> None:
    """`FutureState::callback` (180-198): a cancellation is destruction, an event is delivered."""
    s.running = task
    s.phase[task] = Phase.POLLING
    if event == Event.CANCEL:
        callback_return(task, CallbackCode.EXIT)
        return
    callback_event(task, waitable, code)


def callback_event(task: Task, waitable: Handle | None, code: Code) -> None:
    """`FutureState::callback` (200-221): deliver the event in `with_p3_task_set`, then poll."""
    with_p3_task_set(task)
    s.sleep_state[task] = SleepState.WOKEN
    if waitable is not None:
        deliver_waitable_event(task, waitable, code)
    if not in_waker(task):
        event_is_delivered(task)


def in_waker(task: Task) -> bool:
    """A waker of the program runs, inside the delivery of an event in this task."""
    return s.phase[task] == Phase.WAKING


def event_is_delivered(task: Task) -> None:
    """`FutureState::callback` (220): what follows the delivery, up to the first poll."""
    cancel_inter_task_stream_read(task)
    poll_loop(task)


def poll_loop(task: Task) -> None:
    """`FutureState::callback` (223-235): the beginning of a turn of the loop."""
    s.sleep_state[task] = SleepState.POLLING
    after_poll(task, tasks_poll_next(task))


def after_poll(task: Task, answer: Polled) -> None:
    """`FutureState::callback` (237-280): the rest of a turn, from the answer of a poll on."""
    if answer == Polled.PROGRAM:
        s.phase[task] = Phase.DROPPING if is_aborted(task) else Phase.POLLING
    elif answer == Polled.READY:
        # line 242
        if not tasks_is_empty(task):
            panic("async_support::TaskState.callback::ready-means-no-tasks")
        if remaining_work(task):
            wait_when_done(task)
        else:
            callback_return_exit(task)
    else:
        # line 256
        if tasks_is_empty(task):
            panic("async_support::TaskState.callback::pending-means-tasks")
        if s.sleep_state[task] == SleepState.WOKEN:
            if remaining_work(task):
                unwrap(s.waitable_set[task], "async_support::TaskState.callback::woken-set-exists")
                # line 261; the host answers in `world.waitable_set_poll`
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
    """`FutureState::callback` (245): no future is left, but a waitable is registered."""
    unwrap(s.waitable_set[task], "async_support::TaskState.callback::ready-set-exists")
    callback_return_wait(task)


def callback_return_wait(task: Task) -> None:
    """`break CallbackCode::Wait` (246, 278)."""
    reset_task(task)
    callback_return(task, CallbackCode.WAIT)


def callback_return_yield(task: Task) -> None:
    """`break CallbackCode::Yield` (267)."""
    reset_task(task)
    callback_return(task, CallbackCode.YIELD)


def callback_return_exit(task: Task) -> None:
    """`break CallbackCode::Exit` (248)."""
    reset_task(task)
    callback_return(task, CallbackCode.EXIT)


def callback_return(task: Task, code: CallbackCode) -> None:
    """Return the code to the exported `callback` (525-532) or to `block_on` (548-555).

    One that the program called itself, by `start_task`, does nothing with the code.
    """
    if code == CallbackCode.EXIT:
        state_drop(task)
    elif p.may_start[task]:
        canon_context_set(task, True)
        s.phase[task] = Phase.LOST
        lose_frame(task)
    elif s.executor_role[task] == ExecutorRole.EXPORT:
        canon_context_set(task, True)
        end_turn(task, code)
    elif code == CallbackCode.YIELD:
        block_on_yield(task)
    else:
        unwrap(s.waitable_set[task], "async_support::block_on::wait-set-exists")
        wait_in_host(task)


@side("host")
def end_turn(task: Task, code: CallbackCode) -> None:
    """The host has the code of an export that goes on: the callback loop of `canon_lift`."""
    s.running = None
    if s.host_task[task] == HostTask.PENDING_CANCEL:
        s.phase[task] = Phase.CANCELLING
    else:
        s.phase[task] = Phase.YIELDED if code == CallbackCode.YIELD else Phase.WAITING


@side("host")
def wait_in_host(task: Task) -> None:
    """A `block_on` calls `waitable-set.wait`; what ends it is `world.waitable_set_wait`."""
    s.phase[task] = Phase.BLOCKED_WAIT


@side("executor")
def block_on_yield(task: Task) -> None:
    """`block_on` after YIELD (553): poll the set, which may never have been made."""
    unwrap(s.waitable_set[task], "async_support::block_on::yield-set-exists")
    s.phase[task] = Phase.BLOCKED_POLL


def deliver_waitable_event(task: Task, waitable: Handle, code: Code) -> None:
    """`deliver_waitable_event` (288): to the inter-task stream, or to the callback in the map."""
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
    """`FutureState::drop` (327): futures that are left are dropped with the task set."""
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
    leave_frame(task)
    if s.executor_role[task] == ExecutorRole.EXPORT:
        exit_implicit_thread(task)


@side("host")
def leave_frame(task: Task) -> None:
    """The task's frame is gone: what called it runs."""
    s.running = s.caller[task]
    s.caller[task] = None


@side("host")
def lose_frame(task: Task) -> None:
    """A task that was started by hand gives way to the export that called `start_task`."""
    s.running = s.caller[task]
    s.caller[task] = None
