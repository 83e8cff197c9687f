"""The plain execution and the one over terms are held against each other.

States are drawn at random within their types, so most are far from what a run can reach;
for every action such a state is altered, as little as Z3 can, until the action is possible.
Then the action is taken in plain Python, over the constant state (all of which folds), and
over a state of unknowns that Z3 is told to be this one. All must agree on what happens and
on every scalar of the next state. Numbers are exact in both, so nothing has to be left out
because it counts beyond the range of its type.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import z3
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from wakeproof import ir
from wakeproof.check import resolve_cached
from wakeproof.content import MODEL
from wakeproof.language import GuardFailed, WentWrong
from wakeproof.machine import Machine, Run, Scalar, Snapshot, Step, default, domain, key_size
from wakeproof.symbolic import Formula, Outcome, SymbolicModel, Value

ROLES = ("export", "block_on", "import")
MIXES = (("v1", "v1", "v1"), ("v2", "v2", "v2"), ("v1", "v2", "v2"), ("v2", "v1", "v2"))
FEATURES = tuple(itertools.product((False, True), repeat=2))
SIZES = {"Task": 2, "Future": 3, "Operation": 2, "Handle": 4, "Channel": 3}
LARGEST_NUMBER = 6

# Three casts that have every kind of operation between them: a stream, a future, and the
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
    {"kind": ["STREAM_READ", "SUBTASK"], "channel": [0, None], "remote": ["WRITE", "NONE", "NONE"]},
    {
        "kind": ["FUTURE_READ", "FUTURE_WRITE"],
        "channel": [1, 1],
        "remote": ["NONE", "WRITE", "NONE"],
        "deferred_write": [None, 1, None],
        "keep_completed": True,
    },
    {
        "kind": ["STREAM_WRITE", "FUTURE_WRITE"],
        "channel": [0, 1],
        "remote": ["READ", "NONE", "NONE"],
        "single_use": True,
    },
)


def a_run(program: ir.Program, cast: int, inter_task_wakeup: bool, async_spawn: bool) -> Run:
    """The sizes and parameters of one cast with these features."""
    given = COMMON | CASTS[cast]
    given |= {"inter_task_wakeup": inter_task_wakeup, "async_spawn": async_spawn}
    parameters = {}
    for name, declared in program.parameters.items():
        value: Any = given.get(name, default(declared.value))
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
    """The plain machine and the model over terms, for one mix and one run.

    `program` is what is executed over terms, if not what the mix has; `over_unknowns` are the
    actions for which unknowns are worth their time.
    """

    def __init__(
        self,
        mix: tuple[str, ...],
        features: tuple[bool, bool],
        cast: int,
        alter: Callable[[ir.Program], ir.Program] = lambda program: program,
    ) -> None:
        resolved = resolve_cached(MODEL, (), tuple(zip(ROLES, mix, strict=True)))
        run = a_run(resolved.program, cast, *features)
        self.machine = Machine(resolved, run)
        self.model = SymbolicModel(alter(resolved.program), run)
        self.unknown = self.model.fresh_state("s")
        self.typing = z3.And(*self.model.typing_constraints(self.unknown))
        self.domains = [self.values(d.value) for _, _, d in self.machine.layout()]
        self.choices: dict[str, list[Step]] = {}
        for step, _ in self.machine.steps():
            self.choices.setdefault(step.action, []).append(step)
        self.outcomes: dict[str, Outcome] = {}
        self.guards: dict[str, z3.BoolRef] = {}
        self.solver = z3.Solver()
        self.solver.add(self.typing)
        self.happened: set[tuple[Any, ...]] = set()

    def values(self, kind: ir.Type) -> list[Scalar]:
        """The values of a type, but of the numbers only the smaller ones."""
        possible = domain(self.machine.program, self.machine.run.sizes, kind)
        return [v for v in possible if kind.kind != "int" or v is None or v <= LARGEST_NUMBER]

    def parameters(self, action: str) -> list[Value]:
        """The action's arguments as unknowns."""
        function = self.machine.program.functions[action]
        return [self.model.fresh(f"{action} {n}", kind) for n, kind in function.parameters]

    # drawing states

    def any_state(self) -> st.SearchStrategy[Snapshot]:
        """Any state within the types, and states on a walk from the initial one."""
        anywhere = st.tuples(*map(st.sampled_from, self.domains))
        return anywhere | st.sampled_from(self.walk(40))

    def walk(self, length: int) -> list[Snapshot]:
        """The states on a random walk from the initial state."""
        fate = random.Random(length)
        visited = [self.machine.initial()]
        for _ in range(length):
            steps = [step for choices in self.choices.values() for step in choices]
            reached = [self.plain(visited[-1], step) for step in steps]
            visited.append(fate.choice([r for r in reached if r and len(r) > 2] or visited[:1]))
        return visited

    def made_possible(self, state: list[z3.BoolRef], action: str) -> Snapshot | None:
        """The state, altered where it keeps the action from being possible."""
        if action not in self.guards:
            function = self.model.program.functions[action]
            guards = [i for i, node in enumerate(function.body) if isinstance(node, ir.Guard)]
            head = dataclasses.replace(function, body=function.body[: guards[-1] + 1])
            arguments = self.parameters(action)
            possible = self.model.formula(self.model.step(self.unknown, head, arguments).enabled)
            typing = itertools.chain(*map(self.model.typing, arguments))
            self.guards[action] = z3.And(possible, *typing)
        guard = self.guards[action]
        while self.solver.check(guard, *state) == z3.unsat:
            core = {formula.get_id() for formula in self.solver.unsat_core()}
            kept = [formula for formula in state if formula.get_id() not in core]
            if len(kept) == len(state):
                return None
            state = kept
        return self.model.to_snapshot(self.solver.model(), self.unknown)

    def is_at(self, snapshot: Snapshot) -> list[z3.BoolRef]:
        """That the unknown state is this one, field by field."""
        terms = self.model.terms
        fields: dict[str, Formula] = {name: True for name, _, _ in self.machine.layout()}
        cells = zip(self.model.flatten(self.unknown), snapshot, strict=True)
        for (name, _, _), (unknown, scalar) in zip(self.machine.layout(), cells, strict=True):
            fields[name] = terms.and_(fields[name], terms.equal(unknown, scalar))
        return [self.model.formula(formula) for formula in fields.values()]

    # comparing

    def plain(self, snapshot: Snapshot, step: Step) -> Plain:
        """Take the step in plain Python. Any other exception is a bug in the model."""
        self.machine.load(snapshot)
        try:
            self.machine.namespace[step.action](*step.arguments)
        except GuardFailed:
            return None
        except WentWrong as wrong:
            return wrong.kind, wrong.site
        return self.machine.save()

    def compare_steps(
        self, snapshot: Snapshot, steps: Iterable[Step], over_unknowns: Iterable[str] = ()
    ) -> None:
        """Take each of the steps from this state, in two or in three ways."""
        state = self.model.constant_state(snapshot)
        for step in steps:
            plain = self.plain(snapshot, step)
            if plain is not None:
                self.happened.add(plain if len(plain) == 2 else ("completes", step.action))
            action = self.model.program.functions[step.action]
            folded = self.model.step(state, action, step.arguments)
            if self.agrees(folded, plain) is not True:
                raise Difference(f"folded, {step}: {self.difference(folded, plain)}")
            if step.action in over_unknowns:
                parameters = self.parameters(step.action)
                if step.action not in self.outcomes:
                    self.outcomes[step.action] = self.model.step(self.unknown, action, parameters)
                outcome = self.outcomes[step.action]
                pairs = zip(parameters, step.arguments, strict=True)
                given = [self.model.formula(self.model.terms.equal(*pair)) for pair in pairs]
                solution = self.solution([*self.is_at(snapshot), *given])
                if not self.model.evaluate(solution, self.agrees(outcome, plain)):
                    found = self.difference(outcome, plain, solution)
                    raise Difference(f"over unknowns, {step}: {found}")

    def compare_invariants(self, snapshot: Snapshot) -> None:
        """Ask for every invariant, in three ways."""
        state = self.model.constant_state(snapshot)
        solution = self.solution(self.is_at(snapshot))
        for property_id, holds in self.machine.invariants.items():
            self.machine.load(snapshot)
            plain = holds()
            if self.model.invariant(state, property_id) is not plain:
                raise Difference(f"folded, {property_id} is {plain}")
            formula = self.model.invariant(self.unknown, property_id)
            if self.model.evaluate(solution, formula) is not plain:
                raise Difference(f"over unknowns, {property_id} is {plain}")

    def solution(self, formulas: Iterable[z3.BoolRef]) -> z3.ModelRef:
        """What Z3 makes of formulas that leave it no choice."""
        solver = z3.Solver()
        solver.add(self.typing, z3.And(*formulas))
        assert solver.check() == z3.sat
        return solver.model()

    def agrees(self, outcome: Outcome, plain: Plain) -> Formula:
        """Whether the outcome over terms is that of plain Python, and nothing else."""
        terms = self.model.terms
        conditions: dict[Any, Formula] = {
            **outcome.wrong,
            None: terms.not_(outcome.enabled),
            "completes": outcome.completes,
        }
        wanted = "completes" if plain is not None and len(plain) > 2 else plain
        if wanted not in conditions:
            return False
        result: Formula = True
        for what, condition in conditions.items():
            result = terms.and_(result, condition if what == wanted else terms.not_(condition))
        if plain is not None and len(plain) > 2:
            result = terms.and_(result, self.model.equals(outcome.state, plain))
        return result

    def difference(
        self, outcome: Outcome, plain: Plain, solution: z3.ModelRef | None = None
    ) -> str:
        """Where they disagree, for a person."""

        def value(term: Value) -> Scalar | Value:
            return term if solution is None else self.model.evaluate(solution, term)

        shown = {site: value(condition) for site, condition in outcome.wrong.items()}
        text = f"possible {value(outcome.enabled)}, wrong {shown}"
        if plain is None or len(plain) == 2:
            return f"plain {plain}; {text}"
        cells = [value(cell) for cell in self.model.flatten(outcome.state)]
        where = zip(self.machine.layout(), plain, cells, strict=True)
        return text + "".join(
            f"; {name}{list(keys)} is {a} and not {b}" for (name, keys, _), a, b in where if a != b
        )

    def compare(self, snapshot: Snapshot, salt: int, over_unknowns: Iterable[str] = ()) -> None:
        """Compare everything, beginning with this state."""
        self.compare_invariants(snapshot)
        state = self.is_at(snapshot)
        for action, choices in self.choices.items():
            self.compare_steps(snapshot, [choices[salt % len(choices)]])
            altered = self.made_possible(state, action)
            if altered is not None:
                possible = [step for step in choices if self.plain(altered, step) is not None]
                assert possible, f"Z3 finds {action} possible where it is not"
                chosen = possible[salt % len(possible)]
                self.compare_steps(altered, [chosen], over_unknowns)


# --- tests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("features", FEATURES, ids=str)
@pytest.mark.parametrize("mix", MIXES, ids="/".join)
def test_the_executions_agree(mix: tuple[str, ...], features: tuple[bool, bool]) -> None:
    # every action meets unknowns in every mix and, in some mix, with every choice of features
    square = MIXES.index(mix) + FEATURES.index(features)
    pair = Pair(mix, features, square % len(CASTS))
    over_unknowns = [a for i, a in enumerate(pair.choices) if (i + square) % len(FEATURES) == 0]

    @settings(
        max_examples=3,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(snapshot=pair.any_state(), salt=st.integers(0, 1000))
    def agree(snapshot: Snapshot, salt: int) -> None:
        pair.compare(snapshot, salt, over_unknowns)

    agree()
    completed = {action for what, action in pair.happened if what == "completes"}
    assert len(completed) > 0.4 * len(pair.choices), "few actions get to their end"
    assert len(pair.happened) - len(completed) >= 5, "few ways to go wrong are met"


def altered(node: Any, change: Callable[[Any], Any]) -> Any:
    """A copy of a tree of the intermediate form, with every node replaced by its change."""
    if isinstance(node, tuple):
        return tuple(altered(part, change) for part in node)
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        parts = {f.name: altered(getattr(node, f.name), change) for f in dataclasses.fields(node)}
        return change(dataclasses.replace(node, **parts))
    return node


def flip_comparison(node: Any) -> Any:
    if isinstance(node, ir.Binary) and node.op == "==":
        return dataclasses.replace(node, op="!=")
    return node


def flip_stored_flag(node: Any) -> Any:
    if (
        isinstance(node, ir.Store)
        and isinstance(node.value, ir.Const)
        and node.value.value is False
    ):
        return dataclasses.replace(node, value=dataclasses.replace(node.value, value=True))
    return node


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("deliverable", flip_comparison, "waitable_set_wait"),
        ("return_sync_export", flip_stored_flag, r"sync_export\[\] is False and not True"),
    ],
)
def test_an_alteration_of_one_function_is_noticed(
    name: str, change: Callable[[Any], Any], message: str
) -> None:
    def alter(program: ir.Program) -> ir.Program:
        function = altered(program.functions[name], change)
        assert function != program.functions[name]
        return dataclasses.replace(program, functions=program.functions | {name: function})

    def compare_along_a_walk(pair: Pair) -> None:
        for snapshot in pair.walk(10):
            for action in ("waitable_set_wait", "return_sync_export"):
                state = pair.made_possible(pair.is_at(snapshot), action)
                assert state is not None
                pair.compare_steps(state, pair.choices[action], [action])

    mix, features = ("v2", "v2", "v2"), (True, False)
    compare_along_a_walk(Pair(mix, features, 0))
    with pytest.raises(Difference, match=message):
        compare_along_a_walk(Pair(mix, features, 0, alter))
