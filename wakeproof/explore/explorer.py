"""Choose an explorer: plain Python or native code, which have the same results.

Plain Python starts at once and explores some ten thousand states a second. Native code explores a
million, but the C compiler takes a second first, unless the cache has the library. So `auto`
explores a few states in plain Python, and switches to native code if there are more.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wakeproof.errors import InputError
from wakeproof.execution.machine import Machine
from wakeproof.explore.native import search as native
from wakeproof.explore.native import swarm as swarms
from wakeproof.explore.native.checkpoint import Checkpoint
from wakeproof.explore.native.compiler import PATIENCE as COMPILER_PATIENCE
from wakeproof.explore.native.compiler import (
    PROBE_PATIENCE,
    SOON,
    Background,
    CompilerError,
    CompilerTimeout,
    load,
)
from wakeproof.explore.native.library import Asymmetric, Program
from wakeproof.explore.native.state_layout import UnsupportedModel
from wakeproof.explore.native.swarm import Swarm
from wakeproof.explore.plain import explore
from wakeproof.explore.progress.questions import questions_of
from wakeproof.explore.result import NO_LIMITS, Exploration, Limits, Progress
from wakeproof.language.values import Step

PATIENCE = 8000
"""States that `auto` explores in plain Python: they take as long as the compiler would."""


@dataclass(frozen=True)
class Checkpointing:
    """The folder of checkpoints, the run's name there, and whether the run may resume its own."""

    folder: Path
    scenario: str
    mix: str
    resume: bool

    def checkpoint(self, program: Program, limits: Limits) -> Checkpoint:
        """Open the checkpoint of a program's search. Raises `InputError` if it cannot be used."""
        text = program.text.encode() + repr(program.layout.initial).encode()
        identity = {
            "scenario": self.scenario,
            "mix": self.mix,
            "bound of steps": str(limits.steps),
            "model": hashlib.sha256(text).hexdigest(),
        }
        folder = self.folder / f"{self.scenario}-{self.mix.replace('/', '-')}"
        return Checkpoint(folder, identity, self.resume)


def usable(wanted: str) -> str:
    """Return the explorer to use for `wanted`: without a C compiler `auto` becomes `plain`.

    Logs a warning then. Raises `CompilerError` if `wanted` is `native` and the compiler fails.
    """
    if wanted == "plain":
        return wanted
    try:
        load("int works;\n", PROBE_PATIENCE)
    except CompilerError as error:
        if wanted == "native":
            raise
        _warn(f"{error.what}; exploring in plain Python, which is slower")
        return "plain"
    return wanted


@dataclass(frozen=True)
class Explorer:
    """An explorer (`auto`, `native` or `plain`), its number of threads and its options.

    With `symmetry` native code keeps one state of each orbit; with `checkpointing` it saves its
    search to a folder; a `swarm` searches for violations instead of exploring. If it is one of
    several `runs` of the same program `auto` does not put the compiler off, as the others use what
    it makes, and each has a share of the states that are compared with plain Python.
    """

    name: str = "auto"
    threads: int = 1
    symmetry: bool = False
    checkpointing: Checkpointing | None = None
    swarm: Swarm | None = None
    runs: int = 1

    @contextlib.contextmanager
    def checkpoint(self, program: Program, limits: Limits) -> Iterator[Checkpoint | None]:
        """Yield the checkpoint of a program's search, closed at the end; None without a folder."""
        if self.checkpointing is None:
            yield None
            return
        with contextlib.closing(self.checkpointing.checkpoint(program, limits)) as checkpoint:
            yield checkpoint


ExplorePlain = Callable[[Limits], Exploration]
"""An exploration in plain Python under these limits."""


def explore_with(
    explorer: Explorer,
    machine: Machine,
    *,
    actions: Sequence[str] | None = None,
    script: Sequence[Step] | None = None,
    limits: Limits = NO_LIMITS,
    progress: Progress | None = None,
    assumed: Collection[str] | None = None,
) -> Exploration:
    """Explore `actions` (all, if None), or follow a script, which always runs in plain Python.

    With `assumed`, the assumptions about the runs that count, the properties of progress are
    decided too; a swarm and a search with symmetry leave them undecided.
    Where native code fails, `auto` prints a line and explores in plain Python, while `native` and a
    swarm raise `InputError` for a model that it cannot run, or `CompilerError`. Raises what
    `plain.explore` raises.
    """

    questions = None
    if assumed is not None:
        named = [f.name for f in machine.actions] if actions is None else actions
        questions = questions_of(machine.program, machine.run.sizes, named, assumed)

    def explore_plain(limits: Limits) -> Exploration:
        return explore(
            machine,
            actions=actions,
            script=script,
            limits=limits,
            progress=progress,
            questions=questions,
        )

    # plain Python has no swarm
    must_be_native = explorer.name == "native" or explorer.swarm is not None
    if script is not None or (explorer.name == "plain" and not must_be_native):
        return explore_plain(limits)
    try:
        if explorer.swarm is not None:
            return swarms.explore(
                machine, actions, limits, explorer.swarm, progress, explorer.threads
            )
        program = Program(machine, actions, explorer.symmetry, questions)
        return _explore_native(explorer, program, limits, progress, explore_plain)
    except UnsupportedModel as error:
        why = f"native code cannot run this model: {error}"
        if must_be_native:
            raise InputError(why, hint="use --explorer plain") from None
    except CompilerError as error:
        why = error.what
        if must_be_native:
            raise
    _warn(f"{why}; exploring in plain Python")
    return explore_plain(limits)


def _explore_native(
    explorer: Explorer,
    program: Program,
    limits: Limits,
    progress: Progress | None,
    explore_plain: ExplorePlain,
) -> Exploration:
    """Explore in native code; `auto` returns before that if plain Python explores everything."""
    began = time.perf_counter()

    def search(program: Program, checkpoint: Checkpoint | None) -> Exploration:
        left = _time_to_compile(limits, began)
        try:
            program.compile(left)
        except CompilerTimeout:
            if left == COMPILER_PATIENCE:
                raise
            return Exploration(limit=f"timeout {limits.timeout:g} s", seconds=limits.timeout or 0)
        return native.explore(
            program,
            limits,
            progress,
            threads=explorer.threads,
            began=began,
            checkpoint=checkpoint,
            runs=explorer.runs,
        )

    with explorer.checkpoint(program, limits) as checkpoint:
        resumed = checkpoint is not None and checkpoint.exists()
        put_off = explorer.name == "auto" and explorer.runs == 1
        if put_off and not explorer.symmetry and not resumed:
            left = _time_to_compile(limits, began)
            found = _before_compiling(program, limits, explore_plain, left, explorer.threads > 1)
            if found is not None:
                return found
        try:
            return search(program, checkpoint)
        except Asymmetric:
            _warn("the order of members matters in this model; exploring without symmetry")
            if checkpoint is not None:
                # its states are those of the search with symmetry
                checkpoint.remove()
    program = Program(program.machine, program.actions, questions=program.questions)
    with explorer.checkpoint(program, limits) as checkpoint:
        return search(program, checkpoint)


def _time_to_compile(limits: Limits, began: float) -> float:
    """Return the seconds that the compiler has: what is left of the run's, and not for ever."""
    if limits.timeout is None:
        return COMPILER_PATIENCE
    return max(0.0, min(COMPILER_PATIENCE, began + limits.timeout - time.perf_counter()))


def _before_compiling(
    program: Program,
    limits: Limits,
    explore_plain: ExplorePlain,
    seconds: float,
    compile_ahead: bool,
) -> Exploration | None:
    """Explore `PATIENCE` states in plain Python; return None if there are more, or a library.

    With `compile_ahead` the compiler works meanwhile, for so many `seconds` at most.
    """
    if program.is_compiled():
        return None
    patience = min(PATIENCE, limits.max_states or PATIENCE)
    end = time.perf_counter() + seconds
    ahead = _begin_to_compile(program.text) if compile_ahead else None
    try:
        found = explore_plain(dataclasses.replace(limits, max_states=patience))
        if found.limit != f"max-states {patience}" or patience == limits.max_states:
            return found
        if ahead is not None:
            ahead.finish(max(0.0, end - time.perf_counter()))
    finally:
        if ahead is not None:
            ahead.stop()
    return None


def _begin_to_compile(text: str) -> Background | None:
    """Start the compiler in the background; return None if that fails."""
    with contextlib.suppress(OSError, CompilerError):
        return Background(text, SOON)
    return None


def _warn(line: str) -> None:
    # on stderr, unless the program that imports this configures logging
    logging.getLogger("wakeproof").warning("wakeproof: %s", line)
