"""Every violation on every release that cargo has: where it happens, where it was repaired.

A violation is known by its traces in the mixes of one version. They are played on each release, in
all roles: it happens there if one of them does.
"""

from __future__ import annotations

import contextlib
from collections.abc import (
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from wakeproof.check.verdict import NOT_VISIBLE, REPRODUCED
from wakeproof.conform.guest import driver as guest
from wakeproof.conform.guest.reproduce import Reproducer, Reproduction
from wakeproof.crates.releases import features_of, release_of, releases
from wakeproof.execution.trace import StepRow
from wakeproof.language.model import Model
from wakeproof.language.sources import Sources
from wakeproof.scenario.file import Scenario, one_version, read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import Build, build_name, build_of
from wakeproof.scenario.script import steps_of
from wakeproof.util.markdown import table_row
from wakeproof.util.parallel import map_jobs

WORDS = {REPRODUCED: "reproduced", NOT_VISIBLE: "not visible"}
NOT_YET, REPAIRED, GONE = "not applicable", "repaired", "not reproduced"


@dataclass
class Violation:
    """One violation of one scenario, with a trace for each version that has it.

    `seen` says what became of it on each release.
    """

    scenario: str
    property: str
    site: str
    features: tuple[str, ...]
    traces: dict[str, list[StepRow]] = field(default_factory=dict)
    seen: dict[str, Reproduction] = field(default_factory=dict)

    def refuted(self, sources: Sources) -> list[str]:
        """The releases that the versions with a trace mirror, and that do something else."""
        found = [release_of(sources, version) for version in self.traces]
        return [release for release in found if release and not self.happens(release)]

    def happens(self, release: str) -> bool:
        """Whether it was seen on the release, or the release makes all its calls."""
        return release in self.seen and self.seen[release].word in WORDS

    def in_newest(self) -> bool:
        """It is still in the newest release."""
        return self.happens(releases()[-1])


class ReleaseRow(TypedDict):
    """What is known of one violation in some scenarios and builds: a word for each release.

    `releases` maps every release, oldest first, to `reproduced`, `not visible`, `not applicable`,
    `repaired` or `not reproduced`. `site` is empty for an invariant. Each of the `scenarios` has
    the violation in each of the `builds`, which are lists of features.
    """

    property: str
    site: str
    scenarios: list[str]
    builds: list[list[str]]
    releases: dict[str, str]


@dataclass(frozen=True)
class Job:
    """The traces of one scenario in the mix of one version, to be played on all releases."""

    scenario: Scenario
    model: Model
    mix: tuple[tuple[str, str], ...]
    build: Build
    found: tuple[tuple[str, str, tuple[Any, ...]], ...]


Played = dict[tuple[str, str], dict[str, Reproduction]]
# property, site, scenario and build of a violation
Key = tuple[str, str, str, Build]


def collect(
    results: Iterable[Mapping[str, Any]],
    find: Callable[[str], Path],
    model: Model,
) -> tuple[dict[Key, Violation], list[Job]]:
    """The violations of a results file in the mixes of one version, and what to play."""
    sources = model.sources
    violations: dict[Key, Violation] = {}
    together: dict[tuple[str, tuple[tuple[str, str], ...], Build], list[tuple[str, str, Any]]] = {}
    scenarios: dict[str, Scenario] = {}
    for row in results:
        if not row["violations"]:
            continue
        name, mix, build = row["scenario"], dict(row["mix"]), build_of(row)
        if name not in scenarios:
            scenarios[name] = read_scenario(find(name))
        scenario = scenarios[name]
        version = one_version(scenario, mix)
        if version is None or release_of(sources, version) is None:
            continue
        features = features_of(Instance(scenario, mix, model, build).run.parameters)
        if features is None:
            continue
        for found in row["violations"]:
            prop, site, trace = row["property"], found["site"], found["trace"]
            known = violations.setdefault(
                (prop, site, scenario.name, build), Violation(scenario.name, prop, site, features)
            )
            known.traces[version] = trace
            place = (name, tuple(mix.items()), build)
            together.setdefault(place, []).append((prop, site, tuple(trace)))
    jobs = [
        Job(scenarios[name], model, mix, build, tuple(rows))
        for (name, mix, build), rows in together.items()
    ]
    return violations, jobs


def play(job: Job) -> tuple[str, Build, Played]:
    """Play the traces of a job on every release: scenario, build, what became of each."""
    instance = Instance(job.scenario, dict(job.mix), job.model, job.build)
    properties = job.model.properties
    played: Played = {(p, s): {} for p, s, _ in job.found}
    for release in releases():
        same = dict.fromkeys(instance.mix, release)
        with contextlib.closing(Reproducer(instance, same)) as reproducer:
            for prop, site, trace in job.found:
                steps = steps_of(trace, instance.resolved.program, instance.names)
                played[prop, site][release] = reproducer.play(steps, properties[prop])
    return job.scenario.name, job.build, played


def on_every_release(
    results: Sequence[Mapping[str, Any]],
    find: Callable[[str], Path],
    model: Model,
) -> tuple[list[Violation], bool]:
    """Play every violation on every release, those of the newest release first; False at the end
    if it was interrupted. Raises `InputError` if the crates cannot be had.
    """
    violations, jobs = collect(results, find, model)
    for features in {v.features for v in violations.values()}:
        guest.build(features)

    def done(result: tuple[str, Build, Played]) -> None:
        name, build, played = result
        for (prop, site), seen in played.items():
            known = violations[prop, site, name, build].seen
            for release, now in seen.items():
                if release not in known or now.word in WORDS:
                    known[release] = now

    finished = map_jobs(play, jobs, done)
    order = sorted(
        violations.values(), key=lambda v: (not v.in_newest(), v.property, v.site, v.scenario)
    )
    return order, finished


def filled(cells: Sequence[str]) -> tuple[str, ...]:
    """A word for each release, oldest first; where a violation was not seen, it was not there yet,
    is repaired, or is not reproduced any more.
    """
    seen = [number for number, word in enumerate(cells) if word]
    if not seen:
        return (GONE,) * len(cells)
    found = []
    for number, word in enumerate(cells):
        before = NOT_YET if number < seen[0] else GONE
        found.append(word or (REPAIRED if number == seen[-1] + 1 else before))
    return tuple(found)


def rows(violations: Sequence[Violation]) -> list[ReleaseRow]:
    """What is known of every violation; what is in the newest release comes first."""
    together: dict[tuple[str, str, str, tuple[str, ...]], list[Violation]] = {}
    for v in violations:
        together.setdefault((v.property, v.site, v.scenario, v.features), []).append(v)
    scenarios: dict[tuple[bool, str, str, tuple[str, ...]], dict[tuple[str, ...], set[str]]] = {}
    for (prop, site, scenario, features), same in together.items():
        cells = []
        for release in releases():
            words = {v.seen[release].word for v in same if release in v.seen}
            cells.append(next((shown for word, shown in WORDS.items() if word in words), ""))
        gone = not any(v.in_newest() for v in same)
        builds = scenarios.setdefault((gone, prop, site, filled(cells)), {})
        builds.setdefault(features, set()).add(scenario)
    found: list[ReleaseRow] = []
    for (_, prop, site, words_), builds in sorted(scenarios.items()):
        merged: dict[tuple[str, ...], list[list[str]]] = {}
        for features in sorted(builds):
            merged.setdefault(tuple(sorted(builds[features])), []).append(list(features))
        found += [
            {
                "property": prop,
                "site": site,
                "scenarios": list(names),
                "builds": built,
                "releases": dict(zip(releases(), words_, strict=True)),
            }
            for names, built in merged.items()
        ]
    return found


def table(rows: Sequence[ReleaseRow]) -> list[str]:
    """The rows as a table of Markdown."""
    names = list(rows[0]["releases"]) if rows else []
    lines = [
        table_row("violation", "scenarios", "features", *names),
        table_row(*["---"] * (3 + len(names))),
    ]
    for row in rows:
        violation = f"`{row['property']}`" + (f" at `{row['site']}`" if row["site"] else "")
        builds = "; ".join(map(build_name, row["builds"]))
        scenarios = ", ".join(row["scenarios"])
        lines.append(table_row(violation, scenarios, builds, *row["releases"].values()))
    return lines
