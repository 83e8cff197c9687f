"""The futures of one task: `spawn::Tasks`, with the feature `async-spawn` and without.

Mirrors `crates/guest-rust/src/rt/async_support/spawn.rs` and `spawn_disabled.rs`, and, for the
feature, `futures-util` 0.3, `src/stream/futures_unordered/mod.rs` and `task.rs`. A poll that
reaches the program's code stops there (`Polled.PROGRAM`); the program's own steps follow, and once
its future returns, `tasks_future_pending` or `tasks_future_ready` is the rest of the poll.
"""

from __future__ import annotations

from model.state import p, s
from model.types import Future, Phase, Polled, Release, Task
from model.wakers import drop_strong_reference, wake_by_ref
from wakeproof.language import count, panic, side


def tasks_is_empty(task: Task) -> bool:
    """`Tasks::is_empty`."""
    return not any(s.future_task[future] == task for future in Future)


def tasks_new(task: Task) -> None:
    """`Tasks::new`: the root future, ready to be polled."""
    root = p.root[task]
    s.future_task[root] = task
    link(task, root)
    if p.async_spawn[s.executor_role[task]]:
        enqueue(task, root)


def tasks_drop(task: Task) -> None:
    """The end of the futures: nothing is queued any more, the queue's waker is dropped."""
    for future in Future:
        if s.future_task[future] == task:
            s.future_task[future] = None
            s.link_rank[future] = 0
            s.queue_rank[future] = 0
            s.woken[future] = False
    if s.queue_waker[task]:
        s.queue_waker[task] = False
        drop_strong_reference(task)


# --- FuturesUnordered ---------------------------------------------------------------------------


def link(task: Task, future: Future) -> None:
    """`link`: the head of the list of all children, which is dropped from its head on."""
    s.link_rank[future] = count(s.future_task[other] == task for other in Future)


def unlink(task: Task, future: Future) -> None:
    """`unlink`: the children after it move up."""
    for other in Future:
        if s.future_task[other] == task and s.link_rank[other] > s.link_rank[future]:
            s.link_rank[other] -= 1
    s.link_rank[future] = 0


def head_all(task: Task) -> Future | None:
    """The child at the head of the list: linked last, the first that is dropped."""
    children = count(s.future_task[future] == task for future in Future)
    head: Future | None = None
    for future in Future:
        if s.future_task[future] == task and s.link_rank[future] == children:
            head = future
    return head


def enqueue(task: Task, future: Future) -> None:
    """Put a future at the end of the queue of those that are ready to run."""
    s.queue_rank[future] = 1 + count(
        s.future_task[other] == task and s.queue_rank[other] > 0 for other in Future
    )


def dequeue(task: Task) -> Future | None:
    """The future that has waited longest in the queue."""
    first: Future | None = None
    for future in Future:
        if s.future_task[future] == task and s.queue_rank[future] > 0:
            if s.queue_rank[future] == 1:
                first = future
            s.queue_rank[future] -= 1
    return first


def release_child(task: Task, future: Future) -> None:
    """`release_task`: what is left of the child in the queue is skipped; the others move up."""
    rank = s.queue_rank[future]
    unlink(task, future)
    s.future_task[future] = None
    s.queue_rank[future] = 0
    s.woken[future] = False
    for other in Future:
        if rank > 0 and s.future_task[other] == task and s.queue_rank[other] > rank:
            s.queue_rank[other] -= 1


def child_wake_by_ref(future: Future) -> None:
    """`Task::wake_by_ref` of `FuturesUnordered`: queue the child, wake the parent once."""
    task = s.future_task[future]
    if task is None:
        return
    if is_dropped_now(future) and s.polling[task] != future:
        # `release_task` marks a child as queued before it drops it, so waking it does nothing
        return
    s.woken[future] = True
    if s.queue_rank[future] == 0:
        enqueue(task, future)
        if s.queue_waker[task]:
            s.queue_waker[task] = False
            wake_by_ref(task)
            drop_strong_reference(task)


def dropped_now(task: Task) -> Future | None:
    """The future whose destructor runs: the one that is polled, if it was aborted; else its task
    drops its children from the head on."""
    if s.phase[task] != Phase.DROPPING:
        return None
    future = s.polling[task]
    return head_all(task) if future is None else future


def is_dropped_now(future: Future) -> bool:
    """The destructor of this future runs."""
    task = s.future_task[future]
    return task is not None and dropped_now(task) == future


def futures_unordered_poll_next(task: Task) -> Polled:
    """`FuturesUnordered::poll_next` from its start."""
    s.poll_len[task] = count(s.future_task[future] == task for future in Future)
    s.polled[task] = 0
    s.yielded[task] = 0
    if not s.queue_waker[task]:
        s.queue_waker[task] = True
        s.strong_count[task] += 1
    return futures_unordered_turn(task)


def futures_unordered_turn(task: Task) -> Polled:
    """One turn of its loop: poll the next child that is ready."""
    future = dequeue(task)
    if future is None:
        s.poll_len[task] = 0
        s.polled[task] = 0
        s.yielded[task] = 0
        return Polled.READY if tasks_is_empty(task) else Polled.PENDING
    s.woken[future] = False
    s.polling[task] = future
    return Polled.PROGRAM


def push(release: Release, future: Future) -> None:
    """`SPAWNED.push`."""
    s.spawned_rank[future] = 1 + count(s.spawned_in[other] == release for other in Future)
    s.spawned_in[future] = release


def drain_spawned(task: Task) -> bool:
    """Move what stands in the release's `SPAWNED` into this task; whether there was anything.

    Each is linked and queued behind what the task has, in the order in which it was spawned.
    """
    release = executor_release(task)
    some = any(s.spawned_in[future] == release for future in Future)
    linked = count(s.future_task[future] == task for future in Future)
    queued = count(s.future_task[future] == task and s.queue_rank[future] > 0 for future in Future)
    for future in Future:
        if s.spawned_in[future] == release:
            s.spawned_in[future] = None
            s.future_task[future] = task
            s.link_rank[future] = linked + s.spawned_rank[future]
            s.queue_rank[future] = queued + s.spawned_rank[future]
            s.spawned_rank[future] = 0
    return some


@side("executor")
def executor_release(task: Task) -> Release:
    """The release that the executor of this task comes from."""
    return Release.R1


# --- Tasks --------------------------------------------------------------------------------------


def tasks_poll_next(task: Task) -> Polled:
    """`Tasks::poll_next` from its start."""
    if p.async_spawn[s.executor_role[task]]:
        return tasks_turn(task, futures_unordered_poll_next(task))
    root = p.root[task]
    if s.future_task[root] == task:
        s.polling[task] = root
        return Polled.PROGRAM
    return Polled.READY


@side("executor")
def tasks_turn(task: Task, answer: Polled) -> Polled:
    """One turn of the loop in `Tasks::poll_next`, after the poll of the `FuturesUnordered`."""
    if answer == Polled.PROGRAM:
        return answer
    spawned = drain_spawned(task)
    if answer == Polled.READY and spawned:
        panic("spawn::poll_next::nothing-spawned-when-empty")
    if answer == Polled.SOME or (answer == Polled.PENDING and spawned):
        # what was spawned has been drained, so an immediate answer ends the loop
        return futures_unordered_poll_next(task)
    return answer


def tasks_future_pending(task: Task, future: Future) -> Polled:
    """The program's future returned Pending."""
    s.polling[task] = None
    if not p.async_spawn[s.executor_role[task]]:
        return Polled.PENDING
    unlink(task, future)
    link(task, future)
    s.polled[task] += 1
    if s.woken[future]:
        s.yielded[task] += 1
    if s.yielded[task] >= 2 or s.polled[task] == s.poll_len[task]:
        s.poll_len[task] = 0
        s.polled[task] = 0
        s.yielded[task] = 0
        wake_by_ref(task)
        return tasks_turn(task, Polled.PENDING)
    return tasks_turn(task, futures_unordered_turn(task))


def tasks_future_ready(task: Task, future: Future) -> Polled:
    """The program's future returned Ready and is gone."""
    abortable_ready(task, future)
    s.polling[task] = None
    release_child(task, future)
    if not p.async_spawn[s.executor_role[task]]:
        return Polled.READY
    s.poll_len[task] = 0
    s.polled[task] = 0
    s.yielded[task] = 0
    return tasks_turn(task, Polled.SOME)


# --- Abortable, since 0.63.0 --------------------------------------------------------------------


@side("executor")
def is_aborted(task: Task) -> bool:
    """`Abortable::is_aborted` of the future that the task polls: before V3 none is."""
    return False


@side("executor")
def abortable_pending(task: Task, future: Future) -> None:
    """`Abortable::poll`, once the future that it wraps has returned Pending."""
    return


@side("executor")
def abortable_ready(task: Task, future: Future) -> None:
    """What wraps a future ends with it: `Abortable`, and the sender to its `JoinHandle`."""
    return


def is_gone(future: Future) -> bool:
    """Nothing polls the future any more: it was dropped, and its `JoinHandle` is ready."""
    return s.future_task[future] is None and s.spawned_in[future] is None


def in_program(task: Task) -> bool:
    """Whether the program's code runs on behalf of this task."""
    return (
        s.phase[task] == Phase.POLLING
        or s.phase[task] == Phase.DROPPING
        or s.phase[task] == Phase.WAKING
    )
