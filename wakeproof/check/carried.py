"""The scenarios that a results file carries, so that its traces are those of anybody, anywhere."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wakeproof.bundled import SCENARIOS
from wakeproof.scenario.file import Scenario
from wakeproof.util.cache_folder import cache_folder
from wakeproof.util.files import write_whole

FILE = "scenario_file"
"""The key of a result for the path of its scenario, once the file is read."""
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}")
MOST_BASES = 20


def carried(scenarios: Iterable[Scenario]) -> dict[str, Any]:
    """Return the scenarios by name, each with its path and the texts of its file and its bases."""
    return {
        s.name: {
            "path": s.name if s.path.parent == SCENARIOS else str(s.path),
            "files": _files(s.path),
        }
        for s in scenarios
    }


def _files(path: Path) -> dict[str, str]:
    """Return the texts of a scenario file and of its bases, which lie beside it, by name."""
    files: dict[str, str] = {}
    while path.name not in files and len(files) < MOST_BASES:
        files[path.name] = path.read_text(encoding="utf-8")
        base = tomllib.loads(files[path.name]).get("base")
        if not isinstance(base, str):
            break
        path = path.parent / base
    return files


def scenario_of(result: Mapping[str, Any]) -> str:
    """Return the path of the scenario that a result carries; without one its name."""
    return str(result.get(FILE, result["scenario"]))


def with_files(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the results of a file, each with the path of the scenario that the file carries."""
    paths = {name: _path(name, row) for name, row in document.get("scenarios", {}).items()}
    results: list[dict[str, Any]] = document["results"]
    for result in results:
        if (path := paths.get(result["scenario"])) is not None:
            result[FILE] = str(path)
    return results


def _path(name: str, row: Mapping[str, Any]) -> Path | None:
    """Return a file with the text of a carried scenario: the bundled one, its own, or a copy."""
    files = row["files"]
    if f"{name}.toml" not in files or not all(map(NAME.fullmatch, files)):
        return None
    for known in (SCENARIOS / f"{name}.toml", Path(row["path"])):
        if _is(known, files):
            return known
    digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]
    folder = cache_folder("scenarios", digest)
    for file, text in files.items():
        write_whole(folder / file, text)
    return folder / f"{name}.toml"


def _is(path: Path, files: Mapping[str, str]) -> bool:
    """Return whether a file and those beside it have these texts."""
    try:
        return path.suffix == ".toml" and _files(path) == dict(files)
    except (OSError, ValueError):
        return False
