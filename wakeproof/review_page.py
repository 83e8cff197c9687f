"""A review for whoever reads the pull request: on the terminal, and as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import StringIO
from itertools import groupby

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wakeproof.execution.trace_text import trace_lines
from wakeproof.induction import facts_of
from wakeproof.language.properties import Property
from wakeproof.language.sites import Site
from wakeproof.layout import POINTERS
from wakeproof.prove_render import print_counterexample
from wakeproof.render import print_trace
from wakeproof.review import Behaviour, Change, Review
from wakeproof.util.markdown import table_row

NO_PROOFS = "not asked for; --proofs takes some minutes"
STYLES = {"broken": "bold red", "unknown": "magenta", "fixed": "green"}


def summary(result: Review) -> str:
    """The review in one sentence."""
    broken = len({(c.property, c.site) for c in result.changes if c.word == "broken"})
    fixed = len({(c.property, c.site) for c in result.changes if c.word == "fixed"})
    rules = sum(not rule.kept for rule in result.rules)
    return (
        f"{result.new} against {result.old}: {broken} violations are new in some mix, {fixed} are "
        f"gone from some mix, {rules} layout rules are broken, {len(result.behaviour)} kinds of "
        "difference that a host can see"
    )


def groups(changes: Iterable[Change]) -> list[tuple[Change, list[Change]]]:
    """Changes of one word, property and site together, each with its shortest trace."""
    found = []
    for _, together in groupby(changes, lambda c: (c.word, c.property, c.site)):
        rows = list(together)
        found.append((min(rows, key=lambda c: len(c.trace)), rows))
    return found


def where(changes: Iterable[Change]) -> str:
    """The mixes of changes, each with its scenarios."""
    mixes: dict[str, list[str]] = {}
    for change in changes:
        mixes.setdefault(change.mix, []).append(change.scenario)
    return "; ".join(f"{mix} ({', '.join(dict.fromkeys(s))})" for mix, s in mixes.items())


def cube_rows(cube: Mapping[str, tuple[str, str, int]]) -> list[tuple[str, str]]:
    """Verdict with property and the number of properties, and the mixes that have it."""
    cells: dict[str, list[str]] = {}
    for mix, (word, prop, number) in sorted(cube.items()):
        others = f" and {number - 1} more" if number > 1 else ""
        cells.setdefault(f"{word} {prop}{others}".strip(), []).append(mix)
    return [(cell, ", ".join(mixes)) for cell, mixes in cells.items()]


def behaviour_bound(result: Review) -> str:
    """How far the two were compared."""
    bounded = f"; a limit was reached in {', '.join(result.bounded)}" if result.bounded else ""
    return f"{result.pairs:,} pairs of states{bounded}"


def proof_lines(result: Review) -> list[str]:
    """What became of the proofs, a line each."""
    proofs = result.proofs
    if proofs is None:
        return [NO_PROOFS]
    sizes = ", ".join(f"{number} {name}" for name, number in proofs.new.sizes.items())
    facts = facts_of(proofs.new.resolved.program)
    inductive = ", ".join(goal for goal in proofs.kept if goal in facts)
    lines = [
        f"{len(proofs.kept)} facts and sites are proved with both, each in all roles, at {sizes}",
        f"still inductive: {inductive or 'nothing'}",
        f"{proofs.obligations} obligations are new",
    ]
    lines += [
        f"no longer proved: {x.goal} ({x.says}), because of {x.answer.action}" for x in proofs.lost
    ]
    return [*lines, *(f"proved with {result.new} only: {goal}" for goal in proofs.gained)]


# --- terminal -----------------------------------------------------------------------------------


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


def _does(calls: tuple[str, ...]) -> str:
    return "; ".join(calls) or "no builtin call"


# --- Markdown -----------------------------------------------------------------------------------


def markdown(
    result: Review, properties: Mapping[str, Property], sites: Mapping[str, Site], command: str
) -> str:
    """The review as a page; `command` made it."""
    sizes = " / ".join(POINTERS)
    lines = [
        f"# Review of {result.new} against {result.old}",
        "",
        f"Generated by `{command} --report FILE`.",
        "A mix is `export/block_on/import`.",
        "",
        f"**{summary(result)}.**",
        "",
        "## Layout",
        "",
    ]
    for rule in result.rules:
        lines.append(f"- {'kept' if rule.kept else '**broken**'}: {rule.says}. {rule.found}.")
    if result.rules:
        lines += ["", table_row("struct", "field", "type", f"offset, {sizes}"), "|---|---|---|---|"]
        lines += [table_row(f"`{s}`", f, f"`{t}`" if f else t, o) for s, f, t, o in result.structs]
    else:
        lines.append("One of the two declares no structs.")
    lines += ["", "## Verdicts", ""]
    for shortest, rows in groups(result.changes):
        site = f" at `{shortest.site}`" if shortest.site else ""
        lines += [f"### {shortest.word}: `{shortest.property}`{site}", "", f"In {where(rows)}."]
        lines += _change(shortest, properties, sites)
    if result.left_out:
        lines += [f"Scenarios that are not for {result.old}: {', '.join(result.left_out)}.", ""]
    for place in result.impossible:
        lines += [f"The script of {place} cannot be followed.", ""]
    lines += [f"{result.unchanged:,} verdicts are unchanged.", "", "## Compatibility", ""]
    lines += [
        "The worst verdict of every mix, the property behind it, and how many more have it.",
        "",
    ]
    lines += [table_row("worst", "mixes"), "|---|---|"]
    lines += [table_row(cell, mixes) for cell, mixes in cube_rows(result.cube)]
    lines += ["", "## Behaviour", "", f"Both in lockstep, over {behaviour_bound(result)}.", ""]
    for found in result.behaviour:
        lines += _behaviour(found, result)
    if not result.behaviour:
        lines += ["The same up to these bounds.", ""]
    proofs = [f"- {line}" for line in proof_lines(result)]
    return "\n".join([*lines, "## Proofs", "", *proofs, *_counterexamples(result), ""])


def _counterexamples(result: Review) -> list[str]:
    """A state and a step for every fact that is inductive no more."""
    if result.proofs is None or not result.proofs.lost:
        return []
    console = Console(file=StringIO(), width=100, color_system=None)
    with console.capture() as told:
        for lost in result.proofs.lost:
            print_counterexample(console, result.proofs.new.resolved, lost.goal, lost.answer)
    lines = [line.rstrip() for line in told.get().splitlines()]
    return ["", "```text", *lines[1:], "```"]


def _change(
    change: Change, properties: Mapping[str, Property], sites: Mapping[str, Site]
) -> list[str]:
    if not change.trace:
        return ["A limit was reached.", ""]
    mix = change.mix if change.word == "broken" else change.instead_of
    lines = [f"Shortest, in {mix} of `{change.scenario}`:", "", "```text"]
    lines += [*trace_lines(change.trace), "```", ""]
    if change.site in sites:
        lines.append(f"Must hold: {sites[change.site].condition}.")
    return [*lines, properties[change.property].means, ""]


def _behaviour(found: Behaviour, result: Review) -> list[str]:
    return [
        f"### {result.old}: {found.old_does}; {result.new}: {found.new_does}",
        "",
        f"`{found.scenario}`, {len(found.steps)} steps:",
        "",
        "```text",
        *trace_lines(found.steps),
        "```",
        "",
        f"- {result.old}: {_does(found.old)}",
        f"- {result.new}: {_does(found.new)}",
        "",
    ]
