"""Induction: what holds in every state that can be reached, however many steps it takes.

A set of facts (lemmas and properties) is inductive if all of them hold in the initial states, and
no action breaks one of them in a state in which all of them hold. Each pair of an action and a fact
is an obligation. The sizes of the index types are given; state, arguments and parameters are not,
so one proof covers every scenario of these sizes for which the premises hold.

All obligations of an action share its formulas. Z3 simplifies them and writes them as clauses,
once; CaDiCaL then decides obligation after obligation, and says which facts it needed. A fact that
is broken is given back as a counterexample to induction: a state in which the facts hold, and a
step that breaks one. It was found by Z3 and taken again by plain Python.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import z3
from pysat.solvers import Cadical195

from wakeproof import ir
from wakeproof.language import WentWrong
from wakeproof.machine import Machine, Run, Scalar, Snapshot, Step, default
from wakeproof.reader import Resolved
from wakeproof.symbolic import Formula, SymbolicModel, Value

INITIAL = "initial"
"""The action of the obligations about the initial states."""

WRONG = ("panic", "trap", "undefined")
PATIENCE = 300_000
"""Milliseconds that Z3 may look for a counterexample that CaDiCaL says exists."""

USES = "uses "
BREAKS = "breaks "


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
    """Plain Python does not do what the solvers have found: a bug of this tool."""


class Induction:
    """All obligations of one action, for index types of these sizes."""

    def __init__(self, resolved: Resolved, sizes: Mapping[str, int], action: str) -> None:
        self.resolved = resolved
        self.program = resolved.program
        self.action = action
        self.model = SymbolicModel(self.program, Run(sizes, {}), free=True)
        self.facts = facts_of(self.program)
        if action == INITIAL:
            self.before = self.model.unflatten(self._blank())
            function = next(
                f for f in self.program.functions.values() if f.marks.get("action") == "initial"
            )
        else:
            self.before = self.model.fresh_state("before")
            function = self.program.functions[action]
        self.arguments: list[Value] = [
            self.model.fresh(f"{name} of {action}", kind) for name, kind in function.parameters
        ]
        self.outcome = self.model.step(self.before, function, self.arguments)

    def _blank(self) -> list[Value]:
        """The cells of the state in which every field has its first value."""
        cells: list[Value] = []
        for field, declared in self.program.state.items():
            _, sizes = self.model.places["s"][field]
            cells += [default(declared.value)] * math.prod(sizes)
        return cells

    @cached_property
    def given(self) -> list[z3.BoolRef]:
        """The types of all unknowns, and the premises."""
        model = self.model
        premises = [model.formula(premise) for premise in self.premises()]
        return [c for unknown in self.unknowns() for c in model.typing(unknown)] + premises

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

    def goals(self) -> dict[str, Formula]:
        """What must not be: that a fact is broken, and that the action goes wrong."""
        terms = self.model.terms
        goals: dict[str, Formula] = {}
        for name, fact in self.facts.items():
            holds = self.model.holds(self.outcome.state, fact)
            if self.action == INITIAL or holds is not self.hypothesis(name):
                goals[name] = terms.and_(self.outcome.completes, terms.not_(holds))
        for (kind, site), condition in self.outcome.wrong.items():
            if kind in WRONG:
                goals[site_goal(kind, site)] = condition
        return {name: goal for name, goal in goals.items() if goal is not False}

    def answers(self, hypotheses: Sequence[str], wanted: Iterable[str]) -> Iterator[Answer]:
        """Decide the obligations that are `wanted`; those that are plain have no answer."""
        goals = self.goals()
        asked = [name for name in wanted if name in goals]
        if not asked:
            return
        clauses, numbers = self._clauses({n: goals[n] for n in asked}, hypotheses)
        with Cadical195(bootstrap_with=clauses) as solver:
            uses = {numbers[USES + h]: h for h in hypotheses if USES + h in numbers}
            for name in asked:
                began = time.monotonic()
                literal = numbers.get(BREAKS + name)
                # a goal without a literal is always reached
                if literal is None or solver.solve(assumptions=[literal, *uses]):
                    answer = self._refuted(name, goals[name], hypotheses)
                else:
                    core = solver.get_core() or []
                    needs = tuple(uses[number] for number in core if number in uses)
                    answer = Answer(self.action, name, "proved", 0.0, needs)
                yield replace(answer, seconds=round(time.monotonic() - began, 3))

    def _clauses(
        self, goals: Mapping[str, Formula], hypotheses: Sequence[str]
    ) -> tuple[list[list[int]], dict[str, int]]:
        """Clauses in which every hypothesis and every goal has a literal that switches it on."""
        goal = z3.Goal()
        goal.add(self.given)
        for name in hypotheses:
            formula = self.model.formula(self.hypothesis(name))
            goal.add(z3.Implies(z3.Bool(USES + name), formula))
        for name, broken in goals.items():
            goal.add(z3.Implies(z3.Bool(BREAKS + name), self.model.formula(broken)))
        simplify = z3.With("simplify", elim_and=True)
        (written,) = z3.Then(simplify, "bit-blast", "tseitin-cnf")(goal)
        clauses: list[list[int]] = []
        numbers: dict[str, int] = {}
        for line in written.dimacs().splitlines():
            if line.startswith("c "):
                _, number, name = line.split(" ", 2)
                numbers[name.strip("|")] = int(number)
            elif not line.startswith("p "):
                clauses.append([int(literal) for literal in line.split()[:-1]])
        return clauses, numbers

    def query(self, goal: Formula, hypotheses: Sequence[str]) -> z3.Solver:
        """The obligation as Z3 sees it: unsatisfiable if it is proved."""
        solver = z3.Then("simplify", "propagate-values", "bit-blast", "sat").solver()
        solver.set("timeout", PATIENCE)
        solver.add(self.given)
        solver.add([self.model.formula(self.hypothesis(name)) for name in hypotheses])
        solver.add(self.model.formula(goal))
        return solver

    def _refuted(self, name: str, goal: Formula, hypotheses: Sequence[str]) -> Answer:
        """The same question to Z3, for the state and the step; checked by plain Python."""
        solver = self.query(goal, hypotheses)
        answer = Answer(self.action, name, "fails", 0.0)
        found = solver.check()
        if found == z3.unknown:
            return replace(answer, status="unknown", reason=solver.reason_unknown())
        if found == z3.unsat:
            raise ReplayError(f"two solvers disagree on {self.action}, {name}")
        if self.action == INITIAL:
            return replace(answer, reason="it does not hold at the beginning")
        solution = solver.model()
        counterexample = Counterexample(
            self.model.run.sizes,
            self._parameters(solution),
            self.model.to_snapshot(solution, self.before),
            Step(
                self.action,
                tuple(self.model.evaluate(solution, value) for value in self.arguments),
            ),
        )
        if not breaks(self.resolved, counterexample, name):
            raise ReplayError(f"{self.action} does not break {name} in plain Python")
        return replace(answer, counterexample=counterexample)

    def _parameters(self, solution: z3.ModelRef) -> dict[str, object]:
        """The parameters of a counterexample, as a `Run` has them."""
        found: dict[str, object] = {}
        for name, (start, sizes) in self.model.places["p"].items():
            size = 1 if not sizes else sizes[0]
            cells = self.model.parameters[start : start + size]
            values: list[Scalar] = [self.model.evaluate(solution, cell) for cell in cells]
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
