"""Bounded model checking finds runs that break progress, as short as those of the explorers."""

from __future__ import annotations

import pytest

from tests.support import instance
from wakeproof.explore.explorer import Explorer, explore_with
from wakeproof.explore.result import Violation
from wakeproof.prove.lasso import find_lasso
from wakeproof.scenario.instance import Instance
from wakeproof.symbolic import bmc


def explored(found: Instance, property_id: str) -> Violation:
    """Return the run that the explorer finds."""
    result = explore_with(
        Explorer("auto"), found.machine(), actions=found.actions, assumed=found.assumed
    )
    return result.violations[property_id, ""]


def assert_same_length(scenario: str, mix: str, property_id: str) -> None:
    found = instance(scenario, mix)
    run = explored(found, property_id)
    lasso = find_lasso(found, property_id, len(run.steps), None)
    assert isinstance(lasso, bmc.Found)
    assert lasso.depth == len(run.steps)
    assert lasso.loop == run.loop


def test_a_run_that_stops_is_as_short_as_the_explorers() -> None:
    assert_same_length("spawn-off", "v1/v1/v1", "spawned-is-polled")


def test_a_run_that_goes_round_is_as_short_as_the_explorers() -> None:
    assert_same_length("yield", "v3/v3/v3", "outside-not-starved")


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("scenario", "mix", "property_id"),
    [
        ("cancel-spawning-off", "v1/v2/v1", "spawned-is-polled"),
        ("yield", "v1/v1/v1", "outside-not-starved"),
        ("issue-1618-free", "v3/v3/v3", "outside-not-starved"),
        ("future-read", "v3/v2/v3", "done-task-exits"),
        ("default-write", "v3/v2/v3", "done-task-exits"),
    ],
)
def test_every_run_is_as_short_as_the_explorers(scenario: str, mix: str, property_id: str) -> None:
    assert_same_length(scenario, mix, property_id)


@pytest.mark.slow
def test_nothing_is_found_where_the_property_holds() -> None:
    found = instance("spawn-off", "v3/v3/v3")
    assert find_lasso(found, "spawned-is-polled", 4, None) == bmc.NotFound(4)


def test_every_run_counts_that_an_assumption_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = instance("stream-after-drop", "v3/v2/v3")
    assert find_lasso(found, "outside-not-starved", 3, None) == bmc.NotFound(3)
    monkeypatch.setattr(Instance, "assumed", [])
    # the export is called, and its code never returns
    assert find_lasso(found, "outside-not-starved", 3, None) == bmc.Found(
        explored(found, "outside-not-starved").steps, 1
    )


def test_a_timeout_is_unknown_with_its_reason() -> None:
    found = find_lasso(instance("yield", "v3/v3/v3"), "woken-is-polled", 40, 0.5)
    assert isinstance(found, bmc.Unknown)
    assert "timeout" in found.reason
