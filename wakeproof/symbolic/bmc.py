"""Bounded model checking: the shortest way to one violation, found by Z3.

Depth by depth, the states that any sequence of actions can reach are written down as terms
over the choices of actions, beginning with the concrete initial state: what no choice
changes stays constant, and what is constant costs nothing. Z3 decides whether some choices
violate the target. A violation is reported only after the plain machine has taken the same steps.

Measured on the model's own scenarios: merging the next states into one over the choices
is as fast as naming every depth's state by fresh unknowns, and needs fewer terms; dropping
the actions that Z3 shows to be impossible at a depth halves what follows; and a fresh SAT
solver for every depth's question is ten times as fast as one incremental solver.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wakeproof.errors import InputError
from wakeproof.execution.machine import Machine
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.resolve import Resolved
from wakeproof.language.values import Run, Step
from wakeproof.symbolic.execution import Outcome, invariant_holds, take_step
from wakeproof.symbolic.model import SymbolicModel
from wakeproof.symbolic.terms import Formula, State, Value
from wakeproof.util.packages import installed

if TYPE_CHECKING:
    import z3

Target = str | tuple[str, str]
"""The id of an invariant, or the (kind, site) of a way to go wrong."""

WRONG = ("panic", "trap", "undefined")


@dataclass(frozen=True)
class Found:
    """A shortest violation of the target; its last step violates it.

    With `loop` it is a run that goes on for ever: the steps from this number on are repeated, or
    nothing happens any more if there are none.
    """

    steps: tuple[Step, ...]
    loop: int | None = None

    @property
    def depth(self) -> int:
        """The number of steps."""
        return len(self.steps)


@dataclass(frozen=True)
class NotFound:
    """No sequence of up to `depth` steps violates the target."""

    depth: int


@dataclass(frozen=True)
class Unknown:
    """No violation was found in up to `depth` steps; `reason` is why the search ended there."""

    reason: str
    depth: int


class ReplayError(Exception):
    """The plain machine does not confirm what Z3 has found: a bug of this tool."""


def check(
    resolved: Resolved,
    run: Run,
    target: Target,
    max_depth: int,
    actions: Sequence[str] | None = None,
    timeout: float | None = None,
) -> Found | NotFound | Unknown:
    """Find the shortest violation of `target` within `max_depth` steps of `actions` (all, if None).

    `timeout` is in seconds. Raises `InputError` for a target that the model does not have,
    and `ReplayError` if an answer does not replay.
    """
    search = Search(resolved, run, target, actions, timeout)
    try:
        return search.run(max_depth)
    except OutOfTime:
        return Unknown(f"timeout {timeout:g} s", search.depth)


def replays(machine: Machine, steps: Sequence[Step], target: Target) -> bool:
    """Whether the plain machine takes these steps and the last one violates the target."""
    snapshot = machine.initial()
    for number, step in enumerate(steps, 1):
        machine.load(snapshot)
        try:
            machine.namespace[step.action](*step.arguments)
        except GuardFailed:
            return False
        except WentWrong as wrong:
            return number == len(steps) and target == (wrong.kind, wrong.site)
        snapshot = machine.save()
    machine.load(snapshot)
    return isinstance(target, str) and not machine.invariants[target]()


def possible_after(
    machine: Machine, steps: Sequence[Step], candidates: Iterable[Step]
) -> set[Step]:
    """The candidates that the plain machine finds possible after these steps."""
    snapshot = machine.initial()
    for step in steps:
        machine.load(snapshot)
        machine.namespace[step.action](*step.arguments)
        snapshot = machine.save()
    found = set()
    for candidate in candidates:
        machine.load(snapshot)
        try:
            machine.namespace[candidate.action](*candidate.arguments)
        except GuardFailed:
            continue
        except WentWrong:
            pass
        found.add(candidate)
    if not found:
        raise ReplayError(f"no action is possible after {steps}")
    return found


class OutOfTime(Exception):
    """The deadline has passed."""


class Search:
    """A search under way: the state after `depth` steps, and the choices that lead there."""

    def __init__(
        self,
        resolved: Resolved,
        run: Run,
        target: Target | None,
        actions: Sequence[str] | None,
        timeout: float | None,
    ) -> None:
        """Without a `target` no single step violates anything.

        Raise `InputError` for an unknown target, or if z3-solver is not installed.
        """
        with installed("z3-solver"):
            import z3

            from wakeproof.symbolic.z3_encoding import Z3Encoding
        self.machine = Machine(resolved, run)
        self.model = SymbolicModel(resolved.program, run)
        self.terms = self.model.terms
        self.z3 = Z3Encoding()
        self.tactic = z3.Then("simplify", "bit-blast", "sat")
        self.functions = resolved.program.functions
        self.target = target
        if isinstance(target, str) and target not in self.model.invariants:
            known = ", ".join(self.model.invariants)
            raise InputError(f"the model has no invariant {target!r}", hint=f"one of {known}")
        if isinstance(target, tuple) and target[0] not in WRONG:
            raise InputError(
                f"{target[0]!r} is not a way to go wrong", hint="one of " + ", ".join(WRONG)
            )
        self.instances = [step for step, _ in self.machine.steps(only=actions)]
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.depth = 0
        self.state: State = self.model.constant_state(self.machine.initial())
        self.choices: list[tuple[Value, list[Step]]] = []
        self.typing: list[z3.BoolRef] = []
        # the choices with which every step so far completes, and those that meet a bound
        self.completes: Formula = True
        self.bounds: dict[str, Formula] = {}

    def run(self, max_depth: int) -> Found | NotFound | Unknown:
        """Search deeper and deeper, up to `max_depth` steps.

        Raises `ReplayError` if the plain machine does not confirm what Z3 has found.
        """
        assert self.target is not None
        if replays(self.machine, (), self.target):
            return Found(())
        while self.depth < max_depth and self.completes is not False:
            violated = self.deepen()
            solver = self.fresh_solver()
            answer = self.solve(solver, violated)
            if answer == "sat":
                steps = self.steps(solver.model())
                if not replays(self.machine, steps, self.target):
                    raise ReplayError(f"{self.target} is not violated by {steps}")
                return Found(tuple(steps))
            if answer == "unknown":
                return Unknown(solver.reason_unknown(), self.depth)
            self.depth += 1
        for name, met in self.bounds.items():
            if self.solve(self.fresh_solver(), met) != "unsat":
                return Unknown(f"the bound on {name} is too small", max_depth)
        return NotFound(max_depth)

    def deepen(self) -> Formula:
        """Add every possible next step. Returns the formula that it violates the target."""
        model, terms = self.model, self.terms
        possible = self.possible()
        choice = terms.unknown(f"step {self.depth + 1}", range(len(possible))) if possible else None
        self.choices.append((choice, [step for step, _ in possible]))
        wrong: dict[tuple[str, str], Formula] = {}
        completes: Formula = False
        state = self.state
        for number, (_, outcome) in enumerate(possible):
            chosen = terms.is_(choice, number)
            for site, condition in outcome.wrong.items():
                here = terms.and_(chosen, condition)
                wrong[site] = terms.or_(wrong.get(site, False), here)
            if outcome.completes is not False:
                completes = terms.or_(completes, terms.and_(chosen, outcome.completes))
                state = model.choose(chosen, outcome.state, state)
        for (kind, name), condition in wrong.items():
            if kind == "bound":
                met = terms.and_(self.completes, condition)
                self.bounds[name] = terms.or_(self.bounds.get(name, False), met)
        self.state = state
        before, self.completes = self.completes, terms.and_(self.completes, completes)
        self.typing += self.z3.typing(choice)
        if self.target is None:
            return False
        if not isinstance(self.target, str):
            return terms.and_(before, wrong.get(self.target, False))
        return terms.and_(self.completes, terms.not_(invariant_holds(model, state, self.target)))

    def possible(self) -> list[tuple[Step, Outcome]]:
        """The steps that some sequence of steps makes possible now, and their outcomes.

        Z3 finds a sequence of steps after which a step is possible that was not known to be; the
        plain machine takes the sequence and finds which others are; and so on.
        """
        waiting: dict[Step, Outcome] = {}
        for step in self.instances:
            self.seconds_left()
            outcome = take_step(self.model, self.state, self.functions[step.action], step.arguments)
            if outcome.enabled is not False:
                waiting[step] = outcome
        found: dict[Step, Outcome] = {}
        while waiting:
            some = self.terms.any_(outcome.enabled for outcome in waiting.values())
            solver = self.fresh_solver()
            answer = self.solve(solver, self.terms.and_(self.completes, some))
            if answer == "unsat":
                break
            seen = set(waiting)
            if answer == "sat":
                seen = possible_after(self.machine, self.steps(solver.model()), waiting)
            found |= {step: waiting.pop(step) for step in seen}
        return [(step, found[step]) for step in self.instances if step in found]

    def solve(self, solver: z3.Solver, formula: Formula) -> str:
        """Return `sat`, `unsat` or `unknown`: whether the formula can hold with what is there."""
        if formula is False:
            return "unsat"
        left = self.seconds_left()
        if left is not None:
            solver.set("timeout", max(1, int(left * 1000)))
        answer = str(solver.check(self.z3.formula(formula)))
        if answer == "unknown":
            self.seconds_left()
        return answer

    def fresh_solver(self) -> z3.Solver:
        """A SAT solver with the types of the choices."""
        solver = self.tactic.solver()
        solver.add(self.typing)
        return solver

    def seconds_left(self) -> float | None:
        """The remaining time, None without a limit. Raises `OutOfTime` when it is used up."""
        if self.deadline is None:
            return None
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise OutOfTime
        return left

    def steps(self, solution: z3.ModelRef, count: int | None = None) -> list[Step]:
        """The steps that a solution chooses, or the first so many of them."""
        steps = []
        for choice, possible in self.choices[:count]:
            number = self.z3.evaluate(solution, choice)
            assert number is not None
            steps.append(possible[number])
        return steps
