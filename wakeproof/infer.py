"""Search for lemmas: with which facts a goal is inductive.

A step that breaks the goal starts in a state of which only a few cells matter. That no members,
all different, have these cells, or a few of them, or some that are not what they are there, is a
candidate; the fewer cells, the more it says. A candidate that is false of a state that was reached
on a walk is none. The candidates that are left are decided all at once, together with the facts
that fell: all are assumed, and what the beginning or an action breaks falls, until those that are
left are inductive together (Houdini). If they exclude the state they are lemmas, and the next state
is looked at. If not, a lemma is missing for one of the candidates that would exclude it: the states
in which a step breaks that candidate give more candidates (property-directed reachability).

What is found are proposals, to be proved like every lemma.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wakeproof.breaking import Breaker, Broken, Candidate, Ground
from wakeproof.induction import INITIAL, Counterexample, Induction, actions_of, facts_of
from wakeproof.lemma_text import Condition, Never, instances, never
from wakeproof.machine import Scalar
from wakeproof.reached import Cells, Player, Reached, Walk, walk
from wakeproof.reader import Resolved

SMALL = 3
"""How many cells a candidate is about at most."""

ROUNDS = 8
"""How often candidates are added for the sake of one state, before the search gives up."""

TRIED = 6
"""Of how many candidates that fell, each time, the states that break them are looked at."""

STATES = 4000
"""The states that are reached on walks."""


INTERRUPTED = "it was interrupted"


@dataclass
class Inferred:
    """What came of a search.

    `lemmas` and the facts in `again` (which fell before) are inductive together with those that
    stand and, where the search did not come to its end, the goal. `reason` says why it did not;
    it is empty if the goal is inductive with them. `violation` is a walk that violates the goal.
    """

    lemmas: list[Never] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    reason: str = ""
    states: int = 0
    violation: Walk | None = None


def infer(
    resolved: Resolved,
    sizes: Mapping[str, int],
    goal: str,
    seconds: float,
    on_progress: Callable[[str], None],
) -> Inferred:
    """Look for lemmas with which the goal is inductive.

    `goal` is the name of a fact, or the `kind site` of a way to go wrong. Facts that are not
    inductive may become so with what is found.
    """
    search = _Search(resolved, sizes, goal, seconds, on_progress)
    try:
        search.run()
    except _Stuck as stuck:
        search.result.reason = str(stuck)
    except KeyboardInterrupt:
        search.result.reason = INTERRUPTED
    return search.result


class _Stuck(Exception):
    """The search ends; why."""


class _Search:
    def __init__(
        self,
        resolved: Resolved,
        sizes: Mapping[str, int],
        goal: str,
        seconds: float,
        on_progress: Callable[[str], None],
    ) -> None:
        self.resolved = resolved
        self.program = resolved.program
        self.sizes = sizes
        self.goal = goal
        self.known_goal = [goal] if goal in facts_of(self.program) else []
        self.fallen: list[str] = []
        self.end = time.monotonic() + seconds
        self.seconds = seconds
        self.say = on_progress
        self.result = Inferred()
        self.player = Player(resolved, sizes)
        self.reached = Reached()
        self.actions: list[Breaker] = []
        self.adopted: list[Candidate] = []
        self.ground: dict[Never, list[Ground]] = {}

    def run(self) -> None:
        """Exclude one state that breaks the goal after the other."""
        self._prepare()
        while (found := self._breaking()) is not None:
            self._exclude(found)
            self._note()
        with contextlib.suppress(_Stuck):  # more lemmas than are needed are enough, too
            self._thin()
            self._note()

    def _prepare(self) -> None:
        """Walk; find out which of the facts there are stand."""
        initial = Induction(self.resolved, self.sizes, INITIAL)
        self.say("walking")
        facts = list(facts_of(self.program))
        self.reached = walk(self.player, initial, facts, STATES)
        self.result.states = self.reached.count
        if self.goal in self.reached.wrong:
            walk_to_it = self.player.shortened(self.reached.wrong[self.goal], self.goal)
            self.result.violation = walk_to_it
            raise _Stuck(f"it is violated, by a walk of {len(walk_to_it.steps)} steps")
        for name in actions_of(self.program):
            self.say(f"reading {name}")
            self._in_time()
            induction = initial if name == INITIAL else Induction(self.resolved, self.sizes, name)
            self.actions.append(Breaker(induction, self._instances))
        facts = [f for f in facts if f not in self.reached.wrong and f != self.goal]
        standing = self._houdini(facts, 0)
        for action in self.actions:
            action.suppose(standing)
        self.fallen = [f for f in facts if f not in standing]

    def _in_time(self) -> None:
        if time.monotonic() > self.end:
            raise _Stuck(f"{self.seconds:.0f} seconds were not enough")

    def _note(self) -> None:
        self.result.lemmas = [c for c in self.adopted if not isinstance(c, str)]
        self.result.again = [c for c in self.adopted if isinstance(c, str)]

    # states that break something

    def _breaking(self) -> Broken | None:
        """A state from which a step breaks the goal, though all that was found holds in it."""
        for action in self.actions:
            broken = action.goal(self.goal)
            found = action.breaking(broken, self._known())
            if found is not None:
                if action.name == INITIAL:
                    raise _Stuck("it does not hold at the beginning")
                return found
        return None

    def _exclude(self, found: Broken) -> None:
        """Adopt lemmas that exclude the state."""
        pool: list[Candidate] = list(self.fallen)
        cubes = [found.cube]
        for number in range(ROUNDS):
            for cube in cubes:
                pool += [c for c in self._candidates(cube) if c not in pool]
            pool_now = [c for c in pool if c not in self.adopted]
            standing = self._houdini(pool_now, number)
            if any(self._excludes(c, found) for c in standing):
                self.adopted += standing
                return
            wishes = [c for c in pool_now if c not in standing and self._excludes(c, found)]
            if not wishes:
                raise _Stuck(
                    "of the state that breaks it no few cells are unlike those that are reached"
                )
            cubes = []
            for wish in sorted(wishes, key=self._size)[:TRIED]:
                for action in self.actions:
                    self._in_time()
                    more = action.breaking(action.broken(wish), [*self._known(), *standing, wish])
                    if more is not None and more.cube not in cubes and action.name != INITIAL:
                        cubes.append(more.cube)
        raise _Stuck(f"{ROUNDS} times more candidates were tried for one state that breaks it")

    def _known(self) -> list[Candidate]:
        return [*self.known_goal, *self.adopted]

    def _size(self, candidate: Candidate) -> int:
        return 0 if isinstance(candidate, str) else len(candidate)

    def _excludes(self, candidate: Candidate, found: Broken) -> bool:
        """Whether the state before does not have the candidate."""
        if isinstance(candidate, str):
            self.player.use(found.state.parameters)
            self.player.machine.load(found.state.before)
            return not self.player.holds(candidate)
        return self._matches(candidate, found.cells)

    def _matches(self, candidate: Never, cells: Cells) -> bool:
        """Whether some members of this state have all that never is at once."""
        return any(
            all((cells[place] == value) == same for place, same, value in one)
            for one in self._instances(candidate)
        )

    # candidates

    def _instances(self, candidate: Never) -> list[Ground]:
        """The candidate for all members, by the places of the cells."""
        if candidate not in self.ground:
            place = self.actions[0].place
            self.ground[candidate] = [
                tuple((place(c), c.same, c.value) for c in one)
                for one in instances(candidate, self.sizes)
            ]
        return self.ground[candidate]

    def _candidates(self, cube: Sequence[Condition]) -> Iterator[Never]:
        """What excludes a state with this cube and nothing that was reached, with few cells."""
        choices = [list(self._weaker(c, cube)) for c in cube]
        found: list[frozenset[Condition]] = []
        seen: set[Never] = set()
        for size in range(1, SMALL + 1):
            for some in itertools.combinations(range(len(cube)), size):
                self._in_time()
                for conditions in itertools.product(*(choices[i] for i in some)):
                    chosen = frozenset(conditions)
                    if any(smaller <= chosen for smaller in found):
                        continue
                    lemma = never(conditions)
                    if lemma in seen:
                        continue
                    seen.add(lemma)
                    if not any(self.reached.has(one) for one in self._instances(lemma)):
                        found.append(chosen)
                        yield lemma

    def _weaker(self, c: Condition, cube: Sequence[Condition]) -> Iterator[Condition]:
        """What is true of a cell that has a value; what says less first."""
        kind = c.kinds[-1]
        others: list[Scalar] = []
        if kind.kind == "enum" and len(self.program.enums[kind.name]) > 2:
            others = [v for v in range(len(self.program.enums[kind.name])) if v != c.value]
        elif kind.kind == "int" and c.value != 0:
            others = [0]
        elif kind.kind == "index":
            known = sorted({n for one in cube for k, n in one.members() if k == kind.name})
            others = [n for n in known if n != c.value]
            others += [None] if c.value is not None else []
        for value in others:
            yield Condition(c.space, c.field, c.keys, False, value, c.kinds)
        yield c

    def _houdini(self, pool: Sequence[Candidate], number: int) -> list[Candidate]:
        """Those of the pool that are inductive together, with all that is known."""
        left = list(pool)
        quiet = 0
        order = list(self.actions)
        while quiet < len(order):
            action = order[quiet]
            fell = False
            while left:
                self._in_time()
                self.say(
                    f"{len(self.adopted)} found; round {number + 1}: {len(left)} of {len(pool)} "
                    f"candidates, {action.name}"
                )
                step = action.any_broken(left, [*self._known(), *left])
                if step is None:
                    break
                left = self._without(left, action, step)
                fell = True
            if fell:
                # what breaks one candidate is likely to break the next
                order.insert(0, order.pop(quiet))
                quiet = 1
            else:
                quiet += 1
        return left

    def _without(
        self, left: Sequence[Candidate], action: Breaker, step: Counterexample
    ) -> list[Candidate]:
        """The candidates that the state after a step has."""
        cells = (
            self._initial(step.parameters) if action.name == INITIAL else self.player.after(step)
        )
        kept = [
            c
            for c in left
            if (self.player.holds(c) if isinstance(c, str) else not self._matches(c, cells))
        ]
        if len(kept) == len(left):
            raise AssertionError(f"{action.name} breaks no candidate in plain Python")
        return kept

    def _initial(self, parameters: Mapping[str, object]) -> Cells:
        self.player.use(parameters)
        self.player.machine.initial()
        return self.player.cells(parameters)

    # at the end

    def _thin(self) -> None:
        """Leave out what is not needed: first what no proof made use of, then one by one."""
        needed: list[Candidate] = []
        todo: list[Candidate | None] = [None]
        while todo:
            self._in_time()
            goal = todo.pop()
            for action in self.actions:
                self.say(f"{len(self.adopted)} found; which are needed")
                broken = action.goal(self.goal) if goal is None else action.broken(goal)
                more = action.needs(broken, self._known())
                todo += [c for c in more if c not in needed and c != self.goal]
                needed += [c for c in more if c not in needed and c != self.goal]
        self.adopted = needed
        for candidate in sorted(needed, key=self._size, reverse=True):
            if isinstance(candidate, str) or candidate not in self.adopted:
                continue
            before = self.adopted
            self.adopted = []
            rest = self._houdini([c for c in before if c != candidate], 0)
            self.adopted = rest
            if self._breaking() is not None:
                self.adopted = before


__all__ = ["INTERRUPTED", "Inferred", "infer"]
