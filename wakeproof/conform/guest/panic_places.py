"""Where a panic of the driver is: the release, its file, and the lines that the table of sites has.

The crate may be a checkout, whose lines are others than those of the release that it stands for.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from wakeproof.crates.checkout import Checkout
from wakeproof.crates.rust_source import same_lines

# the place of a panic in the source of a release: release, file, line
RELEASE = re.compile(r"wit-bindgen-(\d+\.\d+\.\d+)/(src/\S+?):(\d+):\d+$")
# and in any crate
PLACE = re.compile(r"(src/\S+?):(\d+):\d+$")


@dataclass(frozen=True)
class PanicPlace:
    """The place of a panic. `lines` are those of the release that it may be."""

    crate: str
    release: str
    file: str
    line: int
    lines: frozenset[int]

    def __str__(self) -> str:
        return f"{self.crate}, {self.file}, line {self.line}"


def panic_place(word: str, checkout: Checkout | None = None) -> PanicPlace | None:
    """Return the place that the driver names for a panic; None outside of the crates."""
    if checkout is not None:
        # the driver writes a place as one word
        folder = str(checkout.crate).replace(" ", "_") + "/"
        found = PLACE.fullmatch(word.removeprefix(folder))
        if word.startswith(folder) and found is not None:
            line = int(found[2])
            lines = lines_of_release(checkout, found[1], line)
            return PanicPlace("the checkout", checkout.release, found[1], line, lines)
    found = RELEASE.search(word)
    if found is None:
        return None
    line = int(found[3])
    return PanicPlace(f"wit-bindgen {found[1]}", found[1], found[2], line, frozenset({line}))


@functools.lru_cache
def lines_of_release(checkout: Checkout, file: str, line: int) -> frozenset[int]:
    """Return the lines of the release that a line of a checkout may be."""
    return frozenset(same_lines(checkout.original_file(file), checkout.file(file), line))
