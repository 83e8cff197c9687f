"""One property of progress for another checker: what is owed, and which runs count.

The questions are those of the explorers; here they are expressions over a state, which every form
writes in its own way. The verdict is about runs that may stop at any time, as the explorers have
it: where a fair choice is possible a run that stops is not fair.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from wakeproof.errors import InputError
from wakeproof.execution.enabled_steps import enumerators, is_site, outcomes
from wakeproof.explore.progress.questions import Condition, Questions, questions_of
from wakeproof.language import ir
from wakeproof.language.values import Scalar, Snapshot, Step, domain
from wakeproof.scenario.instance import Instance

MOST = 200_000
"""States up to which `possible` looks for demands."""


@dataclass(frozen=True)
class Owed:
    """What is owed to some members: `begins` leads to `ends`; without `begins` always."""

    begins: ir.Expr | None
    ends: ir.Expr


@dataclass(frozen=True)
class Demand:
    """An assumption about the runs that count: what is `asked` again and again is done at last.

    It is done by a step of the fair `choice`, an action with the values of the parameters for which
    it is fair, or, without one, where `done` holds.
    """

    asked: ir.Expr
    done: ir.Expr | None = None
    choice: tuple[str, tuple[Scalar, ...]] | None = None


def questions_about(instance: Instance, property_id: str) -> Questions:
    """Return the questions of one property of progress.

    Raises `InputError` for another property, and for a scenario whose runs are cut short.
    """
    known = [p.id for p in instance.model.properties.values() if p.progress]
    if property_id not in known:
        raise InputError(
            f"{property_id} is not a property of progress",
            hint="leave out --property for all others, or use one of " + ", ".join(known),
        )
    if instance.scenario.steps is not None:
        raise InputError(
            f"{property_id} is about runs of any length, and there is a bound of steps",
            hint="export a scenario that has none, without --steps",
        )
    program = instance.resolved.program
    found = questions_of(program, instance.run.sizes, instance.actions, instance.assumed)
    obligations = [o for o in found.obligations if o.property == property_id]
    return dataclasses.replace(found, obligations=obligations)


def owed(program: ir.Program, questions: Questions) -> list[Owed]:
    """Return what is owed, a row for each choice of the members."""

    def holds(number: int) -> ir.Expr:
        return _call(program, questions.conditions[number])

    return [
        Owed(None if o.begins is None else holds(o.begins), holds(o.ends))
        for o in questions.obligations
    ]


def demands(program: ir.Program, sizes: Mapping[str, int], questions: Questions) -> list[Demand]:
    """Return the assumptions: the fair choices by their numbers, then the pairs that recur."""
    enabled: dict[int, list[ir.Expr]] = {number: [] for number in questions.groups.values()}
    for name in questions.fair:
        for values in _arguments(program, sizes, name):
            group = questions.group_of(Step(name, values))
            enabled[group].append(_possible(program, name, values))
    found = [
        Demand(_either(enabled[number]), choice=choice)
        for choice, number in questions.groups.items()
    ]
    for first, second in questions.recurring:
        conditions = questions.conditions[first], questions.conditions[second]
        asked, done = (_call(program, condition) for condition in conditions)
        found.append(Demand(asked, done))
    return found


def left_out(program: ir.Program, sizes: Mapping[str, int], questions: Questions) -> ir.Expr:
    """Return where a fair action is possible that the scenario leaves out: nothing is decided."""
    return _either(
        [
            _possible(program, name, values)
            for name in questions.left_out
            for values in _arguments(program, sizes, name)
        ]
    )


def possible(instance: Instance, questions: Questions) -> list[bool]:
    """Return of each of the `demands` whether it is asked in some state of the run.

    Raises `InputError` for a run of more than `MOST` states.
    """
    machine = instance.machine()
    listing = enumerators(machine, instance.actions)
    pairs = [questions.conditions[first] for first, _ in questions.recurring]
    asked = [False] * (len(questions.groups) + len(pairs))
    seen = {machine.initial()}
    left = list(seen)
    while left:
        state = left.pop()
        machine.load(state)
        for number, (name, members) in enumerate(pairs, len(questions.groups)):
            asked[number] = asked[number] or machine.namespace[name](*members)
        for step, outcome in outcomes(machine, listing, state):
            if step.action in questions.fair:
                asked[questions.group_of(step)] = True
            if not is_site(outcome) and outcome not in seen:
                reached = cast("Snapshot", outcome)
                seen.add(reached)
                left.append(reached)
        if len(seen) > MOST:
            raise InputError(
                f"{instance.scenario.name} has more than {MOST:,} states",
                hint="use --to promela, which is written without a visit of them",
            )
    return asked


def _arguments(
    program: ir.Program, sizes: Mapping[str, int], name: str
) -> Iterator[tuple[Scalar, ...]]:
    """Yield every choice of the arguments of an action."""
    parameters = program.functions[name].parameters
    return itertools.product(*(domain(program, sizes, kind) for _, kind in parameters))


def _possible(program: ir.Program, name: str, values: tuple[Scalar, ...]) -> ir.Expr:
    """Return whether an action is possible with these arguments, without a guard of its own."""
    parameters = program.functions[name].parameters
    given = tuple(
        ir.Const(value, kind) for value, (_, kind) in zip(values, parameters, strict=True)
    )
    return ir.Call(f"can_{name}", given, ir.BOOL)


def _call(program: ir.Program, condition: Condition) -> ir.Expr:
    name, members = condition
    parameters = program.functions[name].parameters
    given = tuple(
        ir.Const(member, kind) for member, (_, kind) in zip(members, parameters, strict=True)
    )
    return ir.Call(name, given, ir.BOOL)


def _either(values: list[ir.Expr]) -> ir.Expr:
    """Join conditions with `or`."""
    return ir.Logic("or", tuple(values)) if values else ir.Const(False, ir.BOOL)
