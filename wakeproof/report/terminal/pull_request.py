"""A pull request on the terminal: what has changed, where the model parts, its findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from wakeproof.execution.trace import StepRow
from wakeproof.language.model import Model
from wakeproof.pull_request.result import Compared, Divergence, PlayedFinding, PullRequest
from wakeproof.report.review_text import summary
from wakeproof.report.terminal.console import print_hanging
from wakeproof.report.terminal.review import print_verdict_changes
from wakeproof.report.terminal.trace import print_trace
from wakeproof.util.text import plural

# the changed functions that are listed beside the one that is named
NEAR = 5
# the changed functions that are listed of those that the model has not
OUTSIDE = 8

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
        names = ", ".join(result.outside[:OUTSIDE])
        more = len(result.outside) - OUTSIDE
        _line(console, f"  outside of the model: {names}" + (f" and {more}" * (more > 0)))


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
    extent = (
        f"{plural(compared.walks, 'walk')}, {plural(compared.steps, 'step')} and "
        f"{plural(compared.traces, 'trace')} of {_of_findings(result)} in "
        f"{compared.seconds:.0f} s"
    )
    console.print()
    if not compared.divergences:
        end = "no divergence" if compared.finished else "no divergence, and interrupted"
        if result.layout_broken:
            says = f"no walk parted from {compared.version}; the layout of the C ABI is broken"
            console.print(f"[bold red]{escape(says)}[/bold red]")
        else:
            console.print(f"[green]{escape(compared.version)} is right for this branch[/green]")
        _line(console, f"  {extent}: {end}")
        return
    places = plural(len(compared.divergences), "place")
    console.print(
        f"[bold red]{escape(compared.version)} is not right for this branch[/bold red]: {places}"
    )
    _line(console, f"  {extent}")
    for divergence in compared.divergences:
        _print_divergence(console, divergence, traces)


def _print_divergence(console: Console, divergence: Divergence, traces: bool) -> None:
    place = f"{divergence.place}, changed" if divergence.changed else divergence.place
    console.print()
    console.print(f"[bold]{escape(divergence.function)}[/bold] ({escape(place)})", soft_wrap=True)
    features = ", ".join(divergence.features) or "no features"
    steps = plural(len(divergence.rows), "step")
    _line(console, f"  {steps} in {divergence.scenario}, {divergence.mix}, {features}")
    if divergence.step < len(divergence.rows):
        last = f"step {divergence.step}" if divergence.step else "no step that is seen"
        _line(console, f"  it ran last in {last}; the two part in {divergence.parts_in}")
    if len(divergence.near) > 1:
        _line(console, f"  changed, too, and nearest first: {', '.join(divergence.near[1:NEAR])}")
    if traces:
        print_trace(console, _shortened(divergence.rows))
    for name, text in (("model", divergence.model), ("crate", divergence.crate)):
        print_hanging(console, Text.assemble("     the ", (name, "bold"), f" {text}"), 12)


def _of_findings(result: PullRequest) -> str:
    """Return of how many findings is spoken; without a number if it was interrupted before."""
    return plural(len(result.findings), "finding") if result.findings else "findings"


def _shortened(rows: Sequence[StepRow]) -> list[StepRow]:
    """Leave out the calls of all steps but the last, and what changes in the model's state."""
    plain = [StepRow(**{**row, "calls": [], "changes": {}}) for row in rows[:-1]]
    return plain + [StepRow(**{**row, "changes": {}}) for row in rows[-1:]]


def _print_findings(console: Console, result: PullRequest) -> None:
    """Print the findings that the checkout mends or brings, and count the others."""
    console.print()
    counts = Counter(finding.word for finding in result.findings)
    texts = {word: word for word in STYLES} | {
        "fails otherwise": "fails otherwise"
        if counts["fails otherwise"] == 1
        else "fail otherwise",
        "stays": "stays as it is" if counts["stays"] == 1 else "stay as they are",
        "absent": f"neither here nor in {result.release}",
    }
    words = ", ".join(f"{counts[word]} {text}" for word, text in texts.items() if counts[word])
    _line(console, f"{_of_findings(result)}: {words}" if words else "no findings were looked at")
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
