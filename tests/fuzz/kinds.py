"""The kinds of inputs; a seed and a number give the same input always."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from tests.fuzz import command_lines, documents
from tests.fuzz.inputs import Input

Make = Callable[[random.Random], Input]

KINDS: dict[str, tuple[float, Make]] = {
    "scenario": (26, documents.scenario),
    "model": (6, documents.model),
    "version": (12, documents.version),
    "results": (16, documents.results),
    "script": (10, documents.script),
    "certificate": (6, documents.certificate),
    "checkpoint": (4, documents.checkpoint),
    "wast": (4, documents.wast),
    "option": (15, command_lines.option),
    "environment": (1, command_lines.environment),
}
"""How often each kind is made, and by which function."""


def make_input(seed: int, number: int, kinds: Sequence[str] = ()) -> Input:
    """Make the input with a number; `kinds` restricts it to some."""
    rng = random.Random(f"{seed} {number}")
    chosen = {kind: row for kind, row in KINDS.items() if not kinds or kind in kinds}
    (kind,) = rng.choices(list(chosen), [weight for weight, _ in chosen.values()])
    return KINDS[kind][1](rng)
