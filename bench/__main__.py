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
from wakeproof.bundled import ROOT
from wakeproof.explore.native.compiler import CompilerError, compiler
from wakeproof.export.promela import promela
from wakeproof.util.resources import processors

FLAGS = ("-DNOBOUNDCHECK", "-DNOFAIR", "-DMEMLIM=12000")
"""Of the flags that were tried the fastest. `-O1` compiles sooner, with `-O2` it runs faster, `-O3
-march=native` gains nothing more: the small rungs are run with both."""


@dataclass(frozen=True)
class Row:
    """One run. Times are in seconds: `build` comes before the search, after `told` seconds of the
    search there were `states`; `making` and `processor` are what all processors spent before it
    and in it. `table` is the bytes a state in tables, `peak` the bytes of the process, `marks` are
    states with the seconds until then. One that was stopped has not `ended`.
    """

    rung: str
    checker: str
    what: str
    states: int
    build: float
    seconds: float
    told: float
    processor: float
    table: float
    peak: int
    ended: bool
    making: float = 0.0
    marks: tuple[tuple[int, float], ...] = ()

    @property
    def rate(self) -> float:
        """States a second of the search; 0 if it told of none."""
        return self.states / self.told if self.told else 0.0

    @property
    def verdict(self) -> float:
        """Seconds from nothing to the verdict, or to the end of a run that was stopped."""
        return self.build + self.seconds

    @property
    def each(self) -> float:
        """States a second of one processor: what other work on the machine hardly alters."""
        # of a run that was stopped, as if it had gone on alike after it told of its states
        return self.states / (self.processor * self.told / self.seconds) if self.told else 0.0


def rows(rung: Rung, folder: Path, most: float, cores: int) -> Iterator[Row]:
    """Everything that is measured on a rung."""
    path = rung.file(folder)
    for threads in sorted({1, cores}):
        command = [sys.executable, "-m", "bench", "--one", str(path), str(threads)]
        said, cost = run([*command, str(rung.most or 0)], ROOT)
        one = json.loads(said)
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
            said, cost = run(command, ROOT, os.environ | {"XDG_CACHE_HOME": cache})
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
            found = spin.spin(text, folder, None, (level, *FLAGS), options, most)
            yield _other(rung, f"Spin {level}, 1 core", found)
        if cores > 1:
            level = "-O2" if rung.is_large else "-O1"
            many = (level, *FLAGS, f"-DNCORE={cores}")
            found = spin.spin(text, folder, None, many, options, most)
            yield _other(rung, f"Spin {level}, {cores} cores", found)
    if not tlc.missing():
        found = tlc.tlc(instance, folder, cores, False, most)
        yield _other(rung, f"TLC, {cores} workers", found)


def _other(rung: Rung, name: str, found: spin.Found) -> Row:
    cost = found.cost
    table = cost.peak / max(1, found.states)
    return Row(
        rung.name, name, "both", found.states, found.build, cost.seconds, found.told,
        cost.processor, table, cost.peak, cost.ended, found.making,
    )  # fmt: skip


@click.command()
@click.option("--most", default=70.0, show_default=True, help="Seconds for a run of another.")
@click.option("--rungs", default=len(LADDER), show_default=True, help="How many rungs.")
@click.option("--report", type=click.Path(path_type=Path), default=ROOT / "reports/benchmark.md")
@click.option("--one", type=(click.Path(path_type=Path), int, int), hidden=True)
def main(most: float, rungs: int, report: Path, one: tuple[Path, int, int] | None) -> None:
    """Time the checkers on a ladder of bounds and write the page."""
    if one is not None:
        print(json.dumps(measured(one[0], one[1], one[2] or None)))
        return
    try:
        compiler()
    except CompilerError as error:
        raise click.ClickException(str(error)) from None
    machine = f"{processors()} processors, {platform.machine()}, Python {platform.python_version()}"
    missing = [why for why in (spin.missing(), tlc.missing()) if why]
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
        # after every rung, so that a run that is ended leaves what it has
        told = [
            asdict(row) | {"rate": row.rate, "verdict": row.verdict, "each": row.each}
            for row in found
        ]
        try:
            report.write_text(page(told, machine, most, missing), "utf-8")
            plot(told, report.with_suffix(".svg"))
        except OSError as error:
            raise click.ClickException(f"{report}: {error.strerror}") from None


if __name__ == "__main__":
    main()
