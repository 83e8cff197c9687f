"""Which traps of Wasmtime and of the model mean the same, and which differences are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wakeproof.conform.host.builtins import HostCall, Outcome
from wakeproof.conform.host.model_side import ModelHost


@dataclass(frozen=True)
class KnownDifference:
    """A divergence with a known reason why the model does not do as Wasmtime does.

    `covers` decides from the host of the model after the call, the call, and both outcomes (the
    model's first).
    """

    id: str
    covers: Callable[[ModelHost, HostCall, Outcome, Outcome], bool]
    reason: str


def _wrong_cancel(host: ModelHost, call: HostCall, here: Outcome, there: Outcome) -> bool:
    late = "cancelled when no" in there.trap if there.trap else there.value & 0xF == 2
    return ".cancel-" in call.builtin and here.trap == "host::cancel_copy::wrong-end" and late


KNOWN_DIFFERENCES = (
    KnownDifference(
        "wrong-end-cancel",
        _wrong_cancel,
        "cancel-read of a writable end and cancel-write of a readable end: the specification and "
        "the model trap; Wasmtime checks the direction too late, and cancels the copy of the other "
        "direction or traps for another reason.",
    ),
)

_LIFT_IN_SET = (
    "cannot lift stream while it's in a waitable set",
    "cannot lift future while it's in a waitable set",
)
_LIFT_BUSY = (
    "cannot remove busy stream",
    "cannot remove busy future",
    "cannot lift stream after being notified that the writable end dropped",
    "cannot lift future after previous read succeeded",
    *_LIFT_IN_SET,
)
_COPYING = "cannot have concurrent operations active on a future/stream"
_IN_SET = "waitable cannot be used synchronously while added to a waitable set"
_NO_SET = "handle is not an waitable-set"
# the messages of Wasmtime that correspond to a site of the model; it may check in another order
TRAPS: dict[str, tuple[str, ...]] = {
    "host::Table.get::empty-slot": ("unknown handle index",),
    "host::WaitableSet.drop::not-empty": (
        "resource has children",
        "cannot drop waitable set with waiters",
    ),
    "host::WaitableSet.drop::has-waiters": ("cannot drop waitable set with waiters",),
    "host::canon_waitable_set_drop::not-a-set": ("handle is not a waitable-set",),
    "host::canon_waitable_set_poll::not-a-set": (_NO_SET,),
    "host::canon_waitable_set_wait::not-a-set": (_NO_SET,),
    "host::canon_waitable_join::not-a-set": (_NO_SET,),
    "host::canon_waitable_join::not-a-waitable": ("handle is not a waitable",),
    "host::canon_waitable_join::sync-waiter": (_IN_SET, "unknown handle index", _NO_SET),
    "host::stream_copy::wrong-end": ("handle is not a stream", _COPYING),
    "host::future_copy::wrong-end": ("handle is not a future", _COPYING),
    "host::stream_copy::sync-in-set": (_IN_SET,),
    "host::future_copy::sync-in-set": (_IN_SET,),
    "host::stream_copy::not-idle": (
        _COPYING,
        "cannot read from stream after being notified that the writable end dropped",
        "cannot write to stream after being notified that the readable end dropped",
    ),
    "host::future_copy::not-idle": (
        _COPYING,
        "cannot read from future after previous read succeeded",
        "cannot write to future after previous write succeeded or readable end dropped",
    ),
    "host::cancel_copy::wrong-end": (
        "handle is not a stream",
        "handle is not a future",
        "passed read end to",
        "passed write end to",
    ),
    "host::cancel_copy::not-copying": (
        _IN_SET,
        "stream or future read cancelled when no read is pending",
        "stream or future write cancelled when no write is pending",
    ),
    "host::cancel_copy::sync-in-set": (_IN_SET,),
    "host::lift_async_value::not-a-readable-end": (
        "handle is not a stream",
        "handle is not a future",
        "handle is not a readable end of a stream",
        "handle is not a readable end of a future",
        *_LIFT_BUSY,
    ),
    "host::lift_async_value::not-idle": _LIFT_BUSY,
    "host::lift_async_value::in-set": _LIFT_IN_SET,
    "host::drop::wrong-end": (
        "handle is not a stream",
        "handle is not a future",
        "handle is not a readable end of a stream",
        "handle is not a readable end of a future",
        "passed read end to",
        "cannot drop busy stream",
        "cannot drop busy future",
    ),
    "host::CopyEnd.drop::copying": (
        "cannot drop busy stream",
        "cannot remove busy stream",
        "cannot remove busy future",
    ),
    "host::WritableFutureEnd.drop::not-written": (
        "cannot drop future write end without first writing a value",
        "cannot drop busy future",
    ),
    "host::canon_subtask_cancel::not-a-subtask": ("handle is not a subtask",),
    "host::canon_subtask_cancel::resolution-delivered": (
        "`subtask.cancel` called after terminal status delivered",
        _IN_SET,
    ),
    "host::canon_subtask_cancel::sync-in-set": (_IN_SET,),
    "host::canon_subtask_cancel::cancelled-twice": (_IN_SET,),
    "host::canon_subtask_drop::not-a-subtask": (
        "handle is not a subtask",
        "handle is not a waitable",
    ),
    "host::Subtask.drop::resolution-not-delivered": (
        "cannot drop a subtask which has not yet resolved",
    ),
}


def agree(call: HostCall, model: Outcome, wasmtime: Outcome) -> bool:
    """Whether both outcomes are the same result, or traps with the same meaning."""
    if model.trap and wasmtime.trap:
        return any(message in wasmtime.trap for message in TRAPS.get(model.trap, ()))
    return model == wasmtime
