"""Run the tests of findings: as crates, and as components on Wasmtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from wakeproof.errors import InputError
from wakeproof.export.issue import PASSED
from wakeproof.findings.cases import Case
from wakeproof.findings.run_crates import CrateResult, run_crates
from wakeproof.util.json_file import load_json

# what the crates printed and what Wasmtime did, by finding and run: not every machine can run them
CRATES = "crates.json"
COMPONENTS = "components.json"
# the key in it for what Wasmtime did with the trace itself
TRACE = "the trace"

Progress = Callable[[int, int], None]
Results = Mapping[str, Sequence[CrateResult]]


def run_cases(
    cases: Sequence[Case], everywhere: bool, progress: Progress
) -> dict[str, list[CrateResult]]:
    """Build and run the tests as crates; return the results by finding.

    `progress` is called with the number of finished runs and of all. Raises `InputError` without
    cargo or the crates.
    """
    runs = [run for case in cases for run in case.crate_runs(everywhere)]
    results: dict[str, list[CrateResult]] = {case.finding.name: [] for case in cases}
    for result in run_crates(runs, counted(len(runs), progress)):
        results[result.run.test.name].append(result)
    return results


def run_cases_on_wasmtime(cases: Sequence[Case], progress: Progress) -> dict[str, dict[str, str]]:
    """Run the tests as components and play the traces; return what was seen by finding and run.

    Raises `InputError` without Wasmtime, cargo or Rust's WebAssembly target.
    """
    from wakeproof.conform.component.replay import OnWasmtime
    from wakeproof.findings.run_components import run_components

    by_name = {case.finding.name: case for case in cases}
    runs = [run for case in cases for run in case.suite_runs()]
    seen: dict[str, dict[str, str]] = {}
    for result in run_components(runs, counted(len(runs), progress)):
        case = by_name[result.run.test.name]
        seen.setdefault(case.finding.name, {})[case.label(result.run)] = result.seen
    for case in cases:
        sight = OnWasmtime(case.instance).play(case.steps)
        seen.setdefault(case.finding.name, {})[TRACE] = sight.seen
    return seen


def lines_of(cases: Sequence[Case], results: Results) -> dict[str, dict[str, str]]:
    """Return the last line of each run as a crate, by finding and label."""
    found = {
        case.finding.name: {case.label(r.run): r.line for r in results[case.finding.name]}
        for case in cases
    }
    return {name: lines for name, lines in found.items() if lines}


def earlier_results(cases: Sequence[Case], folder: Path) -> dict[str, list[CrateResult]]:
    """Return the results of an earlier run on every release, from a folder of pages.

    Raises `InputError` for a run that the folder does not have.
    """
    lines = load_seen(folder, CRATES)
    results: dict[str, list[CrateResult]] = {}
    for case in cases:
        name = case.finding.name
        results[name] = []
        for run in case.crate_runs(everywhere=True):
            line = lines.get(name, {}).get(case.label(run))
            if line is None:
                raise InputError(
                    f"what {name} does on {case.label(run)} is not known",
                    where=str(folder / CRATES),
                    hint="run the tests: `wakeproof findings --run --output DIR`",
                )
            results[name].append(CrateResult(run, int(line != PASSED), line))
    return results


def load_seen(folder: Path | None, file: str) -> dict[str, dict[str, str]]:
    """Return what was seen in an earlier run, from a file in a folder of pages; empty without it.

    Raises `InputError` for a file that cannot be read.
    """
    path = folder / file if folder else None
    if path is None or not path.is_file():
        return {}
    seen: dict[str, dict[str, str]] = load_json(path, "make the pages of the findings again")
    return seen


def counted(total: int, progress: Progress) -> Callable[[object], None]:
    """Return a function that counts its calls, and reports the number and the total."""
    number = 0

    def count(_: object) -> None:
        nonlocal number
        number += 1
        progress(number, total)

    return count
