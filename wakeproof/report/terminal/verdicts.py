"""What the terminal shows: tables of verdicts, traces, lists."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from wakeproof.check.grouping import (
    builds_of,
    group_violations,
    places,
    realities,
)
from wakeproof.check.verdict import Verdict, run_of
from wakeproof.execution.trace import StepRow, call_text
from wakeproof.language.properties import Property
from wakeproof.language.sites import Site
from wakeproof.language.version_diff import Difference
from wakeproof.language.version_diff import Text as ModelText
from wakeproof.scenario.file import Scenario

WIDTH = 120
# by what --color says: on a terminal without NO_COLOR, always, never
COLOUR_SYSTEMS: Mapping[bool | None, Literal["auto", "standard"] | None] = {
    None: "auto",
    True: "standard",
    False: None,
}
COLOURS = {"holds": "green", "violated": "yellow", "unknown": "magenta"}


def make_console() -> Console:
    """Make the console: as wide as the terminal, else `WIDTH`; with colours as --color says."""
    context = click.get_current_context(silent=True)
    color = None if context is None else context.color
    return Console(
        width=None if sys.stdout.isatty() else WIDTH,
        highlight=False,
        soft_wrap=False,
        color_system=COLOUR_SYSTEMS[color],
        no_color=None if color is None else not color,
    )


def recorded(show: Callable[[Console], None]) -> Console:
    """A console that has recorded what `show` prints, as wide as where there is no terminal."""
    console = Console(width=WIDTH, highlight=False, file=io.StringIO(), record=True)
    show(console)
    return console


def print_scenario(console: Console, scenario: Scenario) -> None:
    """Head of a scenario: name, title, origin."""
    console.print()
    console.print(f"[bold]{scenario.name}[/bold]  {escape(scenario.title)}")
    console.print(f"  [dim]{escape(scenario.origin)}[/dim]")


def print_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Properties against mixes; mixes with the same verdicts share a column."""
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
    text = Text(verdict.verdict, style=COLOURS[verdict.verdict])
    if not verdict.as_expected:
        text = Text(f"{verdict.verdict}: expected {verdict.expected}", style="bold red")
        if verdict.verdict == verdict.expected:
            text = Text(f"{verdict.verdict} at other sites", style="bold red")
    return text


def _figures(verdict: Verdict) -> str:
    limit = f" ({verdict.limit})" if verdict.limit else ""
    return (
        f"{verdict.states:,} {verdict.transitions:,} {verdict.depth} {verdict.seconds:.2f}{limit}"
    )


def print_violations(
    console: Console,
    verdicts: Sequence[Verdict],
    properties: Mapping[str, Property],
    sites: Mapping[str, Site],
) -> None:
    """Every distinct violation of a scenario once, by its shortest trace, with its mixes."""
    builds = builds_of(verdicts)
    for (property_id, site), found in group_violations(verdicts).items():
        verdict, row = min(found, key=lambda f: len(f[1]["trace"]))
        also = f"; in {places((v for v, _ in found), builds)}" if len(found) > 1 else ""
        console.print()
        console.print(
            f"[bold yellow]{property_id}[/bold yellow]"
            + (f" at [bold]{escape(site)}[/bold]" if site else "")
            + f"  {run_of(verdict)}, {len(row['trace'])} steps[dim]{also}[/dim]"
        )
        if not verdict.as_expected:
            console.print(f"  [red]expected: {verdict.expected}, {escape(verdict.reason)}[/red]")
        else:
            console.print(f"  [dim]expected: {escape(verdict.reason)}[/dim]")
        print_trace(console, row["trace"])
        print_end(console, properties[property_id], site, row["message"], sites)
        for real, where in realities(found).items():
            console.print(f"     [bold]on the released crates[/bold]: {escape(real)}", end="")
            console.print(f"[dim]  {places(where, builds)}[/dim]", soft_wrap=True)


def print_trace(console: Console, trace: Sequence[StepRow], first: int = 1) -> None:
    """The steps of a trace: actor, action, calls in order, what changed."""
    for number, row in enumerate(trace, first):
        arguments = ", ".join(_argument(k, v) for k, v in row["arguments"].items())
        console.print(
            f"  {number:>2} [cyan]{row['actor']:<7}[/cyan] "
            f"[bold]{row['action']}[/bold]({escape(arguments)})"
            f"  [dim]{escape(row['says'])}[/dim]"
        )
        for call in row["calls"]:
            text = call_text(call, (_argument(k, v) for k, v in call["arguments"].items()))
            console.print(Text(f"       {'  ' * call['depth']}{text}"))
        if row["changes"]:
            changes = "; ".join(f"{k}: {a} -> {b}" for k, (a, b) in row["changes"].items())
            console.print(Text(f"       changed: {changes}", style="dim"))


def _argument(name: str, value: str) -> str:
    """A value says what it is, except a truth value, which needs its name."""
    return f"{name}={value}" if value in ("true", "false") else value


def print_end(
    console: Console, prop: Property, site: str, message: str, sites: Mapping[str, Site]
) -> None:
    """What broke, at which site of the real code, and what that means for the program."""
    if site and site in sites:
        entry = sites[site]
        lines = ", ".join(f"line {line} at {release}" for release, line in entry.places)
        console.print(f"     [bold]broke[/bold]: {entry.kind} in {escape(entry.function)}")
        console.print(f"            {escape(entry.source)}{', ' + lines if lines else ''}")
        console.print(f"            must hold: {escape(entry.condition)}", soft_wrap=True)
    else:
        console.print(f"     [bold]broke[/bold]: {escape(message)}")
    console.print(f"     [bold]means[/bold]: {escape(prop.means)}", soft_wrap=True)


def print_scenario_details(console: Console, scenario: Scenario) -> None:
    """Everything that a scenario says."""
    print_scenario(console, scenario)
    console.print()
    console.print(escape(scenario.story), soft_wrap=True)
    table = Table(show_header=False, show_edge=False, pad_edge=False)
    for name, size in scenario.sizes.items():
        names = ", ".join(scenario.names.get(name, ()))
        table.add_row(f"[bold]{name}[/bold]", str(size), escape(names))
    console.print(table)
    for name, value in scenario.parameters.items():
        console.print(f"  {name} = {escape(str(value))}")
    if scenario.actions is not None:
        console.print(f"\n[bold]may happen[/bold]: {', '.join(scenario.actions)}", soft_wrap=True)
    else:
        without = f", except {', '.join(scenario.without)}" if scenario.without else ""
        console.print(
            f"\n[bold]may happen[/bold]: every action of the model{without}", soft_wrap=True
        )
    if scenario.steps:
        console.print(f"[bold]bound[/bold]: {scenario.steps} steps")
    if scenario.script is not None:
        console.print("\n[bold]script[/bold]:")
        for number, line in enumerate(scenario.script, 1):
            console.print(f"  {number:>2} {escape(line)}")
    console.print(
        "\n[bold]mixes[/bold]: "
        + "; ".join(f"{r}: {', '.join(v)}" for r, v in scenario.roles.items())
    )
    console.print("[bold]expected[/bold]:")
    for e in scenario.expectations:
        where = " ".join(f"{role}={','.join(v)}" for role, v in e.mixes.items()) or "every mix"
        console.print(f"  {e.property}: {e.verdict} ({where}): {escape(e.reason)}", soft_wrap=True)
        for site in e.sites or ():
            console.print(f"    at {escape(site)}")
    console.print(f"  otherwise: {scenario.otherwise.verdict}: {escape(scenario.otherwise.reason)}")


def print_differences(
    console: Console, old: str, new: str, differences: Sequence[Difference]
) -> None:
    """The texts of two versions side by side, where they differ."""
    for difference in differences:
        table = Table(show_edge=False, pad_edge=False, header_style="bold", expand=True)
        for version, text in ((old, difference.old), (new, difference.new)):
            table.add_column(_place(version, text), ratio=1, overflow="fold")
        table.add_row(*(Text(d.text if d else "") for d in (difference.old, difference.new)))
        console.print()
        console.print(table)
    console.print(f"\n{new} and {old} differ in {len(differences)} functions and classes of fields")


def _place(version: str, text: ModelText | None) -> str:
    """The head of a version's column."""
    if text is None:
        return f"{version} [dim]has none[/dim]"
    return f"{version} [dim]{escape(text.path.name)}:{text.line}[/dim]"
