"""`wakeproof simulate`: take one walk, at random or by a script."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from wakeproof.check.carried import carried
from wakeproof.check.simulation import Walk, script_lines
from wakeproof.commands.inputs import chosen_model, one_build, one_mix, texts_of
from wakeproof.commands.options import BuildOptions, MixOptions, ModelOptions
from wakeproof.commands.output import refuse_unwritable, write_json
from wakeproof.errors import Exit, InputError
from wakeproof.report.terminal.console import make_console
from wakeproof.report.terminal.scenario import print_scenario
from wakeproof.report.terminal.trace import print_end, print_trace
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.instance import Instance, scenario_for
from wakeproof.scenario.mixes import run_name
from wakeproof.util.text import plural


@dataclass(frozen=True, kw_only=True)
class SimulateOptions(ModelOptions, MixOptions, BuildOptions):
    """A scenario, and one walk through it: by `script`, by its own script, or at random.

    A random walk has `steps` steps at most.
    """

    scenario: str
    seed: int
    steps: int
    script: Path | None = None
    json_file: Path | None = None


def simulate_command(options: SimulateOptions) -> int:
    """Take one walk and print it step by step; return the exit status."""
    model = chosen_model(options)
    scenario = scenario_for(model, options.scenario)
    mix = one_mix(scenario, options, model)
    instance = Instance(scenario, mix, model, one_build(options, model))
    refuse_unwritable(options.json_file, inputs=[*texts_of(model, [scenario]), options.script])
    script = script_lines(options.script) if options.script else own_script(scenario)
    walk = Walk(instance, random.Random(options.seed))
    console = make_console()
    print_scenario(console, scenario)
    way = "by its script" if script else f"seed {options.seed}"
    console.print(f"  {run_name(instance.mix, instance.build)}, {way}")
    refused = None
    try:
        if script:
            walk.follow(script)
        else:
            walk.wander(options.steps)
    except InputError as error:
        refused = error
    print_trace(console, walk.rows)
    if refused is not None:
        raise refused
    print_walk_end(console, walk)
    if options.json_file:
        write_json(options.json_file, [walk.result()], carried([scenario]))
    return Exit.NOT_AS_EXPECTED if walk.is_violation else Exit.AS_EXPECTED


def own_script(scenario: Scenario) -> list[tuple[str, str]]:
    """Return the lines of a scenario's script, each with its place; none without one."""
    return [(line, scenario.line_of(line)) for line in scenario.script or ()]


def print_walk_end(console: Console, walk: Walk) -> None:
    """Print how the walk ended."""
    sites = walk.instance.model.sites
    for prop in walk.instance.model.properties.values():
        if walk.wrong is not None and prop.outcome == walk.wrong.kind:
            print_end(console, prop, walk.wrong.site, "", sites)
        if prop.id in walk.broken:
            console.print(f"     broken on the way: [bold]{prop.id}[/bold], {escape(prop.says)}")
    if not walk.ended:
        taken, possible = plural(len(walk.rows), "step"), plural(len(walk.possible()), "step")
        console.print(f"     {taken}; possible now: {possible}")
