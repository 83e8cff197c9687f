"""Mutants of the bundled model: for each property one fault in the text that violates it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support import Alter
from wakeproof.language.model import BUNDLED


@dataclass(frozen=True)
class Mutant:
    """One replacement in the model's text: the property that it violates, and where that shows.

    `old` in `file` becomes `new`, a `fault` because of which `scenario` violates the property.
    """

    property: str
    fault: str
    file: str
    old: str
    new: str
    scenario: str
    mix: str = "v2/v2/v2"

    def applied(self, alter: Alter) -> Path:
        """Return a copy of the model with the fault."""
        return alter(self.file, self.old, self.new)


STAYS_REGISTERED = (
    "an operation that moves stays registered with the task that it leaves",
    "versions/v2.py",
    "    clone_of(task)\n    operation_drop_task(operation)\n",
    "    clone_of(task)\n",
    "nested-block-on",
)

MUTANTS = [
    Mutant(
        "no-waitable-in-dead-set",
        "a task whose futures are done exits with work left",
        "async_support.py",
        "        if remaining_work(task):\n            wait_when_done(task)",
        "        if remaining_work(task) and not remaining_work(task):\n"
        "            wait_when_done(task)",
        "move-between-tasks",
    ),
    Mutant(
        "no-stale-callback",
        "a delivered event leaves its entry in the map",
        "async_support.py",
        "    s.waitables[task][waitable] = None\n    s.dangling[task][waitable] = False\n"
        "    cabi_wake(",
        "    cabi_wake(",
        "move-between-tasks",
    ),
    Mutant(
        "map-mirrors-set",
        "registering forgets the waitable set",
        "versions/v2.py",
        "    add_waitable(task, waitable)\n",
        "",
        "subtask",
    ),
    Mutant("one-home", *STAYS_REGISTERED),
    Mutant(
        "refcount-exact",
        "an operation keeps a task without cloning it",
        "versions/v2.py",
        "    clone_of(task)\n    operation_drop_task(operation)\n",
        "    operation_drop_task(operation)\n",
        "move-between-tasks",
    ),
    Mutant(
        "no-use-after-free",
        "a reference is given back twice",
        "versions/v2.py",
        "        s.cabi_task[operation] = None\n        drop_of(task)\n",
        "        s.cabi_task[operation] = None\n        drop_of(task)\n        drop_of(task)\n",
        "nested-block-on",
    ),
    Mutant(
        "no-panic",
        "a moved operation is unregistered from whatever task is current, as in V1",
        "versions/v2.py",
        "    kept = s.cabi_task[operation]\n    if kept is not None:",
        "    kept = s.cabi_task[operation]\n    if kept is not None and kept == s.wasip3_task:",
        "drop-outside-task",
    ),
    Mutant(
        "no-trap",
        "the inter-task stream's read is cancelled before its end leaves the set",
        "versions/v1_1638.py",
        "    remove_waitable_from_all_sets(handle)\n    canon_stream_cancel_read(handle)\n",
        "    canon_stream_cancel_read(handle)\n    remove_waitable_from_all_sets(handle)\n",
        "wake-between-tasks",
    ),
    Mutant(
        "no-lost-wakeup",
        "the old task is unregistered after the new one: the waitable is taken out of every set",
        "versions/v2.py",
        """    if abi_version_of(task) >= 2:
        if s.cabi_task[operation] != task:
            keep_task(operation, task)
        s.registered[operation] = waitable
    previous = register_with(task, waitable, operation)
""",
        """    previous = register_with(task, waitable, operation)
    if abi_version_of(task) >= 2:
        if s.cabi_task[operation] != task:
            keep_task(operation, task)
        s.registered[operation] = waitable
""",
        "move-between-tasks",
    ),
    Mutant("no-stuck-task", *STAYS_REGISTERED),
    Mutant(
        "no-leak",
        "an operation does not give its task back",
        "versions/v2.py",
        "        s.cabi_task[operation] = None\n        drop_of(task)\n",
        "        s.cabi_task[operation] = None\n",
        "move-between-tasks",
    ),
    Mutant(
        "no-lost-spawn",
        "an executor looks into the list of another release for what was spawned",
        "versions/v2.py",
        '    """The release that the executor of this task comes from."""\n    return Release.R2\n',
        '    """The release that the executor of this task comes from."""\n    return Release.R1\n',
        "spawn-across-releases",
    ),
    Mutant(
        "task-pointer-restored",
        "the end of a nested task sets the current task to null",
        "async_support.py",
        "    wasip3_task_set(s.saved_task[task])\n",
        "    wasip3_task_set(None)\n",
        "nested-block-on",
    ),
    Mutant(
        "no-frame-overwritten",
        "a thread that goes on puts the stack pointer below its own frame",
        "hosts/wasmtime_50.py",
        "        set_stack_pointer(s.frame[task] + 1)\n",
        "        set_stack_pointer(s.frame[task])\n",
        "nested-block-on",
    ),
    Mutant(
        "stack-pointer-restored",
        "a frame that ends leaves a part of the stack behind",
        "hosts/spec_26e6ea9d.py",
        "    place = s.frame[task]\n    s.frame[task] = 0\n",
        "    place = s.frame[task] + 1\n    s.frame[task] = 0\n",
        "nested-block-on",
    ),
    Mutant(
        "woken-is-polled",
        "a child that is woken goes to the front of the queue of its task",
        "spawn.py",
        """    s.queue_rank[future] = 1 + count(
        s.future_task[other] == task and s.queue_rank[other] > 0 for other in Future
    )
""",
        """    for other in Future:
        if s.future_task[other] == task and s.queue_rank[other] > 0:
            s.queue_rank[other] += 1
    s.queue_rank[future] = 1
""",
        "cancel-spawning",
    ),
    Mutant(
        "spawned-is-polled",
        "what was spawned stays in the list while the futures of the task wait",
        "spawn.py",
        "    spawned = drain_spawned(task)\n",
        "    spawned = answer != Polled.PENDING and drain_spawned(task)\n",
        "spawn",
        "v3/v3/v3",
    ),
    Mutant(
        "done-task-exits",
        "a task that has nothing left to do yields",
        "async_support.py",
        "        else:\n            callback_return_exit(task)\n",
        "        else:\n            callback_return_yield(task)\n",
        "cancel-asleep",
    ),
    Mutant(
        "cancellation-is-answered",
        "a cancellation is delivered to tasks that yield, not to those that wait",
        "hosts/wasmtime_50.py",
        "    return idle() and is_parked(task) and s.cancel_event[task]\n",
        "    return idle() and s.phase[task] == Phase.YIELDED and s.cancel_event[task]\n",
        "default-write",
    ),
    Mutant(
        "block-on-goes-on",
        "a thread that was suspended is not resumed",
        "hosts/spec_26e6ea9d.py",
        "        and (s.running == task or not a_frame_runs())\n",
        "        and s.running == task\n",
        "nested-block-on",
    ),
    Mutant(
        "event-can-be-taken",
        "a task that was woken yields without a poll of its set (issue 1439)",
        "async_support.py",
        "                s.phase[task] = Phase.SET_POLL\n",
        "                callback_return_yield(task)\n",
        "yield",
    ),
    Mutant(
        "no-lost-item",
        "a cancellation that comes too late is counted as if nothing had been copied",
        "waitable_op.py",
        "code == Code.COMPLETED_2 or code == Code.DROPPED_2 or code == Code.CANCELLED_2:",
        "code == Code.COMPLETED_2 or code == Code.DROPPED_2:",
        "cancel-half-way",
    ),
    Mutant(
        "outside-not-starved",
        "a task that was woken polls its futures again before it returns to the host",
        "world.py",
        "        callback_return_yield(task)\n",
        "        poll_loop(task)\n",
        "cancel-asleep",
    ),
    Mutant(
        "no-idle-turns",
        "a task polls its set and yields, instead of waiting",
        "async_support.py",
        "            callback_return_wait(task)\n\n\n@side",
        "            s.phase[task] = Phase.SET_POLL\n\n\n@side",
        "spawn",
    ),
]

IN_EVERY_STATE = [m for m in MUTANTS if not BUNDLED.properties[m.property].progress]
"""Those of properties about single states, which a limit or symmetry leaves decided."""
