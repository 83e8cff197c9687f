"""What happens in a walk after which Wasmtime may go wrong by itself (`known_bugs`)."""

from __future__ import annotations

from collections.abc import Mapping

from wakeproof.conform.component.known_bugs import (
    COPY_OUTLIVES,
    EVENT_TAKEN,
    EVENT_TAKEN_FROM_WAIT,
    KNOWN_BUGS,
    YIELDED_CANCELLED,
)
from wakeproof.conform.component.model_side import ModelSide
from wakeproof.conform.guest.player import Parted
from wakeproof.language.values import Step


class Circumstances:
    """What happened in one walk, as far as known bugs of Wasmtime depend on it.

    `happened` has the constants of `known_bugs`.
    """

    def __init__(self, model: ModelSide) -> None:
        self.model = model
        self.happened: set[str] = set()
        # by end, the task that started its last copy; None for an export of synchronous type
        self.copies: dict[int, int | None] = {}

    def note_taken_events(self, step: Step, before: Mapping[tuple[int, int], str]) -> None:
        """Note the events that are gone after a step, unless a task that waited received them.

        `before` has the events that tasks waited for (`ModelSide.waited_events`).
        """
        deliverable = self.model.function("deliverable")
        given = step.arguments if step.action in ("deliver_event", "waitable_set_wait") else ()
        for waits, phase in before.items():
            if waits != given and not deliverable(*waits):
                self.happened.add(EVENT_TAKEN if phase == "WAITING" else EVENT_TAKEN_FROM_WAIT)

    def note_copy(self, handle: int, export: int | None) -> None:
        """Note which task starts a copy on an end; None for an export of synchronous type."""
        self.copies[handle] = export

    def note_cancellation(self, task: int) -> None:
        """Note a cancellation that is asked for, before the model takes the step."""
        if self.model.phase(task) == "YIELDED" and not self.model.function("idle")():
            self.happened.add(YIELDED_CANCELLED)

    def all(self) -> set[str]:
        """Return all that happened until now."""
        s, enums = self.model.load(), self.model.enums
        outlives = any(
            enums["CopyState"][s.copy_state[handle]] == "COPYING"
            and (task is None or enums["Phase"][s.phase[task]] == "ENDED")
            for handle, task in self.copies.items()
        )
        return self.happened | ({COPY_OUTLIVES} if outlives else set())

    def explain(self, parted: Parted) -> str:
        """Return the key in `KNOWN_BUGS` of a divergence, empty if it is not explained by one."""
        words = next((words for words in KNOWN_BUGS if words in parted.real), "")
        return words if words and KNOWN_BUGS[words].after in self.all() else ""
