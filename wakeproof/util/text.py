"""Read text files, with errors that name file and reason; count things in words."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path

from wakeproof.errors import InputError

MOST = 1 << 28
"""The most characters of a text: a device such as /dev/zero has no end."""


def read_text(path: Path, hint: str = "name a text file that exists and may be read") -> str:
    """Read a file of UTF-8 text. Raises `InputError` with the reason if it cannot be read."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MOST + 1)
    except UnicodeDecodeError:
        raise InputError("not a text file in UTF-8", where=str(path), hint=hint) from None
    except (OSError, ValueError) as error:
        # a path with a null character is a `ValueError`
        reason = getattr(error, "strerror", None) or str(error)
        where = str(path).replace("\0", "\\0")
        raise InputError(f"cannot be read: {reason}", where=where, hint=hint) from None
    if len(text) > MOST:
        raise InputError(f"more than {MOST:,} characters", where=str(path), hint=hint)
    return text


def number_in(word: str, below: int) -> int | None:
    """Return the number that a word is, in decimal digits; None for another word, or from `below`.

    A word of thousands of digits is not a number to Python, nor are all digits of Unicode.
    """
    if word.isascii() and word.isdecimal() and len(word) <= len(str(below)):
        return int(word) if int(word) < below else None
    return None


def plural(number: int, noun: str) -> str:
    """Return a number with its noun: `1 verdict`, `2,268 verdicts`; the plural ends in `s`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def shortened(text: str, longest: int) -> str:
    """Return a text of at most `longest` characters; one that is cut ends with `…`."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def did_you_mean(name: str, known: Collection[str], most: int = 12) -> str:
    """Return the hint for an unknown name: those that are like it, else the first `most` of all."""
    lower = {other.lower(): other for other in reversed(list(known))}
    like = [lower[close] for close in difflib.get_close_matches(name.lower(), lower, 3)]
    if like:
        return f"did you mean {' or '.join(like)}?"
    listed = ", ".join(list(known)[:most])
    return f"one of {listed}" + (", ..." if len(known) > most else "") if listed else ""
