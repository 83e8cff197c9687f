"""The one screen of `check`: what was checked, what is not as expected, what is known.

Nothing is wider than `COLUMNS`, and everything fits `LINES` unless all of it is wanted.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.console import Console
from rich.text import Text

from wakeproof.check.causes import Cause, must_hold, short_site
from wakeproof.check.verdict import Verdict, run_of
from wakeproof.findings.registry import Finding
from wakeproof.language.properties import Property
from wakeproof.language.sites import Site
from wakeproof.util.text import plural

COLUMNS, LINES = 80, 24
CAUSES = 13
"""So many lines are about causes that are not as expected, or those of the first if it has more."""


@dataclass(frozen=True)
class Overview:
    """What a check found.

    `seconds` is the duration of the command, `cached` the number of runs that the cache had.
    `unexpected` and `known` are causes, `findings` those of the registry, `accepted` the number of
    verdicts that a baseline has. `command` are the words that choose the model.
    """

    verdicts: Sequence[Verdict]
    unexpected: Sequence[Cause]
    known: Sequence[Cause]
    findings: Sequence[Finding]
    properties: Mapping[str, Property]
    sites: Mapping[str, Site]
    seconds: float
    cached: int = 0
    accepted: int = 0
    command: str = ""

    def named(self, cause: Cause) -> list[Finding]:
        """Return the findings with the property and the site of a cause."""
        return [f for f in self.findings if (f.property, f.site) == (cause.property_id, cause.site)]


def print_overview(console: Console, found: Overview, whole: bool = False) -> None:
    """Print the screen; `whole` prints every cause and every known finding."""
    lines = [*_checked(found), *_unexpected(found, whole)]
    left = None if whole else max(LINES - len(lines) - 4, 2)
    lines += _known(found, left)
    lines += _more(found)
    for line in lines:
        console.print(line, soft_wrap=True)


def print_unexpected(console: Console, found: Overview) -> None:
    """Print what is not as expected, and nothing else."""
    for line in _unexpected(found, whole=True):
        console.print(line, soft_wrap=True)


def _checked(found: Overview) -> list[Text]:
    """What was checked."""
    runs = {(v.scenario, run_of(v)): v.states for v in found.verdicts}
    scenarios = {v.scenario for v in found.verdicts}
    mixes = {tuple(v.mix.values()) for v in found.verdicts}
    cached = f" ({found.cached:,} cached)" if found.cached else ""
    line = (
        f"checked {plural(len(scenarios), 'scenario')} in "
        f"{len(mixes)} mix{'es' if len(mixes) != 1 else ''}: {plural(len(runs), 'run')}{cached}, "
        f"{plural(sum(runs.values()), 'state')}, {found.seconds:.1f} s"
    )
    return [*_wrapped(line, 2), Text()]


def _unexpected(found: Overview, whole: bool) -> list[Text]:
    """What is not as expected, by cause, and how to see the steps to the first of them."""
    causes = found.unexpected
    if not causes:
        return []
    count = len({(v.scenario, run_of(v), v.property) for c in causes for v in c.verdicts})
    head = f"not as expected: {plural(count, 'verdict')}, {plural(len(causes), 'cause')}"
    lines = [Text(head, style="bold red")]
    for number, cause in enumerate(causes, 1):
        more = _cause(found, number, cause)
        if not whole and number > 1 and len(lines) + len(more) > 1 + CAUSES:
            rest = plural(len(causes) - number + 1, "more cause")
            lines.append(Text(f"   and {rest} (-v)"))
            break
        lines += more
    if causes[0].verdict == "violated":
        first = causes[0].shortest
        command = f"wakeproof check {first.scenario} --mix {run_of(first).split()[0]} --traces"
        lines.append(Text(f"steps of 1: {command}{found.command}", style="cyan"))
    return [*lines, Text()]


WORDS = {
    "violated": "violated, expected {}",
    "holds": "holds, expected {}",
    "unknown": "unknown, {limit}",
    "refuted": "not reproduced on the released crates",
}


def _cause(found: Overview, number: int, cause: Cause) -> list[Text]:
    """The lines of one cause: its name, where in the real code, what must hold, in which runs."""
    first = cause.shortest
    word = WORDS[cause.verdict].format(first.expected, limit=first.limit)
    if cause.verdict == first.expected:
        word = f"{cause.verdict}, expected at other sites"
    name = f"{cause.property_id} at {short_site(cause.site)}" if cause.site else cause.property_id
    lines = _wrapped(f" {number} {name}: {word}", 3, "bold")
    site = found.sites.get(cause.site)
    if site is not None:
        lines += _wrapped(f"   {place(site)}", 5)
    if cause.verdict == "violated":
        says = found.properties[cause.property_id].says
        lines += _wrapped(f"   must hold: {must_hold(cause, found.sites, says)}", 5)
    elif cause.verdict == "holds":
        lines += _wrapped(f"   was expected, as {first.reason}", 5)
    more = len(cause.verdicts) - 1
    lines += _wrapped(
        f"   in {first.scenario} {run_of(first)}"
        + (f" and {plural(more, 'more run')}" if more else ""),
        5,
    )
    names = ", ".join(f.name for f in found.named(cause))
    if names and len(found.unexpected) <= 2:
        lines += _wrapped(f"   like the finding {names}", 5)
    return lines


def place(site: Site) -> str:
    """Return where a site is: its function, its file, and the line at the newest release."""
    file = site.source.rsplit("/", 1)[-1]
    line = ""
    if site.places:
        release, number = site.places[-1]
        line = f", line {number} at {release.removeprefix('v')}"
    return f"{site.kind} in {site.function}: {file}{line}"


def _known(found: Overview, left: int | None) -> list[Text]:
    """The expected violations in two columns, each with its number of runs; `left` lines at most.

    Those that are findings have their names and the order of the registry, others follow.
    """
    runs: dict[str, int] = {}
    others: list[str] = []
    for cause in found.known:
        findings = found.named(cause)
        for finding in findings:
            runs[finding.name] = len(cause.verdicts)
        if not findings:
            part = f": {cause.site.rsplit('::', 1)[-1]}" if cause.site else ""
            others.append(f"{len(cause.verdicts):>4} ({cause.property_id}{part})")
    cells = [f"{runs[f.name]:>4} {f.name}" for f in found.findings if f.name in runs]
    more = f"{plural(len(others), 'other cause' if cells else 'cause')}"
    names = [plural(len(cells), "finding")] * bool(cells) + [more] * bool(others)
    cells += others
    if not cells:
        return []
    rows = -(-len(cells) // 2)
    width = max(map(len, cells[:rows])) + 2
    lines = [
        f"{one:<{width}}{other}"
        for one, other in zip_longest(cells[:rows], cells[rows:], fillvalue="")
    ]
    if max(map(len, lines)) > COLUMNS:
        lines = cells
    if left is not None and len(lines) > left:
        hidden = len(lines) - left + 1
        lines = [*lines[: left - 1], f"     and {plural(hidden, 'more line')} (-v)"]
    head = f"known and expected, with the number of runs: {' and '.join(names)}"
    return [Text(head, style="bold"), *(Text(line.rstrip()) for line in lines)]


def _more(found: Overview) -> list[Text]:
    """How to see more."""
    named = any(found.named(cause) for cause in found.known)
    ways = ["verdicts: -v", "steps: --traces"]
    if named:
        ways.append("a finding: wakeproof show NAME")
    return [Text("; ".join(ways), style="dim")]


def _wrapped(text: str, indent: int, style: str = "") -> list[Text]:
    """A text as lines that fit; what does not fit goes on `indent` columns further in."""
    lines = textwrap.wrap(
        text,
        COLUMNS,
        subsequent_indent=" " * indent,
        drop_whitespace=True,
        replace_whitespace=False,
    )
    return [Text(line, style=style) for line in lines]
