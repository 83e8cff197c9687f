"""Pictures of states: which cards there are, what is on them, and where arrows lead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.screenshots import STATE, state_svg
from tests.support import instance
from wakeproof.execution.trace import Tracer
from wakeproof.language.resolve import resolve
from wakeproof.language.sources import read_sources
from wakeproof.language.values import Run
from wakeproof.web.drawing import Drawing, narrow, wide
from wakeproof.web.path import Follower, Moment
from wakeproof.web.picture import Card, Picture, picture_of, running_in, waits_in

SCRIPT = "issue-1618"

TREE = '''"""Nodes with parents."""

from __future__ import annotations

from wakeproof.language import Array, Index, action, declare, guard


class Node(Index):
    """A node of a tree."""


class State:
    """The parents."""

    parent: Array[Node, Node | None]
    marked: Array[Node, bool]


class Parameters:
    """None."""


s = declare(State)
p = declare(Parameters)


@action("initial")
def initialise() -> None:
    """No node has a parent."""


@action("gardener")
def hang(node: Node, parent: Node) -> None:
    """Hang a node on another."""
    guard(s.parent[node] is None and node != parent)
    s.parent[node] = parent
    s.marked[node] = True
'''


def moments(mix: str = "v1/v1/v1", scenario: str = SCRIPT) -> tuple[Follower, list[Moment]]:
    """The states of a scenario's script."""
    follower = Follower(instance(scenario, mix))
    return follower, list(follower.follow(follower.instance.scenario.script or ()).moments)


def picture(taken: int) -> Picture:
    """The state after so many steps of the script."""
    follower, states = moments()
    before = states[taken - 1].state if taken else None
    return picture_of(follower.tracer, states[taken].state, before)


def card(shown: Picture, name: str) -> Card:
    """The card with this name."""
    (found,) = (c for group in shown.groups for c in group.cards if c.name == name)
    return found


def ends(path: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where a path begins and ends; one of lanes ends with a horizontal line."""
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", path)]
    if path.count("H") == 2:
        return (numbers[0], numbers[1]), (numbers[-1], numbers[-2])
    return (numbers[0], numbers[1]), (numbers[-2], numbers[-1])


def test_what_is_at_rest_is_left_out_and_named() -> None:
    begin = picture(0)
    operations = next(group for group in begin.groups if group.kind == "Operation")
    assert operations.cards == ()
    assert operations.idle == ("first-write", "read", "second-write")


def test_a_card_has_badge_parameters_flags_and_values() -> None:
    found = card(picture(4), "first-write")
    assert found.badge is not None
    assert (found.badge.value, found.about) == ("IN_PROGRESS", "STREAM_WRITE · pipe")
    export = card(picture(4), "export")
    assert [line.label for line in export.flags] == ["alive"]
    assert {line.label: line.value for line in export.values}["waitables[h2]"] == "first-write"


def test_what_the_last_step_changed_has_its_old_value() -> None:
    changed = {line.label: line.was for line in card(picture(7), "first-write").lines}
    assert changed == {
        "code": "NONE",
        "waker": "CONTEXT",
        "waker_future": "nested-body",
        "owner": None,
    }
    assert all(line.was is None for line in card(picture(7), "pipe").values[1:])


def test_who_waits_on_whom_is_said() -> None:
    follower, states = moments()
    said = [waits_in(follower.tracer, moment.state) for moment in states]
    assert said[6] == ["nested waits on h4, for h2"]
    assert said[:6] == [[]] * 6
    assert running_in(follower.tracer, states[7].state) == "nested"


def test_a_task_that_waits_on_an_empty_set_waits_for_nothing() -> None:
    follower = Follower(instance("move-between-tasks", "v2/v2/v2"))
    lines = [
        "call_export left",
        "poll read",
        "move_to_storage read",
        "return_ready",
        "call_export right",
        "poll read",
    ]
    path = follower.follow(lines)
    assert path.stopped == ""
    assert waits_in(follower.tracer, path.moments[-1].state) == ["left waits on h2, which is empty"]


@pytest.mark.parametrize("draw", [wide, narrow])
@pytest.mark.parametrize("taken", range(11))
def test_every_arrow_begins_at_a_card_and_ends_at_another(draw: object, taken: int) -> None:
    shown = picture(taken)
    drawn: Drawing = wide(shown) if draw is wide else narrow(shown)
    cards = [box for box in drawn.boxes if box.style == "card"]
    named = [
        line
        for group in shown.groups
        for each in group.cards
        for line in each.values
        if line.target is not None and line.target != each.member
    ]
    assert len(drawn.arrows) == len(named)
    for arrow in drawn.arrows:
        places = []
        for x, y in ends(arrow.path):
            (at,) = (
                i
                for i, box in enumerate(cards)
                if min(abs(x - box.x), abs(x - box.x - box.width)) <= 2
                and box.y <= y <= box.y + box.height
            )
            places.append(at)
        assert places[0] != places[1], arrow.says


@pytest.mark.parametrize("draw", [wide, narrow])
def test_nothing_is_outside_the_picture_and_no_card_covers_another(draw: object) -> None:
    shown = picture(7)
    drawn = wide(shown) if draw is wide else narrow(shown)
    cards = [box for box in drawn.boxes if box.style == "card"]
    for box in cards:
        assert box.x + box.width <= drawn.width
        assert box.y + box.height <= drawn.height
    for one in cards:
        for other in cards:
            apart_x = one.x + one.width <= other.x or other.x + other.width <= one.x
            apart_y = one.y + one.height <= other.y or other.y + other.height <= one.y
            assert one is other or apart_x or apart_y


def test_a_long_name_is_shortened_in_the_drawing_and_whole_in_its_title() -> None:
    name = "n" * 64
    follower, states = moments()
    follower.tracer.names = {**follower.tracer.names, "Task": (name, "nested")}
    shown = picture_of(follower.tracer, states[1].state)
    (text,) = (t for t in narrow(shown).texts if t.whole == name and t.style == "name")
    assert text.text.endswith("…")
    assert len(text.text) < 40


def test_a_model_with_other_fields_has_a_picture_too(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "tree.py").write_text(TREE, encoding="utf-8")
    (tmp_path / "versions" / "v1.py").write_text('BASE = ""\n', encoding="utf-8")
    resolved = resolve(read_sources(tmp_path), {"import": "v1"})
    tracer = Tracer(resolved, Run({"Node": 3}, {}), {"Node": ("a", "b", "c")})
    (step,) = (s for s, _ in tracer.machine.steps() if s.arguments == (0, 1))
    _, after, _ = tracer.step(tracer.machine.initial(), step)
    shown = picture_of(tracer, after)
    (group,) = shown.groups
    assert [each.name for each in group.cards] == ["a", "b"]
    assert group.idle == ("c",)
    assert [line.target for line in card(shown, "a").values] == [("Node", "b")]
    assert len(wide(shown).arrows) == 1


def test_the_picture_in_the_documentation_is_that_of_today() -> None:
    assert STATE.read_text("utf-8") == state_svg(), "python -m docs.screenshots"
