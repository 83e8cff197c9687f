"""A drawing of counts: how often each call and each action was compared, the most frequent first.

Counts differ by factors of ten thousand, so the scale is logarithmic: a dot at its place, as the
length of a bar would depend on where it begins. Lengths are in pixels of an SVG at its own size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wakeproof.export.rendering import render
from wakeproof.export.sequence import LETTER
from wakeproof.util.text import shortened

LONGEST = 32
"""How many characters a name has at most."""
MARGIN, HEAD, ROW, SCALE, COUNT = 16, 56, 18, 240, 88
"""The space around, the heights of a head and a row, the widths of a scale and of a count."""


@dataclass(frozen=True)
class Dot:
    """A name and its count, with the height of the row and the place of the dot."""

    name: str
    count: int
    x: float
    y: float


@dataclass(frozen=True)
class Column:
    """The dots of one kind. `ticks` are powers of ten with their places; `zero` is that of 1."""

    kind: str
    left: float
    zero: float
    ticks: list[tuple[str, float]]
    dots: list[Dot]


def dots(title: str, kinds: Mapping[str, Mapping[str, int]]) -> str:
    """Return counts as an SVG with a column for each kind; `kinds` has counts by name, by kind."""
    most = max((count for counts in kinds.values() for count in counts.values()), default=1)
    decades = max(1, math.ceil(math.log10(max(most, 1))))
    columns = list(_columns(kinds, decades))
    rows = max((len(column.dots) for column in columns), default=0)
    return render(
        "dots.svg.j2",
        title=title,
        columns=columns,
        width=round(_width(kinds) + MARGIN, 1),
        height=HEAD + rows * ROW + MARGIN,
        head=HEAD,
    )


def _columns(kinds: Mapping[str, Mapping[str, int]], decades: int) -> Iterator[Column]:
    """Yield the columns from left to right."""
    for n, (kind, counts) in enumerate(kinds.items()):
        left = round(MARGIN + _width(dict([*kinds.items()][:n])), 1)
        zero = round(left + _widest(counts) + MARGIN, 1)
        decade = SCALE / decades
        often = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        yield Column(
            kind,
            left,
            zero,
            [(_tick(power), round(zero + power * decade, 1)) for power in range(decades + 1)],
            [
                Dot(
                    shortened(name, LONGEST),
                    count,
                    round(zero + math.log10(max(count, 1)) * decade, 1),
                    HEAD + row * ROW + ROW / 2,
                )
                for row, (name, count) in enumerate(often)
            ],
        )


def _tick(power: int) -> str:
    """Return a power of ten in few letters: 1, 10, 100, 1k, 10k, 100k, 1M."""
    return f"{10**power:,}".replace(",000,000", "M").replace(",000", "k")


def _width(kinds: Mapping[str, Mapping[str, int]]) -> float:
    """Return the width of the columns of these kinds."""
    return sum(_widest(counts) + MARGIN + SCALE + COUNT for counts in kinds.values())


def _widest(counts: Mapping[str, int]) -> float:
    """Return the width of the longest name."""
    return max((len(shortened(name, LONGEST)) for name in counts), default=0) * LETTER
