"""How the actions of the model are taken for real: `conformance/guest/actions.toml`.

The comments of that file explain the columns.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from wakeproof.crates.releases import SOURCE
from wakeproof.util.toml import load_toml


@dataclass(frozen=True)
class ActionRow:
    """The row of one action: the command for the guest driver, and the text in exported Rust."""

    driver: str | None = None
    pending: str = ""
    rust: str = ""
    needs: tuple[str, ...] = ()


@functools.cache
def action_rows() -> dict[str, ActionRow]:
    """Read the rows, by the names of the actions."""
    return {
        name: ActionRow(**{**row, "needs": tuple(row.get("needs", ()))})
        for name, row in load_toml(SOURCE / "actions.toml").items()
    }
