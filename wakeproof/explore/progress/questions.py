"""The questions about progress that a machine has: what is owed to whom, and which runs count."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from wakeproof.language.about_runs import BEGINS, ENDS, IF, THEN
from wakeproof.language.ir import Function, Program
from wakeproof.language.values import Scalar, Step, domain

NO_GROUP = 0xFFFF
"""The group of a step that need not be taken."""

Condition = tuple[str, tuple[int, ...]]
"""A function of the model that returns bool, and its arguments: members of index types."""


@dataclass(frozen=True)
class Obligation:
    """One property of progress for some members: `begins` leads to `ends`, conditions by number.

    Without `begins` it is owed in every state.
    """

    property: str
    members: tuple[int, ...]
    begins: int | None
    ends: int


@dataclass
class Questions:
    """The obligations of a machine, and the assumptions about the runs that count.

    `conditions` are evaluated in every state. Each of `recurring` is a pair of them: if the first
    holds again and again, so does the second. `groups` numbers the fair choices: an action, and the
    values of the parameters for which it is fair. One that is enabled again and again is taken
    again and again. `left_out` are fair actions that the run does not allow: where one is possible,
    the graph does not have what the host would do, and nothing is decided.
    """

    conditions: list[Condition] = field(default_factory=list)
    obligations: list[Obligation] = field(default_factory=list)
    recurring: list[tuple[int, int]] = field(default_factory=list)
    groups: dict[tuple[str, tuple[Scalar, ...]], int] = field(default_factory=dict)
    fair: dict[str, tuple[int, ...]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def number(self, name: str, members: tuple[int, ...] = ()) -> int:
        """Return the number of a new condition."""
        self.conditions.append((name, members))
        return len(self.conditions) - 1

    def group_of(self, step: Step) -> int:
        """Return the group of a step; `NO_GROUP` if it need not be taken."""
        places = self.fair.get(step.action)
        if places is None:
            return NO_GROUP
        return self.groups[step.action, tuple(step.arguments[i] for i in places)]


def questions_of(
    program: Program,
    sizes: Mapping[str, int],
    actions: Sequence[str],
    assumed: Collection[str],
) -> Questions:
    """Return what a program asks about the runs of `actions`, under the assumptions `assumed`."""
    found = Questions()
    begins = {f.marks[BEGINS]: f for f in program.marked(BEGINS).values()}
    for function in program.marked(ENDS).values():
        property_id = function.marks[ENDS]
        for members in _members(sizes, function):
            first = begins.get(property_id)
            begin = None if first is None else found.number(first.name, members)
            end = found.number(function.name, members)
            found.obligations.append(Obligation(property_id, members, begin, end))
    then = {f.marks[THEN]: f for f in program.marked(THEN).values()}
    for function in program.marked(IF).values():
        if function.marks[IF] in assumed:
            second = then[function.marks[IF]].name
            for members in _members(sizes, function):
                pair = found.number(function.name, members), found.number(second, members)
                found.recurring.append(pair)
    for function in program.marked("fair").values():
        if function.name in assumed and function.name in actions:
            _add_groups(found, program, sizes, function)
        elif function.name in assumed:
            found.left_out.append(function.name)
    return found


def _members(sizes: Mapping[str, int], function: Function) -> list[tuple[int, ...]]:
    """List the choices of members for the parameters of a condition."""
    return list(itertools.product(*(range(sizes[kind.name]) for _, kind in function.parameters)))


def _add_groups(
    found: Questions, program: Program, sizes: Mapping[str, int], function: Function
) -> None:
    """Number the fair choices of an action, in the order of their values."""
    named = function.marks["fair"].split()
    places = [i for i, (name, _) in enumerate(function.parameters) if name in named]
    domains = [domain(program, sizes, function.parameters[i][1]) for i in places]
    for values in itertools.product(*domains):
        found.groups[function.name, values] = len(found.groups)
    found.fair[function.name] = tuple(places)


def left_out(names: Sequence[str]) -> str:
    """Return why nothing is decided where these fair actions are possible and left out."""
    return f"the scenario leaves out {', '.join(names)}, which is possible" if names else ""
