"""What the host does: calls exports, delivers events, cancels; and what the peers outside do.

Mirrors `canon_lift` and `Task` of `definitions.py`, `Concurrency.md` for what may run when. The
functions on the host's side are those in which hosts differ (`hosts/`): their text here is the
specification at commit 6d281648, where one callback task of an instance runs at a time, and where
nothing else of the instance runs but exports of synchronous type while a nested `block_on` blocks.
"""

from __future__ import annotations

from model.async_support import (
    callback,
    callback_return_yield,
    deliver_waitable_event,
    in_waker,
    poll_loop,
    start_task,
    state_callback,
)
from model.host import (
    callback_event_of,
    canon_future_new,
    canon_stream_new,
    canon_waitable_set_poll,
    canon_waitable_set_wait,
    channel_is_open,
    copied_with_pending,
    copy_with_pending,
    count_items,
    deliverable,
    has_pending_event,
    meets_pending,
    notify_dropped,
    reset_and_notify_pending,
    reset_pending,
    resolved,
    set_pending,
)
from model.spawn import is_gone
from model.state import p, s
from model.types import (
    Channel,
    Code,
    Event,
    ExecutorRole,
    Future,
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
from wakeproof.language import action, fair, guard, side, trap

# --- what may run -------------------------------------------------------------------------------


@side("host")
def idle() -> bool:
    """Nothing of the instance runs, and no cancellation is being delivered."""
    return (
        s.running is None
        and not s.sync_export
        and not s.sync_lifted
        and not any(s.phase[task] == Phase.CANCELLING for task in Task)
    )


def blocked() -> bool:
    """The task on top of the stack waits in the host."""
    running = s.running
    return running is not None and s.phase[running] == Phase.BLOCKED_WAIT


@side("host")
def outside_runs() -> bool:
    """The host and the peers may act: not while an export of synchronous type blocks."""
    return idle() or (blocked() and not s.sync_export)


def future_is_unknown(future: Future) -> bool:
    """No waker, owner, queue or handle refers to this future any more."""
    return (
        is_gone(future)
        and not s.join_handle[future]
        and not any(s.rx_task[other] == future for other in Future)
        and not s.kept_waker[future]
        and not any(
            s.waker_future[operation] == future or s.owner[operation] == future
            for operation in Operation
        )
    )


def slot_is_free(task: Task) -> bool:
    """The memory of this slot belongs to no task; with `single_use`, it never did."""
    return (
        not s.alive[task]
        and s.strong_count[task] == 0
        and not s.used[task]
        and future_is_unknown(p.root[task])
    )


# --- the beginning ------------------------------------------------------------------------------


@action("initial")
def initialise() -> None:
    """The handle table is empty, and the channels that a scenario opens are open."""
    for handle in Handle:
        s.next_free[handle] = p.next_handle[handle]
    s.free_head = p.first_handle
    for channel in Channel:
        if p.opened[channel] and not channel_is_open(channel):
            if p.is_future[channel]:
                canon_future_new(channel)
            else:
                canon_stream_new(channel)


# --- exports ------------------------------------------------------------------------------------


@action("host")
def call_export(task: Task) -> None:
    """Call an async export."""
    guard(p.may_export[task] and may_call_export() and slot_is_free(task))
    start_host_task(task)
    start_task(task)


@side("host")
def may_call_export() -> bool:
    """An export of async type can be entered."""
    return idle()


@side("host")
def start_host_task(task: Task) -> None:
    """The component model task of the export starts."""
    s.host_task[task] = HostTask.STARTED


@action("host")
def call_sync_export() -> None:
    """Call an export of synchronous type: possible even while a `block_on` waits."""
    guard(may_call_sync_export())
    enter_sync_export()


@side("host")
def may_call_sync_export() -> bool:
    """An export of synchronous type can be entered."""
    return outside_runs() and not s.sync_export


@side("host")
def enter_sync_export() -> None:
    """The export runs above what it interrupts."""
    s.sync_export = True
    s.interrupted = s.running
    s.running = None


@action("host")
def call_sync_lifted_export() -> None:
    """Call an export of async type that is lifted synchronously: it may block."""
    guard(may_call_sync_lifted_export())
    enter_sync_lifted_export()


@side("host")
def may_call_sync_lifted_export() -> bool:
    """An export of async type that is lifted synchronously can be entered."""
    return idle()


@side("host")
def enter_sync_lifted_export() -> None:
    """The export runs, and holds the exclusive lock."""
    s.sync_lifted = True


@action("host")
@fair("task")
def deliver_event(task: Task, waitable: Handle) -> None:
    """Call back a task that returned WAIT."""
    guard(may_deliver_event(task, waitable))
    callback(task, Event.WAITABLE, waitable, callback_event_of(waitable))


@side("host")
def may_deliver_event(task: Task, waitable: Handle) -> bool:
    """The task waits for its callback, and this event is there."""
    return idle() and s.phase[task] == Phase.WAITING and deliverable(task, waitable)


@action("host")
@fair("task")
def resume_yielded(task: Task) -> None:
    """Call back a task that returned YIELD."""
    guard(may_resume_yielded(task))
    callback(task, Event.NONE, None, Code.NONE)


@side("host")
def may_resume_yielded(task: Task) -> bool:
    """The task has yielded, and can be called back."""
    return idle() and s.phase[task] == Phase.YIELDED


@action("host")
def request_cancellation(task: Task) -> None:
    """`Task.request_cancellation`, by the caller of the export."""
    guard(
        outside_runs()
        and s.host_task[task] == HostTask.STARTED
        and s.phase[task] != Phase.ENDED
        and s.executor_role[task] == ExecutorRole.EXPORT
    )
    ask_to_cancel(task)


@side("host")
def ask_to_cancel(task: Task) -> None:
    """`Task.request_cancellation`: delivered at once if the task waits and nothing runs."""
    if s.running is None:
        s.host_task[task] = HostTask.CANCEL_DELIVERED
        callback(task, Event.CANCEL, None, Code.NONE)
    else:
        s.host_task[task] = HostTask.PENDING_CANCEL


@action("host")
@fair("task")
def deliver_pending_cancel(task: Task) -> None:
    """`Task.deliver_pending_cancel`: the next wait of the task answers at once."""
    guard(may_deliver_cancel(task))
    cancel_is_delivered(task)
    callback(task, Event.CANCEL, None, Code.NONE)


@side("host")
def may_deliver_cancel(task: Task) -> bool:
    """A cancellation that was asked for is delivered now."""
    return s.phase[task] == Phase.CANCELLING


@side("host")
def cancel_is_delivered(task: Task) -> None:
    """The component model task of the export may call `task.cancel` from now on."""
    s.host_task[task] = HostTask.CANCEL_DELIVERED


# --- waits and polls inside the instance --------------------------------------------------------


@action("host")
@fair("task")
def waitable_set_wait(task: Task, waitable: Handle) -> None:
    """End the wait of a `block_on`."""
    guard(may_end_wait(task, waitable))
    go_on(task)
    state_callback(task, Event.WAITABLE, waitable, canon_waitable_set_wait(task, waitable))


@side("host")
def may_end_wait(task: Task, waitable: Handle) -> bool:
    """The task waits in the host, this event is there, and the task may go on."""
    return s.running == task and s.phase[task] == Phase.BLOCKED_WAIT and deliverable(task, waitable)


@side("host")
def go_on(task: Task) -> None:
    """A task that waited in the host goes on; here it has stayed on top of the stack."""
    return


@action("host")
def trap_blocked_sync_export(task: Task) -> None:
    """An export of synchronous type waits, and nothing may run that would end its wait."""
    guard(is_blocked_alone(task))
    trap("host::canon_lift::sync-blocked-alone")


@side("host")
def is_blocked_alone(task: Task) -> bool:
    """A `block_on` under an export of synchronous type waits, and its event is not there.

    Other callback tasks do not run: `test/async/during-sync-call-no-exclusive-resume.wast`, which
    pull request 705 deleted.
    """
    return (
        s.sync_export
        and s.running == task
        and s.phase[task] == Phase.BLOCKED_WAIT
        and not has_pending_event(task)
    )


@action("host")
@fair("task")
def waitable_set_poll_of_block_on(task: Task, waitable: Handle | None) -> None:
    """Answer the poll of a `block_on` that yielded."""
    guard(s.running == task and s.phase[task] == Phase.BLOCKED_POLL)
    guard(may_answer(task, waitable))
    code = canon_waitable_set_poll(task, waitable)
    state_callback(task, Event.NONE if waitable is None else Event.WAITABLE, waitable, code)


@action("host")
@fair("task")
def resume_block_on(task: Task) -> None:
    """The loop of a `block_on` that yielded goes on by itself, without a poll of the set."""
    guard(s.running == task and s.phase[task] == Phase.YIELDED)
    state_callback(task, Event.NONE, None, Code.NONE)


@action("host")
@fair("task")
def waitable_set_poll(task: Task, waitable: Handle | None) -> None:
    """Answer the poll inside `callback`: an event is delivered and the loop goes on.

    `FutureState::callback` (async_support.rs:261-267), from the answer on.
    """
    guard(s.running == task and s.phase[task] == Phase.SET_POLL)
    guard(may_answer(task, waitable))
    code = canon_waitable_set_poll(task, waitable)
    if waitable is None:
        callback_return_yield(task)
    else:
        deliver_waitable_event(task, waitable, code)
        if not in_waker(task):
            poll_loop(task)


def may_answer(task: Task, waitable: Handle | None) -> bool:
    """A poll answers an event of the set; nothing only if there is none."""
    if waitable is None:
        return not has_pending_event(task)
    return deliverable(task, waitable)


# --- the peers outside --------------------------------------------------------------------------


@action("peer")
@fair("channel")
def peer_copy(channel: Channel) -> None:
    """The end outside reads or writes, with a buffer of `peer_items`."""
    guard(
        p.remote[channel] != Side.NONE
        and outside_runs()
        and channel_is_open(channel)
        and not s.dropped[channel]
        and not s.remote_done[channel]
        and s.pending_side[channel] != p.remote[channel]
    )
    items = peer_items(channel)
    if s.pending_side[channel] == Side.NONE:
        set_pending(channel, p.remote[channel], items)
    elif meets_pending(channel, p.remote[channel], items):
        copied = copied_with_pending(channel, items)
        copy_with_pending(channel, copied)
        count_items(channel, p.remote[channel], copied)
    else:
        reset_and_notify_pending(channel, Pending.COMPLETED)
        set_pending(channel, p.remote[channel], items)


def peer_items(channel: Channel) -> Items:
    """How many items the end outside offers or takes: a future has one value."""
    if p.is_future[channel]:
        return 1
    return p.peer_items[channel]


@action("peer")
def peer_take(channel: Channel) -> None:
    """The end outside takes its buffer back, of which a part was copied."""
    guard(
        p.remote[channel] != Side.NONE
        and outside_runs()
        and channel_is_open(channel)
        and s.pending_side[channel] == p.remote[channel]
        and s.pending_remain[channel] < peer_items(channel)
    )
    reset_pending(channel)


@action("peer")
def peer_drop(channel: Channel) -> None:
    """The end outside is dropped; a future's writer only once it has written."""
    guard(
        p.remote[channel] != Side.NONE
        and outside_runs()
        and channel_is_open(channel)
        and not s.dropped[channel]
        and (not p.is_future[channel] or p.remote[channel] == Side.READ or s.remote_done[channel])
    )
    s.dropped[channel] = True
    notify_dropped(channel)


@action("peer")
def drop_handed_reader(channel: Channel) -> None:
    """The component that a reader was handed to drops it."""
    guard(p.may_hand_over and outside_runs() and s.handed[channel])
    s.handed[channel] = False
    if not s.dropped[channel]:
        s.dropped[channel] = True
        notify_dropped(channel)


@action("peer")
@fair("handle")
def subtask_progress(handle: Handle) -> None:
    """The callee of a subtask starts, or returns."""
    guard(outside_runs() and s.slot[handle] == HandleKind.SUBTASK and not resolved(handle))
    if s.subtask_state[handle] == SubtaskState.STARTING:
        s.subtask_state[handle] = SubtaskState.STARTED
    else:
        s.subtask_state[handle] = SubtaskState.RETURNED
    s.pending[handle] = Pending.SUBTASK
