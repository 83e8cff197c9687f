"""What never changes, in Promela: a macro that chooses by the key, or a long table as an array."""

from __future__ import annotations

from collections.abc import Sequence

LONG = 16
"""A table of more values is an array: a macro repeats the text of its key for each of them."""


def table(name: str, kind: str, values: Sequence[str]) -> str:
    """Return the definition of a table; `values` are its constants, of this type of a variable."""
    if is_array(values):
        # no part of the state, as it never changes
        wide = kind.replace("bit", "byte")  # Spin hides no bits
        return f"hidden {wide} {name}[{len(values)}] = {{ {', '.join(values)} }};"
    texts = values or ["0"]
    text = texts[-1]
    for i in reversed(range(len(texts) - 1)):
        if set(texts[i:]) != {text}:
            text = f"(key == {i} -> {texts[i]} : {text})"
    return f"#define {name}(key) {text}"


def is_array(values: Sequence[object]) -> bool:
    """Return whether a table of these values is an array."""
    return len(values) > LONG and len(set(values)) > 1
