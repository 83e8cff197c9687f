"""Violations over several mixes, put together by what is broken and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wakeproof.check import Verdict, ViolationRow, mix_name


def group_violations(
    verdicts: Iterable[Verdict],
) -> dict[tuple[str, str], list[tuple[Verdict, ViolationRow]]]:
    """Violations by property and site, each with the verdicts that have it."""
    groups: dict[tuple[str, str], list[tuple[Verdict, ViolationRow]]] = {}
    for verdict in verdicts:
        for row in verdict.violations:
            groups.setdefault((verdict.property, row["site"]), []).append((verdict, row))
    return groups


def reality(row: Mapping[str, Any]) -> str:
    """What became of a violation on the released crates, in one word of `reproduce`; empty if it
    was not asked for.
    """
    return str(row.get("real", "")).split(":")[0]


def realities(found: Iterable[tuple[Verdict, ViolationRow]]) -> dict[str, list[str]]:
    """What became of a violation on the released crates, each with the mixes; none if not asked."""
    groups: dict[str, list[str]] = {}
    for verdict, row in found:
        if "real" in row:
            groups.setdefault(row["real"], []).append(mix_name(verdict.mix))
    return groups
