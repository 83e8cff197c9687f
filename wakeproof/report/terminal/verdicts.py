"""Verdicts on the terminal: a table over the mixes, and each violation with its shortest trace."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from wakeproof.check.grouping import builds_of, group_violations, places, realities
from wakeproof.check.verdict import Verdict, run_of
from wakeproof.errors import InputError
from wakeproof.execution.trace import StepRow
from wakeproof.export.issue import program_text
from wakeproof.export.rust.from_trace import program_of
from wakeproof.export.trace import rust_test_for
from wakeproof.language.model import Model
from wakeproof.language.properties import Property
from wakeproof.report.terminal.console import print_hanging
from wakeproof.report.terminal.trace import print_end, print_short_trace, print_trace
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.script import steps_of
from wakeproof.util.text import plural

COLOURS = {"holds": "green", "violated": "yellow", "unknown": "magenta"}


def print_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Print a table of properties and mixes; mixes with the same verdicts share a column."""
    mixes = {run_of(v): v for v in verdicts}
    by_mix: dict[str, dict[str, Verdict]] = {m: {} for m in mixes}
    for verdict in verdicts:
        by_mix[run_of(verdict)][verdict.property] = verdict
    names = list(dict.fromkeys(v.property for v in verdicts))
    columns: dict[tuple[str, ...], list[str]] = {}
    for mix, rows in by_mix.items():
        key = tuple(_cell(rows[n]).plain if n in rows else "" for n in names)
        columns.setdefault(key, []).append(mix)
    roles = "/".join(verdicts[0].mix)
    table = Table(show_edge=False, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column(f"property \\ {roles}", no_wrap=True)
    for group in columns.values():
        table.add_column("\n".join(group), no_wrap=True)
    firsts = [by_mix[group[0]] for group in columns.values()]
    for name in names:
        table.add_row(name, *(_cell(rows[name]) if name in rows else "" for rows in firsts))
    figures = [
        "\n".join(_figures(next(iter(by_mix[mix].values()))) for mix in group)
        for group in columns.values()
    ]
    table.add_section()
    table.add_row(
        "[dim]states, transitions, depth, seconds[/dim]", *(f"[dim]{f}[/dim]" for f in figures)
    )
    console.print(table)


def _cell(verdict: Verdict) -> Text:
    """Return a verdict in its colour; red if it is not as expected."""
    text = Text(verdict.verdict, style=COLOURS[verdict.verdict])
    if not verdict.as_expected:
        text = Text(f"{verdict.verdict}: expected {verdict.expected}", style="bold red")
        if verdict.verdict == verdict.expected:
            text = Text(f"{verdict.verdict} at other sites", style="bold red")
    return text


def _figures(verdict: Verdict) -> str:
    """Return states, transitions, depth and seconds of a run, and the limit that ended it."""
    limit = f" ({verdict.limit})" if verdict.limit else ""
    return (
        f"{verdict.states:,} {verdict.transitions:,} {verdict.depth} {verdict.seconds:.2f}{limit}"
    )


def print_violations(
    console: Console,
    scenario: Scenario,
    verdicts: Sequence[Verdict],
    model: Model,
    whole: bool = False,
) -> None:
    """Print each violation of a scenario once, with its shortest trace and its mixes.

    Before the steps is the program in Rust, where there is one. With `whole` a step has every call
    and all changes of the state, else the calls that matter and what follows from them.
    """
    builds = builds_of(verdicts)
    for (property_id, site), found in group_violations(verdicts).items():
        verdict, row = min(found, key=lambda f: len(f[1]["trace"]))
        also = f"; in {places((v for v, _ in found), builds)}" if len(found) > 1 else ""
        console.print()
        console.print(
            f"[bold yellow]{property_id}[/bold yellow]"
            + (f" at [bold]{escape(site)}[/bold]" if site else "")
            + f"  {run_of(verdict)}, {plural(len(row['trace']), 'step')}[dim]{also}[/dim]"
        )
        if verdict.as_expected:
            expected = Text(f"  expected: {verdict.reason}", style="dim")
        else:
            expected = Text(f"  expected: {verdict.expected}, {verdict.reason}", style="red")
        print_hanging(console, expected, 4)
        prop = model.properties[property_id]
        instance = Instance(scenario, verdict.mix, model, verdict.features)
        for line in rust_lines(instance, prop, row["trace"]):
            console.print(Text(f"     {line}".rstrip(), style="cyan"), soft_wrap=True)
        (print_trace if whole else print_short_trace)(console, row["trace"], loop=row.get("loop"))
        print_end(console, prop, site, row["message"], model.sites)
        for real, where in realities(found).items():
            console.print(f"     [bold]on the released crates[/bold]: {escape(real)}", end="")
            console.print(f"[dim]  {places(where, builds)}[/dim]", soft_wrap=True)


def rust_lines(instance: Instance, prop: Property, trace: Sequence[StepRow]) -> list[str]:
    """Return the program of a trace; nothing where nobody outside sees it, or it has no program."""
    if not prop.outcome and not prop.outside:
        return []
    try:
        steps = steps_of(trace, instance.resolved.program, instance.names)
        program = program_of(instance, steps, prop.id)
        return program_text(rust_test_for(instance, "trace", (), program)).splitlines()
    except InputError:
        return []
