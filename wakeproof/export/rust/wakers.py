"""Wakers in a generated program: those of futures, and those that it makes itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wakeproof.export.rust.body import Body
from wakeproof.language.values import Step

if TYPE_CHECKING:
    from wakeproof.export.rust.from_trace import Writer

# steps that deliver an event; their arguments are a task and a handle
DELIVERIES = (
    "deliver_event",
    "waitable_set_wait",
    "waitable_set_poll",
    "waitable_set_poll_of_block_on",
)


class Wakers:
    """Writes the steps that are about wakers, as `Writer` does with others."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        # by operation, what the waker of its last poll runs; by task, what runs in its callback
        self.bodies: dict[int, Body] = {}
        self.woken: dict[int, Body] = {}

    def method(self, action: str) -> Callable[..., Any] | None:
        """Return what writes a step of this action, None if it is not about wakers."""
        found: Callable[..., Any] | None = getattr(self, f"on_{action}", None)
        return found

    def note_delivery(self, step: Step) -> None:
        """Note whose waker a step wakes that delivers an event."""
        if step.action in DELIVERIES and step.arguments[1] is not None:
            task, handle = step.arguments
            operation = self.writer.s.waitables[task][handle]
            if operation in self.bodies:
                self.woken[task or 0] = self.bodies[operation]

    def body(self) -> Body | None:
        """Return the body of the waker that runs, None if none does."""
        running = self.writer.s.running
        if running is None or not self.writer.machine.namespace["in_waker"](running):
            return None
        return self.woken[running]

    # --- polls with a given waker -----------------------------------------------------------

    def on_poll_with_noop_waker(self, operation: int) -> Any:
        """Poll with a waker that does nothing."""
        self.writer.need("Context", "Waker")
        call = "{}.as_mut().poll(&mut Context::from_waker(Waker::noop()))"
        return self.writer.poll(operation, call)

    def on_poll_with_waker_of(self, operation: int, future: int) -> Any:
        """Poll with a waker that was kept."""
        waker = self.writer.waker(future)
        self.writer.add(f"let waker = {waker}.with_borrow(|waker| waker.clone().unwrap());")
        return self._poll_with_variable(operation)

    def on_poll_with_program_waker(self, operation: int) -> Any:
        """Poll with a waker that runs what later steps write."""
        self.writer.need("waker_that_runs")
        body = self.bodies[operation] = Body()
        self.writer.here().add_block("let waker = waker_that_runs(|| {", body, "});")
        return self._poll_with_variable(operation)

    def _poll_with_variable(self, operation: int) -> Any:
        self.writer.need("Context")
        call = "{}.as_mut().poll(&mut Context::from_waker(&waker))"
        return self.writer.poll(operation, call)

    def on_call_import_with_noop_waker(self, operation: int, answer: int) -> Any:
        """Poll a call for the first time, with a waker that does nothing."""
        self.writer.callees.answer(answer)
        return self.on_poll_with_noop_waker(operation)

    def on_call_import_with_program_waker(self, operation: int, answer: int) -> Any:
        """Poll a call for the first time, with a waker that runs code."""
        self.writer.callees.answer(answer)
        return self.on_poll_with_program_waker(operation)

    def on_finish_wake(self) -> None:
        """Write nothing: the body of the waker ends."""

    # --- the waker of the future that runs --------------------------------------------------

    def on_keep_waker(self) -> None:
        """Store the waker of the future that runs."""
        self.writer.need("current_waker")
        waker = self.writer.waker(self.writer.s.polling[self.writer.s.running])
        self.writer.add(f"{waker}.set(Some(current_waker().await));")

    def on_wake_self(self) -> None:
        """Wake the future that runs; if it then returns, both steps are `yield_async`."""
        ends = self.writer.next is None or self.writer.next.action == "return_pending"
        helper = "yield_async" if ends else "wake_self"
        self.writer.need(helper)
        self.writer.add(f"{helper}().await;")
