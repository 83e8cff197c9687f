"""Differences between the model and Wasmtime that have a known reason."""

from __future__ import annotations

from dataclasses import dataclass

DEADLOCK = "deadlock detected: event loop cannot make further progress"
ENDLESS = "it never stops"
LATE_CANCEL = "a task that has given its result is cancelled"
DURING_SYNC = "an async export runs while one of synchronous type waits"
# what happens in a walk after which Wasmtime may go wrong by itself; without it, it may not
EVENT_TAKEN = "an event that a task waits for is taken by something else"
EVENT_TAKEN_FROM_WAIT = "an event that a wait inside of a task waits for is taken"
NEVER_STARTED = "a call is cancelled before it has started"
YIELDED_CANCELLED = "a task that yielded is cancelled while another one waits on its stack"
COPY_OUTLIVES = "a copy goes on whose task has ended"
# the messages for what only a whole walk can reach
MORE_TRAPS = {
    "host::Task.unregister_thread::not-resolved": (
        "async-lifted export failed to produce a result",
    ),
    "host::canon_lift::sync-blocked-alone": (
        "cannot block a synchronous task before returning",
        DEADLOCK,
    ),
    "host::Task.return_::already-resolved": (
        "`task.return` or `task.cancel` called more than once",
    ),
    "host::Task.cancel::cancel-not-delivered": (
        "`task.cancel` called by task which has not been cancelled",
    ),
}


@dataclass(frozen=True)
class Explanation:
    """Where Wasmtime is at fault, or older than the specification, and why.

    `after` is what must have happened in the walk: the same words without it are a divergence. What
    the follower says itself has its circumstances checked there.
    """

    why: str
    after: str = ""


# by what Wasmtime says where it goes wrong by its own account, and by what it does
KNOWN_BUGS = {
    "BUG: delivering non-present event": Explanation(
        "Wasmtime 50, where it is about to call back a task that waits on a set, and the event is "
        "taken before, by a poll, a cancel or a join in another task",
        EVENT_TAKEN,
    ),
    "BUG: event expected to be present": Explanation(
        "Wasmtime 50, where a wait inside of a task is about to go on, and its event is taken "
        "before",
        EVENT_TAKEN_FROM_WAIT,
    ),
    "BUG: switch item already set": Explanation(
        "Wasmtime 50, at the next call in the same turn, once a call was cancelled before it "
        "started",
        NEVER_STARTED,
    ),
    "BUG: thread with `WakeOnCancel::Yielding` not promotable": Explanation(
        "Wasmtime 50, when a task that yielded is cancelled while another one waits on its stack",
        YIELDED_CANCELLED,
    ),
    "resource not present": Explanation(
        "Wasmtime 50, where a copy goes on whose task has ended", COPY_OUTLIVES
    ),
    "resource is of another type": Explanation(
        "Wasmtime 50, where a copy goes on whose task has ended", COPY_OUTLIVES
    ),
    LATE_CANCEL: Explanation(
        "Wasmtime 50 keeps a cancellation that was asked for before the result was given; the "
        "specification forgets it"
    ),
    DURING_SYNC: Explanation(
        "Wasmtime 50 is older than the specification's "
        "test/async/during-sync-call-no-exclusive-resume.wast"
    ),
}
