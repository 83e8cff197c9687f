"""Rows of Markdown tables."""

from __future__ import annotations


def table_row(*cells: str) -> str:
    """Return one row of a Markdown table."""
    return "| " + " | ".join(cells) + " |"
