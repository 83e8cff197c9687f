"""Check what a file holds against a JSON schema."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

from wakeproof.errors import InputError
from wakeproof.util.text import did_you_mean


def validate(table: Any, schema: Path, path: Path, whole: str, hint: str) -> None:
    """Check the content of a file, `whole` in words, against a schema.

    Raises `InputError` with file and line for the first key that does not fit.
    """
    validator = _validator_class()(json.loads(schema.read_text(encoding="utf-8")))
    for error in sorted(validator.iter_errors(table), key=lambda e: list(map(str, e.path))):
        keys = [str(k) for k in error.absolute_path]
        what = f"{'.'.join(keys) or whole}: {error.message}"
        unknown = _unknown_key(error)
        if unknown:
            known = error.schema["properties"]
            what, hint = f"unknown key {'.'.join([*keys, unknown])!r}", did_you_mean(unknown, known)
            keys.append(unknown)
        where = f"{path}:{_line_of_keys(path, keys, error.message)}"
        raise InputError(what, where=where, hint=hint)


def _unknown_key(error: Any) -> str:
    """Return the first key that the schema of a table does not have; empty for another error."""
    if error.validator != "additionalProperties" or error.validator_value is not False:
        return ""
    known = error.schema.get("properties", {})
    return next((str(key) for key in error.instance if key not in known), "")


@functools.cache
def _validator_class() -> Any:
    """Return the validator, to which 2.0 is not an integer."""
    # the completion of names in a shell is quicker without it
    import jsonschema

    draft = jsonschema.Draft202012Validator
    checker = draft.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    return jsonschema.validators.extend(  # type: ignore[no-untyped-call]
        draft, type_checker=checker
    )


def _line_of_keys(path: Path, keys: list[str], message: str) -> int:
    """Return the line of the last of `keys`, or of a name in the message; 1 if none is found."""
    text = path.read_text(encoding="utf-8").splitlines()
    words = [k for k in reversed(keys) if not k.isdigit()] + re.findall(r"'([^']+)'", message)
    start = _start_of_table(text, keys)
    for word in words:
        for number, line in enumerate(text[start:], start + 1):
            if re.search(rf"(^|[\[.\s]){re.escape(word)}\s*(=|\])", line):
                return number
    return start + 1


def _start_of_table(text: list[str], keys: list[str]) -> int:
    """Return the number of lines before the table of an array, `[[task]]`, that keys are in."""
    if len(keys) < 2 or not keys[1].isdigit():
        return 0
    heads = [number for number, line in enumerate(text) if line.strip() == f"[[{keys[0]}]]"]
    return heads[int(keys[1])] if int(keys[1]) < len(heads) else 0
