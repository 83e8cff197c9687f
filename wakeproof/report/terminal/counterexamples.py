"""Counterexamples to induction, walks and shortest violations on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from wakeproof.execution.trace import Tracer
from wakeproof.execution.trace_text import for_ever
from wakeproof.language.analysis import called, fields_read
from wakeproof.language.model import Model
from wakeproof.language.resolve import Resolved
from wakeproof.language.values import Run, default
from wakeproof.prove.conclusions import Conclusion
from wakeproof.prove.infer.random_walks import Walk
from wakeproof.prove.obligation import (
    INITIAL,
    Answer,
    Counterexample,
    facts_of,
)
from wakeproof.prove.shortest_violation import shortest, target_of
from wakeproof.report.terminal.trace import print_trace
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import Mix, mix_name
from wakeproof.symbolic import bmc
from wakeproof.util.text import plural


def print_counterexample(console: Console, resolved: Resolved, goal: str, answer: Answer) -> None:
    """Print a state in which all facts hold, and the step from it that breaks `goal`.

    For a goal that does not hold at the beginning the step is that to the initial state.
    """
    found = answer.counterexample
    program = resolved.program
    facts = facts_of(program)
    at_first = answer.action == INITIAL
    if goal in facts:
        verdict = "does not hold at the beginning" if at_first else "is not inductive"
    else:
        verdict = "happens at the beginning" if at_first else "is not excluded"
    console.print(f"\n[bold magenta]{escape(goal)}[/bold magenta] {verdict}")
    if found is None:
        console.print(f"  {answer.action}: {answer.status}, {escape(answer.reason)}")
        return
    tracer = _tracer(resolved, found.sizes, found.parameters)
    # the fields that the goal reads come first
    relevant = fields_read(called(program, [facts[goal].name]), "s") if goal in facts else set()
    lead = "in a state with"
    for first in (True, False):
        cells = [
            f"{tracer.cell(name, keys, declared)}={tracer.show(value, declared.value)}"
            for (name, keys, declared), value in zip(tracer.layout, found.before, strict=True)
            if (name in relevant) == first and value != default(declared.value)
        ]
        if cells:
            console.print(Text(f"  {lead} {'  '.join(cells)}"))
            lead = "and with"
    _print_parameters(console, tracer, found.parameters)
    row, _, _ = tracer.step(found.before, found.step)
    print_trace(console, [row])
    if goal in facts:
        sentence = facts[goal].marks.get("lemma", "") or facts[goal].doc.split("\n")[0]
        if sentence:
            console.print(f"     [bold]breaks[/bold]: {escape(sentence)}")


def print_walk(console: Console, resolved: Resolved, sizes: Mapping[str, int], walk: Walk) -> None:
    """Print the steps of a walk, after those of its parameters that are not the defaults."""
    tracer = _tracer(resolved, sizes, walk.parameters)
    _print_parameters(console, tracer, walk.parameters)
    rows, _ = tracer.trace(walk.steps)
    print_trace(console, rows)


def describe_counterexample(resolved: Resolved, found: Counterexample) -> dict[str, Any]:
    """Return a counterexample as JSON: parameters and cells that are not the defaults, the step.

    The step has the keys of a row of a trace in the results of `check`.
    """
    tracer = _tracer(resolved, found.sizes, found.parameters)
    before = zip(tracer.layout, found.before, strict=True)
    row, _, _ = tracer.step(found.before, found.step)
    return {
        "parameters": _given(tracer, found.parameters),
        "before": {
            tracer.cell(name, keys, declared): tracer.show(value, declared.value)
            for (name, keys, declared), value in before
            if value != default(declared.value)
        },
        "step": row,
    }


def _print_parameters(console: Console, tracer: Tracer, parameters: Mapping[str, object]) -> None:
    """Print the parameters that are not the defaults."""
    if given := _given(tracer, parameters):
        cells = "  ".join(f"{cell}={value}" for cell, value in given.items())
        console.print(Text(f"  in a run with {cells}"))


def _given(tracer: Tracer, parameters: Mapping[str, object]) -> dict[str, str]:
    """Return the parameters that are not the defaults, by cell."""
    given = {}
    for name, declared in tracer.program.parameters.items():
        values = parameters[name]
        cells = values if isinstance(values, list) else [values]
        for number, value in enumerate(cells):
            if value != default(declared.value):
                keys = (number,) if declared.keys else ()
                given[tracer.cell(name, keys, declared)] = tracer.show(value, declared.value)
    return given


def _tracer(
    resolved: Resolved, sizes: Mapping[str, int], parameters: Mapping[str, object]
) -> Tracer:
    """Return a tracer that names members by their type and number."""
    names = {i: tuple(f"{i.lower()}{n + 1}" for n in range(k)) for i, k in sizes.items()}
    return Tracer(resolved, Run(sizes, parameters), names)


def print_shortest(
    console: Console,
    conclusions: Iterable[Conclusion],
    mix: Mix,
    model: Model,
    scenarios: Iterable[Scenario],
    show: Callable[[str], None],
) -> None:
    """Print a shortest way to each goal that is violated in a mix; `show` sets the status line."""
    by_name = {scenario.name: scenario for scenario in scenarios}
    for conclusion in conclusions:
        for goal, trace in conclusion.violated.items():
            show(f"{goal}: a shortest violation, by bounded model checking")
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
                print_trace(console, rows, loop=found.loop)


def _words(found: bmc.Found | bmc.Unknown) -> str:
    """Say whether the trace is the shortest."""
    if isinstance(found, bmc.Found):
        steps = plural(found.depth, "step")
        repeated = "" if found.loop is None else for_ever(found.loop, found.depth)
        return f"bounded model checking finds one of {steps}, and none that is shorter{repeated}"
    return f"whether it is the shortest is unknown: {found.reason}"
