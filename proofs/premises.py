"""What every proof takes for granted of the parameters that a scenario gives.

Each is about parameters alone, so it can be looked up for a given scenario, and is: a scenario
for which one does not hold is not covered by the proofs.
"""

from __future__ import annotations

from model.state import p
from model.types import Channel, Future, Handle, Operation, OperationKind, Side, Task
from wakeproof.language import premise


@premise("every task has a root future of its own")
def roots_are_own() -> bool:
    """`Tasks::new` boxes the future that it is given: two tasks cannot share one."""
    return all(p.task_of[p.root[task]] == task for task in Task) and all(
        is_root_or_spawned(future) for future in Future
    )


def is_root_or_spawned(future: Future) -> bool:
    """A future that belongs to a task from the beginning is its root."""
    task = p.task_of[future]
    return task is None or p.root[task] == future


@premise("the handle table hands out indices in a row")
def handles_follow_each_other() -> bool:
    """`Table.add` counts upwards: no index comes after two others, nothing before the first."""
    return all(
        p.next_handle[handle] is None
        or (
            p.next_handle[handle] != p.first_handle
            and not any(
                other != handle and p.next_handle[other] == p.next_handle[handle]
                for other in Handle
            )
        )
        for handle in Handle
    )


@premise("the inter-task stream of a task is its own, and nothing else")
def inter_task_channels_are_apart() -> bool:
    """`UnitStreamOps::new` makes it; no operation ever names it, and neither end leaves."""
    return all(is_inter_task_channel_apart(task) for task in Task)


def is_inter_task_channel_apart(task: Task) -> bool:
    """No operation, no other task and no peer has the channel."""
    channel = p.inter_task_channel[task]
    return channel is None or (
        not p.opened[channel]
        and not p.is_future[channel]
        and p.remote[channel] == Side.NONE
        and p.deferred_write[channel] is None
        and all(p.channel[operation] != channel for operation in Operation)
        and all(other == task or p.inter_task_channel[other] != channel for other in Task)
    )


@premise("an operation on a stream or future has a channel of that kind; a call has none")
def operations_fit_their_channels() -> bool:
    """The types of the bindings: `StreamReader`, `FutureWriter`, and so on."""
    return all(fits_its_channel(operation) for operation in Operation)


def fits_its_channel(operation: Operation) -> bool:
    """The operation's kind is that of its channel."""
    channel = p.channel[operation]
    kind = p.kind[operation]
    if channel is None:
        return kind == OperationKind.SUBTASK
    if p.is_future[channel]:
        return kind == OperationKind.FUTURE_READ or kind == OperationKind.FUTURE_WRITE
    return kind == OperationKind.STREAM_READ or kind == OperationKind.STREAM_WRITE


@premise("the write of a default value is a write of its future")
def deferred_writes_fit() -> bool:
    """`RawFutureWriter::write_and_forget` writes with the writer that it is given."""
    return all(is_write_of(p.deferred_write[channel], channel) for channel in Channel)


def is_write_of(operation: Operation | None, channel: Channel) -> bool:
    """The operation, if there is one, writes to this future."""
    return operation is None or (
        p.channel[operation] == channel and p.kind[operation] == OperationKind.FUTURE_WRITE
    )


@premise("no reader is handed over to another component")
def readers_stay() -> bool:
    """An end leaves the table only where it is dropped, as the lemmas on ends rely on."""
    return not p.may_hand_over


@premise("nothing is leaked with `mem::forget`")
def nothing_is_forgotten() -> bool:
    """A destructor of an operation or of an end runs, as the lemmas on ends rely on."""
    return not p.may_forget
