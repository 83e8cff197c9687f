"""The words that a model has for programs: `programs.toml`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wakeproof.scenario.program_text import Node, Place, read_line
from wakeproof.util.schema import validate
from wakeproof.util.toml import load_toml

SCHEMA = Path(__file__).with_name("programs.schema.json")

LOCK = "lock"
"""The type of a lock, which the scenario names; the other types are those of the model."""
LOCKED = "locked"
"""The condition that a lock is taken."""


@dataclass(frozen=True)
class Word:
    """A word: its parameters with their types, a sentence, and what it stands for."""

    name: str
    takes: tuple[str, ...]
    of: tuple[str, ...]
    says: str
    text: str
    body: Node


@dataclass(frozen=True)
class Condition:
    """A condition about a member `x` of the type `of`: a sentence, and its text in the model."""

    name: str
    of: str
    says: str
    text: str


@dataclass(frozen=True)
class Start:
    """An action that begins a program: the text of its member, the parameter that allows it."""

    action: str
    member: str
    may: str


@dataclass(frozen=True)
class Waits:
    """What it is to wait for a lock in vain: the property that it violates, and when a task waits.

    `condition` is the name of a condition about a member of the index type of the programs.
    """

    property: str
    condition: str


@dataclass(frozen=True)
class Words:
    """What a model has for programs.

    `runs` is the function that returns the member of the type `index` whose code runs, `task` the
    parameter with the member that a task runs, `ends` the action that ends a program. `free` are
    the actions that need no program; `enough` has, for a type, what its size is the sum of.
    """

    runs: str
    index: str
    task: str
    ends: str
    starts: tuple[Start, ...]
    free: tuple[str, ...]
    enough: Mapping[str, Mapping[str, int]]
    conditions: Mapping[str, Condition]
    words: Mapping[tuple[str, int], Word]
    waits: Waits | None


@functools.cache
def words_of(root: Path) -> Words | None:
    """Read the words of a model folder; None for a model without them. Raises `InputError`."""
    path = root / "programs.toml"
    if not path.exists():
        return None
    table = load_toml(path)
    validate(table, SCHEMA, path, "the words", "write them as the bundled model does")
    conditions = {
        name: Condition(name, row["of"], row["says"], row["is"])
        for name, row in table["condition"].items()
    }
    conditions[LOCKED] = Condition(LOCKED, LOCK, "a task has the lock", "")
    return Words(
        table["runs"],
        table["index"],
        table["task"],
        table["ends"],
        tuple(
            Start(name, row["member"], row.get("may", "")) for name, row in table["starts"].items()
        ),
        tuple(table["free"]["actions"]),
        table["enough"],
        conditions,
        {(w.name, len(w.takes)): w for w in map(_word, table["word"])},
        Waits(**table["waits"]) if "waits" in table else None,
    )


def _word(row: Mapping[str, Any]) -> Word:
    body = read_line(Place("", row["does"], row["name"]))
    return Word(row["name"], tuple(row["takes"]), tuple(row["of"]), row["says"], row["does"], body)
