"""Read text files; errors name the file and the reason."""

from __future__ import annotations

from pathlib import Path

from wakeproof.errors import InputError


def read_text(path: Path, hint: str = "name a text file that exists and may be read") -> str:
    """Read a file of UTF-8 text. Raises `InputError` with the reason if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError("not a text file in UTF-8", where=str(path), hint=hint) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot be read: {reason}", where=str(path), hint=hint) from None
