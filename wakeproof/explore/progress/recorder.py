"""Record the graph of states while plain Python explores it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wakeproof.execution.enabled_steps import Enumerator, enumerators, outcomes
from wakeproof.execution.machine import Machine
from wakeproof.explore.progress.decide import decide
from wakeproof.explore.progress.graph import StateGraph, words
from wakeproof.explore.progress.questions import Questions, left_out
from wakeproof.explore.result import Violation
from wakeproof.language.values import Snapshot, Step


class GraphRecorder:
    """The graph of a machine's states, made in the order of their discovery and expansion."""

    def __init__(self, machine: Machine, questions: Questions) -> None:
        self.machine = machine
        self.questions = questions
        self.graph = StateGraph(words(len(questions.groups)), words(len(questions.conditions)))
        self.conditions = [
            (1 << i, machine.namespace[name], members)
            for i, (name, members) in enumerate(questions.conditions)
        ]
        self.enabled = 0
        # of the actions that are left out, those that are not known to be possible
        self.probes = enumerators(machine, questions.left_out)

    @property
    def left_out(self) -> str:
        """What is not decided because the run leaves out an action that was possible, or empty."""
        missing = {name for name, _, _ in self.probes}
        return left_out([n for n in self.questions.left_out if n not in missing])

    def loaded(self) -> None:
        """Look which actions that are left out are possible in the state that is expanded."""
        if self.probes:
            self.probes = [probe for probe in self.probes if not probe[1]()]

    def discovered(self) -> None:
        """Add the machine's current state."""
        self.graph.add_state(sum(bit for bit, holds, members in self.conditions if holds(*members)))

    def step(self, step: Step, target: int | None) -> None:
        """Add a step from the state that is expanded; `target` is None if it goes wrong."""
        self.enabled |= self.graph.add_step(target, self.questions.group_of(step))

    def expanded(self) -> None:
        """End the steps of the state that is expanded."""
        self.graph.end_steps(self.enabled)
        self.enabled = 0

    def decide(
        self,
        listing: Sequence[Enumerator],
        state: Callable[[int], Snapshot],
    ) -> dict[tuple[str, str], Violation]:
        """Decide the questions on the whole graph."""
        return decide(
            self.questions,
            self.graph,
            state,
            lambda here: outcomes(self.machine, listing, here),
        )
