"""The host: waitables, waitable sets, streams, futures and subtasks of one component instance.

Mirrors `WebAssembly/component-model`, `design/mvp/canonical-abi/definitions.py`, function by
function under the same names, at commit 6d281648 with pull requests 708, 719 and 720, which
Wasmtime 50 has too: a cancel that comes too late still gives CANCELLED, and an idle end has an
event at once when the other is dropped. A builtin runs to its end at once: it is called
asynchronously, or (the cancels) cannot block with the peers that are modelled.

Of a buffer only the number of its items is modelled: how many were copied (`progress`) and, while
it is the pending one of its stream, how many are left (`pending_remain`). So a buffer of no items
is pending with nothing copied and nothing left.

Left out: values and their memory; threads, and so `num_waiting`, for which the phase of a task
stands; `may_leave`, which is false only during a `realloc` or a post-return, where the runtime
calls no builtin; `has_sync_waiter`, as a peer answers a cancel at once and no builtin waits for it
(`hosts/spec_26e6ea9d.py` has the builtins that wait).
SITES.md has the reason for each trap and assertion that is left out.
"""

from __future__ import annotations

from model.state import p, s
from model.types import (
    Channel,
    Code,
    CopyState,
    Count,
    Difference,
    Handle,
    HandleKind,
    HostTask,
    Items,
    Pending,
    Phase,
    Side,
    SubtaskState,
    Task,
)
from wakeproof.language import bound, builtin, side, trap

# --- the handle table ---------------------------------------------------------------------------


def table_add(kind: HandleKind) -> Handle:
    """`Table.add`: the index freed last, else the next one never used."""
    handle = s.free_head
    if handle is None:
        bound("handles")
    s.free_head = s.next_free[handle]
    s.next_free[handle] = None
    s.slot[handle] = kind
    return handle


def table_remove(handle: Handle) -> None:
    """`Table.remove`, with everything that the entry held."""
    s.slot[handle] = HandleKind.FREE
    s.next_free[handle] = s.free_head
    s.free_head = handle
    s.end_channel[handle] = None
    s.copy_state[handle] = CopyState.IDLE
    s.progress[handle] = 0
    s.subtask_state[handle] = SubtaskState.STARTING
    s.resolve_delivered[handle] = False
    s.cancellation_requested[handle] = False


def table_get(handle: Handle) -> HandleKind:
    """`Table.get`: what stands in the slot; traps if it is empty."""
    if s.slot[handle] == HandleKind.FREE:
        trap("host::Table.get::empty-slot")
    return s.slot[handle]


# --- waitables and their sets -------------------------------------------------------------------


def waitable_drop(handle: Handle) -> None:
    """`Waitable.drop`: leave the set; an event that is pending is not delivered any more."""
    s.pending[handle] = Pending.NOTHING
    s.wset[handle] = None


@builtin("waitable-set.new")
def canon_waitable_set_new() -> Handle:
    """A new empty set."""
    return table_add(HandleKind.WAITABLE_SET)


@side("host")
@builtin("waitable-set.drop")
def canon_waitable_set_drop(wset: Handle) -> None:
    """Drop a set; traps if it has members or a task waits on it."""
    if table_get(wset) != HandleKind.WAITABLE_SET:
        trap("host::canon_waitable_set_drop::not-a-set")
    if any(s.wset[handle] == wset for handle in Handle):
        trap("host::WaitableSet.drop::not-empty")
    if any(is_waiting(task) and s.waitable_set[task] == wset for task in Task):
        trap("host::WaitableSet.drop::has-waiters")
    table_remove(wset)


def is_waiting(task: Task) -> bool:
    """Whether the host waits on the task's set, `num_waiting`."""
    return s.phase[task] == Phase.WAITING or s.phase[task] == Phase.BLOCKED_WAIT


@side("host")
@builtin("waitable.join")
def canon_waitable_join(waitable: Handle, wset: Handle | None) -> None:
    """Move a waitable into a set, or out of every set."""
    if table_get(waitable) == HandleKind.WAITABLE_SET:
        trap("host::canon_waitable_join::not-a-waitable")
    if wset is not None and table_get(wset) != HandleKind.WAITABLE_SET:
        trap("host::canon_waitable_join::not-a-set")
    s.wset[waitable] = wset


def deliverable(task: Task, handle: Handle) -> bool:
    """Whether the host may deliver the event of `handle` to a wait on the task's set."""
    wset = s.waitable_set[task]
    return wset is not None and s.wset[handle] == wset and s.pending[handle] != Pending.NOTHING


def has_pending_event(task: Task) -> bool:
    """`WaitableSet.has_pending_event` of the task's set."""
    return any(deliverable(task, handle) for handle in Handle)


def get_pending_event(handle: Handle) -> Code:
    """`Waitable.get_pending_event`: the payload, and what delivering it changes."""
    pending = s.pending[handle]
    s.pending[handle] = Pending.NOTHING
    if pending == Pending.SUBTASK:
        return subtask_event(handle)
    channel = s.end_channel[handle]
    if channel is None:
        return Code.NONE
    if p.is_future[channel]:
        return future_event(handle, pending)
    return stream_event(handle, channel, pending)


# --- streams and futures ------------------------------------------------------------------------


def channel_is_open(channel: Channel) -> bool:
    """Whether an end of the channel is in the handle table."""
    return any(s.end_channel[handle] == channel for handle in Handle)


def side_of(handle: Handle) -> Side:
    """Which end of its channel a handle is."""
    if s.slot[handle] == HandleKind.STREAM_READ or s.slot[handle] == HandleKind.FUTURE_READ:
        return Side.READ
    return Side.WRITE


def channel_new(channel: Channel, readable: HandleKind, writable: HandleKind) -> None:
    """What `stream.new` and `future.new` share. The end that is `remote` is handed out at once."""
    s.dropped[channel] = False
    reset_pending(channel)
    s.remote_done[channel] = False
    if p.remote[channel] != Side.READ:
        reader = table_add(readable)
        s.end_channel[reader] = channel
        s.readable[channel] = reader
    if p.remote[channel] != Side.WRITE:
        writer = table_add(writable)
        s.end_channel[writer] = channel
        s.writable[channel] = writer


@builtin("stream.new")
def canon_stream_new(channel: Channel) -> None:
    """Two new ends."""
    channel_new(channel, HandleKind.STREAM_READ, HandleKind.STREAM_WRITE)


@builtin("future.new")
def canon_future_new(channel: Channel) -> None:
    """Two new ends."""
    channel_new(channel, HandleKind.FUTURE_READ, HandleKind.FUTURE_WRITE)


@side("host")
def stream_event(handle: Handle, channel: Channel, result: Pending) -> Code:
    """`stream_event` in `stream_copy`; an event of `on_copy` gives its buffer back."""
    if s.pending_side[channel] == side_of(handle):
        reset_pending(channel)
    items = s.progress[handle]
    s.progress[handle] = 0
    s.copy_state[handle] = CopyState.DONE if result == Pending.DROPPED else CopyState.IDLE
    return packed_result(result, items)


def packed_result(result: Pending, items: Items) -> Code:
    """`packed_result`: how a copy ended, and how many items it has copied."""
    if result == Pending.DROPPED:
        if items == 0:
            return Code.DROPPED_0
        if items == 1:
            return Code.DROPPED_1
        return Code.DROPPED_2 if items == 2 else Code.DROPPED_3
    if result == Pending.CANCELLED:
        if items == 0:
            return Code.CANCELLED_0
        if items == 1:
            return Code.CANCELLED_1
        return Code.CANCELLED_2 if items == 2 else Code.CANCELLED_3
    if items == 0:
        return Code.COMPLETED_0
    if items == 1:
        return Code.COMPLETED_1
    return Code.COMPLETED_2 if items == 2 else Code.COMPLETED_3


def future_event(handle: Handle, result: Pending) -> Code:
    """`future_event` in `future_copy`: the number of items is not part of it."""
    s.progress[handle] = 0
    if result == Pending.CANCELLED:
        s.copy_state[handle] = CopyState.IDLE
        return Code.CANCELLED_0
    s.copy_state[handle] = CopyState.DONE
    return Code.DROPPED_0 if result == Pending.DROPPED else Code.COMPLETED_0


def reset_pending(channel: Channel) -> None:
    """`reset_pending`: no copy waits for the other end."""
    s.pending_side[channel] = Side.NONE
    s.pending_remain[channel] = 0


def set_pending(channel: Channel, end: Side, items: Items) -> None:
    """`set_pending`: the buffer of this end waits for the other end."""
    s.pending_side[channel] = end
    s.pending_remain[channel] = items


def reset_and_notify_pending(channel: Channel, result: Pending) -> None:
    """`reset_and_notify_pending`: the copy that is pending ends with `result`."""
    for handle in Handle:
        if s.end_channel[handle] == channel and s.pending_side[channel] == side_of(handle):
            s.pending[handle] = result
    reset_pending(channel)


@side("host")
def notify_dropped(channel: Channel) -> None:
    """The other end is gone: an end of this instance has the event, whether it copies or not.

    What a future has transferred stays transferred.
    """
    reset_pending(channel)
    for handle in Handle:
        if s.end_channel[handle] == channel and (
            not p.is_future[channel] or s.pending[handle] != Pending.COMPLETED
        ):
            s.pending[handle] = Pending.DROPPED


def pending_is_zero_length(channel: Channel) -> bool:
    """`is_zero_length` of the pending buffer; that of a peer is not pending once it is full."""
    return s.pending_remain[channel] == 0 and not any(
        s.end_channel[handle] == channel
        and s.pending_side[channel] == side_of(handle)
        and s.progress[handle] > 0
        for handle in Handle
    )


def meets_pending(channel: Channel, end: Side, items: Items) -> bool:
    """Whether a buffer of this end and the pending one are both done with what they have copied.

    If not, the pending copy has completed, and the buffer is the pending one from now on.
    """
    return s.pending_remain[channel] > 0 or (
        end == Side.WRITE and items == 0 and pending_is_zero_length(channel)
    )


def copied_with_pending(channel: Channel, items: Items) -> Items:
    """How many of `items` the pending buffer has or takes."""
    remain = s.pending_remain[channel]
    return items if items < remain else remain


def copy_with_pending(channel: Channel, items: Items) -> None:
    """The pending buffer takes or gives `items`; its event may be delivered, which takes it back.

    A buffer outside is pending until it is full or empty, or `peer_take`.
    """
    if items == 0:
        return
    remain = s.pending_remain[channel] - items
    s.pending_remain[channel] = remain
    for handle in Handle:
        if s.end_channel[handle] == channel and s.pending_side[channel] == side_of(handle):
            s.progress[handle] = s.progress[handle] + items
            s.pending[handle] = Pending.COMPLETED
    if s.pending_side[channel] == p.remote[channel]:
        count_items(channel, p.remote[channel], items)
        if remain == 0:
            reset_pending(channel)
    if p.is_future[channel]:
        reset_pending(channel)
        if p.remote[channel] != Side.NONE:
            s.remote_done[channel] = True


def count_items(channel: Channel, end: Side, items: Items) -> None:
    """The owner of an end of a stream has learnt that `items` more have left or come.

    What both ends have counted is forgotten.
    """
    if p.is_future[channel]:
        return
    if end == Side.READ:
        s.received[channel] = difference(s.received[channel] + items)
    else:
        s.sent[channel] = difference(s.sent[channel] + items)
    sent = s.sent[channel]
    received = s.received[channel]
    both = sent if sent < received else received
    s.sent[channel] = difference(sent - both)
    s.received[channel] = difference(received - both)


def difference(items: Count) -> Difference:
    """The number itself, or the largest one: no more are under way than two buffers hold."""
    if items == 0:
        return 0
    if items == 1:
        return 1
    if items == 2:
        return 2
    if items == 3:
        return 3
    if items == 4:
        return 4
    if items == 5:
        return 5
    return 6


def shared_copy(handle: Handle, channel: Channel, items: Items) -> None:
    """`SharedStreamImpl.read` and `.write`, `SharedFutureImpl.read` and `.write`."""
    end = side_of(handle)
    if s.dropped[channel]:
        s.pending[handle] = Pending.DROPPED
    elif s.pending_side[channel] == Side.NONE:
        set_pending(channel, end, items)
    elif meets_pending(channel, end, items):
        copied = copied_with_pending(channel, items)
        copy_with_pending(channel, copied)
        s.progress[handle] = copied
        s.pending[handle] = Pending.COMPLETED
    else:
        reset_and_notify_pending(channel, Pending.COMPLETED)
        set_pending(channel, end, items)


def stream_copy(handle: Handle, kind: HandleKind, items: Items) -> Code:
    """`stream_copy` and `future_copy`, always called asynchronously."""
    if table_get(handle) != kind:
        if kind == HandleKind.STREAM_READ or kind == HandleKind.STREAM_WRITE:
            trap("host::stream_copy::wrong-end")
        trap("host::future_copy::wrong-end")
    if s.copy_state[handle] != CopyState.IDLE:
        if kind == HandleKind.STREAM_READ or kind == HandleKind.STREAM_WRITE:
            trap("host::stream_copy::not-idle")
        trap("host::future_copy::not-idle")
    s.copy_state[handle] = CopyState.COPYING
    channel = s.end_channel[handle]
    if channel is not None:
        shared_copy(handle, channel, items)
    if s.pending[handle] == Pending.NOTHING:
        return Code.BLOCKED
    return get_pending_event(handle)


@builtin("stream.read")
def canon_stream_read(handle: Handle, items: Items) -> Code:
    """Read `items` at most."""
    return stream_copy(handle, HandleKind.STREAM_READ, items)


@builtin("stream.write")
def canon_stream_write(handle: Handle, items: Items) -> Code:
    """Write `items` at most."""
    return stream_copy(handle, HandleKind.STREAM_WRITE, items)


@builtin("future.read")
def canon_future_read(handle: Handle) -> Code:
    """Read the value."""
    return stream_copy(handle, HandleKind.FUTURE_READ, 1)


@builtin("future.write")
def canon_future_write(handle: Handle) -> Code:
    """Write the value."""
    return stream_copy(handle, HandleKind.FUTURE_WRITE, 1)


@side("host")
def cancel_copy(handle: Handle, kind: HandleKind) -> Code:
    """`cancel_copy`, called synchronously: traps while the end is in a set."""
    if table_get(handle) != kind:
        trap("host::cancel_copy::wrong-end")
    if s.copy_state[handle] != CopyState.COPYING:
        trap("host::cancel_copy::not-copying")
    if s.wset[handle] is not None:
        trap("host::cancel_copy::sync-in-set")
    s.copy_state[handle] = CopyState.CANCELLING_COPY
    channel = s.end_channel[handle]
    if s.pending[handle] == Pending.NOTHING and channel is not None:
        reset_and_notify_pending(channel, Pending.CANCELLED)
    if s.pending[handle] == Pending.COMPLETED and channel is not None and not p.is_future[channel]:
        s.pending[handle] = Pending.CANCELLED
    return get_pending_event(handle)


@builtin("stream.cancel-read")
def canon_stream_cancel_read(handle: Handle) -> Code:
    """Take the read back."""
    return cancel_copy(handle, HandleKind.STREAM_READ)


@builtin("stream.cancel-write")
def canon_stream_cancel_write(handle: Handle) -> Code:
    """Take the write back."""
    return cancel_copy(handle, HandleKind.STREAM_WRITE)


@builtin("future.cancel-read")
def canon_future_cancel_read(handle: Handle) -> Code:
    """Take the read back."""
    return cancel_copy(handle, HandleKind.FUTURE_READ)


@builtin("future.cancel-write")
def canon_future_cancel_write(handle: Handle) -> Code:
    """Take the write back."""
    return cancel_copy(handle, HandleKind.FUTURE_WRITE)


def drop_end(handle: Handle, kind: HandleKind) -> None:
    """`drop` of an end: traps mid-copy, and for a future's writer that has not written."""
    if table_get(handle) != kind:
        trap("host::drop::wrong-end")
    if kind == HandleKind.FUTURE_WRITE and s.copy_state[handle] != CopyState.DONE:
        trap("host::WritableFutureEnd.drop::not-written")
    if (
        s.copy_state[handle] == CopyState.COPYING
        or s.copy_state[handle] == CopyState.CANCELLING_COPY
    ):
        trap("host::CopyEnd.drop::copying")
    channel = s.end_channel[handle]
    if channel is not None and not s.dropped[channel]:
        s.dropped[channel] = True
        notify_dropped(channel)
        s.pending[handle] = Pending.NOTHING
    waitable_drop(handle)
    table_remove(handle)


@builtin("stream.drop-readable")
def canon_stream_drop_readable(handle: Handle) -> None:
    """Drop the readable end."""
    drop_end(handle, HandleKind.STREAM_READ)


@builtin("stream.drop-writable")
def canon_stream_drop_writable(handle: Handle) -> None:
    """Drop the writable end."""
    drop_end(handle, HandleKind.STREAM_WRITE)


@builtin("future.drop-readable")
def canon_future_drop_readable(handle: Handle) -> None:
    """Drop the readable end."""
    drop_end(handle, HandleKind.FUTURE_READ)


@builtin("future.drop-writable")
def canon_future_drop_writable(handle: Handle) -> None:
    """Drop the writable end: traps unless the value was written."""
    drop_end(handle, HandleKind.FUTURE_WRITE)


# --- readers that go to another component, and come back ----------------------------------------


@builtin("lift")
def lift_async_value(handle: Handle, kind: HandleKind) -> None:
    """`lift_async_value`: the end leaves the table; an event of it is not delivered any more."""
    check_lift(handle, kind)
    waitable_drop(handle)
    table_remove(handle)


def check_lift(handle: Handle, kind: HandleKind) -> None:
    """The traps of `lift_async_value`."""
    if table_get(handle) != kind:
        trap("host::lift_async_value::not-a-readable-end")
    if s.copy_state[handle] != CopyState.IDLE:
        trap("host::lift_async_value::not-idle")
    if s.wset[handle] is not None:
        trap("host::lift_async_value::in-set")


def lower_async_value(channel: Channel, kind: HandleKind) -> Handle:
    """`lower_stream` and `lower_future`: a new readable end of what the channel shares."""
    handle = table_add(kind)
    s.end_channel[handle] = channel
    return handle


# --- subtasks -----------------------------------------------------------------------------------


def resolved(handle: Handle) -> bool:
    """`Subtask.resolved`."""
    return s.slot[handle] == HandleKind.SUBTASK and (
        s.subtask_state[handle] != SubtaskState.STARTING
        and s.subtask_state[handle] != SubtaskState.STARTED
    )


def subtask_code(handle: Handle) -> Code:
    """The state as the payload of an event."""
    if s.subtask_state[handle] == SubtaskState.STARTING:
        return Code.STARTING
    if s.subtask_state[handle] == SubtaskState.STARTED:
        return Code.STARTED
    if s.subtask_state[handle] == SubtaskState.RETURNED:
        return Code.RETURNED
    if s.subtask_state[handle] == SubtaskState.CANCELLED_BEFORE_STARTED:
        return Code.CANCELLED_BEFORE_STARTED
    return Code.CANCELLED_BEFORE_RETURNED


def subtask_event(handle: Handle) -> Code:
    """`subtask_event` in `canon_lower`: a resolution is delivered with its event."""
    if resolved(handle):
        s.resolve_delivered[handle] = True
    return subtask_code(handle)


@builtin("call import")
def canon_lower(answer: SubtaskState) -> Handle | None:
    """An async-lowered call whose callee came as far as `answer` at once."""
    if answer == SubtaskState.RETURNED:
        return None
    handle = table_add(HandleKind.SUBTASK)
    s.subtask_state[handle] = answer
    return handle


@side("host")
@builtin("subtask.cancel")
def canon_subtask_cancel(handle: Handle, callee_returns: bool) -> Code:
    """Cancel synchronously; a callee that has started gives up, unless `callee_returns`."""
    if table_get(handle) != HandleKind.SUBTASK:
        trap("host::canon_subtask_cancel::not-a-subtask")
    if s.resolve_delivered[handle]:
        trap("host::canon_subtask_cancel::resolution-delivered")
    if s.cancellation_requested[handle]:
        trap("host::canon_subtask_cancel::cancelled-twice")
    if s.wset[handle] is not None:
        trap("host::canon_subtask_cancel::sync-in-set")
    if not resolved(handle):
        s.cancellation_requested[handle] = True
        if s.subtask_state[handle] == SubtaskState.STARTING:
            s.subtask_state[handle] = SubtaskState.CANCELLED_BEFORE_STARTED
        elif callee_returns:
            s.subtask_state[handle] = SubtaskState.RETURNED
        else:
            s.subtask_state[handle] = SubtaskState.CANCELLED_BEFORE_RETURNED
    s.pending[handle] = Pending.NOTHING
    return subtask_event(handle)


@builtin("subtask.drop")
def canon_subtask_drop(handle: Handle) -> None:
    """Drop a subtask; traps unless its resolution was delivered."""
    if table_get(handle) != HandleKind.SUBTASK:
        trap("host::canon_subtask_drop::not-a-subtask")
    if not s.resolve_delivered[handle]:
        trap("host::Subtask.drop::resolution-not-delivered")
    waitable_drop(handle)
    table_remove(handle)


# --- the task of an export ----------------------------------------------------------------------


@builtin("task.return")
def canon_task_return(task: Task) -> None:
    """Give the export's result."""
    if s.host_task[task] == HostTask.RESOLVED:
        trap("host::Task.return_::already-resolved")
    s.host_task[task] = HostTask.RESOLVED


@builtin("task.cancel")
def canon_task_cancel(task: Task) -> None:
    """Acknowledge a cancellation that was delivered."""
    if s.host_task[task] != HostTask.CANCEL_DELIVERED:
        trap("host::Task.cancel::cancel-not-delivered")
    s.host_task[task] = HostTask.RESOLVED


@builtin("context.get")
def canon_context_get(task: Task) -> bool:
    """Whether the task's context-local storage holds its state."""
    return s.context[task]


@builtin("context.set")
def canon_context_set(task: Task, state: bool) -> None:
    """Put the task's state into its context-local storage, or null."""
    s.context[task] = state


def exit_implicit_thread(task: Task) -> None:
    """The export's last return: traps unless the task gave its result or was cancelled."""
    if s.host_task[task] != HostTask.RESOLVED:
        trap("host::Task.unregister_thread::not-resolved")
    s.host_task[task] = HostTask.INITIAL


@builtin("waitable-set.wait")
def canon_waitable_set_wait(task: Task, waitable: Handle) -> Code:
    """Wait on the task's set: the event of `waitable`, which the host picked."""
    check_set(task, True)
    return get_pending_event(waitable)


@builtin("waitable-set.poll")
def canon_waitable_set_poll(task: Task, waitable: Handle | None) -> Code:
    """Poll the task's set: the event of `waitable`, which the host picked, or none."""
    check_set(task, False)
    if waitable is None:
        return Code.NONE
    return get_pending_event(waitable)


@builtin("callback event")
def callback_event_of(waitable: Handle) -> Code:
    """The event with which the host calls back a task that returned WAIT."""
    return get_pending_event(waitable)


def check_set(task: Task, wait: bool) -> None:
    """Trap, as `waitable-set.wait` and `.poll` do, if the handle is not a set."""
    wset = s.waitable_set[task]
    if wset is not None and table_get(wset) != HandleKind.WAITABLE_SET:
        if wait:
            trap("host::canon_waitable_set_wait::not-a-set")
        trap("host::canon_waitable_set_poll::not-a-set")
