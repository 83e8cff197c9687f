"""Verdicts and overviews for the tests of reports."""

from __future__ import annotations

from tests.support import bundled
from wakeproof.check.causes import known, undecided, unexpected
from wakeproof.check.job import Job, run_job
from wakeproof.check.verdict import Verdict
from wakeproof.crates.releases import mirrored
from wakeproof.findings.registry import load_findings
from wakeproof.language.model import BUNDLED, Model
from wakeproof.report.overview import Overview


def verdicts(model: Model, mix: str, *names: str) -> list[Verdict]:
    """Check bundled scenarios in a mix."""
    roles = tuple(zip(("export", "block_on", "import"), mix.split("/"), strict=True))
    found: list[Verdict] = []
    for name in names:
        found += run_job(Job(bundled(name), model, roles, None, None))
    return found


def overview(rows: list[Verdict]) -> Overview:
    """Return the overview of some verdicts."""
    return Overview(
        rows,
        unexpected(rows),
        known(rows),
        load_findings()[0],
        BUNDLED.properties,
        BUNDLED.sites,
        1.5,
        open=undecided(rows),
        releases=mirrored(BUNDLED.sources),
    )
