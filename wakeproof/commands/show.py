"""`wakeproof list` and `wakeproof show`: print what a model and the scenarios define."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from wakeproof.commands.inputs import chosen_model
from wakeproof.commands.options import ModelOptions
from wakeproof.findings.registry import load_findings
from wakeproof.language.model import Model
from wakeproof.language.sites import mirrors
from wakeproof.language.sources import Version
from wakeproof.language.version_diff import differences
from wakeproof.report.terminal.console import make_console, print_hanging
from wakeproof.report.terminal.finding import print_finding
from wakeproof.report.terminal.scenario import print_scenario_details
from wakeproof.report.terminal.version_diff import print_differences
from wakeproof.scenario import vocabulary
from wakeproof.scenario.file import bundled_scenarios, read_scenario
from wakeproof.scenario.instance import Instance, scenario_for


@dataclass(frozen=True, kw_only=True)
class ListOptions(ModelOptions):
    """What to list, a kind of names or `all`; or whether to print the schema for editors."""

    what: str = "all"
    schema: bool = False


@dataclass(frozen=True, kw_only=True)
class ShowOptions(ModelOptions):
    """A scenario, a finding or a version; and the version that it is compared with."""

    name: str
    against: str | None = None


def list_command(options: ListOptions) -> None:
    """Print the names that a model and the bundled scenarios define."""
    model = chosen_model(options)
    if options.schema:
        print(json.dumps(vocabulary.editor_schema(model), indent=1, ensure_ascii=False))
        return
    console = make_console()
    for what, printed in LISTED.items():
        if options.what in ("all", what):
            console.print(f"[bold]{what}[/bold]")
            printed(console, model)


def _print_scenarios(console: Console, _: Model) -> None:
    for path in bundled_scenarios():
        _print_row(console, path.stem, read_scenario(path).title)


def _print_properties(console: Console, model: Model) -> None:
    for prop in model.properties.values():
        _print_row(console, prop.id, prop.says)


def _print_actions(console: Console, model: Model) -> None:
    for entry in vocabulary.actions(model):
        print_hanging(console, Text(f"  {entry.kind:<8} {entry.usage}"), 13)
        print_hanging(console, Text(f"             {entry.says}", style="dim"), 13)


def _print_parameters(console: Console, model: Model) -> None:
    for entry in vocabulary.parameters(model):
        _print_row(console, entry.name, f"{entry.kind}: {entry.says}")


def _print_words(console: Console, model: Model) -> None:
    for form, says in vocabulary.LANGUAGE.items():
        _print_row(console, form, says)
    for entry in vocabulary.words(model):
        _print_row(console, entry.usage, entry.says)


def _print_sites(console: Console, model: Model) -> None:
    places = mirrors(model.root)
    for site in model.sites.values():
        where = ", ".join(places.get(site.id, [])) or f"not mirrored: {site.unreachable}"
        console.print(f"  {site.kind:<11} {site.id}", markup=False)
        print_hanging(console, Text(f"              {site.condition}"), 14)
        console.print(f"              {where}", markup=False, style="dim", soft_wrap=True)


def _print_findings(console: Console, _: Model) -> None:
    for finding in load_findings()[0]:
        _print_row(console, finding.name, finding.title)


LISTED: dict[str, Callable[[Console, Model], None]] = {
    "scenarios": _print_scenarios,
    "properties": _print_properties,
    "versions": lambda console, model: _print_versions(console, "RELEASE", model.sources.versions),
    "hosts": lambda console, model: _print_versions(console, "HOST", model.sources.hosts),
    "actions": _print_actions,
    "parameters": _print_parameters,
    "words": _print_words,
    "sites": _print_sites,
    "findings": _print_findings,
}
"""What can be listed, in this order, and what prints it."""


def _print_versions(console: Console, fact: str, versions: Mapping[str, Version]) -> None:
    """Print versions or hosts, each with what it mirrors, its `fact`, and what it builds on."""
    for name, version in sorted(versions.items()):
        base = f", builds on {version.base}" if version.base else ""
        _print_row(console, name, f"{version.facts.get(fact, '')}{base}")


def _print_row(console: Console, name: str, text: str) -> None:
    """Print a name and what it is, whose lines stand under each other."""
    print_hanging(console, Text(f"  {name:<28} {text}"), 31)


def print_version(console: Console, name: str, model: Model) -> None:
    """Print what a version mirrors, what it builds on, and which functions it changes."""
    version = model.sources.versions[name]
    release = version.facts.get("RELEASE", "")
    console.print(f"[bold]{name}[/bold]  {release}", markup=True)
    doc = ast.get_docstring(version.source.tree) or ""
    console.print(Text(doc), soft_wrap=True)
    if not version.base:
        console.print(f"\nthe text of {model.root.name}/ itself", markup=False)
        return
    found = differences(model.sources, version.base, name)
    changed = ", ".join(sorted({text.name for text in found}))
    console.print(Text(f"\nchanges of {version.base}: {changed}"), soft_wrap=True)
    console.print(f"next: wakeproof show {name} --against {version.base}", style="cyan")


def show_command(options: ShowOptions) -> None:
    """Print a scenario or, with `against`, the texts in which two versions differ, side by side."""
    model = chosen_model(options)
    if options.against is not None:
        old, new = map(model.version_named, (options.against, options.name))
        print_differences(make_console(), old, new, differences(model.sources, old, new))
        return
    version = model.version_named(options.name)
    if version in model.versions:
        print_version(make_console(), version, model)
        return
    findings, cures = load_findings()
    for finding in findings:
        if finding.name == options.name:
            print_finding(make_console(), finding, cures.get(finding.cure), model)
            return
    scenario = scenario_for(model, options.name)
    for mix in scenario.mixes({})[:1]:
        Instance(scenario, mix, model)
    print_scenario_details(make_console(), scenario)
