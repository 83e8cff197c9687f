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
    print_part(console, "", " ".join(finding.story))
    print_part(console, "means", prop.means)
    site = model.sites.get(finding.site)
    if site is not None:
        where = ", ".join(filter(None, (site.source, site.lines())))
        print_part(console, "where", f"{site.kind} in {site.function}: {where}")
        print_part(console, "must hold", site.condition)
    else:
        print_part(console, "must hold", prop.says)
    if finding.where:
        fault = finding.where
        at = f"{fault['file']} of {finding.affected}, line {fault['line']}"
        print_part(console, "at fault", f"{at}: {fault['says']}")
    features = ", ".join(finding.built_with()) or "none of the optional features"
    print_part(console, "release", f"{releases_of(finding)}, built with {features}")
    print_program(console, "program", program_of(finding))
    print_part(console, "cure", cure_of(finding, cure))
    for option in finding.options:
        print_hanging(console, Text(f"    - {option}"), 6)
    mix = "/".join(finding.mix)
    command = f"wakeproof check {finding.scenario} --mix {mix} --property {finding.property}"
    print_part(console, "steps", f"{command} --traces")


def print_program(console: Console, name: str, lines: Sequence[str]) -> None:
    """Print the lines of a program after its name."""
    console.print(f"  [bold]{name}[/bold]:")
    for line in lines:
        console.print(Text(f"    {line}".rstrip()), soft_wrap=True)


def program_of(finding: Finding) -> Sequence[str]:
    """Return the lines of the smallest program: one written by hand, else that of the trace."""
    lines: Sequence[str] | None = finding.example.get("lines")
    return lines if lines is not None else program_text(case_of(finding, {}).test).splitlines()


def releases_of(finding: Finding) -> str:
    """Return a release that has the finding, and one that has not."""
    return finding.affected + (f", not in {finding.unaffected}" if finding.unaffected else "")


def cure_of(finding: Finding, cure: Cure | None) -> str:
    """Return the cure in a sentence: a release, a change of the crate, or why there is none."""
    if cure is not None and cure.proposed:
        return cure.says
    if finding.remedy:
        return finding.remedy.removesuffix(" What each side could do:")
    return f"It does not happen in {finding.unaffected}." if finding.unaffected else NO_CURE


def print_part(console: Console, name: str, text: str) -> None:
    """Print a part of a description after its name."""
    head = f"  {name}: " if name else "  "
    print_hanging(console, Text.assemble((head, "bold"), text), 4)
