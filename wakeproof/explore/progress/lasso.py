"""Find a short run that never does what it owes: a stem, and a loop that goes on for ever."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

from wakeproof.explore.progress.fair_runs import FairRuns
from wakeproof.explore.progress.graph import StateGraph
from wakeproof.explore.progress.questions import NO_GROUP, Obligation

ANY = -1
"""Any choice, of a move that has to be made."""

Move = tuple[int, int]
"""A step of a run: the state that it leads to, and its fair choice or `NO_GROUP`."""


@dataclass(frozen=True)
class Lasso:
    """A run from the initial state: the moves of its stem, then those of its loop, again and again.

    Without a loop the run stops at the end of the stem, and nothing happens any more.
    """

    stem: tuple[Move, ...]
    loop: tuple[Move, ...]


@dataclass(frozen=True)
class Part:
    """The states of the part with a number."""

    parts: Mapping[int, int]
    number: int

    def __contains__(self, state: object) -> bool:
        return self.parts.get(cast("int", state)) == self.number


def find_lasso(
    graph: StateGraph,
    obligation: Obligation,
    runs: FairRuns,
    recurring: Collection[tuple[int, int]],
) -> Lasso:
    """Return one of the fair `runs`, the shorter of two.

    One stops after the shortest stem, the other has the shortest stem into a part and a short loop.
    """
    found = []
    if runs.stops:
        found.append(Lasso(_stem(graph, obligation, runs.stops), ()))
    if runs.parts:
        stem = _stem(graph, obligation, runs.parts)
        last = stem[-1][0] if stem else 0
        inside = Part(runs.parts, runs.parts[last])
        found.append(Lasso(stem, _loop(graph, last, inside, recurring)))
    return min(found, key=lambda lasso: len(lasso.stem) + len(lasso.loop))


def _stem(graph: StateGraph, obligation: Obligation, wanted: Container[int]) -> tuple[Move, ...]:
    """Return a shortest stem into the states `wanted`."""
    if obligation.begins is None:
        return path(graph, [0], lambda n: n in wanted)
    return _stem_through(graph, obligation, wanted)


def path(
    graph: StateGraph,
    starts: Collection[int],
    wanted: Callable[[int], bool],
    inside: Container[int] | None = None,
    choice: int | None = None,
) -> tuple[Move, ...]:
    """Return the moves of a shortest path from one of `starts` to a state that is `wanted`.

    It stays `inside`; with a `choice` it has a move at least, and the last one takes this fair
    choice, or `ANY`. Raises `LookupError` if there is none.
    """
    came: dict[int, int | None] = dict.fromkeys(starts)
    if choice is None:
        for start in starts:
            if wanted(start):
                return ()
    queue = deque(starts)
    while queue:
        state = queue.popleft()
        for move in graph.steps(state):
            target, group = move
            if inside is not None and target not in inside:
                continue
            if choice in (None, ANY, group) and wanted(target):
                return (*_back(graph, came, state), move)
            if target not in came:
                came[target] = state
                queue.append(target)
    raise LookupError("the states of a part reach each other")


def _back(graph: StateGraph, came: Mapping[int, int | None], state: int) -> list[Move]:
    """Return the moves that led to a state, each the first one from the state before."""
    moves = []
    while (before := came[state]) is not None:
        moves.append(next(move for move in graph.steps(before) if move[0] == state))
        state = before
    return moves[::-1]


def _stem_through(
    graph: StateGraph, obligation: Obligation, wanted: Container[int]
) -> tuple[Move, ...]:
    """Return a shortest stem: to a state in which the obligation begins, then while it is owed."""
    begins, ends = obligation.begins, obligation.ends
    assert begins is not None
    came: dict[tuple[int, bool], tuple[tuple[int, bool], Move] | None] = {}
    queue: deque[tuple[int, bool]] = deque()

    def meet(state: int, owed: bool, before: tuple[tuple[int, bool], Move] | None) -> None:
        begun = graph.holds(state, begins) and not graph.holds(state, ends)
        for place in dict.fromkeys(((state, owed), (state, owed or begun))):
            if place not in came:
                came[place] = before
                queue.append(place)

    meet(0, False, None)
    while queue:
        place = queue.popleft()
        state, owed = place
        if owed and state in wanted:
            moves = []
            at = place
            while (before := came[at]) is not None:
                at, move = before
                moves.append(move)
            return tuple(reversed(moves))
        for move in graph.steps(state):
            if not (owed and graph.holds(move[0], ends)):
                meet(move[0], owed, (place, move))
    raise LookupError("what a fair run stays in is owed something")


def _holds(graph: StateGraph, condition: int, state: int) -> bool:
    return graph.holds(state, condition)


def _loop(
    graph: StateGraph, start: int, inside: Container[int], recurring: Collection[tuple[int, int]]
) -> tuple[Move, ...]:
    """Return the moves of a short fair loop from a state through a part.

    It is the shortest loop, and then goes where a choice that is enabled on it is taken, and where
    the second condition of each recurring pair holds whose first one does, until all is on it.
    """
    moves: list[Move] = []

    def go(wanted: Callable[[int], bool], choice: int | None = None) -> None:
        last = moves[-1][0] if moves else start
        moves.extend(path(graph, [last], wanted, inside, choice))

    while True:
        states = {start, *(state for state, _ in moves)}
        facts = 0
        for state in states:
            facts |= graph.facts_in(state)
        asked = next((b for a, b in recurring if facts >> a & 1 and not facts >> b & 1), None)
        enabled = 0
        for state in states:
            enabled |= graph.enabled_in(state)
        for _, group in moves:
            if group != NO_GROUP:
                enabled &= ~(1 << group)
        if asked is not None:
            go(partial(_holds, graph, asked))
        elif enabled:
            choice = (enabled & -enabled).bit_length() - 1
            go(lambda state: True, choice)
        elif not moves:
            go(lambda state: state == start, ANY)
        elif moves[-1][0] != start:
            go(lambda state: state == start)
        else:
            return tuple(moves)
