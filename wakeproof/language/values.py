"""Scalars, snapshots of the state, runs, steps, and the domains of types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wakeproof.language import ir

Scalar = int | bool | None
Snapshot = tuple[Scalar, ...]


@dataclass(frozen=True)
class Run:
    """The size of every index type and the value of every parameter.

    The value of a parameter with keys is a nested list in the order of its keys.
    """

    sizes: Mapping[str, int]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One action with its arguments."""

    action: str
    arguments: tuple[Scalar, ...]


def key_size(program: ir.Program, sizes: Mapping[str, int], key: str) -> int:
    """Return the number of members of a key type."""
    return len(program.enums[key]) if key in program.enums else sizes[key]


def default(value: ir.Type) -> Scalar:
    """Return the first value of a type, which a field holds before any assignment."""
    if value.optional:
        return None
    return False if value.kind == "bool" else 0


def domain(program: ir.Program, sizes: Mapping[str, int], value: ir.Type) -> list[Scalar]:
    """List every value of a type in order; None comes first where the type is optional."""
    values: list[Scalar]
    match value.kind:
        case "bool":
            values = [False, True]
        case "index":
            values = list(range(sizes[value.name]))
        case "enum":
            values = list(range(len(program.enums[value.name])))
        case _:
            values = list(range(program.bounds.get(value.name, 15) + 1))
    return [None, *values] if value.optional else values
