"""Two runs beside each other: they take the same steps, and the first difference is marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wakeproof.execution.trace import CallRow, call_text
from wakeproof.review.lockstep import run_in_lockstep
from wakeproof.util.text import plural
from wakeproof.web.path import Follower, Moment, Path
from wakeproof.web.picture import cells_of
from wakeproof.web.ways import Way

NOTHING = "nothing more"
"""What a host sees of a run that makes no further call in a step."""
MOST_PAIRS = 4_000
"""The pairs of states of a search for a difference."""


@dataclass(frozen=True)
class Difference:
    """The first step in which two runs differ, and what each of them does there."""

    step: int
    what: str
    one: str
    other: str


def first_difference(one: Path, other: Path) -> Difference | None:
    """Return the first difference that a host sees: a call, its result, an end, a step that is
    possible in one run alone; None if there is none.
    """
    pairs = zip(one.moments[1:], other.moments[1:], strict=False)
    for number, (first, second) in enumerate(pairs, 1):
        for a, b in zip(_seen(first), _seen(second), strict=False):
            if a != b:
                return Difference(number, "the host sees", a, b)
        lengths = len(_seen(first)), len(_seen(second))
        if lengths[0] != lengths[1]:
            longer = _seen(first if lengths[0] > lengths[1] else second)[min(lengths)]
            words = (longer, NOTHING) if lengths[0] > lengths[1] else (NOTHING, longer)
            return Difference(number, "the host sees", *words)
    lengths = len(one.moments), len(other.moments)
    if lengths[0] != lengths[1]:
        words = (
            ("possible", "not possible")
            if lengths[0] > lengths[1]
            else ("not possible", "possible")
        )
        return Difference(min(lengths), "the step is", *words)
    return None


def _seen(moment: Moment) -> list[str]:
    """Return what a host sees of a step: its calls of builtins, and how it goes wrong."""
    calls: Sequence[CallRow] = () if moment.row is None else moment.row["calls"]
    lines = [call_text(c, c["arguments"].values()) for c in calls if c["kind"] == "builtin"]
    return [*lines, f"{moment.kind} at {moment.site}"] if moment.kind else lines


def differing_cells(one: Follower, first: Moment, other: Follower, second: Moment) -> set[str]:
    """Return the names of the scalars that two states have with different values."""
    a, b = cells_of(one.tracer, first.state), cells_of(other.tracer, second.state)
    return {name for name in a.keys() | b.keys() if a.get(name) != b.get(name)}


def way_to_difference(one: Follower, other: Follower) -> Way:
    """Return a shortest way, from the beginning, to where a host sees a difference."""
    found = run_in_lockstep(one.instance, other.instance, MOST_PAIRS)
    shortest = min(found.differences.values(), key=lambda d: len(d.steps), default=None)
    if shortest is not None:
        return Way(tuple(one.line(step) for step in shortest.steps))
    pairs = plural(found.pairs, "pair")
    if found.limit:
        return Way(None, f"Not known: a host sees no difference in {pairs} of states.")
    return Way(None, f"A host sees no difference: there are {pairs} of states, all were seen.")
