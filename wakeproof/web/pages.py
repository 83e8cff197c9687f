"""The pages: an address, and what its template shows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from wakeproof.util.text import plural
from wakeproof.web.address import Address
from wakeproof.web.offers import Offers
from wakeproof.web.path import Follower, Path
from wakeproof.web.view import (
    choices_by_actor,
    end_of,
    last_step,
    path_steps,
    property_rows,
    seen,
)


@dataclass(frozen=True)
class Page:
    """A page: the template, its values, and the status of the answer."""

    template: str
    values: dict[str, Any]
    status: int = 200


def first_page(offers: Offers) -> Page:
    """Return the page of all scenarios, and of the traces of a file."""
    rows = [
        (scenario, offers.whole(Address(scenario.name)).link())
        for scenario in offers.scenarios.values()
    ]
    return Page("index.html", {"scenarios": rows, "traces": offers.traces})


def state_page(offers: Offers, address: Address, notice: str = "") -> Page:
    """Return the page of a state. `address` is whole; `notice` is said at its top.

    Raises `InputError` for a scenario, a mix or a host that there is not.
    """
    follower = offers.follower(address.scenario, address.run, address.host)
    path = follower.follow(address.steps)
    address = cut(address, path)
    moments = path.moments
    here = moments[address.taken]
    values = {
        **frame(offers, address, follower),
        "notices": [*notices(offers, address, path), *filter(None, [notice])],
        "last": last_step(moments, address.taken),
        "end": end_of(follower, here),
        "here": here,
        "seen": seen(follower, moments, address.taken),
        "groups": choices_by_actor(address, follower, here, follower.possible(here)),
        "path": path_steps(address, moments),
        "properties": property_rows(address, follower, moments),
        "progress": sum(p.progress for p in offers.model.properties.values()),
    }
    return Page("state.html", values)


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
    return {
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
        "any_way": own.link("way"),
    }
