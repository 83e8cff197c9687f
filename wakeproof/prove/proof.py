"""The proof of one mix: what was asked, and what is known of it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wakeproof.language.model import Model
from wakeproof.language.resolve import Resolved
from wakeproof.prove.lemma_sources import Versions
from wakeproof.prove.obligation import (
    INITIAL,
    WRONG,
    Answer,
    Question,
    site_goal,
    sites_in,
)
from wakeproof.scenario.mixes import Mix


@dataclass(frozen=True)
class Job:
    """Some obligations of one action, or several that are joined, in mixes of these versions.

    `sizes` are those of the index types; the `questions`, one a mix, name facts and sites.
    """

    model: Model
    versions: Versions
    sizes: tuple[tuple[str, int], ...]
    actions: tuple[str, ...]
    questions: tuple[Question, ...]
    any_number: bool = False


@dataclass
class Proof:
    """What is known of one mix: `answers` by action and goal, and the facts that fell.

    If `sizes_vary`, the `sizes` are those of the first window on any number of members, and
    `any_number` is the same for any number of members, about the facts that did not fall and the
    sites that are never reached. Only what is `wanted` was asked, everything if None; what is
    `left_out` is not asked for any number. `costs` are the seconds that an action took at the
    given sizes. The `versions` are those of all mixes that are proved with this one.
    """

    mix: Mix
    sizes: Mapping[str, int]
    resolved: Resolved
    hypotheses: list[str]
    actions: list[str]
    versions: Versions = ()
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    fallen: dict[str, Answer] = field(default_factory=dict)
    finished: bool = False
    sizes_vary: bool = False
    any_number: Proof | None = None
    wanted: tuple[str, ...] | None = None
    left_out: tuple[str, ...] = ()
    costs: Mapping[str, float] = field(default_factory=dict)

    def standing(self) -> list[str]:
        """The facts that did not fall."""
        return [fact for fact in self.hypotheses if fact not in self.fallen]

    def failures(self, goal: str) -> list[Answer]:
        """The obligations about a fact or a site that are not proved, in the order of the text."""
        about = [self.answers[a, goal] for a in self.actions if (a, goal) in self.answers]
        return [answer for answer in about if answer.status != "proved"]

    def holds(self, goal: str) -> bool:
        """Whether the fact is inductive with the others that are, or the site is never reached."""
        asked = self.wanted is None or goal in self.wanted
        return self.finished and asked and goal not in self.fallen and not self.failures(goal)

    def sites(self, kind: str) -> list[str]:
        """The sites of a kind of going wrong that some action has in its text; none of no kind."""
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
        """What is asked in this mix: what follows from the facts that did not fall."""
        standing = self.standing()
        spared = tuple(fact for fact in standing if fact in self.left_out)
        return Question(tuple(self.mix.items()), tuple(standing), goals, spared)

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
