"""Differences between the model and Wasmtime that have a known reason.

Some are messages with which Wasmtime goes wrong; they count as known only in walks in which that
happened which causes them (`circumstances`).
"""

from __future__ import annotations

from dataclasses import dataclass

CANNOT_BLOCK = "cannot block a synchronous task before returning"
DEADLOCK = "deadlock detected: event loop cannot make further progress"
ENDLESS = "it never stops"
# what happens in a walk after which Wasmtime may go wrong by itself; else a divergence is real
EVENT_TAKEN = "an event that a task waits for is taken by something else"
EVENT_TAKEN_FROM_WAIT = "an event that a wait inside of a task waits for is taken"
NEVER_STARTED = "a call is cancelled before it has started"
YIELDED_CANCELLED = "a task that yielded is cancelled while another one holds the lock"
COPY_OUTLIVES = "a copy goes on whose task has ended"
# the messages of traps that only a whole walk can reach, by site of the model
MORE_TRAPS = {
    "host::Task.unregister_thread::not-resolved": (
        "async-lifted export failed to produce a result",
    ),
    "host::canon_lift::sync-blocked-alone": (CANNOT_BLOCK,),
    "wasmtime::switch_or_trap_if_may_not_suspend::sync-call-in-progress": (CANNOT_BLOCK,),
    "host::Task.return_::already-resolved": (
        "`task.return` or `task.cancel` called more than once",
    ),
    "host::Task.cancel::cancel-not-delivered": (
        "`task.cancel` called by task which has not been cancelled",
    ),
}


@dataclass(frozen=True)
class Explanation:
    """Why Wasmtime is at fault.

    `after` is what must have happened in the walk: without it the same words are a divergence.
    """

    why: str
    after: str


# by the message with which Wasmtime goes wrong
KNOWN_BUGS = {
    "BUG: delivering non-present event": Explanation(
        "Wasmtime 50, where it is about to call back a task that waits on a set, and the event is "
        "taken before, by a poll, a cancel or a join in another task (concurrent.rs, line 984)",
        EVENT_TAKEN,
    ),
    "BUG: event expected to be present": Explanation(
        "Wasmtime 50, where a wait inside of a task is about to go on, and its event is taken "
        "before (concurrent.rs, line 4327)",
        EVENT_TAKEN_FROM_WAIT,
    ),
    "BUG: switch item already set": Explanation(
        "Wasmtime 50, at the next call in the same turn, once a call was cancelled before it "
        "started (concurrent.rs, line 2496: it goes back to the caller of another call)",
        NEVER_STARTED,
    ),
    "BUG: thread with `WakeOnCancel::Yielding` not promotable": Explanation(
        "Wasmtime 50, when a task that yielded is cancelled while another one holds the lock "
        "(concurrent.rs, line 4505: it was put aside at line 1627, where it is not looked for)",
        YIELDED_CANCELLED,
    ),
    "resource not present": Explanation(
        "Wasmtime 50, where a copy goes on whose task has ended", COPY_OUTLIVES
    ),
    "resource is of another type": Explanation(
        "Wasmtime 50, where a copy goes on whose task has ended", COPY_OUTLIVES
    ),
}
