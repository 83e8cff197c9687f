"""`wakeproof conform`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wakeproof.check.results_file import read_results
from wakeproof.check.verdict import REPRODUCED
from wakeproof.commands.inputs import chosen_model, chosen_versions, find_scenario
from wakeproof.commands.output import status_line, write_part
from wakeproof.commands.replay import on_the_crates
from wakeproof.conform.guest.reproduce import Reproducer
from wakeproof.errors import Exit
from wakeproof.language.model import Model
from wakeproof.report.terminal.verdicts import make_console
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import build_of, run_name

if TYPE_CHECKING:
    from wakeproof.conform.guest.comparison import GuestConformance, Telling


def conform_host_command(calls: int, seed: int, page: Path | None, given: Path | None) -> int:
    """`wakeproof conform host`."""
    from wakeproof.conform.host import compare as conform_host
    from wakeproof.report.conformance_text import host_text
    from wakeproof.report.pages.conformance import host_section

    model = chosen_model(given)
    console = make_console()
    with status_line(console, f"0 of {calls:,} calls") as say:

        def under_way(result: conform_host.HostConformance) -> None:
            say(
                f"{result.calls:,} of {calls:,} calls, {result.rate:,.0f} a second, "
                f"{len(result.divergences)} divergences"
            )

        result = conform_host.conform(seed, calls, under_way, model)
    console.print(host_text(result), markup=False, soft_wrap=True)
    if page is not None:
        command = f"wakeproof conform host --calls {calls} --seed {seed}"
        write_part(page, host_section(result, command))
    if result.divergences:
        return Exit.NOT_AS_EXPECTED
    return Exit.AS_EXPECTED if result.calls >= calls else Exit.UNKNOWN


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
