"""What a page shows of one run: its state, the steps by actor, the properties along the path."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from wakeproof.execution.trace import CallRow, StepRow, call_text
from wakeproof.export.remarks import remarks
from wakeproof.language.properties import Property
from wakeproof.language.sites import Site
from wakeproof.web.address import Address
from wakeproof.web.drawing import Drawing, narrow, wide
from wakeproof.web.path import Follower, Moment, Possible
from wakeproof.web.picture import Picture, picture_of, running_in, table, waits_in

NAMED = 2
"""The fields of a choice that are named."""
WINDOW = 40
"""The steps of a long path that are listed before and after the current one."""


@dataclass(frozen=True)
class StepText:
    """A step as text: its call, what it says, its calls of the ABI, its changes, what follows."""

    call: str
    actor: str
    says: str
    calls: Sequence[tuple[int, str]]
    changes: Sequence[tuple[str, str, str]]
    follows: Sequence[str] = ()

    @property
    def would_change(self) -> str:
        """The fields that it changes, the most telling of them by name."""
        telling = table()["badge"].values()
        found = dict.fromkeys(cell.partition("[")[0] for cell, _, _ in self.changes)
        fields = sorted(found.keys() - table()["hidden"], key=list(found).index)
        fields.sort(key=lambda name: name not in telling)
        more = len(fields) - NAMED
        names = ", ".join(fields[:NAMED])
        return f"{names} and {more} more" if more > 0 else names or "nothing"


@dataclass(frozen=True)
class Choice:
    """A step that is possible: the link that takes it, what it changes, what it violates."""

    line: str
    text: StepText
    link: str
    breaks: str
    only_in: str = ""


@dataclass(frozen=True)
class PathStep:
    """A step of the path: its number, its call, the link to its end, what it breaks."""

    number: int
    call: str
    actor: str
    link: str
    breaks: str
    is_current: bool
    differs: bool = False


@dataclass(frozen=True)
class PropertyRow:
    """A property along a path: whether each state violates it, and what it says.

    `is_open` is whether a way to a violation can be looked for, from a run that has not ended.
    """

    id: str
    says: str
    broken: Sequence[bool]
    now: int
    link: str
    is_open: bool = True

    @property
    def is_broken(self) -> bool:
        """Whether the current state violates it."""
        return self.broken[self.now]

    @property
    def since(self) -> int:
        """The first state of those up to the current one that all violate it."""
        first = self.now
        while first > 0 and self.broken[first - 1]:
            first -= 1
        return first


@dataclass(frozen=True)
class End:
    """What went wrong at the end of a run, at which site of the real code, and what it means."""

    title: str
    place: str
    condition: str
    means: str


def step_text(row: StepRow, follows: Sequence[str] = ()) -> StepText:
    """Return a step as text."""
    return StepText(
        call=call_of(row),
        actor=row["actor"],
        says=row["says"].replace("`", ""),
        calls=[(call["depth"], _call(call)) for call in row["calls"]],
        changes=[(cell, old, new) for cell, (old, new) in row["changes"].items()],
        follows=[text.replace("`", "") for text in follows],
    )


def call_of(row: StepRow) -> str:
    """Return the action of a step with its arguments."""
    words = (_argument(name, value) for name, value in row["arguments"].items())
    return f"{row['action']}({', '.join(words)})"


def _call(call: CallRow) -> str:
    return call_text(call, (_argument(name, value) for name, value in call["arguments"].items()))


def _argument(name: str, value: str) -> str:
    """Return a value as an argument; only a truth value needs the name of the parameter."""
    return f"{name}={value}" if value in ("true", "false") else value


def last_step(moments: Sequence[Moment], taken: int) -> StepText | None:
    """Return the last step that was taken, with what follows from it; None at the beginning."""
    rows = [moment.row for moment in moments[1 : taken + 1] if moment.row is not None]
    return step_text(rows[-1], remarks(rows)[-1]) if rows else None


def breaks(moment: Moment, before: Moment) -> str:
    """Return what a step breaks that the state before it did not, in a few words."""
    if moment.kind:
        kind = "undefined behaviour" if moment.kind == "undefined" else moment.kind
        return f"{kind} at {moment.site}"
    new = [name for name in moment.broken if name not in before.broken]
    return f"violates {', '.join(new)}" if new else ""


def path_steps(
    address: Address, moments: Sequence[Moment], difference: int | None = None
) -> list[PathStep]:
    """Return the steps of a path, those around the current one if it is long.

    `difference` is the number of the first step in which two runs differ.
    """
    found = []
    for number, (before, moment) in enumerate(itertools.pairwise(moments), 1):
        if moment.row is None or abs(number - address.taken) > WINDOW:
            continue
        found.append(
            PathStep(
                number,
                call_of(moment.row),
                moment.row["actor"],
                address.to(number).link(),
                breaks(moment, before),
                number == address.taken,
                number == difference,
            )
        )
    return found


def choices_by_actor(
    address: Address,
    follower: Follower,
    moment: Moment,
    possible: Iterable[Possible],
    only_in: Mapping[str, str] | None = None,
) -> dict[str, list[Choice]]:
    """Return the steps that are possible by actor; the program's by the task whose code runs.

    `only_in` names the run, of two, for the steps that are possible in it alone.
    """
    running = running_in(follower.tracer, moment.state)
    found: dict[str, list[Choice]] = {}
    for step in possible:
        row = step.moment.row
        assert row is not None
        actor = row["actor"]
        if actor == "program":
            actor = f"program, in {running}" if running else "program, outside a task"
        choice = Choice(
            step.line,
            step_text(row),
            address.after(step.line).link(),
            breaks(step.moment, moment),
            "" if only_in is None else only_in.get(step.line, ""),
        )
        found.setdefault(actor, []).append(choice)
    return found


def property_rows(
    address: Address, follower: Follower, moments: Sequence[Moment]
) -> list[PropertyRow]:
    """Return the properties of states along a path, without those of whole runs."""
    return [
        PropertyRow(
            prop.id,
            prop.says,
            [prop.id in moment.broken for moment in moments],
            address.taken,
            address.link("way", to=prop.id),
            is_open=not moments[address.taken].kind,
        )
        for prop in follower.instance.model.properties.values()
        if not prop.progress
    ]


def condition_row(
    address: Address, holds: Callable[[Moment], bool], moments: Sequence[Moment]
) -> PropertyRow:
    """Return the condition that a user typed along a path; `broken` is where it holds."""
    link = address.link("way")
    return PropertyRow(
        address.condition, "", [holds(moment) for moment in moments], address.taken, link
    )


def newly_broken(follower: Follower, moments: Sequence[Moment], taken: int) -> list[Property]:
    """Return the properties that the last step violates, and the state before it does not."""
    before = moments[taken - 1].broken if taken else ()
    known = follower.instance.model.properties
    return [known[i] for i in moments[taken].broken if i not in before and not known[i].outcome]


def end_of(follower: Follower, moment: Moment) -> End | None:
    """Return what went wrong with the last step; None if nothing did."""
    if not moment.kind:
        return None
    site: Site | None = follower.instance.model.sites.get(moment.site)
    prop = follower.instance.model.properties.get("".join(moment.broken))
    means = prop.means if prop else "A bound of the run is too small; the real code goes on."
    if site is None:
        return End(f"{moment.kind} at {moment.site}", "", "", means)
    place = ", ".join(filter(None, (site.source, site.lines())))
    return End(f"{moment.kind} in {site.function}", place, site.condition, means)


@dataclass(frozen=True)
class Seen:
    """A state as pictures: beside each other, below each other, what both draw, and who waits."""

    picture: Picture
    waits: Sequence[str]
    wide: Drawing
    narrow: Drawing


def seen(
    follower: Follower, moments: Sequence[Moment], taken: int, differing: Collection[str] = ()
) -> Seen:
    """Return the state after so many steps as pictures."""
    before = moments[taken - 1].state if taken else None
    picture = picture_of(follower.tracer, moments[taken].state, before, differing)
    waits = waits_in(follower.tracer, moments[taken].state)
    return Seen(picture, waits, wide(picture), narrow(picture))
