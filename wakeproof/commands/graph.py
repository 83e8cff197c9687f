"""`wakeproof graph`: write the graph of the states of a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wakeproof.commands.inputs import chosen_model, one_build, one_mix, texts_of
from wakeproof.commands.options import BuildOptions, MixOptions, ModelOptions
from wakeproof.commands.output import refuse_unwritable, write_one
from wakeproof.errors import Exit
from wakeproof.scenario.instance import Instance, scenario_for
from wakeproof.scenario.mixes import run_name


@dataclass(frozen=True, kw_only=True)
class GraphOptions(ModelOptions, MixOptions, BuildOptions):
    """A scenario, the form of its graph, the fields by which states are merged (none: all)."""

    scenario: str
    form: str = "dot"
    by: tuple[str, ...] = ()
    output: Path | None = None
    max_states: int
    max_nodes: int


def graph_command(options: GraphOptions) -> int:
    """Write the graph of the states of a scenario in one mix and build; return the exit status."""
    from wakeproof.export.dot import dot, dot_svg
    from wakeproof.export.state_graph import Shown, state_graph

    model = chosen_model(options)
    scenario = scenario_for(model, options.scenario)
    mix, build = one_mix(scenario, options, model), one_build(options, model)
    instance = Instance(scenario, mix, model, build)
    refuse_unwritable(options.output, inputs=texts_of(model, [scenario]))
    graph = state_graph(instance, Shown(options.by, options.max_states, options.max_nodes))
    title = f"{scenario.name} {run_name(instance.mix, instance.build)}"
    text = dot(graph, title, options.by)
    write_one(dot_svg(text) if options.form == "svg" else text, options.output)
    return Exit.AS_EXPECTED
