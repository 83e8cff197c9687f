"""Violations over several mixes, put together by what is broken and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wakeproof.check.verdict import Verdict, ViolationRow
from wakeproof.scenario.mixes import (
    Build,
    build_name,
    builds_name,
    mix_name,
)


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


def by_mix(
    rows: Iterable[tuple[str, str, Build, str, str]],
) -> list[tuple[str, str, str, str, list[str]]]:
    """Property, site, builds, what became of it, mixes: of rows with one build and one mix each.
    Builds with the same mixes share a row.
    """
    mixes: dict[tuple[str, str, str], dict[Build, set[str]]] = {}
    for prop, site, build, word, mix in rows:
        mixes.setdefault((prop, site, word), {}).setdefault(build, set()).add(mix)
    found = []
    for (prop, site, word), builds in sorted(mixes.items()):
        together: dict[tuple[str, ...], list[str]] = {}
        for build in sorted(builds, key=lambda b: (b is not None, b or ())):
            shown = "as stated" if build is None else build_name(build)
            together.setdefault(tuple(sorted(builds[build])), []).append(shown)
        found += [(prop, site, "; ".join(b), word, list(m)) for m, b in together.items()]
    return found


def realities(found: Iterable[tuple[Verdict, ViolationRow]]) -> dict[str, list[Verdict]]:
    """What became of a violation on the released crates, each with its verdicts; none if not
    asked.
    """
    groups: dict[str, list[Verdict]] = {}
    for verdict, row in found:
        if "real" in row:
            groups.setdefault(row["real"], []).append(verdict)
    return groups


def builds_of(verdicts: Iterable[Verdict]) -> list[Build]:
    """The builds that were checked, in order."""
    return list(dict.fromkeys(verdict.features for verdict in verdicts))


def places(verdicts: Iterable[Verdict], every: Sequence[Build]) -> str:
    """The mixes of verdicts, with their builds where these are not all."""
    builds: dict[str, list[Build]] = {}
    for verdict in verdicts:
        builds.setdefault(mix_name(verdict.mix), []).append(verdict.features)
    together: dict[str, list[str]] = {}
    for mix, some in builds.items():
        together.setdefault(builds_name(some, every), []).append(mix)
    return "; ".join(
        ", ".join(mixes) + (f" (features: {name})" if name not in ("", "any") else "")
        for name, mixes in together.items()
    )
