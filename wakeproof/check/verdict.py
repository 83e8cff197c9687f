"""Verdicts on properties, and whether they were expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

from wakeproof.errors import Exit
from wakeproof.execution.trace import StepRow
from wakeproof.scenario.file import NOTHING, Expectation
from wakeproof.scenario.mixes import Build, Mix, run_name

# the expectation for a build to which the scenario's expectations do not apply
ANY = "any"
# outcomes of a trace on the released crates
REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
NOT_VISIBLE, NOT_RELEASED, NOT_PLAYED = "not visible", "not released", "not played"


class ViolationRow(TypedDict):
    """One violation: the site that was reached, or the message of the invariant that failed.

    `real` is the outcome of the trace on the released crates, where it was played on them. A run
    that violates a property of progress goes on for ever: the steps from number `loop` on, counted
    from 0, are repeated, and without any nothing happens any more.
    """

    site: str
    message: str
    trace: list[StepRow]
    real: NotRequired[str]
    loop: NotRequired[int]


@dataclass(frozen=True)
class Verdict:
    """The verdict on one property of one scenario in one mix and build, on one host.

    `verdict` is `holds`, `violated` or `unknown`; `expected` may be `any` or `nothing` too, and
    `reason` is that of the expectation. `limit` names the limit that ended the exploration, or is
    empty.
    `expected_sites` are the sites of an expected violation, None if any will do.
    `tested` is whether the run put the property to the test, None where that is not known; `sites`
    are those that would violate it, each with whether it was put to the test, and `never_taken` the
    actions that the scenario allows and that were possible in no state of the run.
    """

    scenario: str
    mix: Mix
    host: str
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
    expected_sites: tuple[str, ...] | None = None
    tested: bool | None = None
    sites: Mapping[str, bool] = field(default_factory=dict)
    never_taken: tuple[str, ...] = ()


def is_as_expected(expectation: Expectation, verdict: str, sites: Sequence[str]) -> bool:
    """Return whether a verdict with these sites is as expected.

    An expectation without sites accepts any sites; one of `any` accepts both `holds` and
    `violated`, and one of `nothing`, of a scenario that is a question, `holds` alone.
    """
    named = expectation.sites
    if expectation.verdict == ANY:
        return verdict != "unknown"
    if expectation.verdict == NOTHING:
        return verdict == "holds"
    return verdict == expectation.verdict and (named is None or set(named) == set(sites))


def is_not_reproduced(row: ViolationRow) -> bool:
    """Return whether the released crates do not reproduce a trace."""
    return row.get("real", "").startswith(NOT_REPRODUCED)


def is_refuted(verdict: Verdict) -> bool:
    """Return whether the released crates do not reproduce a trace of the verdict."""
    return any(map(is_not_reproduced, verdict.violations))


def is_unplayed(verdict: Verdict) -> bool:
    """Return whether a trace of the verdict could not be played on the released crates."""
    return any(row.get("real", "").startswith(NOT_PLAYED) for row in verdict.violations)


def is_amiss(verdict: Verdict) -> bool:
    """Return whether a verdict is not as expected, or its trace refuted or not played."""
    return not verdict.as_expected or is_refuted(verdict) or is_unplayed(verdict)


def is_at_other_sites(verdict: Verdict) -> bool:
    """Return whether a verdict is violated as expected, but not at the expected sites."""
    return not verdict.as_expected and verdict.verdict == verdict.expected


def is_known(verdict: Verdict, site: str) -> bool:
    """Return whether a violation at a site is as expected."""
    expected = verdict.expected_sites or ()
    return verdict.as_expected or (is_at_other_sites(verdict) and site in expected)


def missing_sites(verdict: Verdict) -> list[str]:
    """Return the expected sites of a violation that were not reached; none if a limit ended it."""
    if verdict.limit or not is_at_other_sites(verdict):
        return []
    reached = {row["site"] for row in verdict.violations}
    return [site for site in verdict.expected_sites or () if site not in reached]


def is_undecided(verdict: Verdict) -> bool:
    """Return whether a limit ended the run before a verdict, or before all expected sites."""
    if verdict.verdict == "unknown":
        return not verdict.as_expected
    return (
        bool(verdict.limit)
        and is_at_other_sites(verdict)
        and all(is_known(verdict, row["site"]) for row in verdict.violations)
    )


def run_of(verdict: Verdict) -> str:
    """Return the mix and the build of a verdict in one word."""
    return run_name(verdict.mix, verdict.features)


def exit_status(verdicts: Sequence[Verdict]) -> Exit:
    """Return the exit status: not as expected, or refuted, comes before unknown, or unplayed."""
    wrong = [v for v in verdicts if not v.as_expected]
    if not all(map(is_undecided, wrong)) or any(is_refuted(v) for v in verdicts):
        return Exit.NOT_AS_EXPECTED
    return Exit.UNKNOWN if wrong or any(map(is_unplayed, verdicts)) else Exit.AS_EXPECTED


def to_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as a row of the JSON results; it shares the violations with the verdict."""
    return {name: value for name, value in vars(verdict).items() if name != "expected_sites"}
