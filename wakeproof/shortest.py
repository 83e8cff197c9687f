"""The shortest violation of what does not hold, found once more by bounded model checking.

Where the explorer has a trace of a bundled scenario, the solver looks for one in the same scenario
that is as short or shorter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.console import Console

from wakeproof import bmc
from wakeproof.language.model import Model
from wakeproof.proof_verdicts import Conclusion, Trace
from wakeproof.report.terminal.verdicts import print_trace
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import Mix, mix_name

SECONDS = 120.0
"""The limit of one search."""


def print_shortest(
    console: Console,
    conclusions: Iterable[Conclusion],
    mix: Mix,
    model: Model,
    scenarios: Iterable[Scenario],
    say: Callable[[str], None],
) -> None:
    """Print a shortest way to each goal that is violated in this mix."""
    by_name = {scenario.name: scenario for scenario in scenarios}
    for conclusion in conclusions:
        for goal, trace in conclusion.violated.items():
            say(f"{goal}: a shortest violation, by bounded model checking")
            instance = Instance(by_name[trace.scenario], mix, model)
            found = shortest(instance, target_of(conclusion, goal), trace)
            console.print(
                f"\n[bold yellow]{goal}[/bold yellow] is violated in {mix_name(mix)}: {trace}; "
                f"{_words(found)}",
                highlight=False,
                soft_wrap=True,
            )
            if isinstance(found, bmc.Found):
                rows, _ = instance.tracer().trace(found.steps)
                print_trace(console, rows)


def target_of(conclusion: Conclusion, goal: str) -> bmc.Target:
    """The id of an invariant, or the (kind, site) of a way to go wrong."""
    outcome = conclusion.property.outcome
    return (outcome, goal.removeprefix(f"{outcome} ")) if outcome else goal


def shortest(instance: Instance, target: bmc.Target, trace: Trace) -> bmc.Found | bmc.Unknown:
    """A shortest violation that is no longer than the trace; of a script the trace is all there is.

    Raises `bmc.ReplayError` if there is none: the trace is one.
    """
    if instance.script:
        return bmc.Unknown("the scenario follows a script", 0)
    found = bmc.check(
        instance.resolved, instance.run, target, trace.steps, instance.actions, SECONDS
    )
    if isinstance(found, bmc.NotFound):
        raise bmc.ReplayError(f"{target} takes no {trace.steps} steps in {trace.scenario}")
    return found


def _words(found: bmc.Found | bmc.Unknown) -> str:
    if isinstance(found, bmc.Found):
        return f"bounded model checking finds one of {found.depth} steps, and none that is shorter"
    return f"whether it is the shortest is unknown: {found.reason}"


__all__ = ["print_shortest", "shortest", "target_of"]
