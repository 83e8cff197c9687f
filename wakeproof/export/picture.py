"""The forms of a trace that people look at, or that viewers of traces read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wakeproof.crates.releases import mirrored
from wakeproof.errors import InputError
from wakeproof.execution.trace import StepRow
from wakeproof.execution.trace_text import trace_lines
from wakeproof.export.ending import ending_of
from wakeproof.export.issue import (
    GONE,
    PASSED,
    KnownViolation,
    change_places,
    cure_sentence,
    releases_by_outcome,
)
from wakeproof.export.itf import itf
from wakeproof.export.mermaid import mermaid
from wakeproof.export.page import Subject, page
from wakeproof.export.rust.from_trace import program_of
from wakeproof.export.sequence import svg
from wakeproof.export.story import story_of
from wakeproof.export.trace import replayed_steps, title_of
from wakeproof.export.tracks import tracks_of
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.script import steps_of

ROLES = {"export": "exports", "block_on": "`block_on`", "import": "operations"}
"""The roles of a mix in words."""


@dataclass(frozen=True)
class Extra:
    """What a page has besides: a link to the `index` over several, facts by name, other links."""

    index: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()


NOTHING = Extra()


def picture(
    instance: Instance,
    property_id: str,
    violation: Mapping[str, Any],
    form: str,
    known: KnownViolation,
    extra: Extra = NOTHING,
) -> str:
    """Return a saved violation as `html`, `mermaid`, `svg` or `itf`.

    Raises `InputError` for a trace of another model.
    """
    steps = replayed_steps(instance, property_id, violation)
    loop = violation.get("loop")
    if form == "itf":
        return itf(instance, steps, loop)
    story = story_of(instance, steps, loop)
    ending = ending_of(instance.model, property_id, violation)
    title = known.title or title_for(instance, property_id, violation)
    if form == "mermaid":
        return mermaid(story, ending)
    if form == "svg":
        rows = [moment.row for moment in story.moments]
        return svg(story, ending, title, trace_lines(rows, loop))
    subject = subject_of(instance, property_id, violation, known, extra)
    return page(subject, story, ending, tracks_of(story, instance.names))


def title_for(instance: Instance, property_id: str, violation: Mapping[str, Any]) -> str:
    """Return the title of a violation without a finding, or of a walk: that of its scenario."""
    prop = instance.model.properties.get(property_id)
    site = instance.model.sites.get(violation["site"])
    return title_of(prop, site) if prop else instance.scenario.title


def subject_of(
    instance: Instance,
    property_id: str,
    violation: Mapping[str, Any],
    known: KnownViolation,
    extra: Extra,
) -> Subject:
    """Return what a page is about: the finding if it is one, else the scenario."""
    program, unwritten = None, ""
    try:
        steps = steps_of(violation["trace"], instance.resolved.program, instance.names)
        program = program_of(instance, steps, property_id, violation.get("loop"))
    except InputError as error:
        unwritten = f"There is no program: {error.what}."
    story = [" ".join(known.story)] if known.story else instance.scenario.story.split("\n\n")
    return Subject(
        title=known.title or title_for(instance, property_id, violation),
        story=story,
        releases=_releases(known),
        facts=[
            (name, value)
            for name, value in (
                ("The model", _versions(instance, violation["trace"])),
                ("The test", _other_build(instance, known)),
                ("Scenario", f"`{instance.scenario.name}`: {instance.scenario.title}"),
                ("Property", f"`{property_id}`" if property_id else ""),
                *extra.facts,
            )
            if value
        ],
        program=program,
        unwritten=unwritten,
        fault=known.fault,
        harm=known.harm,
        now=known.now,
        why=known.why,
        where={**known.where, "release": known.affected} if known.where else {},
        rule=known.rule,
        cure=cure_sentence(known),
        options=known.options,
        change=change_places(known.cure) if known.cure and known.cure.proposed else (),
        is_tested=known.features is not None,
        example=known.example,
        index=extra.index,
        links=extra.links,
    )


def _releases(known: KnownViolation) -> tuple[str, list[str]]:
    """Return the fact about the releases: how they are built, and what happens on which."""
    outcomes = {line for _, line in known.releases}
    alike = len(outcomes) == 1 and not outcomes & {PASSED, GONE}
    found = releases_by_outcome(known)
    if found and known.features:
        names = " and ".join(f"`{name}`" for name in known.features)
        found.insert(0, f"built with {names}, unless a line names others:")
    return "Happens on" if alike else "Releases", found


def _other_build(instance: Instance, known: KnownViolation) -> str:
    """Return how the test of a finding is built, if that differs from the run; else empty."""
    built = known.features
    if built is None or set(built) == set(instance.features):
        return ""
    features = ", ".join(f"`{name}`" for name in built)
    return f"is built {f'with {features}' if features else 'without optional features'}"


def _versions(instance: Instance, trace: Sequence[StepRow]) -> str:
    """Return the version of each role, with its release, and the features that are on.

    The role `block_on` is left out if the trace has none.
    """
    releases = mirrored(instance.model.sources)
    nested = any(row["action"] == "block_on" for row in trace)
    shown = {
        role: f"{version} (`wit-bindgen` {releases[version]})" if version in releases else version
        for role, version in instance.mix.items()
        if nested or role != "block_on"
    }
    roles = "; ".join(f"{ROLES.get(role, role)}: {version}" for role, version in shown.items())
    versions = next(iter(shown.values())) if len(set(shown.values())) == 1 else roles
    features = ", ".join(f"`{name}`" for name in instance.features)
    return f"{versions}, {f'with {features}' if features else 'without optional features'}"
