"""The plain explorer is exhaustive and deterministic, and finds shortest paths to violations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import check, instance, lengths, sites
from wakeproof.execution.enabled_steps import enumerators
from wakeproof.execution.machine import Machine
from wakeproof.explore.plain import explore
from wakeproof.explore.result import Exploration, Limits
from wakeproof.language.model import BUNDLED
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.values import Snapshot, domain


def explored(scenario: str, mix: str, **options: Any) -> Exploration:
    """Explore a bundled scenario in plain Python."""
    b = instance(scenario, mix)
    return explore(b.machine(), actions=b.actions, **options)


def naive_search(
    scenario: str, mix: str
) -> tuple[dict[Snapshot, int], int, dict[tuple[str, str], int]]:
    """Search without guards: try every action with every argument in every state.

    Returns the depth of every state, the number of transitions, and the length of a shortest path
    to every violation.
    """
    b = instance(scenario, mix)
    machine = b.machine()
    start = machine.initial()
    depths = {start: 0}
    layer, transitions = [start], 0
    found: dict[tuple[str, str], int] = {}
    while layer:
        following = []
        for snapshot in layer:
            for step, function in machine.steps(b.actions):
                machine.load(snapshot)
                try:
                    function(*step.arguments)
                except GuardFailed:
                    assert machine.save() == snapshot, "guards stand before any change"
                    continue
                except WentWrong as wrong:
                    transitions += 1
                    found.setdefault((wrong.kind, wrong.site), depths[snapshot] + 1)
                    continue
                transitions += 1
                reached = machine.save()
                if reached not in depths:
                    depths[reached] = depths[snapshot] + 1
                    following.append(reached)
                    for property_id, holds in machine.invariants.items():
                        if not holds():
                            found.setdefault((property_id, ""), depths[reached])
        layer = following
    return depths, transitions, found


@pytest.mark.parametrize(
    ("scenario", "mix"),
    [
        ("default-write", "v1/v2/v1"),
        ("default-write", "v2/v2/v2"),
        ("spawn-across-releases", "v2/v1/v2"),
        ("cancel-asleep", "v1/v2/v2"),
        ("nested-block-on", "v1/v2/v1"),
    ],
)
def test_the_explorer_has_the_result_of_a_search_without_guards(scenario: str, mix: str) -> None:
    depths, transitions, found = naive_search(scenario, mix)
    result = explored(scenario, mix)
    assert (result.states, result.transitions) == (len(depths), transitions)
    assert result.depth == max(depths.values())
    assert lengths(result) == found


def test_two_explorations_have_the_same_result() -> None:
    first, second = explored("subtask", "v1/v1/v2"), explored("subtask", "v1/v1/v2")
    first = dataclasses.replace(first, seconds=0.0)
    assert first == dataclasses.replace(second, seconds=0.0)


def test_the_enumerators_list_exactly_the_enabled_steps() -> None:
    b = instance("cancel-asleep", "v2/v2/v2")
    machine = b.machine()
    listing = enumerators(machine, b.actions)
    depths, _, _ = naive_search("cancel-asleep", "v2/v2/v2")
    for snapshot in list(depths)[::7]:
        machine.load(snapshot)
        listed = {(name, a) for name, enabled, _ in listing for a in enabled()}
        enabled_now = set()
        for step, function in machine.steps(b.actions):
            machine.load(snapshot)
            try:
                function(*step.arguments)
            except GuardFailed:
                continue
            except WentWrong:
                pass
            enabled_now.add((step.action, step.arguments))
        assert listed == enabled_now


def ill_typed(machine: Machine, snapshot: Snapshot) -> Iterator[str]:
    """Yield the scalars of a snapshot whose values are outside their types."""
    for (name, keys, declared), value in zip(machine.layout(), snapshot, strict=True):
        if value not in domain(machine.program, machine.run.sizes, declared.value):
            yield f"{name}{list(keys) or ''} = {value}"


@pytest.mark.parametrize("mix", ["v1/v1/v1", "v2/v1/v2", "v2/v2/v2"])
def test_every_reachable_state_is_well_typed(mix: str) -> None:
    b = instance("spawn", mix)
    machine = b.machine()
    kept: list[Snapshot] = []
    save = machine.save
    machine.save = lambda: kept.append(save()) or kept[-1]  # type: ignore[func-returns-value]
    explore(machine, actions=b.actions, limits=Limits(max_states=1500))
    for snapshot in kept[::5]:
        assert not list(ill_typed(machine, snapshot))


def test_a_limit_ends_the_exploration_and_is_named() -> None:
    assert explored("subtask", "v2/v2/v2", limits=Limits(max_states=10)).limit == "max-states 10"
    assert explored("subtask", "v2/v2/v2", limits=Limits(timeout=0.0)).limit.startswith("timeout")


def test_a_bound_on_steps_does_not_count_as_a_limit() -> None:
    found = explored("subtask", "v2/v2/v2", limits=Limits(steps=3))
    assert found.depth == 3
    assert not found.limit


def test_issue_1618_is_a_panic_in_v1_and_repaired_in_v2() -> None:
    v1 = check("issue-1618", "v1/v1/v1")
    assert sites(v1["no-panic"]) == {"waitable::register_waker::prev-is-own"}
    assert v1["no-stale-callback"].verdict == "violated"
    v2 = check("issue-1618", "v2/v2/v2")
    in_every_state = {p.id for p in BUNDLED.properties.values() if not p.progress}
    assert {v2[name].verdict for name in in_every_state} == {"holds"}


@pytest.mark.slow
def test_pull_request_1638_removes_a_trap() -> None:
    before = check("wake-between-tasks", "v1/v2/v1")["no-trap"]
    assert sites(before) == {"host::cancel_copy::sync-in-set"}
    assert check("wake-between-tasks", "v1_1638/v2/v1")["no-trap"].verdict == "holds"
    assert check("wake-between-tasks", "v2/v2/v2")["no-trap"].verdict == "holds"


def test_the_two_forms_of_the_v2_table_have_the_same_state_graph() -> None:
    merged, draft = (
        check("table-forms", "v2/v2/v2"),
        check("table-forms", "v2_draft/v2_draft/v2_draft"),
    )
    for property_id, verdict in merged.items():
        other = draft[property_id]
        figures = (verdict.verdict, verdict.states, verdict.transitions, verdict.depth)
        assert figures == (other.verdict, other.states, other.transitions, other.depth)
