"""Verdicts: what came out for a property, and whether it was expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NotRequired, TypedDict

from wakeproof.errors import Exit
from wakeproof.execution.trace import StepRow
from wakeproof.scenario.file import Expectation
from wakeproof.scenario.mixes import Build, Mix, run_name

# what is expected of a build of which a scenario says nothing
ANY = "any"
# what became of a trace on the released crates
REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
NOT_VISIBLE, NOT_RELEASED = "not visible", "not released"


class ViolationRow(TypedDict):
    """One violation: the site that was reached, or the message of the invariant that failed.

    `real` is what became of the trace on the released crates, if that was asked for.
    """

    site: str
    message: str
    trace: list[StepRow]
    real: NotRequired[str]


@dataclass(frozen=True)
class Verdict:
    """What came out for one property of one scenario in one mix and build."""

    scenario: str
    mix: Mix
    features: Build
    property: str
    verdict: str
    expected: str
    reason: str
    as_expected: bool
    states: int
    transitions: int
    depth: int
    seconds: float
    limit: str
    violations: list[ViolationRow]


def is_as_expected(expectation: Expectation, verdict: str, sites: Sequence[str]) -> bool:
    """The verdict, and if the expectation names sites, exactly these; or any answer."""
    named = expectation.sites
    if expectation.verdict == ANY:
        return verdict != "unknown"
    return verdict == expectation.verdict and (named is None or set(named) == set(sites))


def is_refuted(verdict: Verdict) -> bool:
    """The released crates do something else than a trace says."""
    return any(row.get("real", "").startswith(NOT_REPRODUCED) for row in verdict.violations)


def run_of(verdict: Verdict) -> str:
    """The mix and the build of a verdict in one word."""
    return run_name(verdict.mix, verdict.features)


def exit_status(verdicts: Sequence[Verdict]) -> Exit:
    """0 as expected, 1 if a verdict is not as expected or refuted, 3 for want of an answer."""
    wrong = [v for v in verdicts if not v.as_expected]
    if any(v.verdict != "unknown" for v in wrong) or any(is_refuted(v) for v in verdicts):
        return Exit.NOT_AS_EXPECTED
    return Exit.UNKNOWN if wrong else Exit.AS_EXPECTED


def to_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as it stands in the JSON results."""
    return asdict(verdict)
