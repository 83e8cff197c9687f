"""A state as a picture: a card for each member of an index type, with what is not at rest.

A field of a model that means nothing at the moment is at its first value, so only other values are
shown, and those that the last step has changed. A value that names a member is an arrow.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wakeproof.execution.trace import Tracer
from wakeproof.language.values import Scalar, Snapshot, default
from wakeproof.util.toml import load_toml

TABLE = Path(__file__).with_name("picture.toml")
INSTANCE = "instance"
"""The name of the card with the fields that have no keys."""

Member = tuple[str, str]
"""An index type, and the name of one of its members."""


@dataclass(frozen=True)
class Line:
    """A value on a card: `was` is the value before the last step, None if it is the same.

    `target` is the member that the value names. `differs` marks a value that the other run of a
    lockstep does not have. A flag is a truth value, which its label alone shows.
    """

    label: str
    value: str
    was: str | None = None
    target: Member | None = None
    differs: bool = False
    is_flag: bool = False

    @property
    def note(self) -> str:
        """What is to be said of it beside its value."""
        changed = "" if self.was is None else f"was {self.was}"
        return ", ".join(filter(None, (changed, "differs" if self.differs else "")))


@dataclass(frozen=True)
class Card:
    """A member with its values: `badge` is the most telling one, `about` its fixed parameters."""

    member: Member
    badge: Line | None
    about: str
    lines: tuple[Line, ...]

    @property
    def name(self) -> str:
        """The name of the member."""
        return self.member[1]

    @property
    def flags(self) -> list[Line]:
        """The truth values."""
        return [line for line in self.lines if line.is_flag]

    @property
    def values(self) -> list[Line]:
        """The other values."""
        return [line for line in self.lines if not line.is_flag]


@dataclass(frozen=True)
class Group:
    """The cards of one index type; `idle` are the names of the members without any value."""

    kind: str
    cards: tuple[Card, ...]
    idle: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """The groups of a picture by columns."""

    columns: tuple[tuple[Group, ...], ...]

    @property
    def groups(self) -> list[Group]:
        """All groups, column by column."""
        return [group for column in self.columns for group in column]


@dataclass
class _Collected:
    """The lines of one card, as they are found."""

    lines: list[Line] = field(default_factory=list)
    badge: Line | None = None


@functools.cache
def table() -> dict[str, Any]:
    """Return how the fields of the bundled model are drawn."""
    return load_toml(TABLE)


def cells_of(tracer: Tracer, state: Snapshot) -> dict[str, str]:
    """Return the values of a state that are not at rest, by the names of their scalars."""
    return {
        tracer.cell(name, keys, declared): tracer.show(value, declared.value)
        for (name, keys, declared), value in zip(tracer.layout, state, strict=True)
        if value != default(declared.value)
    }


def running_in(tracer: Tracer, state: Snapshot) -> str:
    """Return the member whose code runs; empty if none does or the model has no such field."""
    return cells_of(tracer, state).get(table()["running"], "")


def waits_in(tracer: Tracer, state: Snapshot) -> list[str]:
    """Return who waits on which set, and for whom, in a sentence each."""
    found = cells_of(tracer, state)
    on, member = table()["waits"]["on"], table()["waits"]["member"]
    sentences = []
    for kind, names in tracer.names.items():
        badge, phases = table()["badge"].get(kind), table()["waits"].get(kind, ())
        for name in names:
            if found.get(f"{badge}[{name}]") not in phases:
                continue
            waited = found.get(f"{on}[{name}]")
            members = [k for k, value in found.items() if value == waited and _field(k) == member]
            for_whom = " and ".join(key[len(member) + 1 : -1] for key in members)
            which = f"for {for_whom}" if members else "which is empty"
            sentences.append(f"{name} waits on {waited}, {which}" if waited else f"{name} waits")
    return sentences


def _field(cell: str) -> str:
    return cell.partition("[")[0]


def picture_of(
    tracer: Tracer,
    state: Snapshot,
    before: Snapshot | None = None,
    differing: Collection[str] = (),
) -> Picture:
    """Return the picture of a state.

    `before` is the state before the last step, whose values are remembered; `differing` names the
    scalars that the other run of a lockstep has with another value.
    """
    hidden, badges = table()["hidden"], table()["badge"]
    collected: dict[Member, _Collected] = {}
    for number, (name, keys, declared) in enumerate(tracer.layout):
        value = state[number]
        old = value if before is None else before[number]
        differs = bool(differing) and tracer.cell(name, keys, declared) in differing
        if name in hidden or (value == old == default(declared.value) and not differs):
            continue
        shown = tracer.show(value, declared.value)
        names = [tracer.key(kind, key) for kind, key in zip(declared.keys, keys, strict=True)]
        label = name + "".join(f"[{key}]" for key in names[1:])
        is_index = declared.value.kind == "index" and value is not None
        line = Line(
            label=label,
            value=shown,
            was=None if old == value else tracer.show(old, declared.value),
            target=(declared.value.name, shown) if is_index else None,
            differs=differs,
            is_flag=declared.value.kind == "bool" and value is True,
        )
        member = (declared.keys[0], names[0]) if names else (INSTANCE, INSTANCE)
        card = collected.setdefault(member, _Collected())
        if badges.get(member[0]) == name:
            card.badge = line
        else:
            card.lines.append(line)
    return _arranged(tracer, collected)


def _arranged(tracer: Tracer, collected: Mapping[Member, _Collected]) -> Picture:
    """Arrange the cards in columns; a member that is named by a value has a card, too."""
    named = {line.target for found in collected.values() for line in found.lines if line.target}
    groups: dict[str, Group] = {}
    for kind, names in {INSTANCE: (INSTANCE,), **tracer.names}.items():
        shown = [n for n in names if (kind, n) in collected or (kind, n) in named]
        cards = []
        for name in shown:
            found = collected.get((kind, name), _Collected())
            about = _about(tracer, kind, list(names).index(name))
            cards.append(Card((kind, name), found.badge, about, tuple(found.lines)))
        groups[kind] = Group(kind, tuple(cards), tuple(n for n in names if n not in shown))
    listed: list[list[str]] = [[k for k in kinds if k in groups] for kinds in table()["columns"]]
    placed = {kind for kinds in listed for kind in kinds}
    others = [k for k in tracer.names if k not in placed and (groups[k].cards or not placed)]
    if not placed:
        listed = [[kind] for kind in others]
    else:
        listed[-1] += others
    middle = min(1, len(listed) - 1)
    if listed and groups[INSTANCE].cards:
        listed[middle].insert(0, INSTANCE)
    columns = (tuple(groups[kind] for kind in kinds) for kinds in listed)
    return Picture(tuple(column for column in columns if any(g.cards or g.idle for g in column)))


def _about(tracer: Tracer, kind: str, member: int) -> str:
    """Return the parameters of a member that are shown under its name."""
    words = []
    for name in table()["about"].get(kind, ()):
        declared = tracer.program.parameters.get(name)
        if declared is not None and declared.keys == (kind,):
            value: Scalar = tracer.machine.run.parameters[name][member]
            if value is not None:
                words.append(tracer.show(value, declared.value))
    return " · ".join(words)
