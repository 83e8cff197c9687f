"""The end of a trace in words: what broke, where, what must hold there, what it means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wakeproof.execution.trace_text import for_ever
from wakeproof.language.model import Model

HEADINGS = {
    "panic": "The runtime panics",
    "trap": "The host traps",
    "undefined": "The behaviour is undefined",
}
"""What happens at a site, by its outcome."""


QUOTED = re.compile("`([^`]*)`")


@dataclass(frozen=True)
class Ending:
    """What broke: `heading` in a few words, the `condition` that must hold, what it `means`.

    `function`, `source` and `lines` are those of the site, and empty without one. A walk that
    violates nothing has a heading alone.
    """

    heading: str
    condition: str = ""
    means: str = ""
    function: str = ""
    source: str = ""
    lines: str = ""


def ending_of(model: Model, property_id: str, violation: Mapping[str, Any]) -> Ending:
    """Return how a violation ends, from its property and its site."""
    prop, site = model.properties.get(property_id), model.sites.get(violation["site"])
    if prop is None and site is None:
        return Ending("Nothing is violated")
    means = prop.means if prop else ""
    if site is not None:
        heading = HEADINGS.get(prop.outcome if prop else "", "It goes wrong")
        return Ending(heading, site.condition, means, site.function, site.source, site.lines())
    assert prop is not None
    loop = violation.get("loop")
    lasts = "" if loop is None else for_ever(loop, len(violation["trace"])).removeprefix("; but ")
    heading = f"{lasts[0].upper()}{lasts[1:]}" if lasts else f"`{prop.id}` does not hold"
    return Ending(heading, prop.says, means)


def last_words(ending: Ending) -> str:
    """Return what broke in a line of plain text."""
    where = f" in {ending.function}" if ending.function else ""
    must = f": it must hold that {ending.condition}" if ending.condition else ""
    return plain(f"{ending.heading}{where}{must}")


def plain(text: str) -> str:
    """Return a text without the backticks around what is code."""
    return QUOTED.sub(r"\1", text)
