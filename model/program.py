"""What the program does: arbitrary code inside the rules of Rust.

An operation has one owner: a future that is being polled, or shared storage (owner None).
Code that is polled may touch what its own future owns, what enclosing frames own (a nested
`block_on` borrows it), and shared storage. A destructor is program code too. The one rule
beyond safe Rust is the contract of `Future::poll`: a future returns Pending only if its waker
is kept somewhere, and is not polled again once it was ready.
"""

from __future__ import annotations

from model.async_support import after_poll, in_waker, state_callback, state_drop_next, state_new
from model.host import (
    canon_future_drop_readable,
    canon_future_new,
    canon_stream_drop_readable,
    canon_stream_drop_writable,
    canon_stream_new,
    canon_task_return,
    channel_is_open,
    lift_async_value,
    lower_async_value,
    resolved,
)
from model.spawn import (
    abortable_pending,
    dropped_now,
    in_program,
    is_aborted,
    is_dropped_now,
    is_gone,
    push,
    tasks_future_pending,
    tasks_future_ready,
)
from model.state import p, s
from model.types import (
    Channel,
    Code,
    Event,
    ExecutorRole,
    Future,
    HandleKind,
    Operation,
    OperationKind,
    OperationState,
    Phase,
    Release,
    SleepState,
    SubtaskState,
    Task,
    WakerKind,
)
from model.waitable import (
    cancel,
    context_wake_by_ref,
    deferred_write_new,
    operation_cancel,
    operation_drop,
    operation_free,
    operation_new,
    poll_complete,
    waker_clone,
    waker_drop,
)
from model.waitable_op import finish_future_end
from model.world import future_is_unknown, slot_is_free
from wakeproof.language import action, guard, require, side

# --- where the program stands -------------------------------------------------------------------


def program_runs() -> bool:
    """The program's code runs: a future is polled or dropped, or an export of synchronous type."""
    running = s.running
    if running is None:
        return sync_export_runs()
    return in_program(running)


@side("host")
def sync_export_runs() -> bool:
    """The code of an export runs that is of synchronous type, or lifted synchronously."""
    return s.sync_export or s.sync_lifted


def current_future() -> Future | None:
    """The future that is being polled on top of the stack."""
    running = s.running
    if running is None or s.phase[running] == Phase.DROPPING:
        return None
    return s.polling[running]


def in_some_hands(operation: Operation) -> bool:
    """The operation does not own itself, and was not leaked."""
    return not s.deferred[operation] and not s.forgotten[operation]


def may_borrow(operation: Operation) -> bool:
    """The code that runs can reach the operation."""
    owner = s.owner[operation]
    return in_some_hands(operation) and (owner is None or is_within_reach(owner))


def is_within_reach(owner: Future) -> bool:
    """The future that runs is `owner`, or borrows from it through the frames between them.

    A `block_on` may borrow from the frame that calls it; a spawned future borrows nothing.
    """
    frame = s.running
    reached = False
    for _ in Task:
        if frame is not None and not reached:
            future = s.polling[frame]
            reached = future == owner or (s.future_task[owner] == frame and is_dropped_now(owner))
            spawned = future is not None and p.task_of[future] is None
            # a waker is `'static`: what it runs borrows nothing
            frame = None if spawned or in_waker(frame) else s.caller[frame]
    return reached


def may_take(operation: Operation) -> bool:
    """The code that runs can move or drop the operation."""
    owner = s.owner[operation]
    return in_some_hands(operation) and (
        owner is None or owner == current_future() or may_drop(owner)
    )


def may_drop(owner: Future) -> bool:
    """The destructor of this future runs on top of the stack."""
    return s.future_task[owner] == s.running and is_dropped_now(owner)


def exists(operation: Operation) -> bool:
    """The slot holds an operation."""
    return s.state[operation] != OperationState.FREE


def is_busy(channel: Channel, kind: OperationKind) -> bool:
    """An operation borrows (a stream's) or owns (a future's) this end."""
    return any(
        exists(operation)
        and p.channel[operation] == channel
        and p.kind[operation] == kind
        and not (p.is_future[channel] and s.state[operation] == OperationState.DONE)
        and not (s.forgotten[operation] and not p.is_future[channel])
        for operation in Operation
    )


def end_is_free(operation: Operation) -> bool:
    """A new operation can be made on its end."""
    channel = p.channel[operation]
    if channel is None:
        return True
    kind = p.kind[operation]
    if kind == OperationKind.STREAM_READ or kind == OperationKind.FUTURE_READ:
        return s.readable[channel] is not None and not is_busy(channel, kind)
    return s.writable[channel] is not None and not is_busy(channel, kind)


def may_poll(operation: Operation) -> bool:
    """The operation can be polled here, made first if its slot is free."""
    if s.state[operation] == OperationState.FREE:
        return (
            end_is_free(operation)
            and p.kind[operation] != OperationKind.SUBTASK
            and (not is_deferred_slot(operation))
        )
    return s.state[operation] != OperationState.DONE and may_borrow(operation)


def is_deferred_slot(operation: Operation) -> bool:
    """The slot is kept for a future's write of its default value."""
    return any(p.deferred_write[channel] == operation for channel in Channel)


# --- polling ------------------------------------------------------------------------------------


def poll_here(
    operation: Operation, waker: WakerKind, future: Future | None, answer: SubtaskState
) -> None:
    """Poll, and drop the operation once it is ready, as `.await` does."""
    if s.state[operation] == OperationState.FREE:
        operation_new(operation)
        s.owner[operation] = current_future()
    if poll_complete(operation, waker, future, answer):
        finish_future_end(operation)
        if not p.keep_completed:
            operation_free(operation)


@action("program")
def poll(operation: Operation) -> None:
    """Poll an operation with the waker of the future that runs."""
    future = require(current_future())
    guard(program_runs() and may_poll(operation))
    poll_here(operation, WakerKind.CONTEXT, future, SubtaskState.STARTING)


@action("program")
def poll_with_noop_waker(operation: Operation) -> None:
    """Poll an operation with a waker that does nothing."""
    guard(program_runs() and may_poll(operation))
    poll_here(operation, WakerKind.NOOP, None, SubtaskState.STARTING)


@action("program")
def poll_with_waker_of(operation: Operation, future: Future) -> None:
    """Poll an operation with a waker of another future, kept from an earlier poll."""
    guard(program_runs() and may_poll(operation))
    guard(s.kept_waker[future] and future != current_future())
    poll_here(operation, WakerKind.CONTEXT, future, SubtaskState.STARTING)


@action("program")
def call_import(operation: Operation, answer: SubtaskState) -> None:
    """Call an async import: the first poll of a subtask, which comes as far as `answer`."""
    future = require(current_future())
    guard(program_runs() and may_call(operation, answer))
    poll_here(operation, WakerKind.CONTEXT, future, answer)


@action("program")
def call_import_with_noop_waker(operation: Operation, answer: SubtaskState) -> None:
    """Call an async import with a waker that does nothing."""
    guard(program_runs() and may_call(operation, answer))
    poll_here(operation, WakerKind.NOOP, None, answer)


def may_call(operation: Operation, answer: SubtaskState) -> bool:
    """The slot is free for a call, and a callee can answer so at once."""
    return (
        p.kind[operation] == OperationKind.SUBTASK
        and s.state[operation] == OperationState.FREE
        and (
            answer == SubtaskState.STARTING
            or answer == SubtaskState.STARTED
            or answer == SubtaskState.RETURNED
        )
    )


# --- making without a poll, and `cancel()` -------------------------------------------------------


@action("program")
def make_operation(operation: Operation) -> None:
    """Make a read or write and do not poll it: `reader.read(buffer)`."""
    guard(program_runs() and s.state[operation] == OperationState.FREE and may_poll(operation))
    operation_new(operation)
    s.owner[operation] = current_future()


@action("program")
def cancel_operation(operation: Operation) -> None:
    """Call `cancel()` of a read or write that is not over, and drop the operation then."""
    guard(program_runs() and has_cancel(operation) and exists(operation) and may_borrow(operation))
    guard(s.state[operation] != OperationState.DONE)
    operation_cancel(operation)
    if not p.keep_completed:
        operation_free(operation)


@action("program")
def cancel_completed(operation: Operation) -> None:
    """Call `cancel()` of a read or write that is over, which panics."""
    guard(program_runs() and has_cancel(operation) and may_borrow(operation))
    guard(s.state[operation] == OperationState.DONE)
    cancel(operation, False)


@action("program")
def poll_completed(operation: Operation) -> None:
    """Poll a read or write that is over, by its end or by `cancel()`, which panics."""
    future = require(current_future())
    guard(program_runs() and has_cancel(operation) and may_borrow(operation))
    guard(s.state[operation] == OperationState.DONE)
    poll_complete(operation, WakerKind.CONTEXT, future, SubtaskState.STARTING)


def has_cancel(operation: Operation) -> bool:
    """The operation is a read or write: a call has no `cancel()`."""
    return p.kind[operation] != OperationKind.SUBTASK


# --- dropping and moving ------------------------------------------------------------------------


@action("program")
def drop_operation(operation: Operation, callee_returns: bool) -> None:
    """Drop an operation; a subtask's callee that has started may return all the same."""
    guard(program_runs() and exists(operation) and may_take(operation))
    guard(not callee_returns or may_return(operation))
    operation_drop(operation, callee_returns)


def may_return(operation: Operation) -> bool:
    """The operation is a call whose callee has started."""
    handle = s.subtask[operation]
    return (
        handle is not None
        and not resolved(handle)
        and s.slot[handle] == HandleKind.SUBTASK
        and s.subtask_state[handle] == SubtaskState.STARTED
    )


@action("program")
def move_to_storage(operation: Operation) -> None:
    """Move an operation into shared storage."""
    guard(program_runs() and exists(operation) and may_take(operation))
    guard(s.owner[operation] is not None)
    s.owner[operation] = None


@action("program")
def take_from_storage(operation: Operation) -> None:
    """Move an operation out of shared storage into the future that runs."""
    future = require(current_future())
    guard(program_runs() and exists(operation))
    guard(s.owner[operation] is None and in_some_hands(operation))
    s.owner[operation] = future


# --- forgetting ---------------------------------------------------------------------------------


@action("program")
def forget_operation(operation: Operation) -> None:
    """`mem::forget` of a boxed operation: a stream's end is free, a future's is lost with it.

    Nothing is cancelled, and its memory is never freed.
    """
    guard(p.may_forget and program_runs() and exists(operation) and may_take(operation))
    s.forgotten[operation] = True
    s.owner[operation] = None


@action("program")
def forget_reader(channel: Channel) -> None:
    """`mem::forget` of a reader that no operation uses: its end stays in the handle table."""
    guard(p.may_forget and program_runs() and s.readable[channel] is not None)
    guard(not is_busy(channel, OperationKind.STREAM_READ))
    guard(not is_busy(channel, OperationKind.FUTURE_READ))
    guard(not is_copied_on(channel, OperationKind.STREAM_READ))
    s.readable[channel] = None


@action("program")
def forget_writer(channel: Channel) -> None:
    """`mem::forget` of a writer that no operation uses; a future's writes no default value."""
    guard(p.may_forget and program_runs() and s.writable[channel] is not None)
    guard(not is_busy(channel, OperationKind.STREAM_WRITE))
    guard(not is_busy(channel, OperationKind.FUTURE_WRITE))
    guard(not is_copied_on(channel, OperationKind.STREAM_WRITE))
    s.writable[channel] = None


def is_copied_on(channel: Channel, kind: OperationKind) -> bool:
    """A forgotten operation is in progress on this end, by which properties know its waitable."""
    return any(
        s.forgotten[operation]
        and s.state[operation] == OperationState.IN_PROGRESS
        and p.channel[operation] == channel
        and p.kind[operation] == kind
        for operation in Operation
    )


# --- wakers -------------------------------------------------------------------------------------


@action("program")
def keep_waker() -> None:
    """Clone the waker of the future that runs into shared storage."""
    future = require(current_future())
    guard(program_runs() and not s.kept_waker[future])
    s.kept_waker[future] = True
    waker_clone(WakerKind.CONTEXT, future)


@action("program")
def drop_waker(future: Future) -> None:
    """Drop a kept waker."""
    guard(program_runs() and s.kept_waker[future])
    s.kept_waker[future] = False
    waker_drop(WakerKind.CONTEXT, future)


@action("program")
def wake(future: Future) -> None:
    """Wake a kept waker, whatever became of its task."""
    guard(program_runs() and s.kept_waker[future])
    context_wake_by_ref(future)


@action("program")
def wake_self() -> None:
    """Wake the future that runs, as `yield_async` does before it returns Pending."""
    future = require(current_future())
    guard(program_runs() and not is_woken(future))
    context_wake_by_ref(future)


def is_woken(future: Future) -> bool:
    """The future was woken, and will be polled again."""
    running = s.running
    if running is None:
        return False
    if p.async_spawn[s.executor_role[running]]:
        return s.queue_rank[future] > 0
    return s.sleep_state[running] == SleepState.WOKEN


# --- tasks --------------------------------------------------------------------------------------


@action("program")
def block_on(task: Task) -> None:
    """Run a future to its end on the stack."""
    guard(p.may_block_on[task] and program_runs() and slot_is_free(task))
    enter_frame(task)
    state_new(task, ExecutorRole.BLOCK_ON)
    state_callback(task, Event.NONE, None, Code.NONE)


@side("host")
def enter_frame(task: Task) -> None:
    """The frame of a `block_on` lies above that of its caller."""
    s.caller[task] = s.running


@action("program")
def return_pending() -> None:
    """The future that runs returns Pending; somebody knows its waker."""
    future = require(current_future())
    guard(program_runs() and will_be_woken(future))
    running = require(s.running)
    abortable_pending(running, future)
    if is_aborted(running):
        s.phase[running] = Phase.DROPPING
    else:
        after_poll(running, tasks_future_pending(running, future))


def will_be_woken(future: Future) -> bool:
    """The waker of this future is kept somewhere, or the future was woken already."""
    return (
        is_woken(future)
        or s.kept_waker[future]
        or any(
            s.state[operation] == OperationState.IN_PROGRESS
            and s.waker[operation] == WakerKind.CONTEXT
            and s.waker_future[operation] == future
            and not is_given_up(operation)
            for operation in Operation
        )
        or any(s.rx_task[other] == future for other in Future)
    )


@side("host")
def is_given_up(operation: Operation) -> bool:
    """The operation is being dropped, which waits in the host: here no drop waits."""
    return False


@action("program")
def return_ready() -> None:
    """The future that runs is done; it owns nothing any more."""
    future = require(current_future())
    guard(program_runs())
    guard(not any(s.owner[operation] == future for operation in Operation))
    running = require(s.running)
    if s.executor_role[running] == ExecutorRole.EXPORT and p.root[running] == future:
        canon_task_return(running)
    after_poll(running, tasks_future_ready(running, future))


@action("program")
def finish_drop() -> None:
    """The destructor of a future has run; the task goes on with what it dropped it for."""
    running = require(s.running)
    future = require(dropped_now(running))
    guard(not any(s.owner[operation] == future for operation in Operation))
    state_drop_next(running, future)


@action("program")
def return_sync_export() -> None:
    """The export of synchronous type returns."""
    guard(may_return_sync_export())
    forget_context()
    leave_sync_export()


def forget_context() -> None:
    """The thread of the export ends, with what `start_task` has put into its context."""
    for task in Task:
        if started_here(task):
            s.context[task] = False


@side("host")
def started_here(task: Task) -> bool:
    """The task was started by hand in the export that runs: there is one at a time."""
    return s.phase[task] == Phase.LOST


@side("host")
def may_return_sync_export() -> bool:
    """The code of an export of synchronous type runs, and may return."""
    return s.sync_export and s.running is None


@side("host")
def leave_sync_export() -> None:
    """What the export interrupted runs again."""
    s.sync_export = False
    s.running = s.interrupted
    s.interrupted = None


@action("program")
def return_sync_lifted_export() -> None:
    """The export that was lifted synchronously returns."""
    guard(may_return_sync_lifted_export())
    leave_sync_lifted_export()


@side("host")
def may_return_sync_lifted_export() -> bool:
    """The code of an export that was lifted synchronously runs, and may return."""
    return s.sync_lifted and not s.sync_export and s.running is None


@side("host")
def leave_sync_lifted_export() -> None:
    """The export gives the exclusive lock back."""
    s.sync_lifted = False


@action("program")
def spawn_local(future: Future) -> None:
    """`spawn_local`, of the release that the caller was built with."""
    guard(
        p.import_spawns
        and program_runs()
        and p.task_of[future] is None
        and future_is_unknown(future)
    )
    spawn(future)


@side("operation")
def spawn(future: Future) -> None:
    """`spawn_local` of the release that its caller was built with: into that release's list."""
    push(Release.R1, future)


# --- JoinHandle, since 0.63.0 -------------------------------------------------------------------


@action("program")
def cancel_spawned(future: Future) -> None:
    """`JoinHandle::cancel`."""
    guard(program_runs() and s.join_handle[future])
    join_handle_cancel(future)


@side("operation")
def join_handle_cancel(future: Future) -> None:
    """`AbortHandle::abort`: before V3 nothing that is spawned has a handle."""
    return


@action("program")
def drop_join_handle(future: Future) -> None:
    """Drop a `JoinHandle`: the future that was spawned goes on."""
    guard(program_runs() and s.join_handle[future])
    join_handle_drop(future)


@action("program")
def poll_join_handle(future: Future) -> None:
    """Poll a `JoinHandle` with the waker of the future that runs; drop it once it is ready."""
    current = require(current_future())
    guard(program_runs() and s.join_handle[future] and future != current)
    if is_gone(future):
        join_handle_drop(future)
        return
    waker_clone(WakerKind.CONTEXT, current)
    previous = s.rx_task[future]
    s.rx_task[future] = current
    waker_drop(WakerKind.CONTEXT, previous)


def join_handle_drop(future: Future) -> None:
    """`Receiver::drop`, with the waker in it."""
    waiter = s.rx_task[future]
    s.join_handle[future] = False
    s.rx_task[future] = None
    waker_drop(WakerKind.CONTEXT, waiter)


# --- the ends of channels -----------------------------------------------------------------------


@action("program")
def open_channel(channel: Channel) -> None:
    """Make a new stream or future; an end that is `remote` goes to a peer at once."""
    guard(program_runs() and p.opened[channel] and not channel_is_open(channel))
    guard(s.readable[channel] is None and s.writable[channel] is None and not s.handed[channel])
    s.reader_done[channel] = False
    s.writer_done[channel] = False
    if p.is_future[channel]:
        canon_future_new(channel)
    else:
        canon_stream_new(channel)


@action("program")
def hand_over_reader(channel: Channel) -> None:
    """Pass a reader that no operation uses to another component, with `take_handle`."""
    reader = require(s.readable[channel])
    guard(p.may_hand_over and program_runs())
    guard(not is_busy(channel, OperationKind.STREAM_READ))
    guard(not is_busy(channel, OperationKind.FUTURE_READ))
    s.readable[channel] = None
    lift_async_value(reader, reader_kind(channel))
    s.handed[channel] = True


@action("program")
def take_reader_back(channel: Channel) -> None:
    """Receive a reader that was handed over: a new `StreamReader` or `FutureReader`."""
    guard(p.may_hand_over and program_runs() and s.handed[channel])
    s.handed[channel] = False
    s.reader_done[channel] = False
    s.readable[channel] = lower_async_value(channel, reader_kind(channel))


def reader_kind(channel: Channel) -> HandleKind:
    """The kind of entry of the channel's readable end."""
    return HandleKind.FUTURE_READ if p.is_future[channel] else HandleKind.STREAM_READ


@action("program")
def drop_reader(channel: Channel) -> None:
    """Drop a `StreamReader` or `FutureReader` that no operation uses."""
    reader = require(s.readable[channel])
    guard(program_runs())
    guard(not is_busy(channel, OperationKind.STREAM_READ))
    guard(not is_busy(channel, OperationKind.FUTURE_READ))
    s.readable[channel] = None
    if p.is_future[channel]:
        canon_future_drop_readable(reader)
    else:
        canon_stream_drop_readable(reader)


@action("program")
def drop_writer(channel: Channel) -> None:
    """Drop a `StreamWriter`, or a `FutureWriter`, which then writes its default value."""
    writer = require(s.writable[channel])
    guard(program_runs())
    guard(not is_busy(channel, OperationKind.STREAM_WRITE))
    guard(not is_busy(channel, OperationKind.FUTURE_WRITE))
    if p.is_future[channel]:
        deferred_write_new(channel)
    else:
        s.writable[channel] = None
        canon_stream_drop_writable(writer)
