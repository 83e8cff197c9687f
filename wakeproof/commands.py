"""What the commands do, behind the command line."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import re
import resource
import tempfile
from collections.abc import (
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from wakeproof import __version__
from wakeproof.bundled import SCENARIOS
from wakeproof.check.job import (
    Job,
    RunJob,
    run_job,
    run_jobs,
)
from wakeproof.check.replay import replay_one
from wakeproof.check.results_file import read_results, read_traces
from wakeproof.check.simulation import Walk, script_lines
from wakeproof.check.verdict import (
    NOT_RELEASED,
    REPRODUCED,
    Verdict,
    exit_status,
    is_refuted,
    run_of,
    to_json,
)
from wakeproof.conform.guest.check_on_crates import check_on_crates
from wakeproof.conform.guest.driver import build
from wakeproof.conform.guest.reproduce import Reproducer, Reproduction
from wakeproof.crates.releases import features_of
from wakeproof.errors import Exit, InputError
from wakeproof.explore.explorer import usable
from wakeproof.explore.native.swarm import Swarm
from wakeproof.explore.result import Exploration
from wakeproof.language.model import BUNDLED, Model
from wakeproof.language.properties import Property
from wakeproof.language.sites import mirrors
from wakeproof.language.version_diff import differences
from wakeproof.report.pages import builds as builds_page
from wakeproof.report.pages.verdicts import markdown
from wakeproof.report.terminal.verdicts import (
    make_console,
    print_differences,
    print_end,
    print_scenario,
    print_scenario_details,
    print_trace,
    print_verdicts,
    print_violations,
)
from wakeproof.scenario.features import every_build
from wakeproof.scenario.file import Scenario, read_scenario
from wakeproof.scenario.instance import Instance, with_extra_versions
from wakeproof.scenario.mixes import (
    Mix,
    build_name,
    build_of,
    run_name,
)
from wakeproof.scenario.script import parse_step, steps_of

if TYPE_CHECKING:
    from wakeproof.conform.guest.comparison import GuestConformance, Telling

ROLE_OPTIONS = {"export": "executor", "block_on": "block_on", "import": "import_"}


def chosen_model(given: Path | None) -> Model:
    """The model of a folder, or the bundled one; a folder without a model of its own holds
    versions that build on the bundled one."""
    if given is None:
        return BUNDLED
    if not given.is_dir():
        raise InputError("no such folder", where=str(given), hint="name a folder with a model")
    if (given / "properties.toml").exists():
        return Model(given)
    extra = tuple(sorted(given.glob("*.py")))
    if not extra:
        raise InputError(
            "neither a model (properties.toml) nor version files (*.py)", where=str(given)
        )
    return Model(BUNDLED.root, extra)


def find_scenario(name: str) -> Path:
    """A bundled scenario by name, or a file."""
    bundled = SCENARIOS / f"{name}.toml"
    if bundled.is_file():
        return bundled
    if Path(name).is_file():
        return Path(name)
    raise InputError(
        f"no scenario {name!r}",
        hint="`wakeproof list scenarios` names the bundled ones; name a file of your own by path",
    )


def chosen_scenarios(names: Sequence[str]) -> list[Path]:
    """The scenarios that are named, each once, or the bundled ones; two of one name are refused."""
    chosen: dict[str, Path] = {}
    for path in (find_scenario(name) for name in names):
        known = chosen.setdefault(path.stem, path)
        if known.resolve() != path.resolve():
            raise InputError(
                f"two scenarios are called {path.stem}", where=str(path), hint="rename one of them"
            )
    return list(chosen.values()) or bundled_scenarios()


def bundled_scenarios() -> list[Path]:
    """The bundled scenarios in order of name."""
    return sorted(SCENARIOS.glob("*.toml"))


def chosen_versions(options: Mapping[str, Any], known: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The versions that the options choose, by role; unknown ones are refused."""
    chosen = {role: tuple(options[option]) for role, option in ROLE_OPTIONS.items()}
    for versions in chosen.values():
        for version in versions:
            if version not in known:
                raise InputError(
                    f"unknown ABI version {version!r}", hint="one of " + ", ".join(known)
                )
    return chosen


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
            page = builds_page.markdown(scenarios, verdicts)
        else:
            page = markdown(scenarios, verdicts, properties, model.sites)
        write_file(options["report_file"], page)
    if not finished:
        console.print(f"interrupted: {len(verdicts)} verdicts of those asked for were reached")
        return Exit.UNKNOWN
    return exit_status(verdicts)


def known_features(model: Model, names: Sequence[str]) -> Sequence[str]:
    """The names of features; unknown ones are refused."""
    known = model.features
    for name in names:
        if name not in known:
            raise InputError(f"unknown feature {name!r}", hint="one of " + ", ".join(known))
    return names


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


@contextlib.contextmanager
def status_line(console: Console, text: str) -> Iterator[Callable[[str], None]]:
    """A line that tells how far a long command is, on a terminal only; gives what changes it."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(text)
        yield lambda description: bar.update(task, description=description)


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


def write_json(path: Path, results: Sequence[Mapping[str, Any]]) -> None:
    """Write the results file; raises `InputError` if it cannot be written."""
    document = {"tool": "wakeproof", "version": __version__, "results": list(results)}
    write_file(path, json.dumps(document, indent=1) + "\n")


def write_file(path: Path, text: str) -> None:
    """Write a file of results; raises `InputError` if it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"the results could not be written: {error.strerror}",
            where=str(path),
            hint="name another file; the verdicts above are complete",
        ) from None


def data_file(page: Path) -> Path:
    """The JSON file beside a Markdown page, which programs read: the same name with `.json`.

    Raises `InputError` if the page has that name itself.
    """
    file = page.with_suffix(".json")
    if file == page:
        raise InputError(
            "a page is Markdown, and its data is written beside it with the suffix .json",
            where=str(page),
            hint="name a page with the suffix .md",
        )
    return file


def write_page(page: Path, text: str, data: Mapping[str, Any]) -> None:
    """Write a Markdown page, and its data beside it; raises `InputError` if that cannot be."""
    file = data_file(page)
    write_file(page, text)
    write_file(file, json.dumps(data, indent=1) + "\n")


def refuse_unwritable_page(page: Path) -> None:
    """Raise `InputError` before long work if a page or its data cannot be written."""
    refuse_unwritable(page)
    refuse_unwritable(data_file(page))


def refuse_unwritable(*files: Path | None, folder: Path | None = None) -> None:
    """Raise `InputError` before long work if its results cannot be written; makes the folder."""
    for file in files:
        if file is not None:
            # a link that leads nowhere would be written where it leads
            place = file if file.exists() else file.resolve().parent
            if not os.access(place, os.W_OK) or place.is_dir() == (place == file):
                raise InputError(
                    "the results cannot be written here",
                    where=str(file),
                    hint="name a file in a folder that is there and may be written to",
                )
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # whoever may not write into it learns it now
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise InputError(
                f"nothing can be written into the folder: {error.strerror}",
                where=str(folder),
                hint="name a folder that may be written to",
            ) from None


def list_command(what: str, given: Path | None) -> None:
    """`wakeproof list`."""
    model = chosen_model(given)
    console = make_console()
    if what in ("all", "scenarios"):
        console.print("[bold]scenarios[/bold]")
        for path in bundled_scenarios():
            console.print(f"  {path.stem:<28} {read_scenario(path).title}")
    if what in ("all", "properties"):
        console.print("[bold]properties[/bold]")
        for prop in model.properties.values():
            console.print(f"  {prop.id:<28} {prop.says}")
    sources = model.sources
    if what in ("all", "versions"):
        console.print("[bold]versions[/bold]")
        for name, version in sorted(sources.versions.items()):
            base = f", builds on {version.base}" if version.base else ""
            console.print(f"  {name:<28} {version.facts.get('RELEASE', '')}{base}")
    if what in ("all", "actions"):
        console.print("[bold]actions[/bold]")
        newest = sorted(sources.versions)[-1]
        first = read_scenario(bundled_scenarios()[0])
        instance = Instance(first, dict.fromkeys(first.roles, newest), model)
        for function in instance.resolved.program.functions.values():
            if "action" in function.marks:
                usage = " ".join(f"<{n}: {t}>" for n, t in function.parameters)
                console.print(
                    f"  {function.marks['action']:<8} {function.name} {usage}", markup=False
                )
    if what in ("all", "sites"):
        console.print("[bold]sites[/bold]")
        places = mirrors(model.root)
        for site in model.sites.values():
            where = ", ".join(places.get(site.id, [])) or f"not mirrored: {site.unreachable}"
            console.print(f"  {site.kind:<11} {site.id}", markup=False)
            console.print(f"              {where}", markup=False, style="dim", soft_wrap=True)


def show_command(name: str, given: Path | None) -> None:
    """`wakeproof show`."""
    model = chosen_model(given)
    scenario = with_extra_versions(read_scenario(find_scenario(name)), model)
    for mix in scenario.mixes({})[:1]:
        Instance(scenario, mix, model)
    print_scenario_details(make_console(), scenario)


def show_difference(new: str, old: str, given: Path | None) -> None:
    """`wakeproof show --against`: the texts of two versions, side by side where they differ."""
    sources = chosen_model(given).sources
    print_differences(make_console(), old, new, differences(sources, old, new))


def simulate_command(name: str, options: Mapping[str, Any]) -> int:
    """`wakeproof simulate`: one walk, step by step."""
    model = chosen_model(options["model"])
    scenario = with_extra_versions(read_scenario(find_scenario(name)), model)
    chosen = chosen_versions(options, model.versions)
    mixes = scenario.mixes(chosen)
    if not mixes:
        raise InputError("the scenario names none of these mixes", hint=f"`wakeproof show {name}`")
    on = known_features(model, options["on"])
    build_ = tuple(on) if on or options["off"] else None
    instance = Instance(scenario, mixes[-1], model, build_)
    walk = Walk(instance, random.Random(options["seed"]))
    console = make_console()
    print_scenario(console, scenario)
    console.print(f"  {run_name(instance.mix, instance.build)}, seed {options['seed']}")
    if options["script"]:
        for line, where in script_lines(options["script"]):
            walk.take(parse_step(instance.scenario, instance.resolved.program, line, where), where)
            if walk.ended:
                break
    else:
        while not walk.ended and len(walk.rows) < options["steps"] and walk.possible():
            walk.take(walk.random.choice(walk.possible()), "")
    print_trace(console, walk.rows)
    print_walk_end(console, walk)
    if options["json_file"]:
        write_json(options["json_file"], [walk.result()])
    return Exit.AS_EXPECTED


def print_walk_end(console: Console, walk: Walk) -> None:
    """Say how the walk ended."""
    sites = walk.instance.model.sites
    for prop in walk.instance.model.properties.values():
        if walk.wrong is not None and prop.outcome == walk.wrong.kind:
            print_end(console, prop, walk.wrong.site, "", sites)
        if prop.id in walk.broken:
            console.print(f"     broken on the way: [bold]{prop.id}[/bold], {prop.says}")
    if not walk.ended:
        console.print(f"     {len(walk.rows)} steps; {len(walk.possible())} steps are possible now")


def replay_command(path: Path, named: str | None, real: bool, given: Path | None) -> int:
    """`wakeproof replay`: every trace of a results file, again; if `real`, on the crates too."""
    model = chosen_model(given)
    console = make_console()
    total = happened = refuted = 0
    properties = model.properties
    for result in read_traces(path):
        scenario = read_scenario(find_scenario(named or result["scenario"]))
        mix: Mix = dict(result["mix"])
        instance = Instance(scenario, mix, model, build_of(result))
        with contextlib.ExitStack() as stack:
            reproducer = None
            if real:
                reproducer = stack.enter_context(contextlib.closing(Reproducer(instance)))
            for violation in result["violations"]:
                total += 1
                said = replay_one(instance, result["property"], violation)
                happened += not said
                name = violation["site"] or result["property"] or "walk"
                verdict = "[green]still happens[/green]" if not said else f"[red]{said}[/red]"
                console.print(
                    f"{result['scenario']} {run_name(mix, instance.build)} {name}: {verdict}"
                )
                if reproducer is not None and not said:
                    prop = properties.get(result["property"])
                    found = on_the_crates(reproducer, instance, violation, prop)
                    refuted += found.refutes
                    shown = f"  on the released crates: {found}"
                    console.print(shown, markup=False, soft_wrap=True)
    console.print(f"{happened} of {total} traces still happen")
    if refuted:
        console.print(f"[red]{refuted} do not happen on the released crates[/red]")
    return Exit.AS_EXPECTED if happened == total and not refuted else Exit.NOT_AS_EXPECTED


def replay_components_command(
    path: Path, named: str | None, given: Path | None, report_file: Path | None
) -> int:
    """`wakeproof replay --component`: every trace in the model, on the crates and on Wasmtime."""
    from wakeproof.conform.component.replay import on_wasmtime
    from wakeproof.report.pages.conformance import Columns

    model = chosen_model(given)
    console = make_console()
    properties = model.properties
    table = Table("trace", "model", "released crates", "Wasmtime", show_edge=False, pad_edge=False)
    amiss, total, finished = 0, 0, False
    columns = Columns()
    rows = read_traces(path)
    with contextlib.suppress(KeyboardInterrupt), status_line(console, "building") as say:
        for (name, mix, build), together in groupby(
            rows, lambda r: (r["scenario"], r["mix"], build_of(r))
        ):
            scenario = read_scenario(find_scenario(named or name))
            instance = Instance(scenario, dict(mix), model, build)
            with contextlib.closing(Reproducer(instance)) as reproducer:
                real = on_wasmtime(instance)
                for row, violation in ((r, v) for r in together for v in r["violations"]):
                    total += 1
                    say(f"{total} traces played")
                    what = violation["site"] or row["property"] or "walk"
                    where = f"{name} {run_name(instance.mix, build)} {what}"
                    if said := replay_one(instance, row["property"], violation):
                        amiss += 1
                        table.add_row(where, escape(said), "", "")
                        continue
                    prop = properties.get(row["property"])
                    crates = on_the_crates(reproducer, instance, violation, prop)
                    steps = steps_of(violation["trace"], instance.resolved.program, instance.names)
                    sight = real.play(steps)
                    amiss += crates.refutes or sight.refutes
                    table.add_row(where, "still happens", escape(str(crates)), escape(str(sight)))
                    if crates.word != NOT_RELEASED:
                        site = violation["site"]
                        violated = f"`{row['property']}`" + (f" at `{site}`" if site else "")
                        columns.add(violated, crates, sight)
        finished = True
    console.print(table)
    if report_file is not None and finished:
        command = f"wakeproof replay {path.name} --component"
        write_part(report_file, columns.markdown(command))
    console.print(f"{total - amiss} of {total} traces happen as the model has them")
    if not finished:
        console.print("interrupted: what was played is above")
    if amiss:
        return Exit.NOT_AS_EXPECTED
    return Exit.AS_EXPECTED if finished else Exit.UNKNOWN


def on_the_crates(
    reproducer: Reproducer, instance: Instance, violation: Mapping[str, Any], prop: Property | None
) -> Reproduction:
    """Play the trace of a violation on the released crates."""
    return reproducer.play(
        steps_of(violation["trace"], instance.resolved.program, instance.names), prop
    )


def releases_command(paths: Sequence[Path], page: Path | None, given: Path | None) -> int:
    """`wakeproof releases`: every violation of results files on every release."""
    from wakeproof.conform import every_release as releases
    from wakeproof.crates import releases as guest
    from wakeproof.report.pages.releases import markdown

    model = chosen_model(given)
    if page is not None:
        refuse_unwritable_page(page)
    console = make_console()
    results = [row for path in paths for row in read_results(path)]
    violations, finished = releases.on_every_release(results, find_scenario, model)
    if not violations:
        raise InputError(
            "no mix of one released version has a violation in these results",
            where=", ".join(map(str, paths)),
            hint="give what `wakeproof check --json FILE` wrote of scenarios that are violated",
        )
    table = Table("violation", "features", *guest.releases(), show_edge=False, pad_edge=False)
    rows = releases.rows(violations)
    for row in rows:
        name = " at ".join(word for word in (row["property"], row["site"]) if word)
        table.add_row(name, "\n".join(map(build_name, row["builds"])), *row["releases"].values())
    console.print(table)
    if page is not None and finished:
        properties = model.properties
        newest = guest.released_versions(model.sources)[-1]
        text = markdown(violations, results, properties, model.sites, newest)
        write_page(page, text, {"violations": rows})
    if not finished:
        return Exit.UNKNOWN
    sources = model.sources
    refuted = [v for v in violations if v.refuted(sources)]
    for v in refuted:
        where = f"{v.scenario} {v.property} {v.site}".strip()
        what = f"{where}: the model has it, {', '.join(v.refuted(sources))} does something else"
        console.print(f"[red]{escape(what)}[/red]", soft_wrap=True)
    return Exit.NOT_AS_EXPECTED if refuted else Exit.AS_EXPECTED


def review_command(new: str, names: Sequence[str], options: Mapping[str, Any]) -> int:
    """`wakeproof review`: print, write the page and the JSON, give the exit status."""
    from wakeproof.report.pages import review as review_page
    from wakeproof.report.terminal.review import print_review
    from wakeproof.review.proofs import review_proofs
    from wakeproof.review.review import review, to_json

    model = chosen_model(options["model"])
    scenarios = [read_scenario(path) for path in chosen_scenarios(names)]
    if options["on"]:
        # the steps of a script are those of one build
        scenarios = [scenario for scenario in scenarios if scenario.script is None]
        if not scenarios:
            raise InputError("a script is reviewed in its own build", hint="leave --on out")
    console = make_console()
    with status_line(console, "reading the model") as say:

        def under_way(done: int, total: int) -> None:
            say(f"{done:,} of {total:,} runs")

        result = review(
            new,
            options["against"],
            scenarios,
            model,
            options["beside"],
            options["fresh"],
            options["max_pairs"],
            under_way,
            tuple(known_features(model, options["on"])) or None,
        )
        if options["proofs"] and result.finished:
            result.proofs = review_proofs(
                new,
                options["against"],
                model,
                options["fresh"],
                lambda left: say(f"proofs: {left} actions left"),
            )
            result.finished = result.proofs is not None
    properties = model.properties
    print_review(console, result, properties, not options["quiet"])
    if options["report_file"]:
        command = " ".join(["wakeproof review", new, *names, *review_options(options)])
        page = review_page.markdown(result, properties, model.sites, command)
        write_file(options["report_file"], page)
    if options["json_file"]:
        write_file(options["json_file"], json.dumps(to_json(result), indent=1) + "\n")
    if not result.finished:
        console.print("interrupted: what was reached is above, and will not be computed again")
    return result.status


def review_options(options: Mapping[str, Any]) -> list[str]:
    """The options of a review as they are typed."""
    typed = [f"--against {options['against']}"]
    typed += [f"--{name} {','.join(options[name])}" for name in ("beside", "on") if options[name]]
    typed += ["--proofs"] if options["proofs"] else []
    return typed + ([f"--model {options['model']}"] if options["model"] else [])


def conform_host_command(calls: int, seed: int, page: Path | None, given: Path | None) -> int:
    """`wakeproof conform host`."""
    from wakeproof.conform.host import compare as conform_host
    from wakeproof.report.pages.conformance import markdown, report

    model = chosen_model(given)
    console = make_console()
    with status_line(console, f"0 of {calls:,} calls") as say:

        def under_way(result: conform_host.HostConformance) -> None:
            say(
                f"{result.calls:,} of {calls:,} calls, {result.rate:,.0f} a second, "
                f"{len(result.divergences)} divergences"
            )

        result = conform_host.conform(seed, calls, under_way, model)
    text = report(result)
    console.print(text, markup=False, soft_wrap=True)
    if page is not None:
        command = f"wakeproof conform host --calls {calls} --seed {seed}"
        write_part(page, markdown(result, command))
    if result.divergences:
        return Exit.NOT_AS_EXPECTED
    return Exit.AS_EXPECTED if result.calls >= calls else Exit.UNKNOWN


def write_part(path: Path, text: str) -> None:
    """Write one part of a page, `## HEADING ...`; its other parts stay as they are."""
    try:
        page = path.read_text(encoding="utf-8") if path.exists() else "# Conformance\n"
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from None
    head, *parts = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    heading = text.splitlines()[0]
    parts = [p for p in parts if p.splitlines()[0] != heading] + [text]
    blocks = [head, *sorted(parts)]
    write_file(path, "\n".join(block.strip() + "\n" for block in blocks))


def play_traces(
    result: GuestConformance,
    results: Sequence[Mapping[str, Any]],
    model: Model,
) -> list[str]:
    """Play the traces of a results file on the crates; what they refute."""
    properties = model.properties
    rows = [row for row in results if row["violations"]]
    refuted = []
    for (name, mix, features), together in groupby(
        rows, lambda r: (r["scenario"], r["mix"], build_of(r))
    ):
        instance = Instance(read_scenario(find_scenario(name)), dict(mix), model, features)
        with contextlib.closing(Reproducer(instance)) as reproducer:
            for row, violation in ((r, v) for r in together for v in r["violations"]):
                prop = properties.get(row["property"])
                found = on_the_crates(reproducer, instance, violation, prop)
                if found.word == REPRODUCED and prop is not None and violation["site"]:
                    result.traces[prop.outcome, violation["site"]] += 1
                if found.refutes:
                    refuted.append(f"{name} {run_name(instance.mix, features)}: {found}")
    return refuted


def conform_options(options: Mapping[str, Any]) -> list[str]:
    """The options of a comparison by walks as they are typed."""
    typed = [f"--{name} {options[name]}" for name in ("walks", "steps", "seed")]
    typed += [f"--traces {options['traces'].name}"] if options.get("traces") else []
    for option, name in (("executor", "executor"), ("block-on", "block_on"), ("import", "import_")):
        typed += [f"--{option} {','.join(options[name])}"] if options[name] else []
    return typed + ([f"--model {options['model']}"] if options["model"] else [])


def conform_guest_command(options: Mapping[str, Any]) -> int:
    """`wakeproof conform guest`."""
    from wakeproof.conform.guest import walks as conform_guest
    from wakeproof.conform.guest.comparison import GUEST

    model = chosen_model(options["model"])
    traces = read_results(options["traces"]) if options["traces"] else []
    result = conform_walks(options, conform_guest.conform)
    refuted = play_traces(result, traces, model)
    return tell_walks(result, options, GUEST, refuted)


def conform_component_command(options: Mapping[str, Any]) -> int:
    """`wakeproof conform component`."""
    from wakeproof.conform.component.walks import TELLING, conform_components

    result = conform_walks(options, conform_components)
    return tell_walks(result, options, TELLING)


def conform_walks(
    options: Mapping[str, Any], conform: Callable[..., GuestConformance]
) -> GuestConformance:
    """Take the walks that the options ask for."""
    model = chosen_model(options["model"])
    walks, seed, steps = options["walks"], options["seed"], options["steps"]
    chosen = chosen_versions(options, model.versions)
    with status_line(make_console(), f"0 of {walks:,} walks") as say:

        def under_way(result: GuestConformance) -> None:
            say(
                f"{result.walks:,} of {walks:,} walks, {result.rate:,.0f} a second, "
                f"{len(result.divergences)} divergences"
            )

        return conform(walks, seed, chosen, steps, model, under_way)


def tell_walks(
    result: GuestConformance,
    options: Mapping[str, Any],
    told: Telling,
    refuted: Sequence[str] = (),
) -> int:
    """Say what was compared, and write it down; the exit status."""
    from wakeproof.conform.guest.walks import markdown, report

    model = chosen_model(options["model"])
    console = make_console()
    console.print(report(result, model, told), markup=False, soft_wrap=True)
    if options["report_file"] and result.walks >= options["walks"]:
        command = " ".join([f"wakeproof conform {told.command}", *conform_options(options)])
        write_part(options["report_file"], markdown(result, model, command, told))
    for line in refuted:
        console.print(line, markup=False, soft_wrap=True)
    if result.divergences or refuted:
        return Exit.NOT_AS_EXPECTED
    return Exit.AS_EXPECTED if result.walks >= options["walks"] else Exit.UNKNOWN


def export_trace_command(path: Path, form: str, options: Mapping[str, Any]) -> int:
    """`wakeproof export TRACE --to rust-test|rust-crate|issue`."""
    from wakeproof.export.trace import choose, files_of, violated
    from wakeproof.findings.runs import write_pages

    model = chosen_model(options["model"])
    result, violation = choose(read_results(path), options, path)
    scenario = read_scenario(find_scenario(result["scenario"]))
    instance = Instance(scenario, dict(result["mix"]), model, build_of(result))
    found = violated(result, violation, instance, replay_one)
    files = files_of(found, form)
    output: Path | None = options["output"]
    if form == "issue":
        if output is None:
            print(files[""], end="")
        else:
            write_file(output, files[""])
        return Exit.AS_EXPECTED
    folder = output or Path(found.test.name)
    write_pages(folder, files, write_file)
    console = make_console()
    console.print(f"{folder}: {', '.join(files)}", markup=False, soft_wrap=True)
    return Exit.AS_EXPECTED


def export_model_command(name: str, form: str, options: Mapping[str, Any]) -> int:
    """`wakeproof export SCENARIO --to promela|tla|smtlib`."""
    from wakeproof.export.scenario import files_of, mix_of

    model = chosen_model(options["model"])
    scenario = with_extra_versions(read_scenario(find_scenario(name)), model)
    if options["site"] is not None and form != "smtlib":
        raise InputError(f"--site says nothing to {form}", hint="a model has all its sites")
    mix = mix_of(scenario, options["mix"], model.versions)
    instance = Instance(scenario, mix, model)
    files = files_of(instance, form, options)
    output: Path | None = options["output"]
    if output is None and len(files) == 1:
        print(next(iter(files.values())), end="")
        return Exit.AS_EXPECTED
    console = make_console()
    for file, text in files.items():
        path = output if output is not None and len(files) == 1 else (output or Path()) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, text)
        console.print(f"{path}", markup=False, soft_wrap=True)
    return Exit.AS_EXPECTED


def findings_command(names: Sequence[str], options: Mapping[str, Any]) -> int:
    """`wakeproof findings`: build and run the tests, write the pages, say what is not as told."""
    from wakeproof.findings import runs as findings_pages
    from wakeproof.findings.registry import load_findings
    from wakeproof.report.pages.findings import overview, pages

    findings, cures = load_findings()
    known = [finding.name for finding in findings]
    for name in names:
        if name not in known:
            raise InputError(f"no finding {name!r}", hint="one of " + ", ".join(known))
    console = make_console()
    chosen = [f for f in findings if not names or f.name in names]
    if options["components"]:
        from wakeproof.crates.wasm_target import build_flags
        from wakeproof.crates.wasmtime import load_wasmtime

        # said before anything is built
        load_wasmtime()
        build_flags()
    output: Path | None = options["output"]
    with status_line(console, "finding the traces") as say:
        made = [findings_pages.make(finding, cures) for finding in chosen]
        say("building the tests")

        def under_way(done: int, total: int) -> None:
            say(f"{done:,} of {total:,} runs")

        results = findings_pages.run_findings(made, output is not None, under_way)
        components = findings_pages.load_components(output)
        if options["components"]:
            say("building the components")
            components |= findings_pages.run_on_wasmtime(made, under_way)
    said = []
    for one in made:
        ran = results[one.finding.name]
        said += findings_pages.wrong(one, ran)
        for row in ran:
            where = f"{row.run.release} {row.run.cure.name}" if row.run.cure else row.run.release
            line = f"{one.finding.name} {where}: {row.line}"
            console.print(line, markup=False, soft_wrap=True)
        seen = components.get(one.finding.name, {})
        if options["components"]:
            said += findings_pages.wrong_on_wasmtime(one, seen)
        for where, what in seen.items() if options["components"] else ():
            line = f"{one.finding.name} {where}, on Wasmtime: {what}"
            console.print(line, markup=False, soft_wrap=True)
        if output is not None:
            files = pages(one, ran, seen)
            findings_pages.write_pages(output / one.finding.name, files, write_file)
    if output is not None and options["components"]:
        text = json.dumps(components, indent=1, sort_keys=True) + "\n"
        write_file(output / findings_pages.COMPONENTS, text)
    if output is not None and not names:
        write_file(output / "README.md", overview(made, results, components))
    if options["traces"]:
        said += run_all_traces(
            console, options["traces"], options["one_mix"], options["components"]
        )
    for line in said:
        console.print(f"not as told: {line}", markup=False, soft_wrap=True)
    return Exit.NOT_AS_EXPECTED if said else Exit.AS_EXPECTED


def run_all_traces(console: Console, path: Path, one_mix: bool, components: bool) -> list[str]:
    """Every visible violation of a results file as a program, and as a test on Wasmtime; those that
    do not show it.
    """
    from wakeproof.findings import runs as findings_pages

    def bound_of(result: Mapping[str, Any]) -> Instance:
        scenario = read_scenario(find_scenario(result["scenario"]))
        return Instance(scenario, dict(result["mix"]), BUNDLED, build_of(result))

    with status_line(console, "writing the programs") as say:
        runs, refused = findings_pages.programs_of(read_results(path), bound_of, one_mix)
        ran = findings_pages.run_programs(runs, lambda n, all_: say(f"{n:,} of {all_:,} programs"))
    said = [f"{name}: {row.line}" for name, row in zip(runs, ran, strict=True) if not row.failed]
    shown = len(ran) - len(said)
    console.print(f"{shown} of {len(ran)} traces show what they say on the release of their mix")
    if components:
        from wakeproof.findings.run_components import run_components

        tests, no_tests = findings_pages.suited(runs)
        refused += no_tests
        with status_line(console, "building the components"):
            seen = dict(zip(tests, run_components(tests.values()), strict=True))
        passed = [name for name, row in seen.items() if row.seen == findings_pages.RETURNS]
        shown = len(seen) - len(passed)
        console.print(f"{shown} of {len(seen)} tests of the suite fail on Wasmtime as they should")
        said += [f"{name}: the test passes on Wasmtime" for name in passed]
    for line in refused:
        console.print(f"cannot be written: {line}", markup=False, soft_wrap=True)
    return said
