"""A trace as a sequence diagram of Mermaid, which GitHub renders in an issue."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from wakeproof.execution.trace_text import AGAIN
from wakeproof.export.ending import Ending, last_words, plain
from wakeproof.export.story import Lane, Message, Moment, Story
from wakeproof.util.text import shortened

LONGEST, WIDTH = 300, 60
"""How many characters a text has at most, and a line of a note: GitHub renders 50,000 in all."""
SPECIAL = re.compile(r"[#;<>&\"'`\\%{}\[\]()|~$*_]")
"""Characters with a meaning in Mermaid, in its Markdown or in HTML, unless written as a code."""
PLAIN = "()_'*"
"""Those of them that have none in a message."""


def mermaid(story: Story, ending: Ending) -> str:
    """Return the diagram; a text that is longer than `LONGEST` characters is cut."""
    names = {lane: f"L{number}" for number, lane in enumerate(story.lanes)}
    lines = ["sequenceDiagram"]
    for lane, name in names.items():
        kind = "actor" if lane.kind == "peer" else "participant"
        lines.append(f"    {kind} {name} as {escaped(label_of(lane))}")
    for moment in story.moments:
        if moment.number - 1 == story.loop:
            lines.append(f"    loop {escaped(AGAIN.rstrip(':'))}")
        lines += (f"    {line}" for line in _lines(moment, names))
    if story.loop is not None and story.loop < len(story.moments):
        lines.append("    end")
    lines.append(f"    Note over {_everybody(names)}: {_note(last_words(ending))}")
    return "\n".join(lines) + "\n"


def label_of(lane: Lane) -> str:
    """Return the name of a lane, with its kind where the name is that of a channel."""
    return f"peer of {lane.name}" if lane.kind == "peer" else lane.name


def escaped(text: str) -> str:
    """Return a text as a message of Mermaid shows it: one line, and no character has a meaning."""
    text = shortened(" ".join(text.split()), LONGEST)
    return SPECIAL.sub(lambda m: m[0] if m[0] in PLAIN else f"#{ord(m[0])};", text)


def _lines(moment: Moment, names: dict[Lane, str]) -> Iterator[str]:
    for message in moment.messages:
        text = f"{message.number}. {message.text}" if message.number else message.text
        yield f"{names[message.source]}{_arrow(message)}{names[message.target]}: {escaped(text)}"
    last = moment.messages[-1]
    at = names[last.target if last.source.kind == "peer" else last.source]
    for remark in moment.follows:
        yield f"Note over {at}: {_note(plain(remark))}"


def _note(text: str) -> str:
    """Return the text of a note, in lines."""
    lines = textwrap.wrap(shortened(" ".join(text.split()), LONGEST), WIDTH)
    return "<br/>".join(map(escaped, lines))


def _arrow(message: Message) -> str:
    if message.fails:
        return "-x"
    return "-->>" if message.returns else "->>"


def _everybody(names: dict[Lane, str]) -> str:
    """Return the lanes that a note over all of them is over."""
    first, *rest = names.values()
    return f"{first},{rest[-1]}" if rest else first
