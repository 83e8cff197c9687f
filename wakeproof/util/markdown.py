"""Tables of Markdown."""

from __future__ import annotations


def table_row(*cells: str) -> str:
    """Return one row of a table; `|` inside a cell is escaped."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def table_head(*columns: str) -> list[str]:
    """Return the names of the columns and the line below them."""
    return [table_row(*columns), table_row(*["---"] * len(columns))]
