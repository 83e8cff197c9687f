"""The address of a state: scenario, mix, host and steps as the query of a link.

The server keeps no session, so a link is all that leads to a state. A step is a line of a script.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from wakeproof.errors import InputError
from wakeproof.util.text import number_in

MOST_STEPS = 300
"""The steps of a path: each page has some dozens of links, and each link has all of them."""
LONGEST_QUERY = 32_000
"""The characters of a query, half of what the server reads of a request."""
HINT = "follow a link of the explorer, or begin at its first page"


@dataclass(frozen=True)
class Address:
    """The address of a state.

    `run` is the mix with the features of its build, as `run_name` writes it. `steps` is a path, and
    `at` how many of them are taken, None for all. `beside` and `beside_host` name the second run of
    a lockstep, which is there if one of them is. `model` is the digest of the texts that the link
    was made with. The steps from number `loop` on, counted from 0, are repeated for ever.
    `condition` is an expression of the model language that is shown beside the properties.
    """

    scenario: str
    run: str = ""
    host: str = ""
    beside: str = ""
    beside_host: str = ""
    steps: tuple[str, ...] = ()
    at: int | None = None
    loop: int | None = None
    model: str = ""
    condition: str = ""

    @property
    def taken(self) -> int:
        """How many of the steps are taken."""
        return len(self.steps) if self.at is None else min(self.at, len(self.steps))

    @property
    def is_lockstep(self) -> bool:
        """Whether two runs are shown."""
        return bool(self.beside or self.beside_host)

    def to(self, at: int) -> Address:
        """Return the address of the state after the first `at` steps of the same path."""
        return dataclasses.replace(self, at=None if at >= len(self.steps) else at)

    def after(self, *lines: str) -> Address:
        """Return the address of the state that steps lead to from here, which end the path."""
        taken = self.steps[: self.taken]
        return dataclasses.replace(self, steps=(*taken, *lines), at=None, loop=None)

    def fields(self) -> dict[str, str]:
        """Return the query by names; what is empty is left out."""
        found = {
            "scenario": self.scenario,
            "mix": self.run,
            "host": self.host,
            "beside": self.beside,
            "beside_host": self.beside_host,
            "condition": self.condition,
            "model": self.model,
            "steps": ";".join(self.steps),
            "at": "" if self.at is None else str(self.at),
            "loop": "" if self.loop is None else str(self.loop),
        }
        return {name: value for name, value in found.items() if value}

    def link(self, page: str = "state", **more: str) -> str:
        """Return the link to a page about this state; `more` are further names of its query."""
        named = {**self.fields(), **more}
        # a space is a plus sign; slashes and semicolons stay legible
        query = "&".join(f"{n}={quote(v, '/; ').replace(' ', '+')}" for n, v in named.items())
        return f"/{page}?{query}"


def read_address(query: Mapping[str, str]) -> Address:
    """Read an address from a query. Raises `InputError` for what no link has."""
    lines = tuple(line for part in query.get("steps", "").split(";") if (line := part.strip()))
    if len(lines) > MOST_STEPS:
        raise InputError(f"more than {MOST_STEPS} steps", where="steps", hint="take fewer")
    return Address(
        scenario=query.get("scenario", ""),
        run=query.get("mix", ""),
        host=query.get("host", ""),
        beside=query.get("beside", ""),
        beside_host=query.get("beside_host", ""),
        steps=lines,
        at=_number(query, "at"),
        loop=_number(query, "loop"),
        model=query.get("model", ""),
        condition=query.get("condition", "").strip(),
    )


def _number(query: Mapping[str, str], name: str) -> int | None:
    word = query.get(name, "")
    if not word:
        return None
    number = number_in(word, MOST_STEPS + 1)
    if number is None:
        raise InputError(f"{word!r} is not a number of steps", where=name, hint=HINT)
    return number
