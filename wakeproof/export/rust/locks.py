"""The locks of a scenario's programs, which are not a part of the Rust program."""

from __future__ import annotations

from wakeproof.errors import InputError
from wakeproof.execution.machine import Machine
from wakeproof.scenario.lock_waits import IN_VAIN


def refuse_deadlock(machine: Machine) -> None:
    """Raise `InputError` if in the state of a machine a task waits for a lock in vain."""
    no_lock_in_vain = machine.namespace.get(IN_VAIN)
    if no_lock_in_vain is not None and not no_lock_in_vain():
        raise InputError(
            "a deadlock of the program's own locks has no test: they are not written as Rust",
            hint="`wakeproof replay` takes the steps, and `--to html` shows them",
        )
