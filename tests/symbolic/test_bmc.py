"""Bounded model checking with Z3 finds violations of the same length as the explorer."""

from __future__ import annotations

import pytest

from tests.support import instance
from wakeproof.errors import InputError
from wakeproof.explore.plain import explore
from wakeproof.symbolic import bmc


@pytest.mark.parametrize(
    ("scenario", "mix", "target"),
    [
        ("stream-after-drop", "v2/v2/v2", ("trap", "host::stream_copy::not-idle")),
        ("default-write", "v2/v2/v2", "no-leak"),
        ("default-write", "v1/v2/v1", ("trap", "host::WaitableSet.drop::not-empty")),
        ("cancel-asleep", "v2/v2/v2", ("panic", "inter_task_wakeup::wake::write-completes")),
        ("cancel-asleep", "v1/v2/v2", ("trap", "host::cancel_copy::sync-in-set")),
        ("yield", "v2/v2/v2", ("panic", "async_support::block_on::yield-set-exists")),
        ("move-between-tasks", "v2/v2/v2", "no-stuck-task"),
        ("nested-block-on", "v1/v1/v1", "one-home"),
        ("spawn-across-releases", "v1/v2/v2", "no-lost-spawn"),
    ],
)
def test_both_find_a_shortest_violation_of_the_same_length(
    scenario: str, mix: str, target: bmc.Target
) -> None:
    b = instance(scenario, mix)
    explored = explore(b.machine(), actions=b.actions)
    key = (target, "") if isinstance(target, str) else target
    shortest = explored.violations[key].steps
    found = bmc.check(b.resolved, b.run, target, len(shortest) + 1, b.actions)
    assert isinstance(found, bmc.Found)
    assert found.depth == len(shortest)
    assert bmc.replays(b.machine(), found.steps, target)


def test_neither_finds_two_homes_in_v2() -> None:
    b = instance("nested-block-on", "v2/v2/v2")
    assert ("one-home", "") not in explore(b.machine(), actions=b.actions).violations
    found = bmc.check(b.resolved, b.run, "one-home", 5, b.actions)
    assert found == bmc.NotFound(5)


def test_a_timeout_is_unknown_with_its_reason() -> None:
    b = instance("move-between-tasks", "v2/v2/v2")
    found = bmc.check(b.resolved, b.run, "refcount-exact", 40, b.actions, timeout=1.0)
    assert isinstance(found, bmc.Unknown)
    assert "timeout" in found.reason


def test_a_target_that_the_model_does_not_have_is_refused() -> None:
    b = instance("stream-after-drop", "v2/v2/v2")
    with pytest.raises(InputError):
        bmc.check(b.resolved, b.run, "no-such-property", 3, b.actions)
