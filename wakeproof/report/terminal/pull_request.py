"""A pull request on the terminal: what has changed, where the model parts, its findings."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from wakeproof.execution.trace import StepRow
from wakeproof.language.model import Model
from wakeproof.pull_request.result import Compared, Divergence, PlayedFinding, PullRequest
from wakeproof.report.pull_request_text import (
    counts_of_findings,
    extent,
    outside_text,
    run_text,
    verdict,
)
from wakeproof.report.review_text import summary
from wakeproof.report.terminal.console import print_hanging
from wakeproof.report.terminal.review import print_verdict_changes
from wakeproof.report.terminal.trace import print_trace
from wakeproof.util.text import plural

# the changed functions that are listed beside the one that is named
NEAR = 5

STYLES = {
    "mended": "green",
    "brought": "bold red",
    "fails otherwise": "bold red",
    "unknown": "magenta",
}


def print_pull_request(console: Console, result: PullRequest, model: Model, traces: bool) -> None:
    """Print what a look at a pull request found; `traces`: with the steps to each divergence."""
    _print_changes(console, result)
    _print_layout(console, result)
    for compared in (result.base, result.author):
        if compared is not None:
            _print_compared(console, result, compared, traces)
    _print_findings(console, result)
    if result.review is not None:
        console.print()
        against = f"{result.review.new} against {result.review.old}"
        console.print(f"[bold]Review of {escape(against)}[/bold]")
        print_verdict_changes(console, result.review, model.properties, traces=False)
        _line(console, f"{summary(result.review)}; `wakeproof review` prints the rest")
    console.print()
    spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in result.seconds.items())
    _line(console, f"{sum(result.seconds.values()):.0f} s: {spent}")


def _print_changes(console: Console, result: PullRequest) -> None:
    """Print the functions that differ, and whether the walks reached them."""
    _line(console, f"wit-bindgen {result.crate_version} in {result.crate}")
    _line(console, f"{plural(len(result.changed), 'function')} changed since {result.release}")
    for function in result.changed:
        if function.name in result.outside:
            continue
        times = result.compared.reached.get(function.name, 0)
        gone = " (removed)" if function.gone else ""
        place = f"{function.file}:{function.line}{gone}"
        _line(console, f"  {function.name}  {place}: reached {times:,} times")
    if result.outside:
        _line(console, f"  outside of the model: {outside_text(result)}")


def _print_layout(console: Console, result: PullRequest) -> None:
    """Print what of the layout of the C ABI has changed."""
    if not result.layout:
        _line(console, f"the layout of the C ABI is that of {result.release}")
        return
    _line(console, "the layout of the C ABI has changed")
    for change in result.layout:
        _line(console, f"  {change}")
    for rule in result.rules:
        _line(console, f"  {'kept' if rule.kept else 'broken'}: {rule.says} ({rule.found})")


def _print_compared(
    console: Console, result: PullRequest, compared: Compared, traces: bool
) -> None:
    """Print whether a version of the model is right, or where it parts from the checkout."""
    console.print()
    says = escape(verdict(result, compared))
    if not compared.divergences:
        style = "bold red" if result.layout_broken else "green" if compared.finished else "magenta"
        console.print(f"[{style}]{says}[/{style}]")
        _line(console, f"  {extent(result, compared)}: no divergence")
        _print_traces(console, compared)
        return
    console.print(f"[bold red]{says}[/bold red]: {plural(len(compared.divergences), 'place')}")
    _line(console, f"  {extent(result, compared)}")
    _print_traces(console, compared)
    for divergence in compared.divergences:
        _print_divergence(console, divergence, traces)


def _print_traces(console: Console, compared: Compared) -> None:
    """Print the findings whose traces were taken."""
    if compared.traces:
        print_hanging(console, Text(f"  traces: {', '.join(compared.traces)}"), 4)


def _print_divergence(console: Console, divergence: Divergence, traces: bool) -> None:
    place = f"{divergence.place}, changed" if divergence.changed else divergence.place
    console.print()
    console.print(f"[bold]{escape(divergence.function)}[/bold] ({escape(place)})", soft_wrap=True)
    _line(console, f"  {plural(len(divergence.rows), 'step')} in {run_text(divergence)}")
    if divergence.step < len(divergence.rows):
        last = f"step {divergence.step}" if divergence.step else "no step that is seen"
        _line(console, f"  it ran last in {last}; the two part in {divergence.parts_in}")
    if len(divergence.near) > 1:
        _line(console, f"  changed, too, and nearest first: {', '.join(divergence.near[1:NEAR])}")
    if traces:
        print_trace(console, _shortened(divergence.rows))
    for name, text in (("model", divergence.model), ("crate", divergence.crate)):
        print_hanging(console, Text.assemble("     the ", (name, "bold"), f" {text}"), 12)


def _shortened(rows: Sequence[StepRow]) -> list[StepRow]:
    """Leave out the calls of all steps but the last, and what changes in the model's state."""
    plain = [StepRow(**{**row, "calls": [], "changes": {}}) for row in rows[:-1]]
    return plain + [StepRow(**{**row, "changes": {}}) for row in rows[-1:]]


def _print_findings(console: Console, result: PullRequest) -> None:
    """Print the findings that the checkout mends or brings, and count the others."""
    console.print()
    _line(console, counts_of_findings(result))
    for word in STYLES:
        for finding in result.findings:
            if finding.word == word:
                _print_finding(console, finding)


def _print_finding(console: Console, finding: PlayedFinding) -> None:
    style = STYLES[finding.word]
    line = Text.assemble("  ", (finding.word, style), f" {finding.name}: {finding.title}")
    print_hanging(console, line, 10)
    seen = f"its test: {finding.test}" if finding.test else "its test needs a component"
    _line(console, f"          {seen}")


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)
