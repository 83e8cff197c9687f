"""States that are reached, by walks from the beginning with parameters that fit the premises.

What one of them shows to be false needs no proof. What none of them does may be false all the same.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pysat.solvers import Cadical153

from wakeproof.clauses import Clauses
from wakeproof.enabled import enumerators
from wakeproof.induction import Counterexample, Induction, facts_of, site_goal
from wakeproof.language import GuardFailed, WentWrong
from wakeproof.machine import Machine, Run, Scalar
from wakeproof.reader import Resolved
from wakeproof.symbolic import Term

LONGEST = 80
"""The steps of a walk."""

VAIN = 50
"""So many walks with nothing new are enough."""

Cells = Sequence[Scalar]
"""A state, and behind it the parameters."""


@dataclass
class Reached:
    """Some states, for each cell and value the set of those that have it, a bit a state.

    `wrong` are the sites that a walk has come to, and facts that a state does not have, with the
    number of steps to it.
    """

    count: int = 0
    having: dict[tuple[int, Scalar], int] = field(default_factory=dict)
    wrong: dict[str, int] = field(default_factory=dict)

    def add(self, cells: Cells) -> None:
        """One more state."""
        bit = 1 << self.count
        self.count += 1
        for place, value in enumerate(cells):
            self.having[place, value] = self.having.get((place, value), 0) | bit

    def has(self, wanted: Iterable[tuple[int, bool, Scalar]]) -> bool:
        """Whether in one of them these cells are, or are not, these values."""
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
        """From now on these are the parameters."""
        for name, value in parameters.items():
            setattr(self.machine.namespace["p"], name, value)

    def cells(self, parameters: Mapping[str, object]) -> Cells:
        """The state that the machine is in, and the parameters."""
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
        """Whether the machine's state has the fact."""
        return bool(self.machine.namespace[self.facts[fact].name]())


def examples(initial: Induction, chance: random.Random) -> Iterator[dict[str, object]]:
    """Parameters that fit the premises, others each time, without an end."""
    premises = initial.premises()
    clauses = Clauses(premises)
    for premise in premises:
        clauses.add(premise)
    unknowns = [u for u in initial.model.parameters if isinstance(u, Term)]
    literals = {
        u: list(clauses.values(u).values())
        if u.values
        else [clauses.literal(u), -clauses.literal(u)]
        for u in unknowns
    }
    with Cadical153(bootstrap_with=clauses.clauses) as solver:
        while True:
            wishes = [chance.choice(literals[u]) for u in unknowns]
            while not solver.solve(assumptions=wishes):
                refused = set(solver.get_core() or ())
                if not refused:
                    return
                # one wish less at a time: what is left still differs from example to example
                wishes.remove(chance.choice(sorted(refused)))
            yield initial.parameters(clauses, set(solver.get_model() or ()))


def walk(
    player: Player, initial: Induction, facts: Sequence[str], most: int, seed: int = 1
) -> Reached:
    """Walk to `most` states, again and again, each time with other parameters."""
    chance = random.Random(seed)
    reached = Reached()
    listing = enumerators(player.machine, player.resolved.trees)
    known: set[Cells] = set()
    vain = 0
    for parameters in examples(initial, chance):
        before = reached.count
        player.use(parameters)
        try:
            state = player.machine.initial()
        except WentWrong:  # a bound that is too small for these parameters
            vain += 1
            if vain == VAIN:
                break
            continue
        # only a few of the actions a walk, so that walks differ
        some = chance.sample(listing, chance.randint(min(4, len(listing)), len(listing)))
        for number in range(LONGEST):
            cells = tuple(player.cells(parameters))
            if cells not in known:
                known.add(cells)
                reached.add(cells)
                for fact in facts:
                    if fact not in reached.wrong and not player.holds(fact):
                        reached.wrong[fact] = number
            possible = [(a, run) for _, arguments, run in some for a in arguments()]
            chance.shuffle(possible)
            for arguments, run in possible:
                player.machine.load(state)
                try:
                    run(*arguments)
                except WentWrong as wrong:
                    reached.wrong.setdefault(site_goal(wrong.kind, wrong.site), number + 1)
                    continue
                except GuardFailed:
                    continue
                break
            else:
                break
            state = player.machine.save()
        vain = 0 if reached.count > before else vain + 1
        if reached.count >= most or vain == VAIN:
            break
    return reached


__all__ = ["Cells", "Player", "Reached", "walk"]
