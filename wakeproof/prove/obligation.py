"""Obligations: the questions about an action, their answers, and counterexamples to induction."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from wakeproof.execution.machine import Machine
from wakeproof.language import ir
from wakeproof.language.analysis import called, nodes
from wakeproof.language.primitives import WentWrong
from wakeproof.language.resolve import Resolved
from wakeproof.language.values import (
    Run,
    Scalar,
    Snapshot,
    Step,
    key_size,
)

INITIAL = "initial"
"""The action of the obligations about the initial states."""

AT_THE_BEGINNING = "it does not hold at the beginning"
"""The reason for which a fact fails that an initial state breaks."""

WRONG = ("panic", "trap", "undefined")
"""The ways to go wrong of which each site is an obligation."""
"""The ways to go wrong of which each site is an obligation."""


@dataclass(frozen=True)
class Counterexample:
    """A step that breaks a fact, or goes wrong, from a state in which all facts hold."""

    sizes: Mapping[str, int]
    parameters: Mapping[str, object]
    before: Snapshot
    step: Step


@dataclass(frozen=True)
class Answer:
    """The answer to one obligation.

    `goal` is the name of a fact, or `kind site` of a way to go wrong. `status` is `proved`, `fails`
    (with a counterexample; for an initial state it is the step to it) or `unknown` (with a reason).
    `needs` are the facts about the state before that the proof used; `sizes` are those of the
    window of a proof for any number of members. An obligation that was decided for several mixes at
    once has an answer for each, and each has its share of the `seconds`.
    """

    action: str
    goal: str
    status: str
    seconds: float
    mix: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()
    reason: str = ""
    counterexample: Counterexample | None = None
    sizes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Question:
    """A question about one mix: do the facts `given` before imply those `wanted` after?

    The mix is a pair for each role that may run several versions; an empty one is any mix. A proof
    uses the `reserved` facts of the given ones only if it fails without them.
    """

    mix: tuple[tuple[str, str], ...]
    given: tuple[str, ...]
    wanted: tuple[str, ...]
    reserved: tuple[str, ...] = ()


def facts_of(program: ir.Program) -> dict[str, ir.Function]:
    """Lemmas by name, then properties by id, in the order of the texts."""
    lemmas = program.marked("lemma")
    return lemmas | {f.marks["invariant"]: f for f in program.marked("invariant").values()}


def premises_of(program: ir.Program) -> dict[str, ir.Function]:
    """The premises by name."""
    return program.marked("premise")


def actions_of(program: ir.Program) -> list[str]:
    """The names of the actions, `INITIAL` first."""
    names = [f.name for f in program.marked("action").values() if f.marks["action"] != "initial"]
    return [INITIAL, *names]


def site_goal(kind: str, site: str) -> str:
    """The name of the obligation that a site is never reached."""
    return f"{kind} {site}"


def sites_in(program: ir.Program, roots: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The ways to go wrong in the text of these functions and of all they call: kind and site."""
    for function in called(program, roots):
        for node in nodes(function.body):
            match node:
                case ir.Wrong(kind=kind, site=site) if kind in WRONG:
                    yield kind, site
                case ir.Unwrap(site=site):
                    yield "panic", site


class ReplayError(Exception):
    """Plain Python does not confirm what the solver has found: a bug of this tool."""


def in_its_own_mix(
    counterexample: Counterexample, several: ir.Program, one: ir.Program
) -> Counterexample:
    """The counterexample to the program of several mixes, as one to that of its own mix.

    What only other mixes have is left out.
    """
    cells = iter(counterexample.before)
    fields: dict[str, list[Scalar]] = {}
    for field, declared in several.state.items():
        sizes = (key_size(several, counterexample.sizes, key) for key in declared.keys)
        fields[field] = list(itertools.islice(cells, math.prod(sizes)))
    before = tuple(cell for field in one.state for cell in fields[field])
    parameters = {n: value for n, value in counterexample.parameters.items() if n in one.parameters}
    return replace(counterexample, parameters=parameters, before=before)


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
