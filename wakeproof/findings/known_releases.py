"""The releases on which a violation was seen: `reports/releases.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from wakeproof.bundled import RELEASES
from wakeproof.conform.every_release import ReleaseRow
from wakeproof.errors import InputError
from wakeproof.export.trace import MEANINGS
from wakeproof.language.properties import Property
from wakeproof.language.sites import Site
from wakeproof.scenario.instance import Instance


def known_releases(
    instance: Instance,
    prop: Property,
    site: Site | None,
    features: Sequence[str],
    file: Path = RELEASES,
) -> list[tuple[str, str]]:
    """What the releases file has of a violation: each release with the meaning of its word; nothing
    without the file or a row. Raises `InputError` for a file that is not one.
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
