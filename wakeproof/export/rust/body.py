"""The lines of a generated function, each with the steps of the trace that it stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

POLLED = re.compile(r"assert!\(poll_once\(&mut (\w+)\)\.await\.is_pending\(\)\);")


@dataclass
class Line:
    """A line of Rust; `steps` are the numbers, from 1, of the steps at which it runs."""

    text: str
    steps: list[int] = field(default_factory=list)


@dataclass
class Block:
    """A line that opens a block, the body of the block, and the line that closes it."""

    head: Line
    body: Body
    end: Line


@dataclass
class Body:
    """The lines of one future, destructor or function."""

    lines: list[Line | Block] = field(default_factory=list)
    cleanup: Body | None = None

    def add(self, *texts: str) -> None:
        """Add lines, which belong to no step yet."""
        self.lines += map(Line, texts)

    def add_block(self, head: str, body: Body, end: str) -> None:
        """Add a block."""
        self.lines.append(Block(Line(head), body, Line(end)))

    def all(self) -> Iterator[Line]:
        """Yield the lines but those that close a block; those of the cleanup come first."""
        if self.cleanup is not None:
            yield from self.cleanup.all()
        for line in self.lines:
            if isinstance(line, Line):
                yield line
            else:
                yield line.head
                yield from line.body.all()

    def indented(self, depth: int = 0) -> Iterator[Line]:
        """Yield the lines of the text, indented by `depth` levels."""
        pad = "    " * depth
        if self.cleanup is not None and self.cleanup.lines:
            yield Line(f"{pad}let cleanup = OnDrop(|| {{")
            yield from self.cleanup.indented(depth + 1)
            yield Line(f"{pad}}});")
        for line in self.lines:
            if isinstance(line, Line):
                yield Line(pad + line.text, line.steps)
            else:
                yield Line(pad + line.head.text, line.head.steps)
                yield from line.body.indented(depth + 1)
                yield Line(pad + line.end.text, line.end.steps)
        if self.cleanup is not None and self.cleanup.lines:
            yield Line(f"{pad}std::mem::forget(cleanup);")

    def merge_into_awaits(self) -> None:
        """Replace a poll, a return to the executor and another poll by an `await`."""
        lines = self.lines
        for line in lines:
            if isinstance(line, Block):
                line.body.merge_into_awaits()
        place = 0
        while place + 1 < len(lines):
            if name := _awaits(lines[place : place + 3]):
                over = lines[place + 3 : place + 4]
                dropped = bool(over) and _text(over[0]) == f"drop({name});"
                merged = slice(place, place + 3 + dropped)
                steps = [step for line in lines[merged] for step in _steps(line)]
                text = f"let _ = {name}.await;" if dropped else f"(&mut {name}).await;"
                lines[merged] = [Line(text, steps)]
            place += 1


def _awaits(lines: list[Line | Block]) -> str:
    """Return the operation that lines await, as they poll it until it is ready; else nothing."""
    texts = [_text(line) for line in lines]
    polled = POLLED.fullmatch(texts[0])
    if polled is None or texts[1] != "suspend().await;":
        return ""
    again = f"assert!(poll_once(&mut {polled[1]}).await.is_ready());"
    return polled[1] if texts[2:] in ([], [again]) else ""


def _text(line: Line | Block) -> str:
    return line.text if isinstance(line, Line) else ""


def _steps(line: Line | Block) -> list[int]:
    return line.steps if isinstance(line, Line) else []
