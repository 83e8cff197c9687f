"""Where the parts of a picture stand: boxes, texts and arrows, in units that are pixels at most.

There are two arrangements of the same picture: `wide` has the columns beside each other, with the
arrows between them; `narrow` has all cards below each other, with the arrows in lanes at the right.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

from wakeproof.web.picture import INSTANCE, Card, Group, Line, Member, Picture

LETTER = 7.3
"""The width of a letter of the values, whose font has the same width for all."""
ROW, TITLE, ABOUT, HEAD, PAD = 18, 28, 16, 24, 9
GAP, GUTTER, LANE = 12, 52, 7
MOST, LEAST = 32, 19
"""The letters of a line of a card, at most and at least."""
ARRIVALS = 4
"""The distance of two arrows that lead to the same card."""


@dataclass(frozen=True)
class Text:
    """A text at a place; `style` is its class, `whole` what it is short for, or empty."""

    x: float
    y: float
    text: str
    style: str
    whole: str = ""


@dataclass(frozen=True)
class Box:
    """A rectangle at a place; `style` is its class."""

    x: float
    y: float
    width: float
    height: float
    style: str


@dataclass(frozen=True)
class Arrow:
    """A line from a value to the card that it names; `says` describes it."""

    path: str
    style: str
    says: str


@dataclass
class Drawing:
    """The parts of a drawing of this width and height."""

    width: float = 0
    height: float = 0
    boxes: list[Box] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)


@dataclass(frozen=True)
class _Start:
    """The value where an arrow begins: its card, the middle of its line, and the line."""

    member: Member
    y: float
    line: Line


def wide(picture: Picture) -> Drawing:
    """Draw the columns beside each other."""
    sheet = _Sheet()
    x = 1.0
    for number, column in enumerate(picture.columns):
        width = _width(column)
        sheet.column(column, number, x, width)
        x += width + GUTTER
    sheet.drawing.width = x - GUTTER + 14
    sheet.curves()
    return sheet.drawing


def narrow(picture: Picture) -> Drawing:
    """Draw all cards below each other."""
    sheet = _Sheet()
    groups = picture.groups
    width = max(_width(groups), 272)
    sheet.column(groups, 0, 1.0, width)
    lanes = sheet.lanes(1.0 + width, sheet.starts)
    sheet.drawing.width = 1.0 + width + 14 + LANE * max(lanes, 4)
    return sheet.drawing


def _width(groups: Sequence[Group]) -> float:
    """Return the width of a column: that of its longest line, within bounds."""
    lengths = [LEAST]
    for group in groups:
        for card in group.cards:
            badge = len(card.badge.value) + 1 if card.badge else 0
            lengths += [len(card.name) + badge + 1, len(card.about)]
            lengths += [
                len(line.label) + len(_marked(line, line.value)) + 2 for line in card.values
            ]
    return round(min(MOST, max(lengths)) * LETTER) + 2 * PAD


class _Sheet:
    """A drawing in progress: where each card is, and where arrows begin."""

    def __init__(self) -> None:
        self.drawing = Drawing()
        self.cards: dict[Member, tuple[int, Box]] = {}
        self.starts: list[_Start] = []
        self.arrived: dict[Member, int] = {}

    def text(self, x: float, y: float, text: str, style: str, letters: int) -> None:
        """Add a text, without its end if it is longer than so many letters."""
        short = text if len(text) <= letters else text[: max(1, letters - 1)] + "…"
        whole = "" if short == text else text
        self.drawing.texts.append(Text(x, y, short, style, whole))

    def column(self, groups: Sequence[Group], number: int, x: float, width: float) -> None:
        """Add the groups of a column from top to bottom."""
        y = 0.0
        letters = int((width - 2 * PAD) / LETTER)
        for group in groups:
            if not group.cards and not group.idle:
                continue
            if group.kind != INSTANCE:
                self.text(x + 1, y + 14, group.kind, "kind", letters)
            y += HEAD if group.kind != INSTANCE or not y else 0
            for card in group.cards:
                y = self.card(card, number, x, y, width, letters) + GAP
            at_rest = "at rest: " + ", ".join(group.idle) if group.idle else ""
            for line in textwrap.wrap(at_rest, letters, break_on_hyphens=False):
                self.text(x + 1, y + 10, line, "idle", letters + 3)
                y += 15
            y += 8
        self.drawing.height = max(self.drawing.height, y)

    def card(
        self, card: Card, number: int, x: float, y: float, width: float, letters: int
    ) -> float:
        """Add a card; return where it ends."""
        top, right = y, x + width - PAD
        badge = card.badge
        taken = 0
        if badge is not None:
            length = len(_marked(badge, badge.value))
            taken = min(length, max(letters - len(card.name) - 1, letters // 2)) + 1
            self.value(right, y + 18, badge, taken - 1, "badge end")
            self.changed(badge, x, y + 6)
        self.text(x + PAD, y + 18, card.name, "name", letters - taken)
        y += TITLE
        if card.about:
            self.text(x + PAD, y + 7, card.about, "about", letters)
            y += ABOUT
        for flags in _rows_of(card.flags, letters):
            at = x + PAD
            for flag in flags:
                self.text(at, y + 12, _marked(flag, flag.label), "flag" + _marks(flag), letters)
                self.changed(flag, x, y)
                at += round((len(_marked(flag, flag.label)) + 2) * LETTER)
            y += ROW
        for line in card.values:
            self.text(
                x + PAD,
                y + 12,
                line.label,
                "label",
                max(letters - len(_marked(line, line.value)) - 1, 9),
            )
            room = max(letters - len(line.label) - 1, letters - 10)
            self.value(right, y + 12, line, min(room, letters), "value end")
            self.changed(line, x, y)
            if line.target is not None and line.target != card.member:
                self.starts.append(_Start(card.member, y + 8, line))
            y += ROW
        box = Box(x, top, width, y - top + 5, "card")
        self.cards[card.member] = (number, box)
        self.drawing.boxes.insert(0, box)
        return box.y + box.height

    def value(self, x: float, y: float, line: Line, letters: int, style: str) -> None:
        """Add the value of a line, which ends at a place."""
        self.text(x, y, _marked(line, line.value), style + _marks(line), letters)

    def changed(self, line: Line, x: float, y: float) -> None:
        """Mark a line that the step has changed."""
        if line.was is not None:
            self.drawing.boxes.append(Box(x, y + 1, 3, ROW - 3, "was"))

    def curves(self) -> None:
        """Draw the arrows as curves between the columns, and as lanes beside a column."""
        inside: dict[int, list[_Start]] = {}
        for start in self.starts:
            target = start.line.target
            if target in self.cards:
                number = self.cards[start.member][0]
                if number == self.cards[target][0]:
                    inside.setdefault(number, []).append(start)
                else:
                    self.curve(start)
        for starts in inside.values():
            box = self.cards[starts[0].member][1]
            self.lanes(box.x + box.width, starts)

    def arrival(self, member: Member) -> float:
        """Return where the next arrow to a card arrives."""
        number = self.arrived[member] = self.arrived.get(member, -1) + 1
        _, box = self.cards[member]
        return box.y + 9 + min(number * ARRIVALS, box.height - 14)

    def curve(self, start: _Start) -> None:
        """Draw an arrow from one column to another as a curve."""
        target = start.line.target
        assert target is not None
        first, source = self.cards[start.member]
        second, goal = self.cards[target]
        y = self.arrival(target)
        if first < second:
            x1, x2 = source.x + source.width, goal.x - 2
        else:
            x1, x2 = source.x, goal.x + goal.width + 2
        half = (x2 - x1) / 2
        path = (
            f"M{x1:.1f} {start.y:.1f}C{x1 + half:.1f} {start.y:.1f} {x2 - half:.1f} {y:.1f} "
            f"{x2:.1f} {y:.1f}"
        )
        self.arrow(start, path)

    def lanes(self, edge: float, starts: Sequence[_Start]) -> int:
        """Draw arrows in lanes at the right of a column, the shortest nearest; return how many."""
        spans = []
        for start in starts:
            target = start.line.target
            if target is not None and target in self.cards:
                spans.append((start, self.arrival(target)))
        spans.sort(key=lambda span: abs(span[0].y - span[1]))
        lanes: list[list[tuple[float, float]]] = []
        for start, y in spans:
            low, high = sorted((start.y, y))
            free = (
                number
                for number, taken in enumerate(lanes)
                if all(high + 4 < a or b + 4 < low for a, b in taken)
            )
            lane = next(free, len(lanes))
            if lane == len(lanes):
                lanes.append([])
            lanes[lane].append((low, high))
            x = edge + 11 + lane * LANE
            turn = 4 if y > start.y else -4
            path = (
                f"M{edge:.1f} {start.y:.1f}H{x - 4:.1f}Q{x:.1f} {start.y:.1f} {x:.1f} "
                f"{start.y + turn:.1f}V{y - turn:.1f}Q{x:.1f} {y:.1f} {x - 4:.1f} {y:.1f}"
                f"H{edge + 2:.1f}"
            )
            self.arrow(start, path)
        return len(lanes)

    def arrow(self, start: _Start, path: str) -> None:
        """Add an arrow."""
        line = start.line
        says = f"{start.member[1]}: {line.label} is {line.value}"
        self.drawing.arrows.append(Arrow(path, "arrow" + _marks(line), says))


def _marked(line: Line, text: str) -> str:
    """Return a label or a value with a mark if it differs from that of the other run."""
    return f"≠ {text}" if line.differs else text


def _marks(line: Line) -> str:
    """Return the classes of a value that has changed, or that differs."""
    return (" new" if line.was is not None else "") + (" unlike" if line.differs else "")


def _rows_of(flags: Sequence[Line], letters: int) -> list[list[Line]]:
    """Return flags in rows of so many letters."""
    rows: list[list[Line]] = []
    used = letters + 1
    for flag in flags:
        length = len(_marked(flag, flag.label))
        if used + length > letters:
            rows.append([])
            used = 0
        rows[-1].append(flag)
        used += length + 2
    return rows
