"""V3, but a stream whose other end is gone is done, whether or not an item came with the news.

The cure for `stream-after-drop`: `in_progress_update` of `StreamReadOp` and `StreamWriteOp`
(`stream_support.rs`) sets `done` for Dropped(0) too, so that the next read or write answers at once
and does not copy on an end that the host has marked as done.
"""

from __future__ import annotations

from model.types import Code, Operation
from model.waitable_op import advance, is_subtask_code, items_of, set_stream_done
from wakeproof.language import panic, side

BASE = "v3_next"
RELEASE = "a cure"
ABI = 3


@side("operation")
def update_stream(operation: Operation, code: Code) -> bool:
    """`StreamWriteOp` and `StreamReadOp`: whatever ends with a drop sets `done`."""
    if is_subtask_code(code):
        panic("async_support::decode::known-code")
    advance(operation, items_of(code))
    if is_drop(code):
        set_stream_done(operation)
    return code != Code.BLOCKED


def is_drop(code: Code) -> bool:
    """`ReturnCode::Dropped`, with any number of items."""
    return (
        code == Code.DROPPED_0
        or code == Code.DROPPED_1
        or code == Code.DROPPED_2
        or code == Code.DROPPED_3
    )
