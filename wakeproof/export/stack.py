"""The stack in linear memory over a trace: which frames lie where, and where its pointer is.

A frame is one unit, as in the model. The stacks are made from the names that the bundled hosts have
for their fields; a trace of a model with other fields has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wakeproof.export.story import Story
from wakeproof.util.text import shortened

State = Mapping[str, str]

POINTER = "stack_pointer"
ON_THE_STACK = ("POLLING", "SET_POLL", "DROPPING")
"""The phases of a callback that has not returned."""
NESTED = "block_on"
LONGEST = 18
"""How many characters a name has at most."""
COLUMN, HEIGHT, HEAD = 210, 40, 56
"""The distance of two stacks, the height of a frame and of what is above."""


@dataclass(frozen=True)
class Frame:
    """A frame at its place, from 0: what it is of, and whether the pointer is below its end."""

    place: int
    name: str
    kind: str
    overwritten: bool


@dataclass(frozen=True)
class Stack:
    """The frames after step `first`, the lowest first, and the pointer; the same until `last`."""

    first: int
    last: int
    pointer: int
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class StackDrawing:
    """Stacks from left to right, each with its left edge, and the height of each place's floor."""

    width: int
    height: int
    columns: list[tuple[int, Stack]]
    places: int

    def floor(self, place: int) -> int:
        """Return the height at which a place begins; places grow upwards."""
        return HEAD + (self.places - place) * HEIGHT


def stacks_of(story: Story, functions: Mapping[int, str]) -> list[Stack]:
    """Return each stack of a story; none if no two threads have frames at once.

    `functions` are the Rust functions that are called, by the number of the step.
    """
    names: dict[str, str] = {}
    found: list[Stack] = []
    threads = 0
    for moment in story.moments:
        state = moment.state
        if POINTER not in state:
            return []
        live = list(_frames(state))
        for cell, *_ in live:
            names.setdefault(cell, functions.get(moment.number, ""))
        # a slot for calls of synchronous type is taken again by another
        cells = [cell for cell, *_ in live]
        names = {c: name for c, name in names.items() if c.startswith("frame") or c in cells}
        threads = max(threads, len([kind for *_, kind in live if kind != NESTED]))
        pointer = int(state[POINTER])
        frames = tuple(
            Frame(place, shortened(names[cell] or name, LONGEST), kind, place >= pointer)
            for cell, place, name, kind in sorted(live, key=lambda one: one[1])
        )
        number = moment.number
        if found and (found[-1].pointer, found[-1].frames) == (pointer, frames):
            number = found.pop().first
        found.append(Stack(number, moment.number, pointer, frames))
    return found if threads > 1 else []


def _frames(state: State) -> Iterator[tuple[str, int, str, str]]:
    """Yield each frame on the stack: its field, its place, the name and the kind of its owner."""
    for cell, value in state.items():
        kind, _, owner = cell.removesuffix("]").partition("[")
        if kind == "frame" and state.get(f"alive[{owner}]") == "true":
            nested = state.get(f"executor_role[{owner}]") == "BLOCK_ON"
            if nested or state.get(f"phase[{owner}]") in ON_THE_STACK:
                yield cell, int(value), owner, NESTED if nested else "async export"
        elif kind == "sync_frame" and state.get(f"sync_state[{owner}]", "FREE") != "FREE":
            yield cell, int(value), owner, "sync export"


def drawing_of_stacks(stacks: Sequence[Stack]) -> StackDrawing | None:
    """Return the drawing of stacks; None without any."""
    if not stacks:
        return None
    places = max(max([s.pointer, *(f.place + 1 for f in s.frames)]) for s in stacks)
    return StackDrawing(
        COLUMN * len(stacks),
        HEAD + places * HEIGHT + 16,
        [(n * COLUMN + 44, stack) for n, stack in enumerate(stacks)],
        places,
    )


def last_words(stacks: Sequence[Stack]) -> str:
    """Return what the last stack shows, if it is not as it should be; else empty."""
    if not stacks:
        return ""
    last = stacks[-1]
    written = [frame for frame in last.frames if frame.overwritten]
    if written:
        names = " and ".join(f"`{frame.name}`" for frame in written)
        lie = "lies" if len(written) == 1 else "lie"
        return (
            f"After step {last.last} the frames of {names}, which still wait, {lie} above the "
            "pointer: what is called next writes over them."
        )
    if last.pointer and not last.frames:
        return f"After step {last.last} no frame is left, and the pointer is not where it began."
    return ""
