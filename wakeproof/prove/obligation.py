"""Obligations: what is asked about an action, the answers, and counterexamples to induction."""

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
"""Why a fact fails that an initial state breaks."""

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
    `fails` (with a counterexample; that of an initial state is the step to it) or `unknown` (with
    a reason). `needs` are the facts about the state before that a proof made use of; `sizes` are
    those of the window of a proof for any number of members. An obligation that was decided for
    several mixes at once has an answer for each, and each its share of the `seconds`.
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
    """What is asked in one mix: what follows from the facts that are `given` for those `wanted`.

    The mix is a pair for each role that may run several versions; with none it is any mix. A proof
    leans on what is `spared` of the given only where it cannot do without.
    """

    mix: tuple[tuple[str, str], ...]
    given: tuple[str, ...]
    wanted: tuple[str, ...]
    spared: tuple[str, ...] = ()


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
    """Plain Python does not do what the solver has found: a bug of this tool."""


def in_its_own_mix(
    counterexample: Counterexample, several: ir.Program, one: ir.Program
) -> Counterexample:
    """The counterexample of a program of several mixes, in that of its mix.

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
