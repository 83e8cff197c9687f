"""The model language: the names that a model file imports.

`primitives` gives each name its meaning in plain Python. The other modules parse the same text and
lower it to the intermediate form, from which every other execution is made.
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
