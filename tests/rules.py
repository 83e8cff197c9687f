"""Small models of the model language, one rule each, on a head of lamps, doors and a counter."""

from __future__ import annotations

from pathlib import Path

from wakeproof.language.resolve import Resolved, resolve
from wakeproof.language.sources import read_sources
from wakeproof.language.values import Run

HEAD = '''"""A lamp on every floor, a door on some, and a counter."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from wakeproof.language import (
    Array, Enumeration, Index, Limit, action, auto, bound, count, declare, guard, invariant,
    panic, require, trap, unwrap,
)


class Floor(Index):
    """A floor."""


class Door(Index):
    """A door."""


class Colour(Enumeration):
    """What a door shows."""

    RED = auto()
    GREEN = auto()
    BLUE = auto()


Count: TypeAlias = Annotated[int, Limit(3)]


class State:
    """Everything that changes."""

    lit: Array[Floor, bool]
    last: Floor | None
    shows: Array[Door, Colour]
    total: Count


class Parameters:
    """What a run fixes."""

    floor_of: Array[Door, Floor]
    goal: Count


s = declare(State)
p = declare(Parameters)


@action("initial")
def initialise() -> None:
    s.total = 0


def bump() -> bool:
    """Count one more, and return whether the count was not 0 before."""
    s.total += 1
    return s.total > 1


'''
RUN = Run({"Floor": 3, "Door": 2}, {"floor_of": [2, 0], "goal": 2})
"""A run of any of these models."""


def load(folder: Path, text: str) -> Resolved:
    """Write and resolve the model that consists of the head and this text."""
    (folder / "model.py").write_text(HEAD + text, encoding="utf-8")
    return resolve(read_sources(folder), {})


DARES = """
def dares(floor: Floor) -> bool:
    if s.last == floor:
        panic("dares")
    return s.lit[floor]

"""
"""A function that may go wrong, for the rules below."""

RULES = {
    "a return leaves the loop and the function": """
def first_lit() -> Floor | None:
    for floor in Floor:
        if s.lit[floor]:
            return floor
    return None


@action("test")
def act() -> None:
    s.last = first_lit()
""",
    "what follows an early return is not done": """
def leave(floor: Floor) -> None:
    if s.lit[floor]:
        s.last = None
        if s.total > p.goal:
            return
        s.last = floor
    s.total += 1


@action("test")
def act(floor: Floor) -> None:
    leave(floor)
    leave(floor)
""",
    "`and` evaluates its parts only as long as they hold": """
@action("test")
def act(floor: Floor) -> None:
    if s.lit[floor] and bump() and bump():
        s.last = floor
""",
    "`or` evaluates its parts only as long as they fail": """
@action("test")
def act(floor: Floor) -> None:
    if s.lit[floor] or bump() or bump():
        s.last = floor
""",
    "a choice evaluates one of its parts": """
def mark(floor: Floor) -> Floor | None:
    s.lit[floor] = not s.lit[floor]
    return s.last


@action("test")
def act(floor: Floor) -> None:
    s.last = mark(floor) if s.total > 1 else (floor if bump() else None)
""",
    "`any` stops at the first member that holds": DARES
    + """
@action("test")
def act() -> None:
    if any(dares(floor) for floor in Floor):
        s.total += 1
""",
    "`all` stops at the first member that fails": DARES
    + """
@action("test")
def act() -> None:
    if all(dares(floor) for floor in Floor if s.total > 1 or s.lit[floor]):
        s.total += 1
""",
    "`count` counts": """
@action("test")
def act() -> None:
    s.total = count(s.lit[floor] for floor in Floor if floor != s.last) + s.total
""",
    "quantifiers nest, and read what they bind": """
@action("test")
def act() -> None:
    s.lit[p.floor_of[first_door()]] = all(
        any(s.shows[door] == Colour.RED and p.floor_of[door] == floor for door in Door)
        for floor in Floor
        if s.lit[floor]
    )


def first_door() -> Door:
    found: Door | None = None
    for door in Door:
        if found is None and s.shows[door] != Colour.GREEN:
            found = door
    return unwrap(found, "first_door")
""",
    "guards enable an action": """
@action("test")
def act(door: Door) -> None:
    last = require(s.last)
    guard(s.shows[door] == Colour.RED)
    guard(s.lit[last] and p.floor_of[door] != last)
    s.lit[last] = False
""",
    "the first thing that goes wrong ends the action": """
def check(floor: Floor) -> None:
    if s.lit[floor]:
        trap("check")


@action("test")
def act(floor: Floor) -> None:
    guard(s.total > 0)
    check(floor)
    last = unwrap(s.last, "act")
    check(last)
    if s.total == p.goal:
        panic("act")
    s.total = 0
""",
    "a function that is left early may have gone wrong before": """
def pick(floor: Floor) -> Floor:
    last = unwrap(s.last, "pick")
    if s.lit[floor]:
        return last
    s.total += 1
    return floor


@action("test")
def act(floor: Floor) -> None:
    s.last = pick(floor)
    if s.total > p.goal:
        panic("act")
    s.lit[floor] = False
""",
    "a function may return from some branches and go wrong in the rest": """
def floor_behind(door: Door) -> Floor | None:
    if s.shows[door] == Colour.RED:
        return s.last
    if s.shows[door] == Colour.GREEN:
        return p.floor_of[door]
    panic("floor_behind")


@action("test")
def act(door: Door) -> None:
    s.last = floor_behind(door)
    if s.last is None:
        trap("act")
    s.total = 0
""",
    "a bound ends a run only where control reaches it": """
def above(floor: Floor) -> Floor:
    next: Floor | None = None
    take = False
    for other in Floor:
        if take:
            next = other
        take = other == floor
    if next is None:
        bound("floors")
    return next


@action("test")
def act() -> None:
    last = s.last
    if last is not None and s.lit[last]:
        s.last = above(last)
""",
    "a cell is found by a key that the state holds": """
@action("test")
def act(door: Door) -> None:
    last = s.last
    if last is not None and not s.lit[last]:
        s.lit[last] = True
        s.lit[p.floor_of[door]] = s.lit[last] == s.lit[p.floor_of[door]]
        if p.floor_of[door] == last:
            s.shows[door] = Colour.BLUE
""",
    "numbers compare, and count beyond their type": """
@action("test")
def act(door: Door) -> None:
    twice = s.total + s.total - p.goal
    if twice < 0 or twice >= 3:
        s.last = None
    if s.total <= count(s.lit[floor] for floor in Floor) and twice > s.total:
        s.total = twice - count(s.shows[other] == s.shows[door] for other in Door)
    else:
        s.total -= 1
""",
    "a local is what the branch that ran has made it": """
@action("test")
def act(door: Door) -> None:
    where: Floor | None = None
    if s.shows[door] == Colour.RED:
        where = p.floor_of[door]
    elif s.shows[door] == Colour.GREEN:
        where = s.last
    s.last = where
    lit = where is not None and s.lit[where]
    s.lit[p.floor_of[door]] = lit
""",
}
