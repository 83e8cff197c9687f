"""Read environment variables; a value that has no meaning is refused with the variable's name."""

from __future__ import annotations

import math
import os
import shlex

from wakeproof.errors import InputError


def words_of(variable: str, default: str) -> tuple[str, ...]:
    """Return the words of a variable, as a shell splits them. Raises `InputError`."""
    text = os.environ.get(variable, default)
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise InputError(
            f"{variable}={text}: {str(error).lower()}", hint="close the quote, or unset it"
        ) from None


def seconds_of(variable: str, default: float) -> float:
    """Return the seconds of a variable, finite and not below 0. Raises `InputError`."""
    text = os.environ.get(variable, str(default))
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise InputError(
            f"{variable}={text}: not a number of seconds", hint=f"for example {default}"
        )
    return seconds
