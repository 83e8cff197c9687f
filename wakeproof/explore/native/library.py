"""The compiled search as a library: its C functions and structs, and programs that use it."""

from __future__ import annotations

import ctypes
import functools
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from wakeproof.execution.machine import Machine
from wakeproof.explore.native.compiler import FAST, is_stored, library_path, load
from wakeproof.explore.native.emit_c import Emitted, emit
from wakeproof.explore.progress.questions import Questions
from wakeproof.language.values import Snapshot

SIGNATURES = {
    "new": ("P", "pIQqQiQ"),
    "run": ("i", "Pd"),
    "report": ("-", "PP"),
    "property": ("I", "PI"),
    "site": ("I", "PI"),
    "covered": ("-", "PPP"),
    "parent": ("I", "PI"),
    "state": ("-", "PIP"),
    "successors": ("I", "pPPP"),
    "broken": ("Q", "p"),
    "saved_size": ("I", ""),
    "column": ("P", "PI"),
    "layout_size": ("I", ""),
    "save": ("-", "PPPP"),
    "restore_values": ("i", "PQ"),
    "restore_states": ("i", "PPIIp"),
    "restore": ("i", "PpP"),
    "capacity": ("Q", "PI"),
    "canonical": ("-", "P"),
    "permute": ("-", "PP"),
    "index": ("i", "P"),
    "graph": ("i", "PPII"),
    "free": ("-", "P"),
}
"""The functions of explorer.c: the types of their results and arguments, by the letters below."""
C_TYPES = {
    "P": ctypes.c_void_p,
    "p": ctypes.c_char_p,
    "I": ctypes.c_uint32,
    "Q": ctypes.c_uint64,
    "q": ctypes.c_int64,
    "d": ctypes.c_double,
    "i": ctypes.c_int,
    "-": None,
}


Row = bytes | tuple[str, str]
"""The outcome of a step: the bytes of the next state, or (kind, site) where it goes wrong."""


ENGINE = ("memory.c", "settled.c", "explorer.c", "graph.c")
"""The search behind the generated text, in this order."""


class Asymmetric(Exception):
    """The behaviour depends on the order of members, so symmetry cannot merge states."""


class Report(ctypes.Structure):
    """`struct report` of explorer.c."""

    _fields_ = (
        ("states", ctypes.c_uint64),
        ("transitions", ctypes.c_uint64),
        ("queue", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("depth", ctypes.c_int64),
        ("load", ctypes.c_double),
        ("status", ctypes.c_int32),
        ("limit_site", ctypes.c_uint32),
    )


def typed(
    library: ctypes.CDLL, signatures: Mapping[str, tuple[str, str]] = SIGNATURES
) -> ctypes.CDLL:
    """Set the types of the library's functions, and return it."""
    for name, (result, arguments) in signatures.items():
        function = getattr(library, f"wakeproof_{name}")
        function.restype = C_TYPES[result]
        function.argtypes = [C_TYPES[a] for a in arguments]
    return library


class Program:
    """One machine as C text, for some of its actions; compiled when it is first used.

    With `reduce` its searches keep one state of each orbit of the symmetries; with `questions` they
    have the graph of their states. Raises
    `UnsupportedModel` if native code cannot run the model.
    """

    def __init__(
        self,
        machine: Machine,
        actions: Sequence[str] | None,
        reduce: bool = False,
        questions: Questions | None = None,
    ) -> None:
        self.machine = machine
        self.actions = actions
        self.questions = questions
        self.emitted: Emitted = emit(machine, actions, reduce, None if reduce else questions)
        self.layout = self.emitted.layout
        here = Path(__file__)
        engine = [here.with_name(name).read_text(encoding="utf-8") for name in ENGINE]
        self.text = self.emitted.text + "".join(engine)

    def is_compiled(self) -> bool:
        """Return whether the cache has a library. Raises `CompilerError` without a compiler."""
        return is_stored(library_path(self.text)) or self.is_fast()

    def is_fast(self) -> bool:
        """Return whether the cache has the library for long runs."""
        return is_stored(library_path(self.text, FAST))

    @functools.cached_property
    def library(self) -> ctypes.CDLL:
        """The library, its functions typed. Raises `CompilerError` if it cannot be had."""
        return typed(load(self.text))

    def compile(self, seconds: float) -> None:
        """Have the library compiled; raises `CompilerTimeout` if that takes longer."""
        if "library" not in vars(self):
            self.library = typed(load(self.text, seconds))

    def successors(self, state: Snapshot) -> list[Snapshot | tuple[str, str]]:
        """List the outcome of every enabled step, in order: a state, or (kind, site)."""
        return [
            self.layout.to_snapshot(row) if isinstance(row, bytes) else row
            for row in self.rows(self.layout.to_bytes(state))
        ]

    def rows(self, state: bytes) -> list[Row]:
        """List the outcomes as `successors` does, with states as bytes."""
        return [row for _, row in self.steps(state, self.library)]

    def steps(self, state: bytes, library: ctypes.CDLL) -> list[tuple[int, Row]]:
        """List the enabled steps of a state in order: the number of the action, the outcome.

        The `library` is that of the program, or one that was compiled with other options.
        """
        size, most = self.layout.length, self.emitted.branching + 1
        states = ctypes.create_string_buffer(size * most)
        wrong, actions = (ctypes.c_uint16 * most)(), (ctypes.c_uint16 * most)()
        count = library.wakeproof_successors(state, states, wrong, actions)
        raw = ctypes.string_at(states, size * count)
        return [
            (actions[i], self.emitted.sites[n] if n else raw[i * size : (i + 1) * size])
            for i, n in enumerate(wrong[:count])
        ]

    def canonical(self, state: Snapshot) -> Snapshot:
        """Return the representative of the state's orbit."""
        row = ctypes.create_string_buffer(self.layout.to_bytes(state))
        self.library.wakeproof_canonical(row)
        return self.layout.to_snapshot(row.raw)

    def permuted(self, state: bytes, maps: bytes) -> bytes:
        """Permute the members in a state; `maps` has 256 bytes for each type that is permuted."""
        row = ctypes.create_string_buffer(state)
        self.library.wakeproof_permute(row, maps)
        return row.raw[:-1]

    def is_symmetric(self, states: Iterable[Snapshot]) -> bool:
        """Return whether a random permutation of members commutes with the steps in these states.

        The permuted state must have the permuted outcomes, and the same invariants must fail.
        """
        found = self.emitted.symmetry
        assert found is not None
        fate = random.Random(0)
        for snapshot in states:
            element = fate.choice(found.group)
            maps = b"".join(_map(p) for p in element)
            for kind in found.renumbered:
                members = list(range(self.layout.size(kind)))
                fate.shuffle(members)
                maps += _map(members)
            state = self.layout.to_bytes(snapshot)
            other = self.permuted(state, maps)
            expected = Counter(
                self.permuted(row, maps) if isinstance(row, bytes) else row
                for row in self.rows(state)
            )
            if expected != Counter(self.rows(other)):
                return False
            if self.library.wakeproof_broken(state) != self.library.wakeproof_broken(other):
                return False
        return True

    def broken(self, state: Snapshot) -> set[str]:
        """Return the properties whose invariants fail in a state."""
        bits = self.library.wakeproof_broken(self.layout.to_bytes(state))
        return {name for i, name in enumerate(self.emitted.invariants) if bits >> i & 1}


def _map(members: Sequence[int]) -> bytes:
    """Return a permutation as 256 bytes; None stays None."""
    return bytes(members) + bytes(range(len(members), 256))
