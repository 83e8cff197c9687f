"""Verdicts on the terminal: those of each mix, and each violation with its shortest trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from wakeproof.check.grouping import builds_of, group_violations, places, realities
from wakeproof.check.verdict import Verdict, is_undecided, run_of
from wakeproof.errors import InputError
from wakeproof.export.issue import program_text
from wakeproof.export.rust.from_trace import program_of
from wakeproof.export.trace import rust_test_for
from wakeproof.language.model import Model
from wakeproof.language.properties import Property
from wakeproof.report.terminal.console import print_hanging, wrapped
from wakeproof.report.terminal.trace import print_end, print_short_trace, print_trace
from wakeproof.scenario.file import NOTHING, Scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.script import steps_of
from wakeproof.util.text import plural

COLOURS = {"holds": "green", "violated": "yellow", "unknown": "magenta"}


def print_verdicts(
    console: Console, verdicts: Sequence[Verdict], properties: Mapping[str, Property]
) -> None:
    """Print the verdicts by mixes; those with the same verdicts stand together.

    Those that are unknown for the same reason are a line with their number. Nothing is wider than
    `COLUMNS`.
    """
    runs: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        runs.setdefault(run_of(verdict), []).append(verdict)
    groups: dict[tuple[str, ...], list[str]] = {}
    for run, rows in runs.items():
        groups.setdefault(tuple(f"{v.property} {_line(v)}" for v in rows), []).append(run)
    for names in groups.values():
        console.print()
        _print_wrapped(console, ", ".join(names), 2, "bold")
        _print_wrapped(console, f"  {_figures([runs[name][0] for name in names])}", 4, "dim")
        words: dict[str, list[Verdict]] = {}
        for verdict in runs[names[0]]:
            words.setdefault(_line(verdict), []).append(verdict)
        for word in sorted(words, key=lambda w: w == "holds"):
            first = words[word][0]
            style = COLOURS[first.verdict] if first.as_expected else "bold red"
            line = f"  {word}: {', '.join(v.property for v in words[word])}"
            if first.verdict == "unknown":
                line = f"  {_word(first)}: {_kind(words[word], properties)}: {first.limit}"
            _print_wrapped(console, line, 4, style)


def _print_wrapped(console: Console, text: str, indent: int, style: str) -> None:
    """Print a text in lines that fit; what does not fit goes on `indent` columns further in."""
    for line in wrapped(text, indent, style):
        console.print(line, soft_wrap=True)


def _kind(verdicts: Sequence[Verdict], properties: Mapping[str, Property]) -> str:
    """Return the number of verdicts' properties; the name if it is one."""
    if len(verdicts) == 1:
        return verdicts[0].property
    progress = all(properties[v.property].progress for v in verdicts)
    return f"{len(verdicts)} properties{' of progress' if progress else ''}"


def _line(verdict: Verdict) -> str:
    """Return what verdicts on one line have in common: the word, and why they are unknown."""
    return f"{_word(verdict)} {verdict.limit}" if verdict.verdict == "unknown" else _word(verdict)


def _word(verdict: Verdict) -> str:
    """Return a verdict as a word, with what was expected if that differs."""
    if verdict.as_expected or verdict.expected == NOTHING:
        return verdict.verdict
    if verdict.verdict == verdict.expected:
        where = "so far" if is_undecided(verdict) else "at other sites"
        return f"{verdict.verdict} {where}"
    return f"{verdict.verdict}, expected {verdict.expected}"


def _figures(firsts: Sequence[Verdict]) -> str:
    """Return states, transitions, depth and seconds of runs, and the limits that ended them."""
    parts = [
        f"{name} {_range([getattr(v, name) for v in firsts])}"
        for name in ("states", "transitions", "depth")
    ]
    limits = [f"({limit})" for limit in dict.fromkeys(v.limit for v in firsts) if limit]
    return ", ".join([*parts, f"{sum(v.seconds for v in firsts):.2f} s", *limits])


def _range(numbers: Sequence[int]) -> str:
    """Return the smallest and the largest number."""
    least, most = min(numbers), max(numbers)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def print_violations(
    console: Console,
    scenario: Scenario,
    verdicts: Sequence[Verdict],
    model: Model,
    whole: bool = False,
) -> None:
    """Print each violation of a scenario once, with its shortest trace and its mixes.

    Before the steps is the program in Rust, where there is one. With `whole` a step has every call
    and all changes of the state, else the calls that matter and what follows from them.
    """
    builds = builds_of(verdicts)
    for (property_id, site), found in group_violations(verdicts).items():
        verdict, row = min(found, key=lambda f: len(f[1]["trace"]))
        also = f"; in {places((v for v, _ in found), builds)}" if len(found) > 1 else ""
        console.print()
        console.print(
            f"[bold yellow]{property_id}[/bold yellow]"
            + (f" at [bold]{escape(site)}[/bold]" if site else "")
            + f"  {run_of(verdict)}, {plural(len(row['trace']), 'step')}[dim]{also}[/dim]"
        )
        if verdict.as_expected:
            print_hanging(console, Text(f"  expected: {verdict.reason}", style="dim"), 4)
        elif verdict.expected != NOTHING:
            expected = Text(f"  expected: {verdict.expected}, {verdict.reason}", style="red")
            print_hanging(console, expected, 4)
        prop = model.properties[property_id]
        instance = Instance(scenario, verdict.mix, model, verdict.features)
        for line in rust_lines(instance, prop, row):
            console.print(Text(f"     {line}".rstrip(), style="cyan"), soft_wrap=True)
        (print_trace if whole else print_short_trace)(console, row["trace"], loop=row.get("loop"))
        print_end(console, prop, site, row["message"], model.sites)
        for real, where in realities(found).items():
            console.print(f"     [bold]on the released crates[/bold]: {escape(real)}", end="")
            console.print(f"[dim]  {places(where, builds)}[/dim]", soft_wrap=True)


def rust_lines(instance: Instance, prop: Property, violation: Mapping[str, Any]) -> list[str]:
    """Return the program of a trace; nothing where nobody outside sees it, or it has no program."""
    if not prop.has_test:
        return []
    try:
        steps = steps_of(violation["trace"], instance.resolved.program, instance.names)
        program = program_of(instance, steps, prop.id, violation.get("loop"))
        return program_text(rust_test_for(instance, "trace", (), program)).splitlines()
    except InputError:
        return []
