"""Search for lemmas: the facts with which a goal is inductive (property-directed reachability).

Frames are sets of candidates, each frame weaker than the one before: the first holds in the initial
states, and a step from one frame leads into the next. A step that breaks the goal starts in a state
of which only a few cells matter, its cube. The candidate is that no members, all different, have
these cells. Where a step from the frame before leads into the cube, the state before that step is
excluded first; where none does, conditions are dropped or weakened as long as this stays so and no
state is excluded that a walk has reached. Facts that are not inductive are candidates from the
start. When no step from the last frame breaks the goal, a new frame begins with every candidate
that no step from its own last frame breaks. Once a frame equals the next, its candidates are
inductive together, and with them the goal.

The result are proposals, to be proved like every lemma.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import time
from collections.abc import (
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field

from wakeproof.language.resolve import Resolved
from wakeproof.language.values import Scalar
from wakeproof.prove.induction import Induction
from wakeproof.prove.infer.cube import (
    Condition,
    Never,
    instances,
    never,
)
from wakeproof.prove.infer.pdr_solver import (
    BEGINNING,
    Breaker,
    Broken,
    Candidate,
    Cube,
    Ground,
)
from wakeproof.prove.infer.random_walks import (
    Cells,
    Player,
    Reached,
    Walk,
    walk,
)
from wakeproof.prove.obligation import (
    AT_THE_BEGINNING,
    INITIAL,
    Counterexample,
    actions_of,
    facts_of,
)
from wakeproof.util.text import plural

STATES = 4000
"""How many states are reached on walks."""

INTERRUPTED = "it was interrupted"

VIOLATED = "it seems to be violated: a state that is reached is like one from which it is broken"


@dataclass
class Inferred:
    """The result of a search.

    `lemmas` and the facts in `again` (which were not inductive before) are inductive together with
    the inductive facts and the goal. `reason` is why the search did not finish; if it ended while
    needless lemmas were left out, there are lemmas all the same. `violation` is a walk that
    violates the goal.
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
    """The search ends, for this reason."""


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
        self.end = time.monotonic() + seconds
        self.seconds = seconds
        self.on_progress = on_progress
        self.result = Inferred()
        self.player = Player(resolved, sizes)
        self.reached = Reached()
        self.actions: list[Breaker] = []
        # the last frame in which a candidate holds, and that of all
        self.last: dict[Candidate, int] = {}
        self.top = 1
        self.adopted: list[Candidate] = []
        self.ground: dict[Never, list[Ground]] = {}

    def run(self) -> None:
        """Search, frame by frame."""
        self._prepare()
        self._push()
        while True:
            while (found := self._breaking()) is not None:
                self._block(found.cube)
            end = self._push()
            if end is not None:
                break
            self.top += 1
        self.adopted = [c for c, last in self.last.items() if last > end]
        self._note()
        with contextlib.suppress(_Stuck):  # lemmas that are not needed do no harm
            self._thin()
            self._note()

    def _prepare(self) -> None:
        """Take walks, and find the facts that are inductive."""
        initial = Induction(self.resolved, self.sizes, (INITIAL,))
        self.on_progress("walking")
        facts = list(facts_of(self.program))
        self.reached = walk(self.player, initial, facts, STATES)
        self.result.states = self.reached.count
        if self.goal in self.reached.wrong:
            walk_to_it = self.player.shortened(self.reached.wrong[self.goal], self.goal)
            self.result.violation = walk_to_it
            raise _Stuck(f"it is violated, by a walk of {plural(len(walk_to_it.steps), 'step')}")
        for name in actions_of(self.program):
            self.on_progress(f"reading {name}")
            self._in_time()
            # of every state: a cube has to name the members that it is about
            induction = Induction(self.resolved, self.sizes, (name,), every_state=True)
            self.actions.append(Breaker(induction, self._instances))
        facts = [f for f in facts if f not in self.reached.wrong and f != self.goal]
        kept = self._inductive(facts)
        first = initial.model.flatten(initial.outcome.state)
        for action in self.actions:
            action.suppose(kept)
            action.begin(first)
        self.last = {f: 0 for f in facts if f not in kept and self._holds_from(f, -1)}

    def _in_time(self) -> None:
        if time.monotonic() > self.end:
            raise _Stuck(f"{self.seconds:.0f} seconds were not enough")

    def _note(self) -> None:
        self.result.lemmas = [c for c in self.adopted if not isinstance(c, str)]
        self.result.again = [c for c in self.adopted if isinstance(c, str)]

    def _report(self, what: str) -> None:
        self.on_progress(f"{len(self.last)} candidates in {self.top} frames; {what}")

    # frames

    def _frame(self, number: int) -> list[Candidate]:
        """The candidates of a frame, besides the inductive facts."""
        if number == 0:
            return [BEGINNING, *self.last]
        return [*self.known_goal, *(c for c, last in self.last.items() if last >= number)]

    def _breaking(self) -> Broken | None:
        """A state of the last frame from which a step breaks the goal."""
        for action in self.actions:
            self._in_time()
            broken = action.goal(self.goal)
            found = action.breaking(broken, self._frame(self.top))
            if found is not None:
                if action.name == INITIAL:
                    raise _Stuck(AT_THE_BEGINNING)
                return found
        return None

    def _before(self, lemma: Never, number: int) -> Broken | None:
        """A state of this frame (-1 is none) from which a step breaks the lemma."""
        given = [*self._frame(number), lemma] if number >= 0 else []
        for action in self._asked(number):
            found = action.breaking(action.broken(lemma), given)
            if found is not None:
                if action.name == INITIAL:
                    raise _Stuck(VIOLATED)
                return found
        return None

    def _holds_from(self, candidate: Candidate, number: int) -> bool:
        """Whether it holds in the initial states, and no step from this frame breaks it."""
        given = [*self._frame(number), candidate] if number >= 0 else []
        for action in self._asked(number):
            if action.any_broken([candidate], given) is not None:
                # what breaks one candidate is likely to break the next
                self.actions.remove(action)
                self.actions.insert(0, action)
                return False
        return True

    def _asked(self, number: int) -> Iterator[Breaker]:
        for action in list(self.actions):
            self._in_time()
            if number >= 0 or action.name == INITIAL:
                yield action

    def _block(self, cube: Cube) -> None:
        """Exclude a state of the last frame, and before it those that lead to it."""
        order = itertools.count()
        todo = [(self.top, next(order), cube)]
        while todo:
            at, _, cube = heapq.heappop(todo)
            self._report(f"{plural(len(todo) + 1, 'state')} to exclude")
            whole = never(cube)
            if self._is_reached(whole):
                raise _Stuck(VIOLATED)
            before = self._before(whole, at - 1)
            if before is not None:
                heapq.heappush(todo, (at - 1, next(order), before.cube))
                heapq.heappush(todo, (at, next(order), cube))
                continue
            lemma = self._shortened(cube, at - 1)
            while at < self.top and self._holds_from(lemma, at):
                at += 1
            self.last[lemma] = max(at, self.last.get(lemma, at))
            if at < self.top:
                heapq.heappush(todo, (at + 1, next(order), cube))

    def _shortened(self, cube: Cube, number: int) -> Never:
        """A lemma from the cube, as strong as possible, that no step from this frame breaks."""
        left = list(cube)
        # conditions on numbers are the weakest, then those on parameters
        for condition in sorted(cube, key=lambda c: (c.kinds[-1].kind != "int", c.space != "p")):
            fewer = [other for other in left if other is not condition]
            if fewer and self._is_candidate(never(fewer), number):
                left = fewer
        for condition in list(left):
            for weaker in self._weaker(condition, cube):
                more = [weaker if other is condition else other for other in left]
                if self._is_candidate(never(more), number):
                    left = more
                    break
        return never(left)

    def _is_candidate(self, lemma: Never, number: int) -> bool:
        return not self._is_reached(lemma) and self._holds_from(lemma, number)

    def _is_reached(self, lemma: Never) -> bool:
        """Whether it is false in a state that was reached."""
        return any(self.reached.has(one) for one in self._instances(lemma))

    def _push(self) -> int | None:
        """Take the candidates as far as they hold. Returns the first frame that equals the next."""
        for number in range(self.top):
            for candidate in [c for c, last in self.last.items() if last == number]:
                self._report(f"taking them to frame {number + 1}")
                if self._holds_from(candidate, number):
                    self.last[candidate] = number + 1
        same = (n for n in range(1, self.top) if n not in self.last.values())
        return next(same, None)

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

    def _weaker(self, c: Condition, cube: Cube) -> Iterator[Condition]:
        """Weaker conditions that hold of a cell with this value."""
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

    # at the end

    def _inductive(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The candidates that are inductive together, and with the goal (Houdini)."""
        left = list(candidates)
        quiet = 0
        while quiet < len(self.actions):
            action = self.actions[quiet]
            self.on_progress(f"{plural(len(left), 'fact')}, {action.name}")
            dropped = False
            while (step := self._breaks_one(action, left)) is not None:
                left = self._kept(left, action, step)
                dropped = True
            quiet = 0 if dropped else quiet + 1
        return left

    def _breaks_one(self, action: Breaker, left: Sequence[Candidate]) -> Counterexample | None:
        self._in_time()
        return action.any_broken(left, [*self.known_goal, *left])

    def _kept(
        self, left: Sequence[Candidate], action: Breaker, step: Counterexample
    ) -> list[Candidate]:
        """The candidates that hold in the state after a step, by plain Python."""
        if action.name == INITIAL:
            self.player.use(step.parameters)
            self.player.machine.initial()
            cells = self.player.cells(step.parameters)
        else:
            cells = self.player.after(step)
        kept = [
            c
            for c in left
            if (self.player.holds(c) if isinstance(c, str) else not self._matches(c, cells))
        ]
        if len(kept) == len(left):
            raise AssertionError(f"{action.name} breaks no candidate in plain Python")
        return kept

    def _matches(self, candidate: Never, cells: Cells) -> bool:
        """Whether some members of this state have all conditions that never hold at once."""
        return any(
            all((cells[place] == value) == same for place, same, value in one)
            for one in self._instances(candidate)
        )

    def _thin(self) -> None:
        """Drop lemmas that are not needed: first those that no proof used, then one by one."""
        needed: list[Candidate] = []
        todo: list[Candidate | None] = [None]
        while todo:
            self._in_time()
            goal = todo.pop()
            for action in self.actions:
                self.on_progress(f"{len(self.adopted)} found; which are needed")
                broken = action.goal(self.goal) if goal is None else action.broken(goal)
                more = action.needs(broken, [*self.known_goal, *self.adopted])
                todo += [c for c in more if c not in needed and c != self.goal]
                needed += [c for c in more if c not in needed and c != self.goal]
        self.adopted = needed
        for candidate in [c for c in needed if not isinstance(c, str)]:
            rest = self._inductive([c for c in self.adopted if c != candidate])
            if self._is_enough(rest):
                self.adopted = rest

    def _is_enough(self, lemmas: Sequence[Candidate]) -> bool:
        """Whether no step breaks the goal where these hold."""
        given = [*self.known_goal, *lemmas]
        return not any(a.breaks(a.goal(self.goal), given) for a in self.actions)
