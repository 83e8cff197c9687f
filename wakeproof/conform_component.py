"""The model held against components on Wasmtime: the walks of `conform_guest`, the host real.

The released runtimes are the core module of a component (`component`), and who is called back
when, with which event, Wasmtime decides; the model follows (`component_player`).
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wakeproof.component import Component, Stopped
from wakeproof.component_player import (
    COPY_OUTLIVES,
    DURING_SYNC,
    EVENT_TAKEN,
    EVENT_TAKEN_FROM_WAIT,
    GIVE_UP_TURN,
    LATE_CANCEL,
    NEVER_STARTED,
    OUTSIDE,
    WAIT_FOR_ALL,
    YIELDED_CANCELLED,
    Follower,
)
from wakeproof.conform_guest import GuestConformance, Job, Telling, Walker, conform
from wakeproof.enabled import enumerators
from wakeproof.guest_player import Parted
from wakeproof.guest_script import Act
from wakeproof.language import GuardFailed, WentWrong
from wakeproof.machine import Step
from wakeproof.model import BUNDLED, Model

# how often the caller lets Wasmtime go on although it could do something, and how often it then
# does nothing any more
LET_GO_ON, LEAVE = 0.35, 0.04


@dataclass(frozen=True)
class Explanation:
    """Where Wasmtime is at fault, or older than the specification, and why.

    `after` is what must have happened in the walk: the same words without it are a divergence. What
    the follower says itself has its circumstances checked there.
    """

    why: str
    after: str = ""


# by what Wasmtime says where it goes wrong by its own account, and by what it does
EXPLAINED = {
    "BUG: delivering non-present event": Explanation(
        "Wasmtime 50, where it is about to call back a task that waits on a set, and the event is "
        "taken before, by a poll, a cancel or a join in another task",
        EVENT_TAKEN,
    ),
    "BUG: event expected to be present": Explanation(
        "Wasmtime 50, where a wait inside of a task is about to go on, and its event is taken "
        "before",
        EVENT_TAKEN_FROM_WAIT,
    ),
    "BUG: switch item already set": Explanation(
        "Wasmtime 50, at the next call in the same turn, once a call was cancelled before it "
        "started",
        NEVER_STARTED,
    ),
    "BUG: thread with `WakeOnCancel::Yielding` not promotable": Explanation(
        "Wasmtime 50, when a task that yielded is cancelled while another one waits on its stack",
        YIELDED_CANCELLED,
    ),
    "resource not present": Explanation(
        "Wasmtime 50, where a copy goes on whose task has ended", COPY_OUTLIVES
    ),
    "resource is of another type": Explanation(
        "Wasmtime 50, where a copy goes on whose task has ended", COPY_OUTLIVES
    ),
    LATE_CANCEL: Explanation(
        "Wasmtime 50 keeps a cancellation that was asked for before the result was given; the "
        "specification forgets it"
    ),
    DURING_SYNC: Explanation(
        "Wasmtime 50 is older than the specification's "
        "test/async/during-sync-call-no-exclusive-resume.wast"
    ),
}

TELLING = Telling(
    "component",
    "The model against the released crates on Wasmtime",
    "Wasmtime",
    {words: explanation.why for words, explanation in EXPLAINED.items()},
)


def explained(parted: Parted, follower: Follower) -> str:
    """The words of `EXPLAINED` behind a divergence; empty if it is not one of those."""
    words = next((words for words in EXPLAINED if words in parted.real), "")
    after = EXPLAINED[words].after if words else ""
    return words if not after or after in follower.circumstances() else ""


@functools.cache
def component_with(features: tuple[str, ...]) -> Component:
    """The component with this build, compiled once a process."""
    return Component(features)


class Astray(Exception):
    """Wasmtime takes another step than the one that is asked for."""


class Wanderer:
    """Chooses at random, as the walks of `conform_guest` do."""

    def __init__(self, walker: ComponentWalker, rng: random.Random) -> None:
        self.walker = walker
        self.follower = walker.follower
        self.weights = walker.weights(rng)
        self.rng = rng
        self.taken: list[Step] = []
        self.left = False

    def program(self) -> Act:
        """A step of the program at random."""
        act = self._draw(self.follower.program_actions)
        if act is None:
            raise Stopped
        return act

    def outside(self) -> Act | int:
        """A step outside at random, or none."""
        busy = self.follower.host_may() is not None
        if busy and self.rng.random() < LET_GO_ON:
            return GIVE_UP_TURN
        self.left = self.left or self.rng.random() < LEAVE
        act = None if self.left else self._draw(OUTSIDE)
        if act is not None:
            return act
        return GIVE_UP_TURN if busy and not self.left else WAIT_FOR_ALL

    def _draw(self, among: Sequence[str]) -> Act | None:
        if len(self.taken) >= self.walker.job.steps:
            raise Stopped
        return self.walker.draw(self.follower.state, self.weights, self.rng, among)

    def took(self, act: Act) -> None:
        """Count a step."""
        self.taken.append(act.step)
        self.walker.result.steps += 1
        self.walker.result.actions[act.step.action] += 1


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


class ComponentWalker(Walker):
    """Walks of one stage in one mix, on Wasmtime."""

    def connect(self) -> None:
        """Get hold of the component."""
        self.component = component_with(self.job.features)
        every = enumerators(self.script.machine, self.instance.resolved.trees)
        listing = {name: listing for name, listing, _ in every}
        self.follower = Follower(self.script, self.job.model.sites, listing)

    def run(self) -> GuestConformance:
        """All walks of the job."""
        self.all_walks()
        self.result.calls = self.follower.calls
        return self.result

    def walk(self, rng: random.Random) -> None:
        """One random walk."""
        wanderer = Wanderer(self, rng)
        self.result.walks += 1
        try:
            ended = self.follower.play(self.component, wanderer)
        except Parted as parted:
            if reason := explained(parted, self.follower):
                self.result.explained[reason] += 1
            else:
                self.result.divergences.append(self.shrink(wanderer.taken, parted))
            return
        wrong = None if ended.how == "stopped" else self.follower.wrong
        if wrong is not None:
            self.result.sites[wrong.kind, wrong.site] += 1
        elif ended.how == "trap":
            self.result.sites["deadlock", ""] += 1
        self.result.full += len(wanderer.taken) == self.job.steps

    def is_wanted(self, wrong: WentWrong, rng: random.Random) -> bool:
        """Not where nobody can say what happens: there are no fences here."""
        return wrong.kind != "undefined" and super().is_wanted(wrong, rng)

    def replay(self, steps: Sequence[Step]) -> tuple[int, Parted] | None:
        """After how many of the steps the two part, if they do and can take them."""
        given = Given(self.follower, steps)
        try:
            self.follower.play(self.component, given)
        except (GuardFailed, Astray):
            return None
        except Parted as parted:
            return given.number, parted
        return None


def run_job(job: Job) -> GuestConformance:
    """The walks of one job."""
    return ComponentWalker(job).run()


def conform_components(
    walks: int,
    seed: int,
    chosen: Mapping[str, tuple[str, ...]] | None = None,
    steps: int = 30,
    model: Model = BUNDLED,
    progress: Callable[[GuestConformance], None] = lambda _: None,
) -> GuestConformance:
    """Compare `walks` walks. Raises `InputError` without the crates, the target or Wasmtime."""
    return conform(walks, seed, chosen, steps, model, progress, component_with, run_job)
