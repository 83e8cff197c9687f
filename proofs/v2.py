"""What V2 adds: an operation knows where it is registered, and keeps that task."""

from __future__ import annotations

from model.program import exists
from model.properties import is_member, waitable_of
from model.state import p
from model.types import (
    Code,
    CopyState,
    ExecutorRole,
    Handle,
    Operation,
    OperationKind,
    OperationState,
    Pending,
    Phase,
    SubtaskState,
    Task,
    WakerKind,
)
from model.versions.v2 import s
from model.waitable_op import is_subtask_code
from wakeproof.language import lemma


@lemma("an operation that is not registered anywhere keeps no place")
def new_operations_are_nowhere() -> bool:
    """`CabiTask` is made at the first registration and dropped with the operation."""
    return all(
        (exists(operation) and s.state[operation] != OperationState.START)
        or (s.cabi_task[operation] is None and s.registered[operation] is None)
        for operation in Operation
    )


@lemma("an entry is that of the operation which is registered there")
def entries_are_registrations() -> bool:
    """The operation takes its entry back before it registers elsewhere, and before it ends."""
    return all(all(entry_is_registration(task, handle) for handle in Handle) for task in Task)


def entry_is_registration(task: Task, handle: Handle) -> bool:
    """The operation in this entry keeps this task, and this waitable."""
    operation = s.waitables[task][handle]
    return operation is None or (
        s.cabi_task[operation] == task
        and s.registered[operation] == handle
        and s.code[operation] == Code.NONE
    )


@lemma("what an operation is registered with is the waitable that it is about")
def registrations_are_current() -> bool:
    """It registers what it is in progress with, and forgets that before the progress ends."""
    return all(
        s.registered[operation] is None
        or (
            s.cabi_task[operation] is not None and s.registered[operation] == waitable_of(operation)
        )
        for operation in Operation
    )


@lemma("an operation that waits is in the map of the task that it keeps")
def registrations_have_entries() -> bool:
    """`register_waker` makes the entry, and only `unregister` and the event's delivery take it."""
    return all(all(is_entered(operation, task) for task in Task) for operation in Operation)


def is_entered(operation: Operation, task: Task) -> bool:
    """The operation, if it waits and keeps this task, has its entry there."""
    waitable = waitable_of(operation)
    return (
        waitable is None
        or s.code[operation] != Code.NONE
        or s.cabi_task[operation] != task
        or s.waitables[task][waitable] == operation
    )


@lemma("an operation in progress waits with a waker, or has its code")
def operations_wait_or_have_a_code() -> bool:
    """`cabi_wake` fills in the code and takes the waker; the next poll does the reverse."""
    return all(
        (s.state[operation] == OperationState.IN_PROGRESS or s.code[operation] == Code.NONE)
        and (
            s.state[operation] != OperationState.IN_PROGRESS
            or (s.code[operation] == Code.NONE) == (s.waker[operation] != WakerKind.NONE)
        )
        for operation in Operation
    )


@lemma("an operation that waits keeps a task, and knows that it is registered there")
def waiting_operations_are_registered() -> bool:
    """Whatever task it was polled in has the table, so it was kept."""
    return all(
        s.state[operation] != OperationState.IN_PROGRESS
        or s.code[operation] != Code.NONE
        or (s.cabi_task[operation] is not None and s.registered[operation] is not None)
        for operation in Operation
    )


@lemma("an end copies while its operation waits, and not once that has its code")
def ends_copy_for_operations() -> bool:
    """The copy starts with the first poll and ends with the event that gives the code."""
    return all(end_is_in_step(operation) for operation in Operation)


def end_is_in_step(operation: Operation) -> bool:
    """The end of this operation, if it is in progress on one."""
    end = waitable_of(operation)
    return (
        end is None
        or p.kind[operation] == OperationKind.SUBTASK
        or (s.copy_state[end] == CopyState.COPYING) == (s.code[operation] == Code.NONE)
    )


@lemma("a call's code and progress are those of its subtask")
def calls_are_in_step() -> bool:
    """Each state is reported once at most; `started` is set when STARTED or more was polled."""
    return all(call_is_in_step(operation) for operation in Operation)


def call_is_in_step(operation: Operation) -> bool:
    """The subtask of this operation, if it is a call in progress."""
    handle = s.subtask[operation]
    if handle is None:
        return True
    code = s.code[operation]
    delivered = s.pending[handle] == Pending.NOTHING
    if s.subtask_state[handle] == SubtaskState.STARTING:
        return delivered and code == Code.NONE and not s.started[operation]
    if s.subtask_state[handle] == SubtaskState.STARTED:
        if not delivered:
            return code == Code.NONE and not s.started[operation]
        return (code == Code.STARTED or code == Code.NONE) and (
            (code == Code.STARTED) != s.started[operation]
        )
    if not delivered:
        return (
            not s.resolve_delivered[handle]
            and (code == Code.NONE or code == Code.STARTED)
            and not (code == Code.STARTED and s.started[operation])
        )
    return s.resolve_delivered[handle] and code == Code.RETURNED


@lemma("a code is that of the operation's kind")
def codes_fit_their_kinds() -> bool:
    """The event of a stream or future is about items, that of a call about its progress."""
    return all(
        s.code[operation] == Code.NONE
        or (p.kind[operation] == OperationKind.SUBTASK) == is_subtask_code(s.code[operation])
        for operation in Operation
    )


@lemma("a waitable in the set of a task that has ended is one whose operation keeps that task")
def dead_sets_hold_what_is_kept() -> bool:
    """`no-waitable-in-dead-set` as V2 has it: the last such operation takes the set with it."""
    return all(
        all(
            s.alive[task] or not is_member(task, handle) or is_kept_by_its_operation(task, handle)
            for handle in Handle
        )
        for task in Task
    )


def is_kept_by_its_operation(task: Task, handle: Handle) -> bool:
    """The operation in progress on this waitable keeps the task, and is in its map."""
    operation = s.waitables[task][handle]
    return (
        operation is not None
        and s.cabi_task[operation] == task
        and waitable_of(operation) == handle
    )


@lemma("a waitable in a set has an entry in the map of that task, or is the reader of its stream")
def members_have_entries() -> bool:
    """`add_waitable` makes both, and what removes the one removes the other."""
    return all(
        all(
            not is_member(task, handle)
            or s.waitables[task][handle] is not None
            or handle == s.stream[task]
            for handle in Handle
        )
        for task in Task
    )


@lemma("a block_on that ends has no futures left to drop")
def block_ons_drop_no_futures() -> bool:
    """It goes on until all are done; an export alone can be cancelled."""
    return all(
        s.executor_role[task] != ExecutorRole.BLOCK_ON
        or s.phase[task] != Phase.DROPPING
        or s.polling[task] is not None
        for task in Task
    )


@lemma("a block_on that has ended has no entries")
def ended_block_ons_have_no_entries() -> bool:
    """It goes on until there is no remaining work, and nothing registers with it later."""
    return all(
        s.executor_role[task] != ExecutorRole.BLOCK_ON
        or s.alive[task]
        or all(s.waitables[task][handle] is None for handle in Handle)
        for task in Task
    )
