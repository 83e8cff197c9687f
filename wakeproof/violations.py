"""Violations over several mixes, put together by what is broken and where."""

from __future__ import annotations

from collections.abc import Iterable

from wakeproof.check import Verdict, ViolationRow


def group_violations(
    verdicts: Iterable[Verdict],
) -> dict[tuple[str, str], list[tuple[Verdict, ViolationRow]]]:
    """Violations by property and site, each with the verdicts that have it."""
    groups: dict[tuple[str, str], list[tuple[Verdict, ViolationRow]]] = {}
    for verdict in verdicts:
        for row in verdict.violations:
            groups.setdefault((verdict.property, row["site"]), []).append((verdict, row))
    return groups
