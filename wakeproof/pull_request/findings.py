"""The findings on a checkout: which it mends, which it brings, and what their tests do there.

A test that fails shows its finding only if it fails as the finding does: at the same line of the
crate, or by the same trap. Else something else has gone wrong before.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from wakeproof.bundled import SCENARIOS
from wakeproof.conform.guest.panic_places import lines_of_release
from wakeproof.conform.guest.reproduce import Reproducer, Reproduction
from wakeproof.crates.checkout import Checkout
from wakeproof.crates.releases import release_of
from wakeproof.execution.trace import StepRow
from wakeproof.export.issue import GONE
from wakeproof.findings.cases import Case, case_of
from wakeproof.findings.explain import lines_of
from wakeproof.findings.known_releases import known_releases
from wakeproof.findings.registry import FINDINGS, Finding, load_findings
from wakeproof.findings.run_crates import CrateResult, CrateRun, run_crates
from wakeproof.findings.trace import result_of
from wakeproof.language.model import BUNDLED, Model
from wakeproof.language.primitives import GuardFailed
from wakeproof.language.values import Step
from wakeproof.pull_request.result import PlayedFinding
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.script import steps_of
from wakeproof.util.parallel import Workers, map_jobs
from wakeproof.util.result_cache import digest, map_cached

Progress = Callable[[int, int], None]

# how a test says that it panicked, with the file in the crate and the line, and that a trap came
PANICS = re.compile(r"FAILED: the component panics(?: at (?:.*/)?(src/rt/\S+):(\d+))?")
TRAPS = "FAILED: the host traps: "
# a part of what a test prints for the trap at a site
TRAP_TEXTS = {
    "host::stream_copy::not-idle": "is used again after the other end was dropped",
    "host::WaitableSet.drop::not-empty": "a waitable set is dropped with a waitable in it",
    "host::cancel_copy::sync-in-set": "a copy is cancelled while it is in a waitable set",
    "host::CopyEnd.drop::copying": "an end is dropped while it copies",
    "host::lift_async_value::not-idle": "is handed over after the other end was dropped",
}


@dataclass(frozen=True)
class TraceJob:
    """The trace of a finding, to be taken by a checkout and by the versions of its mix.

    The first of the checkout's `versions` stands for `base` in the mix.
    """

    finding: Finding
    trace: list[StepRow]
    model: Model
    base: str
    checkout: Checkout

    def instance(self) -> Instance:
        """Return the scenario in the mix."""
        (version,) = self.checkout.versions
        known = self.finding.instance()
        mix = {role: version if v == self.base else v for role, v in known.mix.items()}
        return Instance(known.scenario, mix, self.model)

    def steps(self, instance: Instance) -> tuple[Step, ...]:
        """Return the steps."""
        return tuple(steps_of(self.trace, instance.resolved.program, instance.names))


def traces_of(
    builds: Sequence[tuple[str, ...]], pool: Workers, progress: Progress
) -> list[tuple[Finding, list[StepRow]]]:
    """Return the findings that are seen in one of the builds, each with its trace.

    Some are missing if it was interrupted.
    """
    findings = [finding for finding in load_findings()[0] if finding.built_with() in builds]
    traces: dict[str, list[StepRow]] = {}

    def found(finding: Finding, trace: list[StepRow]) -> None:
        traces[finding.name] = trace
        progress(len(traces), len(findings))

    map_cached(trace_of, findings, inputs_of, found, pool=pool)
    return [(finding, traces[finding.name]) for finding in findings if finding.name in traces]


def trace_of(finding: Finding) -> list[StepRow]:
    """Return the trace of a finding."""
    rows: list[StepRow] = result_of(finding)["violations"][0]["trace"]
    return rows


def inputs_of(finding: Finding) -> Iterable[object]:
    """Yield what the trace of a finding depends on."""
    yield finding.name
    yield from map(digest, (*BUNDLED.texts, SCENARIOS, FINDINGS))


def play_all(jobs: Sequence[TraceJob], pool: Workers) -> dict[str, Reproduction]:
    """Take traces on a checkout; returns what became of each that can be taken, by its finding."""
    seen: dict[str, Reproduction] = {}

    def done(result: tuple[str, Reproduction | None]) -> None:
        name, played = result
        if played is not None:
            seen[name] = played

    map_jobs(play, jobs, done, pool)
    return seen


def play(job: TraceJob) -> tuple[str, Reproduction | None]:
    """Take one trace; None if its steps are not possible with these versions."""
    name, instance = job.finding.name, job.instance()
    releases = {
        role: job.checkout.release
        if version in job.checkout.versions
        else release_of(job.model.sources, version) or ""
        for role, version in instance.mix.items()
    }
    with contextlib.closing(Reproducer(instance, releases, job.checkout)) as reproducer:
        try:
            steps = job.steps(instance)
            return name, reproducer.play(steps, job.model.properties[job.finding.property])
        except GuardFailed:
            return name, None


def findings_on(
    checkout: Checkout,
    findings: Sequence[Finding],
    seen: dict[str, Reproduction],
    differs: bool,
) -> list[PlayedFinding]:
    """Return which findings the release and the checkout have.

    They have the same, unless the checkout `differs` from its model: then the test of each finding
    is built and run on both. `seen` has what became of traces. Raises `InputError` if a test cannot
    be built.
    """
    cures = load_findings()[1]
    tests: dict[str, tuple[CrateResult, CrateResult]] = {}
    if differs:
        tests = run_tests(checkout, [case_of(finding, cures) for finding in findings])
    found = []
    for finding in findings:
        trace = seen.get(finding.name)
        on_checkout = on_release = is_on_release(finding, checkout)
        row = PlayedFinding(finding.name, finding.title, on_release, on_checkout)
        if trace is not None:
            row.seen = trace.seen
            # what comes after a divergence is not known without a test
            row.on_checkout = None if trace.refutes else on_checkout
        if finding.name in tests:
            before, after = tests[finding.name]
            row.on_release = before.failed
            row.test = after.line.replace(f"{checkout.crate}/", "")
            row.otherwise = not after.passed and not agrees(finding, before, after, checkout)
            row.on_checkout = None if row.otherwise else after.failed
        found.append(row)
    return found


def agrees(finding: Finding, before: CrateResult, after: CrateResult, checkout: Checkout) -> bool:
    """Return whether a test fails on a checkout as on the release, or as its finding describes.

    A finding without a site is about neither a panic nor a trap.
    """
    if not after.failed or after.line == before.line:
        return after.failed
    here, there = _place(after, checkout), _place(before, None)
    if here is None:
        trap = TRAP_TEXTS.get(finding.site)
        return trap in after.line if trap else not (finding.site or TRAPS in after.line)
    file, lines = here
    if there is not None and there[0] == file and there[1] & lines:
        return True
    site = BUNDLED.sites.get(finding.site)
    expected = lines_of(site).get(checkout.release) if site is not None else None
    return site is not None and site.source.endswith(f"/{file}") and expected in lines


def _place(result: CrateResult, checkout: Checkout | None) -> tuple[str, frozenset[int]] | None:
    """Return the file and the lines of the release where a test panicked; None if it did not.

    The file is empty for a panic outside of the crate's runtime.
    """
    found = PANICS.match(result.line)
    if found is None:
        return None
    if found[1] is None:
        return "", frozenset()
    file, line = found[1], int(found[2])
    known = frozenset({line}) if checkout is None else lines_of_release(checkout, file, line)
    return file, known


def is_on_release(finding: Finding, checkout: Checkout) -> bool:
    """Return whether the release has a finding, as far as that is known without its test."""
    sources = BUNDLED.sources
    if checkout.release in (release_of(sources, version) for version in finding.mix):
        return True
    instance, site = finding.instance(), BUNDLED.sites.get(finding.site)
    prop = BUNDLED.properties[finding.property]
    known = dict(known_releases(instance, prop, site, finding.built_with()))
    return known.get(checkout.release, GONE) != GONE


def run_tests(
    checkout: Checkout, cases: Sequence[Case]
) -> dict[str, tuple[CrateResult, CrateResult]]:
    """Run the tests of findings on the release and on a checkout; returns the results by finding.

    Those that need a component, or other releases too, are left out.
    """
    runs = [
        CrateRun(case.test, checkout.release, case.finding.built_with(), checkout=crate)
        for case in cases
        if case.is_crate and not case.test.others()
        for crate in (None, checkout)
    ]
    results = run_crates(runs)
    return {
        before.run.test.name: (before, after)
        for before, after in zip(results[::2], results[1::2], strict=True)
    }
