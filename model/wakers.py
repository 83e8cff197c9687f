"""The task's reference-counted part and its wakers: `FutureWaker` in V1.

Mirrors, at tag v0.58.0, `crates/guest-rust/src/rt/async_support.rs` (`FutureWaker`, 383-409), and
`inter_task_wakeup.rs` and `inter_task_wakeup_disabled.rs` (`WakerState`). It is a file of its own
because executors and operations both wake tasks.
"""

from __future__ import annotations

from model.host import canon_stream_drop_writable, canon_stream_write
from model.state import p, s
from model.types import Code, ExecutorRole, ImportRole, Operation, SleepState, Task
from wakeproof.language import panic, selector, side, undefined, unwrap


@selector("executor")
def executor_role(task: Task) -> ExecutorRole:
    """Who wrote the executor of this task."""
    return s.executor_role[task]


@selector("operation")
def import_role(operation: Operation) -> ImportRole:
    """Who wrote this operation."""
    return ImportRole.IMPORT


def clone_strong_reference(task: Task) -> None:
    """`Arc::clone`."""
    if s.strong_count[task] == 0:
        undefined("alloc::Arc.clone::freed")
    s.strong_count[task] += 1


def drop_strong_reference(task: Task) -> None:
    """`Arc::drop`: the last reference frees what it points to."""
    if s.strong_count[task] == 0:
        undefined("alloc::Arc.drop::freed")
    s.strong_count[task] -= 1
    if s.strong_count[task] == 0:
        drop_shared(task)


@side("executor")
def drop_shared(task: Task) -> None:
    """The fields of `FutureWaker` are dropped."""
    s.sleep_state[task] = SleepState.POLLING
    waker_stream_drop(task)


def waker_stream_drop(task: Task) -> None:
    """The writer of the inter-task stream is dropped, if there is one."""
    writer = s.waker_stream[task]
    if writer is not None:
        s.waker_stream[task] = None
        canon_stream_drop_writable(writer)


@side("executor")
def wake_by_ref(task: Task) -> None:
    """`Wake::wake_by_ref`: a task that sleeps is woken through its inter-task stream."""
    if s.strong_count[task] == 0:
        undefined("async_support::wake_by_ref::freed")
    state = s.sleep_state[task]
    s.sleep_state[task] = SleepState.WOKEN
    if state == SleepState.SLEEPING:
        waker_state_wake(task)


def waker_state_wake(task: Task) -> None:
    """`WakerState::wake`."""
    if not p.inter_task_wakeup[s.executor_role[task]]:
        panic("inter_task_wakeup_disabled::wake::feature-enabled")
    writer = unwrap(s.waker_stream[task], "inter_task_wakeup::wake::writer-present")
    code = canon_stream_write(writer, 1)
    if code != Code.COMPLETED_1:
        panic("inter_task_wakeup::wake::write-completes")
