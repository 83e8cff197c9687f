"""A finding on the terminal: what happens, where, in which releases, the program, the cure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from wakeproof.export.issue import NO_CURE, program_text
from wakeproof.export.rust.cure import Cure
from wakeproof.findings.cases import case_of
from wakeproof.findings.registry import Finding
from wakeproof.language.model import Model
from wakeproof.report.terminal.console import print_hanging


def print_finding(console: Console, finding: Finding, cure: Cure | None, model: Model) -> None:
    """Print everything about a finding; its program is that of its shortest trace."""
    prop = model.properties[finding.property]
    console.print(Text.assemble((finding.name, "bold"), f"  {finding.title}"), soft_wrap=True)
    _part(console, "", " ".join(finding.story))
    _part(console, "means", prop.means)
    site = model.sites.get(finding.site)
    if site is not None:
        _part(console, "where", f"{site.kind} in {site.function}: {site.source}, {site.lines()}")
        _part(console, "must hold", site.condition)
    else:
        _part(console, "must hold", prop.says)
    if finding.where:
        where = finding.where
        at = f"{where['file']} of {finding.affected}, line {where['line']}"
        _part(console, "at fault", f"{at}: {where['says']}")
    gone = f", not in {finding.unaffected}" if finding.unaffected else ""
    features = ", ".join(finding.built_with()) or "none of the optional features"
    _part(console, "release", f"{finding.affected}{gone}, built with {features}")
    console.print("  [bold]program[/bold]:")
    for line in program_of(finding):
        console.print(Text(f"    {line}".rstrip()), soft_wrap=True)
    _part(console, "cure", cure_of(finding, cure))
    mix = "/".join(finding.mix)
    command = f"wakeproof check {finding.scenario} --mix {mix} --property {finding.property}"
    _part(console, "steps", f"{command} --traces")


def program_of(finding: Finding) -> Sequence[str]:
    """Return the lines of the smallest program: one written by hand, else that of the trace."""
    lines: Sequence[str] | None = finding.example.get("lines")
    return lines if lines is not None else program_text(case_of(finding, {}).test).splitlines()


def cure_of(finding: Finding, cure: Cure | None) -> str:
    """Return the cure in a sentence: a release, a change of the crate, or why there is none."""
    if cure is not None and cure.proposed:
        return cure.says
    if finding.remedy:
        return finding.remedy
    return f"It does not happen in {finding.unaffected}." if finding.unaffected else NO_CURE


def _part(console: Console, name: str, text: str) -> None:
    """Print a part after its name."""
    head = f"  {name}: " if name else "  "
    print_hanging(console, Text.assemble((head, "bold"), text), 4)
