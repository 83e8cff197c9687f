"""The model language: what the text of a model may import.

`primitives` has the meaning of each name in plain Python; the other modules read the same text for
every other execution.
"""

from enum import auto

from wakeproof.language.primitives import (
    Array,
    Enumeration,
    GuardFailed,
    Index,
    Limit,
    WentWrong,
    action,
    bound,
    builtin,
    cabi,
    count,
    declare,
    guard,
    invariant,
    lemma,
    panic,
    premise,
    require,
    selector,
    side,
    trap,
    undefined,
    unwrap,
)

__all__ = [
    "Array",
    "Enumeration",
    "GuardFailed",
    "Index",
    "Limit",
    "WentWrong",
    "action",
    "auto",
    "bound",
    "builtin",
    "cabi",
    "count",
    "declare",
    "guard",
    "invariant",
    "lemma",
    "panic",
    "premise",
    "require",
    "selector",
    "side",
    "trap",
    "undefined",
    "unwrap",
]
