"""The state of the machine, and the parameters that a scenario fixes."""

from __future__ import annotations

from model.types import (
    Channel,
    Code,
    CopyState,
    Count,
    Difference,
    ExecutorRole,
    Future,
    Handle,
    HandleKind,
    HostTask,
    Items,
    Operation,
    OperationKind,
    OperationState,
    Pending,
    Phase,
    Release,
    Side,
    SleepState,
    SubtaskState,
    Task,
    WakerKind,
)
from wakeproof.language import Array, declare


class State:
    """Everything that changes. A field that means nothing at the moment is at its first value."""

    # host: the handle table, a free list threaded through it, last freed first
    slot: Array[Handle, HandleKind]
    next_free: Array[Handle, Handle | None]
    free_head: Handle | None
    # host: waitables
    wset: Array[Handle, Handle | None]
    pending: Array[Handle, Pending]
    # host: stream and future ends
    end_channel: Array[Handle, Channel | None]
    copy_state: Array[Handle, CopyState]
    progress: Array[Handle, Items]
    # host: subtasks
    subtask_state: Array[Handle, SubtaskState]
    resolve_delivered: Array[Handle, bool]
    cancellation_requested: Array[Handle, bool]
    # host: what the two ends of a channel share
    dropped: Array[Channel, bool]
    pending_side: Array[Channel, Side]
    pending_remain: Array[Channel, Items]
    # host: the end of a channel that lives outside the instance; a reader that was handed over
    remote_done: Array[Channel, bool]
    handed: Array[Channel, bool]
    # host: the component model task of an export
    host_task: Array[Task, HostTask]
    context: Array[Task, bool]

    # the C ABI's global, and what each frame will restore
    wasip3_task: Task | None
    saved_task: Array[Task, Task | None]

    # the stack: its top, and below each frame its caller
    running: Task | None
    caller: Array[Task, Task | None]
    sync_export: bool
    sync_lifted: bool
    interrupted: Task | None
    phase: Array[Task, Phase]
    used: Array[Task, bool]

    # executor: FutureState (V1) or TaskState (V2)
    alive: Array[Task, bool]
    executor_role: Array[Task, ExecutorRole]
    polling: Array[Task, Future | None]
    stream: Array[Task, Handle | None]
    stream_reading: Array[Task, bool]
    # executor: what is reference counted, FutureWaker (V1) or SharedTaskState (V2)
    strong_count: Array[Task, Count]
    sleep_state: Array[Task, SleepState]
    waker_stream: Array[Task, Handle | None]
    # executor: in FutureState (V1) or SharedTaskState (V2)
    waitables: Array[Task, Array[Handle, Operation | None]]
    dangling: Array[Task, Array[Handle, bool]]
    waitable_set: Array[Task, Handle | None]
    # executor: Tasks, with the feature async-spawn a FuturesUnordered
    future_task: Array[Future, Task | None]
    link_rank: Array[Future, Count]
    queue_rank: Array[Future, Count]
    woken: Array[Future, bool]
    queue_waker: Array[Task, bool]
    poll_len: Array[Task, Count]
    polled: Array[Task, Count]
    yielded: Array[Task, Count]
    # executor: the static SPAWNED of each release
    spawned_in: Array[Future, Release | None]
    spawned_rank: Array[Future, Count]

    # operation: WaitableOperation
    state: Array[Operation, OperationState]
    code: Array[Operation, Code]
    waker: Array[Operation, WakerKind]
    waker_future: Array[Operation, Future | None]
    subtask: Array[Operation, Handle | None]
    started: Array[Operation, bool]

    # program: the ends of channels as Rust objects
    readable: Array[Channel, Handle | None]
    writable: Array[Channel, Handle | None]
    reader_done: Array[Channel, bool]
    writer_done: Array[Channel, bool]
    # program: items that one end of a stream has counted, and the other has not
    sent: Array[Channel, Difference]
    received: Array[Channel, Difference]
    # program: the owner of an operation (None: shared storage), the wakers that are kept
    owner: Array[Operation, Future | None]
    deferred: Array[Operation, bool]
    # program: what `mem::forget` has leaked
    forgotten: Array[Operation, bool]
    kept_waker: Array[Future, bool]
    # program: a JoinHandle of what was spawned, in shared storage, and the waker in its channel
    join_handle: Array[Future, bool]
    rx_task: Array[Future, Future | None]


class Parameters:
    """What a scenario fixes for a run."""

    kind: Array[Operation, OperationKind]
    channel: Array[Operation, Channel | None]
    is_future: Array[Channel, bool]
    remote: Array[Channel, Side]
    opened: Array[Channel, bool]
    items: Array[Operation, Items]
    peer_items: Array[Channel, Items]
    may_export: Array[Task, bool]
    may_block_on: Array[Task, bool]
    single_use: bool
    root: Array[Task, Future]
    task_of: Array[Future, Task | None]
    inter_task_channel: Array[Task, Channel | None]
    deferred_write: Array[Channel, Operation | None]
    inter_task_wakeup: Array[ExecutorRole, bool]
    async_spawn: Array[ExecutorRole, bool]
    import_spawns: bool
    keep_completed: bool
    keep_join_handles: bool
    may_forget: bool
    may_hand_over: bool
    next_handle: Array[Handle, Handle | None]
    first_handle: Handle
    program_wakers: bool
    may_start: Array[Task, bool]


s = declare(State)
p = declare(Parameters)
