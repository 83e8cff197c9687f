"""The graph of the states of a scenario: states merged by what is shown, violations marked."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import networkx as nx

from wakeproof.errors import InputError
from wakeproof.execution.enabled_steps import Outcome, enumerators, is_site, outcomes
from wakeproof.execution.trace import Tracer
from wakeproof.export.story import cells_of
from wakeproof.language.values import Snapshot, Step
from wakeproof.scenario.instance import Instance
from wakeproof.util.text import plural

MERGE = "merge states with --by FIELD, or take a smaller scenario"


@dataclass(frozen=True)
class Shown:
    """What is shown of the states: fields `by`, all if there is none; and how much there may be."""

    by: tuple[str, ...] = ()
    max_states: int = 20_000
    max_nodes: int = 500


def state_graph(instance: Instance, shown: Shown) -> nx.DiGraph[int]:
    """Return the graph of the states; states which have the same values of `by` are one node.

    A node has its `cells`, the number of its `states`, whether it is the `first`, and the ids of
    the properties that are `broken` in one of its states. A step that goes wrong leads to a node
    with a `site`, and the outcome as its `kind`. An edge has its `steps`, as lines of a script.
    Nodes are numbered in the order of their discovery. Raises `InputError` for an unknown field,
    and for more states or nodes than there may be.
    """
    tracer = instance.tracer()
    first = tracer.machine.initial()
    names = [name for name, _, _ in tracer.layout]
    _check_fields(shown.by, {*names, *cells_of(tracer, first)})
    graph: nx.DiGraph[int] = nx.DiGraph()
    numbers: dict[object, int] = {}

    def node_of(outcome: Outcome) -> int:
        """Return the node of a state or a site, which is added if it is new."""
        if is_site(outcome):
            key: object = outcome
            cells: dict[str, str] = {}
        else:
            cells = _chosen(cells_of(tracer, cast(Snapshot, outcome)), shown.by)
            key = tuple(cells.items())
        number = numbers.setdefault(key, len(numbers))
        if number not in graph:
            if number == shown.max_nodes:
                raise InputError(f"more than {plural(number, 'node')} to show", hint=MERGE)
            kind, site = outcome if is_site(outcome) else ("", "")
            graph.add_node(
                number, cells=cells, states=0, first=False, broken=[], kind=str(kind), site=site
            )
        return number

    for snapshot, steps in _explored(instance, tracer, first, shown.max_states):
        node = node_of(snapshot)
        data = graph.nodes[node]
        data["states"] += 1
        data["first"] |= snapshot == first
        tracer.machine.load(snapshot)
        for prop, holds in tracer.machine.invariants.items():
            if prop not in data["broken"] and not holds():
                data["broken"].append(prop)
        for step, outcome in steps:
            target = node_of(outcome)
            if not graph.has_edge(node, target):
                graph.add_edge(node, target, steps=[])
            line = _line(tracer, step)
            if line not in graph.edges[node, target]["steps"]:
                graph.edges[node, target]["steps"].append(line)
    return graph


def _explored(
    instance: Instance, tracer: Tracer, first: Snapshot, limit: int
) -> Iterator[tuple[Snapshot, list[tuple[Step, Outcome]]]]:
    """Yield each state with its steps, breadth first; those of a script or a bound alone."""
    machine = tracer.machine
    listing = enumerators(machine, instance.actions)
    layer, known, depth = [first], {first}, 0
    script = instance.script
    deepest = instance.scenario.steps if script is None else len(script)
    while layer:
        following: list[Snapshot] = []
        for snapshot in layer:
            steps = [] if depth == deepest else outcomes(machine, listing, snapshot)
            if script is not None and depth < len(script):
                steps = [(step, outcome) for step, outcome in steps if step == script[depth]]
            yield snapshot, steps
            for reached in (cast(Snapshot, o) for _, o in steps if not is_site(o)):
                if reached in known:
                    continue
                if len(known) == limit:
                    raise InputError(
                        f"more than {plural(limit, 'state')}",
                        hint="raise --max-states, or take a smaller scenario",
                    )
                known.add(reached)
                following.append(reached)
        layer, depth = following, depth + 1


def _check_fields(by: Iterable[str], known: set[str]) -> None:
    """Raise `InputError` for a name which is that of no field and of no scalar."""
    for name in by:
        if name not in known:
            like = difflib.get_close_matches(name, known, 3)
            raise InputError(
                f"the model has no field {name!r}",
                hint="one of " + ", ".join(like) if like else "see docs/reference/model.md",
            )


def _chosen(cells: dict[str, str], by: Sequence[str]) -> dict[str, str]:
    """Return the scalars that are shown: `phase` is all of that field, `phase[left]` is one."""
    if not by:
        return cells
    return {c: value for c, value in cells.items() if c in by or c.split("[")[0] in by}


def _line(tracer: Tracer, step: Step) -> str:
    """Return a step as the line of a script."""
    function = tracer.program.functions[step.action]
    return " ".join((step.action, *tracer.arguments(function, step.arguments).values()))
