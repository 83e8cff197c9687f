"""Run the tests of findings: as crates, and as components on Wasmtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from wakeproof.findings.cases import Case
from wakeproof.findings.run_crates import CrateResult, run_crates
from wakeproof.util.json_file import load_json

# the file of what Wasmtime did, by finding and run: not every machine can run components
COMPONENTS = "components.json"
# the key in it for what Wasmtime did with the trace itself
TRACE = "the trace"

Progress = Callable[[int, int], None]


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


def load_components(folder: Path | None) -> dict[str, dict[str, str]]:
    """Return what Wasmtime did in an earlier run, from a folder of pages; empty without a file.

    Raises `InputError` for a file that cannot be read.
    """
    path = folder / COMPONENTS if folder else None
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
