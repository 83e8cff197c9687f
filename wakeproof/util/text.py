"""Read text files, with errors that name file and reason; count things in words."""

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


def plural(number: int, noun: str) -> str:
    """Return a number with its noun: `1 verdict`, `2,268 verdicts`; the plural ends in `s`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
