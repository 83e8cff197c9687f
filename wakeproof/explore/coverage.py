"""What an exploration puts to the test: functions with sites, and which of them are executed."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Sequence
from types import TracebackType

from wakeproof.execution.machine import Machine
from wakeproof.explore.progress.fair_runs import is_ever_owed
from wakeproof.explore.progress.graph import StateGraph
from wakeproof.explore.progress.questions import Questions
from wakeproof.language import ir
from wakeproof.language.analysis import called, nodes


def chosen_actions(machine: Machine, actions: Collection[str] | None) -> list[str]:
    """List the actions of an exploration (all, if None) in the order of the model."""
    return [f.name for f in machine.actions if actions is None or f.name in actions]


def sites_of(program: ir.Program, actions: Iterable[str]) -> dict[str, list[str]]:
    """Return the sites of the functions that these actions call, each with those that name it."""
    found: dict[str, list[str]] = {}
    for function in called(program, actions):
        for site in _sites_in(function):
            found.setdefault(site, []).append(function.name)
    return found


@functools.lru_cache(maxsize=1 << 14)
def _sites_in(function: ir.Function) -> tuple[str, ...]:
    """Return the sites that a function names, each once; a bound of a run has none."""
    named = (
        node.site
        for node in nodes(function.body)
        if isinstance(node, ir.Unwrap | ir.Wrong)
        and not (isinstance(node, ir.Wrong) and node.kind == "bound")
    )
    return tuple(dict.fromkeys(named))


def functions_with_sites(program: ir.Program, actions: Iterable[str]) -> list[str]:
    """List the functions that name a site, of those that these actions call."""
    named = {name for names in sites_of(program, actions).values() for name in names}
    return [name for name in program.functions if name in named]


def tested_progress(questions: Questions, graph: StateGraph) -> set[str]:
    """Return the properties of progress of which something was owed in some state."""
    return {owed.property for owed in questions.obligations if is_ever_owed(graph, owed)}


class Watch:
    """Functions of a machine that note their first call in `ran`, while the watch is entered."""

    def __init__(self, machine: Machine, names: Sequence[str]) -> None:
        self.namespace = machine.namespace
        self.originals = {name: machine.namespace[name] for name in names}
        self.ran: set[str] = set()

    def __enter__(self) -> Watch:
        for name in self.originals:
            self.namespace[name] = self._noting(name)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        place: TracebackType | None,
    ) -> None:
        self.namespace.update(self.originals)

    def _noting(self, name: str) -> object:
        """Return a function that runs the original and is replaced by it at its first call."""
        original = self.originals[name]

        def noting(*arguments: object) -> object:
            self.ran.add(name)
            self.namespace[name] = original
            return original(*arguments)

        return noting
