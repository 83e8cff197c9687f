"""The pages: an address, and what its template shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wakeproof.errors import ModelError
from wakeproof.execution.trace_text import for_ever
from wakeproof.util.text import plural
from wakeproof.web.address import Address
from wakeproof.web.beside import differing_cells, first_difference, way_to_difference
from wakeproof.web.offers import Offers
from wakeproof.web.path import Follower, Moment, Path
from wakeproof.web.view import (
    breaks,
    choices_by_actor,
    condition_row,
    end_of,
    last_step,
    newly_broken,
    path_steps,
    property_rows,
    seen,
)
from wakeproof.web.ways import Condition, way_to

ANY = "any"
"""The word for any property as the goal of a way."""


@dataclass(frozen=True)
class Page:
    """A page: the template, its values, and the status of the answer."""

    template: str
    values: dict[str, Any]
    status: int = 200


def first_page(offers: Offers) -> Page:
    """Return the page of all scenarios, and of the traces of a file."""
    rows = [
        (scenario, offers.whole(Address(scenario.name)).link()) for scenario in offers.scenarios
    ]
    return Page("index.html", {"scenarios": rows, "traces": offers.traces})


def state_page(offers: Offers, address: Address, notice: str = "") -> Page:
    """Return the page of a state, or of the states of two runs.

    `address` is whole; `notice` is said at the top. Raises `InputError` for a scenario, a mix or a
    host that there is not.
    """
    if address.is_lockstep:
        return lockstep_page(offers, address, notice)
    follower = offers.follower(address.scenario, address.run, address.host)
    path = follower.follow(address.steps)
    address = cut(address, path)
    moments = path.moments
    here = moments[address.taken]
    condition, refused = None, ""
    if address.condition:
        try:
            holds = Condition(follower, address.condition).holds
            condition = condition_row(address, holds, moments)
        except ModelError as error:
            refused = f"{error.what}. {error.hint[:1].upper()}{error.hint[1:]}."
    values = {
        **frame(offers, address, follower),
        "notices": [*notices(offers, address, path), *filter(None, [notice])],
        "last": last_step(moments, address.taken),
        "end": end_of(follower, here),
        "broken": newly_broken(follower, moments, address.taken),
        "seen": seen(follower, moments, address.taken),
        "groups": choices_by_actor(address, follower, here, follower.possible(here)),
        "path": path_steps(address, moments),
        "condition": condition,
        "refused": refused,
        "properties": property_rows(address, follower, moments),
        "progress": sum(p.progress for p in offers.model.properties.values()),
    }
    return Page("state.html", values)


@dataclass(frozen=True)
class Side:
    """One run of a lockstep: its name, its path, and how many of the steps it has taken here."""

    name: str
    follower: Follower
    path: Path
    taken: int

    @property
    def here(self) -> Moment:
        """Its current state."""
        return self.path.moments[self.taken]


def lockstep_page(offers: Offers, address: Address, notice: str = "") -> Page:
    """Return the page of two runs that take the same steps; raises as `state_page` does."""
    runs = sides_of(offers, address)
    paths = [follower.follow(address.steps) for _, follower in runs]
    longest = max(paths, key=lambda path: len(path.moments))
    address = cut(address, longest)
    sides = [
        Side(name, follower, path, min(address.taken, len(path.moments) - 1))
        for (name, follower), path in zip(runs, paths, strict=True)
    ]
    one, other = sides
    difference = first_difference(one.path, other.path)
    differing = differing_cells(one.follower, one.here, other.follower, other.here)
    possible = [side.follower.possible(side.here) for side in sides]
    lines = [{step.line for step in steps} for steps in possible]
    only_in = {line: one.name for line in lines[0] - lines[1]}
    only_in |= {line: other.name for line in lines[1] - lines[0]}
    groups = choices_by_actor(address, one.follower, one.here, possible[0], only_in)
    others = [step for step in possible[1] if step.line in only_in]
    for actor, more in choices_by_actor(
        address, other.follower, other.here, others, only_in
    ).items():
        groups.setdefault(actor, []).extend(more)
    broken = [
        {step.line: breaks(step.moment, side.here) for step in steps}
        for side, steps in zip(sides, possible, strict=True)
    ]
    groups = {
        actor: [
            dataclasses.replace(c, breaks=_of_both(sides, [b.get(c.line, "") for b in broken]))
            for c in choices
        ]
        for actor, choices in groups.items()
    }
    values = {
        **frame(offers, address, one.follower),
        "notices": [*notices(offers, address, longest), *filter(None, [notice])],
        "difference": difference,
        "difference_link": address.to(difference.step).link() if difference else "",
        "sides": [
            {
                "name": side.name,
                "behind": address.taken - side.taken,
                "last": last_step(side.path.moments, side.taken),
                "end": end_of(side.follower, side.here),
                "seen": seen(side.follower, side.path.moments, side.taken, differing),
                "violated": side.here.broken,
                "broken": newly_broken(side.follower, side.path.moments, side.taken),
            }
            for side in sides
        ],
        "count": len(differing),
        "groups": groups,
        "path": [
            dataclasses.replace(step, breaks=_of_both(sides, _breaks_at(sides, step.number)))
            for step in path_steps(
                address, longest.moments, difference.step if difference else None
            )
        ],
        "way_to_difference": address.link("difference"),
        "alone": dataclasses.replace(address, beside="", beside_host="").link(),
    }
    return Page("lockstep.html", values)


def _breaks_at(sides: Sequence[Side], number: int) -> list[str]:
    """Return what the step with this number breaks in each run."""
    found = []
    for side in sides:
        moments = side.path.moments
        is_taken = number < len(moments)
        found.append(breaks(moments[number], moments[number - 1]) if is_taken else "")
    return found


def _of_both(sides: Sequence[Side], words: Sequence[str]) -> str:
    """Return what is to be said of two runs, with their names where they differ."""
    if len(set(words)) == 1:
        return words[0]
    named = zip(sides, words, strict=True)
    return "; ".join(f"{side.name} {word}" for side, word in named if word)


def sides_of(offers: Offers, address: Address) -> list[tuple[str, Follower]]:
    """Return the two runs of a lockstep, each with its name: the mix, or the host if that differs.

    Raises `InputError` for a mix or a host that there is not.
    """
    runs = [
        (address.run, address.host),
        (address.beside or address.run, address.beside_host or address.host),
    ]
    is_one_host = runs[0][1] == runs[1][1]
    return [
        (run if is_one_host else f"{run} on {host}", offers.follower(address.scenario, run, host))
        for run, host in runs
    ]


def way_page(offers: Offers, address: Address, goal: str) -> Page | str:
    """Return the link to the end of a shortest way, or the page of the state with the reason.

    The goal is a violation of that property, of `ANY`, or without one the address's condition.
    """
    follower = offers.follower(address.scenario, address.run, address.host)
    path = follower.follow(address.steps[: address.taken])
    here = path.moments[-1]
    condition = "" if goal else address.condition
    if not goal and not condition:
        return state_page(offers, address, "Type a condition first.")
    if goal not in ("", ANY) and goal not in offers.model.properties:
        return state_page(offers, address, f"There is no property {goal!r}.")
    try:
        if condition and Condition(follower, condition).holds(here):
            return state_page(offers, address, "The condition holds in this state.")
        wanted = "" if goal == ANY else goal
        found = way_to(follower, here, wanted, condition, len(path.moments) - 1)
    except ModelError:
        # the page says what is wrong with it
        return state_page(offers, address)
    if found.lines is None:
        return state_page(offers, address, found.reason)
    return cut(address, follower.follow(address.steps)).after(*found.lines).link()


def difference_page(offers: Offers, address: Address) -> Page | str:
    """Return the link to the first difference of two runs, or their page with the reason."""
    if not address.is_lockstep:
        return state_page(offers, address, "There is one run only.")
    found = way_to_difference(*(follower for _, follower in sides_of(offers, address)))
    if found.lines is None:
        return state_page(offers, address, found.reason)
    return address.to(0).after(*found.lines).link()


def cut(address: Address, path: Path) -> Address:
    """Return the address of the path as far as its steps go."""
    length = len(path.moments) - 1
    steps = address.steps[:length]
    at = None if address.at is None or address.at >= length else address.at
    return dataclasses.replace(address, steps=steps, at=at)


def notices(offers: Offers, address: Address, path: Path) -> list[str]:
    """Return what is to be said of a link: another model, steps that are not possible."""
    found = []
    here = offers.digest(address.scenario)
    length = len(path.moments) - 1
    is_other = address.model != here
    if is_other:
        goes = f"Its first {plural(length, 'step')}" if length else "No step of it"
        found.append(
            f"This link was made with another text of the model or the scenario "
            f"({address.model}, here {here}). {goes} can be taken here"
            + (", which may lead to another state." if not path.stopped else ".")
        )
    if path.stopped:
        hint = f" ({path.hint})" if path.hint else ""
        found.append(f"The path ends after {plural(length, 'step')}: {path.stopped}{hint}.")
    return found


def frame(offers: Offers, address: Address, follower: Follower) -> dict[str, Any]:
    """Return what every page of a state has: its scenario, choices of runs, links."""
    scenario = follower.instance.scenario
    mixes = offers.mixes(offers.scenario(address.scenario))
    own = dataclasses.replace(address, model=offers.digest(address.scenario))
    taken, length = address.taken, len(address.steps)
    loop = address.loop
    return {
        "for_ever": "" if loop is None else for_ever(loop, length).removeprefix("; but "),
        "address": own,
        "scenario": scenario,
        "mixes": mixes if address.run in mixes else [address.run, *mixes],
        "hosts": offers.model.hosts,
        "taken": taken,
        "length": length,
        "first": own.to(0).link() if taken else "",
        "back": own.to(taken - 1).link() if taken else "",
        "forward": own.to(taken + 1).link() if taken < length else "",
        "last_link": own.to(length).link() if taken < length else "",
        "random": own.link("random"),
        "random_ten": own.link("random", steps_more="10"),
        "any_way": own.link("way", to=ANY),
    }
