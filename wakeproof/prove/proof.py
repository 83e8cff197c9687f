"""The proof of one mix: its questions, and what is known of it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wakeproof.language.model import Model
from wakeproof.language.resolve import Resolved
from wakeproof.prove.obligation import (
    INITIAL,
    WRONG,
    Answer,
    Question,
    site_goal,
    sites_in,
)
from wakeproof.scenario.mixes import Mix, Versions
from wakeproof.symbolic.solver import CADICAL
from wakeproof.util.parallel import Workers


@dataclass(frozen=True)
class Deciding:
    """How obligations are decided: by which solver, and whether cached results are ignored.

    They are decided in new worker processes or in those of a `pool`.
    """

    solver: str = CADICAL
    fresh: bool = False
    pool: Workers | None = None


@dataclass(frozen=True)
class Job:
    """Some obligations of one action, or of several that are merged, in mixes of these versions.

    `sizes` are those of the index types; the `questions`, one a mix, name facts and sites; `solver`
    decides them.
    """

    model: Model
    versions: Versions
    sizes: tuple[tuple[str, int], ...]
    actions: tuple[str, ...]
    questions: tuple[Question, ...]
    any_number: bool = False
    solver: str = CADICAL


@dataclass
class Proof:
    """The proof of one mix: `answers` by action and goal, and the facts that are `dropped`.

    If `sizes_vary`, the `sizes` are those of the first window on any number of members.
    `any_number` is the proof for any number of members, about the facts that are not dropped and
    the sites that are never reached. Only the goals `wanted` are decided, all if None; those
    `left_out` are not decided for any number. `costs` are the seconds that an action took at the
    given sizes. The `versions` are those of all mixes that are proved together with this one.
    """

    mix: Mix
    sizes: Mapping[str, int]
    resolved: Resolved
    hypotheses: list[str]
    actions: list[str]
    versions: Versions = ()
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    dropped: dict[str, Answer] = field(default_factory=dict)
    finished: bool = False
    sizes_vary: bool = False
    any_number: Proof | None = None
    wanted: tuple[str, ...] | None = None
    left_out: tuple[str, ...] = ()
    costs: Mapping[str, float] = field(default_factory=dict)

    def kept(self) -> list[str]:
        """The facts that are not dropped."""
        return [fact for fact in self.hypotheses if fact not in self.dropped]

    def failures(self, goal: str) -> list[Answer]:
        """The answers about a fact or a site that are not proofs, in the order of the text."""
        about = [self.answers[a, goal] for a in self.actions if (a, goal) in self.answers]
        return [answer for answer in about if answer.status != "proved"]

    def holds(self, goal: str) -> bool:
        """Whether the fact is inductive with the others kept, or the site is never reached."""
        asked = self.wanted is None or goal in self.wanted
        return self.finished and asked and goal not in self.dropped and not self.failures(goal)

    def sites(self, kind: str) -> list[str]:
        """The sites in the text of the actions at which this kind of going wrong is possible."""
        return self._sites.get(kind, [])

    @functools.cached_property
    def _sites(self) -> dict[str, list[str]]:
        program = self.resolved.program
        # the initial action has a name of its own here
        roots = [
            f.name
            for f in program.marked("action").values()
            if (INITIAL if f.marks["action"] == INITIAL else f.name) in self.actions
        ]
        found: dict[str, set[str]] = {kind: set() for kind in WRONG}
        for kind, site in sites_in(program, roots):
            found[kind].add(site)
        return {kind: sorted(sites) for kind, sites in found.items()}

    def site_goals(self) -> list[str]:
        """The obligations that no site of the text is reached."""
        return [site_goal(kind, site) for kind in WRONG for site in self.sites(kind)]

    def question(self, goals: tuple[str, ...]) -> Question:
        """The question about this mix, with the facts that are kept as given."""
        kept = self.kept()
        reserved = tuple(fact for fact in kept if fact in self.left_out)
        return Question(tuple(self.mix.items()), tuple(kept), goals, reserved)

    def supports(self, goals: Iterable[str]) -> set[str]:
        """The facts that the proofs of these goals need, and those that their proofs need."""
        needed: set[str] = set()
        todo = list(goals)
        while todo:
            goal = todo.pop()
            for (_, g), answer in self.answers.items():
                if g == goal:
                    more = set(answer.needs) - needed
                    needed |= more
                    todo += more
        return needed
