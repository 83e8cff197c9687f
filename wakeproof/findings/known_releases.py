"""What is known of a violation: its finding and cure, and what the releases do.

The releases are those of `reports/releases.json`, which `wakeproof releases` writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wakeproof.bundled import RELEASES
from wakeproof.check.verdict import NOT_REPRODUCED, NOT_VISIBLE, REPRODUCED
from wakeproof.conform.every_release import NOT_YET, REPAIRED, ReleaseRow
from wakeproof.crates.releases import features_of, mirrored
from wakeproof.errors import InputError
from wakeproof.export.issue import GONE, KnownViolation
from wakeproof.findings.registry import alike, load_findings
from wakeproof.language.properties import Property
from wakeproof.language.sites import Site
from wakeproof.scenario.instance import Instance

# the words of the releases file in the words of a report
MEANINGS = {
    REPRODUCED: "it happens",
    NOT_VISIBLE: "the same calls, nothing to see yet",
    **dict.fromkeys((NOT_YET, REPAIRED, NOT_REPRODUCED), GONE),
}


def known_violation(
    instance: Instance, property_id: str, violation: Mapping[str, Any]
) -> KnownViolation:
    """Look up a violation: its finding, if it has one, its cure and its releases.

    The cure is that of the only finding which it is like, if it is none itself.
    """
    findings, cures = load_findings()
    key = (instance.scenario.name, tuple(instance.mix.values()), property_id, violation["site"])
    finding = next(
        (
            f
            for f in findings
            if (f.scenario, f.mix, f.property, f.site) == key and f.may_be(violation["trace"])
        ),
        None,
    )
    features = finding.built_with() if finding else features_of(instance.run.parameters)
    prop, site = (
        instance.model.properties.get(property_id),
        instance.model.sites.get(violation["site"]),
    )
    if prop is None or features is None:
        return KnownViolation()
    releases = known_releases(instance, prop, site, features)
    if finding:
        return finding.known(cures.get(finding.cure), releases)
    mirrors = mirrored(instance.model.sources)
    mixed = {mirrors.get(version, "") for version in instance.mix.values()}
    like = alike(findings, property_id, violation["site"], [violation["trace"]], mixed)
    if len(like) != 1:
        return KnownViolation(releases=releases)
    return KnownViolation(releases=releases, cure=cures.get(like[0].cure), remedy=like[0].remedy)


def known_releases(
    instance: Instance,
    prop: Property,
    site: Site | None,
    features: Sequence[str],
    file: Path = RELEASES,
) -> list[tuple[str, str]]:
    """Return each release with what it does, in words, from the releases file.

    Empty without the file or a row for the violation. Raises `InputError` for another file.
    """
    if not file.is_file():
        return []
    try:
        rows: list[ReleaseRow] = json.loads(file.read_text(encoding="utf-8"))["violations"]
        for row in rows:
            same = (row["property"], row["site"]) == (prop.id, site.id if site else "")
            if same and instance.scenario.name in row["scenarios"] and [*features] in row["builds"]:
                return [(name, MEANINGS.get(w, w)) for name, w in row["releases"].items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            "not what is known of each release",
            where=str(file),
            hint="write it again: `wakeproof releases RESULTS.json... --report FILE.md`",
        ) from None
    return []
