"""An explanation on the terminal: what must hold, where, which findings end so, and the cure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from wakeproof.export.rust.cure import Cure
from wakeproof.findings.explain import Explanation, lines_of
from wakeproof.findings.registry import Finding
from wakeproof.language.model import Model
from wakeproof.language.properties import Property
from wakeproof.language.sites import Site
from wakeproof.report.terminal.console import print_hanging
from wakeproof.report.terminal.finding import (
    cure_of,
    print_part,
    print_program,
    program_of,
    releases_of,
)

MOST = 4
"""Sites that are explained; of others only the names are printed."""
PROGRAMS = 3
"""Findings of which the shortest program is looked for."""


def print_explanation(
    console: Console, found: Explanation, cures: Mapping[str, Cure], model: Model
) -> None:
    """Print the sites, the findings with what tells them apart, and the shortest program."""
    for note in found.notes:
        print_hanging(console, Text(note), 2)
    for site in found.sites[:MOST]:
        _print_site(console, site, found.releases.get(site.id, ()), model)
    for prop in found.properties:
        _print_property(console, prop)
    if len(found.sites) > MOST:
        names = ", ".join(site.id for site in found.sites[MOST:])
        print_part(console, "other sites", names)
    if not found.findings:
        none = "none breaks it" if found.properties else "none ends so"
        console.print(f"  [bold]findings[/bold]: {none}")
        return
    which = "break it" if found.properties else "end so"
    ending = ", by what happens before:" if len(found.findings) > 1 else ":"
    console.print(f"[bold]findings that {which}[/bold]{ending}")
    for finding in found.findings:
        _print_short(console, finding, cures.get(finding.cure))
    programs = {f.name: program_of(f) for f in found.findings[:PROGRAMS]}
    shortest = min(programs, key=lambda name: len(programs[name]))
    print_program(console, f"shortest program, of {shortest}", programs[shortest])
    print_part(console, "more", "wakeproof show NAME")


def _print_site(console: Console, site: Site, releases: Sequence[str], model: Model) -> None:
    """Print a site: its function and file, what must hold, its line in each release."""
    console.print(Text.assemble((site.id, "bold")), soft_wrap=True)
    here = f", there in {_span(releases)}" if releases else ""
    print_part(console, "where", f"{site.kind} in {site.function}, {site.source}{here}")
    print_part(console, "must hold", site.condition)
    lines = lines_of(site)
    if lines:
        print_part(console, "lines", line_text(lines))
    elif site.places:
        print_part(console, "lines", site.lines())
    if site.unreachable:
        print_part(console, "not reached", site.unreachable)
    outcome = {"panic": "no-panic", "trap": "no-trap"}.get(site.kind, "")
    if outcome in model.properties:
        print_part(console, "means", model.properties[outcome].means)


def _print_property(console: Console, prop: Property) -> None:
    """Print a property: what must hold, what a violation means, and how it is checked."""
    console.print(Text.assemble((prop.id, "bold")), soft_wrap=True)
    print_part(console, "must hold", prop.says)
    print_part(console, "means", prop.means)
    if prop.outside:
        print_part(console, "seen", prop.outside)
    print_part(console, "check", f"wakeproof check --property {prop.id} --traces")


def line_text(lines: Mapping[str, int]) -> str:
    """Return the lines of releases, those that are the same together: `618 in 0.59.0 to 0.60.0`."""
    groups = itertools.groupby(lines, key=lambda release: lines[release])
    return ", ".join(f"{line} in {_span(list(releases))}" for line, releases in groups)


def _span(releases: Sequence[str]) -> str:
    """Return releases that follow each other, as text."""
    return releases[0] if len(releases) == 1 else f"{releases[0]} to {releases[-1]}"


def _print_short(console: Console, finding: Finding, cure: Cure | None) -> None:
    """Print a finding in short: name, releases, title, what happens, cure."""
    title = f" ({releases_of(finding)}): {finding.title}"
    head = Text.assemble("  ", (finding.name, "bold"), title)
    print_hanging(console, head, 4)
    print_hanging(console, Text("    " + " ".join(finding.story)), 4)
    words = f": {cure_of(finding, cure)}"
    print_hanging(console, Text.assemble("    ", ("cure", "bold"), words), 6)
