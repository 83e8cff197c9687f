"""`wakeproof check`: explore scenarios and compare the verdicts with those that are expected."""

from __future__ import annotations

import dataclasses
import itertools
import resource
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from wakeproof.check import cached_job
from wakeproof.check.baseline import baseline_of, gone, read_baseline
from wakeproof.check.carried import carried
from wakeproof.check.causes import known, name_of, undecided, unexpected
from wakeproof.check.coverage import unexpected_actions
from wakeproof.check.job import Job, RunJob, run_job, run_jobs
from wakeproof.check.verdict import Verdict, exit_status, is_undecided, run_of, to_json
from wakeproof.commands.inputs import (
    chosen_mixes,
    chosen_model,
    chosen_scenarios,
    chosen_workers,
    known_features,
    mixes_of,
    texts_of,
)
from wakeproof.commands.options import BuildOptions, ClusterOptions, MixOptions, ModelOptions
from wakeproof.commands.output import (
    partial_file,
    refuse_unwritable,
    status_line,
    write_file,
    write_json,
)
from wakeproof.conform.guest.check_on_crates import check_on_crates
from wakeproof.conform.guest.driver import build_driver
from wakeproof.crates.releases import features_of, mirrored
from wakeproof.errors import Exit, InputError
from wakeproof.explore.explorer import usable
from wakeproof.explore.native.swarm import Swarm
from wakeproof.explore.result import INTERRUPTED, Exploration
from wakeproof.findings.registry import load_findings
from wakeproof.language.model import Model
from wakeproof.report.ci.github import annotation_lines, summary
from wakeproof.report.ci.junit import junit
from wakeproof.report.ci.sarif import sarif
from wakeproof.report.overview import Overview
from wakeproof.report.pages.builds import builds_page
from wakeproof.report.pages.verdicts import verdicts_page
from wakeproof.report.pages.violations import INDEX, violation_files
from wakeproof.report.terminal.console import make_console
from wakeproof.report.terminal.coverage import print_coverage
from wakeproof.report.terminal.overview import print_overview, print_unexpected
from wakeproof.report.terminal.scenario import print_scenario
from wakeproof.report.terminal.verdicts import print_verdicts, print_violations
from wakeproof.scenario.features import every_build
from wakeproof.scenario.file import Scenario, read_scenario
from wakeproof.scenario.instance import Instance, with_extra_versions
from wakeproof.scenario.mixes import Build, Mix
from wakeproof.util.parallel import Stop, Workers
from wakeproof.util.text import did_you_mean, plural

SWARM_SECONDS = 60.0
"""The duration of a swarm without `--time`."""


@dataclass(frozen=True, kw_only=True)
class CheckOptions(ModelOptions, MixOptions, BuildOptions, ClusterOptions):
    """The scenarios to check (none: all bundled ones), in which runs, how far, and the output.

    `timeout` and `time` are seconds, `memory` bytes, `jobs` processors.
    """

    scenarios: tuple[str, ...] = ()
    every_build: bool = False
    properties: tuple[str, ...] = ()
    max_states: int | None = None
    timeout: float | None = None
    memory: int | None = None
    disk: Path | None = None
    explorer: str
    symmetry: bool = False
    checkpoint: Path | None = None
    resume: bool = False
    swarm: int | None = None
    time: float | None = None
    real: bool = False
    fresh: bool = False
    jobs: int | None = None
    fail_fast: bool = False
    baseline: Path | None = None
    json_file: Path | None = None
    report_file: Path | None = None
    junit_file: Path | None = None
    sarif_file: Path | None = None
    html_folder: Path | None = None
    summary_file: Path | None = None
    baseline_file: Path | None = None
    annotations: bool = False
    verbose: bool = False
    traces: bool = False
    coverage: bool = False
    quiet: bool = False

    def __post_init__(self) -> None:
        """Raise `InputError` for options that do not go together."""
        super().__post_init__()
        if self.baseline and self.baseline_file:
            raise InputError(
                "--baseline and --write-baseline do not go together",
                hint="write one first, and commit it",
            )
        printed = [name for name in ("verbose", "traces", "coverage") if getattr(self, name)]
        if self.quiet and printed:
            other = f"--{printed[0]}"
            raise InputError(f"--quiet and {other} do not go together", hint="leave out one")
        if self.cluster:
            self.refuse_with_cluster()
        if self.resume and self.checkpoint is None:
            raise InputError("--resume needs --checkpoint", hint="name the folder to go on from")
        native = [
            name for name in ("checkpoint", "disk", "symmetry", "swarm") if getattr(self, name)
        ]
        if self.explorer == "plain" and native:
            raise InputError(f"--{native[0]} is for native code", hint="leave out --explorer plain")
        if self.memory and self.explorer == "plain":
            raise InputError(
                "--memory does not go with --explorer plain, which has no tables that grow",
                hint="leave out one of them; --max-states limits plain Python",
            )
        if self.swarm:
            self.refuse_with_swarm()
        elif self.time:
            raise InputError("--time needs --swarm", hint="--timeout limits a run without one")

    def refuse_with_cluster(self) -> None:
        """Raise `InputError` for options of this machine alone."""
        for name in ("checkpoint", "disk"):
            if getattr(self, name):
                raise InputError(
                    f"--{name} does not go with --cluster: the folder is one of this machine",
                    hint="leave out one of them",
                )
        if self.jobs:
            raise InputError(
                "--jobs does not go with --cluster: its workers have their own processors",
                hint="leave out --jobs",
            )

    def refuse_with_swarm(self) -> None:
        """Raise `InputError` for options that have no effect on a swarm."""
        for name in ("memory", "max_states", "timeout", "symmetry", "checkpoint", "disk"):
            if getattr(self, name):
                raise InputError(
                    f"--{name.replace('_', '-')} does not go with --swarm",
                    hint="leave out one of them; --time limits a swarm",
                )


def check_command(options: CheckOptions) -> int:
    """Check scenarios, print and write the verdicts, return the exit status."""
    began = time.perf_counter()
    model = chosen_model(options)
    scenarios = [
        with_extra_versions(read_scenario(path), model)
        for path in chosen_scenarios(options.scenarios)
    ]
    properties = model.properties
    for wanted in options.properties:
        if wanted not in properties:
            raise InputError(f"unknown property {wanted!r}", hint=did_you_mean(wanted, properties))
    refuse_unwritable(folder=options.html_folder)
    refuse_unwritable(
        *(options.json_file, options.report_file, options.junit_file, options.sarif_file),
        *(options.summary_file, options.baseline_file),
        options.html_folder and options.html_folder / INDEX,
        inputs=[*texts_of(model, scenarios), options.baseline],
    )
    accepted = read_baseline(options.baseline) if options.baseline else frozenset()
    jobs = make_jobs(scenarios, model, options)
    console = make_console()
    runs = Runs(console, jobs, options, accepted)
    with chosen_workers(options, model.texts) as pool:
        finished = runs.run(pool)
    verdicts = runs.verdicts
    order = {(j.scenario.name, j.name): i for i, j in enumerate(jobs)}
    verdicts.sort(key=lambda v: order[v.scenario, run_of(v)])
    found = Overview(
        verdicts,
        unexpected(verdicts, accepted),
        known(verdicts),
        load_findings()[0],
        properties,
        model.sites,
        time.perf_counter() - began,
        runs.cached,
        accepted,
        gone(accepted, verdicts),
        undecided(verdicts, accepted),
        command=f" --model {options.model}" if options.model else "",
        paths={scenario.name: scenario.path for scenario in scenarios},
        releases=mirrored(model.sources),
        actions=wrong_actions(scenarios, verdicts) if finished and not model.host else {},
    )
    # one that an interrupt ended has verdicts, too
    partial = not finished or any(v.limit == INTERRUPTED for v in verdicts)
    if partial:
        options = with_partial_files(options)
    try:
        print_results(console, scenarios, found, model, options)
        if not finished:
            console.print(f"{runs.ended} after {plural(len(verdicts), 'verdict')}")
        if partial:
            for file in filter(None, (options.report_file, options.baseline_file)):
                console.print(f"what there is is in {file}", markup=False, soft_wrap=True)
    finally:
        # a reader who closes the pipe loses no file
        write_results(scenarios, found, model, options)
    if not finished and not runs.failed:
        return Exit.UNKNOWN
    return Exit.NOT_AS_EXPECTED if found.actions else runs.status(verdicts)


def wrong_actions(
    scenarios: Sequence[Scenario], verdicts: Sequence[Verdict]
) -> dict[str, dict[str, str]]:
    """Return, for each scenario, its actions that are not as it expects, with what is wrong."""
    found = {
        scenario.name: unexpected_actions(
            scenario, [v for v in verdicts if v.scenario == scenario.name]
        )
        for scenario in scenarios
    }
    return {name: actions for name, actions in found.items() if actions}


def with_partial_files(options: CheckOptions) -> CheckOptions:
    """Return the options of a run that was ended early: what is kept and committed is not replaced.

    These are the page and the baseline, each of which is written beside the file of the option.
    """
    page, baseline = options.report_file, options.baseline_file
    return dataclasses.replace(
        options,
        report_file=page and partial_file(page),
        baseline_file=baseline and partial_file(baseline),
    )


def write_results(
    scenarios: Sequence[Scenario], found: Overview, model: Model, options: CheckOptions
) -> None:
    """Write the files of the options. Raises `InputError` if one cannot be written."""
    verdicts = found.verdicts
    if options.json_file:
        rows = [to_json(v) for v in verdicts]
        write_json(options.json_file, rows, carried(scenarios))
    if options.report_file:
        if options.every_build:
            page = builds_page(scenarios, verdicts)
        else:
            page = verdicts_page(scenarios, verdicts, found.properties, found.sites)
        write_file(options.report_file, page)
    if options.junit_file:
        write_file(options.junit_file, junit(found))
    if options.sarif_file:
        write_file(options.sarif_file, sarif(found))
    if options.summary_file:
        write_file(options.summary_file, summary(found))
    if options.baseline_file:
        write_file(options.baseline_file, baseline_of(verdicts))
    if options.html_folder:
        for name, text in violation_files(scenarios, verdicts, model):
            write_file(options.html_folder / name, text)


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
        for mix, build in itertools.product(
            mixes_of(scenario, chosen), builds_of(scenario, model, options)
        ):
            if options.real or on or off:
                # the features are those of the program, which takes a while to make
                instance = Instance(scenario, mix, model, build)
                if not on <= set(instance.features) or off & set(instance.features):
                    continue
                if options.real:
                    build_for(instance)
            jobs.append(make_job(scenario, mix, build, model, explorer, options))
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


def make_job(
    scenario: Scenario,
    mix: Mix,
    build: Build,
    model: Model,
    explorer: str,
    options: CheckOptions,
) -> Job:
    """Make the job that explores a scenario in a mix and build under the limits of the options."""
    seconds = options.time or SWARM_SECONDS
    return Job(
        scenario,
        model,
        tuple(mix.items()),
        options.max_states,
        options.timeout,
        explorer=explorer,
        memory=options.memory,
        disk=options.disk,
        symmetry=options.symmetry,
        checkpoint=options.checkpoint,
        resume=options.resume,
        swarm=None if options.swarm is None else Swarm(options.swarm, seconds),
        build=build,
    )


class Runs:
    """The runs of a check: those that the cache has, and those that are run now.

    `verdicts` are those of the properties that are reported, `cached` is the number of runs that
    the cache had, `ended` says what ended the run early.
    """

    def __init__(
        self,
        console: Console,
        jobs: Sequence[Job],
        options: CheckOptions,
        accepted: Collection[str],
    ) -> None:
        self.console = console
        self.jobs = jobs
        self.options = options
        self.accepted = accepted
        self.verdicts: list[Verdict] = []
        self.cached = self.completed = self.states = 0
        self.ended = "interrupted"

    @property
    def failed(self) -> bool:
        """Whether --fail-fast ended the run."""
        return self.ended != "interrupted"

    def status(self, verdicts: Iterable[Verdict]) -> Exit:
        """Return the exit status of verdicts; those of the baseline do not count."""
        return exit_status([v for v in verdicts if name_of(v) not in self.accepted])

    def run(self, pool: Workers | None) -> bool:
        """Run all jobs; return False if an interrupt or a failure ended that early.

        They run in new worker processes or in those of a `pool`.
        """
        if self.options.real:
            # what runs real code runs it each time
            return self.run_jobs(self.jobs, check_on_crates, pool)
        try:
            todo = [job for job in self.jobs if not self.take(job)]
        except Stop:
            return False
        for job in {job.scenario.name: job for job in reversed(todo)}.values():
            # a scenario that cannot be bound is refused before the first run
            Instance(job.scenario, dict(job.mix), job.model, job.build)
        # the cache is that of this machine
        run = cached_job.run_and_keep if pool is None else run_job
        finished = self.run_jobs(todo, run, pool)
        if todo:
            cached_job.prune()
        return finished

    def take(self, job: Job) -> bool:
        """Take the verdicts of a job from the cache; return whether it has them."""
        found = None if self.options.fresh else cached_job.find(job)
        if found is None:
            return False
        options = self.options
        files = (options.json_file, options.report_file, options.junit_file, options.sarif_file)
        if (
            any(files)
            or options.html_folder
            or options.traces
            or not all(verdict.as_expected for verdict in found.verdicts)
        ):
            self.add(found.with_traces())
        else:
            self.add(found.verdicts)
        self.cached += 1
        return True

    def add(self, rows: Sequence[Verdict]) -> None:
        """Add the verdicts of a run. Raises `Stop` if it is the last by --fail-fast."""
        only = self.options.properties
        reported = [row for row in rows if not only or row.property in only]
        self.verdicts += reported
        self.states += rows[0].states
        self.completed += 1
        if self.options.fail_fast and self.status(reported) == Exit.NOT_AS_EXPECTED:
            self.ended = "ended by --fail-fast"
            raise Stop

    def run_jobs(self, jobs: Sequence[Job], run: RunJob, pool: Workers | None) -> bool:
        """Run jobs under a status line; without a terminal each is a line of standard error."""
        total = plural(len(self.jobs), "run")
        of = {(job.scenario.name, job.name): job for job in jobs}
        with status_line(self.console, f"{self.completed} of {total}") as show:

            def done(rows: list[Verdict]) -> None:
                if run is run_job:
                    cached_job.keep(of[rows[0].scenario, run_of(rows[0])], rows)
                self.add(rows)
                show(f"{self.completed} of {total}, {plural(self.states, 'state')}")
                if not self.console.is_terminal and not self.options.quiet:
                    click.echo(f"{self.completed} of {total}: {run_line(rows)}", err=True)

            return run_jobs(jobs, done, progress_of(show), run, self.options.jobs, pool)


def run_line(rows: Sequence[Verdict]) -> str:
    """Return a run in one line: its scenario and mix, its states, what is not as expected."""
    first = rows[0]
    wrong = [row.property for row in rows if not (row.as_expected or is_undecided(row))]
    ending = f"; not as expected: {', '.join(wrong)}" if wrong else ""
    for limit in dict.fromkeys(row.limit for row in rows if is_undecided(row)):
        ending += f"; not decided: {limit}"
    figures = f"{plural(first.states, 'state')}, {first.seconds:.1f} s"
    return f"{first.scenario} {run_of(first)}: {figures}{ending}"


def progress_of(show: Callable[[str], None]) -> Callable[[Exploration], None]:
    """Return a function that shows how far an exploration is."""

    def under_way(found: Exploration) -> None:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        load = f", table {found.load:.0%} full" if found.load else ""
        show(
            f"{plural(found.states, 'state')}, {found.rate:,.0f} a second, depth "
            f"{found.depth}, queue {found.queue:,}, {memory} MiB{load}"
        )

    return under_way


def print_results(
    console: Console,
    scenarios: Sequence[Scenario],
    found: Overview,
    model: Model,
    options: CheckOptions,
) -> None:
    """Print the screen; before it, scenario by scenario, the tables and traces that are wanted."""
    printed = options.verbose or options.traces or options.coverage
    for scenario in scenarios:
        rows = [v for v in found.verdicts if v.scenario == scenario.name]
        if rows and printed:
            print_scenario(console, scenario)
            if options.verbose:
                print_verdicts(console, rows, found.properties)
            if options.traces:
                print_violations(console, scenario, rows, model, options.verbose)
            if options.coverage:
                print_coverage(console, scenario, rows)
    if printed:
        console.print()
    if options.quiet:
        print_unexpected(console, found)
    else:
        print_overview(console, found, whole=options.verbose)
    for line in annotation_lines(found) if options.annotations else ():
        console.print(line, markup=False, soft_wrap=True)
    verdicts = found.verdicts
    wrong, not_decided = found.wrong(), found.undecided()
    actions = sum(map(len, found.actions.values()))
    asked = all(scenario.is_question for scenario in scenarios)
    amiss = wrong or not_decided or actions
    runs = len({(v.scenario, run_of(v)) for v in verdicts})
    counts = {k: sum(v.verdict == k for v in verdicts) for k in ("holds", "violated", "unknown")}
    console.print(
        f"{plural(len(verdicts), 'verdict')} in {plural(runs, 'run')}: "
        + ", ".join(f"{n} {k}" for k, n in counts.items())
        + (f"; [bold red]{wrong} not as expected[/bold red]" if wrong and not asked else "")
        + (f"; [bold magenta]{not_decided} not decided[/bold magenta]" if not_decided else "")
        + (f"; [bold red]{plural(actions, 'action')} not as expected[/bold red]" if actions else "")
        + ("" if amiss or asked else "; all as expected")
        + (" or in the baseline" if found.in_baseline() and not amiss else "")
    )
