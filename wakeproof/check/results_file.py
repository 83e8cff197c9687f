"""Read and validate results files, the JSON of `check` and `simulate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wakeproof.check.carried import with_files
from wakeproof.errors import InputError
from wakeproof.language.model import Model
from wakeproof.util.json_file import load_json
from wakeproof.util.schema import validate

SCHEMA = Path(__file__).with_name("results.schema.json")
WRITTEN_BY = "give a file that `wakeproof check --json FILE` or `simulate --json FILE` wrote"


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

    `carried.scenario_of` names the scenario of each, which the file carries.

    Raises `InputError` for a file that cannot be read or does not fit the schema.
    """
    document = load_json(path, WRITTEN_BY)
    validate_results(document, path)
    return with_files(document)


def validate_results(document: Any, path: Path) -> None:
    """Validate a results file against its schema. Raises `InputError`."""
    validate(document, SCHEMA, path, "the file", WRITTEN_BY)
