"""A cure: a change of the released crate with which the test of a finding passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cure:
    """A change of a file: at each line of `at`, `lines` replace the next `instead` lines.

    `words` maps a word of the lines to its replacement at each place. `proposed`: the change
    is meant for the crate, and does not only show what the test detects.
    """

    name: str
    release: str
    says: str
    file: str
    at: tuple[int, ...]
    lines: tuple[str, ...]
    instead: int = 0
    words: Mapping[str, list[str]] = field(default_factory=dict)
    proposed: bool = False

    def at_place(self, place: int) -> list[str]:
        """Return the lines at one of the places, counted from 0."""
        found = list(self.lines)
        for word, values in self.words.items():
            found = [line.replace(word, values[place]) for line in found]
        return "\n".join(found).split("\n")

    def applied(self, text: str) -> str:
        """Return the text of the file with the change, which is indented like its places."""
        lines = text.split("\n")
        for place in reversed(range(len(self.at))):
            start = self.at[place] - 1
            indent = lines[start][: -len(lines[start].lstrip())]
            lines[start : start + self.instead] = [indent + line for line in self.at_place(place)]
        return "\n".join(lines)
