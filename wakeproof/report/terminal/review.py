"""A review on the terminal, part by part."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wakeproof.language.properties import Property
from wakeproof.report.review_text import (
    calls_text,
    compatibility_rows,
    extent_of_lockstep,
    grouped,
    mixes_with_scenarios,
    proof_lines,
    summary,
)
from wakeproof.report.terminal.counterexamples import print_counterexample
from wakeproof.report.terminal.trace import print_trace
from wakeproof.review.review import Change, Review
from wakeproof.util.text import plural

STYLES = {"broken": "bold red", "unknown": "magenta", "fixed": "green"}


def print_review(
    console: Console, result: Review, properties: Mapping[str, Property], traces: bool
) -> None:
    """Print a review; `traces`: with the steps of every change."""
    if not result.hosts:
        _print_layout(console, result)
    print_verdict_changes(console, result, properties, traces)
    _print_compatibility(console, result)
    if not result.hosts:
        _print_behaviour(console, result, traces)
        _print_proofs(console, result, traces)
    console.print()
    console.print(summary(result), soft_wrap=True)


def _print_layout(console: Console, result: Review) -> None:
    _print_heading(console, "Layout")
    if not result.rules:
        console.print("  one of the two declares no structs")
    for rule in result.rules:
        word = "[green]kept[/green]" if rule.kept else "[bold red]broken[/bold red]"
        console.print(f"  {word}: {escape(rule.says)}", soft_wrap=True)
        console.print(f"     [dim]{escape(rule.found)}[/dim]", soft_wrap=True)


def print_verdict_changes(
    console: Console, result: Review, properties: Mapping[str, Property], traces: bool
) -> None:
    """Print the verdicts that differ; `traces`: with the steps of each."""
    _print_heading(console, "Verdicts")
    for shortest, changes in grouped(result.changes):
        site = f" at {shortest.site}" if shortest.site else ""
        style = STYLES[shortest.word]
        console.print(
            f"  [{style}]{shortest.word}[/{style}] [bold]{shortest.property}[/bold]{escape(site)}",
            soft_wrap=True,
        )
        console.print(f"     [dim]{escape(mixes_with_scenarios(changes))}[/dim]", soft_wrap=True)
        if traces and shortest.trace:
            _print_change(console, shortest, properties)
    if result.left_out:
        console.print(f"  not for {result.old}: {', '.join(result.left_out)}", soft_wrap=True)
    for place in result.impossible:
        console.print(f"  the script of {place} cannot be followed", soft_wrap=True)
    console.print(f"  {plural(result.unchanged, 'verdict')} unchanged")


def _print_change(console: Console, change: Change, properties: Mapping[str, Property]) -> None:
    mix = change.mix if change.word == "broken" else change.instead_of
    console.print(f"     {change.scenario}, {mix}:")
    print_trace(console, change.trace)
    console.print(f"     means: {escape(properties[change.property].means)}", soft_wrap=True)


def _print_compatibility(console: Console, result: Review) -> None:
    _print_heading(console, "Compatibility: the worst verdict of every mix, export/block_on/import")
    table = Table(show_header=False, show_edge=False, pad_edge=False)
    for cell, mixes in compatibility_rows(result.compatibility):
        table.add_row("  " + cell, mixes)
    console.print(table)


def _print_behaviour(console: Console, result: Review, traces: bool) -> None:
    _print_heading(console, f"Behaviour: what a host sees, over {extent_of_lockstep(result)}")
    for difference in result.behaviour:
        console.print(f"  {difference.scenario}, after {plural(len(difference.steps), 'step')}")
        if traces:
            print_trace(console, difference.steps)
        for version, calls in ((result.old, difference.old), (result.new, difference.new)):
            console.print(f"     {version}: {escape(calls_text(calls))}", soft_wrap=True)
    if not result.behaviour:
        console.print("  the same up to these bounds")


def _print_proofs(console: Console, result: Review, traces: bool) -> None:
    _print_heading(console, "Proofs")
    for line in proof_lines(result):
        console.print(f"  {escape(line)}", soft_wrap=True)
    if traces and result.proofs is not None:
        for lost in result.proofs.lost:
            print_counterexample(console, result.proofs.new.resolved, lost.goal, lost.answer)


def _print_heading(console: Console, text: str) -> None:
    console.print()
    console.print(f"[bold]{text}[/bold]", soft_wrap=True)
