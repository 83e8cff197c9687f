"""The graph of all states of a run, with what progress has to know about each state and step."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from wakeproof.explore.progress.questions import NO_GROUP

WORD = 64
"""Bits of a word."""


def words(bits: int) -> int:
    """Return the number of words that hold so many bits; at least one."""
    return max(1, -(-bits // WORD))


@dataclass
class StateGraph:
    """States 0, 1, ... in the order of their discovery, and the steps between them.

    The steps from state n are those numbered from `offsets[n]` to `offsets[n + 1]`: each has the
    state that it leads to in `targets` and its fair choice in `groups`. `enabled` has a bit for
    each fair choice that is enabled in a state, `facts` one for each condition that holds there;
    each state has as many words as the bits need. `ever` has a bit for each condition that holds
    in some state, `always` for each that holds in every state. A step that goes wrong leads
    nowhere: it is enabled, and the run ends there.
    """

    group_words: int
    fact_words: int
    offsets: array[int] = field(default_factory=lambda: array("Q", [0]))
    targets: array[int] = field(default_factory=lambda: array("I"))
    groups: array[int] = field(default_factory=lambda: array("H"))
    enabled: array[int] = field(default_factory=lambda: array("Q"))
    facts: array[int] = field(default_factory=lambda: array("Q"))
    ever: int = 0
    always: int = -1

    def __len__(self) -> int:
        return len(self.facts) // self.fact_words

    def steps(self, state: int) -> Iterator[tuple[int, int]]:
        """Yield the target and the group of every step from a state."""
        for i in range(self.offsets[state], self.offsets[state + 1]):
            yield self.targets[i], self.groups[i]

    def holds(self, state: int, condition: int) -> bool:
        """Return whether a condition holds in a state."""
        word = self.facts[state * self.fact_words + condition // WORD]
        return bool(word >> condition % WORD & 1)

    def enabled_in(self, state: int) -> int:
        """Return the fair choices that are enabled in a state, as bits of one number."""
        return joined(self.enabled, state, self.group_words)

    def facts_in(self, state: int) -> int:
        """Return the conditions that hold in a state, as bits of one number."""
        return joined(self.facts, state, self.fact_words)

    # while it is made, state by state in their order

    def add_state(self, facts: int) -> None:
        """Add the next state, in which these conditions hold."""
        _append(self.facts, facts, self.fact_words)
        self.ever |= facts
        self.always &= facts

    def add_step(self, target: int | None, group: int) -> int:
        """Add a step from the state that is expanded; return the bit of its fair choice."""
        if target is not None:
            self.targets.append(target)
            self.groups.append(group)
        return 0 if group == NO_GROUP else 1 << group

    def end_steps(self, enabled: int) -> None:
        """End the steps of the state that is expanded; the next one follows."""
        self.offsets.append(len(self.targets))
        _append(self.enabled, enabled, self.group_words)


def joined(cells: array[int], state: int, width: int) -> int:
    """Return the words of a state as one number."""
    found = 0
    for i in range(width):
        found |= cells[state * width + i] << WORD * i
    return found


def _append(cells: array[int], bits: int, width: int) -> None:
    for i in range(width):
        cells.append(bits >> WORD * i & (1 << WORD) - 1)
