"""Random walks: states that are reached, with parameters that fit the premises.

A state that violates a candidate refutes it. A candidate that no state violates may be false all
the same.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field

from wakeproof.execution.enabled_steps import enumerators
from wakeproof.execution.machine import Machine
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.resolve import Resolved
from wakeproof.language.values import (
    Run,
    Scalar,
    Snapshot,
    Step,
)
from wakeproof.prove.induction import Induction
from wakeproof.prove.obligation import Counterexample, facts_of, site_goal
from wakeproof.symbolic.cadical import CadicalSolver
from wakeproof.symbolic.terms import Term

LONGEST = 80
"""The largest number of steps in a walk."""

VAIN = 50
"""The search for states ends after so many walks without a new one."""

Cells = Sequence[Scalar]
"""A state, followed by the parameters."""


@dataclass(frozen=True)
class Walk:
    """Steps from an initial state, with these parameters."""

    parameters: Mapping[str, object]
    steps: tuple[Step, ...]


@dataclass
class Reached:
    """Some states: for each cell and value the set of states that have it, one bit a state.

    `wrong` has the sites that a walk has reached and the facts that a state does not have, with the
    shortest such walk.
    """

    count: int = 0
    having: dict[tuple[int, Scalar], int] = field(default_factory=dict)
    wrong: dict[str, Walk] = field(default_factory=dict)

    def add(self, cells: Cells) -> None:
        """Add a state."""
        bit = 1 << self.count
        self.count += 1
        for place, value in enumerate(cells):
            self.having[place, value] = self.having.get((place, value), 0) | bit

    def is_shorter(self, steps: Sequence[Step], goal: str) -> bool:
        """Whether no walk of this length or less is known to violate the goal."""
        return goal not in self.wrong or len(steps) < len(self.wrong[goal].steps)

    def has(self, wanted: Iterable[tuple[int, bool, Scalar]]) -> bool:
        """Whether in one of the states these cells equal, or do not equal, these values."""
        left = (1 << self.count) - 1
        for place, same, value in wanted:
            those = self.having.get((place, value), 0)
            left &= those if same else ~those
            if not left:
                return False
        return True


class Player:
    """Plain Python for any parameters of these sizes."""

    def __init__(self, resolved: Resolved, sizes: Mapping[str, int]) -> None:
        self.resolved = resolved
        self.facts = facts_of(resolved.program)
        self.machine = Machine(resolved, Run(sizes, {}))

    def use(self, parameters: Mapping[str, object]) -> None:
        """Set the parameters."""
        for name, value in parameters.items():
            setattr(self.machine.namespace["p"], name, value)

    def cells(self, parameters: Mapping[str, object]) -> Cells:
        """The state of the machine, and the parameters."""
        flat: list[Scalar] = list(self.machine.save())
        for name in self.resolved.program.parameters:
            value = parameters[name]
            flat += value if isinstance(value, list) else [value]  # type: ignore[list-item]
        return flat

    def after(self, found: Counterexample) -> Cells:
        """The state after a step."""
        self.use(found.parameters)
        self.machine.load(found.before)
        self.machine.namespace[found.step.action](*found.step.arguments)
        return self.cells(found.parameters)

    def holds(self, fact: str) -> bool:
        """Whether the fact holds in the state of the machine."""
        return bool(self.machine.namespace[self.facts[fact].name]())

    def violates(self, walk: Walk, goal: str) -> bool:
        """Whether the steps are possible, and the last one breaks the fact or reaches the site."""
        self.use(walk.parameters)
        self.machine.initial()
        for left, step in zip(reversed(range(len(walk.steps))), walk.steps, strict=True):
            try:
                self.machine.namespace[step.action](*step.arguments)
            except GuardFailed:
                return False
            except WentWrong as wrong:
                return not left and goal == site_goal(wrong.kind, wrong.site)
        return goal in self.facts and not self.holds(goal)

    def shortened(self, walk: Walk, goal: str) -> Walk:
        """The walk without needless steps: no steps in a row can be left out any more."""
        length = len(walk.steps)
        while length:
            for begin in range(len(walk.steps) - length + 1):
                rest = walk.steps[:begin] + walk.steps[begin + length :]
                fewer = Walk(walk.parameters, rest)
                if self.violates(fewer, goal):
                    walk = fewer
                    break
            else:
                length -= 1
            length = min(length, len(walk.steps))
        return walk


def examples(initial: Induction, chance: random.Random) -> Iterator[dict[str, object]]:
    """Parameters that fit the premises, different ones each time, without an end."""
    premises = initial.premises()
    solver = CadicalSolver(premises)
    clauses = solver.clauses
    for premise in premises:
        solver.require(premise)
    unknowns = [u for u in initial.model.parameters if isinstance(u, Term)]
    literals = {
        u: list(clauses.values(u).values())
        if u.values
        else [clauses.literal(u), -clauses.literal(u)]
        for u in unknowns
    }
    with contextlib.closing(solver):
        while True:
            wishes = [chance.choice(literals[u]) for u in unknowns]
            while not solver.solve(wishes):
                refused = set(solver.core())
                if not refused:
                    return
                # one wish less at a time: what is left still differs from example to example
                wishes.remove(chance.choice(sorted(refused)))
            yield initial.parameters(solver.solution())


def walk(
    player: Player, initial: Induction, facts: Sequence[str], most: int, seed: int = 1
) -> Reached:
    """Take walks with different parameters, until they have reached `most` states."""
    chance = random.Random(seed)
    walker = _Walker(player, facts, chance)
    reached = walker.reached
    vain = 0
    for parameters in examples(initial, chance):
        before = reached.count
        walker.walk(parameters)
        vain = 0 if reached.count > before else vain + 1
        if reached.count >= most or vain == VAIN:
            break
    return reached


class _Walker:
    """Random walks, and the states that they reach."""

    def __init__(self, player: Player, facts: Sequence[str], chance: random.Random) -> None:
        self.player = player
        self.facts = facts
        self.chance = chance
        self.reached = Reached()
        self._listing = enumerators(player.machine)
        self._known: set[Cells] = set()

    def walk(self, parameters: Mapping[str, object]) -> None:
        """Take one walk of at most `LONGEST` steps, if there is an initial state."""
        self.player.use(parameters)
        try:
            state = self.player.machine.initial()
        except WentWrong:  # a bound that is too small for these parameters
            return
        # only a few of the actions a walk, so that walks differ
        fewest = min(4, len(self._listing))
        some = self.chance.sample(self._listing, self.chance.randint(fewest, len(self._listing)))
        way = Walk(parameters, ())
        while len(way.steps) < LONGEST:
            self._add_state(way)
            possible = [(Step(n, a), run) for n, arguments, run in some for a in arguments()]
            self.chance.shuffle(possible)
            step = self._first_step(way, state, possible)
            if step is None:
                return
            way = Walk(parameters, (*way.steps, step))
            state = self.player.machine.save()

    def _add_state(self, way: Walk) -> None:
        """Record the state that the walk has reached, and the facts that do not hold in it."""
        cells = tuple(self.player.cells(way.parameters))
        if cells in self._known:
            return
        self._known.add(cells)
        self.reached.add(cells)
        for fact in self.facts:
            if self.reached.is_shorter(way.steps, fact) and not self.player.holds(fact):
                self.reached.wrong[fact] = way

    def _first_step(
        self, way: Walk, state: Snapshot, steps: Iterable[tuple[Step, Callable[..., object]]]
    ) -> Step | None:
        """Take the first of these steps that is possible from a state and does not go wrong."""
        for step, run in steps:
            self.player.machine.load(state)
            try:
                run(*step.arguments)
            except WentWrong as wrong:
                longer = Walk(way.parameters, (*way.steps, step))
                site = site_goal(wrong.kind, wrong.site)
                if self.reached.is_shorter(longer.steps, site):
                    self.reached.wrong[site] = longer
            except GuardFailed:
                pass
            else:
                return step
        return None
