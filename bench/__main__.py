"""`python -m bench`: Wakeproof, Spin and TLC on the same models, into reports/benchmark.md.

Every rung is a scenario, which is exported for the others. Every run is a process of its own, so
that the peak of its memory is its own, and ends at the latest after some time.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from bench import spin, tlc
from bench.ladder import LADDER, Rung
from bench.ours import measured
from bench.page import page, plot
from bench.process import run
from wakeproof.compiler import CompilerError, compiler
from wakeproof.content import ROOT
from wakeproof.processors import processors
from wakeproof.promela import promela

FLAGS = ("-O1", "-DNOBOUNDCHECK", "-DNOFAIR", "-DMEMLIM=6000")
"""Of the flags that were tried the fastest: `-O2` takes minutes to compile and gains nothing."""


@dataclass(frozen=True)
class Row:
    """One run. Times are in seconds, `build` is what comes before the search; `table` is the bytes
    a state in tables, `peak` the bytes of the process; one that was stopped has not `ended`."""

    rung: str
    checker: str
    what: str
    states: int
    build: float
    seconds: float
    table: float
    peak: int
    ended: bool

    @property
    def rate(self) -> float:
        """States a second of the search."""
        return self.states / self.seconds

    @property
    def verdict(self) -> float:
        """Seconds from nothing to the verdict."""
        return self.build + self.seconds


def rows(rung: Rung, folder: Path, most: float, cores: int) -> Iterator[Row]:
    """Everything that is measured on a rung."""
    path = rung.file(folder)
    for threads in sorted({1, cores}):
        command = [sys.executable, "-m", "bench", "--one", str(path), str(threads)]
        said, cost = run(command, ROOT)
        one = json.loads(said)
        name = f"Wakeproof, {threads} thread" + "s" * (threads > 1)
        seconds, table = one["seconds"], one["table"]
        yield Row(rung.name, name, "rate", one["states"], 0.0, seconds, table, cost.peak, True)
    states = one["states"]
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "wakeproof", "check", str(path), "--quiet"]
        for what in ([], ["--symmetry"]):
            environment = os.environ | {"XDG_CACHE_HOME": f"{cache}/{len(what)}"}
            _, cost = run([*command, *what], ROOT, environment)
            name = "Wakeproof, symmetry" if what else "Wakeproof"
            yield Row(rung.name, name, "verdict", states, 0.0, cost.seconds, 0.0, cost.peak, True)
    bound = rung.bound(folder)
    if not spin.missing():
        text = promela(bound)
        options = ("-c0", "-m9999999", "-w24")
        found = spin.spin(text, folder, None, FLAGS, options, most)
        yield _other(rung, "Spin, 1 core", found)
        if cores > 1:
            many = (*FLAGS, f"-DNCORE={cores}")
            found = spin.spin(text, folder, None, many, options, most)
            yield _other(rung, f"Spin, {cores} cores", found)
    if not tlc.missing():
        found = tlc.tlc(bound, folder, cores, False, most)
        yield _other(rung, f"TLC, {cores} workers", found)


def _other(rung: Rung, name: str, found: spin.Found) -> Row:
    cost = found.cost
    table = cost.peak / max(1, found.states)
    return Row(
        rung.name,
        name,
        "both",
        found.states,
        found.build,
        cost.seconds,
        table,
        cost.peak,
        cost.ended,
    )


@click.command()
@click.option("--most", default=60.0, show_default=True, help="Seconds for a run of another.")
@click.option("--rungs", default=len(LADDER), show_default=True, help="How many rungs.")
@click.option("--report", type=click.Path(path_type=Path), default=ROOT / "reports/benchmark.md")
@click.option("--one", type=(click.Path(path_type=Path), int), hidden=True)
def main(most: float, rungs: int, report: Path, one: tuple[Path, int] | None) -> None:
    """Time the checkers on a ladder of bounds and write the page."""
    if one is not None:
        print(json.dumps(measured(*one)))
        return
    try:
        compiler()
    except CompilerError as error:
        raise click.ClickException(str(error)) from None
    kept = report.with_suffix(".json")
    found: list[Row] = []
    for rung in LADDER[:rungs]:
        with tempfile.TemporaryDirectory() as folder:
            for row in rows(rung, Path(folder), most, processors()):
                found.append(row)
                print(
                    f"{row.rung:<10} {row.checker:<22} {row.states:>12,} states "
                    f"{row.verdict:8.2f} s {row.rate:>12,.0f} a second",
                    flush=True,
                )
    machine = f"{processors()} processors, {platform.machine()}, Python {platform.python_version()}"
    missing = [why for why in (spin.missing(), tlc.missing()) if why]
    try:
        report.write_text(page([asdict(r) for r in found], machine, most, missing), "utf-8")
        plot([asdict(r) for r in found], report.with_suffix(".svg"))
    except OSError as error:
        raise click.ClickException(f"{kept}: {error.strerror}") from None


if __name__ == "__main__":
    main()
