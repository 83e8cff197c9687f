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
from wakeproof.explore.result import NO_LIMITS, Exploration, Limits
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


@dataclass(frozen=True)
class Explorer:
    """How to explore: the explorer (`auto`, `native` or `plain`), on how many `threads`.

    With `symmetry` native code takes states together that are alike by symmetry; with
    `checkpointing` it keeps its search in a folder; a `swarm` looks for violations instead of
    exploring.
    """

    name: str = "auto"
    threads: int = 1
    symmetry: bool = False
    checkpointing: Checkpointing | None = None
    swarm: Swarm | None = None


Plainly = Callable[[Limits], Exploration]


def explore_with(
    explorer: Explorer,
    machine: Machine,
    *,
    actions: Sequence[str] | None = None,
    script: Sequence[Step] | None = None,
    limits: Limits = NO_LIMITS,
    progress: Callable[[Exploration], None] | None = None,
) -> Exploration:
    """Explore; a script, which is a single path, in plain Python.

    Raises what `plain.explore` raises; with `native` also `InputError` for a model that has no
    place in native code and `CompilerError`, where `auto` prints a line and goes on in plain
    Python.
    """

    def plainly(limits: Limits) -> Exploration:
        return explore(machine, actions=actions, script=script, limits=limits, progress=progress)

    # plain Python would be no swarm
    must_be_native = explorer.name == "native" or explorer.swarm is not None
    if script is not None or (explorer.name == "plain" and not must_be_native):
        return plainly(limits)
    try:
        if explorer.swarm is not None:
            return swarms.explore(
                machine, actions, limits, explorer.swarm, progress, explorer.threads
            )
        return _natively(
            explorer, Program(machine, actions, explorer.symmetry), limits, progress, plainly
        )
    except Unsupported as error:
        why = f"native code cannot hold this model: {error}"
        if must_be_native:
            raise InputError(why, hint="use --explorer plain") from None
    except CompilerError as error:
        why = error.what
        if must_be_native:
            raise
    _say(f"{why}; exploring in plain Python")
    return plainly(limits)


def _natively(
    explorer: Explorer,
    program: Program,
    limits: Limits,
    progress: Callable[[Exploration], None] | None,
    plainly: Plainly,
) -> Exploration:
    """Explore in native code, unless plain Python is done before that would begin."""
    began = time.perf_counter()
    keep = explorer.checkpointing
    checkpoint = None if keep is None else keep.checkpoint(program, limits)
    resumed = checkpoint is not None and checkpoint.exists()
    if explorer.name == "auto" and not explorer.symmetry and not resumed:
        found = _before_compiling(program, limits, plainly, explorer.threads > 1)
        if found is not None:
            if checkpoint is not None:
                checkpoint.remove()
            return found

    def natively(program: Program, checkpoint: Checkpoint | None) -> Exploration:
        return native.explore(
            program,
            limits,
            progress,
            threads=explorer.threads,
            began=began,
            checkpoint=checkpoint,
        )

    try:
        return natively(program, checkpoint)
    except Asymmetric:
        _say("the order of members matters in this model; exploring without symmetry")
    program = Program(program.machine, program.actions)
    if checkpoint is not None and keep is not None:
        # what it holds are states of another search
        checkpoint.remove()
        checkpoint = keep.checkpoint(program, limits)
    return natively(program, checkpoint)


def _before_compiling(
    program: Program, limits: Limits, plainly: Plainly, compile_ahead: bool
) -> Exploration | None:
    """Explore what plain Python manages while a compiler would work; None if that is not all."""
    if program.is_compiled():
        return None
    patience = min(PATIENCE, limits.max_states or PATIENCE)
    ahead = _begin_to_compile(program.text) if compile_ahead else None
    try:
        found = plainly(dataclasses.replace(limits, max_states=patience))
        if found.limit != f"max-states {patience}" or patience == limits.max_states:
            return found
        if ahead is not None:
            ahead.finish()
    finally:
        if ahead is not None:
            ahead.stop()
    return None


def _begin_to_compile(text: str) -> Background | None:
    """The compiler at work, if it can be had."""
    with contextlib.suppress(OSError, CompilerError):
        return Background(text, SOON)
    return None


def _say(line: str) -> None:
    print(f"wakeproof: {line}", file=sys.stderr)
