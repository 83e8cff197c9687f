"""Checking scenarios: one job a scenario and mix, verdicts against what is expected."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NotRequired, Protocol, TypedDict

from wakeproof.builds import built, is_own, stated
from wakeproof.content import Property
from wakeproof.errors import Exit, InputError
from wakeproof.explore import Exploration, Limits, ScriptStuck, Violation
from wakeproof.explorers import Checkpointing, explore_with
from wakeproof.machine import Machine, Run
from wakeproof.model import Model
from wakeproof.pool import map_jobs
from wakeproof.processors import processors
from wakeproof.reader import Resolved
from wakeproof.scenario import (
    Build,
    Expectation,
    Mix,
    Scenario,
    allowed_actions,
    bind,
    index_names,
    parse_script,
)
from wakeproof.swarm import Swarm
from wakeproof.trace import StepRow, Tracer

# what is expected of a build of which a scenario says nothing
ANY = "any"
# what became of a trace on the released crates
REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
NOT_VISIBLE, NOT_RELEASED = "not visible", "not released"


class ViolationRow(TypedDict):
    """One violation: the site that was reached, or the message of the invariant that failed.

    `real` is what became of the trace on the released crates, if that was asked for.
    """

    site: str
    message: str
    trace: list[StepRow]
    real: NotRequired[str]


@dataclass(frozen=True)
class Verdict:
    """What came out for one property of one scenario in one mix and build."""

    scenario: str
    mix: Mix
    features: Build
    property: str
    verdict: str
    expected: str
    reason: str
    as_expected: bool
    states: int
    transitions: int
    depth: int
    seconds: float
    limit: str
    violations: list[ViolationRow]


class ScriptImpossible(InputError):
    """A step of a scenario's script cannot be taken in a mix."""


@dataclass(frozen=True)
class Job:
    """One scenario in one mix and build, under the limits of the command, by an explorer on some
    threads.
    """

    scenario: Scenario
    model: Model
    mix: tuple[tuple[str, str], ...]
    max_states: int | None
    timeout: float | None
    explorer: str = "auto"
    threads: int = 1
    memory: int | None = None
    symmetry: bool = False
    checkpoint: Path | None = None
    resume: bool = False
    swarm: Swarm | None = None
    build: Build = None

    @property
    def name(self) -> str:
        """The mix and the build in one word."""
        return run_name(dict(self.mix), self.build)


class Instance:
    """A scenario in one mix and build, ready to run."""

    def __init__(self, scenario: Scenario, mix: Mix, model: Model, build: Build = None) -> None:
        scenario = with_extra_versions(scenario, model)
        self.mix = mix
        self.model = model
        self.build = build
        self.resolved: Resolved = model.resolve(mix)
        program = self.resolved.program
        features = model.features
        # a scenario speaks about the builds that it tries, or about the one that it is in
        self.has_expectations = bool(scenario.features) or is_own(scenario, build, features)
        scenario = built(scenario, build, features, program)
        self.run: Run = bind(scenario, program, model.defaults)
        self.features = stated(features, self.run.parameters)
        self.names = index_names(scenario, program, model.defaults.get("names", {}))
        self.scenario = dataclasses.replace(scenario, names=self.names)
        self.actions = allowed_actions(scenario, program)
        self.script = parse_script(self.scenario, program)

    def machine(self) -> Machine:
        """A plain machine."""
        return Machine(self.resolved, self.run)

    def tracer(self) -> Tracer:
        """A machine that tells traces."""
        return Tracer(self.resolved, self.run, self.names)


def with_extra_versions(scenario: Scenario, model: Model) -> Scenario:
    """The scenario with the versions of the files beside the model in it, if it does not name them
    itself.
    """
    chain = model.sources.chain
    return scenario.joined_by({p.stem: chain(p.stem)[-2::-1] for p in model.extra})


def run_job(job: Job, progress: Callable[[Exploration], None] | None = None) -> list[Verdict]:
    """Explore one scenario in one mix; a verdict for every property of the model."""
    instance = Instance(job.scenario, dict(job.mix), job.model, job.build)
    scenario = instance.scenario
    script = instance.script
    try:
        found = explore_with(
            job.explorer,
            instance.machine(),
            instance.resolved,
            actions=instance.actions,
            script=script,
            limits=Limits(job.max_states, job.timeout, scenario.steps, job.memory),
            progress=progress,
            threads=job.threads,
            symmetry=job.symmetry,
            swarm=job.swarm,
            keep=None
            if job.checkpoint is None
            else Checkpointing(job.checkpoint, scenario.name, job.name, job.resume),
        )
    except ScriptStuck as stuck:
        line = scenario.script[stuck.number - 1] if scenario.script else ""
        raise ScriptImpossible(
            f"step {stuck.number} of the script, {line!r}, is not possible with {job.name}",
            where=scenario.line_of(line),
            hint=f"`wakeproof simulate {scenario.name}` shows what is possible there",
        ) from None
    tracer = instance.tracer()
    return [_verdict(instance, p, found, tracer) for p in job.model.properties.values()]


def _violations(prop: Property, found: Exploration) -> list[Violation]:
    """The violations of one property, in the order in which they were found."""
    kind = prop.outcome
    return [
        v
        for (key, _), v in found.violations.items()
        if (v.kind == kind if kind else key == prop.id)
    ]


def _verdict(
    instance: Instance,
    prop: Property,
    found: Exploration,
    tracer: Tracer,
) -> Verdict:
    rows: list[ViolationRow] = []
    for violation in _violations(prop, found):
        trace, _ = tracer.trace(violation.steps)
        message = "" if violation.site else f"the property: {prop.says}"
        rows.append({"site": violation.site, "message": message, "trace": trace})
    verdict = "violated" if rows else "unknown" if found.limit else "holds"
    if instance.has_expectations:
        expectation = instance.scenario.expected(prop.id, instance.mix, instance.features)
    else:
        expectation = Expectation(prop.id, ANY, "the scenario says nothing about this build")
    return Verdict(
        scenario=instance.scenario.name,
        mix=instance.mix,
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
        limit=found.limit,
        violations=rows,
    )


def is_as_expected(expectation: Expectation, verdict: str, sites: Sequence[str]) -> bool:
    """The verdict, and if the expectation names sites, exactly these; or any answer."""
    named = expectation.sites
    if expectation.verdict == ANY:
        return verdict != "unknown"
    return verdict == expectation.verdict and (named is None or set(named) == set(sites))


def is_refuted(verdict: Verdict) -> bool:
    """The released crates do something else than a trace says."""
    return any(row.get("real", "").startswith(NOT_REPRODUCED) for row in verdict.violations)


def mix_name(mix: Mapping[str, str]) -> str:
    """A mix in one word, in the order of its roles: `v1/v2/v2`."""
    return "/".join(mix.values())


def run_name(mix: Mapping[str, str], build: Build) -> str:
    """A mix with the features that its build has on, among those that are tried: `v1/v2/v2`, as
    the scenario says, `v1/v2/v2 +none`, `v1/v2/v2 +async-spawn`.
    """
    features = () if build is None else build or ("none",)
    return " ".join((mix_name(mix), *(f"+{feature}" for feature in features)))


def run_of(verdict: Verdict) -> str:
    """The mix and the build of a verdict in one word."""
    return run_name(verdict.mix, verdict.features)


def build_of(result: Mapping[str, Any]) -> Build:
    """The build of an entry of a results file."""
    features = result.get("features")
    return None if features is None else tuple(features)


def exit_status(verdicts: Sequence[Verdict]) -> Exit:
    """0 as expected, 1 if a verdict is not as expected or refuted, 3 for want of an answer."""
    wrong = [v for v in verdicts if not v.as_expected]
    if any(v.verdict != "unknown" for v in wrong) or any(is_refuted(v) for v in verdicts):
        return Exit.NOT_AS_EXPECTED
    return Exit.UNKNOWN if wrong else Exit.AS_EXPECTED


# --- many jobs ----------------------------------------------------------------------------------


class RunJob(Protocol):
    """A function that runs a job; worker processes import it by its name."""

    def __call__(
        self, job: Job, progress: Callable[[Exploration], None] | None = None
    ) -> list[Verdict]:
        """The verdicts of the job."""
        ...


def run_jobs(
    jobs: Sequence[Job],
    on_done: Callable[[list[Verdict]], None],
    on_progress: Callable[[Exploration], None] | None = None,
    run: RunJob = run_job,
) -> bool:
    """Run jobs on all processors, each by `run`, in order of completion; False if interrupted.

    What is done stays done: `on_done` is called as soon as a job ends. A single job runs
    in this process, on all processors, with progress.
    """
    if len(jobs) > 1:
        return map_jobs(run, jobs, on_done)
    try:
        job = dataclasses.replace(jobs[0], threads=processors())
        on_done(run(job, on_progress))
    except KeyboardInterrupt:
        return False
    return True


def to_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as it stands in the JSON results."""
    return asdict(verdict)
