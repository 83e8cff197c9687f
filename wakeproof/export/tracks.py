"""What tasks, waitables and operations are over time: who waits on which set, what is in the sets.

Tracks are made from the names that the bundled model has for its fields; a trace of a model with
other fields has none.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wakeproof.export.story import RUNNING, TASK, Story

State = Mapping[str, str]
NOBODY = ("null", "", "NONE", "NOTHING")

ENDED = "ended"
PHASES = {
    "ENDED": ENDED,
    "POLLING": "runs",
    "SET_POLL": "polls its set",
    "WAITING": "waits",
    "YIELDED": "has yielded",
    "CANCELLING": "is cancelled",
    "BLOCKED_WAIT": "waits in block_on",
    "BLOCKED_POLL": "yields in block_on",
    "DROPPING": "drops its future",
    "WAKING": "runs a waker",
    "LOST": "is lost",
}
"""The phases of a task in words."""
ENDS = {
    "STREAM_READ": "reader of stream",
    "STREAM_WRITE": "writer of stream",
    "FUTURE_READ": "reader of future",
    "FUTURE_WRITE": "writer of future",
    "SUBTASK": "call of an import",
}
"""The kinds of waitables in words."""
WAKERS = {"NOOP": "nobody", "PROGRAM": "code of the program"}
"""Whom a waker wakes that is not of a future."""


@dataclass(frozen=True)
class Span:
    """What something is in so many states from the one with number `first` on; empty if nothing."""

    text: str
    first: int
    states: int


@dataclass(frozen=True)
class Track:
    """A thing, what is shown of it, and its value in each state, the first one included."""

    thing: str
    shows: str
    values: tuple[str, ...]

    def spans(self) -> list[Span]:
        """Return the values, with those that stay the same put together."""
        found, first = [], 0
        for text, same in itertools.groupby(self.values):
            found.append(Span(text, first, len(list(same))))
            first += found[-1].states
        return found


def tracks_of(story: Story, names: Mapping[str, Sequence[str]]) -> list[Track]:
    """Return what changes in a story, apart from what never does; `names` are the members.

    The tasks come first, then the waitables, then the operations.
    """
    states = [story.first, *(moment.state for moment in story.moments)]
    found = itertools.chain(
        map(_to_the_end, _of(states, names.get(TASK, ()), "", _task)),
        *(
            itertools.chain(
                _of(states, (handle,), "is in", _set_of),
                _of(states, (handle,), "has the event", _event_of),
            )
            for handle in names.get("Handle", ())
        ),
        *(
            itertools.chain(
                _of(states, (operation,), "is held by", _owner_of),
                _of(states, (operation,), "is registered with", _registered),
                _of(states, (operation,), "wakes", _woken),
            )
            for operation in names.get("Operation", ())
        ),
    )
    return list(found)


def changes_at(tracks: Iterable[Track], number: int) -> list[tuple[str, str, str, str]]:
    """Return what changes at a step: the thing, what is shown of it, before, after."""
    return [
        (track.thing, track.shows, track.values[number - 1], track.values[number])
        for track in tracks
        if track.values[number - 1] != track.values[number]
    ]


def _of(
    states: Sequence[State],
    members: Iterable[str],
    shows: str,
    value: Callable[[State, str], str],
) -> Iterator[Track]:
    """Yield a track of each member with more than one value."""
    for member in members:
        values = tuple(value(state, member) for state in states)
        if len(set(values)) > 1:
            yield Track(_label(states, member), shows, values)


def _to_the_end(track: Track) -> Track:
    """Return the track of a task, which has ended wherever it is not there any more."""
    values: list[str] = []
    for value in track.values:
        values.append(value or (ENDED if any(values) else ""))
    return dataclasses.replace(track, values=tuple(values))


def _label(states: Sequence[State], member: str) -> str:
    """Return the name of a member, for a handle with what it is of."""
    for state in states:
        kind = ENDS.get(state.get(f"slot[{member}]", ""))
        if kind:
            channel = state.get(f"end_channel[{member}]", "null")
            return f"{member}, {kind}" + ("" if channel in NOBODY else f" {channel}")
    return member


def _task(state: State, task: str) -> str:
    """Return what a task does, and on which set it waits."""
    phase = state.get(f"phase[{task}]", "")
    if phase == "ENDED" and state.get(f"used[{task}]") != "true":
        return ""
    words = PHASES.get(phase, phase.lower().replace("_", " "))
    if state.get(f"given_up[{task}]", "null") not in NOBODY:
        return "waits in subtask.cancel"
    if phase == "POLLING" and state.get(RUNNING) != task:
        return "has called another"
    own = state.get(f"waitable_set[{task}]", "null")
    waits = phase in ("WAITING", "BLOCKED_WAIT")
    return f"{words} on {own}" if waits and own not in NOBODY else words


def _set_of(state: State, handle: str) -> str:
    """Return the set that a waitable is in, with the tasks whose set that is."""
    if state.get(f"slot[{handle}]") not in ENDS:
        return ""
    own = state.get(f"wset[{handle}]", "null")
    tasks = [task for task in _tasks(state) if state.get(f"waitable_set[{task}]") == own]
    return "no set" if own in NOBODY else own + (f" of {' and '.join(tasks)}" if tasks else "")


def _event_of(state: State, handle: str) -> str:
    """Return the pending event of a waitable."""
    event = state.get(f"pending[{handle}]", "")
    return "" if event in NOBODY else event


def _owner_of(state: State, operation: str) -> str:
    """Return who holds an operation: a future, or shared storage."""
    if state.get(f"state[{operation}]") in ("FREE", None):
        return ""
    if any(
        c.startswith(("given_up[", "sync_given_up[")) and v == operation for c, v in state.items()
    ):
        return "a drop that waits"
    owner = state.get(f"owner[{operation}]", "null")
    return "shared storage" if owner in NOBODY else owner


def _registered(state: State, operation: str) -> str:
    """Return the tasks that have an operation in their map, by the handle."""
    return " and ".join(
        dict.fromkeys(
            cell.split("[")[1].rstrip("]")
            for cell, value in state.items()
            if cell.startswith("waitables[") and value == operation
        )
    )


def _woken(state: State, operation: str) -> str:
    """Return the future that the waker of an operation wakes."""
    kind = state.get(f"waker[{operation}]", "NONE")
    if kind != "CONTEXT":
        return "" if kind in NOBODY else WAKERS.get(kind, "itself")
    return state.get(f"waker_future[{operation}]", "")


def _tasks(state: State) -> Iterator[str]:
    """Yield the tasks of a state."""
    for cell in state:
        if cell.startswith("phase["):
            yield cell.removeprefix("phase[").removesuffix("]")
