"""What a search finds: violations, counts, and the limit that ended it."""

from __future__ import annotations

from dataclasses import dataclass, field

from wakeproof.language.values import Step


@dataclass(frozen=True)
class Violation:
    """A shortest path to a violation. `site` is empty where an invariant fails."""

    kind: str
    site: str
    steps: tuple[Step, ...]


@dataclass
class Exploration:
    """What was found, and how far: `limit` says which limit was reached, if one was.

    `load` is how full the table of states is and `memory` what all tables take, in bytes, where
    an explorer has tables of its own.
    """

    states: int = 0
    transitions: int = 0
    depth: int = 0
    seconds: float = 0.0
    queue: int = 0
    limit: str = ""
    load: float = field(default=0.0, compare=False)
    memory: int = field(default=0, compare=False)
    violations: dict[tuple[str, str], Violation] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """States a second."""
        return self.states / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Limits:
    """When to stop: states kept, seconds from the start, bytes of native code's tables; `steps`
    is a bound of the scenario.

    A path longer than `steps` is outside the scenario, so stopping there is no limit reached.
    """

    max_states: int | None = None
    timeout: float | None = None
    steps: int | None = None
    memory: int | None = None


NO_LIMITS = Limits()


class ScriptStuck(Exception):
    """A step of a script is not possible where the script has it."""

    def __init__(self, number: int, step: Step) -> None:
        super().__init__(number, step)
        self.number = number
        self.step = step
