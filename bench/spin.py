"""Run Spin on an exported model, and read its findings and figures."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.process import Cost, run

BROKEN = re.compile(r"assertion violated\s+(?:!\(violated__(\w+)\)|(\w+__\w+))")
DEPTH = r"-DBFS -o pan pan.c && ./pan -m(\d+) -c0"
"""In the head of a bounded model: the depth of the search that its bound of steps is."""
PROGRESS = re.compile(
    r"^(cpu\d+: )?Depth=.* States=\s*([\d.e+]+) .*\bt=\s*([\d.e+]+)", re.MULTILINE
)


@dataclass(frozen=True)
class Found:
    """Findings of another checker: `broken` has properties and sites as the export names them.

    `build` is the seconds for making the checker from the model, `build_processor` those of all
    processors; `counted_at` is the seconds of the search at which it had these states.
    """

    states: int
    transitions: int
    broken: frozenset[str]
    build: float
    cost: Cost
    counted_at: float
    build_processor: float = 0.0


def missing() -> str:
    """Return the reason why Spin cannot run here; empty if it can."""
    for tool in ("spin", "cc"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    return ""


def spin(
    text: str,
    folder: Path,
    is_bounded: bool = False,
    flags: Sequence[str] = ("-O1",),
    options: Sequence[str] = ("-c0", "-m9999999"),
    most: float | None = None,
) -> Found:
    """Explore a Promela model; if it `is_bounded`, breadth first to the depth that it names.

    With several cores (`-DNCORE`) no variable may be outside the state. After `most` seconds the
    run ends with the states that it reported last.
    """
    (folder / "model.pml").write_text(text, encoding="utf-8")
    began, before = time.perf_counter(), _processor()
    many = any(flag.startswith("-DNCORE") for flag in flags)
    breadth = ["-DBREADTH"] if is_bounded or many else []
    _made(["spin", *breadth, "-a", "model.pml"], folder)
    if is_bounded:
        flags = [*flags, "-DBFS"]
        options = ["-c0", f"-m{_number(DEPTH, text)}"]
    _made(["cc", "-w", "-DSAFETY", "-DNOREDUCE", *flags, "-o", "pan", "pan.c"], folder)
    build, build_processor = time.perf_counter() - began, _processor() - before
    output, cost = run(["./pan", *options], folder, most=most)
    if not cost.ended:
        # the last report of each core
        last = {core: (float(states), float(t)) for core, states, t in PROGRESS.findall(output)}
        reached = int(sum(states for states, _ in last.values()))
        counted_at = max((t for _, t in last.values()), default=0.0)
        return Found(reached, 0, frozenset(), build, cost, counted_at, build_processor)
    kind = "nominal states" if is_bounded else "states, stored"
    return Found(
        states=_number(rf"([\d.e+]+) {kind}", output),
        transitions=_number(r"([\d.e+]+) transitions", output),
        broken=frozenset(a or b for a, b in BROKEN.findall(output)),
        build=build,
        cost=cost,
        counted_at=cost.seconds,
        build_processor=build_processor,
    )


@dataclass(frozen=True)
class Decided:
    """Verdict of another checker on one property of progress, with its states and its cost.

    `build` is the seconds of all processors for making the checker from the model.
    """

    violated: bool
    states: int
    build: float
    cost: Cost


def decide(
    text: str, folder: Path, flags: Sequence[str] = ("-O1",), most: float | None = None
) -> Decided:
    """Decide the property of progress of a Promela model.

    Raises `RuntimeError` if Spin does not decide it, as after `most` seconds.
    """
    (folder / "model.pml").write_text(text, encoding="utf-8")
    before = _processor()
    _made(["spin", "-a", "model.pml"], folder)
    _made(["cc", "-w", "-DNOREDUCE", *flags, "-o", "pan", "pan.c"], folder)
    build = _processor() - before
    output, cost = run(["./pan", "-a", "-m9999999"], folder, most=most)
    undecided = re.search(r"assertion violated.*|max search depth too small", output)
    if undecided or not cost.ended:
        raise RuntimeError(f"Spin has not decided: {undecided and undecided[0]}")
    states = _number(r"([\d.e+]+) states, stored", output)
    return Decided("acceptance cycle (" in output, states, build, cost)


def _processor() -> float:
    """Return the seconds of all processors that child processes have taken."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _made(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {(done.stdout + done.stderr)[:1000]}")


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"no {pattern} in Spin's output: {text[-1000:]}")
    return int(float(found[1]))
