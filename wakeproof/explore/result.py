"""The result of an exploration: violations, counts, and the limit that ended it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container
from dataclasses import dataclass, field, replace
from pathlib import Path

from wakeproof.language.values import Step


@dataclass(frozen=True)
class Violation:
    """A shortest path to a violation: `site` is empty for an invariant that fails.

    One of `progress` is a run that goes on for ever: after the first `loop` steps the others are
    repeated, or nothing happens any more if there are none. `members` are those of the property.
    """

    kind: str
    site: str
    steps: tuple[Step, ...]
    loop: int | None = None
    members: tuple[int, ...] = ()


@dataclass(frozen=True)
class Coverage:
    """What an exploration has put to the test.

    `taken` are the actions that were taken, `ran` the functions with sites that were executed,
    `tested` the ids of properties: invariants that say something about a state after the first, and
    properties of progress of which something was owed in some state.
    """

    taken: frozenset[str]
    ran: frozenset[str]
    tested: frozenset[str]


@dataclass
class Exploration:
    """Result of an exploration. `limit` names the limit that ended it, or is empty.

    `undecided` is the reason why progress is not decided here, or is empty: the scenario or the way
    of the search does not have the whole graph. `progress_limit` is a limit that the decision
    reached.
    `queue` is the number of states still to be expanded. An explorer with tables of its own reports
    `load`, the used share of the table of states, and `memory`, the bytes of all tables.
    `coverage` is that of a whole exploration, None if a limit ended it and for a swarm.
    """

    states: int = 0
    transitions: int = 0
    depth: int = 0
    seconds: float = 0.0
    queue: int = 0
    limit: str = ""
    undecided: str = field(default="", compare=False)
    progress_limit: str = field(default="", compare=False)
    load: float = field(default=0.0, compare=False)
    memory: int = field(default=0, compare=False)
    violations: dict[tuple[str, str], Violation] = field(default_factory=dict)
    coverage: Coverage | None = None

    def in_program_of(self, functions: Container[str]) -> None:
        """Name what was executed as the program of one mix does, which has these functions.

        A program for several mixes has a text as `f__v2` that is `f` where all roles run it.
        """
        if self.coverage is not None:
            ran = {n if n in functions else n.rpartition("__")[0] for n in self.coverage.ran}
            self.coverage = replace(self.coverage, ran=frozenset(ran))

    def add_tested(self, properties: Collection[str]) -> None:
        """Add properties of progress to those that were put to the test."""
        if self.coverage is not None:
            tested = self.coverage.tested.union(properties)
            self.coverage = replace(self.coverage, tested=tested)

    @property
    def rate(self) -> float:
        """States a second."""
        return self.states / self.seconds if self.seconds else 0.0


INTERRUPTED = "interrupted"
"""The limit of a run that an interrupt ended."""

LARGEST_LIMIT = 2**31 - 1
"""The largest number of states or steps that a limit can be: native code counts no further."""


@dataclass(frozen=True)
class Limits:
    """Limits of an exploration: states, seconds from the start, bytes of native code's tables.

    With a folder `disk` the states are in a file there, and only a part of each takes memory.
    `steps` is a bound of the scenario: longer paths are outside it, so stopping there does not
    count as a limit.
    """

    max_states: int | None = None
    timeout: float | None = None
    steps: int | None = None
    memory: int | None = None
    disk: Path | None = None


NO_LIMITS = Limits()

Progress = Callable[[Exploration], None]
"""A function that an explorer calls from time to time with the result so far."""


class ScriptStuck(Exception):
    """A step of a script, with its `number` from 1, is not enabled at its place."""

    def __init__(self, number: int, step: Step) -> None:
        super().__init__(number, step)
        self.number = number
        self.step = step


def cut_by(is_script: bool, limits: Limits, found: Exploration) -> str:
    """Return why a run has not seen the whole graph of its states; empty if it has."""
    if is_script:
        return "a script is one run"
    if limits.steps is not None:
        return f"the scenario bounds a run to {limits.steps} steps"
    return "a limit ended the run" if found.limit else ""
