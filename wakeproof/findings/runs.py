"""`reports/findings`: for each finding its trace, its test, its report, and what the crates did."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wakeproof.crates.releases import FEATURES, releases
from wakeproof.errors import InputError
from wakeproof.export.rust.cure import Cure
from wakeproof.export.rust.files import rust_test
from wakeproof.export.rust.from_trace import program_of
from wakeproof.export.rust.program import RustTest
from wakeproof.export.trace import features_for, releases_for, rust_test_for
from wakeproof.findings.registry import Finding
from wakeproof.findings.run_crates import CrateResult, CrateRun, run_crates
from wakeproof.language.model import BUNDLED
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.script import steps_of

# what Wasmtime did, by finding and release: it needs more than cargo, and is made by itself
COMPONENTS = "components.json"
# what a test does there that passes
RETURNS = "returns"
# the key there for what Wasmtime did with the trace itself
TRACE = "the trace"


@dataclass(frozen=True)
class Made:
    """A finding with its program, and its runs once they are made."""

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

    def runs(self, everywhere: bool) -> list[CrateRun]:
        """Where the test must fail and where it must pass; `everywhere`: all releases, and the
        affected one with all features, as the generator's suite is built."""
        features, cure = self.finding.built_with(), self.cure
        if everywhere:
            found = [CrateRun(self.test, release, features) for release in releases()]
            if set(features) != set(FEATURES):
                found.append(CrateRun(self.test, self.finding.affected, FEATURES))
        else:
            chosen = (self.finding.affected, self.finding.unaffected)
            found = [CrateRun(self.test, release, features) for release in chosen if release]
        return found + ([CrateRun(self.test, cure.release, features, cure)] if cure else [])


def make(finding: Finding, cures: dict[str, Cure]) -> Made:
    """Find the trace of a finding, and write its program."""
    instance, result = finding.instance(), finding.result()
    steps = steps_of(result["violations"][0]["trace"], instance.resolved.program, instance.names)
    program = program_of(instance, steps, finding.property)
    test = rust_test_for(instance, finding.name, finding.story, program)
    return Made(finding, cures.get(finding.cure), instance, result, test)


def wrong(made: Made, results: Sequence[CrateResult]) -> list[str]:
    """Where a test does not do what its finding says."""
    said = []
    for ran in results:
        finding, run = made.finding, ran.run
        at_home = run.features == finding.built_with()
        if run.cure is None and run.release == finding.affected and at_home and not ran.failed:
            said.append(f"{finding.name} should fail on {run.release}: {ran.line}")
        clean = run.cure is not None or (run.release == finding.unaffected and at_home)
        if clean and not ran.passed:
            where = f"{run.release} with {run.cure.name}" if run.cure else run.release
            said.append(f"{finding.name} should pass on {where}: {ran.line}")
        if not ran.failed and not ran.passed:
            said.append(f"{finding.name} on {run.release}: {ran.line}")
    return said


def wrong_on_wasmtime(made: Made, seen: Mapping[str, str]) -> list[str]:
    """Where the exported test does not do on Wasmtime what its finding says."""
    said = []
    for run in made.runs(everywhere=False) if not made.test.others() else ():
        name = label(run, made.finding)
        clean = run.cure is not None or run.release == made.finding.unaffected
        if clean != (seen.get(name) == RETURNS):
            should = "pass" if clean else "fail"
            what = seen.get(name, "was not run")
            said.append(f"{made.finding.name} should {should} on Wasmtime with {name}: {what}")
    return said


def label(run: CrateRun, finding: Finding) -> str:
    """What a run is built from, for a table."""
    where = f" in a task of {run.test.executor}" if run.test.executor else ""
    features = ", ".join(f"`{feature}`" for feature in run.features)
    if run.cure is not None:
        where += f" with `{run.cure.name}`"
    elif run.features != finding.built_with():
        where += f" with {features}"
    return run.release + where


def run_findings(
    all_made: Sequence[Made], everywhere: bool, done: Callable[[int, int], None]
) -> dict[str, Sequence[CrateResult]]:
    """Build and run the programs; the results by finding."""
    runs = [run for made in all_made for run in made.runs(everywhere)]
    count = 0

    def one(_: CrateResult) -> None:
        nonlocal count
        count += 1
        done(count, len(runs))

    together: dict[str, list[CrateResult]] = {made.finding.name: [] for made in all_made}
    for ran in run_crates(runs, one):
        together[ran.run.test.name].append(ran)
    return dict(together)


def programs_of(
    results: Sequence[Mapping[str, Any]],
    bound_of: Callable[[Mapping[str, Any]], Instance],
    one_mix: bool = False,
) -> tuple[dict[str, CrateRun], list[str]]:
    """Every violation of a results file that somebody can see as a program on the releases of its
    mix, by name; and what could not be written, with the reason.

    With `one_mix` each violation of a scenario, property and site in the first of its mixes alone.
    Violations in mixes with a version that was never released are left out.
    """
    runs: dict[str, CrateRun] = {}
    refused: dict[str, str] = {}
    properties = BUNDLED.properties
    met: set[tuple[str, str, str]] = set()
    for result in results:
        prop = properties.get(result["property"])
        if not result["violations"] or prop is None or not (prop.outcome or prop.outside):
            continue
        instance = bound_of(result)
        try:
            roles = releases_for(instance)
        except InputError:
            continue
        for violation in result["violations"]:
            built = "/".join(roles.values())
            words = (instance.scenario.name, built, prop.id, violation["site"])
            name = " ".join(word for word in words if word)
            about = (instance.scenario.name, prop.id, violation["site"])
            if name in runs or name in refused or (one_mix and about in met):
                continue
            try:
                steps = steps_of(violation["trace"], instance.resolved.program, instance.names)
                program = program_of(instance, steps, prop.id)
                test = rust_test_for(instance, f"trace-{len(runs)}", (name,), program)
                runs[name] = CrateRun(test, roles["import"], features_for(instance))
                met.add(about)
            except InputError as error:
                refused[name] = error.what
    return runs, [f"{name}: {why}" for name, why in refused.items()]


def run_programs(
    runs: Mapping[str, CrateRun], done: Callable[[int, int], None]
) -> list[CrateResult]:
    """Run all as crates, in order."""
    count = 0

    def one(_: CrateResult) -> None:
        nonlocal count
        count += 1
        done(count, len(runs))

    return run_crates(runs.values(), one)


def suited(runs: Mapping[str, CrateRun]) -> tuple[dict[str, CrateRun], list[str]]:
    """Those that a test of the suite can be made of, the same program on a release once; and what
    cannot be, with the reason. What several releases take part in has no test.
    """
    chosen: dict[tuple[str, ...], tuple[str, CrateRun]] = {}
    refused = []
    for name, run in runs.items():
        if run.test.others():
            continue
        try:
            files = rust_test(run.test)
        except InputError as error:
            refused.append(f"{name}: {error.what}")
            continue
        code = "".join(text.replace(name, "") for text in files.values())
        chosen.setdefault((run.release, *run.features, code), (name, run))
    return dict(chosen.values()), refused


def load_components(folder: Path | None) -> dict[str, dict[str, str]]:
    """What Wasmtime did the last time; nothing if that was never written."""
    path = folder / COMPONENTS if folder else None
    if path is None or not path.is_file():
        return {}
    try:
        found: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from None
    return found


def run_on_wasmtime(
    all_made: Sequence[Made], done: Callable[[int, int], None]
) -> dict[str, dict[str, str]]:
    """Build the tests as components and run them, and play the traces: what was seen, by finding
    and release.
    """
    from wakeproof.conform.component.replay import OnWasmtime
    from wakeproof.findings.run_components import ComponentResult, run_components

    findings = {made.finding.name: made.finding for made in all_made}
    with_test = [made for made in all_made if not made.test.others()]
    runs = [run for made in with_test for run in made.runs(everywhere=False)]
    count = 0

    def one(_: ComponentResult) -> None:
        nonlocal count
        count += 1
        done(count, len(runs))

    seen: dict[str, dict[str, str]] = {}
    for row in run_components(runs, one):
        finding = findings[row.run.test.name]
        seen.setdefault(finding.name, {})[label(row.run, finding)] = row.seen
    for made in all_made:
        steps = steps_of(made.trace, made.instance.resolved.program, made.instance.names)
        seen.setdefault(made.finding.name, {})[TRACE] = OnWasmtime(made.instance).play(steps).seen
    return seen


def write_pages(folder: Path, files: dict[str, str], write: Callable[[Path, str], None]) -> None:
    """Write files under a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, text)
