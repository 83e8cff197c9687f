"""Results files: read and validate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wakeproof.errors import InputError

SCHEMA = Path(__file__).with_name("results.schema.json")


def read_traces(path: Path) -> list[dict[str, Any]]:
    """The results of a file that have traces; a file without any is refused."""
    results = [result for result in read_results(path) if result["violations"]]
    if not results:
        raise InputError(
            "there is no trace in the file",
            where=str(path),
            hint="give what `wakeproof check --json FILE` wrote of a scenario that is violated, or "
            "`wakeproof simulate --json FILE`",
        )
    return results


def read_results(path: Path) -> list[dict[str, Any]]:
    """The results of a file that `check --json` or `simulate --json` wrote."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg}", where=f"{path}:{error.lineno}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from None
    validate_results(document, path)
    results: list[dict[str, Any]] = document["results"]
    return results


def validate_results(document: Any, path: Path) -> None:
    """Check a results file against its schema."""
    import jsonschema

    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for error in jsonschema.Draft202012Validator(schema).iter_errors(document):
        keys = ".".join(str(k) for k in error.absolute_path)
        raise InputError(
            f"{keys or 'the file'}: {error.message}",
            where=str(path),
            hint="give a file that `wakeproof check --json` or `simulate --json` wrote",
        )
