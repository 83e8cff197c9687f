"""Spin on an exported model: what it finds, and what that takes."""

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
from wakeproof.export.promela import HOPS

BROKEN = re.compile(r"assertion violated\s+(?:!\(violated__(\w+)\)|(\w+__\w+))")
TOLD = re.compile(r"^(cpu\d+: )?Depth=.* States=\s*([\d.e+]+) .*\bt=\s*([\d.e+]+)", re.MULTILINE)


@dataclass(frozen=True)
class Found:
    """What another checker found: the names of properties and sites as the export writes them.

    `build` is what it takes to make the checker from the model, in seconds, `making` the same of
    all processors; `told` are the seconds after which it had these states.
    """

    states: int
    transitions: int
    broken: frozenset[str]
    build: float
    cost: Cost
    told: float
    making: float = 0.0


def missing() -> str:
    """Why Spin cannot run here; empty if it can."""
    for tool in ("spin", "cc"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    return ""


def spin(
    text: str,
    folder: Path,
    steps: int | None = None,
    flags: Sequence[str] = ("-O1",),
    options: Sequence[str] = ("-c0", "-m9999999"),
    most: float | None = None,
) -> Found:
    """Every reachable state of a Promela model; those within a number of steps, breadth first.

    With several cores (`-DNCORE`) no variable may stand outside the state. After `most` seconds
    the run ends, with the states that it told of last.
    """
    (folder / "model.pml").write_text(text, encoding="utf-8")
    began, before = time.perf_counter(), _processor()
    many = any(flag.startswith("-DNCORE") for flag in flags)
    breadth = ["-DBREADTH"] if steps is not None or many else []
    _made(["spin", *breadth, "-a", "model.pml"], folder)
    if steps is not None:
        flags = [*flags, "-DBFS"]
        options = ["-c0", f"-m{HOPS * steps}"]
    _made(["cc", "-w", "-DSAFETY", "-DNOREDUCE", *flags, "-o", "pan", "pan.c"], folder)
    build, making = time.perf_counter() - began, _processor() - before
    said, cost = run(["./pan", *options], folder, most=most)
    if not cost.ended:
        # what each core said last
        last = {core: (float(states), float(t)) for core, states, t in TOLD.findall(said)}
        reached = int(sum(states for states, _ in last.values()))
        told = max((t for _, t in last.values()), default=0.0)
        return Found(reached, 0, frozenset(), build, cost, told, making)
    kind = "nominal states" if steps is not None else "states, stored"
    return Found(
        states=_number(rf"([\d.e+]+) {kind}", said),
        transitions=_number(r"([\d.e+]+) transitions", said),
        broken=frozenset(a or b for a, b in BROKEN.findall(said)),
        build=build,
        cost=cost,
        told=cost.seconds,
        making=making,
    )


def _processor() -> float:
    """Seconds of all processors that child processes took until now."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _made(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {(done.stdout + done.stderr)[:1000]}")


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"Spin says nothing of {pattern}: {text[-1000:]}")
    return int(float(found[1]))
