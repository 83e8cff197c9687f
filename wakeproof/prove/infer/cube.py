"""Conditions on the cells of a state, and the lemma that members never have all of them at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from wakeproof.language import ir
from wakeproof.language.values import Scalar


@dataclass(frozen=True)
class Condition:
    """A condition that a cell equals a value, or does not; members are numbers, in keys and value.

    `space` is `s` or `p`; `kinds` are the types of the keys, followed by that of the value.
    """

    space: str
    field: str
    keys: tuple[int, ...]
    same: bool
    value: Scalar
    kinds: tuple[ir.Type, ...]

    def members(self) -> Iterator[tuple[str, int]]:
        """The members of index types that it names, by type and number."""
        for kind, number in zip(self.kinds, (*self.keys, self.value), strict=True):
            if kind.kind == "index" and number is not None:
                yield kind.name, int(number)

    def renamed(self, names: Mapping[tuple[str, int], int]) -> Condition:
        """The same condition about other members."""
        *keys, value = (
            number if number is None or kind.kind != "index" else names[kind.name, int(number)]
            for kind, number in zip(self.kinds, (*self.keys, self.value), strict=True)
        )
        return Condition(
            self.space, self.field, tuple(int(k or 0) for k in keys), self.same, value, self.kinds
        )


Never = tuple[Condition, ...]
"""The lemma that no members, all different, have all of these."""


def condition(
    program: ir.Program, space: str, field: str, keys: tuple[int, ...], same: bool, value: Scalar
) -> Condition:
    """The condition that a cell equals a value, or does not."""
    declared = (program.state if space == "s" else program.parameters)[field]
    kinds = tuple(
        ir.Type("index" if key in program.indexes else "enum", key) for key in declared.keys
    )
    return Condition(space, field, keys, same, value, (*kinds, declared.value))


def never(conditions: Iterable[Condition]) -> Never:
    """The lemma, with the members numbered in their order."""
    ordered = sorted(conditions, key=lambda c: (c.space, c.field, c.same, str(c.value), c.keys))
    names: dict[tuple[str, int], int] = {}
    for member in (m for c in ordered for m in c.members()):
        if member not in names:
            names[member] = sum(kind == member[0] for kind, _ in names)
    return tuple(c.renamed(names) for c in ordered)


def members_of(lemma: Never) -> dict[str, int]:
    """How many members of each type it is about."""
    found: dict[str, int] = {}
    for kind, number in (m for c in lemma for m in c.members()):
        found[kind] = max(found.get(kind, 0), number + 1)
    return found


def instances(lemma: Never, sizes: Mapping[str, int]) -> Iterator[Never]:
    """The conditions, for all choices of different members."""
    counts = members_of(lemma)
    choices = [itertools.permutations(range(sizes[kind]), n) for kind, n in counts.items()]
    for chosen in itertools.product(*choices):
        names = {
            (kind, number): member
            for kind, members in zip(counts, chosen, strict=True)
            for number, member in enumerate(members)
        }
        yield tuple(c.renamed(names) for c in lemma)
