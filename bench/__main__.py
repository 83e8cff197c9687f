"""`python -m bench`: time Wakeproof and others on the same models; write reports/benchmark.md.

A rung of the ladder is a scenario, which is exported for the other checkers. Every run is a process
of its own, so its peak of memory can be measured, and a run of another checker has a time limit.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from bench import spin, stateright, tlc
from bench.ladder import LADDER, Rung
from bench.ours import measured
from bench.page import page, plot
from bench.process import run
from wakeproof.bundled import ROOT
from wakeproof.explore.native.compiler import CompilerError, compiler
from wakeproof.export.promela import promela
from wakeproof.util.resources import processors

FLAGS = ("-DNOBOUNDCHECK", "-DNOFAIR", "-DMEMLIM=12000")
"""The fastest of the flags that were tried. `-O1` compiles faster, `-O2` runs faster, so the small
rungs run with both; `-O3 -march=native` is not faster than `-O2`."""


@dataclass(frozen=True)
class Row:
    """One run of a checker on a rung; `what` is `rate`, `verdict` (ours), `search` or `both`.

    Times are in seconds: `build` before the search, `seconds` of the search, `counted_at` seconds
    of the search at which it had `states`. `build_processor` and `processor` are the times of all
    processors before and in the search. `table` is the bytes of tables for each state, `peak` the
    bytes of the process; `marks` are pairs of states and the seconds until then. A run that was
    stopped has not `ended`.
    """

    rung: str
    checker: str
    what: str
    states: int
    build: float
    seconds: float
    counted_at: float
    processor: float
    table: float
    peak: int
    ended: bool
    build_processor: float = 0.0
    marks: tuple[tuple[int, float], ...] = ()

    @property
    def rate(self) -> float:
        """States a second of the search; 0 if it reported none."""
        return self.states / self.counted_at if self.counted_at else 0.0

    @property
    def verdict(self) -> float:
        """Seconds until the verdict, build included, or until a run was stopped."""
        return self.build + self.seconds

    @property
    def processor_rate(self) -> float:
        """States a second of processor time, which other work on the machine hardly alters."""
        if not self.counted_at:
            return 0.0
        # a run that was stopped reported its states earlier: take the same share of its time
        return self.states / (self.processor * self.counted_at / self.seconds)


def rows(rung: Rung, folder: Path, most: float, cores: int) -> Iterator[Row]:
    """Run every checker on a rung; yield a row for each run."""
    path = rung.file(folder)
    for threads in sorted({1, cores}):
        command = [sys.executable, "-m", "bench", "--one", str(path), str(threads)]
        output, cost = run([*command, str(rung.most or 0)], ROOT)
        one = json.loads(output)
        name = f"Wakeproof, {threads} thread" + "s" * (threads > 1)
        seconds, marks = one["seconds"], tuple(map(tuple, one["marks"]))
        yield Row(
            rung.name, name, "rate", one["states"], 0.0, seconds, seconds,
            one["processor"], one["table"], cost.peak,
            rung.most is None, marks=marks,
        )  # fmt: skip
    for what in ([], ["--symmetry"]):
        if rung.most is not None and not what:
            continue
        with tempfile.TemporaryDirectory() as cache:
            command = [sys.executable, "-m", "wakeproof", "check", str(path), "--quiet", *what]
            _, cost = run(command, ROOT, os.environ | {"XDG_CACHE_HOME": cache})
        name = "Wakeproof, symmetry" if what else "Wakeproof"
        yield Row(
            rung.name, name, "verdict", one["states"], 0.0, cost.seconds, cost.seconds,
            cost.processor, 0.0, cost.peak, True,
        )  # fmt: skip
    instance = rung.instance(folder)
    if not spin.missing():
        text = promela(instance)
        options = ("-c0", "-m9999999", "-w26" if rung.is_large else "-w22")
        for level in ("-O2",) if rung.is_large else ("-O1", "-O2"):
            found = spin.spin(text, folder, False, (level, *FLAGS), options, most)
            yield _other(rung, f"Spin {level}, 1 core", found)
        if cores > 1:
            level = "-O2" if rung.is_large else "-O1"
            many = (level, *FLAGS, f"-DNCORE={cores}")
            found = spin.spin(text, folder, False, many, options, most)
            yield _other(rung, f"Spin {level}, {cores} cores", found)
    if not tlc.missing():
        found = tlc.tlc(instance, folder, cores, False, most)
        yield _other(rung, f"TLC, {cores} workers", found)
    if not stateright.missing():
        for threads in sorted({1, cores}):
            found = stateright.stateright(instance, threads, most)
            name = f"stateright, {threads} thread" + "s" * (threads > 1)
            yield _other(rung, name, found, "search")


def _other(rung: Rung, name: str, found: spin.Found, what: str = "both") -> Row:
    cost = found.cost
    table = cost.peak / max(1, found.states)
    return Row(
        rung.name, name, what, found.states, found.build, cost.seconds, found.counted_at,
        cost.processor, table, cost.peak, cost.ended, found.build_processor,
    )  # fmt: skip


@click.command()
@click.option(
    "--most", default=70.0, show_default=True, help="Maximum seconds of a run of another checker."
)
@click.option("--rungs", default=len(LADDER), show_default=True, help="Number of rungs.")
@click.option("--report", type=click.Path(path_type=Path), default=ROOT / "reports/benchmark.md")
@click.option("--one", type=(click.Path(path_type=Path), int, int), hidden=True)
def main(most: float, rungs: int, report: Path, one: tuple[Path, int, int] | None) -> None:
    """Time the checkers on a ladder of bounds, and write the page."""
    if one is not None:
        print(json.dumps(measured(one[0], one[1], one[2] or None)))
        return
    try:
        compiler()
    except CompilerError as error:
        raise click.ClickException(str(error)) from None
    missing = [why for why in (spin.missing(), tlc.missing(), stateright.missing()) if why]
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
        # after every rung, so that an interrupt loses one rung only
        measured_rows = [
            asdict(row)
            | {"rate": row.rate, "verdict": row.verdict, "processor_rate": row.processor_rate}
            for row in found
        ]
        try:
            report.write_text(page(measured_rows, most, missing), "utf-8")
            plot(measured_rows, report.with_suffix(".svg"))
        except OSError as error:
            raise click.ClickException(f"{report}: {error.strerror}") from None


if __name__ == "__main__":
    main()
