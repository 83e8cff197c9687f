"""The specification after pull request 705: threads of an instance that go on in any order.

Mirrors `definitions.py` at commit 26e6ea9d934851b3ae30c4b5f98426f47b6b94a2, a commit of the branch
of pull request 717, which has 687, 705, 707, 708, 715 and 716. What waits in the host does not run
any more: while an export of synchronous type waits, any thread of its instance goes on that is
ready, also the one that holds the exclusive lock.

A thread is an export of async type, or one of the exports of synchronous type that are open
(`SyncExport`), with the `block_on` above it. It waits with its frames on the instance's one
linear-memory stack. The pointer to that stack is a global of the guest: a function sets it back
when it returns, so that a thread that goes on sets it to its own frames again. A frame is one unit
here, and what lies at or above the pointer of the code that runs is overwritten.

Left out: `thread.new` and its kin, for which an instance would need threads of its own choosing;
reentrance through a call of an import. 719 and 720, which the base text has, are newer than this.
"""

from __future__ import annotations

from model.host import (
    check_lift,
    deliverable,
    get_pending_event,
    has_pending_event,
    is_waiting,
    packed_result,
    reset_and_notify_pending,
    reset_pending,
    resolved,
    side_of,
    stream_copy,
    subtask_event,
    table_get,
    table_remove,
)
from model.program import exists, may_return, may_take, program_runs
from model.state import Parameters, State
from model.types import (
    CallbackCode,
    Channel,
    Code,
    CopyState,
    Count,
    ExecutorRole,
    Handle,
    HandleKind,
    HostTask,
    Items,
    Operation,
    Pending,
    Phase,
    Side,
    SubtaskState,
    Task,
)
from model.waitable import cancelled_with, leave_set, operation_free
from wakeproof.language import (
    Array,
    Enumeration,
    Index,
    action,
    auto,
    builtin,
    declare,
    fair,
    guard,
    invariant,
    require,
    side,
    tested,
    trap,
)

BASE = "spec_6d28164"
HOST = "the specification after pull request 705 (26e6ea9d)"


class SyncExport(Index):
    """A slot for a call of an export that is no callback task: it may wait in the host."""


class SyncState(Enumeration):
    """Whether a slot has a call: OF_TYPE is of synchronous type, LIFTED lifted synchronously."""

    FREE = auto()
    OF_TYPE = auto()
    LIFTED = auto()


class ThreadParameters(Parameters):
    """What a scenario fixes besides: the order of the slots, as that of the handles."""

    next_export: Array[SyncExport, SyncExport | None]


class ThreadState(State):
    """The threads of the instance, and its linear-memory stack."""

    sync_state: Array[SyncExport, SyncState]
    sync_running: SyncExport | None
    sync_caller: Array[Task, SyncExport | None]
    # the call whose callee has not answered `subtask.cancel` yet, by the frame that waits for it
    given_up: Array[Task, Operation | None]
    sync_given_up: Array[SyncExport, Operation | None]
    stack_pointer: Count
    frame: Array[Task, Count]
    sync_frame: Array[SyncExport, Count]
    # `has_sync_waiter`; and the sets on which a thread waits that is not a task of the runtime
    sync_waiter: Array[Handle, bool]
    set_waiter: Array[Handle, bool]


s = declare(ThreadState)
p = declare(ThreadParameters)


# --- threads ------------------------------------------------------------------------------------


def a_frame_runs() -> bool:
    """Code of the instance runs."""
    return s.running is not None or s.sync_running is not None


def has_turn(task: Task) -> bool:
    """The task's frame is on the stack: a callback has not returned, or it is a `block_on`."""
    phase = s.phase[task]
    return s.alive[task] and (
        (s.executor_role[task] == ExecutorRole.BLOCK_ON and phase != Phase.LOST)
        or phase == Phase.POLLING
        or phase == Phase.SET_POLL
        or phase == Phase.DROPPING
        or phase == Phase.WAKING
    )


def lock_is_held() -> bool:
    """`exclusive_thread`: a callback or an export lifted synchronously has not returned."""
    return any(
        s.executor_role[task] == ExecutorRole.EXPORT
        and (has_turn(task) or s.phase[task] == Phase.CANCELLING)
        for task in Task
    ) or any(s.sync_state[export] == SyncState.LIFTED for export in SyncExport)


def waits_suspended(task: Task) -> bool:
    """The task is on top of a thread that waits in the host."""
    return waits_for_event(task) or s.given_up[task] is not None


def waits_for_event(task: Task) -> bool:
    """The task is on top of a thread that waits in `waitable-set.wait`."""
    return s.phase[task] == Phase.BLOCKED_WAIT and s.running != task


def may_go_on(task: Task) -> bool:
    """The task is on top of a thread that waits in the host, and its wait is over."""
    return (waits_for_event(task) and has_pending_event(task)) or is_answered(s.given_up[task])


def is_parked(task: Task) -> bool:
    """The callback of the task has returned WAIT or YIELD."""
    return s.executor_role[task] == ExecutorRole.EXPORT and (
        s.phase[task] == Phase.WAITING or s.phase[task] == Phase.YIELDED
    )


def is_due(task: Task) -> bool:
    """The parked task has something to be called back with."""
    return is_parked(task) and (
        s.phase[task] == Phase.YIELDED or has_pending_event(task) or cancel_is_pending(task)
    )


def a_thread_is_ready() -> bool:
    """`Store.tick`: some thread of the instance can go on."""
    return any(
        may_go_on(task)
        or s.phase[task] == Phase.CANCELLING
        or (is_due(task) and not lock_is_held())
        for task in Task
    ) or any(is_answered(s.sync_given_up[export]) for export in SyncExport)


@side("host")
def must_switch() -> bool:
    """`canon_lift`, lines 2120 to 2124: only ready threads of the instance may go on now."""
    return any(s.sync_state[export] == SyncState.OF_TYPE for export in SyncExport)


@side("host")
def cancel_is_pending(task: Task) -> bool:
    """The task is called back with its cancellation before anything else."""
    return s.host_task[task] == HostTask.PENDING_CANCEL


@side("host")
def idle() -> bool:
    """No frame runs, and nobody has the exclusive lock."""
    return not a_frame_runs() and not lock_is_held()


@side("host")
def outside_runs() -> bool:
    """The callers and the peers outside may act."""
    return (
        not a_frame_runs()
        and not must_switch()
        and not any(s.phase[task] == Phase.CANCELLING for task in Task)
    )


def push_frame() -> Count:
    """The place of a new frame on the linear-memory stack."""
    place = s.stack_pointer
    s.stack_pointer = place + 1
    return place


def pop_frame(task: Task) -> None:
    """The task's frame is gone, and the pointer is where it was before."""
    place = s.frame[task]
    s.frame[task] = 0
    set_stack_pointer(place)


def set_stack_pointer(place: Count) -> None:
    """The pointer is at `place`. Of the places only their order counts, and which of them is 0.

    So a place above 0 that is neither a frame's nor the pointer's any more is taken out.
    """
    old = s.stack_pointer
    s.stack_pointer = place
    if (
        old > 0
        and place != old
        and not any(s.frame[task] == old for task in Task)
        and not any(s.sync_frame[export] == old for export in SyncExport)
    ):
        for task in Task:
            if s.frame[task] > old:
                s.frame[task] = s.frame[task] - 1
        for export in SyncExport:
            if s.sync_frame[export] > old:
                s.sync_frame[export] = s.sync_frame[export] - 1
        if place > old:
            s.stack_pointer = place - 1


# --- exports ------------------------------------------------------------------------------------


def comes_before(slot: SyncExport, other: SyncExport) -> bool:
    """A slot comes before another in the order in which calls take them."""
    following = p.next_export[slot]
    found = False
    for _ in SyncExport:
        found = found or following == other
        following = None if following is None else p.next_export[following]
    return found


@side("host")
def may_call_export() -> bool:
    """An export of async type can be entered; one that finds the lock taken waits outside."""
    return idle() and outside_runs()


@side("host")
def may_call_sync_export() -> bool:
    """An export of synchronous type needs no lock."""
    return outside_runs() and any(s.sync_state[e] == SyncState.FREE for e in SyncExport)


def enter_export(kind: SyncState) -> None:
    """A call takes the first slot that is free, and runs."""
    for export in SyncExport:
        if s.sync_running is None and is_first_free(export):
            s.sync_running = export
            s.sync_state[export] = kind
            s.sync_frame[export] = push_frame()


def is_first_free(export: SyncExport) -> bool:
    """The slot is free, and so is none before it."""
    return s.sync_state[export] == SyncState.FREE and not any(
        s.sync_state[other] == SyncState.FREE and comes_before(other, export)
        for other in SyncExport
    )


@side("host")
def enter_sync_export() -> None:
    """The export runs in a thread of its own."""
    enter_export(SyncState.OF_TYPE)


@side("host")
def may_call_sync_lifted_export() -> bool:
    """An export of async type that is lifted synchronously needs the lock."""
    return may_call_export() and any(s.sync_state[e] == SyncState.FREE for e in SyncExport)


@side("host")
def enter_sync_lifted_export() -> None:
    """The export runs, and holds the exclusive lock."""
    enter_export(SyncState.LIFTED)


@side("host")
def sync_export_runs() -> bool:
    """The code of an export runs that is no callback task."""
    return s.sync_running is not None


def runs_as(kind: SyncState) -> bool:
    """The code of an export of this kind runs, and has no `block_on` above it."""
    export = s.sync_running
    return export is not None and s.sync_state[export] == kind


@side("host")
def may_return_sync_export() -> bool:
    """The code of an export of synchronous type runs, and may return."""
    return runs_as(SyncState.OF_TYPE)


@side("host")
def may_return_sync_lifted_export() -> bool:
    """The code of an export that was lifted synchronously runs, and may return."""
    return runs_as(SyncState.LIFTED)


def leave_export() -> None:
    """The call that runs is over; the host picks who goes on."""
    export = s.sync_running
    if export is not None:
        place = s.sync_frame[export]
        s.sync_frame[export] = 0
        set_stack_pointer(place)
        s.sync_state[export] = SyncState.FREE
        s.sync_running = None


@side("host")
def leave_sync_export() -> None:
    """An export of synchronous type returns."""
    leave_export()


@side("host")
def leave_sync_lifted_export() -> None:
    """An export that was lifted synchronously returns, and gives the lock back."""
    leave_export()


# --- callback tasks -----------------------------------------------------------------------------


@side("host")
def may_deliver_event(task: Task, waitable: Handle) -> bool:
    """`wait_from_callback`, lines 780 to 791: a cancellation that is pending comes first."""
    return (
        idle()
        and s.phase[task] == Phase.WAITING
        and deliverable(task, waitable)
        and not cancel_is_pending(task)
    )


@side("host")
def may_resume_yielded(task: Task) -> bool:
    """The callback loop after YIELD, lines 2098 to 2102: a cancellation comes first."""
    return idle() and s.phase[task] == Phase.YIELDED and not cancel_is_pending(task)


@side("host")
def ask_to_cancel(task: Task) -> None:
    """`Task.request_cancellation`, lines 462 to 469: who has started is not resumed."""
    s.host_task[task] = HostTask.PENDING_CANCEL


@side("host")
def may_deliver_cancel(task: Task) -> bool:
    """At once when the callback returns, line 2091; else as soon as the lock is free."""
    return not a_frame_runs() and (
        s.phase[task] == Phase.CANCELLING
        or (is_parked(task) and cancel_is_pending(task) and not lock_is_held())
    )


@side("host")
def begin_turn(task: Task) -> None:
    """The host has called the export, or its callback."""
    s.frame[task] = push_frame()


@side("host")
def end_turn(task: Task, code: CallbackCode) -> None:
    """The callback loop of `canon_lift`, from the code of the callback on."""
    leave_turn(task)
    if s.host_task[task] == HostTask.PENDING_CANCEL:
        s.phase[task] = Phase.CANCELLING
    else:
        s.phase[task] = Phase.YIELDED if code == CallbackCode.YIELD else Phase.WAITING


def leave_turn(task: Task) -> None:
    """The frame of a callback is gone."""
    s.running = None
    pop_frame(task)


# --- frames -------------------------------------------------------------------------------------


@side("host")
def enter_frame(task: Task) -> None:
    """The frame of a `block_on` lies above that of its caller."""
    s.caller[task] = s.running
    s.sync_caller[task] = s.sync_running
    s.sync_running = None
    s.frame[task] = push_frame()


@side("host")
def leave_frame(task: Task) -> None:
    """The frame is gone: its caller runs, and the pointer is where it was for the caller."""
    return_to_caller(task)


@side("host")
def lose_frame(task: Task) -> None:
    """The export that has called `start_task` goes on; the task stays one of its thread."""
    s.sync_running = s.sync_caller[task]
    s.running = None
    pop_frame(task)


@side("host")
def started_here(task: Task) -> bool:
    """The task was started by hand in the export that runs."""
    return s.phase[task] == Phase.LOST and s.sync_caller[task] == s.sync_running


def return_to_caller(task: Task) -> None:
    """What called the task runs: a task, an export that is no callback task, or the host."""
    s.running = s.caller[task]
    s.sync_running = s.sync_caller[task]
    s.caller[task] = None
    s.sync_caller[task] = None
    pop_frame(task)


@side("host")
def wait_in_host(task: Task) -> None:
    """`waitable-set.wait` gives an event that is there at once; else the thread is suspended."""
    s.phase[task] = Phase.BLOCKED_WAIT
    if not has_pending_event(task):
        s.running = None


@side("host")
def may_end_wait(task: Task, waitable: Handle) -> bool:
    """The event is there, and the thread runs still or may be picked."""
    return (
        s.phase[task] == Phase.BLOCKED_WAIT
        and deliverable(task, waitable)
        and (s.running == task or not a_frame_runs())
    )


@side("host")
def go_on(task: Task) -> None:
    """A thread goes on: as soon as a function returns in it, the pointer is at its own frames."""
    if s.running != task:
        set_stack_pointer(s.frame[task] + 1)


@side("host")
def is_blocked_alone(task: Task) -> bool:
    """Line 2123: an export of synchronous type waits, and no thread of the instance is ready."""
    return (
        must_switch()
        and not a_frame_runs()
        and waits_suspended(task)
        and under_sync_export(task)
        and not a_thread_is_ready()
    )


def under_sync_export(task: Task) -> bool:
    """The task is in a thread whose lowest frame is an export of synchronous type."""
    frame = task
    found = False
    for _ in Task:
        export = s.sync_caller[frame]
        found = found or (export is not None and s.sync_state[export] == SyncState.OF_TYPE)
        below = s.caller[frame]
        frame = frame if below is None else below
    return found


# --- drops that wait ----------------------------------------------------------------------------


@action("program")
def drop_call_and_wait(operation: Operation) -> None:
    """Drop a call whose callee has started and does not answer its cancellation at once."""
    guard(program_runs() and exists(operation) and may_take(operation) and may_return(operation))
    guard(cancel_may_wait(operation))
    leave_set(operation)
    canon_subtask_cancel_begins(operation)
    s.owner[operation] = None
    s.deferred[operation] = True
    wait_for_callee(operation)


def cancel_may_wait(operation: Operation) -> bool:
    """`subtask.cancel` will not trap (lines 2381 to 2383); that it may is `drop_operation`.

    A call without an event that its task has had leaves its set.
    """
    handle = s.subtask[operation]
    return (
        handle is not None
        and not s.cancellation_requested[handle]
        and (s.code[operation] == Code.NONE or s.wset[handle] is None)
    )


def canon_subtask_cancel_begins(operation: Operation) -> None:
    """`canon_subtask_cancel`, lines 2384 to 2387."""
    handle = s.subtask[operation]
    if handle is not None:
        s.cancellation_requested[handle] = True


@side("host")
def wait_for_callee(operation: Operation) -> None:
    """`canon_subtask_cancel`, line 2390: the thread is suspended until the callee has answered."""
    suspend_in_cancel(operation)


def suspend_in_cancel(operation: Operation) -> None:
    """The frame that runs waits for the callee."""
    task = s.running
    export = s.sync_running
    if task is not None:
        s.given_up[task] = operation
    elif export is not None:
        s.sync_given_up[export] = operation
    s.running = None
    s.sync_running = None


def is_answered(operation: Operation | None) -> bool:
    """The callee of this call has answered its cancellation."""
    if operation is None:
        return False
    handle = s.subtask[operation]
    return handle is not None and resolved(handle)


@action("peer")
def acknowledge_cancel(handle: Handle) -> None:
    """The callee of a subtask gives up, as it was asked to."""
    guard(outside_runs() and s.slot[handle] == HandleKind.SUBTASK and not resolved(handle))
    guard(s.cancellation_requested[handle])
    s.subtask_state[handle] = SubtaskState.CANCELLED_BEFORE_RETURNED
    s.pending[handle] = Pending.SUBTASK


@action("host")
@fair("task")
def end_cancel(task: Task) -> None:
    """The callee has answered: the thread goes on with the rest of the drop."""
    operation = require(s.given_up[task])
    handle = require(s.subtask[operation])
    guard(resolved(handle) and not a_frame_runs())
    go_on(task)
    s.running = task
    s.given_up[task] = None
    finish_given_up(operation, handle)


@action("host")
@fair("export")
def end_cancel_of_sync_export(export: SyncExport) -> None:
    """The same, in the code of an export that is no callback task."""
    operation = require(s.sync_given_up[export])
    handle = require(s.subtask[operation])
    guard(resolved(handle) and not a_frame_runs())
    sync_export_goes_on(export)
    s.sync_running = export
    s.sync_given_up[export] = None
    finish_given_up(operation, handle)


@side("host")
def sync_export_goes_on(export: SyncExport) -> None:
    """As `go_on`."""
    set_stack_pointer(s.sync_frame[export] + 1)


def finish_given_up(operation: Operation, handle: Handle) -> None:
    """What `operation_drop` does after the host's answer."""
    cancelled_with(operation, canon_subtask_cancel_ends(handle))
    operation_free(operation)


@builtin("subtask.cancel")
def canon_subtask_cancel_ends(handle: Handle) -> Code:
    """`canon_subtask_cancel`, lines 2394 to 2399."""
    return take_resolution(handle)


def take_resolution(handle: Handle) -> Code:
    """The result of the builtin, whose event is not delivered any more."""
    s.pending[handle] = Pending.NOTHING
    return subtask_event(handle)


@action("host")
def trap_blocked_cancel(export: SyncExport) -> None:
    """An export of synchronous type waits for a callee, and no thread that may go on is ready."""
    guard(cancel_is_blocked_alone(export))
    trap("host::canon_lift::sync-blocked-alone")


@side("host")
def cancel_is_blocked_alone(export: SyncExport) -> bool:
    """As `is_blocked_alone`."""
    return (
        must_switch()
        and not a_frame_runs()
        and s.sync_given_up[export] is not None
        and s.sync_state[export] == SyncState.OF_TYPE
        and not a_thread_is_ready()
    )


# --- copies -------------------------------------------------------------------------------------


@side("host")
def stream_event(handle: Handle, channel: Channel, result: Pending) -> Code:
    """`stream_event` in `stream_copy`, lines 2453 to 2467: a drop counts until the delivery."""
    if s.pending_side[channel] == side_of(handle):
        reset_pending(channel)
    items = s.progress[handle]
    s.progress[handle] = 0
    dropped = result == Pending.DROPPED or s.dropped[channel]
    s.copy_state[handle] = CopyState.DONE if dropped else CopyState.IDLE
    return packed_result(Pending.DROPPED if dropped else result, items)


@side("host")
def notify_dropped(channel: Channel) -> None:
    """`AsyncValue.drop`, lines 987 to 991: the other end is gone."""
    copying = s.pending_side[channel]
    reset_pending(channel)
    for handle in Handle:
        if (
            s.end_channel[handle] == channel
            and hears_of_drop(handle, copying)
            and (not p.is_future[channel] or s.pending[handle] != Pending.COMPLETED)
        ):
            s.pending[handle] = Pending.DROPPED


@side("host")
def hears_of_drop(handle: Handle, copying: Side) -> bool:
    """Before pull request 720 only an end whose copy is pending has an event of the drop."""
    return side_of(handle) == copying


@side("host")
def cancel_copy(handle: Handle, kind: HandleKind) -> Code:
    """`cancel_copy`, called synchronously: traps while the end is in a set, or waited for."""
    if table_get(handle) != kind:
        trap("host::cancel_copy::wrong-end")
    if s.copy_state[handle] != CopyState.COPYING or s.sync_waiter[handle]:
        trap("host::cancel_copy::not-copying")
    if s.wset[handle] is not None:
        trap("host::cancel_copy::sync-in-set")
    s.copy_state[handle] = CopyState.CANCELLING_COPY
    channel = s.end_channel[handle]
    if channel is not None:
        if s.pending[handle] == Pending.NOTHING:
            reset_and_notify_pending(channel, Pending.CANCELLED)
        elif s.pending[handle] == Pending.COMPLETED and not p.is_future[channel]:
            s.pending[handle] = late_cancel()
    return get_pending_event(handle)


@side("host")
def late_cancel() -> Pending:
    """How a copy ends that is cancelled when it is over: pull request 719 is newer."""
    return Pending.COMPLETED


# --- transfers ----------------------------------------------------------------------------------


@builtin("pass stream")
def canon_stream_pass(handle: Handle) -> None:
    """Give a readable end to a callee, which gives it back: under the index freed last, its own."""
    check_lift(handle, HandleKind.STREAM_READ)


@builtin("pass future")
def canon_future_pass(handle: Handle) -> None:
    """Give a readable end to a callee, which gives it back: under the index freed last, its own."""
    check_lift(handle, HandleKind.FUTURE_READ)


# --- builtins that wait -------------------------------------------------------------------------

# The runtime calls none of these but `subtask.cancel`, whose waits in a program are above. Here a
# thread waits that is not a task of the runtime: BLOCKED means that it does, `end_sync_wait` and
# `end_set_wait` that it goes on.


@side("host")
@builtin("waitable-set.drop")
def canon_waitable_set_drop(wset: Handle) -> None:
    """Drop a set; traps if it has members or a thread waits on it."""
    if table_get(wset) != HandleKind.WAITABLE_SET:
        trap("host::canon_waitable_set_drop::not-a-set")
    if any(s.wset[handle] == wset for handle in Handle):
        trap("host::WaitableSet.drop::not-empty")
    if s.set_waiter[wset] or any(is_waiting(t) and s.waitable_set[t] == wset for t in Task):
        trap("host::WaitableSet.drop::has-waiters")
    table_remove(wset)


@side("host")
@builtin("waitable.join")
def canon_waitable_join(waitable: Handle, wset: Handle | None) -> None:
    """Move a waitable into a set, or out of every set; traps if a builtin waits for it."""
    if table_get(waitable) == HandleKind.WAITABLE_SET:
        trap("host::canon_waitable_join::not-a-waitable")
    if s.sync_waiter[waitable] and (wset is not None or leaving_traps(waitable)):
        trap("host::canon_waitable_join::sync-waiter")
    if wset is not None and table_get(wset) != HandleKind.WAITABLE_SET:
        trap("host::canon_waitable_join::not-a-set")
    s.wset[waitable] = wset


@side("host")
def leaving_traps(waitable: Handle) -> bool:
    """A waitable that a builtin waits for cannot be joined to no set either, line 2363."""
    return True


@builtin("stream.read")
def canon_stream_read_sync(handle: Handle, items: Items) -> Code:
    """Read `items` at most, and wait for one."""
    return sync_copy(handle, HandleKind.STREAM_READ, items)


@builtin("stream.write")
def canon_stream_write_sync(handle: Handle, items: Items) -> Code:
    """Write `items` at most, and wait until one is taken."""
    return sync_copy(handle, HandleKind.STREAM_WRITE, items)


@builtin("future.read")
def canon_future_read_sync(handle: Handle) -> Code:
    """Read the value, and wait for it."""
    return sync_copy(handle, HandleKind.FUTURE_READ, 1)


@builtin("future.write")
def canon_future_write_sync(handle: Handle) -> Code:
    """Write the value, and wait until it is taken."""
    return sync_copy(handle, HandleKind.FUTURE_WRITE, 1)


def sync_copy(handle: Handle, kind: HandleKind, items: Items) -> Code:
    """`stream_copy` and `future_copy`, called synchronously: traps while the end is in a set."""
    if table_get(handle) == kind and s.copy_state[handle] == CopyState.IDLE:
        check_sync_copy(handle, kind)
    code = stream_copy(handle, kind, items)
    if code == Code.BLOCKED:
        trap_in_set(handle, kind)
        s.sync_waiter[handle] = True
    return code


@side("host")
def check_sync_copy(handle: Handle, kind: HandleKind) -> None:
    """The trap comes before anything is copied, lines 2446 and 2504."""
    trap_in_set(handle, kind)


def trap_in_set(handle: Handle, kind: HandleKind) -> None:
    """Trap if the end is in a set."""
    if s.wset[handle] is not None:
        if kind == HandleKind.STREAM_READ or kind == HandleKind.STREAM_WRITE:
            trap("host::stream_copy::sync-in-set")
        trap("host::future_copy::sync-in-set")


@builtin("subtask.cancel")
def canon_subtask_cancel_sync(handle: Handle) -> Code:
    """Cancel synchronously; a callee that has started does not answer at once."""
    request_cancel(handle)
    if not resolved(handle):
        s.sync_waiter[handle] = True
        return Code.BLOCKED
    return take_resolution(handle)


@builtin("subtask.cancel")
def canon_subtask_cancel_async(handle: Handle, callee_answers: bool, callee_returns: bool) -> Code:
    """Cancel asynchronously; a callee that has started gives up, unless `callee_returns`."""
    return cancel_at_once(handle, callee_answers, callee_returns)


def cancel_at_once(handle: Handle, callee_answers: bool, callee_returns: bool) -> Code:
    """`canon_subtask_cancel` without a wait: BLOCKED, unless the call has resolved."""
    request_cancel(handle)
    if callee_answers and not resolved(handle):
        s.subtask_state[handle] = (
            SubtaskState.RETURNED if callee_returns else SubtaskState.CANCELLED_BEFORE_RETURNED
        )
    return take_resolution(handle) if resolved(handle) else Code.BLOCKED


def request_cancel(handle: Handle) -> None:
    """`canon_subtask_cancel`, lines 2379 to 2387; a callee that has not started never does."""
    if table_get(handle) != HandleKind.SUBTASK:
        trap("host::canon_subtask_cancel::not-a-subtask")
    if s.resolve_delivered[handle]:
        trap("host::canon_subtask_cancel::resolution-delivered")
    if s.cancellation_requested[handle] and not may_cancel_again(handle):
        trap("host::canon_subtask_cancel::cancelled-twice")
    if s.wset[handle] is not None:
        trap("host::canon_subtask_cancel::sync-in-set")
    if not resolved(handle):
        s.cancellation_requested[handle] = True
        if s.subtask_state[handle] == SubtaskState.STARTING:
            s.subtask_state[handle] = SubtaskState.CANCELLED_BEFORE_STARTED


@side("host")
def may_cancel_again(handle: Handle) -> bool:
    """Whether a second cancellation does not trap."""
    return False


@builtin("event")
def sync_wait_is_over(handle: Handle) -> bool:
    """A builtin waits for the end, or for the callee of a call, and can go on (line 2390)."""
    if s.slot[handle] == HandleKind.SUBTASK:
        return s.sync_waiter[handle] and resolved(handle)
    return s.sync_waiter[handle] and s.pending[handle] != Pending.NOTHING


@builtin("event")
def end_sync_wait(handle: Handle) -> Code:
    """`wait_for_pending_event`, lines 725 to 729, from its end on: the result of the builtin."""
    s.sync_waiter[handle] = False
    return get_pending_event(handle)


@builtin("waitable-set.wait")
def canon_waitable_set_wait_any(wset: Handle) -> None:
    """Wait on any set."""
    if table_get(wset) != HandleKind.WAITABLE_SET:
        trap("host::canon_waitable_set_wait::not-a-set")
    s.set_waiter[wset] = True


@builtin("event")
def end_set_wait(wset: Handle, waitable: Handle) -> Code:
    """`WaitableSet.wait`, lines 768 to 772, from its end on: the event of `waitable`."""
    s.set_waiter[wset] = False
    return get_pending_event(waitable)


# --- what the properties ask --------------------------------------------------------------------


@side("host")
def a_drop_waits() -> bool:
    """Some frame waits until a callee has answered."""
    return any(s.given_up[task] is not None for task in Task) or any(
        s.sync_given_up[export] is not None for export in SyncExport
    )


@side("host")
def is_given_up(operation: Operation) -> bool:
    """Some frame waits in the drop of this operation."""
    return any(s.given_up[task] == operation for task in Task) or any(
        s.sync_given_up[export] == operation for export in SyncExport
    )


def shares_thread(task: Task, other: Task) -> bool:
    """One of the two lies below the other in the same thread."""
    return is_below(task, other) or is_below(other, task)


def is_below(task: Task, other: Task) -> bool:
    """The frame of `task` lies below that of `other`, in the same thread."""
    frame = s.caller[other]
    found = False
    for _ in Task:
        found = found or frame == task
        frame = None if frame is None else s.caller[frame]
    return found


def is_exclusive(task: Task) -> bool:
    """The thread of the task holds the exclusive lock."""
    export = s.sync_caller[lowest(task)]
    return s.executor_role[lowest(task)] == ExecutorRole.EXPORT or (
        export is not None and s.sync_state[export] == SyncState.LIFTED
    )


def lowest(task: Task) -> Task:
    """The lowest task in the thread of `task`."""
    frame = task
    for _ in Task:
        below = s.caller[frame]
        frame = frame if below is None else below
    return frame


@side("host")
def may_deliver(task: Task, waiter: Task) -> bool:
    """While `waiter` waits, `task` may run: not below it, and no callback while it has the lock."""
    return s.alive[task] and (
        task == waiter
        or s.phase[waiter] != Phase.BLOCKED_WAIT
        or (
            not shares_thread(task, waiter)
            and (
                s.executor_role[task] == ExecutorRole.BLOCK_ON
                or has_turn(task)
                or not is_exclusive(waiter)
            )
        )
    )


@side("host")
def nothing_runs() -> bool:
    """No export is under way that is not a task, and no frame runs."""
    return not a_frame_runs() and all(s.sync_state[e] == SyncState.FREE for e in SyncExport)


def is_empty() -> bool:
    """No frame of the instance is on the stack."""
    return not any(has_turn(task) for task in Task) and nothing_runs()


@side("host")
def task_pointer_is_right() -> bool:
    """The pointer is that of the frame that runs, and null when no frame is on the stack.

    While threads wait it may be what any of them needs; each sets it when it goes on.
    """
    running = s.running
    if running is None:
        return not is_empty() or s.wasip3_task is None
    if (
        s.phase[running] == Phase.BLOCKED_WAIT
        or s.phase[running] == Phase.BLOCKED_POLL
        or s.phase[running] == Phase.YIELDED
    ):
        return True
    return s.wasip3_task == running


@invariant("no-frame-overwritten")
def no_frame_overwritten() -> bool:
    """What waits lies below the stack pointer of the code that runs."""
    return not a_frame_runs() or (
        all(not has_turn(task) or s.frame[task] < s.stack_pointer for task in Task)
        and all(
            s.sync_state[export] == SyncState.FREE or s.sync_frame[export] < s.stack_pointer
            for export in SyncExport
        )
    )


@tested("no-frame-overwritten")
def a_frame_waits_below() -> bool:
    """Code runs while another frame waits."""
    return a_frame_runs() and (
        any(has_turn(task) for task in Task)
        or any(s.sync_state[export] != SyncState.FREE for export in SyncExport)
    )


@invariant("stack-pointer-restored")
def stack_pointer_restored() -> bool:
    """Once no frame is on the stack its pointer is where it began."""
    return not is_empty() or s.stack_pointer == 0


@tested("stack-pointer-restored")
def the_stack_is_empty() -> bool:
    """No frame is on the stack."""
    return is_empty()
