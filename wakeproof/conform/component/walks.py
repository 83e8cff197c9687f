"""Walks on a component: the model's runtime layers and host compared on Wasmtime.

They are drawn as those on the native crates (`guest.walks`), but Wasmtime decides who is called
back when, with which event; the model follows (`follower`).
"""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Mapping, Sequence

from wakeproof.conform.component.engine import TEMPLATE, Component
from wakeproof.conform.component.follower import Follower
from wakeproof.conform.component.given_steps import Astray, GivenSteps
from wakeproof.conform.component.interface import GIVE_UP_TURN, WAIT_FOR_ALL, Stopped
from wakeproof.conform.component.model_side import OUTSIDE, on_wasmtime
from wakeproof.conform.guest.player import Parted
from wakeproof.conform.guest.protocol import Act
from wakeproof.conform.walking import Walker, WalkJob
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.values import Step
from wakeproof.scenario.file import Scenario, read_scenario

WAITS_STAGE = TEMPLATE / "stages" / "waits.toml"
# actions that lead to a callback that returns YIELD, and to a wait in the host: an export favours
# the first ones in some walks, other code the second ones, as chance rarely leads there
YIELDS, WAITS = ("wake_self", "return_pending"), ("block_on", "poll", "return_pending")
# probability that the caller lets Wasmtime go on although a step outside is possible, and that it
# does nothing more from then on
LET_GO_ON, LEAVE = 0.35, 0.04
# probability that a call is dropped where its wait keeps the caller from going on, for ever
KEEPS_CALLER = 0.02
# probability that a future favours no actions, and that nothing happens outside while an export of
# synchronous type waits
INDIFFERENT, DIRECTLY = 0.5, 0.3


@functools.cache
def component_with(features: tuple[str, ...]) -> Component:
    """Return the component with this build, compiled once in a process."""
    return Component(features)


class RandomSteps:
    """A chooser of random steps: in one walk each future has weights of its own."""

    def __init__(self, walker: ComponentWalker, rng: random.Random) -> None:
        self.walker = walker
        self.model = walker.follower.model
        self.weights = walker.weights(rng)
        # by future that is polled, None for other code
        self.habits: dict[int | None, dict[str, float]] = {}
        self.rng = rng
        self.taken: list[Step] = []
        self.left = False

    def program(self) -> Act:
        """Draw a step of the program."""
        future = self.model.function("current_future")()
        if future not in self.habits:
            self.habits[future] = self._habit(future)
        actions = self.model.program_actions
        if self.model.is_starting() and self.rng.random() > KEEPS_CALLER:
            actions = [name for name in actions if name != "drop_call_and_wait"]
        act = self._draw(actions, self.habits[future])
        if act is None:
            raise Stopped
        return act

    def _habit(self, future: int | None) -> dict[str, float]:
        """Draw weights of the program's actions for the code of a future."""
        weights = self.walker.weights(self.rng)
        if self.rng.random() < INDIFFERENT:
            return weights
        p = self.walker.script.p
        of_export = any(
            may and root == future for may, root in zip(p.may_export, p.root, strict=True)
        )
        favoured = YIELDS if of_export else WAITS
        return {n: 1.0 if n in favoured else w for n, w in weights.items()}

    def outside(self) -> Act | int:
        """Draw a step outside, or none."""
        busy = self.model.possible_host_action() is not None
        if busy and self.rng.random() < LET_GO_ON:
            return GIVE_UP_TURN
        self.left = self.left or self.rng.random() < LEAVE
        act = None if self.left else self._draw(OUTSIDE, self.weights)
        if act is not None:
            return act
        return GIVE_UP_TURN if busy and not self.left else WAIT_FOR_ALL

    def _draw(self, among: Sequence[str], weights: Mapping[str, float]) -> Act | None:
        if len(self.taken) >= self.walker.job.steps:
            raise Stopped
        return self.walker.draw(self.model.state, weights, self.rng, among)

    def calls_directly(self) -> bool:
        """Draw whether the caller waits for an export of synchronous type itself."""
        return self.rng.random() < DIRECTLY

    def took(self, act: Act) -> None:
        """Count a step."""
        self.taken.append(act.step)
        self.walker.result.steps += 1
        self.walker.result.actions[act.step.action] += 1


class ComponentWalker(Walker):
    """The walks of one job in a component on Wasmtime."""

    def __init__(self, job: WalkJob) -> None:
        # the walks are under the host that is Wasmtime, unless another one was chosen
        model = job.model if job.model.host else on_wasmtime(job.model)
        super().__init__(dataclasses.replace(job, model=model))
        self.component = component_with(job.features)
        self.follower = Follower(self.script, model.sites)
        self.result.calls = self.follower.calls

    @staticmethod
    def build(features: tuple[str, ...]) -> None:
        """Build and compile the component.

        Raises `InputError` without cargo, the crates, the target or Wasmtime.
        """
        component_with(features)

    @staticmethod
    def stages() -> list[Scenario]:
        """Return the scenarios of all walks; every other one is that of threads that wait.

        Those whose peers copy several items are left out: the caller copies one at a time.
        """
        waits = read_scenario(WAITS_STAGE)
        others = [stage for stage in Walker.stages() if "peer_items" not in stage.parameters]
        return [stage for other in others for stage in (waits, other)]

    def walk(self, rng: random.Random) -> None:
        """Take one random walk, which ends after all steps, at a divergence, or by itself."""
        chooser = RandomSteps(self, rng)
        self.result.walks += 1
        try:
            ended = self.follower.play(self.component, chooser)
        except Parted as parted:
            if reason := self.follower.circumstances.explain(parted):
                self.result.explained[reason] += 1
            else:
                self.result.divergences.append(self.shrink(chooser.taken, parted))
            return
        wrong = None if ended.how == "stopped" else self.follower.wrong
        if wrong is not None:
            self.result.sites[wrong.kind, wrong.site] += 1
        elif ended.how == "trap":
            self.result.sites["deadlock", ""] += 1
        self.result.full += len(chooser.taken) == self.job.steps

    def is_wanted(self, wrong: WentWrong, rng: random.Random) -> bool:
        """Never where the behaviour is undefined: a component does not detect it."""
        return wrong.kind != "undefined" and super().is_wanted(wrong, rng)

    def replay(self, steps: Sequence[Step]) -> tuple[int, Parted] | None:
        """Take the steps; returns after how many of them the two sides part, if they do."""
        given = GivenSteps(self.follower, steps)
        try:
            self.follower.play(self.component, given)
        except (GuardFailed, Astray):
            return None
        except Parted as parted:
            return given.number, parted
        return None
