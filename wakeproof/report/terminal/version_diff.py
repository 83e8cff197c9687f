"""The difference between two versions on the terminal: their texts, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from wakeproof.language.version_diff import Difference
from wakeproof.language.version_diff import Text as ModelText
from wakeproof.util.text import plural


def print_differences(
    console: Console, old: str, new: str, differences: Sequence[Difference]
) -> None:
    """Print the texts of two versions side by side, where they differ."""
    for difference in differences:
        table = Table(show_edge=False, pad_edge=False, header_style="bold", expand=True)
        for version, text in ((old, difference.old), (new, difference.new)):
            table.add_column(_place(version, text), ratio=1, overflow="fold")
        table.add_row(*(Text(d.text if d else "") for d in (difference.old, difference.new)))
        console.print()
        console.print(table)
    console.print(f"\n{new} and {old} differ in {plural(len(differences), 'definition')}")


def _place(version: str, text: ModelText | None) -> str:
    """Return the head of a version's column."""
    if text is None:
        return f"{version} [dim]has none[/dim]"
    return f"{version} [dim]{escape(text.path.name)}:{text.line}[/dim]"
