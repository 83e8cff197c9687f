"""Compare two versions of a model: the functions and classes of fields in which they differ."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wakeproof.language.sources import Source, Sources


@dataclass(frozen=True)
class Text:
    """The text of a function or of a class of fields, and its place."""

    text: str
    path: Path = field(compare=False)
    line: int = field(compare=False)


@dataclass(frozen=True)
class Difference:
    """One name and its text in either version; None where a version has no such name."""

    name: str
    old: Text | None
    new: Text | None


def differences(sources: Sources, old: str, new: str) -> list[Difference]:
    """List the texts in which `old` and `new` differ, in the order of the text.

    Raises `ModelError` for an unknown version.
    """
    before, after = _texts(sources, old), _texts(sources, new)
    return [
        Difference(name, before.get(name), after.get(name))
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]


def _texts(sources: Sources, version: str) -> dict[str, Text]:
    """Return the text of every function and class of fields that a version runs, by name."""
    chain = [sources.versions[name].source for name in sources.chain(version)]
    return {name: text for source in (*sources.base, *chain) for name, text in _texts_of(source)}


def _texts_of(source: Source) -> Iterator[tuple[str, Text]]:
    lines = source.path.read_text(encoding="utf-8").splitlines()
    for node in source.tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            text = "\n".join(lines[first - 1 : node.end_lineno])
            yield node.name, Text(text, source.path, node.lineno)
