"""V3, the release 0.63.0: spawning goes through the current task, a cancellation is for the root.

Mirrors the crate `wit-bindgen` 0.63.0, `src/rt/async_support.rs`, `async_support/spawn.rs` and
`spawn_disabled.rs`; and `futures-util` 0.3, `src/abortable.rs`, and `futures-channel` 0.3,
`src/oneshot.rs`, of which a spawned future's `JoinHandle` is made. What else differs from 0.60.0,
and why it does not matter here, is in docs/v3.md.
"""

from __future__ import annotations

from model.async_support import (
    after_poll,
    callback_event,
    end_task,
    reset_task,
    state_drop_fields,
    task_cancel_on_drop,
    with_p3_task_set,
)
from model.inter_task_wakeup import cancel_inter_task_stream_read
from model.spawn import (
    child_wake_by_ref,
    is_gone,
    push,
    release_child,
    tasks_future_ready,
    tasks_is_empty,
)
from model.state import State, p
from model.types import (
    Code,
    Count,
    Event,
    Future,
    Handle,
    Phase,
    Release,
    SleepState,
    Task,
    WakerKind,
)
from model.waitable import (
    context_wake_by_ref,
    waker_drop,
    wasip3_task_restore,
    wasip3_task_take,
)
from model.waitable_set import abi_version_of, rust_spawn_of
from wakeproof.language import Array, cabi, declare, panic, side, unwrap

BASE = "v2"
RELEASE = "wit-bindgen 0.63.0"
ABI = 3

# `cabi.rs`: V2's table with one function behind it, by Rust's own calling convention
TASK = "wasip3_task_v3"
STRUCTS = {
    "wasip3_task_v3": {"v1": "wasip3_task", "vtable": "&wasip3_task_vtable_v3"},
    "wasip3_task_vtable_v3": {
        "v2": "wasip3_task_vtable",
        "rust_spawn": "Option<fn(ptr, Box<dyn Future>)>",
    },
}


class V3State(State):
    """`AbortInner`, of which every future of a `FuturesUnordered` has one."""

    aborted: Array[Future, bool]
    abort_waker: Array[Future, bool]


s = declare(V3State)

# --- executor: TaskState ------------------------------------------------------------------------


@side("executor")
def executor_release(task: Task) -> Release:
    """The release that the executor of this task comes from."""
    return Release.R3


@side("executor")
def abi_version(task: Task) -> Count:
    """`wasip3_task.version`."""
    return 3


@side("executor")
def state_callback(task: Task, event: Event, waitable: Handle | None, code: Code) -> None:
    """`TaskState::callback`, up to the first poll: a cancellation is `Tasks::cancel_root`, first.

    With `async-spawn` that is `abort`; without it the root is dropped, and what follows its
    destructors is `state_drop_next`. A root that is done is not there any more: a host may deliver
    the cancellation after the result. The sleep state is still that of before.
    """
    s.running = task
    s.phase[task] = Phase.POLLING
    if event == Event.CANCEL:
        with_p3_task_set(task)
        if p.async_spawn[s.executor_role[task]]:
            abort(p.root[task])
        elif not tasks_is_empty(task):
            s.phase[task] = Phase.DROPPING
            return
        reset_task(task)
    callback_event(task, waitable, code)


@side("executor")
def state_drop_next(task: Task, future: Future) -> None:
    """The destructor of a future has run: of one that was aborted, or in `cancel_root`."""
    task_cancel_on_drop(task, future)
    if s.polling[task] == future:
        after_poll(task, tasks_future_ready(task, future))
    else:
        release_child(task, future)
        reset_task(task)
        callback_event(task, None, Code.NONE)


@side("executor")
def block_on_yield(task: Task) -> None:
    """`block_on` after YIELD: turn the loop; `callback` polls the set, if there is one."""
    s.phase[task] = Phase.YIELDED


@side("executor")
def state_drop(task: Task) -> None:
    """`TaskState::drop`, when no future is left: a waker that is kept wakes nothing any more."""
    s.sleep_state[task] = SleepState.WOKEN
    cancel_inter_task_stream_read(task)
    state_drop_fields(task)
    end_task(task)


# --- executor and operation: spawning -----------------------------------------------------------


@side("executor")
def rust_spawn(task: Task, future: Future) -> bool:
    """The table's `rust_spawn`: there is none without the feature `async-spawn`."""
    if not p.async_spawn[s.executor_role[task]]:
        return False
    cabi_rust_spawn(task, future)
    return True


@cabi("rust_spawn")
def cabi_rust_spawn(task: Task, future: Future) -> None:
    """`SharedTaskState::cabi_rust_spawn`: into the list of the release, whichever task it is."""
    push(executor_release(task), future)


@side("operation")
def spawn(future: Future) -> None:
    """`spawn_local`: by the current task, whatever its release."""
    task = unwrap(wasip3_task_take(), "spawn::spawn_local::task-set")
    spawned = False
    if abi_version_of(task) >= 3:
        spawned = rust_spawn_of(task, future)
    wasip3_task_restore(task)
    if not spawned:
        panic("spawn::spawn_local::task-spawns")
    s.join_handle[future] = p.keep_join_handles


@side("operation")
def join_handle_cancel(future: Future) -> None:
    """`JoinHandle::cancel`."""
    abort(future)


# --- Abortable ----------------------------------------------------------------------------------


def abort(future: Future) -> None:
    """`AbortHandle::abort`: set the flag, and wake with the waker of the last poll, once."""
    if is_gone(future):
        return
    s.aborted[future] = True
    if s.abort_waker[future]:
        s.abort_waker[future] = False
        child_wake_by_ref(future)


@side("executor")
def is_aborted(task: Task) -> bool:
    """`Abortable::is_aborted` of the future that the task polls: it is dropped instead."""
    future = s.polling[task]
    return future is not None and s.aborted[future]


@side("executor")
def abortable_pending(task: Task, future: Future) -> None:
    """`Abortable::poll` after Pending: register the waker; the flag is looked at again."""
    s.abort_waker[future] = p.async_spawn[s.executor_role[task]]


@side("executor")
def abortable_ready(task: Task, future: Future) -> None:
    """What wraps the future ends with it; `Sender::send` wakes what awaits the `JoinHandle`."""
    s.aborted[future] = False
    s.abort_waker[future] = False
    waiter = s.rx_task[future]
    if waiter is not None:
        s.rx_task[future] = None
        context_wake_by_ref(waiter)
        waker_drop(WakerKind.CONTEXT, waiter)
