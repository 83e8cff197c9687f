"""The sequence of a trace as a drawing: lanes from left to right, time from top to bottom.

Lengths are in pixels of an SVG at its own size. No two texts are on one line, so that a text may
cross the line of a lane, and no text has to be measured exactly.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from wakeproof.execution.trace_text import AGAIN
from wakeproof.export.ending import Ending, last_words, plain
from wakeproof.export.rendering import render
from wakeproof.export.story import Lane, Message, Moment, Story
from wakeproof.util.text import shortened

LONGEST = 110
"""How many characters a text has at most."""
LETTER = 7.3
"""The width of a letter: the font is one in which all have the same."""
MARGIN, NUMBERS, LANE = 16, 40, 164
"""The space around, the column of the numbers, the distance of two lanes at least."""
HEAD, ROW, BETWEEN = 60, 22, 12
"""The height of the names, of a line, and the space between two steps."""
LOOP = 28
"""The width of the arrow of a message from a lane to itself."""
NOTE_WIDTH = 64
"""How many characters a line of a note has."""


@dataclass(frozen=True)
class Row:
    """One line: a text from `left` on, with its base line at `y`.

    A message has an arrow from `source` to `target`, lanes by their middle; a note has a box of
    `width` pixels. `kind` is `step`, `call` or `note`. `leftwards`: the arrow of a lane to itself
    is on the left, as the text has no place on the right.
    """

    kind: str
    y: float
    left: float
    text: str
    width: float
    source: float = 0
    target: float = 0
    returns: bool = False
    fails: bool = False
    leftwards: bool = False


@dataclass(frozen=True)
class Band:
    """The rows of a step, between two heights; `number` counts from 1."""

    number: int
    top: float
    bottom: float
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Head:
    """The name of a lane, at its middle."""

    x: float
    name: str
    kind: str


@dataclass(frozen=True)
class Drawing:
    """A sequence with its lanes, its steps and the lines of its end.

    `bottom` is where the lanes end; `loop` are the top and the bottom of the steps that are
    repeated, None without any.
    """

    width: float
    height: float
    bottom: float
    heads: list[Head]
    bands: list[Band]
    ending: list[str]
    loop: tuple[float, float] | None
    again: str = AGAIN.rstrip(":")


def drawing_of(story: Story, ending: Ending) -> Drawing:
    """Return the drawing of a story."""
    widest = max((len(shortened(lane.name, 18)) for lane in story.lanes), default=0)
    distance = max(LANE, widest * LETTER + 40)
    first = MARGIN + NUMBERS + distance / 2
    middles = {lane: first + n * distance for n, lane in enumerate(story.lanes)}
    width = first + (len(story.lanes) - 0.5) * distance + MARGIN
    longest = max((len(_cut(m.text)) for x in story.moments for m in x.messages), default=0)
    width = max(width, MARGIN * 2 + NUMBERS + longest * LETTER)
    for message in (m for moment in story.moments for m in moment.messages):
        if message.source == message.target:
            right, left = _sides(middles[message.source], _cut(message.text))
            width = max(width, 0 if left > MARGIN + NUMBERS else right + MARGIN)
    y: float = HEAD
    bands, loop = [], None
    for moment in story.moments:
        top = y
        if moment.number - 1 == story.loop:
            y += ROW
        rows = list(_rows(moment, middles, y, width))
        y = rows[-1].y + BETWEEN
        bands.append(Band(moment.number, top, y, rows))
        if story.loop is not None and moment.number > story.loop:
            loop = (loop[0] if loop else top, y)
    lines = textwrap.wrap(_cut(last_words(ending), 400), int((width - 80) / LETTER))
    return Drawing(
        round(width),
        round(y + MARGIN + len(lines) * ROW + MARGIN * 2),
        y + MARGIN / 2,
        [Head(x, shortened(lane.name, 18), lane.kind) for lane, x in middles.items()],
        bands,
        lines,
        loop,
    )


def svg(story: Story, ending: Ending, title: str, lines: Sequence[str]) -> str:
    """Return the sequence as an SVG of its own; `lines` are the trace as text, which it reads."""
    drawing = drawing_of(story, ending)
    return render("sequence.svg.j2", drawing=drawing, title=title, lines=lines)


def _rows(moment: Moment, middles: dict[Lane, float], y: float, width: float) -> Iterator[Row]:
    """Yield the lines of a step, from the height `y` down."""
    for message in moment.messages:
        y += ROW
        yield _row(message, middles, y, width)
    last = moment.messages[-1]
    at = middles[last.target if last.source.kind == "peer" else last.source]
    for remark in moment.follows:
        for line in textwrap.wrap(_cut(plain(remark), 200), NOTE_WIDTH):
            y += ROW
            wide = len(line) * LETTER + 20
            yield Row("note", y, _within(at - wide / 2, wide, width), line, wide)


def _row(message: Message, middles: dict[Lane, float], y: float, width: float) -> Row:
    """Return the line of a message: its text is over the arrow, or beside one to itself."""
    source, target = middles[message.source], middles[message.target]
    text = _cut(message.text)
    wide = len(text) * LETTER
    leftwards = False
    if source != target:
        left = (source + target - wide) / 2
    else:
        right, left = _sides(source, text)
        leftwards = right > width - MARGIN
        left = left if leftwards else source + LOOP
    return Row(
        "step" if message.number else "call",
        y,
        _within(left, wide, width),
        text,
        wide,
        source,
        target,
        message.returns,
        message.fails,
        leftwards,
    )


def _sides(middle: float, text: str) -> tuple[float, float]:
    """Return where a text beside a lane would end on the right, and begin on the left."""
    wide = len(text) * LETTER
    return middle + LOOP + wide, middle - LOOP - wide


def _within(left: float, wide: float, width: float) -> float:
    """Return where something has to begin to be between the numbers and the right margin."""
    return round(max(MARGIN + NUMBERS, min(left, width - MARGIN - wide)), 1)


def _cut(text: str, longest: int = LONGEST) -> str:
    """Return a text in one line, without characters that an SVG may not have."""
    visible = "".join(c if c.isprintable() else " " for c in text)
    return shortened(" ".join(visible.split()), longest)
