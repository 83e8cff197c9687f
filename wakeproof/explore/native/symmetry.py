"""Symmetry reduction: permutations of the members of index types, one state for each orbit.

A permutation of members is a symmetry of a run if it does not change what the model's functions
read and never write: the parameters, and fields that no action changes. (What only the initial
state is computed from does not matter.) The functions distinguish the members of a type only if
they name one or compare two by size; such a type is not permuted. Whether a loop depends on the
order of the members cannot be read off the text: `search` checks it in some of the states.

A type that no parameter mentions is renumbered, in the order in which a walk over the state first
meets its members. For the other types all permutations that are symmetries are listed, and the
least of the permuted states represents the orbit. A renumbering cannot order members with equal
rows, so several states of one orbit may be kept; no orbit is lost.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from wakeproof.execution.machine import Machine
from wakeproof.explore.native.state_layout import StateLayout
from wakeproof.language import ir
from wakeproof.language.analysis import asymmetric_types

SMALL = 3
"""A type that no parameter mentions is renumbered if it has more members than this."""

MOST = 5040
"""The most permutations that are listed: more would cost more than they save."""

Permutation = tuple[int, ...]


@dataclass(frozen=True)
class Symmetry:
    """The symmetries of a run: `group` has a permutation of each type in `listed`, in order."""

    listed: tuple[str, ...]
    group: tuple[tuple[Permutation, ...], ...]
    renumbered: tuple[str, ...]

    @property
    def types(self) -> tuple[str, ...]:
        """All types whose members may change places."""
        return (*self.listed, *self.renumbered)

    def order(self, layout: StateLayout) -> int:
        """Return the number of permutations."""
        return len(self.group) * math.prod(math.factorial(layout.size(t)) for t in self.renumbered)


@dataclass(frozen=True)
class Table:
    """A parameter or a field that no action changes: the types of its keys and value, its rows."""

    keys: tuple[str, ...]
    kind: ir.Type
    rows: Any

    def types(self) -> set[str]:
        """Return the types of its keys and its value."""
        return {*self.keys, self.kind.name}

    def items(self, layout: StateLayout) -> Iterator[tuple[tuple[int, ...], Any]]:
        """Yield every value with its keys."""
        for keys in itertools.product(*(range(layout.size(key)) for key in self.keys)):
            row = self.rows
            for key in keys:
                row = row[key]
            yield keys, row

    def is_uniform(self, layout: StateLayout) -> bool:
        """Return whether its values are equal and not members: no permutation changes it."""
        values = {value for _, value in self.items(layout)}
        return values <= {None} or (len(values) == 1 and self.kind.kind != "index")


def symmetry(machine: Machine, layout: StateLayout, nodes: Iterable[Any]) -> Symmetry:
    """Return the symmetries of a run; `nodes` are all nodes of the functions that it may call."""
    program = machine.program
    nodes = list(nodes)
    unlike = asymmetric_types(nodes)
    read = {(node.space, node.field) for node in nodes if isinstance(node, ir.Read)}
    changing = {name for name, _ in layout.places}
    tables = []
    for kind_of, name in sorted(read):
        if kind_of == "p":
            declared = program.parameters[name]
            tables.append(Table(declared.keys, declared.value, machine.run.parameters[name]))
        elif name not in changing:
            declared = program.state[name]
            values = iter(
                value
                for value, (field, *_) in zip(layout.initial, machine.layout(), strict=True)
                if field == name
            )
            tables.append(
                Table(declared.keys, declared.value, _nested(layout, declared.keys, values))
            )
    tables = [table for table in tables if not table.is_uniform(layout)]
    candidates = [name for name in program.indexes if name not in unlike and layout.size(name) > 1]
    mentioned = set().union(*(table.types() for table in tables))
    renumbered = tuple(n for n in candidates if n not in mentioned and layout.size(n) > SMALL)
    listed = tuple(n for n in candidates if n not in renumbered)
    group = _group(layout, listed, tables)
    while len(group) > MOST:
        listed = listed[:-1]
        group = _group(layout, listed, tables)
    moved = [i for i in range(len(listed)) if any(g[i] != group[0][i] for g in group)]
    return Symmetry(
        tuple(listed[i] for i in moved),
        tuple(tuple(g[i] for i in moved) for g in group),
        renumbered,
    )


def _nested(layout: StateLayout, keys: Sequence[str], values: Iterator[Any]) -> Any:
    if not keys:
        return next(values)
    return [_nested(layout, keys[1:], values) for _ in range(layout.size(keys[0]))]


def _group(
    layout: StateLayout, listed: Sequence[str], tables: Sequence[Table]
) -> list[tuple[Permutation, ...]]:
    """List the choices of permutations that change no table, the identity first."""
    partial: list[dict[str, Permutation]] = [{}]
    for i, name in enumerate(listed):
        later = set(listed[i + 1 :])
        complete = [t for t in tables if name in t.types() and not t.types() & later]
        partial = [
            found
            for chosen in partial
            for permutation in itertools.permutations(range(layout.size(name)))
            for found in [{**chosen, name: permutation}]
            if all(_preserves(layout, table, found) for table in complete)
        ]
        if len(partial) > MOST * 4:
            return [()] * (MOST + 1)
    return [tuple(chosen[name] for name in listed) for chosen in partial]


def _preserves(layout: StateLayout, table: Table, chosen: dict[str, Permutation]) -> bool:
    """Return whether the permutations do not change a table."""
    values = dict(table.items(layout))
    for keys, value in values.items():
        there = tuple(
            chosen[name][key] if name in chosen else key
            for name, key in zip(table.keys, keys, strict=True)
        )
        name = table.kind.name
        moved = chosen[name][value] if name in chosen and value is not None else value
        if values[there] != moved:
            return False
    return True
