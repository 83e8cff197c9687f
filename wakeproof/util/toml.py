"""Read TOML files; errors name file and line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from wakeproof.errors import InputError
from wakeproof.util.text import read_text


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file. Raises `InputError` with file and line."""
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        line = getattr(error, "lineno", None) or _line_of(str(error))
        raise InputError(
            f"not TOML: {error}", where=f"{path}:{line}", hint="fix the syntax"
        ) from None


def _line_of(message: str) -> int:
    """Return the line that a decoder names in its message, or 1."""
    _, found, rest = message.partition("at line ")
    return int(rest.split(",")[0]) if found else 1
