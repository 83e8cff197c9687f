"""Decide every obligation of a run on its graph, and turn the answers into violations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from wakeproof.explore.progress.fair_runs import FairRuns, fair_runs, is_ever_owed
from wakeproof.explore.progress.graph import StateGraph
from wakeproof.explore.progress.lasso import Lasso, Move, find_lasso
from wakeproof.explore.progress.questions import NO_GROUP, Obligation, Questions
from wakeproof.explore.result import Violation
from wakeproof.language.values import Snapshot, Step

Decide = Callable[
    [StateGraph, Sequence[Obligation], Collection[tuple[int, int]]], Iterable[FairRuns]
]
"""A function that decides every obligation as `fair_runs` decides one."""

StepsFrom = Callable[[Snapshot], Sequence[tuple[Step, object]]]
"""A function that lists the enabled steps of a state, each with its outcome."""


def one_by_one(
    graph: StateGraph,
    obligations: Sequence[Obligation],
    recurring: Collection[tuple[int, int]],
) -> Iterator[FairRuns]:
    """Yield of every obligation what `fair_runs` returns."""
    return (fair_runs(graph, o.begins, o.ends, recurring) for o in obligations)


def decide(
    questions: Questions,
    graph: StateGraph,
    state: Callable[[int], Snapshot],
    steps_from: StepsFrom,
    fair: Decide = one_by_one,
) -> dict[tuple[str, str], Violation]:
    """Return a violation for every property of progress that some fair run breaks.

    Of the members of a property the one with the shortest run counts. `state` returns the state
    with a number.
    """
    best: dict[str, tuple[int, Lasso, tuple[int, ...]]] = {}
    asked = [o for o in questions.obligations if is_ever_owed(graph, o)]
    found_runs = fair(graph, asked, questions.recurring)
    for obligation, runs in zip(asked, found_runs, strict=True):
        if not runs:
            continue
        lasso = find_lasso(graph, obligation, runs, questions.recurring)
        length = len(lasso.stem) + len(lasso.loop)
        known = best.get(obligation.property)
        if known is None or length < known[0]:
            best[obligation.property] = length, lasso, obligation.members
    found = {}
    for property_id, (_, lasso, members) in best.items():
        steps = _named([*lasso.stem, *lasso.loop], questions, state, steps_from)
        found[property_id, ""] = Violation(
            "progress", "", steps, loop=len(lasso.stem), members=members
        )
    return found


def _named(
    moves: Sequence[Move],
    questions: Questions,
    state: Callable[[int], Snapshot],
    steps_from: StepsFrom,
) -> tuple[Step, ...]:
    """Return the step of each move: the first one with its target and its fair choice."""
    steps = []
    here = state(0)
    for target, group in moves:
        there = state(target)
        steps.append(
            next(
                step
                for step, outcome in steps_from(here)
                if outcome == there and (group == NO_GROUP or questions.group_of(step) == group)
            )
        )
        here = there
    return tuple(steps)
