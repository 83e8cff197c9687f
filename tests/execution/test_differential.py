"""The execution over terms agrees with plain Python, on random states of the bundled model.

A state is drawn at random within its types, whether it is reachable or not, or from a walk. Every
action is taken from there. Most actions are not enabled in most states, so Z3 changes as little as
possible of the state until the action is enabled, or has one of its possible outcomes. An action is
taken in plain Python, over the constant state (where all terms fold), and over a state of unknowns
that Z3 constrains to this state. The outcomes and every scalar of the next state must agree.
Numbers are exact in both executions, so they may exceed the limit of their type.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Callable, Collection
from typing import Any

import pytest
import z3
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.differential import (
    CASTS,
    FEATURES,
    MIXES,
    Case,
    Pair,
    altering,
    flip_comparison,
    flip_stored_flag,
)
from tests.support import Outcome as PlainOutcome
from tests.support import is_state
from wakeproof.language import ir
from wakeproof.language.values import Snapshot, Step, domain
from wakeproof.symbolic.execution import Outcome, invariant_holds, take_step
from wakeproof.symbolic.model import SymbolicModel
from wakeproof.symbolic.terms import Formula, Value
from wakeproof.symbolic.z3_encoding import Z3Encoding

LARGEST_NUMBER = 6
"""The largest number in a random state."""


class Difference(AssertionError):
    """A disagreement of the executions."""


class TermPair(Pair):
    """Plain Python and the execution over terms, for one case.

    `completed` collects the actions that completed, and `wrong` the other outcomes.
    """

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.model = SymbolicModel(self.other.program, self.run)
        self.z3 = Z3Encoding()
        self.choices: dict[str, list[Step]] = {}
        for step, _ in self.machine.steps():
            self.choices.setdefault(step.action, []).append(step)
        self.completed: set[str] = set()
        self.wrong: set[PlainOutcome] = set()
        self.unknown = self.model.fresh_state("s")
        self.arguments = {action: self.fresh_arguments(action) for action in self.choices}
        unknowns = itertools.chain(self.model.flatten(self.unknown), *self.arguments.values())
        self.typing = z3.And(*itertools.chain(*map(self.z3.typing, unknowns)))
        self.solver = z3.Solver()
        self.solver.add(self.typing)
        self.outcomes: dict[str, Outcome] = {}

    def fresh_arguments(self, action: str) -> list[Value]:
        """Return an action's arguments as unknowns."""
        parameters = self.model.program.functions[action].parameters
        return [self.model.fresh(f"{action} {name}", kind) for name, kind in parameters]

    def over_unknowns(self, action: str) -> Outcome:
        """Return the outcome of the action on an unknown state with unknown arguments."""
        if action not in self.outcomes:
            function = self.model.program.functions[action]
            outcome = take_step(self.model, self.unknown, function, self.arguments[action])
            self.outcomes[action] = outcome
        return self.outcomes[action]

    def guard(self, action: str) -> Formula:
        """Return the formula of the states in which the guards of the action hold."""
        function = self.model.program.functions[action]
        last = max(i for i, node in enumerate(function.body) if isinstance(node, ir.Guard))
        head = dataclasses.replace(function, body=function.body[: last + 1])
        return take_step(self.model, self.unknown, head, self.arguments[action]).enabled

    # states

    def any_state(self) -> st.SearchStrategy[Snapshot]:
        """Draw a state within the types, or one on a walk from the initial state."""
        domains = []
        for _, _, declared in self.machine.layout():
            values = domain(self.machine.program, self.machine.run.sizes, declared.value)
            small = [v for v in values if v is None or v <= LARGEST_NUMBER]
            domains.append(small if declared.value.kind == "int" else values)
        return st.tuples(*map(st.sampled_from, domains)) | st.sampled_from(self.walk(40))

    def walk(self, length: int) -> list[Snapshot]:
        """Return the states on a random walk from the initial state."""
        fate = random.Random(length)
        visited = [self.machine.initial()]
        for _ in range(length):
            reached = [self.plain(visited[-1], step) for step, _ in self.machine.steps()]
            following = [plain for plain in reached if is_state(plain)] or visited[:1]
            visited.append(fate.choice(following))
        return visited

    def altered(
        self, state: Snapshot, action: str, wanted: Formula
    ) -> tuple[Snapshot, Step] | None:
        """Change the state so that `wanted` holds, if possible; return it with the step."""
        condition = self.z3.formula(wanted)
        fields = self.fields(state)
        while self.solver.check(condition, *fields) == z3.unsat:
            core = {formula.get_id() for formula in self.solver.unsat_core()}
            kept = [formula for formula in fields if formula.get_id() not in core]
            if len(kept) == len(fields):
                return None
            fields = kept
        found = self.solver.model()
        arguments = tuple(self.z3.evaluate(found, value) for value in self.arguments[action])
        cells = self.model.flatten(self.unknown)
        return self.z3.to_snapshot(found, cells), Step(action, arguments)

    def fields(self, state: Snapshot) -> list[z3.BoolRef]:
        """Return formulas, one a field, that set the unknown state to this state."""
        terms = self.model.terms
        known: dict[str, Formula] = {}
        cells = zip(self.machine.layout(), self.model.flatten(self.unknown), state, strict=True)
        for (name, _, _), unknown, scalar in cells:
            known[name] = terms.and_(known.get(name, True), terms.equal(unknown, scalar))
        return [self.z3.formula(formula) for formula in known.values()]

    # comparing

    def compare(self, state: Snapshot, salt: int, thorough: Collection[str]) -> None:
        """Compare all steps and invariants; the `thorough` actions over unknowns too."""
        self.compare_invariants(state)
        for number, (action, choices) in enumerate(self.choices.items(), salt):
            self.compare_step(state, choices[salt % len(choices)])
            wanted: list[Formula] = []
            if action in thorough:
                outcome = self.over_unknowns(action)
                ends = list(outcome.wrong.values())
                wanted = [outcome.completes, *ends[salt % max(1, len(ends)) :][:1]]
            elif number % 2 == 0:
                wanted = [self.guard(action)]
            for formula in wanted:
                if formula is not False and (found := self.altered(state, action, formula)):
                    self.compare_step(*found, thorough)

    def compare_step(self, state: Snapshot, step: Step, thorough: Collection[str] = ()) -> None:
        """Compare one step in plain Python, folded and, if `thorough`, over unknowns."""
        plain = self.plain(state, step)
        if is_state(plain):
            self.completed.add(step.action)
        else:
            self.wrong.add(plain)
        function = self.model.program.functions[step.action]
        folded = take_step(self.model, self.model.constant_state(state), function, step.arguments)
        if self.agrees(folded, plain) is not True:
            raise Difference(f"folded, {step}: {self.difference(folded, plain, None)}")
        if step.action in thorough:
            outcome = self.over_unknowns(step.action)
            pairs = zip(self.arguments[step.action], step.arguments, strict=True)
            given = [self.z3.formula(self.model.terms.equal(*pair)) for pair in pairs]
            found = self.solution([*self.fields(state), *given])
            if not self.z3.evaluate(found, self.agrees(outcome, plain)):
                raise Difference(f"unknown, {step}: {self.difference(outcome, plain, found)}")

    def compare_invariants(self, state: Snapshot) -> None:
        """Compare every invariant in plain Python, folded and over unknowns."""
        constant = self.model.constant_state(state)
        found = self.solution(self.fields(state))
        for property_id, holds in self.machine.invariants.items():
            self.machine.load(state)
            plain = holds()
            folded = invariant_holds(self.model, constant, property_id)
            formula = invariant_holds(self.model, self.unknown, property_id)
            if not plain is folded is self.z3.evaluate(found, formula):
                raise Difference(f"{property_id} is {plain}, folded {folded}")

    def solution(self, formulas: list[z3.BoolRef]) -> z3.ModelRef:
        """Return the only solution of formulas that determine every unknown."""
        solver = z3.Solver()
        solver.add(self.typing, z3.And(*formulas))
        assert solver.check() == z3.sat
        return solver.model()

    def agrees(self, outcome: Outcome, plain: PlainOutcome) -> Formula:
        """Return whether the outcome over terms is exactly that of plain Python."""
        terms = self.model.terms
        ends: dict[Any, Formula] = {
            **outcome.wrong,
            None: terms.not_(outcome.enabled),
            "completes": outcome.completes,
        }
        wanted = "completes" if is_state(plain) else plain
        agrees = wanted in ends and terms.and_(
            ends[wanted], terms.not_(terms.any_(ends[end] for end in ends if end != wanted))
        )
        if plain is not None and is_state(plain):
            agrees = terms.and_(agrees, self.model.equals(outcome.state, plain))
        return agrees

    def ends_in_one_way(self, action: str) -> bool:
        """Return whether the action has exactly one outcome in every state."""
        terms, outcome = self.model.terms, self.over_unknowns(action)
        once: Formula = False
        twice: Formula = False
        for end in (terms.not_(outcome.enabled), outcome.completes, *outcome.wrong.values()):
            twice = terms.or_(twice, terms.and_(once, end))
            once = terms.or_(once, end)
        exactly_once = terms.and_(once, terms.not_(twice))
        return bool(self.solver.check(self.z3.formula(terms.not_(exactly_once))) == z3.unsat)

    def difference(self, outcome: Outcome, plain: PlainOutcome, found: z3.ModelRef | None) -> str:
        """Describe where the outcomes disagree."""

        def value(term: Value) -> Value:
            return term if found is None else self.z3.evaluate(found, term)

        wrong = {site: value(condition) for site, condition in outcome.wrong.items()}
        text = f"possible {value(outcome.enabled)}, completes {value(outcome.completes)}, {wrong}"
        if plain is None or not is_state(plain):
            return f"plain {plain}; {text}"
        cells = map(value, self.model.flatten(outcome.state))
        for (name, keys, _), expected, cell in zip(
            self.machine.layout(), plain, cells, strict=True
        ):
            if expected != cell:
                text += f"; {name}{list(keys)} is {expected} and not {cell}"
        return text


# --- tests ----------------------------------------------------------------------------------


@pytest.mark.nightly(but=8)
@pytest.mark.slow(but=4)
@pytest.mark.parametrize("features", FEATURES, ids=str)
@pytest.mark.parametrize("mix", MIXES, ids="/".join)
def test_terms_agree_with_plain_python(mix: tuple[str, ...], features: tuple[bool, bool]) -> None:
    # unknowns are slow: every action has them in two mixes, each with texts of V1 and of V2
    place = 4 * MIXES.index(mix) + FEATURES.index(features)
    pair = TermPair(Case(mix, features, place % len(CASTS)))
    thorough = [a for number, a in enumerate(pair.choices) if (number + place) % 8 == 0]

    @settings(
        max_examples=2,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(state=pair.any_state(), salt=st.integers(0, 1000))
    def agree(state: Snapshot, salt: int) -> None:
        pair.compare(state, salt, thorough)

    agree()
    assert all(map(pair.ends_in_one_way, thorough))
    assert len(pair.completed) >= 10, "too few actions complete"
    assert len(pair.wrong) >= 5, "too few actions go wrong"


@pytest.mark.parametrize(
    ("name", "change", "action", "message"),
    [
        ("deliverable", flip_comparison, "waitable_set_wait", "possible"),
        ("release_child", flip_stored_flag, "finish_drop", r"woken\[\d\] is False and not True"),
    ],
)
def test_an_altered_function_is_detected(
    name: str, change: Callable[[Any], Any], action: str, message: str
) -> None:
    mix, features = ("v2", "v2", "v2"), (True, False)
    plain = TermPair(Case(mix, features, 0))
    found = plain.altered(plain.machine.initial(), action, plain.over_unknowns(action).completes)
    assert found is not None
    plain.compare_step(*found, [action])
    with pytest.raises(Difference, match=message):
        TermPair(Case(mix, features, 0, altering(name, change))).compare_step(*found)
