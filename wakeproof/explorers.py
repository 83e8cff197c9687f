"""Which explorer runs. They report the same; they differ in when it pays to start them.

Plain Python begins at once and does some ten thousand states a second. Native code does a
million, but the C compiler needs a second first, unless its work of another day is still there.
So `auto` tries a few states in plain Python, and takes native code when that is not the end.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable, Sequence

from wakeproof import native
from wakeproof.compiler import CompilerError, load
from wakeproof.errors import InputError
from wakeproof.explore import Exploration, Limits, explore
from wakeproof.machine import Machine, Step
from wakeproof.packing import Unsupported
from wakeproof.reader import Resolved

PATIENCE = 8000
"""States that `auto` tries in plain Python: they take as long as the compiler would."""


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
) -> Exploration:
    """Explore `auto`, `native` or `plain`; a script, which is a single path, in plain Python.

    Raises what `explore` raises; with `native` also `InputError` for a model that has no place
    in native code and `CompilerError`, where `auto` says so and goes on in plain Python.
    """
    began = time.perf_counter()

    def plainly(limits: Limits) -> Exploration:
        return explore(
            machine, resolved, actions=actions, script=script, limits=limits, progress=progress
        )

    if explorer == "plain" or script is not None:
        return plainly(limits)
    try:
        program = native.Program(machine, actions)
        if explorer == "auto" and not program.is_compiled():
            patience = min(PATIENCE, limits.max_states or PATIENCE)
            found = plainly(dataclasses.replace(limits, max_states=patience))
            if found.limit != f"max-states {patience}" or patience == limits.max_states:
                return found
        found = native.explore(
            program, machine, resolved, actions, limits, progress, threads=threads, began=began
        )
    except Unsupported as error:
        if explorer == "native":
            raise InputError(
                f"native code cannot hold this model: {error}", mend="use --explorer plain"
            ) from None
        _say(f"native code cannot hold this model: {error}; exploring in plain Python")
        return plainly(limits)
    except CompilerError as error:
        if explorer == "native":
            raise
        _say(f"{error.what}; exploring in plain Python")
        return plainly(limits)
    return found


def _say(line: str) -> None:
    print(f"wakeproof: {line}", file=sys.stderr)
