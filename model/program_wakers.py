"""Wakers that the program makes itself, whose `wake` is its code.

An executor inside a future has one, or a queue of `async_task` runnables, or a JavaScript loop. It
is woken in `cabi_wake` (waitable.rs), inside the delivery of an event: the task that delivers is
current, and none of its futures is polled. `wake` may do there what a poll may, with what is in
shared storage: a waker is `'static`. With the parameter `program_wakers` alone.
"""

from __future__ import annotations

from model.async_support import event_is_delivered, in_waker
from model.program import may_call, may_poll, poll_here, program_runs
from model.state import p, s
from model.types import Operation, Phase, SubtaskState, WakerKind
from wakeproof.language import action, guard, require


@action("program")
def poll_with_program_waker(operation: Operation) -> None:
    """Poll an operation with a waker of the program, whose `wake` runs code."""
    guard(p.program_wakers and program_runs() and may_poll(operation))
    poll_here(operation, WakerKind.PROGRAM, None, SubtaskState.STARTING)


@action("program")
def call_import_with_program_waker(operation: Operation, answer: SubtaskState) -> None:
    """Call an async import with a waker of the program, whose `wake` runs code."""
    guard(p.program_wakers and program_runs() and may_call(operation, answer))
    poll_here(operation, WakerKind.PROGRAM, None, answer)


@action("program")
def finish_wake() -> None:
    """A waker of the program has run; the task that delivers the event goes on."""
    running = require(s.running)
    guard(p.program_wakers and in_waker(running))
    s.phase[running] = Phase.POLLING
    event_is_delivered(running)
