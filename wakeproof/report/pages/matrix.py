"""A drawing of a table of marks: which finding fails on which release.

Lengths are in pixels of an SVG at its own size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wakeproof.export.rendering import render
from wakeproof.export.sequence import LETTER
from wakeproof.util.text import shortened

FAILS, PASSES, NOT_RUN = MARKS = ("fails", "passes", "not run")
"""The marks, which differ in their shapes, too."""
LONGEST = 44
"""How many characters the name of a row has at most."""
MARGIN, HEAD, ROW, COLUMN, KEY = 16, 40, 22, 64, 110
"""The space around, the height of the heads and of a row, the widths of a column and of a key."""


@dataclass(frozen=True)
class Mark:
    """A mark and its middle; `kind` is one of the marks without its space."""

    kind: str
    x: float
    y: float


@dataclass(frozen=True)
class Label:
    """A text and where its line begins, or has its middle."""

    text: str
    x: float
    y: float


def matrix(title: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """Return a table of marks as an SVG, with the number of failures below each column.

    `rows` maps the name of a row to a mark for each column.
    """
    widest = max((len(shortened(name, LONGEST)) for name in rows), default=0)
    first = MARGIN + widest * LETTER + COLUMN / 2
    middles = [first + n * COLUMN for n in range(len(columns))]
    heights = [HEAD + n * ROW + ROW / 2 for n in range(len(rows) + 1)]
    key = heights[-1] + ROW + MARGIN
    failures = [sum(cells[n] == FAILS for cells in rows.values()) for n in range(len(columns))]
    return render(
        "matrix.svg.j2",
        title=title,
        lines=[_in_words(name, columns, cells) for name, cells in rows.items()],
        width=max(first + (len(columns) - 0.5) * COLUMN + MARGIN, MARGIN + len(MARKS) * KEY),
        height=key + ROW / 2 + MARGIN,
        margin=MARGIN,
        heads=[Label(name, x, HEAD - 12) for name, x in zip(columns, middles, strict=True)],
        names=[
            Label(shortened(name, LONGEST), MARGIN, y)
            for name, y in zip(rows, heights[:-1], strict=True)
        ],
        marks=[
            _mark(cell, x, y)
            for cells, y in zip(rows.values(), heights[:-1], strict=True)
            for cell, x in zip(cells, middles, strict=True)
        ],
        rules=[y - ROW / 2 for y in heights],
        sums=[Label(str(n), x, heights[-1]) for n, x in zip(failures, middles, strict=True)],
        keys=[
            (_mark(word, MARGIN + n * KEY + 8, key), Label(word, MARGIN + n * KEY + 24, key))
            for n, word in enumerate(MARKS)
        ],
    )


def _mark(word: str, x: float, y: float) -> Mark:
    """Return a mark at its middle."""
    return Mark(word.replace(" ", "-"), x, y)


def _in_words(name: str, columns: Sequence[str], cells: Sequence[str]) -> str:
    """Return a row as a line of text."""
    of = {
        word: [c for c, cell in zip(columns, cells, strict=True) if cell == word] for word in MARKS
    }
    return f"{name}: " + "; ".join(f"{word} {', '.join(on)}" for word, on in of.items() if on)
