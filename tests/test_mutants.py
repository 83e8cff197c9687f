"""For each property a model with one fault that violates it, and the checker that notices.

A mutant is one replacement in the model's text. The property holds in the same scenario and
mix without it, so what is caught is the fault and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.conftest import Alter, check
from wakeproof.language.model import BUNDLED


@dataclass(frozen=True)
class Mutant:
    """A fault: where, what the text says, what it says instead, where it shows."""

    property: str
    fault: str
    file: str
    old: str
    new: str
    scenario: str
    mix: str = "v2/v2/v2"


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
    Mutant(
        "one-home",
        "an operation that moves stays registered with the task that it leaves",
        "versions/v2.py",
        "    clone_of(task)\n    operation_drop_task(operation)\n",
        "    clone_of(task)\n",
        "nested-block-on",
    ),
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
        "the task that was left is told after the new one: it takes the waitable out of every set",
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
    Mutant(
        "no-stuck-task",
        "an operation that moves stays registered with the task that it leaves",
        "versions/v2.py",
        "    clone_of(task)\n    operation_drop_task(operation)\n",
        "    clone_of(task)\n",
        "nested-block-on",
    ),
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
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.property)
def test_a_fault_that_violates_the_property_is_caught(mutant: Mutant, alter: Alter) -> None:
    sound = check(mutant.scenario, mutant.mix)[mutant.property]
    assert sound.verdict == "holds", "the property must hold without the fault"
    faulty = check(mutant.scenario, mutant.mix, alter(mutant.file, mutant.old, mutant.new))
    assert faulty[mutant.property].verdict == "violated", mutant.fault
    assert faulty[mutant.property].violations[0]["trace"]


def test_every_property_has_a_mutant() -> None:
    assert {m.property for m in MUTANTS} == BUNDLED.properties.keys()
