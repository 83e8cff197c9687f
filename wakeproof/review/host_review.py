"""What another host changes: the verdicts on each release, over all scenarios.

The releases are the same on both sides, in mixes of one release; only the host differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from wakeproof.check.job import Job, lost_verdicts, together
from wakeproof.check.verdict import Verdict
from wakeproof.errors import InputError
from wakeproof.language.model import Model
from wakeproof.review.review import (
    Review,
    changes_between,
    collect_compatibility,
    inputs_of,
    run_scenario,
    sort_changes,
)
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.mixes import Mix
from wakeproof.util.parallel import Workers
from wakeproof.util.result_cache import NotFinal, map_cached


def review_hosts(
    new: str,
    old: str,
    scenarios: Sequence[Scenario],
    model: Model,
    fresh: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    pool: Workers | None = None,
) -> Review:
    """Check every scenario on two hosts, in its mixes of one release.

    A property that only one of the hosts has counts as one that holds on the other. `progress`,
    `fresh` and `pool` are as for `review`. Raises `InputError` for an unknown host.
    """
    if new == old:
        raise InputError(f"{new} against itself", hint="name two hosts")
    models = {host: model.with_host(host) for host in (old, new)}
    result = Review(new, old, hosts=True)
    jobs = [
        Job(scenario, on_host, tuple(mix.items()), None, None)
        for scenario in scenarios
        for mix in _mixes(scenario)
        for on_host in models.values()
    ]
    result.left_out = [scenario.name for scenario in scenarios if not _mixes(scenario)]
    found: dict[tuple[str, str, str], list[Verdict]] = {}

    def checked(job: Job, rows: list[Verdict]) -> None:
        found[job.model.host, job.scenario.name, job.name] = rows
        progress(len(found), len(jobs))

    result.finished = map_cached(
        run_scenario, together(jobs), inputs_of, checked, fresh, pool, NotFinal(lost_verdicts)
    )
    after = [job for job in jobs if job.model.host == new]
    for job in after:
        now, then = (found.get((host, job.scenario.name, job.name)) for host in (new, old))
        if now is None or then is None:
            continue
        if not now or not then:
            result.impossible.append(f"{job.scenario.name} ({job.name})")
            continue
        _compare(result, now, then, job.name)
    sort_changes(result)
    verdicts = {(name, mix): rows for (host, name, mix), rows in found.items() if host == new}
    collect_compatibility(result, after, verdicts)
    return result


def _mixes(scenario: Scenario) -> list[Mix]:
    """Return the mixes of one release."""
    return [mix for mix in scenario.mixes({}) if len(set(mix.values())) == 1]


def _compare(result: Review, now: Sequence[Verdict], then: Sequence[Verdict], name: str) -> None:
    """Compare the verdicts of a mix on the two hosts, property by property."""
    before, after = ({v.property: v for v in rows} for rows in (then, now))
    for prop in dict.fromkeys([*after, *before]):
        one, other = after.get(prop), before.get(prop)
        one, other = one or _holds(other), other or _holds(one)
        changes = list(changes_between(one, other, name, name))
        result.changes += changes
        result.unchanged += not changes


def _holds(other: Verdict | None) -> Verdict:
    """Return the verdict on a host that has no such property."""
    assert other is not None
    return replace(other, verdict="holds", violations=[])
