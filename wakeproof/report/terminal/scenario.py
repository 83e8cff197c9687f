"""A scenario on the terminal: its head, or everything that it states."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wakeproof.scenario.file import Scenario
from wakeproof.util.text import plural


def print_scenario(console: Console, scenario: Scenario) -> None:
    """Print the head of a scenario: name, title, origin."""
    console.print()
    console.print(f"[bold]{escape(scenario.name)}[/bold]  {escape(scenario.title)}")
    if scenario.origin:
        console.print(f"  [dim]{escape(scenario.origin)}[/dim]")


def print_scenario_details(console: Console, scenario: Scenario) -> None:
    """Print everything that a scenario states."""
    print_scenario(console, scenario)
    if scenario.story:
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
    elif scenario.tasks:
        also = f", and {', '.join(scenario.also)}" if scenario.also else ""
        console.print(
            f"\n[bold]may happen[/bold]: what the host, the peers and destructors do{also}",
            soft_wrap=True,
        )
    else:
        without = f", except {', '.join(scenario.without)}" if scenario.without else ""
        console.print(
            f"\n[bold]may happen[/bold]: every action of the model{without}", soft_wrap=True
        )
    if scenario.steps:
        console.print(f"[bold]bound[/bold]: {plural(scenario.steps, 'step')}")
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
    otherwise = scenario.otherwise
    if scenario.is_question:
        console.print("  nothing else: a violation is news, and the status is 1")
    else:
        console.print(f"  otherwise: {otherwise.verdict}: {escape(otherwise.reason)}")
