"""What an exploration puts to the test: the same in native code and in plain Python."""

from __future__ import annotations

import dataclasses

import pytest

from tests.support import check, instance
from wakeproof.check.coverage import never, untested
from wakeproof.explore.native import search as native
from wakeproof.explore.native.library import Program
from wakeproof.explore.plain import explore
from wakeproof.explore.progress.questions import questions_of
from wakeproof.explore.result import Coverage, Exploration, Limits


def both(scenario: str, mix: str, threads: int = 2) -> tuple[Exploration, Exploration]:
    """Explore to the end in native code and in plain Python, with the questions of progress."""
    here = instance(scenario, mix)
    machine = here.machine()
    asked = questions_of(
        machine.program, machine.run.sizes, here.actions, here.model.assumptions.keys()
    )
    program = Program(machine, here.actions, questions=asked)
    return (
        native.explore(program, Limits(), None, threads=threads),
        explore(here.machine(), actions=here.actions, questions=asked),
    )


def covered(found: Exploration) -> Coverage:
    """Return the coverage of an exploration, which has one."""
    assert found.coverage is not None
    return found.coverage


@pytest.mark.parametrize(
    ("scenario", "mix"),
    [
        ("yield", "v1/v2/v3"),
        ("issue-1618-free", "v3/v3/v3"),
        pytest.param("join-handle", "v3/v3/v3", marks=pytest.mark.nightly),
        ("sync-export", "v2/v2/v2"),
    ],
)
def test_both_explorers_put_the_same_to_the_test(scenario: str, mix: str) -> None:
    found, expected = both(scenario, mix)
    assert covered(found) == covered(expected)


def test_what_no_state_enables_is_not_taken() -> None:
    found, _ = both("yield", "v2/v2/v2")
    actions = instance("yield", "v2/v2/v2").actions
    assert "resume_block_on" in actions
    assert "resume_block_on" not in covered(found).taken
    assert "resume_yielded" in covered(found).taken


def test_every_action_of_a_trace_is_taken() -> None:
    found, _ = both("issue-1618-free", "v1/v1/v1")
    steps = {step.action for v in found.violations.values() for step in v.steps}
    assert steps
    assert steps <= covered(found).taken


@pytest.mark.slow
def test_a_site_that_is_reached_is_put_to_the_test() -> None:
    rows = check("wake-between-tasks", "v1/v2/v1")
    reached = {row["site"] for v in rows.values() for row in v.violations if row["site"]}
    tested = {site for v in rows.values() for site, is_tested in v.sites.items() if is_tested}
    assert reached
    assert reached <= tested


def test_a_property_that_is_violated_is_put_to_the_test() -> None:
    rows = check("move-between-tasks", "v2/v2/v2").values()
    assert any(v.verdict == "violated" for v in rows)
    assert all(v.tested for v in rows if v.verdict == "violated")


def test_what_is_never_owed_is_not_put_to_the_test() -> None:
    # nothing is spawned there
    assert check("yield", "v2/v2/v2")["spawned-is-polled"].tested is False
    assert check("spawn", "v3/v3/v3")["spawned-is-polled"].tested is True


@pytest.mark.parametrize("explorer", ["plain", "native"])
def test_of_a_run_that_a_limit_ended_nothing_is_known(explorer: str) -> None:
    rows = check("yield", "v2/v2/v2", explorer=explorer, max_states=100).values()
    assert {(v.tested, len(v.sites), v.never_taken) for v in rows} == {(None, 0, ())}
    assert untested(rows).runs == 0


def test_a_site_counts_only_where_a_version_has_it() -> None:
    one, other = check("yield", "v2/v2/v2")["no-panic"], check("yield", "v1/v1/v1")["no-panic"]
    site = next(iter(one.sites.keys() - other.sites.keys()))
    untested_there = dataclasses.replace(one, sites={**one.sites, site: False})
    assert untested([untested_there, other]).sites[site] == (1, 1)
    assert site in never(untested([untested_there, other]).sites)
