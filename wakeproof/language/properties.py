"""Read the properties of a model from `properties.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wakeproof.errors import InputError
from wakeproof.util.toml import load_toml


@dataclass(frozen=True)
class Property:
    """One property: its id, its statement `says`, and what a violation `means` for a program.

    `outcome` is the outcome that violates it (`panic`, `trap` or `undefined`), empty for an
    invariant of the model. `outside` is what a host observes of a violated invariant, empty if it
    observes nothing. `hidden` is the reason why the crates do not show it as they run natively.
    """

    id: str
    says: str
    means: str
    outcome: str
    outside: str = ""
    hidden: str = ""


def load_properties(model: Path) -> list[Property]:
    """Read the properties of a model folder, in the order of the reports.

    Raises `InputError` for a table that is malformed.
    """
    path = model / "properties.toml"
    try:
        return [
            Property(
                row["id"],
                row["says"],
                row["means"],
                row.get("outcome", ""),
                row.get("outside", ""),
                row.get("hidden", ""),
            )
            for row in load_toml(path)["property"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"not a table of properties: {error} is missing or out of place",
            where=f"{path}:1",
            hint="each [[property]] has an id, says and means",
        ) from None
