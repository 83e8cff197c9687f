"""`wakeproof check`: explore scenarios and compare the verdicts with those that are expected."""

from __future__ import annotations

import itertools
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from wakeproof.check.job import (
    Job,
    RunJob,
    run_job,
    run_jobs,
)
from wakeproof.check.verdict import (
    Verdict,
    exit_status,
    is_refuted,
    run_of,
    to_json,
)
from wakeproof.commands.inputs import (
    chosen_mixes,
    chosen_model,
    chosen_scenarios,
    known_features,
    mixes_of,
    texts_of,
)
from wakeproof.commands.options import BuildOptions, MixOptions, ModelOptions
from wakeproof.commands.output import refuse_unwritable, status_line, write_file, write_json
from wakeproof.conform.guest.check_on_crates import check_on_crates
from wakeproof.conform.guest.driver import build_driver
from wakeproof.crates.releases import features_of
from wakeproof.errors import Exit, InputError
from wakeproof.explore.explorer import usable
from wakeproof.explore.native.swarm import Swarm
from wakeproof.explore.result import Exploration
from wakeproof.language.model import Model
from wakeproof.report.pages.builds import builds_page
from wakeproof.report.pages.verdicts import verdicts_page
from wakeproof.report.terminal.console import make_console
from wakeproof.report.terminal.scenario import print_scenario
from wakeproof.report.terminal.verdicts import print_verdicts, print_violations
from wakeproof.scenario.features import every_build
from wakeproof.scenario.file import Scenario, read_scenario
from wakeproof.scenario.instance import Instance, with_extra_versions
from wakeproof.scenario.mixes import Build
from wakeproof.util.text import plural


@dataclass(frozen=True, kw_only=True)
class CheckOptions(ModelOptions, MixOptions, BuildOptions):
    """The scenarios to check (none: all bundled ones), in which runs, how far, and the output.

    `timeout` and `time` are seconds, `memory` bytes.
    """

    scenarios: tuple[str, ...] = ()
    every_build: bool = False
    properties: tuple[str, ...] = ()
    max_states: int | None = None
    timeout: float | None = None
    memory: int | None = None
    explorer: str
    symmetry: bool = False
    checkpoint: Path | None = None
    resume: bool = False
    swarm: int | None = None
    time: float
    real: bool = False
    json_file: Path | None = None
    report_file: Path | None = None
    quiet: bool = False

    def __post_init__(self) -> None:
        """Raise `InputError` for options that do not go together."""
        super().__post_init__()
        if self.resume and self.checkpoint is None:
            raise InputError("--resume needs --checkpoint", hint="name the folder to go on from")
        native = [name for name in ("checkpoint", "symmetry", "swarm") if getattr(self, name)]
        if self.explorer == "plain" and native:
            raise InputError(f"--{native[0]} is for native code", hint="leave out --explorer plain")
        if self.memory and (self.swarm or self.explorer == "plain"):
            other = "--swarm" if self.swarm else "--explorer plain"
            raise InputError(
                f"--memory does not go with {other}, which has no tables that grow",
                hint="leave out one of them; --max-states limits plain Python",
            )
        if self.swarm and len(native) > 1:
            raise InputError(
                f"--swarm and --{native[0]} do not go together", hint="leave out one of them"
            )


def check_command(options: CheckOptions) -> int:
    """Check scenarios, print and write the verdicts, return the exit status."""
    model = chosen_model(options)
    scenarios = [
        with_extra_versions(read_scenario(path), model)
        for path in chosen_scenarios(options.scenarios)
    ]
    properties = model.properties
    for wanted in options.properties:
        if wanted not in properties:
            raise InputError(f"unknown property {wanted!r}", hint="one of " + ", ".join(properties))
    refuse_unwritable(options.json_file, options.report_file, inputs=texts_of(model, scenarios))
    jobs = make_jobs(scenarios, model, options)
    console = make_console()
    run = check_on_crates if options.real else run_job
    verdicts, finished = run_with_progress(console, jobs, options.properties, run)
    order = {(j.scenario.name, j.name): i for i, j in enumerate(jobs)}
    verdicts.sort(key=lambda v: order[v.scenario, run_of(v)])
    print_results(console, scenarios, verdicts, model, options.quiet)
    if options.json_file:
        write_json(options.json_file, [to_json(v) for v in verdicts])
    if options.report_file:
        if options.every_build:
            page = builds_page(scenarios, verdicts)
        else:
            page = verdicts_page(scenarios, verdicts, properties, model.sites)
        write_file(options.report_file, page)
    if not finished:
        console.print(f"interrupted after {plural(len(verdicts), 'verdict')}")
        return Exit.UNKNOWN
    return exit_status(verdicts)


def build_for(instance: Instance) -> None:
    """Build the driver of the crates that a scenario needs, before many processes need it."""
    features = features_of(instance.run.parameters)
    if features is not None:
        build_driver(features)


def make_jobs(scenarios: Sequence[Scenario], model: Model, options: CheckOptions) -> list[Job]:
    """Make a job for every scenario in every mix and build that it names and the options allow.

    With `--real` the drivers that they need are built. Raises `InputError` if no job remains, or
    for an unknown version or feature.
    """
    chosen = chosen_mixes(options, model)
    explorer = usable(options.explorer)
    on, off = set(known_features(model, options.on)), set(known_features(model, options.off))
    jobs = []
    for scenario in scenarios:
        for mix, build_ in itertools.product(
            mixes_of(scenario, chosen), builds_of(scenario, model, options)
        ):
            instance = Instance(scenario, mix, model, build_)
            if on <= set(instance.features) and not off & set(instance.features):
                jobs.append(make_job(scenario, instance, options, explorer))
                if options.real:
                    build_for(instance)
    if not jobs:
        raise InputError(
            "no scenario names any of these mixes and builds",
            hint="`wakeproof show SCENARIO` prints those of a scenario",
        )
    return jobs


def builds_of(scenario: Scenario, model: Model, options: CheckOptions) -> list[Build]:
    """Return the builds in which a scenario is checked."""
    if options.every_build:
        return every_build(scenario, model.features)
    return scenario.builds()


def make_job(scenario: Scenario, instance: Instance, options: CheckOptions, explorer: str) -> Job:
    """Make the job that explores an instance of a scenario under the limits of the options."""
    return Job(
        scenario,
        instance.model,
        tuple(instance.mix.items()),
        options.max_states,
        options.timeout,
        explorer=explorer,
        memory=options.memory,
        symmetry=options.symmetry,
        checkpoint=options.checkpoint,
        resume=options.resume,
        swarm=None if options.swarm is None else Swarm(options.swarm, options.time),
        build=instance.build,
    )


def run_with_progress(
    console: Console, jobs: Sequence[Job], only: Sequence[str], run: RunJob
) -> tuple[list[Verdict], bool]:
    """Run the jobs under a status line. Returns the verdicts, and whether all jobs ran."""
    verdicts: list[Verdict] = []
    states = 0
    completed = 0
    with status_line(console, f"0 of {plural(len(jobs), 'run')}") as show:

        def done(rows: list[Verdict]) -> None:
            nonlocal states, completed
            states += rows[0].states
            completed += 1
            verdicts.extend(r for r in rows if not only or r.property in only)
            show(f"{completed} of {plural(len(jobs), 'run')}, {plural(states, 'state')}")

        def under_way(found: Exploration) -> None:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            load = f", table {found.load:.0%} full" if found.load else ""
            show(
                f"{plural(found.states, 'state')}, {found.rate:,.0f} a second, depth "
                f"{found.depth}, queue {found.queue:,}, {memory} MiB{load}"
            )

        finished = run_jobs(jobs, done, under_way, run)
    return verdicts, finished


def print_results(
    console: Console,
    scenarios: Sequence[Scenario],
    verdicts: Sequence[Verdict],
    model: Model,
    quiet: bool,
) -> None:
    """Print tables and traces, scenario by scenario, then the counts."""
    for scenario in scenarios:
        rows = [v for v in verdicts if v.scenario == scenario.name]
        if quiet:
            rows = [v for v in rows if not v.as_expected]
        if rows:
            print_scenario(console, scenario)
            print_verdicts(console, rows)
            print_violations(console, rows, model.properties, model.sites)
    wrong = sum(not v.as_expected for v in verdicts)
    runs = len({(v.scenario, run_of(v)) for v in verdicts})
    counts = {k: sum(v.verdict == k for v in verdicts) for k in ("holds", "violated", "unknown")}
    console.print()
    console.print(
        f"{plural(len(verdicts), 'verdict')} in {plural(runs, 'run')}: "
        + ", ".join(f"{n} {k}" for k, n in counts.items())
        + (f"; [bold red]{wrong} not as expected[/bold red]" if wrong else "; all as expected")
    )
    for verdict in verdicts:
        if is_refuted(verdict):
            where = f"{verdict.scenario} {run_of(verdict)} {verdict.property}"
            console.print(f"[bold red]not reproduced on the released crates[/bold red]: {where}")
