"""Findings as test cases: where the test of a finding must fail and where it must pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wakeproof.crates.releases import WASM_ALONE, known_features, releases
from wakeproof.export.rust.cure import Cure
from wakeproof.export.rust.from_trace import program_of
from wakeproof.export.rust.program import RustTest
from wakeproof.export.trace import rust_test_for
from wakeproof.findings.registry import Finding, may_have
from wakeproof.findings.run_crates import CrateResult, CrateRun
from wakeproof.findings.trace import result_of
from wakeproof.language.values import Step
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.script import steps_of

# what a test does on Wasmtime if it passes
RETURNS = "returns"


@dataclass(frozen=True)
class Case:
    """A finding with its trace, its Rust test and the change of the crate that cures it.

    `result` is the entry of a results file, whose only violation has the trace.
    """

    finding: Finding
    cure: Cure | None
    instance: Instance
    result: dict[str, Any]
    test: RustTest

    @property
    def trace(self) -> list[Any]:
        """The rows of the trace."""
        rows: list[Any] = self.result["violations"][0]["trace"]
        return rows

    @property
    def steps(self) -> list[Step]:
        """The steps of the trace."""
        return steps_of(self.trace, self.instance.resolved.program, self.instance.names)

    @property
    def is_crate(self) -> bool:
        """Whether the test can be a crate; else only a component shows anything."""
        return not (self.test.program.needs_component or self.finding.affected in WASM_ALONE)

    def crate_runs(self, everywhere: bool) -> list[CrateRun]:
        """Return the runs of the test as a crate; none if only a component shows anything."""
        return self.runs(everywhere) if self.is_crate else []

    def runs(self, everywhere: bool) -> list[CrateRun]:
        """Return the runs of the test.

        These are the affected and the unaffected release and the cure; with `everywhere` all
        releases, and the affected one with all features, as the generator's suite is built.
        """
        features, cure = self.finding.built_with(), self.cure
        if everywhere:
            affected, unaffected = self.finding.affected, self.finding.unaffected
            every = {affected, unaffected or affected, *releases()}
            runs = [CrateRun(self.test, release, features) for release in sorted(every)]
            known = known_features(affected)
            if set(features) != set(known):
                runs.append(CrateRun(self.test, affected, known))
        else:
            chosen = (self.finding.affected, self.finding.unaffected)
            runs = [CrateRun(self.test, release, features) for release in chosen if release]
        return runs + ([CrateRun(self.test, cure.release, features, cure)] if cure else [])

    def suite_runs(self) -> list[CrateRun]:
        """Return the runs of the test as one of the suite; none if it needs several releases.

        What only a component shows is run on every release.
        """
        return [] if self.test.others() else self.runs(everywhere=not self.is_crate)

    def label(self, run: CrateRun) -> str:
        """Name a run in a table: its release, and its cure or features if they are others."""
        where = f" in a task of {run.test.executor}" if run.test.executor else ""
        if run.cure is not None:
            where += f" with `{run.cure.name}`"
        elif run.features != self.finding.built_with():
            where += f" with {', '.join(f'`{feature}`' for feature in run.features)}"
        return run.release + where


def case_of(finding: Finding, cures: Mapping[str, Cure]) -> Case:
    """Find the trace of a finding and write its test.

    Raises `InputError` if the verdict has changed or a step cannot be written.
    """
    instance, result = finding.instance(), result_of(finding)
    (violation,) = result["violations"]
    steps = steps_of(violation["trace"], instance.resolved.program, instance.names)
    program = program_of(instance, steps, finding.property, violation.get("loop"))
    test = rust_test_for(instance, finding.name, finding.story, program)
    return Case(finding, cures.get(finding.cure), instance, result, test)


def deviations(case: Case, results: Sequence[CrateResult]) -> list[str]:
    """Return a line for each run whose result differs from what the finding states."""
    finding, lines = case.finding, []
    for result in results:
        run = result.run
        as_stated = run.features == finding.built_with()
        affected = run.cure is None and run.release == finding.affected and as_stated
        if affected and not result.failed:
            lines.append(f"{finding.name} should fail on {run.release}: {result.line}")
        clean = run.cure is not None or (run.release == finding.unaffected and as_stated)
        if clean and not result.passed:
            where = f"{run.release} with {run.cure.name}" if run.cure else run.release
            lines.append(f"{finding.name} should pass on {where}: {result.line}")
        if not result.failed and not result.passed:
            lines.append(f"{finding.name} on {run.release}: {result.line}")
    return lines


def deviations_on_wasmtime(case: Case, seen: Mapping[str, str]) -> list[str]:
    """Return a line for each run on Wasmtime that differs from what the finding states.

    `seen` maps the label of a run to what the user of Wasmtime saw.
    """
    finding, lines = case.finding, []
    for run in case.suite_runs():
        name = case.label(run)
        clean = run.cure is not None or not may_have(finding, run.release)
        if clean != (seen.get(name) == RETURNS):
            should = "pass" if clean else "fail"
            outcome = seen.get(name, "was not run")
            lines.append(f"{finding.name} should {should} on Wasmtime with {name}: {outcome}")
    return lines
