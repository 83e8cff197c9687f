"""Which actions of the model which crate can play."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from wakeproof.crates.releases import SOURCE
from wakeproof.util.toml import load_toml


@dataclass(frozen=True)
class ActionRow:
    """How an action is taken for real: a row of `conformance/guest/actions.toml`, which says what
    its parts mean.
    """

    driver: str | None = None
    pending: str = ""
    rust: str = ""
    needs: tuple[str, ...] = ()


@functools.cache
def action_rows() -> dict[str, ActionRow]:
    """The rows, by the names of the actions."""
    return {
        name: ActionRow(**{**row, "needs": tuple(row.get("needs", ()))})
        for name, row in load_toml(SOURCE / "actions.toml").items()
    }
