"""Play every violation on every release: where it happens, and where it was repaired.

A violation has its traces in mixes of one version. They are played on each release of the crates,
in all roles; it happens there if one of them does.
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

from wakeproof.check.carried import scenario_of
from wakeproof.check.results_file import host_of
from wakeproof.check.verdict import NOT_VISIBLE, REPRODUCED
from wakeproof.conform.guest.driver import build_driver
from wakeproof.conform.guest.reproduce import Reproducer, Reproduction
from wakeproof.crates.releases import features_of, release_of, releases
from wakeproof.execution.trace import StepRow
from wakeproof.language.model import Model
from wakeproof.language.sources import Sources
from wakeproof.scenario.file import Scenario, one_version, read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import Build, build_of
from wakeproof.scenario.script import steps_of
from wakeproof.util.parallel import Workers, map_jobs

# the words for a release where a violation happens, as the crates show it, and for one where not
WORDS = {REPRODUCED: "reproduced", NOT_VISIBLE: "not visible"}
NOT_YET, REPAIRED, GONE = "not applicable", "repaired", "not reproduced"


@dataclass
class PlayedViolation:
    """One violation of one scenario, with a trace for each version that has it.

    `seen` has what became of it on each release.
    """

    scenario: str
    property: str
    site: str
    features: tuple[str, ...]
    traces: dict[str, list[StepRow]] = field(default_factory=dict)
    seen: dict[str, Reproduction] = field(default_factory=dict)

    def refuted(self, sources: Sources) -> list[str]:
        """List the releases that do something else although a version with a trace mirrors them."""
        found = [release_of(sources, version) for version in self.traces]
        return [release for release in found if release and not self.happens(release)]

    def happens(self, release: str) -> bool:
        """Whether it was seen on the release, or the release makes the same calls."""
        return release in self.seen and self.seen[release].word in WORDS

    def in_newest(self) -> bool:
        """Whether it happens on the newest release."""
        return self.happens(releases()[-1])


class ReleaseRow(TypedDict):
    """One violation in some scenarios and builds, with a word for each release.

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
class ReleasesJob:
    """The traces of one scenario in the mix of one version, to be played on all releases.

    `found` has the property, site and trace of each violation.
    """

    scenario: Scenario
    model: Model
    mix: tuple[tuple[str, str], ...]
    build: Build
    found: tuple[tuple[str, str, tuple[Any, ...]], ...]


# what became of each violation (property and site) on each release
PlayedTraces = dict[tuple[str, str], dict[str, Reproduction]]
# property, site, scenario and build of a violation
Key = tuple[str, str, str, Build]


def collect_violations(
    results: Iterable[Mapping[str, Any]],
    find: Callable[[str], Path],
    model: Model,
) -> tuple[dict[Key, PlayedViolation], list[ReleasesJob]]:
    """Collect the violations of a results file in mixes of one version, and the jobs to play them.

    `find` returns the file of a scenario. Versions that mirror no release are left out.
    """
    sources = model.sources
    violations: dict[Key, PlayedViolation] = {}
    together: dict[
        tuple[str, Model, tuple[tuple[str, str], ...], Build], list[tuple[str, str, Any]]
    ] = {}
    scenarios: dict[str, Scenario] = {}
    for row in results:
        if not row["violations"]:
            continue
        name, mix, build = scenario_of(row), dict(row["mix"]), build_of(row)
        if name not in scenarios:
            scenarios[name] = read_scenario(find(name))
        scenario = scenarios[name]
        version = one_version(scenario, mix)
        if version is None or release_of(sources, version) is None:
            continue
        played = host_of(model, row)
        features = features_of(Instance(scenario, mix, played, build).run.parameters)
        if features is None:
            continue
        for found in row["violations"]:
            prop, site, trace = row["property"], found["site"], found["trace"]
            known = violations.setdefault(
                (prop, site, scenario.name, build),
                PlayedViolation(scenario.name, prop, site, features),
            )
            known.traces[version] = trace
            place = (name, played, tuple(mix.items()), build)
            together.setdefault(place, []).append((prop, site, tuple(trace)))
    jobs = [
        ReleasesJob(scenarios[name], played, mix, build, tuple(rows))
        for (name, played, mix, build), rows in together.items()
    ]
    return violations, jobs


def play_on_releases(job: ReleasesJob) -> tuple[str, Build, PlayedTraces]:
    """Play the traces of a job on every release; returns scenario, build and results."""
    instance = Instance(job.scenario, dict(job.mix), job.model, job.build)
    properties = job.model.properties
    played: PlayedTraces = {(p, s): {} for p, s, _ in job.found}
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
    pool: Workers | None = None,
) -> tuple[list[PlayedViolation], bool]:
    """Play every violation on every release, in new worker processes or those of a `pool`.

    Returns the violations, those on the newest release first, and False if it was interrupted.
    Raises `InputError` without cargo or the crates.
    """
    violations, jobs = collect_violations(results, find, model)
    for features in {v.features for v in violations.values()}:
        build_driver(features)

    def done(result: tuple[str, Build, PlayedTraces]) -> None:
        name, build, played = result
        for (prop, site), seen in played.items():
            known = violations[prop, site, name, build].seen
            for release, now in seen.items():
                if release not in known or now.word in WORDS:
                    known[release] = now

    finished = map_jobs(play_on_releases, jobs, done, pool)
    order = sorted(
        violations.values(), key=lambda v: (not v.in_newest(), v.property, v.site, v.scenario)
    )
    return order, finished


def filled(cells: Sequence[str]) -> tuple[str, ...]:
    """Return a word for each release, oldest first, from those where the violation was seen.

    A release without it is older than all with it, is the first after one with it, or is neither.
    """
    seen = [number for number, word in enumerate(cells) if word]
    if not seen:
        return (GONE,) * len(cells)
    found = []
    for number, word in enumerate(cells):
        before = NOT_YET if number < seen[0] else GONE
        found.append(word or (REPAIRED if number == seen[-1] + 1 else before))
    return tuple(found)


def release_rows(violations: Sequence[PlayedViolation]) -> list[ReleaseRow]:
    """Put violations with the same words together; those on the newest release come first."""
    together: dict[tuple[str, str, str, tuple[str, ...]], list[PlayedViolation]] = {}
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
