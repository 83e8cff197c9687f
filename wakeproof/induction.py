"""Induction: what holds in every state that can be reached, however many steps it takes.

A set of facts (lemmas and properties) is inductive if all of them hold in the initial states, and
no action breaks one of them in a state in which all of them hold. Each pair of an action and a fact
is an obligation. The sizes of the index types are given; state, arguments and parameters are not,
so one proof covers every scenario of these sizes for which the premises hold.

All obligations of an action share its formulas, which are written as clauses once; CaDiCaL then
decides obligation after obligation, and says which facts it needed. Of states that differ only by
a change of places of members that are alike one is looked at (`naming`). A fact that is broken is
given back as a counterexample to induction: a state in which the facts hold, and a step that breaks
one, with most cells at their first values. Plain Python has taken it again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pysat.solvers import Cadical153

from wakeproof import ir
from wakeproof.clauses import Clauses
from wakeproof.language import WentWrong
from wakeproof.machine import Machine, Run, Scalar, Snapshot, Step, default
from wakeproof.naming import alike, enough
from wakeproof.reader import Resolved
from wakeproof.symbolic import Formula, SymbolicModel, Term, Value

INITIAL = "initial"
"""The action of the obligations about the initial states."""

WRONG = ("panic", "trap", "undefined")


@dataclass(frozen=True)
class Counterexample:
    """A step that breaks a fact, or goes wrong, in a state in which all facts hold."""

    sizes: Mapping[str, int]
    parameters: Mapping[str, object]
    before: Snapshot
    step: Step


@dataclass(frozen=True)
class Answer:
    """What became of one obligation.

    `goal` is the name of a fact, or `kind site` of a way to go wrong. `status` is `proved`,
    `fails` (with a counterexample, unless it is about the initial states) or `unknown` (with a
    reason). `needs` are the facts about the state before that a proof made use of; `sizes` are
    those of the window of a proof for any number of members.
    """

    action: str
    goal: str
    status: str
    seconds: float
    needs: tuple[str, ...] = ()
    reason: str = ""
    counterexample: Counterexample | None = None
    sizes: tuple[tuple[str, int], ...] = ()


def facts_of(program: ir.Program) -> dict[str, ir.Function]:
    """Lemmas by their name, then properties by their id, in the order of the texts."""
    lemmas = program.marked("lemma")
    return lemmas | {f.marks["invariant"]: f for f in program.marked("invariant").values()}


def premises_of(program: ir.Program) -> dict[str, ir.Function]:
    """The premises by their name."""
    return program.marked("premise")


def actions_of(program: ir.Program) -> list[str]:
    """The actions by their name, `INITIAL` first."""
    names = [f.name for f in program.marked("action").values() if f.marks["action"] != "initial"]
    return [INITIAL, *names]


def site_goal(kind: str, site: str) -> str:
    """The name of the obligation that a site is never reached."""
    return f"{kind} {site}"


class ReplayError(Exception):
    """Plain Python does not do what the solver has found: a bug of this tool."""


class Induction:
    """All obligations of one action, for index types of these sizes."""

    def __init__(
        self, resolved: Resolved, sizes: Mapping[str, int], action: str, every_state: bool = False
    ) -> None:
        """`every_state` looks at states too that are like others by a change of places."""
        self.resolved = resolved
        self.program = resolved.program
        self.action = action
        self.facts = facts_of(self.program)
        function = self._function()
        self.model = SymbolicModel(
            self.program,
            Run(sizes, {}),
            free=True,
            enough={} if every_state or action == INITIAL else self._enough(sizes, function),
        )
        if action == INITIAL:
            self.before = self.model.unflatten(self._blank())
        else:
            self.before = self.model.fresh_state("before")
        self.arguments: list[Value] = [
            self.model.fresh(f"{name} of {action}", kind) for name, kind in function.parameters
        ]
        self.outcome = self.model.step(self.before, function, self.arguments)

    def _function(self) -> ir.Function:
        """The function that is the action."""
        return self._initial() if self.action == INITIAL else self.program.functions[self.action]

    def _initial(self) -> ir.Function:
        (initial,) = (
            f for f in self.program.functions.values() if f.marks.get("action") == "initial"
        )
        return initial

    def _enough(
        self, sizes: Mapping[str, int], function: ir.Function
    ) -> dict[str, tuple[Scalar, ...]]:
        """The values of unknowns that are enough, as members of some types are alike."""
        judges = [*self.facts.values(), *premises_of(self.program).values()]
        roots = [function.name, *(judge.name for judge in judges)]
        return enough(self.program, sizes, function, alike(self.program, roots))

    def _blank(self) -> list[Value]:
        """The cells of the state in which every field has its first value."""
        cells: list[Value] = []
        for field, declared in self.program.state.items():
            _, sizes = self.model.places["s"][field]
            cells += [default(declared.value)] * math.prod(sizes)
        return cells

    def unknowns(self) -> list[Value]:
        """What formulas may be about."""
        return [*self.arguments, *self.model.parameters, *self.model.flatten(self.before)]

    def premises(self) -> list[Formula]:
        """What is taken for granted of the parameters."""
        return [self.model.holds(self.before, f) for f in premises_of(self.program).values()]

    def hypothesis(self, fact: str) -> Formula:
        """The fact holds before; of the initial states nothing is known."""
        if self.action == INITIAL:
            return True
        return self.model.holds(self.before, self.facts[fact])

    def goals(self, wanted: Sequence[str] | None = None) -> dict[str, Formula]:
        """What must not be: that a fact (one that is wanted) is broken, and that it goes wrong."""
        terms = self.model.terms
        goals: dict[str, Formula] = {}
        for name, fact in self.facts.items():
            if wanted is not None and name not in wanted:
                continue
            holds = self.model.holds(self.outcome.state, fact)
            if self.action == INITIAL or holds is not self.hypothesis(name):
                goals[name] = terms.and_(self.outcome.completes, terms.not_(holds))
        for (kind, site), condition in self.outcome.wrong.items():
            if kind in WRONG:
                goals[site_goal(kind, site)] = condition
        return {name: goal for name, goal in goals.items() if goal is not False}

    def answers(
        self, hypotheses: Sequence[str], wanted: Iterable[str], whole: bool = False
    ) -> Iterator[Answer]:
        """Decide the obligations that are `wanted`; those that are plain have no answer.

        If `whole`, a proof is said to need all facts: which it needed is not looked for, and the
        solver, to which the facts are clauses and no assumptions, is twice as fast.
        """
        wanted = tuple(wanted)
        goals = self.goals(wanted)
        asked = [name for name in wanted if name in goals]
        if not asked:
            return
        premises = self.premises()
        facts = {name: self.hypothesis(name) for name in hypotheses}
        clauses = Clauses([*premises, *facts.values(), *(goals[name] for name in asked)])
        for premise in premises:
            clauses.add(premise)
        for fact in facts.values() if whole else ():
            clauses.add(fact)
        uses = {
            clauses.switch(fact): name
            for name, fact in facts.items()
            if fact is not True and not whole
        }
        breaks = {name: clauses.switch(goals[name]) for name in asked}
        with Cadical153(bootstrap_with=clauses.clauses) as solver:
            for name, broken in breaks.items():
                began = time.monotonic()
                if solver.solve(assumptions=[broken, *uses]):
                    answer = self._refuted(name, clauses, solver, [broken, *uses])
                else:
                    core = solver.get_core() or []
                    needs = tuple(uses[number] for number in core if number in uses)
                    if whole:
                        needs = tuple(hypotheses)
                    answer = Answer(self.action, name, "proved", 0.0, needs)
                yield replace(answer, seconds=round(time.monotonic() - began, 3))

    def happens(self, formula: Formula, hypotheses: Sequence[str]) -> bool:
        """Whether there is a step of which the formula is true, where the facts hold before it."""
        formulas = [*self.premises(), *(self.hypothesis(name) for name in hypotheses), formula]
        clauses = Clauses(formulas)
        for known in formulas:
            clauses.add(known)
        with Cadical153(bootstrap_with=clauses.clauses) as solver:
            return bool(solver.solve())

    def _refuted(
        self, name: str, clauses: Clauses, solver: Cadical153, given: Sequence[int]
    ) -> Answer:
        """The obligation fails, with a state and a step; plain Python has taken it again."""
        answer = Answer(self.action, name, "fails", 0.0)
        if self.action == INITIAL:
            return replace(answer, reason="it does not hold at the beginning")
        solution = self._plainest(clauses, solver, given)
        counterexample = Counterexample(
            self.model.run.sizes,
            self.parameters(clauses, solution),
            tuple(clauses.evaluate(solution, cell) for cell in self.model.flatten(self.before)),
            Step(self.action, tuple(clauses.evaluate(solution, value) for value in self.arguments)),
        )
        if not breaks(self.resolved, counterexample, name):
            raise ReplayError(f"{self.action} does not break {name} in plain Python")
        return replace(answer, counterexample=counterexample)

    def _plainest(self, clauses: Clauses, solver: Cadical153, given: Sequence[int]) -> set[int]:
        """A solution in which the unknowns that need not differ have their first values."""
        unknowns = [unknown for unknown in self.unknowns() if isinstance(unknown, Term)]
        firsts = [first for u in unknowns if (first := clauses.first(u)) is not None]
        while not solver.solve(assumptions=[*given, *firsts]):
            core = set(solver.get_core() or ())
            firsts = [first for first in firsts if first not in core]
        return set(solver.get_model() or ())

    def parameters(self, clauses: Clauses, solution: set[int]) -> dict[str, object]:
        """The parameters of a solution, as a `Run` has them."""
        found: dict[str, object] = {}
        for name, (start, sizes) in self.model.places["p"].items():
            size = 1 if not sizes else sizes[0]
            cells = self.model.parameters[start : start + size]
            values: list[Scalar] = [clauses.evaluate(solution, cell) for cell in cells]
            found[name] = values if sizes else values[0]
        return found


def breaks(resolved: Resolved, counterexample: Counterexample, goal: str) -> bool:
    """Whether plain Python, taking the step, breaks the fact or goes wrong at the site."""
    machine = Machine(resolved, Run(counterexample.sizes, counterexample.parameters))
    machine.load(counterexample.before)
    try:
        machine.namespace[counterexample.step.action](*counterexample.step.arguments)
    except WentWrong as wrong:
        return goal == site_goal(wrong.kind, wrong.site)
    fact = facts_of(resolved.program).get(goal)
    return fact is not None and not machine.namespace[fact.name]()
