"""The graph of a native search, and the decision on it in native code."""

from __future__ import annotations

import ctypes
import functools
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any, cast

from wakeproof.explore.native.compiler import load
from wakeproof.explore.native.library import typed
from wakeproof.explore.progress.fair_runs import FairRuns
from wakeproof.explore.progress.graph import WORD, StateGraph, joined, words
from wakeproof.explore.progress.questions import Obligation, Questions, left_out

SLICE = 100_000
"""States between two times at which an interrupt is noticed."""

DECISION = {"trim": ("i", "PPIPP"), "fair_runs": ("i", "PqIPIPP")}
"""The functions of fair_runs.c."""


class _Graph(ctypes.Structure):
    """`struct graph` of graph.c, which is filled."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("offsets", "targets", "groups", "enabled", "facts")),
        ("steps", ctypes.c_uint64),
        ("possible", ctypes.c_uint64),
        ("ever", ctypes.c_void_p),
        ("always", ctypes.c_void_p),
        ("first", ctypes.c_uint32),
    )


class _Decided(ctypes.Structure):
    """`struct graph` of fair_runs.c, which is read."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("offsets", "targets", "groups", "enabled", "facts")),
        *((name, ctypes.c_uint32) for name in ("states", "group_words", "fact_words")),
        ("pairs", ctypes.c_void_p),
        ("pair_count", ctypes.c_uint32),
    )


def memory_of(questions: Questions, states: int, steps: int, threads: int) -> int:
    """Return the bytes that the graph of a search takes, and the decision on it."""
    width = words(len(questions.groups)) + words(len(questions.conditions))
    graph = states * (8 + 8 * width) + steps * 6
    # each thread decides on a copy of what is left, at most of the whole graph
    left, decision = 8 * states, states * (4 * 9 + 4 + 1 + 8 * 2) + steps * 6
    return graph + left + threads * decision


def state_graph(
    library: ctypes.CDLL, handle: int, questions: Questions, states: int, steps: int
) -> tuple[StateGraph, str]:
    """Return the graph of a search that is complete; it has counted so many states and steps.

    The threads of the search make it. With it comes the reason why nothing is decided, as the run
    leaves out an action, or empty. Raises `MemoryError` without memory.
    """
    group_words, fact_words = words(len(questions.groups)), words(len(questions.conditions))
    graph = StateGraph(
        group_words,
        fact_words,
        _zeros("Q", states + 1),
        _zeros("I", steps),
        _zeros("H", steps),
        _zeros("Q", states * group_words),
        _zeros("Q", states * fact_words),
    )
    ever, always = _zeros("Q", fact_words), array("Q", [(1 << WORD) - 1] * fact_words)
    places = ever.buffer_info()[0], always.buffer_info()[0]
    filled = _Graph(*_addresses(graph), 0, 0, *places)
    for begin in range(0, states, SLICE):
        end = min(states, begin + SLICE)
        if not library.wakeproof_graph(handle, ctypes.byref(filled), begin, end):
            raise MemoryError
    del graph.targets[filled.steps :], graph.groups[filled.steps :]
    graph.ever, graph.always = joined(ever, 0, fact_words), joined(always, 0, fact_words)
    named = enumerate(questions.left_out)
    return graph, left_out([name for i, name in named if filled.possible >> i & 1])


def fair_runs(
    graph: StateGraph,
    obligations: Sequence[Obligation],
    recurring: Collection[tuple[int, int]],
    threads: int = 1,
) -> Iterator[FairRuns]:
    """Yield of every obligation what `progress.fair_runs.fair_runs` returns.

    So many `threads` decide one obligation each. Raises `MemoryError` without memory.
    """
    pairs = array("I", [condition for pair in recurring for condition in pair])
    given = _Decided(*_addresses(graph), len(graph), graph.group_words, graph.fact_words)
    given.pairs, given.pair_count = pairs.buffer_info()[0], len(pairs) // 2
    left = _zeros("Q", len(graph))
    for first in range(0, len(obligations), WORD):
        some = obligations[first : first + WORD]
        ends, found = array("I", [o.ends for o in some]), ctypes.c_uint64()
        if not _library().wakeproof_trim(
            ctypes.byref(given),
            ends.buffer_info()[0],
            len(some),
            left.buffer_info()[0],
            ctypes.byref(found),
        ):
            raise MemoryError
        decide = partial(_fair_runs_of, given, left, found.value)
        if threads == 1:
            yield from map(decide, enumerate(some))
            continue
        with ThreadPoolExecutor(threads) as pool:
            # a few at a time, as each takes memory for all states
            numbered = list(enumerate(some))
            for at in range(0, len(some), threads):
                yield from pool.map(decide, numbered[at : at + threads])


def _fair_runs_of(
    given: _Decided, left: array[int], found: int, numbered: tuple[int, Obligation]
) -> FairRuns:
    """Decide the obligation with this number, of which `left` and `found` have a bit."""
    number, obligation = numbered
    if not found >> number & 1:
        return FairRuns()
    part, stops = _zeros("I", len(left)), _zeros("B", len(left))
    some = _library().wakeproof_fair_runs(
        ctypes.byref(given),
        -1 if obligation.begins is None else obligation.begins,
        obligation.ends,
        left.buffer_info()[0],
        number,
        part.buffer_info()[0],
        stops.buffer_info()[0],
    )
    if some < 0:
        raise MemoryError
    return FairRuns(_Marked(stops), _Numbered(part)) if some else FairRuns()


class _Marked(Set[int]):
    """The states whose cell is not 0; they are not copied, as there may be millions."""

    def __init__(self, cells: array[int]) -> None:
        self.cells = cells

    def __contains__(self, state: object) -> bool:
        return bool(self.cells[cast("int", state)])

    def __iter__(self) -> Iterator[int]:
        return compress(range(len(self.cells)), self.cells)

    def __len__(self) -> int:
        return len(self.cells) - self.cells.count(0)

    def __bool__(self) -> bool:
        return any(self.cells)


class _Numbered(Mapping[int, int]):
    """The states whose cell is not 0, each with the number in it."""

    def __init__(self, cells: array[int]) -> None:
        self.cells = cells
        self.states = _Marked(cells)

    def __contains__(self, state: object) -> bool:
        return state in self.states

    def __getitem__(self, state: int) -> int:
        if number := self.cells[state]:
            return number
        raise KeyError(state)

    def __iter__(self) -> Iterator[int]:
        return iter(self.states)

    def __len__(self) -> int:
        return len(self.states)

    def __bool__(self) -> bool:
        return bool(self.states)


def _zeros(kind: str, count: int) -> array[int]:
    return array(kind, bytes(array(kind).itemsize * count))


def _addresses(graph: StateGraph) -> list[Any]:
    """Return the addresses of the columns of a graph, in the order of the structs."""
    columns = (graph.offsets, graph.targets, graph.groups, graph.enabled, graph.facts)
    return [column.buffer_info()[0] for column in columns]


@functools.cache
def _library() -> ctypes.CDLL:
    """Return the compiled decision. Raises `CompilerError` if it cannot be had."""
    text = Path(__file__).with_name("fair_runs.c").read_text(encoding="utf-8")
    return typed(load(text), DECISION)
