"""Decide in plain Python which states a fair run can stay in for ever while something is owed.

A run may stop at any time: then nothing happens any more, which is fair where no fair choice is
enabled. Else it stays in a strongly connected part of the graph. A part is fair if each choice
that is enabled in it is also taken in it, and if of each recurring pair the second condition holds
in it where the first one does. Otherwise the states that ask for more are left out, and the rest is
decided again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field

from wakeproof.explore.progress.graph import StateGraph
from wakeproof.explore.progress.questions import NO_GROUP, Obligation


@dataclass
class FairRuns:
    """Where a fair run can stay for ever: it stops in one of `stops`, or goes on in one part.

    `parts` has the part of a state; all states of a part can be visited again and again.
    """

    stops: Set[int] = field(default_factory=set)
    parts: Mapping[int, int] = field(default_factory=dict)

    def __contains__(self, state: int) -> bool:
        return state in self.stops or state in self.parts

    def __bool__(self) -> bool:
        return bool(self.stops or self.parts)


def fair_runs(
    graph: StateGraph, begins: int | None, ends: int, recurring: Collection[tuple[int, int]]
) -> FairRuns:
    """Return where a fair run can stay without `ends`.

    With `begins` it is a run in which `begins` holds before, and `ends` not from there on.
    """
    # as long to import as all of Wakeproof, and native runs do without it
    import networkx as nx

    region = owed_region(graph, begins, ends)
    stops: set[int] = set()
    parts: dict[int, int] = {}
    count = 0
    left = [region]
    while left:
        states = left.pop()
        inside: nx.DiGraph[int] = nx.DiGraph()
        inside.add_nodes_from(states)
        for state in states:
            inside.add_edges_from((state, t) for t, _ in graph.steps(state) if t in states)
        for part in nx.strongly_connected_components(inside):
            if len(part) == 1 and not inside.has_edge(*part, *part):
                continue
            seen = enabled = taken = 0
            for state in part:
                seen |= graph.facts_in(state)
                enabled |= graph.enabled_in(state)
                for target, group in graph.steps(state):
                    if target in part and group != NO_GROUP:
                        taken |= 1 << group
            refused = enabled & ~taken
            asked = sum(1 << a for a, b in recurring if seen >> a & 1 and not seen >> b & 1)
            if refused or asked:
                left.append(
                    {
                        n
                        for n in part
                        if not graph.enabled_in(n) & refused and not graph.facts_in(n) & asked
                    }
                )
                continue
            count += 1
            parts.update(dict.fromkeys(part, count))
    for state in region:
        facts = graph.facts_in(state)
        if not graph.enabled_in(state) and not any(
            facts >> a & 1 and not facts >> b & 1 for a, b in recurring
        ):
            stops.add(state)
    return FairRuns(stops, parts)


def is_ever_owed(graph: StateGraph, obligation: Obligation) -> bool:
    """Return whether an obligation may begin in some state, and has not ended in every one."""
    begins = obligation.begins is None or graph.ever >> obligation.begins & 1
    return bool(begins and not graph.always >> obligation.ends & 1)


def owed_region(graph: StateGraph, begins: int | None, ends: int) -> set[int]:
    """Return the states in which something is owed: `ends` has not held since `begins`."""
    open_states = {n for n in range(len(graph)) if not graph.holds(n, ends)}
    if begins is None:
        return open_states
    region = {n for n in open_states if graph.holds(n, begins)}
    left = list(region)
    while left:
        for target, _ in graph.steps(left.pop()):
            if target in open_states and target not in region:
                region.add(target)
                left.append(target)
    return region
