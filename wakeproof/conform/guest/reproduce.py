"""Play traces of the model on the released crates: whether their violations really happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wakeproof.check.verdict import (
    NOT_PLAYED,
    NOT_RELEASED,
    NOT_REPRODUCED,
    NOT_VISIBLE,
    REPRODUCED,
)
from wakeproof.conform.guest.driver import GuestDriver
from wakeproof.conform.guest.player import GuestPlayer
from wakeproof.conform.guest.script import Unplayable, script_of
from wakeproof.crates.checkout import Checkout
from wakeproof.errors import InputError
from wakeproof.language.primitives import WentWrong
from wakeproof.language.properties import Property
from wakeproof.language.values import Step
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.script import steps_of, turns

TURNS = 3
"""Turns of a loop that are played: the crates have to make the same calls in each."""


def steps_to_play(violation: Mapping[str, Any], instance: Instance) -> list[Step]:
    """Return the steps of a violation of a results file, with `TURNS` turns of its loop if any.

    Raises `InputError` for a step that the model does not know.
    """
    steps = steps_of(violation["trace"], instance.resolved.program, instance.names)
    return turns(steps, violation.get("loop"), TURNS)


@dataclass(frozen=True)
class Reproduction:
    """What became of a trace on the crates: a word of `check.verdict`, and what was seen."""

    word: str
    seen: str

    def __str__(self) -> str:
        return f"{self.word}: {self.seen}"

    @property
    def refutes(self) -> bool:
        """Whether the crates do something else, so that the model is wrong."""
        return self.word == NOT_REPRODUCED

    @property
    def unplayed(self) -> bool:
        """Whether the trace could not be played, so that nothing is known."""
        return self.word == NOT_PLAYED


class Reproducer:
    """A player of traces of an instance on the crates; `close` ends its driver.

    `releases` has by role the releases to run, in the place of those that the versions of the mix
    mirror, and a `checkout` takes the place of one. `missing` is the reason why the crates cannot
    run the instance. Raises `InputError` without cargo or the crates.
    """

    def __init__(
        self,
        instance: Instance,
        releases: Mapping[str, str] | None = None,
        checkout: Checkout | None = None,
    ) -> None:
        self.driver: GuestDriver | None = None
        self.missing = ""
        try:
            script, features = script_of(instance, releases)
        except Unplayable as unplayable:
            self.missing = str(unplayable)
            return
        self.driver = GuestDriver(features, checkout)
        self.player = GuestPlayer(self.driver, script, instance.model.sites)

    def close(self) -> None:
        """End the driver."""
        if self.driver is not None:
            self.driver.close()

    def play(self, steps: Sequence[Step], prop: Property | None) -> Reproduction:
        """Take the steps, at whose end the model violates `prop`.

        Raises `InputError` for an action without a command, and if the driver is killed.
        """
        if self.driver is None:
            return Reproduction(NOT_RELEASED, self.missing)
        played = self.player.play(steps)
        if (parted := played.parted) is not None:
            both = f"the model has {parted.model}, the crates {parted.real}"
            return Reproduction(NOT_REPRODUCED, f"at step {played.steps} {both}")
        return self._seen(played.wrong, prop)

    def attempt(self, steps: Sequence[Step], prop: Property | None) -> Reproduction:
        """Take the steps as `play` does; what keeps them from being played is the result."""
        try:
            return self.play(steps, prop)
        except InputError as error:
            return Reproduction(NOT_PLAYED, error.what)

    def _seen(self, wrong: WentWrong | None, prop: Property | None) -> Reproduction:
        if wrong is not None:
            return Reproduction(REPRODUCED, self.player.seen(wrong))
        if prop is None or prop.outcome:
            return Reproduction(REPRODUCED, "the same calls")
        if prop.progress:
            return Reproduction(REPRODUCED, "the same calls, in each turn of its loop")
        if not prop.outside:
            return Reproduction(NOT_VISIBLE, "the same calls, and nothing that a host could see")
        if prop.hidden:
            return Reproduction(NOT_VISIBLE, f"the same calls; {prop.hidden}")
        return Reproduction(REPRODUCED, prop.outside)
