"""Read TOML files; errors name file and line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from wakeproof.errors import InputError
from wakeproof.util.text import read_text

MOST_DOTS = 1_000
"""The dots of a line, all of which may be in one key."""
BYTE_ORDER_MARK = "\ufeff"
LARGEST = 2**63
"""The bound of a number, by the definition of TOML."""


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file. Raises `InputError` with file and line."""
    text = read_text(path)
    if text.startswith(BYTE_ORDER_MARK):
        raise InputError(
            "begins with a byte-order mark", where=f"{path}:1", hint="save it as UTF-8 without one"
        )
    for place, line in enumerate(text.splitlines(), 1):
        # the parser takes the square of the time for a key of so many parts
        if line.count(".") > MOST_DOTS:
            raise InputError("a line of dots", where=f"{path}:{place}", hint="divide the line")
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # a number of thousands of digits is a `ValueError` of its own
        what = "nested too deeply" if isinstance(error, RecursionError) else f"not TOML: {error}"
        place = getattr(error, "lineno", None) or _line_of(str(error))
        raise InputError(what, where=f"{path}:{place}", hint="fix the syntax") from None
    if any(not -LARGEST <= number < LARGEST for number in _numbers(table)):
        raise InputError("a number has more than 64 bits", where=f"{path}:1", hint="write less")
    return table


def _numbers(table: object) -> list[int]:
    if isinstance(table, dict | list):
        members = table.values() if isinstance(table, dict) else table
        return [number for member in members for number in _numbers(member)]
    return [table] if isinstance(table, int) else []


def _line_of(message: str) -> int:
    """Return the line that a decoder names in its message, or 1."""
    _, found, rest = message.partition("at line ")
    return int(rest.split(",")[0]) if found else 1
