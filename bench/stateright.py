"""Run the crate `stateright` over the generated C text of a model.

Its successors are those of the library that Wakeproof compiles for long runs: the two differ in the
search alone. It checks no invariant, which favours it.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.ours import fast
from bench.process import run
from bench.spin import Found
from wakeproof.bundled import ROOT
from wakeproof.explore.native.compiler import FAST, library_path
from wakeproof.explore.native.library import Program
from wakeproof.scenario.instance import Instance

CRATE = Path(__file__).with_name("stateright")
BUILT = ROOT / "build/stateright"
"""Where the crate is built."""


@functools.cache
def missing() -> str:
    """Build the crate; return the reason why it cannot run here, empty if it can."""
    if shutil.which("cargo") is None:
        return "cargo is not installed"
    command = ["cargo", "build", "--release", "--quiet", "--target-dir", str(BUILT)]
    built = subprocess.run(command, cwd=CRATE, capture_output=True, text=True, check=False)
    return f"stateright cannot be built: {built.stderr[:200]}" if built.returncode else ""


def stateright(instance: Instance, threads: int = 1, most: float | None = None) -> Found:
    """Explore a scenario breadth first. After `most` seconds it ends with the states it has then.

    Raises `RuntimeError` if it fails.
    """
    program = fast(Program(instance.machine(), instance.actions))
    command = [
        str(BUILT / "release/wakeproof-stateright"),
        str(library_path(program.text, FAST)),
        program.layout.to_bytes(program.layout.initial).hex(),
        str(program.emitted.branching + 1),
        str(threads),
        str(int(most or 0)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        output, cost = run(command, Path(folder))
    found = re.search(r"(\d+) states", output)
    if found is None:
        raise RuntimeError(f"stateright did not end: {output[-1000:]}")
    # at its limit it ends by itself
    ended = replace(cost, ended=most is None or cost.seconds < most)
    return Found(int(found[1]), 0, frozenset(), 0.0, ended, cost.seconds)
