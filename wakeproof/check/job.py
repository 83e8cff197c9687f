"""Check a scenario in one mix and build, and compare its verdicts with the expected ones."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wakeproof.check.coverage import covered_by
from wakeproof.check.verdict import ANY, Verdict, ViolationRow, is_as_expected
from wakeproof.errors import InputError
from wakeproof.execution.trace import Tracer
from wakeproof.execution.trace_text import for_ever
from wakeproof.explore.explorer import Checkpointing, Explorer, explore_with
from wakeproof.explore.native.agreement import Disagreement
from wakeproof.explore.native.swarm import Swarm
from wakeproof.explore.result import Exploration, Limits, ScriptStuck, Violation
from wakeproof.language.model import Model
from wakeproof.language.properties import Property
from wakeproof.language.values import Step
from wakeproof.scenario.file import Expectation, Scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import Build, Versions, run_name
from wakeproof.util.parallel import KILLED, Stop, Workers, map_jobs, workers
from wakeproof.util.resources import processors

MANY = 3
"""Runs of a scenario for which a library is compiled that all of them use."""
SHORT = 50
"""Runs of scripts that take about as long as a worker process takes to begin: a second."""


class ScriptImpossible(InputError):
    """A step of a scenario's script is not enabled in a mix."""


@dataclass(frozen=True)
class Job:
    """The check of one scenario in one mix and build: limits, explorer and its options.

    `timeout` is in seconds, `memory` in bytes; None means no limit. `disk` is the folder for the
    states of native code, None for memory. `checkpoint` is the folder of
    checkpoints, and `resume` continues the one found there. A `swarm` replaces the exploration.
    `among` has the versions of the jobs that run beside it: native code is compiled once for all.
    """

    scenario: Scenario
    model: Model
    mix: tuple[tuple[str, str], ...]
    max_states: int | None
    timeout: float | None
    explorer: str = "auto"
    threads: int = 1
    memory: int | None = None
    disk: Path | None = None
    symmetry: bool = False
    checkpoint: Path | None = None
    resume: bool = False
    swarm: Swarm | None = None
    build: Build = None
    among: Versions = ()

    @property
    def name(self) -> str:
        """The mix and the build in one word."""
        return run_name(dict(self.mix), self.build)


def run_job(job: Job, progress: Callable[[Exploration], None] | None = None) -> list[Verdict]:
    """Explore one scenario in one mix; return a verdict for every property of the model.

    Raises `ScriptImpossible` if a step of its script is not enabled, and what `explore_with`
    raises.
    """
    instance = Instance(job.scenario, dict(job.mix), job.model, job.build)
    scenario = instance.scenario
    instance.refuse_stuck()
    checkpointing = None
    if job.checkpoint is not None:
        checkpointing = Checkpointing(job.checkpoint, scenario.name, job.name, job.resume)
    is_shared = bool(job.among) and instance.script is None and job.explorer != "plain"
    runs = math.prod(len(versions) for _, versions in job.among) if is_shared else 1
    try:
        found = explore_with(
            Explorer(job.explorer, job.threads, job.symmetry, checkpointing, job.swarm, runs),
            instance.machine_among(job.among) if is_shared else instance.machine(),
            actions=instance.actions,
            script=instance.script,
            limits=Limits(job.max_states, job.timeout, scenario.steps, job.memory, job.disk),
            progress=progress,
            assumed=instance.assumed,
        )
    except ScriptStuck as stuck:
        line = scenario.script[stuck.number - 1] if scenario.script else ""
        raise ScriptImpossible(
            f"step {stuck.number} of the script, {line!r}, is not possible with {job.name}",
            where=scenario.line_of(line),
            hint=f"`wakeproof simulate {scenario.reference}` shows what is possible there",
        ) from None
    except Disagreement as wrong:
        raise InputError(
            f"{scenario.name} {job.name}: {wrong.what}",
            hint=f"{wrong.hint}, with its steps: {_script(instance, wrong.steps)}",
            status=wrong.status,
        ) from None
    if is_shared:
        found.in_program_of(instance.resolved.program.functions)
    tracer = instance.tracer()
    covered = covered_by(instance, found, job.scenario.actions)
    return [
        covered.of(_verdict(instance, p, found, tracer), p) for p in job.model.properties.values()
    ]


def _script(instance: Instance, steps: Sequence[Step]) -> str:
    """Return steps as the lines of a script, in one line."""
    tracer, functions = instance.tracer(), instance.resolved.program.functions
    return "; ".join(
        " ".join([s.action, *tracer.arguments(functions[s.action], s.arguments).values()])
        for s in steps
    )


def _violations(prop: Property, found: Exploration) -> list[Violation]:
    """List the violations of one property, in the order in which they were found."""
    kind = prop.outcome
    return [
        v
        for (key, _), v in found.violations.items()
        if (v.kind == kind if kind else key == prop.id)
    ]


def _verdict(instance: Instance, prop: Property, found: Exploration, tracer: Tracer) -> Verdict:
    """Return the verdict on one property, with a trace for each of its violations."""
    rows: list[ViolationRow] = []
    for violation in _violations(prop, found):
        trace, _ = tracer.trace(violation.steps)
        message = "" if violation.site else f"the property: {prop.says}"
        row: ViolationRow = {"site": violation.site, "message": message, "trace": trace}
        if violation.loop is not None:
            row["loop"] = violation.loop
            row["message"] += for_ever(violation.loop, len(trace))
        rows.append(row)
    limit = found.limit
    if prop.progress:
        limit = limit or found.progress_limit or found.undecided
    verdict = "violated" if rows else "unknown" if limit else "holds"
    if instance.has_expectations:
        expectation = instance.scenario.expected(prop.id, instance.mix, instance.features)
        if prop.progress and found.undecided and expectation is instance.scenario.otherwise:
            expectation = Expectation(prop.id, "unknown", found.undecided)
    else:
        expectation = Expectation(prop.id, ANY, "the scenario says nothing about this build")
    return Verdict(
        scenario=instance.scenario.name,
        mix=instance.mix,
        host=instance.model.host_name,
        features=instance.build,
        property=prop.id,
        verdict=verdict,
        expected=expectation.verdict,
        reason=expectation.reason,
        as_expected=is_as_expected(expectation, verdict, [r["site"] for r in rows]),
        states=found.states,
        transitions=found.transitions,
        depth=found.depth,
        seconds=round(found.seconds, 3),
        limit=limit,
        violations=rows,
        expected_sites=expectation.sites,
    )


def lost_verdicts(job: Job) -> list[Verdict]:
    """Return the verdicts of a job without a result, after a warning that names it."""
    logging.getLogger("wakeproof").warning(
        "wakeproof: %s %s is unknown: %s; if memory ran out, limit the run",
        job.scenario.name,
        job.name,
        KILLED,
    )
    instance = Instance(job.scenario, dict(job.mix), job.model, job.build)
    found, tracer = Exploration(limit=KILLED), instance.tracer()
    return [_verdict(instance, p, found, tracer) for p in job.model.properties.values()]


def together(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs, those that one program can run with the versions that run `among` them.

    The first of each of these are the first of all: each compiles what the others then have. Those
    with the fewest beside them come before: the last ones are short, so that no processor waits.
    """
    alike: dict[object, list[Job]] = {}
    for job in jobs:
        alike.setdefault((job.scenario.path, job.model, job.build), []).append(job)
    first: list[Job] = []
    rest: list[Job] = []
    for group in sorted(alike.values(), key=len):
        among: Versions = ()
        if len(group) >= MANY and not any(job.swarm or job.checkpoint for job in group):
            mixes = [dict(job.mix) for job in group]
            among = tuple((r, tuple(sorted({mix[r] for mix in mixes}))) for r in mixes[0])
        head, *others = (dataclasses.replace(job, among=among) for job in group)
        first.append(head)
        rest += others
    return first + rest


def _scenario(job: Job) -> Path:
    """Return what jobs have in common that share most of what is made for them."""
    return job.scenario.path


def _is_short(jobs: Sequence[Job]) -> bool:
    """Return whether it is one job, or all end before a worker process would begin."""
    if len(jobs) == 1:
        return True
    return len(jobs) <= SHORT and all(job.scenario.script is not None for job in jobs)


class RunJob(Protocol):
    """A function that runs a job; worker processes import it by its name."""

    def __call__(
        self, job: Job, progress: Callable[[Exploration], None] | None = None
    ) -> list[Verdict]:
        """Run the job and return its verdicts."""
        ...


def run_jobs(
    jobs: Sequence[Job],
    on_done: Callable[[list[Verdict]], None],
    on_progress: Callable[[Exploration], None] | None = None,
    run: RunJob = run_job,
    count: int | None = None,
    pool: Workers | None = None,
) -> bool:
    """Run jobs on `count` processors; call `on_done` with the verdicts of each as soon as it ends.

    Without `count` it takes all processors. A single job runs in this process, with as many
    threads, and calls `on_progress`; so do jobs that all follow a script, which end before a worker
    process would begin. With a `pool` all jobs run there. A job whose process is killed twice has
    unknown verdicts. Returns False if an interrupt or `Stop` ended the run.
    """
    jobs = together(jobs)
    if jobs and (pool is not None or not _is_short(jobs)):
        with workers(min(len(jobs), count or processors()), pool) as pool:
            return map_jobs(
                run, jobs, on_done, pool, lambda job: on_done(lost_verdicts(job)), _scenario
            )
    try:
        for job in jobs:
            on_done(run(dataclasses.replace(job, threads=count or processors()), on_progress))
    except (KeyboardInterrupt, Stop):
        return False
    return True
