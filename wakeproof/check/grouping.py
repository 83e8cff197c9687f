"""Group the violations of several mixes by property and site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wakeproof.check.verdict import Verdict, ViolationRow
from wakeproof.scenario.mixes import Build, build_name, builds_name, mix_name


def group_violations(
    verdicts: Iterable[Verdict],
) -> dict[tuple[str, str], list[tuple[Verdict, ViolationRow]]]:
    """Return the violations by property and site, each with its verdict."""
    groups: dict[tuple[str, str], list[tuple[Verdict, ViolationRow]]] = {}
    for verdict in verdicts:
        for row in verdict.violations:
            groups.setdefault((verdict.property, row["site"]), []).append((verdict, row))
    return groups


def reality(row: Mapping[str, Any]) -> str:
    """Return the outcome of a violation on the released crates, without its details.

    It is empty if the violation was not played on them.
    """
    return str(row.get("real", "")).split(":")[0]


def by_mix(
    rows: Iterable[tuple[str, str, Build, str, str]],
) -> list[tuple[str, str, str, str, list[str]]]:
    """Merge rows of (property, site, build, outcome, mix), each with one build and one mix.

    Returns rows of (property, site, builds, outcome, mixes); builds with the same mixes share one.
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
    """Return the outcomes of a violation on the released crates, each with its verdicts.

    A violation that was not played on them does not count.
    """
    groups: dict[str, list[Verdict]] = {}
    for verdict, row in found:
        if "real" in row:
            groups.setdefault(row["real"], []).append(verdict)
    return groups


def builds_of(verdicts: Iterable[Verdict]) -> list[Build]:
    """List the builds of the verdicts, in order."""
    return list(dict.fromkeys(verdict.features for verdict in verdicts))


def places(verdicts: Iterable[Verdict], every: Sequence[Build]) -> str:
    """Return the mixes of verdicts as text, with the builds of a mix where these are not all."""
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
