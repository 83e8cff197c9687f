"""Wasmtime 50.0.1, where it differs from the specification after pull request 705.

Mirrors the crate `wasmtime` 50.0.1, `src/runtime/component/concurrent.rs`, which the line numbers
are of. Callers are other components; an embedder's own calls are not modelled apart. The event loop
takes work in the order of its queues; here it takes any that is there.

- A wait while a call of synchronous type is in progress makes one ready thread of the instance go
  on, or traps (2175). Then everything goes on, other instances too, also if that thread waits again
  or its callback returns WAIT or YIELD; a callback that returns EXIT is held to the rule (2797).
- Whether such a call is in progress is one flag of the instance, `do_not_suspend`, which each call
  sets and sets back (1862, 1880), in whatever order they end.
- A call of async type starts with the flag off, until it first waits or returns (3457) and its
  caller goes on. A wait in `subtask.cancel` does not count (4531): the caller stays where it is.
- A callback that is due while the lock is held is no reason to trap: it is picked, found to be not
  ready, and put aside (1600).
- A cancellation is an event of the task that waits beside its state: it is delivered although the
  result was given meanwhile (2712), after the lock was given up (1020). It ends the wait of a task
  that waits for its callback at once (4475).
"""

from __future__ import annotations

from model.async_support import callback
from model.host import has_pending_event
from model.hosts.spec_26e6ea9d import (
    SyncExport,
    SyncState,
    ThreadState,
    a_thread_is_ready,
    cancel_at_once,
    enter_export,
    idle,
    is_due,
    is_exclusive,
    is_parked,
    leave_export,
    leave_turn,
    lock_is_held,
    push_frame,
    return_to_caller,
    set_stack_pointer,
    suspend_in_cancel,
    waits_suspended,
)
from model.types import (
    CallbackCode,
    Code,
    Event,
    ExecutorRole,
    Handle,
    HandleKind,
    HostTask,
    Operation,
    Pending,
    Phase,
    Side,
    Task,
)
from wakeproof.language import Array, action, builtin, declare, guard, side, trap

BASE = "spec_26e6ea9d"
HOST = "Wasmtime 50.0.1"


class WasmtimeState(ThreadState):
    """`ConcurrentInstanceState`, `GuestThread` and `GuestTask`, as far as they are more."""

    do_not_suspend: bool
    old_do_not_suspend: Array[SyncExport, bool]
    starting: bool
    # what the flag was before the call that starts, and whether that one waits in `subtask.cancel`
    start_flag: bool
    start_waits: bool
    switching: Task | None
    sync_switching: SyncExport | None
    lifted_switching: bool
    cancel_event: Array[Task, bool]


s = declare(WasmtimeState)


@side("host")
def must_switch() -> bool:
    """Who waited last is held to the rule: a thread of the instance has to go on."""
    return s.switching is not None or s.sync_switching is not None or s.lifted_switching


def switch() -> None:
    """A thread of the instance was picked: nobody is held to the rule any more."""
    s.switching = None
    s.sync_switching = None
    s.lifted_switching = False


def is_held(task: Task) -> bool:
    """The rule holds for this task; after an export that was lifted, for whoever still waits."""
    return s.switching == task or (
        s.lifted_switching
        and (waits_suspended(task) or not any(waits_suspended(other) for other in Task))
    )


@side("host")
def cancel_is_pending(task: Task) -> bool:
    """`GuestTask.event` is a cancellation."""
    return s.cancel_event[task]


# --- waits --------------------------------------------------------------------------------------


def switch_or_trap_if_may_not_suspend(task: Task) -> None:
    """Lines 2164 to 2189: a thread of the instance goes on next, if the flag is on."""
    if s.do_not_suspend:
        s.switching = task
    give_control_back()


def begin_start() -> None:
    """`start_call` (3457-3470): the caller gets control back when the callee first waits."""
    s.starting = True
    s.start_flag = s.do_not_suspend
    s.do_not_suspend = False


def give_control_back() -> None:
    """The caller of a call that starts goes on (3507-3513), and puts the flag back."""
    if s.starting:
        s.do_not_suspend = s.start_flag
        s.start_flag = False
        s.starting = False


@side("host")
def wait_in_host(task: Task) -> None:
    """`waitable_check` (4297-4311): suspended, and perhaps held to the rule."""
    s.phase[task] = Phase.BLOCKED_WAIT
    if not has_pending_event(task):
        s.running = None
        switch_or_trap_if_may_not_suspend(task)


@side("host")
def go_on(task: Task) -> None:
    """`resume_fiber`."""
    if s.running != task:
        set_stack_pointer(s.frame[task] + 1)
        switch()
        resume_start(is_exclusive(task))


def resume_start(exclusive: bool) -> None:
    """The call that starts holds the lock: its next wait gives its caller control back (4547)."""
    if s.start_waits and exclusive:
        s.start_waits = False
        s.starting = True


@side("host")
def is_blocked_alone(task: Task) -> bool:
    """`CannotBlockSyncTask` (2168): who waited finds no thread of the instance that is ready."""
    return is_held(task) and not a_thread_is_ready() and a_sync_export_is_open()


def a_sync_export_is_open() -> bool:
    """A call of an export of synchronous type has not returned."""
    return any(s.sync_state[export] == SyncState.OF_TYPE for export in SyncExport)


@action("host")
def trap_without_sync_export(task: Task) -> None:
    """The same trap, though no call of synchronous type is in progress: the flag was left on."""
    guard(is_held(task) and not a_thread_is_ready() and not a_sync_export_is_open())
    trap("wasmtime::switch_or_trap_if_may_not_suspend::sync-call-in-progress")


@action("host")
def trap_cancel_without_sync_export(export: SyncExport) -> None:
    """As `trap_without_sync_export`, for an export that waits for a callee."""
    guard(s.sync_switching == export and not a_thread_is_ready() and not a_sync_export_is_open())
    trap("wasmtime::switch_or_trap_if_may_not_suspend::sync-call-in-progress")


@action("host")
def put_call_aside(task: Task) -> None:
    """`handle_work_item` (1600-1634): the callback that was picked has to wait for the lock."""
    guard(must_switch() and is_due(task) and lock_is_held())
    switch()


# --- copies and cancellations -------------------------------------------------------------------


@side("host")
def hears_of_drop(handle: Handle, copying: Side) -> bool:
    """Pull request 720: an idle end has an event too (`futures_and_streams.rs`, 2516)."""
    return True


@side("host")
def late_cancel() -> Pending:
    """Pull request 719: a cancel that comes too late counts (`futures_and_streams.rs`, 4103)."""
    return Pending.CANCELLED


@side("host")
def check_sync_copy(handle: Handle, kind: HandleKind) -> None:
    """Nothing is checked before the copy (2450): an end in a set traps if the call has to wait."""
    return


@side("host")
def leaving_traps(waitable: Handle) -> bool:
    """Only joins to a set are looked at (3904): the waiter has lost its waitable, and sleeps on."""
    s.sync_waiter[waitable] = False
    return False


@side("host")
@builtin("subtask.cancel")
def canon_subtask_cancel(handle: Handle, callee_returns: bool) -> Code:
    """Cancel synchronously a callee that answers at once."""
    return cancel_at_once(handle, True, callee_returns)


@side("host")
def may_cancel_again(handle: Handle) -> bool:
    """Nothing is known of an earlier cancellation (4426), unless a builtin waits for its answer."""
    return not s.sync_waiter[handle]


# --- drops that wait ----------------------------------------------------------------------------


@side("host")
def wait_for_callee(operation: Operation) -> None:
    """`wait_for_event` (2442-2464): suspended, and perhaps held to the rule.

    Whom to give control back to is put away meanwhile (4531-4547).
    """
    if s.do_not_suspend:
        s.switching = s.running
        s.sync_switching = s.sync_running
    if s.starting:
        s.starting = False
        s.start_waits = True
    suspend_in_cancel(operation)


@side("host")
def sync_export_goes_on(export: SyncExport) -> None:
    """`resume_fiber`."""
    set_stack_pointer(s.sync_frame[export] + 1)
    switch()
    resume_start(s.sync_state[export] == SyncState.LIFTED)


@side("host")
def cancel_is_blocked_alone(export: SyncExport) -> bool:
    """`CannotBlockSyncTask` (2168), as `is_blocked_alone`."""
    return s.sync_switching == export and not a_thread_is_ready() and a_sync_export_is_open()


# --- exports ------------------------------------------------------------------------------------


@side("host")
def start_host_task(task: Task) -> None:
    """`start_call`."""
    s.host_task[task] = HostTask.STARTED
    begin_start()


@side("host")
def enter_sync_export() -> None:
    """`enter_sync_call` (1862-1876)."""
    enter_export(SyncState.OF_TYPE)
    export = s.sync_running
    if export is not None:
        s.old_do_not_suspend[export] = s.do_not_suspend
        s.do_not_suspend = True


@side("host")
def leave_sync_export() -> None:
    """`exit_sync_call` (1878-1888)."""
    export = s.sync_running
    if export is not None:
        s.do_not_suspend = s.old_do_not_suspend[export]
        s.old_do_not_suspend[export] = False
    leave_export()


@side("host")
def enter_sync_lifted_export() -> None:
    """`start_call` with a callee of async type, without a callback."""
    enter_export(SyncState.LIFTED)
    begin_start()


@side("host")
def leave_sync_lifted_export() -> None:
    """`exit_guest_sync_call` (1996-2003): its end is held to the rule too."""
    leave_export()
    s.lifted_switching = s.do_not_suspend
    give_control_back()


# --- callback tasks -----------------------------------------------------------------------------


@side("host")
def begin_turn(task: Task) -> None:
    """A callback is entered: whoever waited has been switched from."""
    s.frame[task] = push_frame()
    switch()


@side("host")
def end_turn(task: Task, code: CallbackCode) -> None:
    """`handle_callback_code` (2804-2880): nobody is held to the rule at YIELD and WAIT."""
    leave_turn(task)
    give_control_back()
    s.phase[task] = Phase.YIELDED if code == CallbackCode.YIELD else Phase.WAITING


@side("host")
def leave_frame(task: Task) -> None:
    """A frame is gone; a callback that returned EXIT (2786-2797) is held to the rule."""
    return_to_caller(task)
    if s.executor_role[task] == ExecutorRole.EXPORT:
        s.cancel_event[task] = False
        switch_or_trap_if_may_not_suspend(task)


@side("host")
def ask_to_cancel(task: Task) -> None:
    """`subtask_cancel` (4427-4511): a wait that is registered, or a yield, ends at once."""
    registered = s.phase[task] == Phase.YIELDED or (
        s.phase[task] == Phase.WAITING and not has_pending_event(task)
    )
    if registered and idle():
        s.host_task[task] = HostTask.CANCEL_DELIVERED
        begin_start()
        callback(task, Event.CANCEL, None, Code.NONE)
    else:
        s.host_task[task] = HostTask.PENDING_CANCEL
        s.cancel_event[task] = True


@side("host")
def may_deliver_cancel(task: Task) -> bool:
    """`get_event` (2710-2725): before any event of the set."""
    return idle() and is_parked(task) and s.cancel_event[task]


@side("host")
def cancel_is_delivered(task: Task) -> None:
    """`cancel_request_delivered` (2719); the result may have been given meanwhile."""
    s.cancel_event[task] = False
    if s.host_task[task] != HostTask.RESOLVED:
        s.host_task[task] = HostTask.CANCEL_DELIVERED
