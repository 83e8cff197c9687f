"""`wakeproof conform`: compare the model with real implementations."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wakeproof.check.carried import scenario_of
from wakeproof.check.results_file import host_of, read_results
from wakeproof.check.verdict import REPRODUCED
from wakeproof.commands.inputs import chosen_mixes, chosen_model, chosen_workers, texts_of
from wakeproof.commands.options import ClusterOptions, MixOptions, ModelOptions
from wakeproof.commands.output import (
    drawing_file,
    refuse_unwritable,
    status_line,
    write_file,
    write_json,
    write_part,
)
from wakeproof.commands.replay import on_the_crates
from wakeproof.conform.guest.reproduce import Reproducer
from wakeproof.crates.releases import released_versions
from wakeproof.errors import Exit
from wakeproof.language.model import Model
from wakeproof.report.terminal.console import make_console
from wakeproof.scenario.instance import Instance, scenario_for
from wakeproof.scenario.mixes import build_of, every_mix, run_name
from wakeproof.util.text import plural

if TYPE_CHECKING:
    from wakeproof.conform.guest.comparison import GuestConformance
    from wakeproof.conform.walking import Walker
    from wakeproof.report.conformance_text import Counterpart


@dataclass(frozen=True, kw_only=True)
class HostOptions(ModelOptions):
    """How many builtin calls to compare, with which seed, and the page whose section to write.

    `definitions` is the specification's `definitions.py`, which is executed.
    """

    calls: int
    seed: int
    definitions: Path | None = None
    report_file: Path | None = None


@dataclass(frozen=True, kw_only=True)
class SpecOptions(ModelOptions):
    """The specification's tests, and the files to write: results, and a section of a page."""

    paths: tuple[Path, ...]
    json_file: Path | None = None
    report_file: Path | None = None


@dataclass(frozen=True, kw_only=True)
class WalkOptions(ModelOptions, MixOptions, ClusterOptions):
    """How many random walks to compare, of how many steps, and the page whose section to write.

    `traces` is a results file whose traces are played too.
    """

    walks: int
    steps: int
    seed: int
    traces: Path | None = None
    report_file: Path | None = None

    def typed(self) -> list[str]:
        """Return the options on which the comparison depends, as they are typed."""
        typed = [f"--walks {self.walks}", f"--steps {self.steps}", f"--seed {self.seed}"]
        typed += [f"--traces {self.traces.name}"] if self.traces else []
        typed += MixOptions.typed(self)
        return typed + ([f"--model {self.model}"] if self.model else [])


def conform_host_command(options: HostOptions) -> int:
    """Compare the host layer with Wasmtime, print and write the result; return the exit status."""
    from wakeproof.conform.host.compare import HostConformance, compare_host
    from wakeproof.conform.host.definitions_side import Definitions
    from wakeproof.report.conformance_text import host_text
    from wakeproof.report.pages.conformance import host_drawing, host_section

    model = chosen_model(options)
    refuse_unwritable(options.report_file, inputs=texts_of(model))
    calls, seed = options.calls, options.seed
    definitions = Definitions(options.definitions) if options.definitions else None
    console = make_console()
    with status_line(console, f"0 of {plural(calls, 'call')}") as show:

        def under_way(result: HostConformance) -> None:
            show(
                f"{result.calls:,} of {plural(calls, 'call')}, {result.rate:,.0f} a second, "
                f"{plural(len(result.divergences), 'divergence')}"
            )

        result = compare_host(seed, calls, under_way, model, definitions)
    console.print(host_text(result), markup=False, soft_wrap=True)
    if options.report_file is not None:
        command = f"wakeproof conform host --calls {calls} --seed {seed}"
        command += f" --definitions {options.definitions.name}" if options.definitions else ""
        drawing = drawing_file(options.report_file, "host")
        name = drawing.name if drawing else ""
        write_part(options.report_file, host_section(result, command, name))
        if drawing is not None:
            write_file(drawing, host_drawing(result.builtins))
    if result.divergences:
        return Exit.NOT_AS_EXPECTED
    return Exit.AS_EXPECTED if result.calls >= calls else Exit.UNKNOWN


def conform_spec_command(options: SpecOptions) -> int:
    """Check the specification's tests, print and write the result; return the exit status."""
    from wakeproof.conform.spec.check import check_spec
    from wakeproof.report.conformance_text import spec_text
    from wakeproof.report.pages.conformance import spec_section

    model = chosen_model(options)
    refuse_unwritable(options.json_file, options.report_file)
    results = [check_spec(path, model) for path in options.paths]
    make_console().print(spec_text(results), markup=False, soft_wrap=True)
    if options.json_file is not None:
        write_json(options.json_file, [a.to_json() for r in results for a in r.assertions])
    if options.report_file is not None:
        command = " ".join(["wakeproof conform spec", *(p.resolve().name for p in options.paths)])
        write_part(options.report_file, spec_section(results, command))
    failed = any(result.failures for result in results)
    return Exit.NOT_AS_EXPECTED if failed else Exit.AS_EXPECTED


def play_traces(
    result: GuestConformance,
    results: Sequence[Mapping[str, Any]],
    model: Model,
) -> list[str]:
    """Play the traces of a results file on the crates.

    Returns a line for each that is refuted, or that cannot be played.
    """
    properties = model.properties
    rows = [row for row in results if row["violations"]]
    refuted = []
    for (name, mix, features, played), together in groupby(
        rows, lambda r: (scenario_of(r), r["mix"], build_of(r), host_of(model, r))
    ):
        instance = Instance(scenario_for(model, name), dict(mix), played, features)
        with contextlib.closing(Reproducer(instance)) as reproducer:
            for row, violation in ((r, v) for r in together for v in r["violations"]):
                prop = properties.get(row["property"])
                found = on_the_crates(reproducer, instance, violation, prop)
                if found.word == REPRODUCED and prop is not None and violation["site"]:
                    result.traces[prop.outcome, violation["site"]] += 1
                if found.refutes or found.unplayed:
                    refuted.append(
                        f"{instance.scenario.name} {run_name(instance.mix, features)}: {found}"
                    )
    return refuted


def conform_guest_command(options: WalkOptions) -> int:
    """Compare the runtime layers with the released crates; return the exit status."""
    from wakeproof.conform.guest.walks import GuestWalker
    from wakeproof.report.conformance_text import CRATES

    model = chosen_model(options)
    traces = read_results(options.traces) if options.traces else []
    result = conform_walks(options, GuestWalker)
    refuted = play_traces(result, traces, model)
    return print_walks(result, options, CRATES, refuted)


def conform_component_command(options: WalkOptions) -> int:
    """Compare the model with the crates as components on Wasmtime; return the exit status."""
    from wakeproof.conform.component.walks import ComponentWalker
    from wakeproof.report.conformance_text import COMPONENTS

    result = conform_walks(options, ComponentWalker)
    return print_walks(result, options, COMPONENTS)


def conform_walks(options: WalkOptions, kind: type[Walker]) -> GuestConformance:
    """Take the walks of the options with walkers of this kind, under a status line."""
    from wakeproof.conform.walking import WalkPlan, compare_by_walks

    model = chosen_model(options)
    refuse_unwritable(options.report_file, inputs=[*texts_of(model), options.traces])
    walks = options.walks
    mixes = every_mix(chosen_mixes(options, model), released_versions(model.sources))
    plan = WalkPlan(walks, options.seed, mixes, options.steps, model)
    with (
        chosen_workers(options, model.texts) as pool,
        status_line(make_console(), f"0 of {plural(walks, 'walk')}") as show,
    ):

        def under_way(result: GuestConformance) -> None:
            show(
                f"{result.walks:,} of {plural(walks, 'walk')}, {result.rate:,.0f} a second, "
                f"{plural(len(result.divergences), 'divergence')}"
            )

        return compare_by_walks(kind, plan, under_way, pool)


def print_walks(
    result: GuestConformance,
    options: WalkOptions,
    counterpart: Counterpart,
    refuted: Sequence[str] = (),
) -> int:
    """Print what was compared and write the section of the page; return the exit status."""
    from wakeproof.report.conformance_text import walks_text
    from wakeproof.report.pages.conformance import walks_drawing, walks_section

    model = chosen_model(options)
    console = make_console()
    console.print(walks_text(result, model, counterpart), markup=False, soft_wrap=True)
    if options.report_file and result.walks >= options.walks:
        command = " ".join([f"wakeproof conform {counterpart.command}", *options.typed()])
        drawing = drawing_file(options.report_file, counterpart.command)
        name = drawing.name if drawing else ""
        section = walks_section(result, model, command, counterpart, name)
        write_part(options.report_file, section)
        if drawing is not None:
            write_file(drawing, walks_drawing(result.calls, result.actions))
    for line in refuted:
        console.print(line, markup=False, soft_wrap=True)
    if result.divergences or refuted:
        return Exit.NOT_AS_EXPECTED
    return Exit.AS_EXPECTED if result.walks >= options.walks else Exit.UNKNOWN
