"""Check jobs whose results are cached: a second run of the same scenario reads its verdicts.

A job of a checkpoint or of a swarm is not cached, nor a result that a limit ended.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from wakeproof.check.job import Job, run_job
from wakeproof.check.verdict import Verdict, ViolationRow, is_undecided
from wakeproof.errors import InputError
from wakeproof.execution.trace import StepRow
from wakeproof.explore.result import Exploration
from wakeproof.util.result_cache import ResultCache, digest


@dataclass(frozen=True)
class Checked:
    """The verdicts of a job without their traces, and the traces as JSON, in the same order.

    Most readers of a cached result need no trace, and these are nearly all of its text.
    """

    verdicts: list[Verdict]
    traces: str

    def with_traces(self) -> list[Verdict]:
        """Return the verdicts with their traces."""
        traces = iter(json.loads(self.traces))
        for verdict in self.verdicts:
            for row in verdict.violations:
                row["trace"] = next(traces)
        return self.verdicts


def find(job: Job) -> Checked | None:
    """Return the cached result of a job; None if there is none, or if it is never cached."""
    return _cache().find(job) if is_cached(job) else None


def run_and_keep(job: Job, progress: Callable[[Exploration], None] | None = None) -> list[Verdict]:
    """Run a job as `run_job` does, and cache its result if the cache can be written."""
    verdicts = run_job(job, progress)
    keep(job, verdicts)
    return verdicts


def keep(job: Job, verdicts: Sequence[Verdict]) -> None:
    """Cache the result of a job if it is final and the cache can be written."""
    # a limit of the decision on progress is that of its verdicts alone
    is_final = not verdicts[0].limit and not any(map(is_undecided, verdicts))
    if is_cached(job) and is_final:
        with contextlib.suppress(InputError):
            _cache().keep(job, without_traces(verdicts))


def prune() -> None:
    """Remove the least recently used results of the cache if it is too large."""
    _cache().prune()


def is_cached(job: Job) -> bool:
    """Return whether results of a job are cached."""
    return job.checkpoint is None and job.swarm is None


def without_traces(verdicts: Iterable[Verdict]) -> Checked:
    """Return verdicts as they are cached."""
    bare: list[Verdict] = []
    traces: list[list[StepRow]] = []
    for verdict in verdicts:
        traces += [row["trace"] for row in verdict.violations]
        rows: list[ViolationRow] = [{**row, "trace": []} for row in verdict.violations]
        bare.append(dataclasses.replace(verdict, violations=rows))
    return Checked(bare, json.dumps(traces, separators=(",", ":")))


def _checked(job: Job) -> Checked:
    """Run a job: the function whose results are cached."""
    return without_traces(run_job(job))


@functools.cache
def _cache() -> ResultCache[Job, Checked]:
    return ResultCache(_checked, _inputs)


def _inputs(job: Job) -> Iterable[object]:
    """Yield what the result of a job depends on; a job has the whole scenario."""
    yield dataclasses.replace(job, threads=1, among=(), disk=None)
    yield from map(digest, job.model.texts)
