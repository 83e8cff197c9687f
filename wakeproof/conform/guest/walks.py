"""Walks on the released crates, natively: the model's runtime layers compared call by call.

The real runtime takes the steps of random walks through the model, every action in the mix, and
must make the same builtin and C ABI calls in the same order with the same arguments, have the same
results of polls and callbacks, and end in the same way: a panic at the same place of the source, a
trap of the host, or a use of freed memory. A divergence is shrunk.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from wakeproof.conform.guest.comparison import GuestConformance
from wakeproof.conform.guest.driver import GuestDriver, build_driver
from wakeproof.conform.guest.player import GuestPlayer, Parted
from wakeproof.conform.walking import Walker, WalkJob
from wakeproof.language.primitives import GuardFailed
from wakeproof.language.values import Step


class GuestWalker(Walker):
    """The walks of one job on the crates in a process, under the host of the model."""

    def __init__(self, job: WalkJob) -> None:
        super().__init__(job)
        self.driver = GuestDriver(job.features, job.checkout)
        self.player = GuestPlayer(self.driver, self.script, job.model.sites)
        self.result.calls = self.player.calls

    @staticmethod
    def build(features: tuple[str, ...]) -> None:
        """Build the driver. Raises `InputError` without cargo or the crates."""
        build_driver(features)

    def run(self) -> GuestConformance:
        """Take all walks of the job, then end the driver."""
        try:
            return super().run()
        finally:
            self.driver.close()

    def walk(self, rng: random.Random) -> None:
        """Take one random walk, which ends after all steps, at a divergence, or where both fail."""
        taken: list[Step] = []
        weights = self.weights(rng)
        state = self.player.begin()
        self.result.walks += 1
        try:
            while len(taken) < self.job.steps:
                act = self.draw(state, weights, rng)
                if act is None:
                    break
                taken.append(act.step)
                self.player.take(act)
                self.result.steps += 1
                self.result.actions[act.step.action] += 1
                state = act.after
                if act.wrong is not None:
                    # in a trap without a part of the guest there is nothing to agree on
                    self.result.sites[act.wrong.kind, act.wrong.site] += act.command is not None
                    break
        except Parted as parted:
            self.player.end()
            self.result.divergences.append(self.shrink(taken, parted))
            return
        self.result.full += len(taken) == self.job.steps
        self.player.end()

    def replay(self, steps: Sequence[Step]) -> tuple[int, Parted] | None:
        """Take the steps; returns after how many of them the two sides part, if they do."""
        try:
            played = self.player.play(steps)
        except GuardFailed:
            return None
        return None if played.parted is None else (played.steps, played.parted)
