"""The callees of the calls of a generated program, which another component is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeproof.errors import InputError
from wakeproof.export.rust.program import OutsideStep

if TYPE_CHECKING:
    from wakeproof.export.rust.from_trace import Writer


class Callees:
    """What callees do outside of the program, as its steps outside."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def answer(self, answer: int) -> None:
        """Set the state that the call reaches before the step in which it is called."""
        state = self.writer.enums["SubtaskState"][answer]
        self.writer.program.answers.append(state)
        self.writer.program.outside.insert(-1, OutsideStep("answer", state))

    def progress(self, handle: int) -> None:
        """Let the callee start or return. Raises `InputError` if it was cancelled before."""
        self._refuse_several_calls("subtask_progress", handle)
        if self.writer.s.cancellation_requested[handle]:
            raise InputError(
                "a callee that returns after its cancellation cannot be written as Rust: a future "
                "that was dropped has no result"
            )
        state = self.writer.enums["SubtaskState"][self.writer.s.subtask_state[handle]]
        self.writer.add_outside("progress", "STARTED" if state == "STARTING" else "RETURNED")

    def acknowledge(self, handle: int) -> None:
        """Let the callee answer its cancellation."""
        self._refuse_several_calls("acknowledge_cancel", handle)
        self.writer.add_outside("progress", "CANCELLED")

    def _refuse_several_calls(self, action: str, handle: int) -> None:
        """Raise `InputError` if the callee of this call is not the only one."""
        calls = [h for h in self.writer.s.subtask if h is not None]
        if calls != [handle]:
            raise InputError(f"{action} of several calls cannot be written as Rust yet")
