"""A swarm finds violations that happen, reports its coverage, and proves nothing."""

from __future__ import annotations

import pytest

from tests.support import assert_traces_happen, bundled, check, instance, lengths, mix_of
from wakeproof.check.job import Job, run_job
from wakeproof.explore.native import swarm
from wakeproof.explore.native.swarm import Swarm
from wakeproof.explore.result import Limits
from wakeproof.language.model import BUNDLED


@pytest.mark.slow
def test_traces_of_a_swarm_happen_and_are_at_least_as_long_as_the_shortest() -> None:
    b = instance("everything", "v1/v2/v2")
    limits = Limits(steps=b.scenario.steps)
    found = swarm.explore(b.machine(), b.actions, limits, Swarm(20, 2.0), None, threads=2)
    assert_traces_happen(b.machine(), found)
    shortest = {
        (v.property, row["site"]): len(row["trace"])
        for v in check("everything", "v1/v2/v2", explorer="native").values()
        for row in v.violations
    }
    assert len(found.violations) > 5
    assert found.depth < (b.scenario.steps or 0)
    by_site = {site: length for (_, site), length in shortest.items() if site}
    for (key, site), length in lengths(found).items():
        assert length >= (by_site[site] if site else shortest[key, site])


def test_a_property_without_violation_is_unknown_and_the_limit_states_the_coverage() -> None:
    mix = tuple(mix_of("v2/v2/v2").items())
    job = Job(
        bundled("everything"),
        BUNDLED,
        mix,
        None,
        None,
        swarm=Swarm(3, 0.5),
        threads=2,
    )
    verdicts = run_job(job)
    assert {v.verdict for v in verdicts} <= {"violated", "unknown"}
    for verdict in verdicts:
        assert verdict.limit.startswith("swarm of 3 for 0.5 s: ")
        assert "states or more" in verdict.limit
