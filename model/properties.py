"""The properties: what must hold in every state, and what must happen at last.

Their ids are those of `properties.toml`. The last part, progress, is about whole runs: those that
are fair by the assumptions there, in which the peers may be silent for ever.

`no-panic`, `no-trap` and `no-use-after-free` are not here: they are the three ways in which
an action can go wrong.
"""

from __future__ import annotations

from model.host import has_pending_event, is_waiting
from model.program import exists, in_some_hands, is_given_up, program_runs, sync_export_runs
from model.spawn import in_program, is_gone
from model.state import p, s
from model.types import (
    Channel,
    CopyState,
    Count,
    ExecutorRole,
    Future,
    Handle,
    HandleKind,
    HostTask,
    Operation,
    OperationKind,
    OperationState,
    Pending,
    Phase,
    SleepState,
    SubtaskState,
    Task,
    WakerKind,
)
from model.waitable import waker_task
from model.waitable_op import items_of
from model.world import outside_runs
from wakeproof.language import (
    always_eventually,
    count,
    fairness,
    invariant,
    leads_to,
    progress,
    recurs,
    side,
    tested,
)


@side("executor")
def map_exists(task: Task) -> bool:
    """Whether the memory that holds the task's map is alive."""
    return s.alive[task]


def waitable_of(operation: Operation) -> Handle | None:
    """The waitable that an operation in progress is about."""
    if s.state[operation] != OperationState.IN_PROGRESS:
        return None
    channel = p.channel[operation]
    kind = p.kind[operation]
    if kind == OperationKind.SUBTASK or channel is None:
        return s.subtask[operation]
    if kind == OperationKind.STREAM_READ or kind == OperationKind.FUTURE_READ:
        return s.readable[channel]
    return s.writable[channel]


@invariant("no-waitable-in-dead-set")
def no_waitable_in_dead_set() -> bool:
    """A waitable is in no set of a task that has ended."""
    return not any(not s.alive[task] and has_members(task) for task in Task)


def has_members(task: Task) -> bool:
    """Some waitable is in the task's set."""
    wset = s.waitable_set[task]
    return wset is not None and any(s.wset[handle] == wset for handle in Handle)


@tested("no-waitable-in-dead-set")
def a_waitable_is_in_a_set() -> bool:
    """Some waitable is in a set."""
    return any(s.wset[handle] is not None for handle in Handle)


@invariant("no-stale-callback")
def no_stale_callback() -> bool:
    """Every callback pointer points to a live completion status, of the waitable's operation."""
    return all(all(callback_is_current(task, handle) for handle in Handle) for task in Task)


def callback_is_current(task: Task, handle: Handle) -> bool:
    """The entry, if there is one, points to the operation in progress on this waitable."""
    operation = s.waitables[task][handle]
    if operation is None or not map_exists(task):
        return True
    return not s.dangling[task][handle] and waitable_of(operation) == handle


@tested("no-stale-callback")
def a_callback_is_registered() -> bool:
    """Some task's map has an entry."""
    return any(
        map_exists(task) and any(s.waitables[task][handle] is not None for handle in Handle)
        for task in Task
    )


@invariant("map-mirrors-set")
def map_mirrors_set() -> bool:
    """Map and set name the same waitables, the task's own wakeup stream aside."""
    return all(
        all(entry_mirrors_membership(task, handle) for handle in Handle)
        for task in Task
        if map_exists(task)
    )


def entry_mirrors_membership(task: Task, handle: Handle) -> bool:
    """This waitable is in the map if and only if it is in the set."""
    wset = s.waitable_set[task]
    member = wset is not None and s.wset[handle] == wset
    if member and s.stream[task] == handle:
        return s.waitables[task][handle] is None
    return member == (s.waitables[task][handle] is not None)


@tested("map-mirrors-set")
def a_map_or_set_is_used() -> bool:
    """Some task's map has an entry, or some waitable is in a set."""
    return a_callback_is_registered() or a_waitable_is_in_a_set()


@invariant("one-home")
def one_home() -> bool:
    """A waitable is registered with one task at most."""
    return all(
        count(map_exists(task) and s.waitables[task][handle] is not None for task in Task) <= 1
        for handle in Handle
    )


@tested("one-home")
def a_waitable_has_a_home() -> bool:
    """Some waitable is registered with a task."""
    return a_callback_is_registered()


@invariant("refcount-exact")
def refcount_exact() -> bool:
    """A task's strong count is the number of references to it."""
    return all(s.strong_count[task] == references(task) for task in Task)


def references(task: Task) -> Count:
    """How many references to the task's shared part exist."""
    own = 2 if s.alive[task] else 0
    queue = 1 if s.queue_waker[task] else 0
    kept = count(waker_task(future) == task and s.kept_waker[future] for future in Future)
    wakers = count(waker_owns(operation, task) for operation in Operation)
    operations = count(operation_keeps(operation, task) for operation in Operation)
    handles = count(join_handle_owns(future, task) for future in Future)
    return own + queue + kept + wakers + operations + handles


def waker_owns(operation: Operation, task: Task) -> bool:
    """The waker in the operation's completion status owns a reference to the task."""
    future = s.waker_future[operation]
    return (
        s.waker[operation] == WakerKind.CONTEXT
        and future is not None
        and waker_task(future) == task
    )


def join_handle_owns(future: Future, task: Task) -> bool:
    """The waker in the future's `JoinHandle` owns a reference to the task."""
    waiter = s.rx_task[future]
    return waiter is not None and waker_task(waiter) == task


@side("operation")
def operation_keeps(operation: Operation, task: Task) -> bool:
    """The operation keeps the task, which V1 operations do not."""
    return False


@invariant("no-lost-wakeup")
def no_lost_wakeup() -> bool:
    """An operation whose event is there can wake its task, and a task that was woken will run."""
    return (
        all(wakeup_can_arrive(operation) for operation in Operation)
        and all(woken_child_is_queued(future) for future in Future)
        and all(woken_task_will_run(task) for task in Task)
        and all(join_handle_is_told(future) for future in Future)
    )


@tested("no-lost-wakeup")
def a_wakeup_is_under_way() -> bool:
    """Some operation or `JoinHandle` has a waker, or some future or task was woken."""
    return (
        any(s.waker[operation] == WakerKind.CONTEXT for operation in Operation)
        or any(s.woken[future] or s.rx_task[future] is not None for future in Future)
        or any(s.sleep_state[task] == SleepState.WOKEN for task in Task)
    )


def wakeup_can_arrive(operation: Operation) -> bool:
    """If a living task waits for this operation, some task can deliver its event."""
    waitable = waitable_of(operation)
    future = s.waker_future[operation]
    if waitable is None or future is None or not may_wake(operation):
        return True
    waiter = s.future_task[future]
    if waiter is None or not s.alive[waiter] or s.pending[waitable] == Pending.NOTHING:
        return True
    return any(
        may_deliver(task, waiter)
        and s.waitables[task][waitable] == operation
        and is_member(task, waitable)
        for task in Task
    )


def may_wake(operation: Operation) -> bool:
    """The operation has the waker of a poll, and is not being dropped."""
    return s.waker[operation] == WakerKind.CONTEXT and not is_given_up(operation)


@side("host")
def may_deliver(task: Task, waiter: Task) -> bool:
    """While `waiter` waits, `task` may run: under a `block_on` that waits no other task does."""
    return s.alive[task] and (task == waiter or s.phase[waiter] != Phase.BLOCKED_WAIT)


def woken_child_is_queued(future: Future) -> bool:
    """A child of `FuturesUnordered` that was woken is queued, or is being polled."""
    task = s.future_task[future]
    return (
        task is None or not s.woken[future] or s.queue_rank[future] > 0 or s.polling[task] == future
    )


def woken_task_will_run(task: Task) -> bool:
    """A task that waits, with futures left and woken, has its wakeup stream's event."""
    stream = s.stream[task]
    return (
        not is_waiting(task)
        or not any(s.future_task[future] == task for future in Future)
        or s.sleep_state[task] != SleepState.WOKEN
        or (stream is not None and is_member(task, stream) and s.pending[stream] != Pending.NOTHING)
    )


def join_handle_is_told(future: Future) -> bool:
    """A future that awaits the `JoinHandle` of one that is gone was woken."""
    return s.rx_task[future] is None or not is_gone(future)


@invariant("no-stuck-task")
def no_stuck_task() -> bool:
    """No task waits for what can never come."""
    return not any(is_stuck(task) or is_lost(task) for task in Task)


@tested("no-stuck-task")
def a_task_waits() -> bool:
    """Some task waits on its set, or to be called back."""
    return any(is_waiting(task) or s.phase[task] == Phase.LOST for task in Task)


def is_stuck(task: Task) -> bool:
    """The task waits on a set without hope, though the program has done its part.

    Either its futures are done and only the map keeps it, or the operation that holds its
    waker is in no set whose events can be delivered meanwhile. A future whose waker the
    program has thrown away is the program's own fault and not meant here.
    """
    return (
        is_waiting(task)
        and not any(is_member(task, handle) and event_may_come(task, handle) for handle in Handle)
        and (
            not any(s.future_task[future] == task for future in Future)
            or any(waits_in_vain(task, operation) for operation in Operation)
        )
    )


def is_lost(task: Task) -> bool:
    """The task has futures left, and nobody will ever call it back."""
    return s.phase[task] == Phase.LOST and any(s.future_task[future] == task for future in Future)


def is_member(task: Task, handle: Handle) -> bool:
    """The waitable is in the task's set."""
    return s.wset[handle] is not None and s.wset[handle] == s.waitable_set[task]


def waits_in_vain(task: Task, operation: Operation) -> bool:
    """The operation holds the waker of a future of the task, and cannot use it."""
    waitable = waitable_of(operation)
    future = s.waker_future[operation]
    return (
        waitable is not None
        and future is not None
        and may_wake(operation)
        and s.future_task[future] == task
        and not any(may_deliver(other, task) and is_member(other, waitable) for other in Task)
    )


def event_may_come(task: Task, handle: Handle) -> bool:
    """An event of this waitable is there, or may still come."""
    if s.pending[handle] != Pending.NOTHING:
        return True
    if s.slot[handle] == HandleKind.SUBTASK:
        return (
            s.subtask_state[handle] == SubtaskState.STARTING
            or s.subtask_state[handle] == SubtaskState.STARTED
        )
    if s.stream[task] == handle:
        return a_waker_exists(task)
    return s.copy_state[handle] == CopyState.COPYING


def a_waker_exists(task: Task) -> bool:
    """A waker of a future of this task is kept, which may wake the task."""
    return (
        any(s.future_task[future] == task and s.kept_waker[future] for future in Future)
        or any(
            holds_waker(operation, task) and not waits_in_vain(task, operation)
            for operation in Operation
        )
        or any(is_joined_by(future, task) for future in Future)
    )


def is_joined_by(future: Future, task: Task) -> bool:
    """A future of the task awaits this one's `JoinHandle`."""
    waiter = s.rx_task[future]
    return waiter is not None and s.future_task[waiter] == task


def holds_waker(operation: Operation, task: Task) -> bool:
    """The operation, in progress, holds the waker of a future of the task."""
    future = s.waker_future[operation]
    return (
        waitable_of(operation) is not None
        and future is not None
        and may_wake(operation)
        and s.future_task[future] == task
    )


@invariant("no-leak")
def no_leak() -> bool:
    """Once all tasks have ended and the program holds no operation or waker, nothing is left."""
    return not is_quiet() or (
        not any(s.strong_count[task] > 0 for task in Task)
        and not any(exists(operation) for operation in Operation)
        and not any(
            s.slot[handle] == HandleKind.WAITABLE_SET or s.slot[handle] == HandleKind.SUBTASK
            for handle in Handle
        )
        and not any(is_lost_end(handle) for handle in Handle)
    )


@tested("no-leak")
def all_is_over() -> bool:
    """All tasks have ended, and the program holds no operation or waker."""
    return is_quiet()


def is_quiet() -> bool:
    """No task is alive, and the program holds neither operations nor wakers."""
    return (
        nothing_runs()
        and not any(s.alive[task] for task in Task)
        and not any(exists(operation) and in_some_hands(operation) for operation in Operation)
        and not any(s.kept_waker[future] or s.join_handle[future] for future in Future)
    )


@side("host")
def nothing_runs() -> bool:
    """No code of the instance runs, and no export is under way that is not a task."""
    return s.running is None and not s.sync_export and not s.sync_lifted


@invariant("no-lost-spawn")
def no_lost_spawn() -> bool:
    """Once all tasks have ended nothing that was spawned is left unpolled."""
    return not is_quiet() or not any(s.spawned_in[future] is not None for future in Future)


@tested("no-lost-spawn")
def no_poll_can_follow() -> bool:
    """All tasks have ended, and the program holds no operation or waker."""
    return is_quiet()


def is_lost_end(handle: Handle) -> bool:
    """A stream or future end in the table that no Rust object names."""
    channel = s.end_channel[handle]
    return channel is not None and s.readable[channel] != handle and s.writable[channel] != handle


@invariant("no-lost-item")
def no_lost_item() -> bool:
    """What left the buffers at one end of a stream came into those at the other end.

    Each end has counted the items that it knows of, and will count those of its last copy.
    """
    return all(
        s.sent[channel] + uncounted(channel, s.writable[channel])
        == s.received[channel] + uncounted(channel, s.readable[channel])
        for channel in Channel
        if not p.is_future[channel]
    )


def uncounted(channel: Channel, end: Handle | None) -> Count:
    """How many items the last copy of this end has copied, which its owner has not counted."""
    items = 0
    if end is not None:
        items = s.progress[end]
        for operation in Operation:
            if waitable_of(operation) == end:
                items = items + items_of(s.code[operation])
    return items


@invariant("task-pointer-restored")
def task_pointer_restored() -> bool:
    """The current task is the one whose frame is on top, and null when nothing runs."""
    return task_pointer_is_right()


@side("host")
def task_pointer_is_right() -> bool:
    """The pointer is that of the frame on top; a frame that waits has put back its caller's."""
    running = s.running
    if running is None:
        return s.wasip3_task == expected_below(s.interrupted)
    if (
        s.phase[running] == Phase.BLOCKED_WAIT
        or s.phase[running] == Phase.BLOCKED_POLL
        or s.phase[running] == Phase.YIELDED
    ):
        caller = s.caller[running]
        return s.wasip3_task == (expected_below(s.interrupted) if caller is None else caller)
    return s.wasip3_task == running


def expected_below(task: Task | None) -> Task | None:
    """The pointer that a frame on top of a waiting `block_on` finds: the caller's."""
    if task is None:
        return None
    return s.caller[task]


# --- progress -----------------------------------------------------------------------------------


@fairness("program-turn-ends")
def program_turn_ends() -> bool:
    """The program's code returns at last, or waits in the host."""
    return recurs(program_runs(), not program_runs())


@fairness("poll-returns")
def poll_returns(task: Task) -> bool:
    """A future that runs again and again inside one poll, or one destructor, returns from it."""
    return recurs(
        s.running == task and in_program(task),
        s.polling[task] is None and s.phase[task] != Phase.DROPPING,
    )


@fairness("sync-export-returns")
def sync_export_returns() -> bool:
    """An export that is no callback task, and runs again and again, returns."""
    return recurs(sync_export_runs(), nothing_runs())


@fairness("polled-future-ends")
def polled_future_ends(future: Future) -> bool:
    """A future that is polled again and again is done at last, or is dropped."""
    return recurs(any(s.polling[task] == future for task in Task), s.future_task[future] is None)


def program_waits() -> bool:
    """A `block_on` waits for an event that has not come, or a drop for its callee.

    That is the program's choice, or the peer's.
    """
    return a_drop_waits() or any(
        s.phase[task] == Phase.BLOCKED_WAIT and not has_pending_event(task) for task in Task
    )


@side("host")
def a_drop_waits() -> bool:
    """Some frame waits in a drop until its callee has answered: here no drop waits."""
    return False


def block_on_is_open(besides: Task | None) -> bool:
    """The program is inside a `block_on`, `besides` aside, or inside a drop that waits.

    What else is owed may have to wait.
    """
    return a_drop_waits() or any(
        s.alive[task]
        and s.executor_role[task] == ExecutorRole.BLOCK_ON
        and s.phase[task] != Phase.LOST
        and task != besides
        for task in Task
    )


@progress("woken-is-polled")
def woken_is_polled(future: Future) -> bool:
    """A future that was woken is polled, or its task ends."""
    return leads_to(is_owed_a_poll(future), not is_owed_a_poll(future))


def is_owed_a_poll(future: Future) -> bool:
    """The future was woken and is not polled, and no `block_on` keeps its task from running."""
    task = s.future_task[future]
    if task is None or s.polling[task] == future or block_on_is_open(task):
        return False
    if p.async_spawn[s.executor_role[task]]:
        return s.queue_rank[future] > 0
    return s.sleep_state[task] == SleepState.WOKEN


@progress("spawned-is-polled")
def spawned_is_polled(future: Future) -> bool:
    """A future that was spawned is taken from the list of its release into a task."""
    return always_eventually(s.spawned_in[future] is None or block_on_is_open(None))


@progress("done-task-exits")
def done_task_exits(task: Task) -> bool:
    """A task without futures, whose operations are answered, ends."""
    return always_eventually(not is_done(task) or block_on_is_open(task))


def is_done(task: Task) -> bool:
    """The task has no future, and the event of all that is in its map is there.

    A `block_on` that waits, though its event is there, is `block-on-goes-on`.
    """
    return (
        s.alive[task]
        and s.phase[task] != Phase.BLOCKED_WAIT
        and not any(s.future_task[future] == task for future in Future)
        and all(
            s.waitables[task][handle] is None or s.pending[handle] != Pending.NOTHING
            for handle in Handle
        )
    )


@progress("cancellation-is-answered")
def cancellation_is_answered(task: Task) -> bool:
    """A task whose cancellation was asked for gives its result or acknowledges it."""
    return always_eventually(
        (
            s.host_task[task] != HostTask.PENDING_CANCEL
            and s.host_task[task] != HostTask.CANCEL_DELIVERED
        )
        or block_on_is_open(task)
    )


@progress("block-on-goes-on")
def block_on_goes_on(task: Task) -> bool:
    """A `block_on` whose event is there goes on."""
    return always_eventually(
        s.phase[task] != Phase.BLOCKED_WAIT or not has_pending_event(task) or program_waits()
    )


@progress("event-can-be-taken")
def event_can_be_taken(handle: Handle) -> bool:
    """An event in the set of a task that goes on running can be given to it."""
    return always_eventually(
        s.pending[handle] == Pending.NOTHING
        or not any(is_overlooked(task, handle) for task in Task)
    )


def is_overlooked(task: Task, handle: Handle) -> bool:
    """The waitable is in the task's set, and the task neither waits on the set nor polls it."""
    return (
        s.alive[task]
        and is_member(task, handle)
        and not is_waiting(task)
        and s.phase[task] != Phase.SET_POLL
        and s.phase[task] != Phase.BLOCKED_POLL
        and not block_on_is_open(task)
    )


@progress("outside-not-starved")
def outside_not_starved() -> bool:
    """The host and the peers may act again and again, whatever the instance does."""
    return always_eventually(outside_runs() or program_waits())


@progress("no-idle-turns")
def no_idle_turns() -> bool:
    """No task is called back again and again without a poll of any future."""
    return always_eventually(
        program_runs() or program_waits() or not any(is_called_back_at_once(task) for task in Task)
    )


def is_called_back_at_once(task: Task) -> bool:
    """The task has futures, and runs again without any event."""
    return any(s.future_task[future] == task for future in Future) and (
        s.phase[task] == Phase.YIELDED
        or s.phase[task] == Phase.SET_POLL
        or s.phase[task] == Phase.BLOCKED_POLL
    )
