"""The operation: `WaitableOperation` and how it registers with the current task.

Mirrors `crates/guest-rust/src/rt/async_support/waitable.rs` at tag v0.58.0, and
`DeferredWrite` of `future_support.rs`. A completion status is named by its operation's slot;
a map entry that outlives the operation is dangling, even if that memory has a new owner.

`waker` and `future` together are a waker: its kind and, if it is that of a poll, the future that is
polled. Where the real code takes `cx: Option<&mut Context>` they are the waker in the context, and
`register` is whether there is a context. Arguments that the environment chooses are named after
it: `answer` is how far a callee comes at once, `callee_returns` whether it returns in spite of a
cancellation.
"""

from __future__ import annotations

from model.spawn import child_wake_by_ref
from model.state import p, s
from model.types import (
    Channel,
    Code,
    Future,
    Handle,
    Operation,
    OperationKind,
    OperationState,
    Phase,
    SubtaskState,
    Task,
    WakerKind,
)
from model.waitable_op import (
    finish_future_end,
    in_progress_cancel,
    in_progress_update,
    in_progress_waitable,
    start,
)
from model.waitable_set import waitable_register, waitable_unregister
from model.wakers import clone_strong_reference, drop_strong_reference, wake_by_ref
from wakeproof.language import bound, cabi, panic, side, undefined, unwrap

# --- wakers -------------------------------------------------------------------------------------


def waker_task(future: Future) -> Task | None:
    """The task that a waker of this future owns; none for a child of `FuturesUnordered`."""
    task = p.task_of[future]
    if task is None or p.async_spawn[s.executor_role[task]]:
        return None
    return task


def waker_clone(waker: WakerKind, future: Future | None) -> None:
    """`Waker::clone`. A child's waker does not own the task (`async-spawn`)."""
    if waker == WakerKind.CONTEXT and future is not None:
        task = waker_task(future)
        if task is not None:
            clone_strong_reference(task)


def waker_drop(waker: WakerKind, future: Future | None) -> None:
    """`Waker::drop`."""
    if waker == WakerKind.CONTEXT and future is not None:
        task = waker_task(future)
        if task is not None:
            drop_strong_reference(task)


def context_wake_by_ref(future: Future) -> None:
    """`Waker::wake_by_ref` of the waker that a future was polled with."""
    task = waker_task(future)
    if task is None:
        child_wake_by_ref(future)
    else:
        wake_by_ref(task)


def set_waker(operation: Operation, waker: WakerKind, future: Future | None) -> None:
    """Store a clone of a waker, then drop the one that was there."""
    waker_clone(waker, future)
    old_waker = s.waker[operation]
    old_future = s.waker_future[operation]
    s.waker[operation] = waker
    s.waker_future[operation] = future
    waker_drop(old_waker, old_future)


@cabi("callback")
def cabi_wake(operation: Operation, dangling: bool, code: Code) -> None:
    """`cabi_wake`: fill in the completion status and wake."""
    if dangling:
        undefined("waitable::cabi_wake::freed-completion-status")
    s.code[operation] = code
    waker = s.waker[operation]
    future = s.waker_future[operation]
    s.waker[operation] = WakerKind.NONE
    s.waker_future[operation] = None
    if waker == WakerKind.NONE:
        panic("waitable::cabi_wake::waker-present")
    if waker == WakerKind.CONTEXT and future is not None:
        context_wake_by_ref(future)
        waker_drop(waker, future)
    if waker == WakerKind.DEFERRED:
        deferred_write_wake(operation)
    if waker == WakerKind.PROGRAM:
        program_waker_wake()


def program_waker_wake() -> None:
    """`Wake::wake` of a waker of the program: its code runs, in the frame of who has the event."""
    running = s.running
    if running is not None:
        s.phase[running] = Phase.WAKING


# --- registering with the current task ----------------------------------------------------------


@cabi("wasip3_task_set(null)")
def wasip3_task_take() -> Task | None:
    """`wasip3_task_set(null)`: read the current task, which is null meanwhile."""
    task = s.wasip3_task
    s.wasip3_task = None
    return task


@cabi("wasip3_task_set")
def wasip3_task_restore(task: Task) -> None:
    """`wasip3_task_set(task)`: put the current task back."""
    s.wasip3_task = task


@side("operation")
def register_waker(
    operation: Operation, waitable: Handle, waker: WakerKind, future: Future | None
) -> None:
    """`WaitableOperation::register_waker` (waitable.rs:177)."""
    if s.code[operation] != Code.NONE:
        panic("waitable::register_waker::no-code-pending")
    set_waker(operation, waker, future)
    task = unwrap(wasip3_task_take(), "waitable::register_waker::task-set")
    previous = waitable_register(task, waitable, operation)
    if previous is not None and previous != operation:
        panic("waitable::register_waker::prev-is-own")
    wasip3_task_restore(task)


@side("operation")
def unregister_waker(operation: Operation, waitable: Handle) -> None:
    """`WaitableOperation::unregister_waker` (waitable.rs:218): from the current task."""
    task = unwrap(wasip3_task_take(), "waitable::unregister_waker::task-set")
    previous = waitable_unregister(task, waitable)
    if previous is not None and previous != operation:
        panic("waitable::unregister_waker::prev-is-own")
    wasip3_task_restore(task)


# --- polling, cancelling, dropping --------------------------------------------------------------


def operation_new(operation: Operation) -> None:
    """`WaitableOperation::new`."""
    s.state[operation] = OperationState.START
    s.code[operation] = Code.NONE


def poll_complete(
    operation: Operation, waker: WakerKind, future: Future | None, answer: SubtaskState
) -> bool:
    """`poll_complete` (waitable.rs:261): whether the operation is ready.

    A callee comes as far as `answer` at once, if the operation starts a call.
    """
    if s.state[operation] == OperationState.START:
        code = start(operation, answer)
        s.state[operation] = OperationState.IN_PROGRESS
        return poll_complete_with_code(operation, code, True, waker, future)
    if s.state[operation] == OperationState.IN_PROGRESS:
        status = s.code[operation]
        s.code[operation] = Code.NONE
        return poll_complete_with_code(operation, status, True, waker, future)
    panic("waitable::poll_complete::not-done")


@side("operation")
def poll_complete_with_code(
    operation: Operation, code: Code, register: bool, waker: WakerKind, future: Future | None
) -> bool:
    """`poll_complete_with_code` (waitable.rs:301): whether the operation is ready.

    `cx` is `None` if not `register`; `waker` and `future` are then NONE and None, and unused.
    """
    if code != Code.NONE:
        if s.state[operation] != OperationState.IN_PROGRESS:
            panic("waitable::poll_complete_with_code::code-in-progress")
        if in_progress_update(operation, code):
            s.state[operation] = OperationState.DONE
            return True
    if register:
        register_waker(operation, in_progress_waitable(operation), waker, future)
    return False


def cancel(operation: Operation, callee_returns: bool) -> Code:
    """`WaitableOperation::cancel` (waitable.rs:354): the code that the operation ended with.

    It is NONE if the operation never started. `callee_returns` is the environment's choice: whether
    the callee of a call that has started returns all the same, or gives up. The two calls of
    `poll_complete_with_code` have `None` as their context.
    """
    if s.state[operation] == OperationState.START:
        s.state[operation] = OperationState.DONE
        return Code.NONE
    if s.state[operation] == OperationState.DONE:
        panic("waitable::cancel::not-done")
    status = s.code[operation]
    if leave_set(operation):
        return status
    code = in_progress_cancel(operation, callee_returns)
    cancelled_with(operation, code)
    return code


def leave_set(operation: Operation) -> bool:
    """The first half of `cancel`: whether the operation ended by an event that it has had.

    If not, no event of its waitable is delivered any more.
    """
    status = s.code[operation]
    s.code[operation] = Code.NONE
    if status != Code.NONE:
        return poll_complete_with_code(operation, status, False, WakerKind.NONE, None)
    unregister_waker(operation, in_progress_waitable(operation))
    return False


def cancelled_with(operation: Operation, code: Code) -> None:
    """The second half of `cancel`, from the answer of the host on."""
    if not poll_complete_with_code(operation, code, False, WakerKind.NONE, None):
        panic("waitable::cancel::cancel-final")


@side("operation")
def operation_drop_task(operation: Operation) -> None:
    """The field that holds the retained task: V1 has none."""
    return


def operation_free(operation: Operation) -> None:
    """The rest of the operation is dropped and its memory is free: pointers to it dangle."""
    operation_drop_task(operation)
    waker = s.waker[operation]
    future = s.waker_future[operation]
    s.state[operation] = OperationState.FREE
    s.code[operation] = Code.NONE
    s.waker[operation] = WakerKind.NONE
    s.waker_future[operation] = None
    s.started[operation] = False
    s.owner[operation] = None
    s.deferred[operation] = False
    for task in Task:
        for handle in Handle:
            if s.waitables[task][handle] == operation:
                s.dangling[task][handle] = True
    waker_drop(waker, future)


def operation_drop(operation: Operation, callee_returns: bool) -> None:
    """`WaitableOperation::drop`; for futures what `FutureWrite` and `FutureRead` add to it."""
    if s.state[operation] != OperationState.DONE:
        code = cancel(operation, callee_returns)
        kind = p.kind[operation]
        if kind == OperationKind.FUTURE_WRITE and (code == Code.NONE or code == Code.CANCELLED_0):
            write_and_forget(operation)
        else:
            finish_future_end(operation)
    operation_free(operation)


def operation_cancel(operation: Operation) -> None:
    """`cancel` of `RawStreamRead`, `RawStreamWrite`, `RawFutureRead` and `FutureWrite`.

    The program has the result and the buffer. The end of a future comes back to it if nothing was
    copied, or if the operation never started; else it is dropped with the result.
    """
    code = cancel(operation, False)
    if code != Code.NONE and code != Code.CANCELLED_0:
        finish_future_end(operation)


# --- the write of a default value ---------------------------------------------------------------


def write_and_forget(operation: Operation) -> None:
    """`RawFutureWriter::write_and_forget` of the writer that `operation` gave back."""
    channel = p.channel[operation]
    if channel is not None:
        deferred_write_new(channel)


def deferred_write_new(channel: Channel) -> None:
    """`DeferredWrite`: a write that owns itself and is its own waker."""
    operation = p.deferred_write[channel]
    if operation is None:
        bound("deferred_write")
    operation_new(operation)
    s.deferred[operation] = True
    deferred_write_wake(operation)


def deferred_write_wake(operation: Operation) -> None:
    """`DeferredWrite::wake`: poll the write; it goes away once it is done."""
    if poll_complete(operation, WakerKind.DEFERRED, None, SubtaskState.STARTING):
        finish_future_end(operation)
        if s.waker[operation] != WakerKind.NONE:
            panic("future_support::wake::ready-last-reference")
        operation_free(operation)
    elif s.waker[operation] != WakerKind.DEFERRED:
        panic("future_support::wake::pending-kept-alive")
