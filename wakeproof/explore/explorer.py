"""Which explorer runs. They report the same; they differ in when it pays to start them.

Plain Python begins at once and does some ten thousand states a second. Native code does a
million, but the C compiler needs a second first, unless its work of another day is still there.
So `auto` tries a few states in plain Python, and takes native code when that is not the end.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wakeproof.errors import InputError
from wakeproof.execution.machine import Machine
from wakeproof.explore.native import search as native
from wakeproof.explore.native import swarm as swarms
from wakeproof.explore.native.checkpoint import Checkpoint
from wakeproof.explore.native.compiler import (
    SOON,
    Background,
    CompilerError,
    load,
)
from wakeproof.explore.native.library import Asymmetric, Program
from wakeproof.explore.native.state_layout import Unsupported
from wakeproof.explore.native.swarm import Swarm
from wakeproof.explore.plain import explore
from wakeproof.explore.result import Exploration, Limits
from wakeproof.language.resolve import Resolved
from wakeproof.language.values import Step

PATIENCE = 8000
"""States that `auto` tries in plain Python: they take as long as the compiler would."""


@dataclass(frozen=True)
class Checkpointing:
    """Where a run keeps its checkpoint, what it is called there, and whether it may go on."""

    folder: Path
    scenario: str
    mix: str
    resume: bool

    def checkpoint(self, program: Program, limits: Limits) -> Checkpoint:
        """The checkpoint of a program's search. Raises `InputError` if it cannot be used."""
        text = program.text.encode() + repr(program.packing.initial).encode()
        identity = {
            "scenario": self.scenario,
            "mix": self.mix,
            "bound of steps": str(limits.steps),
            "model": hashlib.sha256(text).hexdigest(),
        }
        folder = self.folder / f"{self.scenario}-{self.mix.replace('/', '-')}"
        return Checkpoint(folder, identity, self.resume)


def usable(wanted: str) -> str:
    """The explorer to use where `wanted` is asked for: `auto` without a C compiler is `plain`.

    Says so on stderr. Raises `CompilerError` if native code is asked for and cannot be had.
    """
    if wanted == "plain":
        return wanted
    try:
        load("int works;\n")
    except CompilerError as error:
        if wanted == "native":
            raise
        _say(f"{error.what}; exploring in plain Python, which is slower")
        return "plain"
    return wanted


def explore_with(
    explorer: str,
    machine: Machine,
    resolved: Resolved,
    *,
    actions: Sequence[str] | None,
    script: Sequence[Step] | None,
    limits: Limits,
    progress: Callable[[Exploration], None] | None,
    threads: int,
    symmetry: bool = False,
    keep: Checkpointing | None = None,
    swarm: Swarm | None = None,
) -> Exploration:
    """Explore `auto`, `native` or `plain`; a script, which is a single path, in plain Python.

    With `symmetry` native code takes states together that are alike by symmetry; with `keep` it
    works under a checkpoint; a `swarm` looks for violations instead of exploring.

    Raises what `explore` raises; with `native` also `InputError` for a model that has no place
    in native code and `CompilerError`, where `auto` says so and goes on in plain Python.
    """
    began = time.perf_counter()

    def plainly(limits: Limits) -> Exploration:
        return explore(
            machine, resolved, actions=actions, script=script, limits=limits, progress=progress
        )

    if swarm is not None and script is None:
        # plain Python would be no swarm
        explorer = "native"
    if explorer == "plain" or script is not None:
        return plainly(limits)
    try:
        if swarm is not None:
            return swarms.explore(machine, resolved, actions, limits, swarm, progress, threads)
        program = Program(machine, actions, symmetry)
        checkpoint = None if keep is None else keep.checkpoint(program, limits)
        resumed = checkpoint is not None and checkpoint.exists()
        if explorer == "auto" and not symmetry and not resumed and not program.is_compiled():
            patience = min(PATIENCE, limits.max_states or PATIENCE)
            ahead = _begin_to_compile(program.text) if threads > 1 else None
            try:
                found = plainly(dataclasses.replace(limits, max_states=patience))
                if found.limit != f"max-states {patience}" or patience == limits.max_states:
                    if checkpoint is not None:
                        checkpoint.remove()
                    return found
                if ahead is not None:
                    ahead.finish()
            finally:
                if ahead is not None:
                    ahead.stop()

        def natively(program: Program, checkpoint: Checkpoint | None) -> Exploration:
            return native.explore(
                program,
                machine,
                resolved,
                actions,
                limits,
                progress,
                threads=threads,
                began=began,
                checkpoint=checkpoint,
            )

        try:
            found = natively(program, checkpoint)
        except Asymmetric:
            _say("the order of members matters in this model; exploring without symmetry")
            program = Program(machine, actions)
            if checkpoint is not None and keep is not None:
                # what it holds are states of another search
                checkpoint.remove()
                checkpoint = keep.checkpoint(program, limits)
            found = natively(program, checkpoint)
    except Unsupported as error:
        if explorer == "native":
            raise InputError(
                f"native code cannot hold this model: {error}", hint="use --explorer plain"
            ) from None
        _say(f"native code cannot hold this model: {error}; exploring in plain Python")
        return plainly(limits)
    except CompilerError as error:
        if explorer == "native":
            raise
        _say(f"{error.what}; exploring in plain Python")
        return plainly(limits)
    return found


def _begin_to_compile(text: str) -> Background | None:
    """The compiler at work, if it can be had."""
    with contextlib.suppress(OSError, CompilerError):
        return Background(text, SOON)
    return None


def _say(line: str) -> None:
    print(f"wakeproof: {line}", file=sys.stderr)
