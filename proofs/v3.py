"""What V3 adds: futures that are aborted."""

from __future__ import annotations

from model.state import p
from model.types import ExecutorRole, Future, HostTask, Phase, Task
from model.versions.v3 import s
from model.waitable_set import abi_version
from wakeproof.language import lemma


@lemma("the root of a task is aborted only by a cancellation that was delivered")
def roots_are_aborted_when_cancelled() -> bool:
    """`Tasks::cancel_root`; a root has no `JoinHandle`."""
    return all(is_aborted_rightly(future) for future in Future)


def is_aborted_rightly(future: Future) -> bool:
    """The future was spawned, or the cancellation of its task was delivered."""
    task = p.task_of[future]
    return (
        not s.aborted[future]
        or task is None
        or (
            s.executor_role[task] == ExecutorRole.EXPORT
            and s.host_task[task] == HostTask.CANCEL_DELIVERED
        )
    )


@lemma("a future that is in no task and no list was not aborted, and has no waker")
def aborts_end_with_the_future() -> bool:
    """What wraps the future is made with it and goes with it."""
    return all(
        s.future_task[future] is not None or s.spawned_in[future] is not None or is_plain(future)
        for future in Future
    )


@lemma("only what was spawned has a `JoinHandle`")
def join_handles_are_of_spawned_futures() -> bool:
    """`spawn_local` gives it."""
    return all(not s.join_handle[future] or p.task_of[future] is None for future in Future)


@lemma("only a future that is polled by a `FuturesUnordered` is ever aborted")
def aborts_need_the_feature() -> bool:
    """Without `async-spawn` nothing wraps a future."""
    return all(is_wrapped(future) or is_plain(future) for future in Future)


def is_wrapped(future: Future) -> bool:
    """The future is in a task that has the feature, or in none yet."""
    task = s.future_task[future]
    return task is None or p.async_spawn[s.executor_role[task]]


def is_plain(future: Future) -> bool:
    """Nobody aborted the future, nor will its task be woken for that."""
    return not s.aborted[future] and not s.abort_waker[future]


@lemma("a task that drops a future unpolled is an export without the feature, and drops its root")
def unpolled_drops_are_of_roots() -> bool:
    """`Tasks::cancel_root` aborts with the feature, and drops without."""
    return all(
        abi_version(task) < 3
        or s.phase[task] != Phase.DROPPING
        or s.polling[task] is not None
        or (s.executor_role[task] == ExecutorRole.EXPORT and not p.async_spawn[ExecutorRole.EXPORT])
        for task in Task
    )
