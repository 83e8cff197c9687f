"""The model held against components on Wasmtime: the walks of `conform_guest`, the host real.

The released runtimes are the core module of a component (`component`), and who is called back
when, with which event, Wasmtime decides; the model follows (`component_player`).
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Mapping, Sequence

from wakeproof.conform.component.engine import Component
from wakeproof.conform.component.follower import (
    GIVE_UP_TURN,
    OUTSIDE,
    WAIT_FOR_ALL,
    Follower,
    explained,
)
from wakeproof.conform.component.given_steps import Astray, Given
from wakeproof.conform.component.interface import Stopped
from wakeproof.conform.component.known_bugs import KNOWN_BUGS
from wakeproof.conform.guest.comparison import GuestConformance, Telling
from wakeproof.conform.guest.player import Parted
from wakeproof.conform.guest.protocol import Act
from wakeproof.conform.guest.walks import Job, Walker, conform
from wakeproof.execution.enabled_steps import enumerators
from wakeproof.language.model import BUNDLED, Model
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.values import Step

# how often the caller lets Wasmtime go on although it could do something, and how often it then
# does nothing any more
LET_GO_ON, LEAVE = 0.35, 0.04

TELLING = Telling(
    "component",
    "The model against the released crates on Wasmtime",
    "Wasmtime",
    {words: explanation.why for words, explanation in KNOWN_BUGS.items()},
)


@functools.cache
def component_with(features: tuple[str, ...]) -> Component:
    """The component with this build, compiled once a process."""
    return Component(features)


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


class ComponentWalker(Walker):
    """Walks of one stage in one mix, on Wasmtime."""

    def connect(self) -> None:
        """Get hold of the component."""
        self.component = component_with(self.job.features)
        every = enumerators(self.script.machine)
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
