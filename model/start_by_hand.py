"""`start_task` that a program calls by itself, in an export of synchronous type.

A test component of `bytecodealliance/jco` does it. The host calls back only what an export of async
type has returned: what is started by hand is polled once, inside the call, and its code is thrown
away. The state stays in the context of the thread until the export returns, so that a second
`start_task` in the same call finds it there; afterwards nobody has it. Its crate is the one that
`block_on` comes from. With the parameter `may_start` alone.
"""

from __future__ import annotations

from model.async_support import state_callback, state_new
from model.host import canon_context_get, canon_context_set
from model.program import enter_frame, may_return_sync_export, started_here
from model.state import p, s
from model.types import Code, Event, ExecutorRole, Task
from model.world import slot_is_free
from wakeproof.language import action, guard, panic


@action("program")
def start_task_by_hand(task: Task) -> None:
    """Call `start_task` in an export of synchronous type, up to the first poll."""
    guard(p.may_start[task] and may_return_sync_export() and slot_is_free(task))
    state_new(task, ExecutorRole.BLOCK_ON)
    if canon_context_get(in_context(task)):
        panic("async_support::start_task::context-empty")
    canon_context_set(task, True)
    if not canon_context_get(task):
        panic("async_support::callback::context-set")
    canon_context_set(task, False)
    enter_frame(task)
    state_callback(task, Event.NONE, None, Code.NONE)


def in_context(task: Task) -> Task:
    """The task whose state is in the context of the thread that runs; `task` if it is empty."""
    found = task
    for other in Task:
        if s.context[other] and started_here(other):
            found = other
    return found
