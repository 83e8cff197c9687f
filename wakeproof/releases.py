"""Every violation on every release that cargo has: where it happens, where it was repaired.

A violation is known by its traces in the mixes of one version. They are played on each release, in
all roles: it happens there if one of them does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from wakeproof import guest
from wakeproof.check import NOT_VISIBLE, REPRODUCED, Instance, build_of, mix_name
from wakeproof.content import Property
from wakeproof.guest import release_of
from wakeproof.model import Model
from wakeproof.pool import map_jobs
from wakeproof.reader import Sources
from wakeproof.report import table_row, trace_lines
from wakeproof.reproduce import Reproducer, Reproduction, features_of
from wakeproof.scenario import Build, Mix, Scenario, read_scenario, steps_of
from wakeproof.sites import Site
from wakeproof.trace import StepRow
from wakeproof.violations import build_name, by_mix, reality

WORDS = {REPRODUCED: "reproduced", NOT_VISIBLE: "not visible"}
NOT_YET, REPAIRED, GONE = "not applicable", "repaired", "not reproduced"
NOT_PLAYED = "not played"


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
        return self.happens(guest.releases()[-1])


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


def one_version(scenario: Scenario, mix: Mix) -> str | None:
    """The version of every role that matters to a scenario, if it is one."""
    versions = {mix[role] for role in scenario.open_roles()} or set(mix.values())
    return versions.pop() if len(versions) == 1 else None


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
    for release in guest.releases():
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
        for release in guest.releases():
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
                "releases": dict(zip(guest.releases(), words_, strict=True)),
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


def markdown(
    violations: Sequence[Violation],
    results: Sequence[Mapping[str, Any]],
    properties: Mapping[str, Property],
    sites: Mapping[str, Site],
    newest_version: str,
) -> str:
    """The page: a table over the releases, the programs of the newest, the mixes with it."""
    names = guest.releases()
    lines = [
        "# Violations by release",
        "",
        "Generated by `wakeproof releases RESULTS.json... --report FILE` from the results of",
        "`wakeproof check --real --json RESULTS.json`, and of `--every-build`. Each violation that",
        "a mix of one version has was played on each release of `wit-bindgen`, in all roles, built",
        "with the features with which it was found: every build with the same words stands in one",
        "row, with `;` between the builds. *Reproduced*: the same calls and the same end. *Not",
        "visible*: the same calls, and a host could see nothing yet. Where a release does",
        "something else: *not applicable* if it is older than all that have it, *repaired* if it",
        "is the first without it (it, or the way there, was), *not reproduced* after that.",
        "",
        *table(rows(violations)),
    ]
    lines += ["", f"## In {names[-1]}, with the shortest program", ""]
    shortest: dict[tuple[str, str], Violation] = {}
    for violation in violations:
        key = (violation.property, violation.site)
        if violation.in_newest() and violation.traces.get(newest_version):
            known = shortest.get(key)
            if known is None or _length(violation, newest_version) < _length(known, newest_version):
                shortest[key] = violation
    for violation in shortest.values():
        lines += _program(violation, properties, sites, newest_version)
    lines += [f"## In mixes with {newest_version}", ""]
    lines += [
        "What the released crates did with every violation of the results. Traces in the builds",
        "that scenarios state are in [verdicts.md](verdicts.md). *Not released*: the mix has",
        "a version that no release is, or the roles of one release differ in their features.",
        "",
    ]
    heads = ("property", "site", "features", "on the crates", "mixes")
    lines += [table_row(*heads), table_row(*["---"] * len(heads))]
    lines += _mixes(results, newest_version)
    return "\n".join(lines) + "\n"


def _length(violation: Violation, version: str) -> int:
    return len(violation.traces[version])


def _program(
    violation: Violation,
    properties: Mapping[str, Property],
    sites: Mapping[str, Site],
    version: str,
) -> list[str]:
    site = f" at `{violation.site}`" if violation.site else ""
    lines = [f"### `{violation.property}`{site}", "", f"`{violation.scenario}`:", "", "```text"]
    lines += [*trace_lines(violation.traces[version]), "```", ""]
    if violation.site in sites:
        lines.append(f"Must hold: {sites[violation.site].condition}.")
    lines.append(properties[violation.property].means)
    return [*lines, f"On the crate: {violation.seen[guest.releases()[-1]]}.", ""]


def _mixes(results: Iterable[Mapping[str, Any]], version: str) -> list[str]:
    """Every violation in a mix with the version, by what the crates did."""
    found = (
        (row["property"], v["site"], build_of(row), reality(v) or NOT_PLAYED, mix_name(row["mix"]))
        for row in results
        if version in row["mix"].values()
        for v in row["violations"]
    )
    return [
        table_row(f"`{prop}`", f"`{site}`" if site else "", builds, word, ", ".join(mixes))
        for prop, site, builds, word, mixes in by_mix(found)
    ]
