"""How a state is laid out for native code: a byte a scalar.

The bytes are those of a C struct: fields without keys first, then one row for every member of
a key type, with all the fields that it is the first key of. A row begins at a multiple of
sixteen bytes: the explorer takes states by these lanes, and what belongs together changes together.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from wakeproof.execution.machine import Machine
from wakeproof.language import ir
from wakeproof.language.values import Scalar, Snapshot, key_size

NONE = 255
"""None as a byte."""

LARGEST = 254
"""The largest size of a type: its members and None are different bytes."""

NUMBER = range(-128, 128)
"""The numbers that a byte holds. They may leave the limit of their type, as in plain Python."""

LANE = 16
"""Rows begin at multiples of so many bytes."""


class Unsupported(Exception):
    """The native explorer cannot run this model; it says why."""


@dataclass(frozen=True)
class Cell:
    """One scalar that changes, and where it stands in the struct."""

    field: str
    place: str
    offset: int


class Packing:
    """The layout of one model under one run.

    `rows` maps a key type to its fields, `alone` are the fields without keys. A field that is
    not among the `written` ones is no part of the layout: it keeps its value of `initial`.
    `length` is that of all rows in bytes.
    """

    def __init__(self, machine: Machine, written: Set[str], initial: Snapshot) -> None:
        self.program = machine.program
        self.sizes: Mapping[str, int] = machine.run.sizes
        self.initial = initial
        self.alone: list[str] = []
        self.rows: dict[str, list[str]] = {}
        for name, declared in self.program.state.items():
            self._check(name, declared)
            if name in written:
                group = self.rows.setdefault(declared.keys[0], []) if declared.keys else self.alone
                group.append(name)
        self.places: dict[tuple[str, tuple[int, ...]], str] = {}
        for name in self.alone:
            self.places[name, ()] = f"m_{name}"
        for key, fields in self.rows.items():
            for i in range(self.size(key)):
                for name in fields:
                    inner = self.program.state[name].keys[1:]
                    for j in range(self.size(inner[0])) if inner else [None]:
                        row = f"r_{key}[{i}].m_{name}"
                        if j is None:
                            self.places[name, (i,)] = row
                        else:
                            self.places[name, (i, j)] = f"{row}[{j}]"
        self.cells: list[Cell] = []
        row, length = "", 0
        for (name, _), place in self.places.items():
            if place.rpartition(".")[0] != row:
                row, length = place.rpartition(".")[0], _whole(length)
            self.cells.append(Cell(name, place, length))
            length += 1
        self.length = max(LANE, _whole(length))
        # for every scalar of a snapshot: its byte, or None if it never changes
        offsets = {key: cell.offset for key, cell in zip(self.places, self.cells, strict=True)}
        self.layout = [
            (offsets.get((name, keys)), declared.value.kind == "int")
            for name, keys, declared in machine.layout()
        ]

    def size(self, key: str) -> int:
        """How many members a key type has."""
        return key_size(self.program, self.sizes, key)

    def to_bytes(self, snapshot: Snapshot) -> bytes:
        """The bytes of the struct for a snapshot."""
        row = bytearray(self.length)
        for (offset, _), value in zip(self.layout, snapshot, strict=True):
            if offset is not None:
                row[offset] = NONE if value is None else value & 0xFF
        return bytes(row)

    def to_snapshot(self, row: bytes) -> Snapshot:
        """The snapshot behind the bytes of a struct. Equal to the one that plain Python has."""
        values: list[Scalar] = []
        for (offset, number), fixed in zip(self.layout, self.initial, strict=True):
            if offset is None:
                values.append(fixed)
            elif number:
                values.append(row[offset] if row[offset] < 128 else row[offset] - 256)
            else:
                values.append(None if row[offset] == NONE else row[offset])
        return tuple(values)

    def _check(self, name: str, declared: ir.FieldType) -> None:
        """Refuse what has no place in a byte."""
        if declared.value.kind == "int" and declared.value.optional:
            raise Unsupported(f"the field {name} is an optional number")
        for kind in (*declared.keys, declared.value.name):
            known = kind in self.program.enums or kind in self.program.indexes
            if known and self.size(kind) > LARGEST:
                raise Unsupported(f"{kind} has more than {LARGEST} members")


def _whole(length: int) -> int:
    """The next multiple of a lane."""
    return (length + LANE - 1) // LANE * LANE
