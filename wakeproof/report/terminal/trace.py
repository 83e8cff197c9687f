"""A trace on the terminal: its steps with their calls, and what is wrong at its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from wakeproof.execution.trace import CallRow, StepRow, call_text
from wakeproof.execution.trace_text import AGAIN, argument_text
from wakeproof.export.remarks import matters, remarks
from wakeproof.language.properties import Property
from wakeproof.language.sites import Site
from wakeproof.report.terminal.console import print_hanging


def print_trace(
    console: Console, trace: Sequence[StepRow], first: int = 1, loop: int | None = None
) -> None:
    """Print the steps of a trace: actor, action, calls in order, changes.

    `first` is the number of the first step. The steps from number `loop` on, counted from 0, are
    repeated for ever.
    """
    for number, row in enumerate(trace, first):
        if number - first == loop:
            _print_again(console)
        _print_step(console, number, row, row["calls"])
        if row["changes"]:
            changes = "; ".join(f"{k}: {a} -> {b}" for k, (a, b) in row["changes"].items())
            print_hanging(console, Text(f"       changed: {changes}", style="dim"), 9)


def print_short_trace(console: Console, trace: Sequence[StepRow], loop: int | None = None) -> None:
    """Print the steps of a trace with the calls that matter, and with what follows from them.

    The steps from number `loop` on, counted from 0, are repeated for ever.
    """
    for number, (row, follows) in enumerate(zip(trace, remarks(trace), strict=True), 1):
        if number - 1 == loop:
            _print_again(console)
        _print_step(console, number, row, [c for c in row["calls"] if matters(c["name"])])
        for remark in follows:
            print_hanging(console, Text(f"       -> {remark}", style="yellow"), 10)


def _print_again(console: Console) -> None:
    console.print(f"     [bold]{AGAIN}[/bold]")


def _print_step(console: Console, number: int, row: StepRow, calls: Iterable[CallRow]) -> None:
    """Print a step with these of its calls."""
    arguments = ", ".join(argument_text(k, v) for k, v in row["arguments"].items())
    says = row.get("line") or row["says"]
    step = Text.from_markup(
        f"  {number:>2} [cyan]{row['actor']:<7}[/cyan] "
        f"[bold]{row['action']}[/bold]({escape(arguments)})"
        f"  [dim]{escape(says)}[/dim]"
    )
    print_hanging(console, step, 13)
    for call in calls:
        text = call_text(call, (argument_text(k, v) for k, v in call["arguments"].items()))
        begin = 7 + 2 * call["depth"]
        print_hanging(console, Text(" " * begin + text), begin + 2)


def print_end(
    console: Console, prop: Property, site: str, message: str, sites: Mapping[str, Site]
) -> None:
    """Print what broke, at which site of the real code, and what it means for the program."""
    if site and site in sites:
        entry = sites[site]
        where = ", ".join(filter(None, (entry.source, entry.lines())))
        _print_part(console, "broke", f"{entry.kind} in {entry.function}")
        print_hanging(console, Text(f"            {where}"), 14)
        print_hanging(console, Text(f"            must hold: {entry.condition}"), 14, whole=True)
    else:
        _print_part(console, "broke", message)
    _print_part(console, "means", prop.means, whole=True)


def _print_part(console: Console, name: str, text: str, whole: bool = False) -> None:
    """Print a part of the end of a trace, after its name."""
    line = Text.assemble("     ", (name, "bold"), f": {text}")
    print_hanging(console, line, 12, whole)
