"""An input of the command line: a command, files and variables of the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = "HERE"
"""The path of the working folder in a command: models are read once for a path in a process."""


@dataclass(frozen=True)
class Input:
    """A command, the files in its working folder, and more variables of its environment.

    `refused`: it is known to be invalid, so its status has to be 2. `alone`: it needs a process of
    its own.
    """

    kind: str
    words: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    refused: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    alone: bool = False

    @property
    def prints_a_file(self) -> bool:
        """Whether a file of the command is standard output, so that its screen is on the other."""
        return "-" in self.words

    def words_in(self, folder: str | Path) -> list[str]:
        """Return the words of the command for a working folder."""
        return [word.replace(HERE, str(folder)) for word in self.words]
