"""Symmetry: members of index types that may be exchanged, one state for all that are alike.

A permutation of the members of index types is a symmetry of a run if it leaves alone what the
model's functions read and never write: the parameters, and fields that nothing changes. (What
only the initial state is made of does not matter.) The functions themselves tell the members
of a type apart only if they name one or compare two by size; such a type is left alone. That
no loop depends on the order of the members is asked of states that were found (`native`).

A type about which no parameter says anything is renumbered: in the order in which a walk over
the state first meets its members. Of the others all permutations that are symmetries are
listed, and the least state is taken among those that they make. Where two members cannot be
told apart by this, two states that are alike may both be kept; never is a state left out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from wakeproof.execution.machine import Machine
from wakeproof.explore.native.state_layout import Packing
from wakeproof.language import ir
from wakeproof.language.analysis import told_apart

SMALL = 3
"""A type that no parameter mentions is renumbered if it has more members than this."""

MOST = 5040
"""The permutations that are listed: more would cost more than they save."""

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

    def order(self, packing: Packing) -> int:
        """How many permutations there are."""
        return len(self.group) * math.prod(math.factorial(packing.size(t)) for t in self.renumbered)


@dataclass(frozen=True)
class Table:
    """Something that does not change: the types of its keys and value, and its values."""

    keys: tuple[str, ...]
    kind: ir.Type
    rows: Any

    def types(self) -> set[str]:
        """Every type that it is about."""
        return {*self.keys, self.kind.name}

    def items(self, packing: Packing) -> Iterator[tuple[tuple[int, ...], Any]]:
        """Every value with its keys."""
        for keys in itertools.product(*(range(packing.size(key)) for key in self.keys)):
            row = self.rows
            for key in keys:
                row = row[key]
            yield keys, row

    def is_uniform(self, packing: Packing) -> bool:
        """Whether it says the same of everything, and names no member: no permutation alters it."""
        values = {value for _, value in self.items(packing)}
        return values <= {None} or (len(values) == 1 and self.kind.kind != "index")


def symmetry(machine: Machine, packing: Packing, nodes: Iterable[Any]) -> Symmetry:
    """The symmetries of a run; `nodes` are all of the functions that it may call."""
    program = machine.program
    nodes = list(nodes)
    unlike = told_apart(nodes)
    read = {(node.space, node.field) for node in nodes if isinstance(node, ir.Read)}
    changing = {name for name, _ in packing.places}
    tables = []
    for kind_of, name in sorted(read):
        if kind_of == "p":
            declared = program.parameters[name]
            tables.append(Table(declared.keys, declared.value, machine.run.parameters[name]))
        elif name not in changing:
            declared = program.state[name]
            values = iter(
                value
                for value, (field, *_) in zip(packing.initial, machine.layout(), strict=True)
                if field == name
            )
            tables.append(
                Table(declared.keys, declared.value, _nested(packing, declared.keys, values))
            )
    tables = [table for table in tables if not table.is_uniform(packing)]
    candidates = [name for name in program.indexes if name not in unlike and packing.size(name) > 1]
    mentioned = set().union(*(table.types() for table in tables))
    renumbered = tuple(n for n in candidates if n not in mentioned and packing.size(n) > SMALL)
    listed = tuple(n for n in candidates if n not in renumbered)
    group = _group(packing, listed, tables)
    while len(group) > MOST:
        listed = listed[:-1]
        group = _group(packing, listed, tables)
    moved = [i for i in range(len(listed)) if any(g[i] != group[0][i] for g in group)]
    return Symmetry(
        tuple(listed[i] for i in moved),
        tuple(tuple(g[i] for i in moved) for g in group),
        renumbered,
    )


def _nested(packing: Packing, keys: Sequence[str], values: Iterator[Any]) -> Any:
    if not keys:
        return next(values)
    return [_nested(packing, keys[1:], values) for _ in range(packing.size(keys[0]))]


def _group(
    packing: Packing, listed: Sequence[str], tables: Sequence[Table]
) -> list[tuple[Permutation, ...]]:
    """Every choice of permutations that leaves all tables alone, the identity first."""
    partial: list[dict[str, Permutation]] = [{}]
    for i, name in enumerate(listed):
        later = set(listed[i + 1 :])
        asked = [t for t in tables if name in t.types() and not t.types() & later]
        partial = [
            found
            for chosen in partial
            for permutation in itertools.permutations(range(packing.size(name)))
            for found in [{**chosen, name: permutation}]
            if all(_leaves(packing, table, found) for table in asked)
        ]
        if len(partial) > MOST * 4:
            return [()] * (MOST + 1)
    return [tuple(chosen[name] for name in listed) for chosen in partial]


def _leaves(packing: Packing, table: Table, chosen: dict[str, Permutation]) -> bool:
    """Whether the permutations leave a table as it is."""
    values = dict(table.items(packing))
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
