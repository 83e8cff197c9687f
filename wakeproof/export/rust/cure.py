"""A cure: the change of the crate with which a finding's test passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cure:
    """A change of a release: `lines` in the place of `instead` lines, at each line of `at`.

    `words` maps a word of the lines to what stands for it at each place. `proposed`: it is meant
    as a cure, and not only to show what the test sees.
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
        """The lines as they stand at one of the places."""
        found = list(self.lines)
        for word, values in self.words.items():
            found = [line.replace(word, values[place]) for line in found]
        return "\n".join(found).split("\n")

    def applied(self, text: str) -> str:
        """The text of the file with the change, indented as the line at each place is."""
        lines = text.split("\n")
        for place in reversed(range(len(self.at))):
            start = self.at[place] - 1
            indent = lines[start][: -len(lines[start].lstrip())]
            lines[start : start + self.instead] = [indent + line for line in self.at_place(place)]
        return "\n".join(lines)
