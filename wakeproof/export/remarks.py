"""Remarks on the steps of a trace: who waits for what from here on, and what can no longer come.

They are made from the changes of the state, by the names that the bundled model has for its fields;
a trace of a model with other fields has no remarks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from wakeproof.execution.trace import StepRow

CELL = re.compile(r"(\w+)\[([^\]]*)\]")
WAITS = ("WAITING", "BLOCKED_WAIT")
"""The phases of a task that waits: it has returned to the host, or called it."""
BOOKKEEPING = ("context.", "wasip3_task_set", "clone", "drop")
"""Calls by the beginnings of their names that say who runs and who counts references."""


def matters(name: str) -> bool:
    """Return whether a call is more than bookkeeping."""
    return not name.startswith(BOOKKEEPING)


def remarks(trace: Sequence[StepRow]) -> list[list[str]]:
    """Return the remarks on each step of a trace, none for most of them."""
    follower = _Follower()
    return [follower.follow(row) for row in trace]


def waiting_for_nothing(trace: Iterable[StepRow]) -> list[str]:
    """Return the tasks that wait at the end of a trace on a set in which nothing is."""
    follower = _Follower()
    for row in trace:
        follower.follow(row)
    return sorted(
        task
        for task in follower.waiting
        if (own := follower.own_set.get(task)) and not follower.members(own)
    )


class _Follower:
    """Follows who waits on which set, and what is in the sets.

    `set_of` has the set of each waitable, `own_set` and `gone` are about tasks, `waiting` are the
    tasks that wait in the host, `sleeping` those that sleep by their state.
    """

    def __init__(self) -> None:
        self.set_of: dict[str, str] = {}
        self.own_set: dict[str, str] = {}
        self.pending: set[str] = set()
        self.waiting: set[str] = set()
        self.gone: set[str] = set()
        self.sleeping: set[str] = set()

    def follow(self, row: StepRow) -> list[str]:
        """Take over the changes of a step, and return what there is to say of them."""
        changes: dict[str, dict[str, tuple[str, str]]] = {}
        for cell, (before, after) in row["changes"].items():
            if found := CELL.fullmatch(cell):
                changes.setdefault(found[1], {})[found[2]] = (before, after)
        before_sets = dict(self.set_of)
        waited = set(self.waiting)
        for handle, (_, after) in changes.get("wset", {}).items():
            self.set_of[handle] = after
        for task, (_, after) in changes.get("waitable_set", {}).items():
            if after != "null":
                self.own_set[task] = after
        for handle, (_, after) in changes.get("pending", {}).items():
            (self.pending.discard if after == "NONE" else self.pending.add)(handle)
        for task, (_, after) in changes.get("phase", {}).items():
            (self.waiting.add if after in WAITS else self.waiting.discard)(task)
        for task, (_, after) in changes.get("sleep_state", {}).items():
            (self.sleeping.add if after == "SLEEPING" else self.sleeping.discard)(task)
        ended = [task for task, change in changes.get("alive", {}).items() if change[1] == "false"]
        self.gone |= set(ended)
        self.gone -= {t for t, change in changes.get("alive", {}).items() if change[1] == "true"}
        return [
            *_cancellations(changes),
            *self._registrations(changes),
            *self._waits(waited),
            *self._emptied(before_sets, waited),
            *self._deaf(changes.get("stream_reading", {})),
            *self._ends(ended),
            *self._lost(changes.get("pending", {})),
        ]

    def members(self, handles: str) -> list[str]:
        """Return what is in a set."""
        return [handle for handle, inside in self.set_of.items() if inside == handles]

    def _registrations(self, changes: dict[str, dict[str, tuple[str, str]]]) -> Iterator[str]:
        """An operation is registered with another task."""
        for operation, (before, after) in changes.get("cabi_task", {}).items():
            if "null" not in (before, after):
                where = f"`{after}` from here, no more with `{before}`"
                yield f"`{operation}` is registered with {where}"

    def _waits(self, waited: set[str]) -> Iterator[str]:
        """A task has begun to wait."""
        for task in sorted(self.waiting - waited):
            own = self.own_set.get(task)
            members = self.members(own) if own else []
            if members:
                yield f"`{task}` waits on {own}, for {' and '.join(members)}"
            elif own:
                yield f"`{task}` waits on {own}, which is empty"
            else:
                yield f"`{task}` waits"

    def _emptied(self, before: dict[str, str], waited: set[str]) -> Iterator[str]:
        """The last waitable has left the set of a task that waits."""
        for task in sorted(self.waiting & waited):
            own = self.own_set.get(task, "")
            if own in before.values() and not self.members(own):
                yield f"{own} is empty from here, and `{task}` waits on it"

    def _deaf(self, reads: dict[str, tuple[str, str]]) -> Iterator[str]:
        """A task that sleeps does not read its wakeup stream any more."""
        for task, (_, after) in reads.items():
            if after == "false" and task in self.sleeping:
                yield f"`{task}` sleeps by its state, and does not read its wakeup stream any more"

    def _ends(self, ended: Sequence[str]) -> Iterator[str]:
        """A task is gone, perhaps with something in its set."""
        for task in ended:
            members = self.members(self.own_set.get(task, ""))
            left = f", and {' and '.join(members)} stays in its set" if members else ""
            yield f"`{task}` has ended{left}"

    def _lost(self, events: dict[str, tuple[str, str]]) -> Iterator[str]:
        """An event has come for a waitable in the set of a task that is gone."""
        for handle, (_, after) in events.items():
            for task in sorted(self.gone):
                if after != "NONE" and self.set_of.get(handle) == self.own_set.get(task, ""):
                    yield f"the event of {handle} waits in the set of `{task}`, which has ended"


def _cancellations(changes: dict[str, dict[str, tuple[str, str]]]) -> Iterator[str]:
    """A call is cancelled: from outside, or by the drop of an operation that waits for the end."""
    for task, (_, after) in changes.get("host_task", {}).items():
        if after == "CANCEL_DELIVERED":
            yield f"the caller of `{task}` has called `subtask.cancel`, and `{task}` is called back"
        elif after == "PENDING_CANCEL":
            yield f"the caller of `{task}` has called `subtask.cancel`; `{task}` is told later"
    for handle, (_, after) in changes.get("cancellation_requested", {}).items():
        if after == "true":
            yield f"`subtask.cancel({handle})` begins, and waits for the callee"
