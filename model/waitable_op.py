"""The operations themselves: what each `WaitableOp` starts, understands and cancels.

Mirrors `crates/guest-rust/src/rt/async_support/{stream_support,future_support,subtask}.rs`,
the same at tags v0.58.0 and v0.60.0.
"""

from __future__ import annotations

from model.host import (
    canon_future_cancel_read,
    canon_future_cancel_write,
    canon_future_drop_readable,
    canon_future_drop_writable,
    canon_future_read,
    canon_future_write,
    canon_lower,
    canon_stream_cancel_read,
    canon_stream_cancel_write,
    canon_stream_read,
    canon_stream_write,
    canon_subtask_cancel,
    canon_subtask_drop,
    count_items,
)
from model.state import p, s
from model.types import Channel, Code, Handle, Items, Operation, OperationKind, Side, SubtaskState
from wakeproof.language import panic, side, unwrap


def end_of(operation: Operation) -> Handle:
    """The handle of the stream or future end that the operation works on."""
    channel: Channel = unwrap(
        p.channel[operation], "stream_support::RawStreamReader.handle::handle-present"
    )
    kind = p.kind[operation]
    if kind == OperationKind.STREAM_READ or kind == OperationKind.FUTURE_READ:
        return unwrap(s.readable[channel], "stream_support::RawStreamReader.handle::handle-present")
    return unwrap(s.writable[channel], "stream_support::RawStreamReader.handle::handle-present")


def start(operation: Operation, answer: SubtaskState) -> Code:
    """`WaitableOp::start`."""
    kind = p.kind[operation]
    if kind == OperationKind.SUBTASK:
        return start_subtask(operation, answer)
    handle = end_of(operation)
    if stream_done(operation):
        return Code.DROPPED_0
    if kind == OperationKind.STREAM_READ:
        return canon_stream_read(handle, p.items[operation])
    if kind == OperationKind.STREAM_WRITE:
        return canon_stream_write(handle, p.items[operation])
    if kind == OperationKind.FUTURE_READ:
        return canon_future_read(handle)
    return canon_future_write(handle)


def start_subtask(operation: Operation, answer: SubtaskState) -> Code:
    """`SubtaskOps::start`."""
    s.subtask[operation] = canon_lower(answer)
    s.started[operation] = False
    if answer == SubtaskState.RETURNED:
        return Code.RETURNED
    return Code.STARTING if answer == SubtaskState.STARTING else Code.STARTED


def stream_done(operation: Operation) -> bool:
    """The `done` flag of the stream end: the other end is known to be gone."""
    channel = p.channel[operation]
    if channel is None:
        return False
    if p.kind[operation] == OperationKind.STREAM_READ:
        return s.reader_done[channel]
    return p.kind[operation] == OperationKind.STREAM_WRITE and s.writer_done[channel]


def in_progress_waitable(operation: Operation) -> Handle:
    """`WaitableOp::in_progress_waitable`."""
    if p.kind[operation] == OperationKind.SUBTASK:
        return unwrap(s.subtask[operation], "subtask::in_progress_waitable::has-handle")
    return end_of(operation)


def in_progress_update(operation: Operation, code: Code) -> bool:
    """`WaitableOp::in_progress_update`: whether `code` ends the operation."""
    kind = p.kind[operation]
    if kind == OperationKind.SUBTASK:
        return update_subtask(operation, code)
    if kind == OperationKind.FUTURE_READ:
        return update_future_read(code)
    if kind == OperationKind.FUTURE_WRITE:
        return update_future_write(code)
    return update_stream(operation, code)


def is_subtask_code(code: Code) -> bool:
    """A code that `ReturnCode::decode` does not expect."""
    return (
        code == Code.STARTING
        or code == Code.STARTED
        or code == Code.RETURNED
        or code == Code.CANCELLED_BEFORE_STARTED
        or code == Code.CANCELLED_BEFORE_RETURNED
    )


@side("operation")
def update_stream(operation: Operation, code: Code) -> bool:
    """`StreamWriteOp` and `StreamReadOp`: only a transfer that ends with a drop sets `done`."""
    if is_subtask_code(code):
        panic("async_support::decode::known-code")
    advance(operation, items_of(code))
    if code == Code.DROPPED_1 or code == Code.DROPPED_2 or code == Code.DROPPED_3:
        set_stream_done(operation)
    return code != Code.BLOCKED


def items_of(code: Code) -> Items:
    """How many items a code reports."""
    if code == Code.COMPLETED_1 or code == Code.DROPPED_1 or code == Code.CANCELLED_1:
        return 1
    if code == Code.COMPLETED_2 or code == Code.DROPPED_2 or code == Code.CANCELLED_2:
        return 2
    if code == Code.COMPLETED_3 or code == Code.DROPPED_3 or code == Code.CANCELLED_3:
        return 3
    return 0


def advance(operation: Operation, items: Items) -> None:
    """`AbiBuffer::advance`, and for a read the new length of its `Vec`."""
    channel = p.channel[operation]
    if p.kind[operation] == OperationKind.STREAM_READ:
        if items > p.items[operation]:
            panic("stream_support::StreamReadOp.in_progress_update::amount-in-capacity")
        if channel is not None:
            count_items(channel, Side.READ, items)
    else:
        if items > p.items[operation]:
            panic("abi_buffer::advance::amount-in-buffer")
        if channel is not None:
            count_items(channel, Side.WRITE, items)


def set_stream_done(operation: Operation) -> None:
    """Remember that the other end is gone."""
    channel = p.channel[operation]
    if channel is not None:
        if p.kind[operation] == OperationKind.STREAM_READ:
            s.reader_done[channel] = True
        else:
            s.writer_done[channel] = True


def update_future_read(code: Code) -> bool:
    """`FutureReadOp`."""
    if is_subtask_code(code):
        panic("async_support::decode::known-code")
    if code != Code.BLOCKED and code != Code.COMPLETED_0 and code != Code.CANCELLED_0:
        panic("future_support::FutureReadOp.in_progress_update::known-code")
    return code != Code.BLOCKED


def update_future_write(code: Code) -> bool:
    """`FutureWriteOp`."""
    if (
        code != Code.BLOCKED
        and code != Code.COMPLETED_0
        and code != Code.DROPPED_0
        and code != Code.CANCELLED_0
    ):
        panic("future_support::FutureWriteOp.in_progress_update::known-code")
    return code != Code.BLOCKED


def update_subtask(operation: Operation, code: Code) -> bool:
    """`SubtaskOps`: at the end the subtask's handle is dropped with the rest."""
    if code == Code.STARTING:
        if s.started[operation]:
            panic("subtask::in_progress_update::starting-not-started")
        return False
    if code == Code.STARTED:
        flag_started(operation)
        return False
    if code == Code.RETURNED or code == Code.CANCELLED_BEFORE_RETURNED:
        if not s.started[operation]:
            flag_started(operation)
        drop_subtask_handle(operation)
        return True
    if code == Code.CANCELLED_BEFORE_STARTED:
        if s.started[operation]:
            panic("subtask::in_progress_update::cancelled-before-start-not-started")
        drop_subtask_handle(operation)
        return True
    panic("subtask::in_progress_update::known-status")


def flag_started(operation: Operation) -> None:
    """`InProgress::flag_started`."""
    if s.started[operation]:
        panic("subtask::flag_started::started-once")
    s.started[operation] = True


def drop_subtask_handle(operation: Operation) -> None:
    """`SubtaskHandle::drop`, unless the call returned at once and there is none."""
    handle = s.subtask[operation]
    s.subtask[operation] = None
    s.started[operation] = False
    if handle is not None:
        canon_subtask_drop(handle)


def in_progress_cancel(operation: Operation, callee_returns: bool) -> Code:
    """`WaitableOp::in_progress_cancel`; a callee that has started may return all the same."""
    handle = in_progress_waitable(operation)
    kind = p.kind[operation]
    if kind == OperationKind.SUBTASK:
        return canon_subtask_cancel(handle, callee_returns)
    if kind == OperationKind.STREAM_READ:
        return canon_stream_cancel_read(handle)
    if kind == OperationKind.STREAM_WRITE:
        return canon_stream_cancel_write(handle)
    if kind == OperationKind.FUTURE_READ:
        return canon_future_cancel_read(handle)
    return canon_future_cancel_write(handle)


def finish_future_end(operation: Operation) -> None:
    """A future's operation owns its end and drops it when it is over."""
    channel = p.channel[operation]
    if channel is None or not p.is_future[channel]:
        return
    if p.kind[operation] == OperationKind.FUTURE_READ:
        reader = s.readable[channel]
        s.readable[channel] = None
        if reader is not None:
            canon_future_drop_readable(reader)
    else:
        writer = s.writable[channel]
        s.writable[channel] = None
        if writer is not None:
            canon_future_drop_writable(writer)
