"""The vocabulary of the model: index types and enumerations."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from wakeproof.language import Enumeration, Index, Limit, auto


class Task(Index):
    """A slot for one executor task: an async export's task or a `block_on`."""


class Operation(Index):
    """A slot of memory for one `WaitableOperation` and its completion status."""


class Handle(Index):
    """An index of the component instance's handle table."""


class Channel(Index):
    """A stream or a future: two ends and what they share."""


class Future(Index):
    """A future that the program gave to a task: its root, or one that it spawned."""


# a reference count, a length or a place in a queue
Count: TypeAlias = Annotated[int, Limit(15)]
# the number of items in a buffer
Items: TypeAlias = Annotated[int, Limit(3)]
# the number of items by which the two ends of a stream differ
Difference: TypeAlias = Annotated[int, Limit(6)]


class ExecutorRole(Enumeration):
    """Who wrote the executor of a task."""

    EXPORT = auto()
    BLOCK_ON = auto()


class ImportRole(Enumeration):
    """Who wrote the operations."""

    IMPORT = auto()


class Release(Enumeration):
    """The crate that a static belongs to: every release has statics of its own."""

    R1 = auto()
    R2 = auto()
    R3 = auto()


class HandleKind(Enumeration):
    """The kind of entry in a slot of the handle table."""

    FREE = auto()
    WAITABLE_SET = auto()
    STREAM_READ = auto()
    STREAM_WRITE = auto()
    FUTURE_READ = auto()
    FUTURE_WRITE = auto()
    SUBTASK = auto()


class CopyState(Enumeration):
    """`CopyState` of a stream or future end."""

    IDLE = auto()
    COPYING = auto()
    CANCELLING_COPY = auto()
    DONE = auto()


class Side(Enumeration):
    """An end of a channel."""

    NONE = auto()
    READ = auto()
    WRITE = auto()


class Pending(Enumeration):
    """The pending event of a waitable, before it is delivered."""

    NOTHING = auto()
    COMPLETED = auto()
    DROPPED = auto()
    CANCELLED = auto()
    SUBTASK = auto()


class SubtaskState(Enumeration):
    """`Subtask.State`."""

    STARTING = auto()
    STARTED = auto()
    RETURNED = auto()
    CANCELLED_BEFORE_STARTED = auto()
    CANCELLED_BEFORE_RETURNED = auto()


class Code(Enumeration):
    """A return code or event payload: result and number of items, or a subtask's state."""

    NONE = auto()
    BLOCKED = auto()
    COMPLETED_0 = auto()
    COMPLETED_1 = auto()
    COMPLETED_2 = auto()
    COMPLETED_3 = auto()
    DROPPED_0 = auto()
    DROPPED_1 = auto()
    DROPPED_2 = auto()
    DROPPED_3 = auto()
    CANCELLED_0 = auto()
    CANCELLED_1 = auto()
    CANCELLED_2 = auto()
    CANCELLED_3 = auto()
    STARTING = auto()
    STARTED = auto()
    RETURNED = auto()
    CANCELLED_BEFORE_STARTED = auto()
    CANCELLED_BEFORE_RETURNED = auto()


class HostTask(Enumeration):
    """`Task.State` of an export's component model task."""

    INITIAL = auto()
    STARTED = auto()
    PENDING_CANCEL = auto()
    CANCEL_DELIVERED = auto()
    RESOLVED = auto()


class Event(Enumeration):
    """The kind of event that the host delivers to a callback."""

    NONE = auto()
    WAITABLE = auto()
    CANCEL = auto()


class CallbackCode(Enumeration):
    """The code that a callback returns to the host."""

    EXIT = auto()
    YIELD = auto()
    WAIT = auto()


class Phase(Enumeration):
    """The place of a task: in the program's code, in the host, or nowhere."""

    ENDED = auto()
    POLLING = auto()
    # inside `callback`, which polls its set: the host's answer comes in `world.waitable_set_poll`,
    # and an event leads back to `poll_loop` (async_support.rs:264, `continue`)
    SET_POLL = auto()
    WAITING = auto()
    YIELDED = auto()
    CANCELLING = auto()
    BLOCKED_WAIT = auto()
    BLOCKED_POLL = auto()
    DROPPING = auto()
    # inside `cabi_wake`, which runs a waker of the program
    WAKING = auto()
    # started by hand in an export that is no callback task: nobody calls it back
    LOST = auto()


class SleepState(Enumeration):
    """`SLEEP_STATE_*`."""

    POLLING = auto()
    WOKEN = auto()
    SLEEPING = auto()


class Polled(Enumeration):
    """The answer of `Tasks::poll_next`, or of the `FuturesUnordered` in it.

    PROGRAM: there is no answer yet, as the program's code runs. READY: no future is left, which is
    `Ready(())` of the one and `Ready(None)` of the other, whose SOME is `Ready(Some(()))`.
    """

    PROGRAM = auto()
    PENDING = auto()
    SOME = auto()
    READY = auto()


class OperationKind(Enumeration):
    """The `WaitableOp` of an operation."""

    STREAM_READ = auto()
    STREAM_WRITE = auto()
    FUTURE_READ = auto()
    FUTURE_WRITE = auto()
    SUBTASK = auto()


class OperationState(Enumeration):
    """`WaitableOperationState`; FREE is memory that holds no operation."""

    FREE = auto()
    START = auto()
    IN_PROGRESS = auto()
    DONE = auto()


class WakerKind(Enumeration):
    """The kind of a `Waker`.

    CONTEXT: the one that a future is polled with. DEFERRED: a `DeferredWrite`, which is its own.
    PROGRAM: one that the program made, whose `wake` is the program's code.
    """

    NONE = auto()
    NOOP = auto()
    CONTEXT = auto()
    DEFERRED = auto()
    PROGRAM = auto()
