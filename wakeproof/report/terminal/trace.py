"""A trace on the terminal: its steps with their calls, and what is wrong at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from wakeproof.execution.trace import StepRow, call_text
from wakeproof.language.properties import Property
from wakeproof.language.sites import Site


def print_trace(console: Console, trace: Sequence[StepRow], first: int = 1) -> None:
    """Print the steps of a trace: actor, action, calls in order, changes.

    `first` is the number of the first step.
    """
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
    """Return a value as an argument; only a truth value needs the name of the parameter."""
    return f"{name}={value}" if value in ("true", "false") else value


def print_end(
    console: Console, prop: Property, site: str, message: str, sites: Mapping[str, Site]
) -> None:
    """Print what broke, at which site of the real code, and what it means for the program."""
    if site and site in sites:
        entry = sites[site]
        lines = ", ".join(f"line {line} at {release}" for release, line in entry.places)
        console.print(f"     [bold]broke[/bold]: {entry.kind} in {escape(entry.function)}")
        console.print(f"            {escape(entry.source)}{', ' + lines if lines else ''}")
        console.print(f"            must hold: {escape(entry.condition)}", soft_wrap=True)
    else:
        console.print(f"     [bold]broke[/bold]: {escape(message)}")
    console.print(f"     [bold]means[/bold]: {escape(prop.means)}", soft_wrap=True)
