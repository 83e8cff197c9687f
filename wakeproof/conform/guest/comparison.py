"""The result of walks on the released runtimes: what was compared, and where the two sides part."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from wakeproof.language.model import Model
from wakeproof.language.values import Step
from wakeproof.scenario.mixes import Mix


@dataclass(frozen=True)
class GuestDivergence:
    """Where the model and the real runtime part: the steps up to there, and what each side does.

    `steps` are lines of text, `path` the steps themselves.
    """

    stage: str
    mix: Mix
    features: tuple[str, ...]
    steps: tuple[str, ...]
    model: str
    real: str
    path: tuple[Step, ...] = ()


@dataclass
class GuestConformance:
    """What walks compared.

    `lost` walks have no result: their worker process was killed twice.
    `full` walks took all their steps. `calls` counts builtins and calls of the C ABI, `sites` the
    ends of walks by kind and site, `traces` those of traces of the model that were played too.
    `bounds` counts the steps for which a stage is too small, by bound. `explained` counts the
    divergences that are not errors of the model. `known` has all actions of the model, `mixes` the
    mixes and builds of the walks.
    """

    walks: int = 0
    lost: int = 0
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
    divergences: list[GuestDivergence] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Walks per second."""
        return self.walks / self.seconds if self.seconds else 0.0

    def unreached(self, model: Model) -> list[str]:
        """List the sites that a program may reach and nothing did, in the order of the table."""
        reached = {site for _, site in self.sites | self.traces}
        return [
            site.id
            for site in model.sites.values()
            if site.kind in ("panic", "undefined") and not site.unreachable
            if site.id not in reached
        ]

    def add(self, other: GuestConformance) -> None:
        """Add what other walks compared."""
        self.walks += other.walks
        self.lost += other.lost
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
