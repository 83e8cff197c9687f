"""Check what a file holds against a JSON schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema

from wakeproof.errors import InputError

_Draft = jsonschema.Draft202012Validator
# 2.0 is not an integer
_Validator = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    _Draft,
    type_checker=_Draft.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def validate(table: Any, schema: Path, path: Path, whole: str, hint: str) -> None:
    """Check the content of a file, `whole` in words, against a schema.

    Raises `InputError` with file and line for the first key that does not fit.
    """
    validator = _Validator(json.loads(schema.read_text(encoding="utf-8")))
    for error in sorted(validator.iter_errors(table), key=lambda e: list(map(str, e.path))):
        keys = [str(k) for k in error.absolute_path]
        raise InputError(
            f"{'.'.join(keys) or whole}: {error.message}",
            where=f"{path}:{_line_of_keys(path, keys, error.message)}",
            hint=hint,
        )


def _line_of_keys(path: Path, keys: list[str], message: str) -> int:
    """Return the line of the last of `keys`, or of a name in the message; 1 if none is found."""
    text = path.read_text(encoding="utf-8").splitlines()
    words = [k for k in reversed(keys) if not k.isdigit()] + re.findall(r"'([^']+)'", message)
    for word in words:
        for number, line in enumerate(text, 1):
            if re.search(rf"(^|[\[.\s]){re.escape(word)}\s*(=|\])", line):
                return number
    return 1
