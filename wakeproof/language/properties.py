"""Read the properties of a model from `properties.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wakeproof.util.schema import validate
from wakeproof.util.toml import load_toml

SCHEMA = Path(__file__).with_name("properties.schema.json")


@dataclass(frozen=True)
class Property:
    """One property: its id, its statement `says`, and what a violation `means` for a program.

    `outcome` is the outcome that violates it (`panic`, `trap` or `undefined`), empty for an
    invariant of the model and for a property of `progress`, which is about whole runs. `outside` is
    what a host observes of a violated invariant, empty if it observes nothing. `hidden` is the
    reason why the crates do not show it as they run natively.
    """

    id: str
    says: str
    means: str
    outcome: str
    progress: bool = False
    outside: str = ""
    hidden: str = ""

    @property
    def has_test(self) -> bool:
        """Whether a test can show a violation: a host sees it, or what does not happen."""
        return bool(self.outcome or self.outside or self.progress)


@dataclass(frozen=True)
class Assumption:
    """An assumption about the runs that count for the properties of progress.

    `id` is the name of a fair action, or that of a `justice`. An `optional` one is made only where
    a scenario says so. `reason` names the source, and `hides` what no property can show by it.
    """

    id: str
    says: str
    reason: str
    hides: str
    optional: bool = False


def load_properties(model: Path) -> tuple[list[Property], list[Assumption]]:
    """Read the properties of a model folder, in the order of the reports, and the assumptions.

    Raises `InputError` for a table that is malformed.
    """
    path = model / "properties.toml"
    table = load_toml(path)
    hint = "each [[property]] has an id, says and means"
    validate(table, SCHEMA, path, "the properties", hint)
    properties = [Property(**{"outcome": "", **row}) for row in table["property"]]
    return properties, [Assumption(**row) for row in table.get("assumption", ())]
