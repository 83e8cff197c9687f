"""Steps that are given, not chosen: a trace played on a component."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wakeproof.conform.component.follower import GIVE_UP_TURN, WAIT_FOR_ALL, Follower
from wakeproof.conform.component.interface import Endless, Stopped
from wakeproof.conform.guest.protocol import Act
from wakeproof.language.primitives import GuardFailed
from wakeproof.language.values import Step


class Astray(Exception):
    """Wasmtime takes another step than the one that is asked for."""


class Given:
    """Steps that were taken before: they must be possible, and Wasmtime must take its own."""

    def __init__(self, follower: Follower, steps: Sequence[Step]) -> None:
        self.follower = follower
        self.steps = steps
        self.number = 0

    def _next(self) -> Act | None:
        """The next step; None if it is the host's."""
        step = self.steps[self.number]
        if step.action in self.follower.host_actions:
            return None
        act = self.follower.try_step(step.action, *step.arguments)
        if act is None:
            raise GuardFailed
        return act

    def program(self) -> Act:
        """The next step, which must be one of the program."""
        if self.number == len(self.steps):
            return self.after()
        act = self._next()
        if act is None or act.step.action not in self.follower.program_actions:
            raise Astray
        return act

    def outside(self) -> Act | int:
        """The next step, if it is one outside."""
        if self.number == len(self.steps):
            return self.outside_after()
        inside = self.steps[self.number].action in self.follower.program_actions
        act = None if inside else self._next()
        if act is not None:
            return act
        if self.follower.host_may() is None:
            # nobody will ever take the next step
            raise Astray
        return GIVE_UP_TURN

    def took(self, act: Act) -> None:
        """A step was taken; raises `Astray` if it is not the next."""
        if self.number < len(self.steps):
            if act.step != self.steps[self.number]:
                raise Astray
            self.number += 1

    def after(self) -> Act:
        """What the program does once all steps were taken."""
        raise Stopped

    def outside_after(self) -> Act | int:
        """What happens outside then."""
        return WAIT_FOR_ALL


# how many steps are taken outside once the trace is over
GIVEN_AFTER = 40
# how many the program takes then
STEPS_AFTER = 300


class CarryOn(Given):
    """A trace, and then what a program does that wants to end."""

    def __init__(self, follower: Follower, steps: Sequence[Step]) -> None:
        super().__init__(follower, steps)
        # what was polled since the program was last asked to run
        self.polled: set[Any] = set()
        self.outside_taken = self.steps_after = 0

    def after(self) -> Act:
        """Poll what the future owns, return if possible, else wait; drop what has to be dropped."""
        self.steps_after += 1
        if self.steps_after > STEPS_AFTER:
            raise Endless("the program runs again and again")
        follower = self.follower
        s = follower.script.s
        follower.script.machine.load(follower.state)
        future = follower.script.machine.namespace["current_future"]()
        owned = [o for o, owner in enumerate(s.owner) if owner == future and future is not None]
        for operation in owned:
            if operation not in self.polled:
                self.polled.add(operation)
                if (act := follower.try_step("poll", operation)) is not None:
                    return act
        for name in (
            "return_ready",
            "finish_drop",
            "return_sync_export",
            "return_sync_lifted_export",
            "return_pending",
        ):
            if (act := follower.try_step(name)) is not None:
                self.polled.clear()
                return act
        for act in follower.steps(["drop_operation"]):
            if not act.step.arguments[1]:
                return act
        raise Stopped

    def outside_after(self) -> Act | int:
        """The peers copy, then drop their ends; callees return."""
        self.outside_taken += 1
        if self.outside_taken < GIVEN_AFTER:
            for act in self.follower.steps(["subtask_progress", "peer_copy", "peer_drop"]):
                return act
        return WAIT_FOR_ALL
