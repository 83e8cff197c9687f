"""V2, the release 0.60.0: a table with `clone` and `drop`, and operations that keep their task.

Mirrors the same files at tag v0.60.0 (pull request 1637). What the pull request moved from
`FutureState` into the reference-counted `SharedTaskState` (the map and the set) lives as long
as the last reference; what it added to `WaitableOperation` is the field `task`.
"""

from __future__ import annotations

from model.async_support import inter_task_stream_drop
from model.spawn import push, tasks_drop
from model.state import State
from model.types import (
    Code,
    Count,
    Future,
    Handle,
    Operation,
    OperationState,
    Phase,
    Release,
    SleepState,
    Task,
    WakerKind,
)
from model.waitable import set_waker, wasip3_task_restore, wasip3_task_take
from model.waitable_op import in_progress_update, in_progress_waitable
from model.waitable_set import (
    abi_version_of,
    add_waitable,
    clone_of,
    drop_of,
    register_with,
    remove_waitable_from_all_sets,
    unregister_from,
    waitable_set_drop,
    waitables_drop,
)
from model.wakers import clone_strong_reference, drop_strong_reference, waker_stream_drop
from wakeproof.language import Array, cabi, declare, panic, side, undefined, unwrap

BASE = "v1_1638"
RELEASE = "wit-bindgen 0.60.0"
ABI = 2

# `cabi.rs`: V1's struct and, behind it, a static table
TASK = "wasip3_task_v2"
STRUCTS = {
    "wasip3_task_v2": {"v1": "wasip3_task", "vtable": "&wasip3_task_vtable"},
    "wasip3_task_vtable": {
        "waitable_register": "fn(ptr, u32, fn(ptr, u32), ptr) -> ptr",
        "waitable_unregister": "fn(ptr, u32) -> ptr",
        "clone": "fn(ptr) -> ptr",
        "drop": "fn(ptr)",
    },
}


class V2State(State):
    """`CabiTask`: the task that an operation keeps, and what it is registered with there."""

    cabi_task: Array[Operation, Task | None]
    registered: Array[Operation, Handle | None]


s = declare(V2State)

# --- executor: TaskState and SharedTaskState ----------------------------------------------------


@side("executor")
def executor_release(task: Task) -> Release:
    """The release that the executor of this task comes from."""
    return Release.R2


@side("executor")
def abi_version(task: Task) -> Count:
    """`wasip3_task.version`."""
    return 2


@side("executor")
@cabi("waitable_register")
def waitable_register(task: Task, waitable: Handle, callback_ptr: Operation) -> Operation | None:
    """`SharedTaskState::cabi_waitable_register`: any reference will do."""
    if s.strong_count[task] == 0:
        undefined("async_support::cabi_to_self::freed")
    if s.phase[task] == Phase.BLOCKED_WAIT:
        panic("async_support::add_waitable::set-unlocked")
    add_waitable(task, waitable)
    previous = s.waitables[task][waitable]
    s.waitables[task][waitable] = callback_ptr
    s.dangling[task][waitable] = False
    return previous


@side("executor")
@cabi("waitable_unregister")
def waitable_unregister(task: Task, waitable: Handle) -> Operation | None:
    """`SharedTaskState::cabi_waitable_unregister`: any reference will do."""
    if s.strong_count[task] == 0:
        undefined("async_support::cabi_to_self::freed")
    remove_waitable_from_all_sets(waitable)
    previous = s.waitables[task][waitable]
    s.waitables[task][waitable] = None
    s.dangling[task][waitable] = False
    return previous


@side("executor")
@cabi("clone")
def cabi_clone(task: Task) -> None:
    """`SharedTaskState::cabi_clone`."""
    clone_strong_reference(task)


@side("executor")
@cabi("drop")
def cabi_drop(task: Task) -> None:
    """`SharedTaskState::cabi_drop`."""
    drop_strong_reference(task)


@side("executor")
def drop_shared(task: Task) -> None:
    """The fields of `SharedTaskState` in their order: the stream's writer, the map, the set."""
    s.sleep_state[task] = SleepState.POLLING
    waker_stream_drop(task)
    waitables_drop(task)
    waitable_set_drop(task)


@side("executor")
def state_drop_fields(task: Task) -> None:
    """The fields of `TaskState` in their order: tasks, both references, the stream."""
    tasks_drop(task)
    drop_strong_reference(task)
    drop_strong_reference(task)
    inter_task_stream_drop(task)


# --- operation: CabiTask ------------------------------------------------------------------------


@side("operation")
def cabi_task_unregister(operation: Operation, task: Task, waitable: Handle) -> Operation | None:
    """`CabiTask::unregister`."""
    s.registered[operation] = None
    return unregister_from(task, waitable)


@side("operation")
def operation_drop_task(operation: Operation) -> None:
    """`CabiTask::drop`: unregister if still registered, then give the reference back."""
    task = s.cabi_task[operation]
    if task is not None:
        waitable = s.registered[operation]
        if waitable is not None:
            cabi_task_unregister(operation, task, waitable)
        s.cabi_task[operation] = None
        drop_of(task)


@side("operation")
def keep_task(operation: Operation, task: Task) -> None:
    """`Option::insert` of a `CabiTask::new`: clone the new task, then drop the old one."""
    clone_of(task)
    operation_drop_task(operation)
    s.cabi_task[operation] = task


@side("operation")
def register_waker(
    operation: Operation, waitable: Handle, waker: WakerKind, future: Future | None
) -> None:
    """`WaitableOperation::register_waker`: keep the task, unless it is a V1 task."""
    if s.code[operation] != Code.NONE:
        panic("waitable::register_waker::no-code-pending")
    set_waker(operation, waker, future)
    task = unwrap(wasip3_task_take(), "waitable::register_waker::task-set")
    if abi_version_of(task) >= 2:
        if s.cabi_task[operation] != task:
            keep_task(operation, task)
        s.registered[operation] = waitable
    previous = register_with(task, waitable, operation)
    if previous is not None and previous != operation:
        panic("waitable::register_waker::prev-is-own")
    wasip3_task_restore(task)


@side("operation")
def unregister_waker(operation: Operation, waitable: Handle) -> None:
    """`WaitableOperation::unregister_waker`: from the task that was kept, else the current one."""
    kept = s.cabi_task[operation]
    if kept is not None:
        previous = cabi_task_unregister(operation, kept, waitable)
    else:
        task = unwrap(wasip3_task_take(), "waitable::unregister_waker::task-set")
        previous = unregister_from(task, waitable)
        wasip3_task_restore(task)
    if previous is not None and previous != operation:
        panic("waitable::unregister_waker::prev-is-own")


@side("operation")
def poll_complete_with_code(
    operation: Operation, code: Code, register: bool, waker: WakerKind, future: Future | None
) -> bool:
    """`poll_complete_with_code`: an operation that got a code is registered no more."""
    if code != Code.NONE:
        s.registered[operation] = None
        if s.state[operation] != OperationState.IN_PROGRESS:
            panic("waitable::poll_complete_with_code::code-in-progress")
        if in_progress_update(operation, code):
            s.state[operation] = OperationState.DONE
            return True
    if register:
        register_waker(operation, in_progress_waitable(operation), waker, future)
    return False


# --- for the properties -------------------------------------------------------------------------


@side("executor")
def map_exists(task: Task) -> bool:
    """Whether the memory that holds the task's map is alive."""
    return s.strong_count[task] > 0


@side("operation")
def operation_keeps(operation: Operation, task: Task) -> bool:
    """The operation keeps the task that it registered with last."""
    return s.cabi_task[operation] == task


@side("operation")
def spawn(future: Future) -> None:
    """`spawn_local` of the release that its caller was built with: into that release's list."""
    push(Release.R2, future)
