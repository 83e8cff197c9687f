"""`wakeproof findings`: run the findings as tests, and write their pages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from wakeproof.check.results_file import read_results
from wakeproof.commands.inputs import find_scenario
from wakeproof.commands.output import status_line, write_file
from wakeproof.errors import Exit, InputError
from wakeproof.language.model import BUNDLED
from wakeproof.report.terminal.verdicts import make_console
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import build_of

if TYPE_CHECKING:
    from wakeproof.findings.registry import Finding
    from wakeproof.findings.run_crates import CrateResult


@dataclass(frozen=True, kw_only=True)
class FindingsOptions:
    """Findings by name (none: all), where their tests run, and the folder of the pages.

    `traces` is a results file whose violations are run as programs too, with `one_mix` each in its
    first mix only.
    """

    names: tuple[str, ...] = ()
    output: Path | None = None
    component: bool = False
    traces: Path | None = None
    one_mix: bool = False


def findings_command(options: FindingsOptions) -> int:
    """Run the tests of findings, write the pages, print deviations; return the exit status."""
    from wakeproof.findings import runs as findings_pages
    from wakeproof.findings.registry import load_findings
    from wakeproof.report.pages.findings import overview, pages

    findings, cures = load_findings()
    chosen = chosen_findings(findings, options.names)
    console = make_console()
    if options.component:
        from wakeproof.crates.wasm_target import build_flags
        from wakeproof.crates.wasmtime import load_wasmtime

        # refused before anything is built
        load_wasmtime()
        build_flags()
    output = options.output
    with status_line(console, "finding the traces") as show:
        made = [findings_pages.make(finding, cures) for finding in chosen]
        show("building the tests")

        def under_way(done: int, total: int) -> None:
            show(f"{done:,} of {total:,} runs")

        results = findings_pages.run_findings(made, output is not None, under_way)
        components = findings_pages.load_components(output)
        if options.component:
            show("building the components")
            components |= findings_pages.run_on_wasmtime(made, under_way)
    deviations = []
    for one in made:
        ran = results[one.finding.name]
        deviations += findings_pages.wrong(one, ran)
        seen = components.get(one.finding.name, {})
        if options.component:
            deviations += findings_pages.wrong_on_wasmtime(one, seen)
        print_runs(console, one.finding.name, ran, seen if options.component else {})
        if output is not None:
            files = pages(one, ran, seen)
            findings_pages.write_pages(output / one.finding.name, files, write_file)
    if output is not None and options.component:
        text = json.dumps(components, indent=1, sort_keys=True) + "\n"
        write_file(output / findings_pages.COMPONENTS, text)
    if output is not None and not options.names:
        write_file(output / "README.md", overview(made, results, components))
    if options.traces:
        deviations += run_all_traces(console, options.traces, options.one_mix, options.component)
    for line in deviations:
        console.print(f"not as expected: {line}", markup=False, soft_wrap=True)
    return Exit.NOT_AS_EXPECTED if deviations else Exit.AS_EXPECTED


def chosen_findings(findings: Sequence[Finding], names: Sequence[str]) -> list[Finding]:
    """Return the findings with these names, or all. Raises `InputError` for an unknown name."""
    known = [finding.name for finding in findings]
    for name in names:
        if name not in known:
            raise InputError(f"unknown finding {name!r}", hint="one of " + ", ".join(known))
    return [finding for finding in findings if not names or finding.name in names]


def print_runs(
    console: Console, name: str, ran: Sequence[CrateResult], on_wasmtime: Mapping[str, str]
) -> None:
    """Print a line for each run of a finding: its release, its cure, and how it ended."""
    for row in ran:
        where = f"{row.run.release} {row.run.cure.name}" if row.run.cure else row.run.release
        console.print(f"{name} {where}: {row.line}", markup=False, soft_wrap=True)
    for where, what in on_wasmtime.items():
        console.print(f"{name} {where}, on Wasmtime: {what}", markup=False, soft_wrap=True)


def run_all_traces(console: Console, path: Path, one_mix: bool, components: bool) -> list[str]:
    """Run every visible violation of a results file as a program, with `components` on Wasmtime.

    Returns a line for each program that does not show its violation.
    """
    from wakeproof.findings import runs as findings_pages

    def instance_of(result: Mapping[str, Any]) -> Instance:
        scenario = read_scenario(find_scenario(result["scenario"]))
        return Instance(scenario, dict(result["mix"]), BUNDLED, build_of(result))

    with status_line(console, "writing the programs") as show:
        runs, refused = findings_pages.programs_of(read_results(path), instance_of, one_mix)
        ran = findings_pages.run_programs(runs, lambda n, all_: show(f"{n:,} of {all_:,} programs"))
    missed = [f"{name}: {row.line}" for name, row in zip(runs, ran, strict=True) if not row.failed]
    shown = len(ran) - len(missed)
    console.print(f"{shown} of {len(ran)} traces show their violation on the release of their mix")
    if components:
        from wakeproof.findings.run_components import run_components

        tests, no_tests = findings_pages.suited(runs)
        refused += no_tests
        with status_line(console, "building the components"):
            seen = dict(zip(tests, run_components(tests.values()), strict=True))
        passed = [name for name, row in seen.items() if row.seen == findings_pages.RETURNS]
        shown = len(seen) - len(passed)
        console.print(f"{shown} of {len(seen)} tests of the suite fail on Wasmtime as they should")
        missed += [f"{name}: the test passes on Wasmtime" for name in passed]
    for line in refused:
        console.print(f"cannot be written: {line}", markup=False, soft_wrap=True)
    return missed
