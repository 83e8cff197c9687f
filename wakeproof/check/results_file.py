"""Read and validate results files, the JSON of `check` and `simulate`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wakeproof.errors import InputError
from wakeproof.language.model import Model
from wakeproof.util.text import read_text

SCHEMA = Path(__file__).with_name("results.schema.json")
WRITTEN_BY = "give a file that `wakeproof check --json` or `simulate --json` wrote"


def read_traces(path: Path) -> list[dict[str, Any]]:
    """Read the results that have traces. Raises `InputError` if the file has none."""
    results = [result for result in read_results(path) if result["violations"]]
    if not results:
        raise InputError(
            "the file has no trace",
            where=str(path),
            hint="write it with `wakeproof check --json FILE` for a scenario with a violation, or "
            "with `wakeproof simulate --json FILE`",
        )
    return results


def host_of(model: Model, result: Mapping[str, Any]) -> Model:
    """Return the model with the host of a result, unless the model's was chosen.

    Raises `InputError` for a host that the model does not have.
    """
    return model if model.host else model.with_host(result.get("host", ""))


def read_results(path: Path) -> list[dict[str, Any]]:
    """Read the results of a file that `check --json` or `simulate --json` wrote.

    Raises `InputError` for a file that cannot be read or does not fit the schema.
    """
    try:
        document = json.loads(read_text(path, WRITTEN_BY))
    except json.JSONDecodeError as error:
        raise InputError(
            f"not JSON: {error.msg}", where=f"{path}:{error.lineno}", hint=WRITTEN_BY
        ) from None
    validate_results(document, path)
    results: list[dict[str, Any]] = document["results"]
    return results


def validate_results(document: Any, path: Path) -> None:
    """Validate a results file against its schema. Raises `InputError`."""
    import jsonschema

    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for error in jsonschema.Draft202012Validator(schema).iter_errors(document):
        keys = ".".join(str(k) for k in error.absolute_path)
        raise InputError(
            f"{keys or 'the file'}: {error.message}",
            where=str(path),
            hint=WRITTEN_BY,
        )
