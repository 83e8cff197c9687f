"""Choosers that play a trace on a component: its steps are given, not drawn."""

from __future__ import annotations

from collections.abc import Sequence

from wakeproof.conform.component.follower import Follower
from wakeproof.conform.component.interface import GIVE_UP_TURN, WAIT_FOR_ALL, Endless, Stopped
from wakeproof.conform.guest.protocol import Act
from wakeproof.language.primitives import GuardFailed
from wakeproof.language.values import Scalar, Step

# steps that are taken outside once the trace is over, and steps of the program
OUTSIDE_AFTER, PROGRAM_AFTER = 40, 300


class Astray(Exception):
    """Wasmtime takes another step than the given one."""


class GivenSteps:
    """A chooser of given steps; Wasmtime must take those of the host itself.

    `number` counts the steps that were taken. Raises `Astray` where Wasmtime takes another step,
    and `GuardFailed` for a step that is not possible in the model.
    """

    def __init__(self, follower: Follower, steps: Sequence[Step]) -> None:
        self.model = follower.model
        self.steps = steps
        self.number = 0

    def _next(self) -> Act | None:
        """Return the next step; None if it is one of the host."""
        step = self.steps[self.number]
        if step.action in self.model.host_actions:
            return None
        act = self.model.try_step(step.action, *step.arguments)
        if act is None:
            raise GuardFailed
        return act

    def program(self) -> Act:
        """Return the next step, which must be one of the program."""
        if self.number == len(self.steps):
            return self.program_after()
        act = self._next()
        if act is None or act.step.action not in self.model.program_actions:
            raise Astray
        return act

    def outside(self) -> Act | int:
        """Return the next step if it is one outside; else give up the turn."""
        if self.number == len(self.steps):
            return self.outside_after()
        inside = self.steps[self.number].action in self.model.program_actions
        act = None if inside else self._next()
        if act is not None:
            return act
        if self.model.possible_host_action() is None:
            # the host has nothing to do, so the next step is never taken
            raise Astray
        return GIVE_UP_TURN

    def calls_directly(self) -> bool:
        """Whether nothing happens outside until an export of synchronous type returns."""
        for step in self.steps[self.number + 1 :]:
            if step.action == "return_sync_export":
                return True
            if step.action in self.model.outside_actions:
                return False
        return True

    def took(self, act: Act) -> None:
        """Count a step; raises `Astray` if it is not the next one."""
        if self.number < len(self.steps):
            if act.step != self.steps[self.number]:
                raise Astray
            self.number += 1

    def program_after(self) -> Act:
        """Return what the program does after the trace: by default it stops."""
        raise Stopped

    def outside_after(self) -> Act | int:
        """Return what happens outside after the trace: by default nothing."""
        return WAIT_FOR_ALL


class CarryOn(GivenSteps):
    """A chooser of given steps, and then of those of a program that comes to an end."""

    def __init__(self, follower: Follower, steps: Sequence[Step]) -> None:
        super().__init__(follower, steps)
        # the operations that were polled since the program last returned
        self.polled: set[Scalar] = set()
        self.outside_taken = self.steps_after = 0

    def program_after(self) -> Act:
        """Poll what the future owns, return if possible, else wait; drop what must be dropped."""
        self.steps_after += 1
        if self.steps_after > PROGRAM_AFTER:
            raise Endless("the program runs again and again")
        future = self.model.function("current_future")()
        owners = self.model.load().owner
        owned = [o for o, owner in enumerate(owners) if owner == future and future is not None]
        for operation in owned:
            if operation not in self.polled:
                self.polled.add(operation)
                if (act := self.model.try_step("poll", operation)) is not None:
                    return act
        for name in (
            "return_ready",
            "finish_drop",
            "return_sync_export",
            "return_sync_lifted_export",
            "return_pending",
        ):
            if (act := self.model.try_step(name)) is not None:
                self.polled.clear()
                return act
        for act in self.model.steps(["drop_operation"]):
            if not act.step.arguments[1]:
                return act
        raise Stopped

    def outside_after(self) -> Act | int:
        """Let the peers copy and then drop their ends, and the callees return."""
        self.outside_taken += 1
        if self.outside_taken < OUTSIDE_AFTER:
            for act in self.model.steps(["subtask_progress", "peer_copy", "peer_drop"]):
                return act
        return WAIT_FOR_ALL
