"""A swarm finds violations that really happen, says what it covered, and proves nothing."""

from __future__ import annotations

from tests.conftest import check
from tests.test_explore import instance
from tests.test_symmetry import happens, lengths
from wakeproof.bundled import SCENARIOS
from wakeproof.check.job import Job, run_job
from wakeproof.explore.native import swarm
from wakeproof.explore.native.swarm import Swarm
from wakeproof.explore.result import Limits
from wakeproof.language.model import BUNDLED
from wakeproof.scenario.file import read_scenario


def test_what_a_swarm_finds_really_happens_and_is_no_shorter_than_what_is_shortest() -> None:
    b = instance("everything", "v1/v2/v2")
    limits = Limits(steps=b.scenario.steps)
    found = swarm.explore(b.machine(), b.actions, limits, Swarm(20, 2.0), None, threads=2)
    happens(b.machine(), found)
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


def test_what_a_swarm_does_not_find_is_unknown_and_it_says_how_much_it_covered() -> None:
    mix = (("export", "v2"), ("block_on", "v2"), ("import", "v2"))
    job = Job(
        read_scenario(SCENARIOS / "everything.toml"),
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
