"""What a window must not prove, on models that are made to deceive it."""

from __future__ import annotations

from pathlib import Path

import pytest

from wakeproof.language.resolve import Resolved, resolve
from wakeproof.language.sources import read_sources
from wakeproof.prove.any_number.window_growth import decide
from wakeproof.prove.induction import Induction
from wakeproof.prove.merged_actions import merged_name
from wakeproof.prove.obligation import Question

HEAD = '''"""Rooms with lights."""

from __future__ import annotations

from wakeproof.language import Array, Index, action, declare, guard, invariant


class Room(Index):
    """A room."""


class Door(Index):
    """A door."""


class State:
    """The state."""

    lit: Array[Room, bool]
    locked: Array[Door, bool]
    current: Room | None
    marked: Room | None
    done: bool


class Parameters:
    """The parameters."""

    next_to: Array[Room, Room]


s = declare(State)
p = declare(Parameters)


@action("initial")
def initialise() -> None:
    """Everything as it is."""
    s.done = False


'''

AN_ARGUMENT_THAT_IS_NEVER_READ = '''
def switch_off(room: Room, other: Room) -> None:
    """The light of the other goes off, and this one is marked."""
    s.done = True
    s.marked = room
    s.lit[other] = False


@action("guest")
def leave(room: Room) -> None:
    """Mark one, switch off another."""
    guard(not s.done)
    current = s.current
    guard(current is not None)
    switch_off(room, current)


@action("guest")
def flee(room: Room) -> None:
    """The same."""
    guard(not s.done)
    current = s.current
    guard(current is not None)
    switch_off(room, current)


@invariant("fact")
def fact() -> bool:
    """Every room is lit, but the marked one."""
    return all(s.lit[room] or (s.done and s.marked == room) for room in Room)
'''

AN_ARGUMENT_THAT_ANOTHER_ACTION_HAS = '''
def finish() -> None:
    """It is done."""
    s.done = True


@action("guest")
def leave(room: Room) -> None:
    """From a room."""
    guard(not s.done)
    finish()


@action("guest")
def flee(door: Door) -> None:
    """By a door, with no room anywhere."""
    guard(not s.done)
    finish()


@invariant("fact")
def fact() -> bool:
    """It is not done as long as there is no room."""
    return not s.done or any(room == room for room in Room)
'''

A_NAME_THAT_IS_ANOTHER_MEMBER_IN_A_FUNCTION = '''
def switch_on(room: Room) -> None:
    """This room gets light."""
    s.lit[room] = True


@action("guest")
def leave() -> None:
    """Every room switches on the light of its neighbour."""
    for room in Room:
        switch_on(p.next_to[room])


@invariant("fact")
def fact() -> bool:
    """Only a room that is its own neighbour is lit."""
    return all(not s.lit[room] or p.next_to[room] == room for room in Room)
'''

A_POINTER_THAT_CHANGES_HANDS = '''
@action("guest")
def leave(room: Room) -> None:
    """The current room is marked, and the other way round, if it is not done."""
    if not s.done:
        current = s.current
        s.current = s.marked
        s.marked = current


@invariant("fact")
def fact() -> bool:
    """The current room is another than the marked one."""
    return s.current is None or s.current != s.marked
'''

A_POINTER_THAT_ANOTHER_PATH_NAMES = '''
@action("guest")
def leave(room: Room) -> None:
    """Switch on the current room's light, or the next one's; then done if current is marked."""
    current = s.current
    other = p.next_to[room]
    guard(current is not None and room != current and room != other and other != current)
    if s.lit[room]:
        s.lit[current] = True
        return
    s.lit[other] = True
    s.done = current == s.marked


@invariant("fact")
def fact() -> bool:
    """It is not done."""
    return not s.done
'''


def model(tmp_path: Path, text: str) -> Resolved:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "rooms.py").write_text(HEAD + text, encoding="utf-8")
    return resolve(read_sources(folder), {})


def status(program: Resolved, actions: tuple[str, ...], sizes: dict[str, int]) -> set[str]:
    """What becomes of the fact by these actions, from a first window of these sizes."""
    asked = [Question((), ("fact",), ("fact",))]
    return {a.status for a in decide(program, sizes, actions, asked) if a.goal == "fact"}


@pytest.mark.parametrize(
    "actions",
    [
        pytest.param(("leave",), marks=pytest.mark.nightly),
        pytest.param(("flee",), marks=pytest.mark.nightly),
        pytest.param(("leave", "flee"), marks=pytest.mark.slow),
    ],
    ids=merged_name,
)
def test_an_argument_that_is_never_read_takes_no_place(
    actions: tuple[str, ...], tmp_path: Path
) -> None:
    program = model(tmp_path, AN_ARGUMENT_THAT_IS_NEVER_READ)
    (answer,) = Induction(program, {"Room": 2, "Door": 1}, ("leave",)).answers(["fact"], ["fact"])
    assert answer.status == "fails"
    assert status(program, actions, {"Room": 1, "Door": 1}) == {"unknown"}


@pytest.mark.parametrize("actions", [("flee",), ("leave", "flee")], ids=merged_name)
def test_a_joint_action_needs_the_arguments_of_one_alone(
    actions: tuple[str, ...], tmp_path: Path
) -> None:
    program = model(tmp_path, AN_ARGUMENT_THAT_ANOTHER_ACTION_HAS)
    assert status(program, actions, {"Room": 1, "Door": 1}) == {"unknown"}


def test_a_loop_that_changes_others_through_a_function_is_open(tmp_path: Path) -> None:
    program = model(tmp_path, A_NAME_THAT_IS_ANOTHER_MEMBER_IN_A_FUNCTION)
    (answer,) = Induction(program, {"Room": 3, "Door": 1}, ("leave",)).answers(["fact"], ["fact"])
    assert answer.status == "fails"
    assert status(program, ("leave",), {"Room": 1, "Door": 1}) == {"unknown"}


def test_pointers_that_lead_outside_are_still_distinct(tmp_path: Path) -> None:
    """The window need not grow to hold them: where they come from says whether they are one."""
    program = model(tmp_path, A_POINTER_THAT_CHANGES_HANDS)
    first = {"Room": 1, "Door": 1}
    asked = [Question((), ("fact",), ("fact",))]
    (answer,) = (a for a in decide(program, first, ("leave",), asked) if a.goal == "fact")
    assert answer.status == "proved"
    assert dict(answer.sizes) == first


def test_two_that_are_outside_may_be_one_though_another_path_names_them(tmp_path: Path) -> None:
    program = model(tmp_path, A_POINTER_THAT_ANOTHER_PATH_NAMES)
    (answer,) = Induction(program, {"Room": 3, "Door": 1}, ("leave",)).answers(["fact"], ["fact"])
    assert answer.status == "fails"
    # room for all members that a path names, but not for the current room beside two others
    assert status(program, ("leave",), {"Room": 2, "Door": 1}) == {"unknown"}
