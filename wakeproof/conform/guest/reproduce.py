"""Traces of the model on the released crates: whether what they say really happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wakeproof.check.verdict import (
    NOT_RELEASED,
    NOT_REPRODUCED,
    NOT_VISIBLE,
    REPRODUCED,
)
from wakeproof.conform.guest.driver import Guest
from wakeproof.conform.guest.player import Player
from wakeproof.conform.guest.script import Script
from wakeproof.crates.releases import features_of, releases_of
from wakeproof.errors import InputError
from wakeproof.language.primitives import WentWrong
from wakeproof.language.properties import Property
from wakeproof.language.values import Step
from wakeproof.scenario.instance import Instance


@dataclass(frozen=True)
class Reproduction:
    """What became of a trace on the crates: one of four words (see `check`), and what was seen."""

    word: str
    seen: str

    def __str__(self) -> str:
        return f"{self.word}: {self.seen}"

    @property
    def refutes(self) -> bool:
        """The crates do something else: the model is wrong."""
        return self.word == NOT_REPRODUCED


class Reproducer:
    """Plays traces of a scenario in one mix and build on the crates. Close it after use.

    `releases` names other releases than those that the versions of the mix mirror, by role.
    Raises `InputError` if the crates cannot be had.
    """

    def __init__(self, instance: Instance, releases: Mapping[str, str] | None = None) -> None:
        self.guest: Guest | None = None
        self.missing = ""
        features = features_of(instance.run.parameters)
        try:
            releases = releases or releases_of(instance.model.sources, instance.mix)
        except InputError as error:
            self.missing = error.what
            return
        if features is None:
            self.missing = "the roles are built with different features"
            return
        self.guest = Guest(features)
        script = Script(instance.resolved, instance.run, releases)
        self.player = Player(self.guest, script, instance.model.sites)

    def close(self) -> None:
        """End the driver."""
        if self.guest is not None:
            self.guest.close()

    def play(self, steps: Sequence[Step], prop: Property | None) -> Reproduction:
        """Take the steps; `prop` is violated at their end, in the model."""
        if self.guest is None:
            return Reproduction(NOT_RELEASED, self.missing)
        played = self.player.play(steps)
        if (parted := played.parted) is not None:
            both = f"the model has {parted.model}, the crates {parted.real}"
            return Reproduction(NOT_REPRODUCED, f"at step {played.steps} {both}")
        return self._seen(played.wrong, prop)

    def _seen(self, wrong: WentWrong | None, prop: Property | None) -> Reproduction:
        if wrong is not None:
            return Reproduction(REPRODUCED, self.player.seen(wrong))
        if prop is None or prop.outcome:
            return Reproduction(REPRODUCED, "the same calls")
        if not prop.outside:
            return Reproduction(NOT_VISIBLE, "the same calls, and nothing that a host could see")
        return Reproduction(REPRODUCED, prop.outside)
