"""A review on the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wakeproof.language.properties import Property
from wakeproof.report.review_text import (
    _does,
    behaviour_bound,
    cube_rows,
    groups,
    proof_lines,
    summary,
    where,
)
from wakeproof.report.terminal.counterexamples import print_counterexample
from wakeproof.report.terminal.verdicts import print_trace
from wakeproof.review.review import Review

STYLES = {"broken": "bold red", "unknown": "magenta", "fixed": "green"}


def print_review(
    console: Console, result: Review, properties: Mapping[str, Property], traces: bool
) -> None:
    """The review, part by part; `traces`: with the steps of every change."""
    _heading(console, "Layout")
    if not result.rules:
        console.print("  one of the two declares no structs")
    for rule in result.rules:
        word = "[green]kept[/green]" if rule.kept else "[bold red]broken[/bold red]"
        console.print(f"  {word}: {escape(rule.says)}", soft_wrap=True)
        console.print(f"     [dim]{escape(rule.found)}[/dim]", soft_wrap=True)
    _heading(console, "Verdicts")
    for shortest, rows in groups(result.changes):
        site = f" at {shortest.site}" if shortest.site else ""
        style = STYLES[shortest.word]
        console.print(
            f"  [{style}]{shortest.word}[/{style}] [bold]{shortest.property}[/bold]{escape(site)}",
            soft_wrap=True,
        )
        console.print(f"     [dim]{escape(where(rows))}[/dim]", soft_wrap=True)
        if traces and shortest.trace:
            mix = shortest.mix if shortest.word == "broken" else shortest.instead_of
            console.print(f"     {shortest.scenario}, {mix}:")
            print_trace(console, shortest.trace)
            means = properties[shortest.property].means
            console.print(f"     means: {escape(means)}", soft_wrap=True)
    if result.left_out:
        console.print(f"  not for {result.old}: {', '.join(result.left_out)}", soft_wrap=True)
    for place in result.impossible:
        console.print(f"  the script of {place} cannot be followed", soft_wrap=True)
    console.print(f"  {result.unchanged:,} verdicts unchanged")
    _heading(console, "Compatibility: the worst verdict of every mix, export/block_on/import")
    table = Table(show_header=False, show_edge=False, pad_edge=False)
    for cell, mixes in cube_rows(result.cube):
        table.add_row("  " + cell, mixes)
    console.print(table)
    _heading(console, f"Behaviour: what a host sees, over {behaviour_bound(result)}")
    for found in result.behaviour:
        console.print(f"  {found.scenario}, after {len(found.steps)} steps")
        if traces:
            print_trace(console, found.steps)
        console.print(f"     {result.old}: {escape(_does(found.old))}", soft_wrap=True)
        console.print(f"     {result.new}: {escape(_does(found.new))}", soft_wrap=True)
    if not result.behaviour:
        console.print("  the same up to these bounds")
    _heading(console, "Proofs")
    for line in proof_lines(result):
        console.print(f"  {escape(line)}", soft_wrap=True)
    if traces and result.proofs is not None:
        for lost in result.proofs.lost:
            print_counterexample(console, result.proofs.new.resolved, lost.goal, lost.answer)
    console.print()
    console.print(summary(result), soft_wrap=True)


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(f"[bold]{text}[/bold]", soft_wrap=True)
