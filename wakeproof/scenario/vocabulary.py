"""The words of scenarios, each with its sentence: parameters, actions, words and conditions.

What `wakeproof list` prints, what the reference has, and what the schema for editors offers.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from wakeproof.language import ir
from wakeproof.language.model import Model
from wakeproof.scenario.file import SCHEMA
from wakeproof.scenario.mixes import ROLES
from wakeproof.scenario.program_text import WORDS
from wakeproof.scenario.words import LOCK, words_of


@dataclass(frozen=True)
class Entry:
    """A word: how it is written, what kind it is, and its sentence."""

    name: str
    usage: str
    kind: str
    says: str


LANGUAGE = {
    "A, B": "One after the other.",
    "A | B": "One of them: every choice is tried.",
    "(A, B)": "A group, where one step is wanted.",
    "maybe A": "A, or nothing.",
    "repeat A": "A any number of times, none included.",
    "if C x: A else: B": "A if the condition holds at the next step, else B; B can be left out.",
    "if not C x and D y: A": "Conditions may be negated, and joined by `and`.",
    "while C x: A": "A again and again as long as the condition holds.",
    "each NAME: A": "A for each other future with a program, which NAME stands for.",
    "set lock": "The lock is taken, together with the next step; `clear lock` gives it back.",
    "loop": "Goes on at the first line.",
    "end": "Goes on behind the last line.",
}
"""The forms of the language of programs; the model adds words, conditions and actions."""


def newest_program(model: Model) -> ir.Program:
    """Return the program of the newest version of a model, in every role."""
    return model.resolve(dict.fromkeys(ROLES, model.versions[-1])).program


def parameters(model: Model) -> Iterator[Entry]:
    """Yield the parameters of a model."""
    says = model.defaults.get("says", {})
    for name, declared in newest_program(model).parameters.items():
        kind = f"one of {declared.value.name or declared.value.kind}"
        each = f", for each {declared.keys[0]}" if declared.keys else ""
        default = model.defaults.get(name)
        shown = "" if default is None else f" Default: {json.dumps(default)}."
        yield Entry(name, name, kind.removeprefix("one of ") + each, says.get(name, "") + shown)


def actions(model: Model) -> Iterator[Entry]:
    """Yield the actions of a model."""
    for function in newest_program(model).functions.values():
        if "action" in function.marks:
            words = (function.name, *(f"<{n}: {t}>" for n, t in function.parameters))
            doc = " ".join(function.doc.split("\n\n")[0].split())
            yield Entry(function.name, " ".join(words), function.marks["action"], doc)


def words(model: Model) -> Iterator[Entry]:
    """Yield the words and conditions that a model has for programs; none without them."""
    found = words_of(model.root)
    if found is None:
        return
    for word in found.words.values():
        usage = " ".join((word.name, *word.takes))
        yield Entry(word.name, usage, "word", f"{word.says}: `{word.text}`")
    for condition in found.conditions.values():
        of = "L" if condition.of == LOCK else condition.of
        yield Entry(condition.name, f"{condition.name} {of}", "condition", condition.says)


def editor_schema(model: Model) -> dict[str, Any]:
    """Return the JSON schema of scenarios with the names of a model, for editors of TOML.

    It describes the parameters, and offers actions, properties, sites and hosts.
    """
    schema: dict[str, Any] = copy.deepcopy(json.loads(SCHEMA.read_text(encoding="utf-8")))
    tables = schema["properties"]
    program = newest_program(model)
    tables["parameters"] |= {
        "additionalProperties": False,
        "properties": {e.name: {"description": f"{e.kind}. {e.says}"} for e in parameters(model)},
    }
    for table in ("sizes", "names"):
        members = tables[table].pop("additionalProperties")
        tables[table] |= {
            "additionalProperties": False,
            "properties": {
                name: {**members, "description": " ".join(doc.split())}
                for name, doc in program.indexes.items()
            },
        }
    offered = _offered([(entry.name, entry.says) for entry in actions(model)])
    for key in ("actions", "also", "without"):
        tables["program"]["properties"][key]["items"] = offered
    row = tables["expect"]["items"]["properties"]
    row["property"] = _offered([(p.id, p.says) for p in model.properties.values()])
    row["sites"]["items"] = _offered([(s.id, s.condition) for s in model.sites.values()])
    row["host"]["items"] = {"enum": model.hosts}
    lines = [f"{form}: {says}" for form, says in LANGUAGE.items()]
    lines += [f"{e.usage}: {e.says}" for e in words(model)]
    tables["task"]["items"]["properties"]["does"]["description"] = "\n".join(lines)
    schema["$comment"] = f"The words of the language of programs are {', '.join(WORDS)}."
    return schema


def _offered(names: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the schema of one of several names, each with its sentence."""
    return {"oneOf": [{"const": name, "description": says} for name, says in names]}
