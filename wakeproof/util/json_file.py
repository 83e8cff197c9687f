"""Read JSON files; errors name file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wakeproof.errors import InputError
from wakeproof.util.text import read_text


def load_json(path: Path, hint: str) -> Any:
    """Read a JSON file. Raises `InputError` with file, line and `hint`."""
    try:
        return json.loads(read_text(path, hint))
    except (ValueError, RecursionError) as error:
        # a number of thousands of digits is a `ValueError` without a line
        what = "nested too deeply" if isinstance(error, RecursionError) else f"not JSON: {error}"
        where = f"{path}:{getattr(error, 'lineno', 1)}"
        raise InputError(what, where=where, hint=hint) from None
