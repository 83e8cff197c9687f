"""What a scenario did not put to the test, on the terminal: a table with numbers of runs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from wakeproof.check.coverage import untested
from wakeproof.check.verdict import Verdict
from wakeproof.scenario.file import Scenario
from wakeproof.util.text import plural

NUMBERS = 10
"""Columns of `27 of 27`."""


def print_coverage(console: Console, scenario: Scenario, verdicts: Sequence[Verdict]) -> None:
    """Print the actions, sites and properties that a scenario does not put to the test everywhere.

    Each has the number of runs that do not, of those that might: where both are equal, none does.
    """
    found = untested(verdicts)
    console.print()
    if not found.runs:
        console.print("  coverage is not known: a limit ended each run")
        return
    rows = [
        (f"action {name}", count, found.runs, scenario.never.get(name, ""))
        for name, count in found.actions.items()
    ]
    for kind, counts in (("site", found.sites), ("property", found.properties)):
        rows += [(f"{kind} {name}", *numbers, "") for name, numbers in counts.items()]
    if not rows:
        console.print(f"  everything is put to the test in each of {plural(found.runs, 'run')}")
        return
    width = max(len(name) for name, *_ in rows)
    console.print("  not put to the test, with the number of runs:")
    for name, missing, every, reason in rows:
        style = "yellow" if missing == every else "dim"
        line = f"  {name:<{width}}  {f'{missing} of {every}':>{NUMBERS}}  {reason}"
        console.print(Text(line.rstrip(), style=style), soft_wrap=True)
