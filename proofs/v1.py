"""What holds in every state of every release: the host's tables, and the owners of what is in them.

A lemma is one fact about the states that can be reached; its docstring says why. Together with
the properties they are inductive: true at the beginning, and no action breaks one of them in a
state in which all of them hold.
"""

from __future__ import annotations

from model.host import is_waiting, side_of
from model.program import exists
from model.properties import expected_below, map_exists, waitable_of
from model.spawn import in_program, is_aborted
from model.state import p, s
from model.types import (
    Channel,
    Code,
    CopyState,
    ExecutorRole,
    Future,
    Handle,
    HandleKind,
    HostTask,
    Operation,
    OperationKind,
    OperationState,
    Pending,
    Phase,
    Side,
    SleepState,
    SubtaskState,
    Task,
    WakerKind,
)
from wakeproof.language import lemma

# --- the handle table ---------------------------------------------------------------------------


@lemma("the list of free handles is a list of free handles")
def free_list_is_free() -> bool:
    """`table_remove` puts a handle at the head as it frees it, `table_add` takes it from there."""
    head = s.free_head
    return (head is None or s.slot[head] == HandleKind.FREE) and all(
        next_free_is_free(handle) for handle in Handle
    )


def next_free_is_free(handle: Handle) -> bool:
    """Only a free handle is followed by another, which is free."""
    following = s.next_free[handle]
    return following is None or (
        s.slot[handle] == HandleKind.FREE
        and s.slot[following] == HandleKind.FREE
        and following != s.free_head
    )


@lemma("no handle is on the list of free handles twice")
def free_list_is_a_list() -> bool:
    """What is put at its head was not free before."""
    return all(
        all(
            handle == other
            or s.next_free[handle] is None
            or s.next_free[handle] != s.next_free[other]
            for other in Handle
        )
        for handle in Handle
    )


@lemma("a free handle holds nothing")
def free_handles_are_blank() -> bool:
    """`table_remove` clears the slot, `waitable_drop` what made it a waitable."""
    return all(s.slot[handle] != HandleKind.FREE or is_blank(handle) for handle in Handle)


def is_blank(handle: Handle) -> bool:
    """Nothing is left of what was in the slot."""
    return (
        s.wset[handle] is None
        and s.pending[handle] == Pending.NOTHING
        and s.end_channel[handle] is None
        and s.copy_state[handle] == CopyState.IDLE
        and s.subtask_state[handle] == SubtaskState.STARTING
        and s.progress[handle] == 0
        and not s.resolve_delivered[handle]
        and not s.cancellation_requested[handle]
    )


@lemma("a set is not a waitable: it is in no set and has no event")
def sets_are_no_waitables() -> bool:
    """`canon_waitable_join` traps for a set."""
    return all(
        s.slot[handle] != HandleKind.WAITABLE_SET
        or (s.wset[handle] is None and s.pending[handle] == Pending.NOTHING)
        for handle in Handle
    )


@lemma("a waitable is in nothing but sets")
def homes_are_sets() -> bool:
    """`canon_waitable_join` traps for anything else, and a set is not dropped with members in."""
    return all(is_in_a_set(handle) for handle in Handle)


def is_in_a_set(handle: Handle) -> bool:
    """What the handle is in, if it is in anything, is a set."""
    wset = s.wset[handle]
    return wset is None or s.slot[wset] == HandleKind.WAITABLE_SET


@lemma("the event of a call is that of a call, and no other waitable has one")
def events_fit_their_waitables() -> bool:
    """`subtask_event` and `stream_event` are of different types."""
    return all(
        (s.slot[handle] == HandleKind.SUBTASK or s.pending[handle] != Pending.SUBTASK)
        and (
            s.slot[handle] != HandleKind.SUBTASK
            or s.pending[handle] == Pending.NOTHING
            or s.pending[handle] == Pending.SUBTASK
        )
        for handle in Handle
    )


@lemma("no cancellation is under way between two steps")
def cancellations_are_synchronous() -> bool:
    """The guest cancels synchronously: `cancel_copy` and `canon_subtask_cancel` come to an end."""
    return all(
        s.copy_state[handle] != CopyState.CANCELLING_COPY
        and s.pending[handle] != Pending.CANCELLED
        and not s.cancellation_requested[handle]
        and s.subtask_state[handle] != SubtaskState.CANCELLED_BEFORE_STARTED
        and s.subtask_state[handle] != SubtaskState.CANCELLED_BEFORE_RETURNED
        for handle in Handle
    )


@lemma("the end whose copy is pending copies, and one that copies is pending or has its event")
def pending_ends_copy() -> bool:
    """`SharedStreamImpl` keeps the buffer of one side, until that side has its event."""
    return all(is_pending_rightly(handle) for handle in Handle)


def is_pending_rightly(handle: Handle) -> bool:
    """This end, if it is one, against what its channel has as the pending side."""
    channel = s.end_channel[handle]
    if channel is None:
        return True
    if s.pending_side[channel] == side_of(handle):
        return s.copy_state[handle] == CopyState.COPYING and (
            s.pending[handle] == Pending.NOTHING
            or (s.pending[handle] == Pending.COMPLETED and not p.is_future[channel])
        )
    return s.copy_state[handle] != CopyState.COPYING or s.pending[handle] != Pending.NOTHING


@lemma("the end that a peer has is not in the table")
def remote_ends_are_away() -> bool:
    """`channel_new` hands it out at once."""
    return all(is_here(handle) for handle in Handle)


def is_here(handle: Handle) -> bool:
    """The handle is not an end, or not the one that its channel's peer has."""
    channel = s.end_channel[handle]
    return channel is None or p.remote[channel] != side_of(handle)


@lemma("only a stream or future copies, and only a call proceeds")
def states_fit_their_kinds() -> bool:
    """`CopyEnd` and `Subtask` are different classes."""
    return all(
        (s.end_channel[handle] is not None or s.copy_state[handle] == CopyState.IDLE)
        and (
            s.slot[handle] == HandleKind.SUBTASK
            or (
                s.subtask_state[handle] == SubtaskState.STARTING and not s.resolve_delivered[handle]
            )
        )
        for handle in Handle
    )


@lemma("the end of a channel is in the table as what it is")
def ends_have_channels() -> bool:
    """`channel_new` makes both at once, and `table_remove` forgets both at once."""
    return all(has_its_channel(handle) for handle in Handle)


def has_its_channel(handle: Handle) -> bool:
    """An end has a channel of its kind; what is not an end has none."""
    channel = s.end_channel[handle]
    kind = s.slot[handle]
    if channel is None:
        return (
            kind == HandleKind.FREE or kind == HandleKind.WAITABLE_SET or kind == HandleKind.SUBTASK
        )
    if p.is_future[channel]:
        return kind == HandleKind.FUTURE_READ or kind == HandleKind.FUTURE_WRITE
    return kind == HandleKind.STREAM_READ or kind == HandleKind.STREAM_WRITE


@lemma("a channel has one readable and one writable end at most")
def ends_are_unique() -> bool:
    """A channel is opened again only once both ends are gone."""
    return all(
        all(
            handle == other
            or s.end_channel[handle] is None
            or s.end_channel[handle] != s.end_channel[other]
            or s.slot[handle] != s.slot[other]
            for other in Handle
        )
        for handle in Handle
    )


# --- the owners of handles ----------------------------------------------------------------------


@lemma("a reader or writer names the end that it is")
def rust_ends_are_real() -> bool:
    """A `StreamReader` is made with its handle and gives it up as it drops it."""
    return all(reader_is_real(channel) and writer_is_real(channel) for channel in Channel)


def reader_is_real(channel: Channel) -> bool:
    """The readable end that a Rust object names is in the table, for this channel."""
    reader = s.readable[channel]
    return reader is None or (
        s.end_channel[reader] == channel
        and (s.slot[reader] == HandleKind.STREAM_READ or s.slot[reader] == HandleKind.FUTURE_READ)
    )


def writer_is_real(channel: Channel) -> bool:
    """The writable end that a Rust object names is in the table, for this channel."""
    writer = s.writable[channel]
    return writer is None or (
        s.end_channel[writer] == channel
        and (s.slot[writer] == HandleKind.STREAM_WRITE or s.slot[writer] == HandleKind.FUTURE_WRITE)
    )


@lemma("a task's set is a set, and its own")
def sets_are_own() -> bool:
    """`add_waitable` makes a new one, which nobody else names."""
    return all(
        set_is_real(task)
        and all(
            task == other
            or s.waitable_set[task] is None
            or s.waitable_set[task] != s.waitable_set[other]
            for other in Task
        )
        for task in Task
    )


def set_is_real(task: Task) -> bool:
    """What the task has as its set is one."""
    wset = s.waitable_set[task]
    return wset is None or s.slot[wset] == HandleKind.WAITABLE_SET


@lemma("the inter-task stream's ends are with its task, and with nobody else")
def inter_task_ends_are_real() -> bool:
    """`make_inter_task_stream` takes both ends out of the hands of the program at once."""
    return all(inter_task_ends_of(task) for task in Task)


def inter_task_ends_of(task: Task) -> bool:
    """Reader and writer of this task, if it has them."""
    channel = p.inter_task_channel[task]
    reader = s.stream[task]
    writer = s.waker_stream[task]
    if channel is None:
        return reader is None and writer is None
    return (
        s.readable[channel] is None
        and s.writable[channel] is None
        and (
            reader is None
            or (s.end_channel[reader] == channel and s.slot[reader] == HandleKind.STREAM_READ)
        )
        and (
            writer is None
            or (s.end_channel[writer] == channel and s.slot[writer] == HandleKind.STREAM_WRITE)
        )
    )


@lemma("an end of an inter-task stream that is in the table is with its task")
def inter_task_ends_are_kept() -> bool:
    """The task gives up a handle only as it drops the end."""
    return all(all(end_is_kept(task, handle) for handle in Handle) for task in Task)


def end_is_kept(task: Task, handle: Handle) -> bool:
    """If the handle is an end of the task's stream, the task has it."""
    channel = p.inter_task_channel[task]
    return (
        channel is None
        or s.end_channel[handle] != channel
        or (
            s.stream[task] == handle
            if s.slot[handle] == HandleKind.STREAM_READ
            else s.waker_stream[task] == handle
        )
    )


@lemma("a task's reader is in no set but the task's own, and its writer in none")
def inter_task_ends_stay_at_home() -> bool:
    """Only `read_inter_task_stream` joins the reader to a set, and nothing the writer."""
    return all(stays_at_home(task) for task in Task)


def stays_at_home(task: Task) -> bool:
    """Reader and writer of this task's own stream."""
    reader = s.stream[task]
    writer = s.waker_stream[task]
    return (
        reader is None or s.wset[reader] is None or s.wset[reader] == s.waitable_set[task]
    ) and (writer is None or s.wset[writer] is None)


@lemma("a living task has both ends of its inter-task stream or none")
def inter_task_ends_live_together() -> bool:
    """They are made at once; the writer goes with the last reference, the task has two."""
    return all(
        not s.alive[task] or (s.stream[task] is None) == (s.waker_stream[task] is None)
        for task in Task
    )


@lemma("a task reads from its inter-task stream while it waits, and not while it polls")
def inter_task_reads_are_waits() -> bool:
    """The read starts as the last thing before a wait, and is cancelled before the next poll.

    A waker of the program runs before that, and a task that was started by hand reads for ever.
    """
    return all(
        not s.stream_reading[task]
        or is_waiting(task)
        or s.phase[task] == Phase.CANCELLING
        or s.phase[task] == Phase.WAKING
        or s.phase[task] == Phase.LOST
        or (s.phase[task] == Phase.DROPPING and s.polling[task] is None)
        for task in Task
    )


@lemma("the reader of an inter-task stream copies while the task reads, and else is idle")
def inter_task_readers_are_in_step() -> bool:
    """The flag is set with the read and cleared with its event or its cancellation."""
    return all(reader_is_in_step(task) for task in Task)


def reader_is_in_step(task: Task) -> bool:
    """The reader of this task, if there is one."""
    reader = s.stream[task]
    channel = p.inter_task_channel[task]
    if reader is None or channel is None:
        return not s.stream_reading[task]
    return not s.dropped[channel] and (
        s.copy_state[reader] == CopyState.COPYING
        and s.pending[reader] != Pending.DROPPED
        and s.pending[reader] != Pending.CANCELLED
        and s.pending[reader] != Pending.SUBTASK
        and s.wset[reader] is not None
        and s.waitable_set[task] is not None
        if s.stream_reading[task]
        else s.copy_state[reader] == CopyState.IDLE
        and s.pending[reader] == Pending.NOTHING
        and s.progress[reader] == 0
        and s.pending_side[channel] == Side.NONE
        and s.wset[reader] is None
    )


@lemma("the writer of an inter-task stream is idle")
def inter_task_writers_are_idle() -> bool:
    """`WakerState::wake` expects its write to complete at once."""
    return all(writer_is_idle(task) for task in Task)


def writer_is_idle(task: Task) -> bool:
    """The writer of this task, if there is one."""
    writer = s.waker_stream[task]
    channel = p.inter_task_channel[task]
    return (
        writer is None
        or channel is None
        or (s.copy_state[writer] == CopyState.IDLE and s.pending_side[channel] != Side.WRITE)
    )


@lemma("a task that sleeps has a stream to wake it, if its release has the feature")
def sleepers_have_a_writer() -> bool:
    """`read_inter_task_stream` makes it at the first sleep."""
    return all(
        s.sleep_state[task] != SleepState.SLEEPING
        or not p.inter_task_wakeup[s.executor_role[task]]
        or s.waker_stream[task] is not None
        for task in Task
    )


# --- operations ---------------------------------------------------------------------------------


@lemma("memory that holds no operation is blank")
def free_operations_are_blank() -> bool:
    """`operation_free` drops every field."""
    return all(exists(operation) or is_unused(operation) for operation in Operation)


def is_unused(operation: Operation) -> bool:
    """Nothing is left of what was in the slot."""
    return (
        s.code[operation] == Code.NONE
        and s.waker[operation] == WakerKind.NONE
        and s.waker_future[operation] is None
        and s.subtask[operation] is None
        and not s.started[operation]
        and s.owner[operation] is None
        and not s.deferred[operation]
    )


@lemma("an operation that was not polled has started nothing")
def unpolled_operations_are_new() -> bool:
    """`WaitableOperation::new` has no code, no waker and no call."""
    return all(
        s.state[operation] != OperationState.START
        or (
            s.code[operation] == Code.NONE
            and s.waker[operation] == WakerKind.NONE
            and s.waker_future[operation] is None
            and s.subtask[operation] is None
        )
        for operation in Operation
    )


@lemma(
    "an operation that never started has no waker, and only the write of a default value its own"
)
def wakers_wait() -> bool:
    """`register_waker` stores one with the progress, and `cancel()` leaves it there.

    `DeferredWrite` polls with itself as waker.
    """
    return all(
        s.waker[operation] == WakerKind.NONE
        or (
            (
                s.state[operation] == OperationState.IN_PROGRESS
                or s.state[operation] == OperationState.DONE
            )
            and (s.waker[operation] == WakerKind.DEFERRED) == s.deferred[operation]
        )
        for operation in Operation
    )


@lemma("a waker is that of a future, or there is none")
def wakers_are_of_futures() -> bool:
    """`set_waker` and `cabi_wake` change both at once."""
    return all(
        (s.waker[operation] == WakerKind.CONTEXT) == (s.waker_future[operation] is not None)
        for operation in Operation
    )


@lemma("an operation that is done or free has no call")
def calls_are_in_progress() -> bool:
    """`in_progress_update` drops the handle when the call is over."""
    return all(
        s.state[operation] == OperationState.IN_PROGRESS
        or (s.subtask[operation] is None and not s.started[operation])
        for operation in Operation
    )


@lemma("only a call has what a call has")
def calls_are_calls() -> bool:
    """`SubtaskOps::start` alone makes it."""
    return all(
        p.kind[operation] == OperationKind.SUBTASK
        or (s.subtask[operation] is None and not s.started[operation])
        for operation in Operation
    )


@lemma("a call has a handle of its own")
def calls_are_own() -> bool:
    """`canon_lower` gives a new handle to each."""
    return all(
        call_is_real(operation)
        and all(
            operation == other
            or s.subtask[operation] is None
            or s.subtask[operation] != s.subtask[other]
            for other in Operation
        )
        for operation in Operation
    )


def call_is_real(operation: Operation) -> bool:
    """The handle of a call is one."""
    handle = s.subtask[operation]
    return handle is None or s.slot[handle] == HandleKind.SUBTASK


@lemma("no operation is leaked")
def operations_are_not_forgotten() -> bool:
    """`mem::forget` needs a scenario that allows it, which is none that the proofs cover."""
    return not any(s.forgotten[operation] for operation in Operation)


@lemma("no reader is with another component")
def readers_are_not_handed_over() -> bool:
    """`take_handle` needs a scenario that allows it, which is none that the proofs cover."""
    return not any(s.handed[channel] for channel in Channel)


@lemma("an end has one operation at most")
def ends_are_borrowed_once() -> bool:
    """An operation on a stream borrows the end, one on a future owns it."""
    return all(
        all(
            operation == other
            or p.channel[operation] is None
            or p.channel[operation] != p.channel[other]
            or p.kind[operation] != p.kind[other]
            or not occupies(operation)
            or not occupies(other)
            for other in Operation
        )
        for operation in Operation
    )


def occupies(operation: Operation) -> bool:
    """Nobody else can make an operation on the same end."""
    channel = p.channel[operation]
    return (
        exists(operation)
        and channel is not None
        and not (p.is_future[channel] and s.state[operation] == OperationState.DONE)
    )


@lemma("an operation that is not done has its end or its call")
def operations_have_their_waitable() -> bool:
    """The end cannot be dropped under an operation; a call's handle goes when it is over."""
    return all(has_its_end(operation) for operation in Operation)


def has_its_end(operation: Operation) -> bool:
    """The waitable of an operation in progress is there."""
    if s.state[operation] == OperationState.START:
        channel = p.channel[operation]
        if channel is None:
            return True
        kind = p.kind[operation]
        if kind == OperationKind.STREAM_READ or kind == OperationKind.FUTURE_READ:
            return s.readable[channel] is not None
        return s.writable[channel] is not None
    return s.state[operation] != OperationState.IN_PROGRESS or waitable_of(operation) is not None


@lemma("a write of a default value is in the slot that is kept for it, and nothing else is")
def deferred_writes_are_apart() -> bool:
    """No operation of the program is ever made there."""
    return all(
        not exists(operation) or s.deferred[operation] == is_kept_for_default(operation)
        for operation in Operation
    )


def is_kept_for_default(operation: Operation) -> bool:
    """The slot is kept for the write of a default value."""
    channel = p.channel[operation]
    return channel is not None and p.deferred_write[channel] == operation


@lemma("a write of a default value is in progress as long as it is there")
def deferred_writes_are_in_progress() -> bool:
    """`DeferredWrite::wake` polls it as it is made, and frees it once it is done."""
    return all(
        not s.deferred[operation] or s.state[operation] == OperationState.IN_PROGRESS
        for operation in Operation
    )


# --- tasks --------------------------------------------------------------------------------------


@lemma("memory that holds no map holds no set either")
def maps_and_sets_end_together() -> bool:
    """Both are dropped with the struct that they are in."""
    return all(
        map_exists(task)
        or (
            s.waitable_set[task] is None
            and all(s.waitables[task][handle] is None for handle in Handle)
        )
        for task in Task
    )


@lemma("a task that has ended has no futures, no stream of its own and no frame")
def ended_tasks_are_over() -> bool:
    """`state_drop_fields` comes before `end_task`."""
    return all(
        s.alive[task]
        or (
            s.stream[task] is None
            and not s.stream_reading[task]
            and s.phase[task] == Phase.ENDED
            and not s.queue_waker[task]
            and not any(s.future_task[future] == task for future in Future)
        )
        for task in Task
    )


@lemma("a task that nobody refers to has no writer")
def writers_end_with_the_last_reference() -> bool:
    """`drop_shared` drops it."""
    return all(s.strong_count[task] > 0 or s.waker_stream[task] is None for task in Task)


# --- the stack ----------------------------------------------------------------------------------


def is_in_frame(task: Task) -> bool:
    """The task runs inside `with_p3_task_set`."""
    return in_program(task) or s.phase[task] == Phase.SET_POLL


def is_on_stack(task: Task) -> bool:
    """The task has a frame: it runs, or is a `block_on` that waits in the host."""
    return (
        is_in_frame(task)
        or s.phase[task] == Phase.BLOCKED_WAIT
        or s.phase[task] == Phase.BLOCKED_POLL
        or (s.phase[task] == Phase.YIELDED and s.executor_role[task] == ExecutorRole.BLOCK_ON)
    )


def is_lowest(task: Task) -> bool:
    """The task's frame has no other of this instance below it."""
    return is_on_stack(task) and s.caller[task] is None


@lemma("a task stands somewhere as long as it is alive")
def living_tasks_stand_somewhere() -> bool:
    """`state_new` is followed by `state_callback`, `end_task` undoes both."""
    return all(s.alive[task] == (s.phase[task] != Phase.ENDED) for task in Task)


@lemma("the context holds the state of an export that is off the stack")
def context_holds_who_waits() -> bool:
    """`callback` takes the state out of the context, and `callback_return` puts it back.

    That of a task that was started by hand is there until the export returns.
    """
    return all(
        s.phase[task] == Phase.LOST
        or s.context[task]
        == (s.phase[task] != Phase.ENDED and not is_block_on(task) and not is_on_stack(task))
        for task in Task
    )


@lemma("an export is resolved once its root future is gone")
def roots_resolve() -> bool:
    """Returning from it gives the result, dropping it acknowledges the cancellation."""
    return all(
        is_block_on(task)
        or not s.alive[task]
        or (s.host_task[task] == HostTask.RESOLVED) == (s.future_task[p.root[task]] != task)
        for task in Task
    )


@lemma("the root future of an export is dropped because of a cancellation")
def roots_are_dropped_when_cancelled() -> bool:
    """Otherwise a task ends only when its futures are done."""
    return all(
        is_block_on(task)
        or not may_be_dropped(p.root[task], task)
        or s.host_task[task] == HostTask.CANCEL_DELIVERED
        for task in Task
    )


def may_be_dropped(root: Future, task: Task) -> bool:
    """The task drops futures, and the root is among those."""
    return (
        s.phase[task] == Phase.DROPPING
        and s.future_task[root] == task
        and (s.polling[task] is None or s.polling[task] == root)
    )


@lemma("a cancellation that is being delivered was requested before the task resolved")
def deliveries_were_requested() -> bool:
    """`callback_return` looks at the host's task, which nothing changes before the delivery."""
    return all(
        s.phase[task] != Phase.CANCELLING or s.host_task[task] == HostTask.PENDING_CANCEL
        for task in Task
    )


@lemma("an export waits off the stack, and a block_on on it")
def roles_wait_where_they_do() -> bool:
    """`callback_return` has a branch for each; the host calls an export, which has no caller."""
    return all(
        (s.caller[task] is None or (is_on_stack(task) and is_block_on(task)))
        and (
            is_block_on(task)
            or (s.phase[task] != Phase.BLOCKED_WAIT and s.phase[task] != Phase.BLOCKED_POLL)
        )
        and (
            not is_block_on(task)
            or (s.phase[task] != Phase.WAITING and s.phase[task] != Phase.CANCELLING)
        )
        for task in Task
    )


def is_block_on(task: Task) -> bool:
    """The task's executor is that of a `block_on`."""
    return s.executor_role[task] == ExecutorRole.BLOCK_ON


@lemma("what runs has a frame, and nothing above it")
def top_is_on_stack() -> bool:
    """`state_callback` puts a task on top, `end_task` uncovers its caller."""
    running = s.running
    return running is None or (
        is_on_stack(running) and not any(s.caller[task] == running for task in Task)
    )


@lemma("a caller is in the program's code, and calls one at a time")
def callers_are_in_the_program() -> bool:
    """The program calls `block_on`, which returns before the program goes on."""
    return all(
        caller_is_in_program(task)
        and all(
            task == other or s.caller[task] is None or s.caller[task] != s.caller[other]
            for other in Task
        )
        for task in Task
    )


def caller_is_in_program(task: Task) -> bool:
    """The caller of this task, if it has one."""
    caller = s.caller[task]
    return caller is None or in_program(caller)


@lemma("an export of synchronous type interrupts a block_on that waits, or nothing")
def interruptions_are_of_waits() -> bool:
    """`Concurrency.md`: while a `block_on` waits nothing else of the instance runs."""
    interrupted = s.interrupted
    return interrupted is None or (
        s.sync_export and s.phase[interrupted] == Phase.BLOCKED_WAIT and interrupted != s.running
    )


@lemma("something runs, or was interrupted, as long as there is a stack")
def stacks_are_run() -> bool:
    """The host acts only when the last frame has gone."""
    return (
        s.running is not None
        or s.interrupted is not None
        or not any(is_lowest(task) for task in Task)
    )


@lemma("there is a second stack only above a wait that was interrupted")
def stacks_are_counted() -> bool:
    """The host calls only when nothing runs; the one exception is `call_sync_export`."""
    return (s.running is not None and s.interrupted is not None) or all(
        all(task == other or not is_lowest(task) or not is_lowest(other) for other in Task)
        for task in Task
    )


@lemma("there is no third stack")
def stacks_are_two_at_most() -> bool:
    """While an export of synchronous type blocks nothing else of the instance runs."""
    return all(
        all(
            all(
                not are_distinct(task, other, third)
                or not is_lowest(task)
                or not is_lowest(other)
                or not is_lowest(third)
                for third in Task
            )
            for other in Task
        )
        for task in Task
    )


def are_distinct(task: Task, other: Task, third: Task) -> bool:
    """No two of the three are one."""
    return task != other and other != third and task != third


@lemma("what an export of synchronous type calls, or one that is lifted so, is not an export")
def synchronous_exports_call_no_exports() -> bool:
    """The host calls an export on a callback only when nothing of the instance runs."""
    running = s.running
    return (running is None or not s.sync_export or is_block_on(lowest_below(running))) and (
        not s.sync_lifted or all(not is_on_stack(task) or is_block_on(task) for task in Task)
    )


@lemma("while a cancellation is being delivered nothing runs")
def cancellations_are_delivered_at_once() -> bool:
    """`callback_return` leaves the stack empty, and no export is called before the delivery."""
    return all(
        s.phase[task] != Phase.CANCELLING
        or (
            s.running is None
            and not s.sync_export
            and not s.sync_lifted
            and all(other == task or s.phase[other] != Phase.CANCELLING for other in Task)
        )
        for task in Task
    )


@lemma("a frame that a task called will restore that task")
def frames_restore_their_callers() -> bool:
    """`with_p3_task_set` finds the task whose code calls `block_on`."""
    return all(
        s.caller[task] is None or not is_in_frame(task) or s.saved_task[task] == s.caller[task]
        for task in Task
    )


@lemma("the lowest frame of a stack will restore what was there before the stack")
def stacks_restore_what_was_before() -> bool:
    """That is null, and above an interrupted `block_on` whatever its caller left there."""
    running = s.running
    interrupted = s.interrupted
    return (running is None or lowest_restores(running, expected_below(interrupted))) and (
        interrupted is None
        or (
            lowest_restores(interrupted, None)
            and (running is None or lowest_below(running) != lowest_below(interrupted))
        )
    )


def lowest_restores(task: Task, before: Task | None) -> bool:
    """The lowest frame under this task will put back `before`."""
    lowest = lowest_below(task)
    return not is_in_frame(lowest) or s.saved_task[lowest] == before


def lowest_below(task: Task) -> Task:
    """The lowest frame of the stack that this task's frame is part of."""
    frame = task
    for _ in Task:
        caller = s.caller[frame]
        if caller is not None:
            frame = caller
    return frame


@lemma("what is polled belongs to the task that polls it")
def polled_futures_are_own() -> bool:
    """`Tasks::poll_next` polls its own; whatever ends the poll forgets it."""
    return all(polls_its_own(task) for task in Task)


def polls_its_own(task: Task) -> bool:
    """The future that this task polls, if it polls one."""
    future = s.polling[task]
    if future is None:
        return s.phase[task] != Phase.POLLING
    return s.future_task[future] == task and (
        s.phase[task] == Phase.POLLING or (s.phase[task] == Phase.DROPPING and is_aborted(task))
    )


@lemma("a future is in the task that it belongs to, or was spawned into one that spawns")
def futures_are_where_they_belong() -> bool:
    """`Tasks::new` takes the root, `drain_spawned` what was spawned, and only with the feature."""
    return all(is_where_it_belongs(future) for future in Future)


def is_where_it_belongs(future: Future) -> bool:
    """The task, or the list of what was spawned, that this future is in."""
    task = s.future_task[future]
    if task is None:
        return s.spawned_in[future] is None or p.task_of[future] is None
    return s.spawned_in[future] is None and (
        p.root[task] == future
        or (p.task_of[future] is None and p.async_spawn[s.executor_role[task]])
    )
