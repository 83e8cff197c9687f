"""The inter-task wakeup stream of a task, with the feature and without.

Mirrors `crates/guest-rust/src/rt/async_support/inter_task_wakeup.rs` at tag v0.58.0 (the order
before pull request 1638: the read is cancelled while its end is in the waitable set) and
`inter_task_wakeup_disabled.rs`.
"""

from __future__ import annotations

from model.host import canon_stream_cancel_read, canon_stream_new, canon_stream_read
from model.state import p, s
from model.types import Code, Handle, Task
from model.waitable_set import add_waitable, remaining_work, remove_waitable_from_all_sets
from wakeproof.language import bound, panic, side, unwrap


@side("executor")
def read_inter_task_stream(task: Task) -> None:
    """Make the stream at the first sleep, and read from it."""
    if not p.inter_task_wakeup[s.executor_role[task]]:
        if not remaining_work(task):
            panic("inter_task_wakeup_disabled::read_inter_task_stream::waits-on-a-waitable")
        return
    if s.stream[task] is None:
        if s.stream_reading[task]:
            panic("inter_task_wakeup::read_inter_task_stream::no-read-without-stream")
        make_inter_task_stream(task)
    if not s.stream_reading[task]:
        handle = unwrap(s.stream[task], "inter_task_wakeup::read_inter_task_stream::stream-made")
        code = canon_stream_read(handle, 1)
        if code != Code.BLOCKED:
            panic("inter_task_wakeup::read_inter_task_stream::read-blocks")
        s.stream_reading[task] = True
        add_waitable(task, handle)


def make_inter_task_stream(task: Task) -> None:
    """`UnitStreamOps::new`: the reader stays with the task, the writer goes to its waker."""
    channel = p.inter_task_channel[task]
    if channel is None:
        bound("inter_task_channel")
    canon_stream_new(channel)
    s.stream[task] = s.readable[channel]
    if s.waker_stream[task] is not None:
        panic("inter_task_wakeup::read_inter_task_stream::no-writer-yet")
    s.waker_stream[task] = s.writable[channel]
    s.readable[channel] = None
    s.writable[channel] = None


@side("executor")
def cancel_inter_task_stream_read(task: Task) -> None:
    """Take the read back, if there is one. This order traps if the end is still in its set."""
    if not s.stream_reading[task]:
        return
    s.stream_reading[task] = False
    handle = unwrap(s.stream[task], "inter_task_wakeup::cancel_inter_task_stream_read::stream-made")
    canon_stream_cancel_read(handle)
    remove_waitable_from_all_sets(handle)


def consume_waitable_event(task: Task, waitable: Handle) -> bool:
    """Whether the event is the one of the task's own stream."""
    if s.stream[task] == waitable:
        s.stream_reading[task] = False
        return True
    return False
