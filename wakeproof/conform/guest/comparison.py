"""What walks on the crates compared, and where the two sides part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from wakeproof.language.model import Model
from wakeproof.scenario.mixes import Mix


@dataclass(frozen=True)
class Divergence:
    """Where the model and the real runtime part: the steps up to there, and both sides."""

    stage: str
    mix: Mix
    features: tuple[str, ...]
    steps: tuple[str, ...]
    model: str
    real: str


@dataclass
class GuestConformance:
    """What walks compared. `full` of them took all their steps; `calls` counts builtins and C ABI
    calls, `sites` the ends of walks by way and site, `traces` those of the model's own traces,
    which were played too. `bounds` are the steps that a stage was too small for, by bound, `known`
    all actions of the model, `explained` the divergences that are no error of the model.
    """

    walks: int = 0
    full: int = 0
    steps: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    sites: Counter[tuple[str, str]] = field(default_factory=Counter)
    traces: Counter[tuple[str, str]] = field(default_factory=Counter)
    bounds: Counter[str] = field(default_factory=Counter)
    explained: Counter[str] = field(default_factory=Counter)
    known: set[str] = field(default_factory=set)
    mixes: set[tuple[str, tuple[str, ...]]] = field(default_factory=set)
    divergences: list[Divergence] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Walks a second."""
        return self.walks / self.seconds if self.seconds else 0.0

    def unreached(self, model: Model) -> list[str]:
        """The sites of the guest that a program may reach and nothing did, in their order."""
        reached = {site for _, site in self.sites | self.traces}
        return [
            site.id
            for site in model.sites.values()
            if site.kind in ("panic", "undefined") and not site.unreachable
            if site.id not in reached
        ]

    def add(self, other: GuestConformance) -> None:
        """Put what other walks compared to this."""
        self.walks += other.walks
        self.full += other.full
        self.steps += other.steps
        self.calls += other.calls
        self.actions += other.actions
        self.bounds += other.bounds
        self.explained += other.explained
        self.known |= other.known
        self.sites += other.sites
        self.mixes |= other.mixes
        self.divergences += other.divergences


@dataclass(frozen=True)
class Telling:
    """How a comparison is told: its command and heading, what the model is held against, and why
    some divergences are no error of the model.
    """

    command: str
    heading: str
    real: str
    explained: Mapping[str, str] = field(default_factory=dict)


GUEST = Telling("guest", "The model's runtime against the released crates", "crates")
