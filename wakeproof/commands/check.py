"""`wakeproof check`."""

from __future__ import annotations

import itertools
import resource
from collections.abc import Mapping, Sequence
from typing import Any

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
    chosen_model,
    chosen_scenarios,
    chosen_versions,
    known_features,
)
from wakeproof.commands.output import status_line, write_file, write_json
from wakeproof.conform.guest.check_on_crates import check_on_crates
from wakeproof.conform.guest.driver import build
from wakeproof.crates.releases import features_of
from wakeproof.errors import Exit, InputError
from wakeproof.explore.explorer import usable
from wakeproof.explore.native.swarm import Swarm
from wakeproof.explore.result import Exploration
from wakeproof.language.model import Model
from wakeproof.report.pages.builds import builds_page
from wakeproof.report.pages.verdicts import verdicts_page
from wakeproof.report.terminal.verdicts import (
    make_console,
    print_scenario,
    print_verdicts,
    print_violations,
)
from wakeproof.scenario.features import every_build
from wakeproof.scenario.file import Scenario, read_scenario
from wakeproof.scenario.instance import Instance, with_extra_versions


def check_command(names: Sequence[str], options: Mapping[str, Any]) -> int:
    """`wakeproof check`: run, print, write the JSON, give the exit status."""
    model = chosen_model(options["model"])
    scenarios = [
        with_extra_versions(read_scenario(path), model) for path in chosen_scenarios(names)
    ]
    properties = model.properties
    for wanted in options["properties"]:
        if wanted not in properties:
            raise InputError(f"unknown property {wanted!r}", hint="one of " + ", ".join(properties))
    chosen = chosen_versions(options, model.versions)
    explorer = usable(options["explorer"])
    on, off = known_features(model, options["on"]), known_features(model, options["off"])
    jobs = []
    for job in make_jobs(scenarios, model, chosen, options, explorer):
        instance = Instance(job.scenario, dict(job.mix), model, job.build)
        if set(on) <= set(instance.features) and not set(off) & set(instance.features):
            jobs.append(job)
            if options["real"]:
                build_for(instance)
    if not jobs:
        raise InputError(
            "no scenario names any of these mixes and builds", hint="`wakeproof show SCENARIO`"
        )
    console = make_console()
    run = check_on_crates if options["real"] else run_job
    verdicts, finished = run_with_progress(console, jobs, options["properties"], run)
    order = {(j.scenario.name, j.name): i for i, j in enumerate(jobs)}
    verdicts.sort(key=lambda v: order[v.scenario, run_of(v)])
    print_results(console, scenarios, verdicts, model, options["quiet"])
    if options["json_file"]:
        write_json(options["json_file"], [to_json(v) for v in verdicts])
    if options["report_file"]:
        if options["every_build"]:
            page = builds_page(scenarios, verdicts)
        else:
            page = verdicts_page(scenarios, verdicts, properties, model.sites)
        write_file(options["report_file"], page)
    if not finished:
        console.print(f"interrupted: {len(verdicts)} verdicts of those asked for were reached")
        return Exit.UNKNOWN
    return exit_status(verdicts)


def build_for(instance: Instance) -> None:
    """Build the driver of the crates that a scenario needs, before many processes ask for it."""
    features = features_of(instance.run.parameters)
    if features is not None:
        build(features)


def make_jobs(
    scenarios: Sequence[Scenario],
    model: Model,
    chosen: Mapping[str, tuple[str, ...]],
    options: Mapping[str, Any],
    explorer: str,
) -> list[Job]:
    """One job for every scenario, every mix that it names and the options allow, every build."""
    jobs = []
    swarm = None if options["swarm"] is None else Swarm(options["swarm"], options["time"])
    features = model.features
    for scenario in scenarios:
        every = options["every_build"]
        builds = every_build(scenario, features) if every else scenario.builds()
        for mix, build_ in itertools.product(scenario.mixes(chosen), builds):
            jobs.append(
                Job(
                    scenario,
                    model,
                    tuple(mix.items()),
                    options["max_states"],
                    options["timeout"],
                    explorer=explorer,
                    memory=options["memory"],
                    symmetry=options["symmetry"],
                    checkpoint=options["checkpoint"],
                    resume=options["resume"],
                    swarm=swarm,
                    build=build_,
                )
            )
    return jobs


def run_with_progress(
    console: Console, jobs: Sequence[Job], only: Sequence[str], run: RunJob
) -> tuple[list[Verdict], bool]:
    """Run the jobs under a progress display (on a terminal); the verdicts, and whether all ran."""
    verdicts: list[Verdict] = []
    states = 0
    completed = 0
    with status_line(console, f"0 of {len(jobs)} runs") as say:

        def done(rows: list[Verdict]) -> None:
            nonlocal states, completed
            states += rows[0].states
            completed += 1
            verdicts.extend(r for r in rows if not only or r.property in only)
            say(f"{completed} of {len(jobs)} runs, {states:,} states")

        def under_way(found: Exploration) -> None:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            load = f", table {found.load:.0%} full" if found.load else ""
            say(
                f"{found.states:,} states, {found.rate:,.0f} a second, depth "
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
    """Tables and traces, scenario by scenario, then the count."""
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
        f"{len(verdicts)} verdicts in {runs} runs: "
        + ", ".join(f"{n} {k}" for k, n in counts.items())
        + (f"; [bold red]{wrong} not as expected[/bold red]" if wrong else "; all as expected")
    )
    for verdict in verdicts:
        if is_refuted(verdict):
            where = f"{verdict.scenario} {run_of(verdict)} {verdict.property}"
            console.print(f"[bold red]not reproduced on the released crates[/bold red]: {where}")
