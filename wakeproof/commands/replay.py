"""`wakeproof replay`: take saved traces again, in the model and on real implementations."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from wakeproof.check.carried import scenario_of
from wakeproof.check.replay import replay_one
from wakeproof.check.results_file import host_of, read_traces
from wakeproof.check.verdict import NOT_RELEASED
from wakeproof.commands.inputs import chosen_model, texts_of
from wakeproof.commands.options import ModelOptions
from wakeproof.commands.output import refuse_unwritable, status_line, write_part
from wakeproof.conform.guest.reproduce import Reproducer, Reproduction, steps_to_play
from wakeproof.errors import Exit, InputError
from wakeproof.language.properties import Property
from wakeproof.report.terminal.console import make_console
from wakeproof.scenario.instance import Instance, scenario_for
from wakeproof.scenario.mixes import Mix, build_of, run_name
from wakeproof.util.text import plural


@dataclass(frozen=True, kw_only=True)
class ReplayOptions(ModelOptions):
    """A results file, the scenario of its traces if not the one that they name, and where to play.

    `component` includes `real`.
    """

    trace: Path
    scenario: str | None = None
    real: bool = False
    component: bool = False
    report_file: Path | None = None

    def __post_init__(self) -> None:
        """Raise `InputError` for options that do not go together."""
        if self.report_file is not None and not self.component:
            raise InputError("--report needs --component", hint="add --component")


def replay_command(options: ReplayOptions) -> int:
    """Take the traces of a results file again, where the options say; return the exit status."""
    return replay_components(options) if options.component else replay_traces(options)


def replay_traces(options: ReplayOptions) -> int:
    """Take every trace in the model again and, with `real`, on the crates."""
    model = chosen_model(options)
    console = make_console()
    total = happened = refuted = unplayed = 0
    properties = model.properties
    for result in read_traces(options.trace):
        scenario = scenario_for(model, options.scenario or scenario_of(result))
        mix: Mix = dict(result["mix"])
        instance = Instance(scenario, mix, host_of(model, result), build_of(result))
        with contextlib.ExitStack() as stack:
            reproducer = None
            if options.real:
                reproducer = stack.enter_context(contextlib.closing(Reproducer(instance)))
            for violation in result["violations"]:
                total += 1
                failed = replay_one(instance, result["property"], violation)
                happened += not failed
                name = violation["site"] or result["property"] or "walk"
                where = f"{result['scenario']} {run_name(mix, instance.build)} {name}"
                style = "red" if failed else "green"
                verdict = f"[{style}]{escape(failed or 'still happens')}[/{style}]"
                console.print(f"{escape(where)}: {verdict}")
                if reproducer is not None and not failed:
                    prop = properties.get(result["property"])
                    found = on_the_crates(reproducer, instance, violation, prop)
                    refuted += found.refutes
                    unplayed += found.unplayed
                    shown = f"  on the released crates: {found}"
                    console.print(shown, markup=False, soft_wrap=True)
    console.print(f"still happening: {happened} of {plural(total, 'trace')}")
    if refuted:
        console.print(f"[red]not happening on the released crates: {refuted}[/red]")
    if happened < total or refuted:
        return Exit.NOT_AS_EXPECTED
    return Exit.UNKNOWN if unplayed else Exit.AS_EXPECTED


def replay_components(options: ReplayOptions) -> int:
    """Take every trace in the model, on the crates and as a component on Wasmtime."""
    from wakeproof.conform.component.replay import OnWasmtime
    from wakeproof.report.pages.conformance import ReplayedTraces, replay_section

    model = chosen_model(options)
    refuse_unwritable(options.report_file, inputs=[*texts_of(model), options.trace])
    console = make_console()
    properties = model.properties
    table = Table("trace", "model", "released crates", "Wasmtime", show_edge=False, pad_edge=False)
    amiss, unplayed, total, finished = 0, 0, 0, False
    traces = ReplayedTraces()
    rows = read_traces(options.trace)
    with contextlib.suppress(KeyboardInterrupt), status_line(console, "building") as show:
        for (name, mix, build, played), together in groupby(
            rows, lambda r: (scenario_of(r), r["mix"], build_of(r), host_of(model, r))
        ):
            scenario = scenario_for(model, options.scenario or name)
            instance = Instance(scenario, dict(mix), played, build)
            with contextlib.closing(Reproducer(instance)) as reproducer:
                real = OnWasmtime(instance)
                for row, violation in ((r, v) for r in together for v in r["violations"]):
                    total += 1
                    show(f"{plural(total, 'trace')} played")
                    what = violation["site"] or row["property"] or "walk"
                    where = escape(f"{scenario.name} {run_name(instance.mix, build)} {what}")
                    if failed := replay_one(instance, row["property"], violation):
                        amiss += 1
                        table.add_row(where, escape(failed), "", "")
                        continue
                    prop = properties.get(row["property"])
                    crates = on_the_crates(reproducer, instance, violation, prop)
                    steps = steps_to_play(violation, instance)
                    sight = real.play(steps, looped=violation.get("loop") is not None)
                    amiss += crates.refutes or sight.refutes
                    unplayed += crates.unplayed
                    table.add_row(where, "still happens", escape(str(crates)), escape(str(sight)))
                    if crates.word != NOT_RELEASED:
                        traces.add(row["property"], violation["site"], crates, sight)
        finished = True
    console.print(table)
    if options.report_file is not None and finished:
        command = f"wakeproof replay {options.trace.name} --component"
        write_part(options.report_file, replay_section(traces, command))
    console.print(f"happening as in the model: {total - amiss} of {plural(total, 'trace')}")
    if not finished:
        console.print("interrupted: what was played is above")
    if amiss:
        return Exit.NOT_AS_EXPECTED
    return Exit.AS_EXPECTED if finished and not unplayed else Exit.UNKNOWN


def on_the_crates(
    reproducer: Reproducer, instance: Instance, violation: Mapping[str, Any], prop: Property | None
) -> Reproduction:
    """Play the trace of a violation on the released crates."""
    return reproducer.attempt(steps_to_play(violation, instance), prop)
