"""The plain execution and the one over terms are held against each other.

States are drawn at random within their types, so most are far from what a run can reach;
others are reached by a walk, and then altered a little, so that every action is possible
somewhere. Every action is taken in plain Python, over the constant state (all of which
folds), and over a state of unknowns that Z3 is told to be this one. The three must agree on
what happens and on every scalar of the next state.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import z3
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from wakeproof import ir
from wakeproof.check import resolve_cached
from wakeproof.content import MODEL
from wakeproof.language import GuardFailed, WentWrong
from wakeproof.machine import Machine, Run, Scalar, Snapshot, default, domain, key_size
from wakeproof.reader import Resolved
from wakeproof.symbolic import Formula, Outcome, State, SymbolicModel, Value

ROLES = ("export", "block_on", "import")
MIXES = (("v1", "v1", "v1"), ("v2", "v2", "v2"), ("v1", "v2", "v2"), ("v2", "v1", "v2"))
FEATURES = tuple(itertools.product((False, True), repeat=2))
SIZES = {"Task": 2, "Future": 3, "Operation": 3, "Handle": 4, "Channel": 3}
LARGEST_NUMBER = 6

# Two casts that have every kind of operation between them: a stream, a future, and the
# stream that wakes the first task. What is not named here has the first value of its type.
COMMON: dict[str, Any] = {
    "is_future": [False, True, False],
    "opened": [True, True, False],
    "may_export": [True, True],
    "may_block_on": [True, True],
    "root": [0, 1],
    "task_of": [0, 1, None],
    "inter_task_channel": [2, None],
    "import_spawns": True,
    "next_handle": [1, 2, 3, None],
}
CASTS: tuple[dict[str, Any], ...] = (
    {
        "kind": ["STREAM_READ", "FUTURE_WRITE", "SUBTASK"],
        "channel": [0, 1, None],
        "remote": ["WRITE", "NONE", "NONE"],
    },
    {
        "kind": ["STREAM_WRITE", "FUTURE_READ", "FUTURE_WRITE"],
        "channel": [0, 1, 1],
        "remote": ["READ", "WRITE", "NONE"],
        "deferred_write": [None, 2, None],
        "keep_completed": True,
        "single_use": True,
    },
)


def a_run(program: ir.Program, cast: int, inter_task_wakeup: bool, async_spawn: bool) -> Run:
    """The sizes and parameters of one cast with these features."""
    given = COMMON | CASTS[cast]
    given |= {"inter_task_wakeup": inter_task_wakeup, "async_spawn": async_spawn}
    parameters = {}
    for name, declared in program.parameters.items():
        value = given.get(name, default(declared.value))
        if declared.keys and not isinstance(value, list):
            value = [value] * key_size(program, SIZES, declared.keys[0])
        if declared.value.kind == "enum" and name in given:
            value = [program.enums[declared.value.name].index(v) for v in value]
        parameters[name] = value
    return Run(SIZES, parameters)


# --- two executions side by side ------------------------------------------------------------

Plain = tuple[str, str] | Snapshot | None
"""What plain Python does: (kind, site), the next state, or None where it is not possible."""


class Difference(AssertionError):
    """The executions disagree."""


class Pair:
    """The plain machine and the model over terms, for one mix and one run."""

    def __init__(self, resolved: Resolved, program: ir.Program, run: Run) -> None:
        self.machine = Machine(resolved, run)
        self.model = SymbolicModel(program, run)
        self.unknown = self.model.fresh_state("s")
        self.typing = self.model.typing_constraints(self.unknown)
        self.domains = [self.values(d.value) for _, _, d in self.machine.layout()]
        self.choices: dict[str, list[tuple[Scalar, ...]]] = {}
        for step, _ in self.machine.steps():
            self.choices.setdefault(step.action, []).append(step.arguments)
        self.seen: Counter[str] = Counter()

    def values(self, kind: ir.Type) -> list[Scalar]:
        """The values of a type, but of the numbers only the smaller ones."""
        possible = domain(self.machine.program, self.machine.run.sizes, kind)
        return [v for v in possible if kind.kind != "int" or v is None or v <= LARGEST_NUMBER]

    def plain(self, snapshot: Snapshot, action: str, arguments: Sequence[Scalar]) -> Plain:
        """Take the action in plain Python. Any other exception is a bug in the model."""
        self.machine.load(snapshot)
        try:
            self.machine.namespace[action](*arguments)
        except GuardFailed:
            return None
        except WentWrong as wrong:
            return wrong.kind, wrong.site
        return self.machine.save()

    def walk(self, length: int) -> list[Snapshot]:
        """States on a walk from the initial state that takes first what it took least."""
        fate = random.Random(length)
        taken: Counter[str] = Counter()
        here = start = self.machine.initial()
        visited = [start]
        for _ in range(length):
            following = []
            for action, choices in self.choices.items():
                for arguments in choices:
                    reached = self.plain(here, action, arguments)
                    if reached is not None and len(reached) == len(start) and reached != here:
                        following.append((taken[action], fate.random(), action, reached))
            if not following or fate.random() < 0.05:
                here = start
                continue
            *_, action, here = min(following)  # type: ignore[assignment]
            taken[action] += 1
            visited.append(here)
        return visited

    def compare_action(
        self, snapshot: Snapshot, action: str, salt: int, unknowns: bool
    ) -> None:
        """Take an action, with arguments that make it possible if there are any."""
        choices = self.choices[action]
        possible = [a for a in choices if self.plain(snapshot, action, a) is not None]
        arguments = (possible or choices)[salt % len(possible or choices)]
        plain = self.plain(snapshot, action, arguments)
        self.seen[action] += plain is not None
        function = self.model.program.functions[action]
        state = self.model.constant_state(snapshot)
        folded = self.model.step(state, function, arguments)
        place = f"{action}{arguments}"
        if self.expected(folded, plain) is not True:
            raise Difference(f"{place}: {plain}, but folded {folded}")
        if unknowns:
            parameters, outcome = self.over_unknowns(action)
            given = zip(parameters, arguments, strict=True)
            known = [self.model.formula(self.model.terms.equal(p, a)) for p, a in given]
            if not self.holds(snapshot, self.expected(outcome, plain), known):
                raise Difference(f"{place}: {plain}, but over unknowns {outcome}")

    def compare_invariants(self, snapshot: Snapshot, unknowns: bool) -> None:
        """Ask for every invariant of the model."""
        state = self.model.constant_state(snapshot)
        for property_id, holds in self.machine.invariants.items():
            self.machine.load(snapshot)
            plain = holds()
            if self.model.invariant(state, property_id) is not plain:
                raise Difference(f"{property_id}: {plain}, but not folded")
            formula = self.invariant_over_unknowns(property_id) if unknowns else plain
            if not self.holds(snapshot, self.model.terms.equal(formula, plain), []):
                raise Difference(f"{property_id}: {plain}, but not over unknowns")

    @functools.cache  # noqa: B019
    def over_unknowns(self, action: str) -> tuple[list[Value], Outcome]:
        """The action with unknown arguments in an unknown state."""
        function = self.model.program.functions[action]
        parameters = [self.model.fresh(name, kind) for name, kind in function.parameters]
        return parameters, self.model.step(self.unknown, function, parameters)

    @functools.cache  # noqa: B019
    def invariant_over_unknowns(self, property_id: str) -> Formula:
        """The invariant of an unknown state."""
        return self.model.invariant(self.unknown, property_id)

    def expected(self, outcome: Outcome, plain: Plain) -> Formula:
        """Whether the outcome over terms is that of plain Python, and only that."""
        terms = self.model.terms
        kinds: dict[Any, Formula] = {**outcome.wrong}
        kinds[None] = terms.not_(outcome.enabled)
        kinds["completes"] = outcome.completes
        wanted: Any = plain if plain is None or len(plain) == 2 else "completes"
        result: Formula = True
        for kind, condition in kinds.items():
            result = terms.and_(result, condition if kind == wanted else terms.not_(condition))
        if wanted not in kinds:
            return False
        if wanted == "completes":
            assert plain is not None
            result = terms.and_(result, self.model.equals(outcome.state, plain))
        return result

    def holds(self, snapshot: Snapshot, formula: Formula, known: list[z3.BoolRef]) -> bool:
        """Whether the formula holds where the unknown state is this one."""
        solver = z3.Solver()
        solver.add(self.typing, self.model.formula(self.model.equals(self.unknown, snapshot)))
        solver.add(known)
        assert solver.check() == z3.sat
        return self.model.evaluate(solver.model(), formula) is True
