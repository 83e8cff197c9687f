"""Layout of a state in native code: one byte for each scalar.

The bytes are those of a C struct: the fields without keys, then one row for every member of a key
type, which has all fields with this type as their first key. A row begins at a multiple of sixteen
bytes, because the explorer handles a state in lanes of sixteen bytes, and the fields of one member
change together. A program for several mixes has the versions that run as bytes of the state, which
no step changes.
"""

from __future__ import annotations

import functools
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
"""The numbers that a byte holds. They may exceed the limit of their type, as in plain Python."""

MEMBERS: tuple[Scalar, ...] = (*range(NONE), None)
"""What a byte stands for in a field that has no numbers."""

NUMBERS: tuple[Scalar, ...] = (*range(128), *range(-128, 0))
"""What a byte stands for in a field of numbers."""

LANE = 16
"""Rows begin at multiples of this many bytes."""


class UnsupportedModel(Exception):
    """The native explorer cannot run this model, for the reason in the message."""


@dataclass(frozen=True)
class Cell:
    """One scalar that changes, with its place in the struct as C names it, and its offset."""

    field: str
    place: str
    offset: int


class StateLayout:
    """The layout of the states of one model under one run.

    `rows` maps a key type to its fields, `alone` are the fields without keys. Only the `written`
    fields have a place; the others keep their values in the state `initial`. `places` maps a field
    and its keys to a place of the struct. `offsets` has, for every scalar of a snapshot, its offset
    (None without a place) and whether it is a number. `choices` maps a parameter for a version to
    its value, which is a byte of every state. `length` is the size of the struct in bytes.
    Raises `UnsupportedModel` for a type that does not fit into a byte.
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
        self.choices = {name: machine.run.parameters[name] for name in self.program.choices}
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
        length = len(self.choices)
        self.cells: list[Cell] = []
        row = ""
        for (name, _), place in self.places.items():
            if place.rpartition(".")[0] != row:
                row, length = place.rpartition(".")[0], _whole(length)
            self.cells.append(Cell(name, place, length))
            length += 1
        self.length = max(LANE, _whole(length))
        offset_of = {key: cell.offset for key, cell in zip(self.places, self.cells, strict=True)}
        self.offsets = [offset_of.get((name, keys)) for name, keys, _ in machine.layout()]
        self.reads = [
            # a field that no step writes has its first value, whatever the byte is
            (0, (fixed,) * 256)
            if offset is None
            else (offset, NUMBERS if declared.value.kind == "int" else MEMBERS)
            for offset, fixed, (_, _, declared) in zip(
                self.offsets, initial, machine.layout(), strict=True
            )
        ]

    def size(self, key: str) -> int:
        """Return the number of members of a key type."""
        return key_size(self.program, self.sizes, key)

    def to_bytes(self, snapshot: Snapshot) -> bytes:
        """Convert a snapshot to the bytes of the struct."""
        row = bytearray(self.length)
        row[: len(self.choices)] = self.choices.values()
        for offset, value in zip(self.offsets, snapshot, strict=True):
            if offset is not None:
                row[offset] = NONE if value is None else value & 0xFF
        return bytes(row)

    def to_snapshot(self, row: bytes) -> Snapshot:
        """Convert the bytes of a struct to a snapshot, equal to that of plain Python."""
        return tuple([values[row[offset]] for offset, values in self.reads])

    def has(self, raw: bytes, lane: int) -> bool:
        """Return whether values of a lane, one after the other, are of the types of its cells."""
        return all(
            not raw[place::LANE].translate(None, self._allowed.get(lane * LANE + place, b"\0"))
            for place in range(LANE)
        )

    @functools.cached_property
    def _allowed(self) -> dict[int, bytes]:
        """The bytes that the cell at an offset may have; between cells there is zero."""
        chosen = {i: bytes([value]) for i, value in enumerate(self.choices.values())}
        return chosen | {cell.offset: self._bytes_of(cell.field) for cell in self.cells}

    def _bytes_of(self, field: str) -> bytes:
        value = self.program.state[field].value
        if value.kind == "int":
            return bytes(range(256))
        none = bytes([NONE]) if value.optional else b""
        return bytes(range(2 if value.kind == "bool" else self.size(value.name))) + none

    def _check(self, name: str, declared: ir.FieldType) -> None:
        """Refuse a field whose type does not fit into a byte."""
        if declared.value.kind == "int" and declared.value.optional:
            raise UnsupportedModel(f"the field {name} is an optional number")
        for kind in (*declared.keys, declared.value.name):
            known = kind in self.program.enums or kind in self.program.indexes
            if known and self.size(kind) > LARGEST:
                raise UnsupportedModel(f"{kind} has more than {LARGEST} members")


def _whole(length: int) -> int:
    """Round a length up to a multiple of a lane."""
    return (length + LANE - 1) // LANE * LANE
