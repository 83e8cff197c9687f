"""Where the content lives that comes with the tool: the model, the scenarios, what is known.

In a checkout these are folders beside the package; the wheel carries them inside it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wakeproof.errors import InputError

PACKAGE = Path(__file__).parent
ROOT = PACKAGE / "content" if (PACKAGE / "content").is_dir() else PACKAGE.parent
MODEL = ROOT / "model"
SCENARIOS = ROOT / "scenarios"
PROOFS = ROOT / "proofs"
RELEASES = ROOT / "reports" / "releases.json"


@dataclass(frozen=True)
class Property:
    """One property: its id, what it says, what a violation means, the outcome behind it.

    `outcome` is `panic`, `trap` or `undefined`, or empty for an invariant of the model. `outside`
    is what a host sees of a violated invariant; empty if it sees nothing.
    """

    id: str
    says: str
    means: str
    outcome: str
    outside: str = ""


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raises `InputError` with file and line."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        line = getattr(error, "lineno", None) or _line_of(str(error))
        raise InputError(
            f"not TOML: {error}", where=f"{path}:{line}", hint="fix the syntax"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from None


def _line_of(message: str) -> int:
    """The line that a decoder names in its message, else 1."""
    _, found, rest = message.partition("at line ")
    return int(rest.split(",")[0]) if found else 1


def load_properties(model: Path) -> list[Property]:
    """The properties of a model folder, in the order of the reports."""
    path = model / "properties.toml"
    try:
        return [
            Property(
                row["id"],
                row["says"],
                row["means"],
                row.get("outcome", ""),
                row.get("outside", ""),
            )
            for row in load_toml(path)["property"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"not a table of properties: {error} is missing or out of place",
            where=f"{path}:1",
            hint="each [[property]] has an id, says and means",
        ) from None
