"""Casts of the bundled model, for tests that hold two executions against each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support import Outcome, take
from wakeproof.execution.machine import Machine
from wakeproof.language import ir
from wakeproof.language.model import BUNDLED
from wakeproof.language.values import Run, Snapshot, Step, default, key_size
from wakeproof.scenario.mixes import ROLES

MIXES = (("v1", "v1", "v1"), ("v2", "v2", "v2"), ("v1", "v2", "v2"), ("v2", "v1", "v2"))
FEATURES = ((False, False), (False, True), (True, False), (True, True))
"""`inter_task_wakeup` and `async_spawn`."""
SIZES = {"Task": 2, "Future": 3, "Operation": 2, "Handle": 3, "Channel": 3, "SyncExport": 2}

# Three casts that have every kind of operation between them, on a stream and on a future; the
# third channel wakes the first task. Other parameters have the first value of their type.
COMMON: dict[str, Any] = {
    "is_future": [False, True, False],
    "opened": [True, False, False],
    "may_export": [True, True],
    "may_block_on": [True, True],
    "root": [0, 1],
    "task_of": [0, 1, None],
    "inter_task_channel": [2, None],
    "import_spawns": True,
    "program_wakers": True,
    "next_handle": [1, 2, None],
}
CASTS: tuple[dict[str, Any], ...] = (
    {"kind": ["STREAM_READ", "SUBTASK"], "channel": [0, None], "remote": ["WRITE", "NONE", "NONE"]},
    {
        "kind": ["FUTURE_READ", "FUTURE_WRITE"],
        "channel": [1, 1],
        "remote": ["NONE", "WRITE", "NONE"],
        "deferred_write": [None, 1, None],
        "keep_completed": True,
    },
    {
        "kind": ["STREAM_WRITE", "FUTURE_WRITE"],
        "channel": [0, 1],
        "remote": ["READ", "NONE", "NONE"],
        "single_use": True,
    },
)

Change = Callable[[ir.Program], ir.Program]


def unchanged(program: ir.Program) -> ir.Program:
    """Return the program itself."""
    return program


@dataclass(frozen=True)
class Case:
    """A mix with features, a cast by its number, and a change of the program under test."""

    mix: tuple[str, ...]
    features: tuple[bool, bool]
    cast: int
    alter: Change = unchanged


class Pair:
    """Plain Python and another execution of one case; `other` is the program of the latter."""

    def __init__(self, case: Case) -> None:
        resolved = BUNDLED.resolve(dict(zip(ROLES, case.mix, strict=True)))
        self.run = run_of_cast(resolved.program, case.cast, *case.features)
        self.machine = Machine(resolved, self.run)
        self.other = dataclasses.replace(resolved, program=case.alter(resolved.program))

    def plain(self, state: Snapshot, step: Step) -> Outcome:
        """Take a step from a state in plain Python; return its outcome."""
        return take(self.machine, state, step)


def run_of_cast(program: ir.Program, cast: int, inter_task_wakeup: bool, async_spawn: bool) -> Run:
    """Return the sizes and parameters of one cast with these features."""
    given = COMMON | CASTS[cast]
    given |= {"inter_task_wakeup": inter_task_wakeup, "async_spawn": async_spawn}
    parameters: dict[str, Any] = {}
    for name, declared in program.parameters.items():
        value = given.get(name, default(declared.value))
        if declared.keys and not isinstance(value, list):
            value = [value] * key_size(program, SIZES, declared.keys[0])
        if declared.value.kind == "enum" and name in given:
            value = [program.enums[declared.value.name].index(member) for member in given[name]]
        parameters[name] = value
    return Run(SIZES, parameters)


# --- alterations ----------------------------------------------------------------------------------


def altering(name: str, change: Callable[[Any], Any]) -> Change:
    """Return the alteration that applies `change` to every node of one function."""

    def alter(program: ir.Program) -> ir.Program:
        function = rewritten(program.functions[name], change)
        assert function != program.functions[name]
        return dataclasses.replace(program, functions=program.functions | {name: function})

    return alter


def rewritten(node: Any, change: Callable[[Any], Any]) -> Any:
    """Copy a tree of the intermediate form; replace every node by its change."""
    if isinstance(node, tuple):
        return tuple(rewritten(part, change) for part in node)
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        parts = {f.name: rewritten(getattr(node, f.name), change) for f in dataclasses.fields(node)}
        return change(dataclasses.replace(node, **parts))
    return node


def flip_comparison(node: Any) -> Any:
    """Replace `a == b` by `a != b`."""
    if isinstance(node, ir.Binary) and node.op == "==":
        return dataclasses.replace(node, op="!=")
    return node


def flip_stored_flag(node: Any) -> Any:
    """Replace `s.field[key] = False` by `s.field[key] = True`."""
    if isinstance(node, ir.Store) and node.value == ir.Const(False, ir.BOOL):
        return dataclasses.replace(node, value=ir.Const(True, ir.BOOL))
    return node
