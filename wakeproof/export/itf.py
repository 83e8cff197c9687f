"""A trace in the Informal Trace Format, which viewers of traces and other checkers read.

The format is that of Apalache, ADR 015. Every state has the model's fields: a number or a truth
value as such, a member by its name, `null` where there is none, and an array as a map.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from wakeproof.execution.trace import Tracer
from wakeproof.export.story import run_steps
from wakeproof.language import ir
from wakeproof.language.values import Scalar, Snapshot, Step
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import run_name

DESCRIPTION = "https://apalache-mc.org/docs/adr/015adr-trace.html"
TAKEN = "action_taken"
"""The variable that has the step into a state, as the line of a script; empty in the first."""


def itf(instance: Instance, steps: Sequence[Step], loop: int | None = None) -> str:
    """Return the states of a path as JSON; the steps from number `loop` on, from 0, are repeated.

    The loop begins with the state after its first step. Raises `InputError` for a step that is not
    possible.
    """
    tracer, snapshots = run_steps(instance, steps)
    rows, _ = tracer.trace(steps)
    lines = ["", *(" ".join((row["action"], *row["arguments"].values())) for row in rows)]
    states = [
        {"#meta": {"index": index}, TAKEN: line, **_fields(tracer, snapshot)}
        for index, (line, snapshot) in enumerate(zip(lines, snapshots, strict=True))
    ]
    document: dict[str, Any] = {
        "#meta": {
            "format": "ITF",
            "format-description": DESCRIPTION,
            "source": f"{instance.scenario.name} {run_name(instance.mix, instance.build)}",
            "description": instance.scenario.title,
        },
        "vars": [name for name in states[0] if name != "#meta"],
        "states": states,
    }
    if loop is not None:
        document["loop"] = min(loop + 1, len(steps))
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _fields(tracer: Tracer, snapshot: Snapshot) -> dict[str, Any]:
    """Return the fields of a state, by name in the order of the model."""
    cells: dict[str, list[tuple[list[str], Any]]] = {}
    for (name, keys, declared), scalar in zip(tracer.layout, snapshot, strict=True):
        words = [tracer.key(kind, key) for kind, key in zip(declared.keys, keys, strict=True)]
        cells.setdefault(name, []).append((words, _value(tracer, scalar, declared.value)))
    return {name: _nested(found) for name, found in cells.items()}


def _nested(cells: Sequence[tuple[list[str], Any]]) -> Any:
    """Return the value of a field from its scalars, which have all their keys before them."""
    if not cells[0][0]:
        return cells[0][1]
    inside: dict[str, list[tuple[list[str], Any]]] = {}
    for (first, *others), value in cells:
        inside.setdefault(first, []).append((others, value))
    return {"#map": [[key, _nested(found)] for key, found in inside.items()]}


def _value(tracer: Tracer, scalar: Scalar, kind: ir.Type) -> str | bool | dict[str, str]:
    """Return a scalar: a member, or that there is none, is a word of a script."""
    if scalar is not None and kind.kind == "bool":
        return bool(scalar)
    if scalar is not None and kind.kind == "int":
        return {"#bigint": str(scalar)}
    return tracer.show(scalar, kind)
