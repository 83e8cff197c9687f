"""`wakeproof findings`: list the findings, run them as tests, and write their pages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from wakeproof.check.carried import scenario_of
from wakeproof.check.results_file import host_of, read_results
from wakeproof.commands.output import refuse_unwritable, status_line, write_file, write_files
from wakeproof.errors import Exit, InputError
from wakeproof.language.model import BUNDLED
from wakeproof.report.terminal.console import make_console
from wakeproof.report.terminal.finding import releases_of
from wakeproof.scenario.instance import Instance, scenario_for
from wakeproof.scenario.mixes import build_of
from wakeproof.util.text import did_you_mean, plural

if TYPE_CHECKING:
    from wakeproof.export.rust.cure import Cure
    from wakeproof.findings.cases import Case
    from wakeproof.findings.registry import Finding
    from wakeproof.findings.run_crates import CrateResult


@dataclass(frozen=True, kw_only=True)
class FindingsOptions:
    """Findings by name (none: all), whether and where their tests run, the folder of the pages.

    Without `run` the pages are written from what the folder has of an earlier run. `traces` is a
    results file whose violations are run as programs too, with `one_mix` each in its first mix
    only.
    """

    names: tuple[str, ...] = ()
    run: bool = False
    output: Path | None = None
    component: bool = False
    traces: Path | None = None
    one_mix: bool = False

    def __post_init__(self) -> None:
        """Raise `InputError` for options that do not go together."""
        needs = {
            "--traces": self.traces,
            "--one-mix": self.one_mix,
            "--component": self.component,
        }
        for name, value in needs.items():
            if value and not self.run:
                raise InputError(f"{name} needs --run", hint="without --run findings are listed")


def findings_command(options: FindingsOptions) -> int:
    """List findings, or run their tests; return the exit status."""
    from wakeproof.findings.registry import load_findings

    findings, cures = load_findings()
    chosen = chosen_findings(findings, options.names)
    console = make_console()
    if options.run:
        return run_findings(console, chosen, cures, options)
    if options.output is not None:
        write_again(console, chosen, cures, options.output, options)
    else:
        print_findings(console, chosen)
    return Exit.AS_EXPECTED


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Print a line for each finding: its name, its releases, its property."""
    for finding in findings:
        line = f"{finding.name:<35}{releases_of(finding):<22}{finding.property}"
        console.print(line, soft_wrap=True)
    console.print("\none of them: wakeproof show NAME; their tests: wakeproof findings --run")


def run_findings(
    console: Console,
    chosen: Sequence[Finding],
    cures: Mapping[str, Cure],
    options: FindingsOptions,
) -> Exit:
    """Run the tests of findings, write the pages, print deviations; return the exit status."""
    from wakeproof.findings.cases import case_of, deviations, deviations_on_wasmtime
    from wakeproof.findings.runs import COMPONENTS, load_seen, run_cases, run_cases_on_wasmtime

    refuse_unwritable_pages(options)
    saved = read_results(options.traces) if options.traces else []
    if options.component:
        from wakeproof.crates.wasm_target import build_flags
        from wakeproof.crates.wasmtime import load_wasmtime

        # refused before anything is built
        load_wasmtime()
        build_flags()
    with status_line(console, "finding the traces") as show:
        cases = [case_of(finding, cures) for finding in chosen]
        show("building the tests")

        def under_way(done: int, total: int) -> None:
            show(f"{done:,} of {plural(total, 'run')}")

        results = run_cases(cases, options.output is not None, under_way)
        components = load_seen(options.output, COMPONENTS)
        if options.component:
            show("building the components")
            components |= run_cases_on_wasmtime(cases, under_way)
    found = []
    for case in cases:
        name = case.finding.name
        seen = components.get(name, {}) if options.component else {}
        print_runs(console, name, results[name], seen)
        found += deviations(case, results[name])
        found += deviations_on_wasmtime(case, seen) if options.component else []
    if options.output is not None:
        write_pages(options.output, options, cases, results, components)
    if saved:
        found += run_all_traces(console, saved, options.one_mix, options.component)
    for line in found:
        console.print(f"not as expected: {line}", markup=False, soft_wrap=True)
    return Exit.NOT_AS_EXPECTED if found else Exit.AS_EXPECTED


def write_again(
    console: Console,
    chosen: Sequence[Finding],
    cures: Mapping[str, Cure],
    folder: Path,
    options: FindingsOptions,
) -> None:
    """Write the pages from what the folder has of earlier runs."""
    from wakeproof.findings.cases import case_of
    from wakeproof.findings.runs import COMPONENTS, earlier_results, load_seen

    refuse_unwritable_pages(options)
    with status_line(console, "finding the traces"):
        cases = [case_of(finding, cures) for finding in chosen]
    results = earlier_results(cases, folder)
    write_pages(folder, options, cases, results, load_seen(folder, COMPONENTS))


def refuse_unwritable_pages(options: FindingsOptions) -> None:
    """Raise `InputError` if the folder of the pages, or a file in it, cannot be written."""
    from wakeproof.findings.runs import COMPONENTS, CRATES

    if options.output is not None:
        refuse_unwritable(folder=options.output)
        files = [options.output / n for n in (CRATES, COMPONENTS, "README.md", "releases.svg")]
        refuse_unwritable(*files, inputs=[options.traces])


def print_runs(
    console: Console, name: str, results: Sequence[CrateResult], seen: Mapping[str, str]
) -> None:
    """Print a line for each run of the test of a finding; `seen` is what Wasmtime did."""
    for result in results:
        run = result.run
        where = f"{run.release} {run.cure.name}" if run.cure else run.release
        console.print(f"{name} {where}: {result.line}", markup=False, soft_wrap=True)
    for where, outcome in seen.items():
        console.print(f"{name} {where}, on Wasmtime: {outcome}", markup=False, soft_wrap=True)


def write_pages(
    folder: Path,
    options: FindingsOptions,
    cases: Sequence[Case],
    results: Mapping[str, Sequence[CrateResult]],
    components: Mapping[str, Mapping[str, str]],
) -> None:
    """Write a folder for each finding and, if all were run, the page over them with its drawing."""
    from wakeproof.findings.runs import COMPONENTS, CRATES, lines_of, load_seen
    from wakeproof.report.pages.findings import finding_files, findings_matrix, findings_page

    for case in cases:
        name = case.finding.name
        write_files(folder / name, finding_files(case, results[name], components.get(name, {})))
    if options.run:
        kept = load_seen(folder, CRATES) if options.names else {}
        write_seen(folder / CRATES, kept | lines_of(cases, results))
    if options.component:
        write_seen(folder / COMPONENTS, components)
    if not options.names:
        write_file(folder / "README.md", findings_page(cases, results, components))
        write_file(folder / "releases.svg", findings_matrix(cases, results, components))


def write_seen(path: Path, seen: Mapping[str, Mapping[str, str]]) -> None:
    """Write what was seen in runs, by finding and run."""
    write_file(path, json.dumps(seen, indent=1, sort_keys=True) + "\n")


def chosen_findings(findings: Sequence[Finding], names: Sequence[str]) -> list[Finding]:
    """Return the findings with these names, or all. Raises `InputError` for an unknown name."""
    known = [finding.name for finding in findings]
    for name in names:
        if name not in known:
            raise InputError(f"unknown finding {name!r}", hint=did_you_mean(name, known))
    return [finding for finding in findings if not names or finding.name in names]


def run_all_traces(
    console: Console, saved: Sequence[Mapping[str, Any]], one_mix: bool, components: bool
) -> list[str]:
    """Run every visible violation of some results as a program, with `components` on Wasmtime.

    Returns a line for each program that does not show its violation.
    """
    from wakeproof.findings.cases import RETURNS
    from wakeproof.findings.run_crates import run_crates
    from wakeproof.findings.runs import counted
    from wakeproof.findings.violations import runs_of_violations, suite_runs

    def instance_of(result: Mapping[str, Any]) -> Instance:
        scenario = scenario_for(BUNDLED, scenario_of(result))
        return Instance(scenario, dict(result["mix"]), host_of(BUNDLED, result), build_of(result))

    with status_line(console, "writing the programs") as show:
        runs, refused = runs_of_violations(saved, instance_of, one_mix)
        crates = {name: run for name, run in runs.items() if not run.test.program.needs_component}
        count = counted(len(crates), lambda n, total: show(f"{n:,} of {plural(total, 'program')}"))
        results = dict(zip(crates, run_crates(crates.values(), count), strict=True))
    missed = [f"{name}: {row.line}" for name, row in results.items() if not row.failed]
    shown = len(crates) - len(missed)
    console.print(
        f"violation shown on the release of the mix: {shown} of {plural(len(crates), 'trace')}"
    )
    if components:
        from wakeproof.findings.run_components import run_components

        tests, not_written = suite_runs(runs)
        refused += not_written
        with status_line(console, "building the components"):
            seen = dict(zip(tests, run_components(tests.values()), strict=True))
        passed = [name for name, row in seen.items() if row.seen == RETURNS]
        shown = len(seen) - len(passed)
        console.print(
            f"failing on Wasmtime as expected: {shown} of {plural(len(seen), 'test')} of the suite"
        )
        missed += [f"{name}: the test passes on Wasmtime" for name in passed]
    for line in refused:
        console.print(f"cannot be written: {line}", markup=False, soft_wrap=True)
    return missed
