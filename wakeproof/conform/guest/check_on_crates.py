"""Check a scenario, then play its violations on the released crates."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from wakeproof.check.job import Job, run_job
from wakeproof.check.verdict import Verdict
from wakeproof.conform.guest.reproduce import Reproducer, steps_to_play
from wakeproof.explore.result import Exploration
from wakeproof.scenario.instance import Instance


def check_on_crates(
    job: Job, progress: Callable[[Exploration], None] | None = None
) -> list[Verdict]:
    """Run a check job, then play its violations on the crates; sets `real` in each of their rows.

    `progress` is that of `run_job`. Raises `InputError` without cargo or the crates.
    """
    verdicts = run_job(job, progress)
    if not any(verdict.violations for verdict in verdicts):
        return verdicts
    instance = Instance(job.scenario, dict(job.mix), job.model, job.build)
    with contextlib.closing(Reproducer(instance)) as reproducer:
        for verdict in verdicts:
            prop = job.model.properties[verdict.property]
            for row in verdict.violations:
                row["real"] = str(reproducer.attempt(steps_to_play(row, instance), prop))
    return verdicts
