"""What runs put to the test: actions, sites and properties, and what a scenario expects of it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from wakeproof.check.verdict import Verdict, run_of
from wakeproof.explore.coverage import sites_of
from wakeproof.explore.result import Coverage, Exploration
from wakeproof.language.properties import Property
from wakeproof.language.sites import KINDS, Site
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import run_name


@dataclass(frozen=True)
class Covered:
    """What a run put to the test.

    `coverage` is None if that is not known. `sites` has the sites of the functions that the allowed
    actions call, each with whether one of these functions was executed; `never_taken` are the
    allowed actions that were not possible; `table` describes every site.
    """

    coverage: Coverage | None
    sites: Mapping[str, bool]
    never_taken: tuple[str, ...]
    table: Mapping[str, Site]

    def of(self, verdict: Verdict, prop: Property) -> Verdict:
        """Return a verdict with what was put to the test.

        Nothing is known of a property of progress that the run does not decide.
        """
        if self.coverage is None or (prop.progress and verdict.verdict == "unknown"):
            return verdict
        own = {}
        tested = prop.id in self.coverage.tested
        if prop.outcome:
            own = {
                site: is_tested
                for site, is_tested in self.sites.items()
                if KINDS[self.table[site].kind] == prop.outcome
            }
            tested = any(own.values())
        return dataclasses.replace(verdict, tested=tested, sites=own, never_taken=self.never_taken)


def covered_by(instance: Instance, found: Exploration, named: Sequence[str] | None) -> Covered:
    """Return what an exploration of an instance put to the test; `named` are its actions, or all.

    A script has taken its steps, and names no other action; the initial one is not counted.
    """
    coverage, table = found.coverage, instance.model.sites
    if coverage is None:
        return Covered(None, {}, (), table)
    program = instance.resolved.program
    functions = sites_of(program, instance.actions)
    sites = {site: not coverage.ran.isdisjoint(names) for site, names in functions.items()}
    marks = {name: function.marks["action"] for name, function in program.marked("action").items()}
    never = [
        name
        for name in instance.actions
        if marks[name] != "initial"
        and instance.script is None
        and name not in coverage.taken
        and (named is None or name in named)
    ]
    return Covered(coverage, sites, tuple(never), table)


@dataclass(frozen=True)
class Untested:
    """What the runs of a scenario did not put to the test: names, each with a number of runs.

    The number of `runs` is that of which it is known. Of a site or a property the second number is
    that of the runs that might have put it to the test.
    """

    runs: int
    actions: Mapping[str, int]
    sites: Mapping[str, tuple[int, int]]
    properties: Mapping[str, tuple[int, int]]

    @property
    def never_taken(self) -> list[str]:
        """The actions that no run took."""
        return [name for name, count in self.actions.items() if count == self.runs]


def untested(verdicts: Iterable[Verdict]) -> Untested:
    """Return what these verdicts, of one scenario or of several, did not put to the test."""
    known = [v for v in verdicts if v.tested is not None]
    runs = {(v.scenario, run_of(v)): v for v in known}
    actions: dict[str, int] = {}
    for name in itertools.chain.from_iterable(v.never_taken for v in runs.values()):
        actions[name] = actions.get(name, 0) + 1
    sites = [item for v in known for item in v.sites.items()]
    properties = [(v.property, bool(v.tested)) for v in known]
    return Untested(len(runs), actions, _not_in_all(sites), _not_in_all(properties))


def _not_in_all(rows: Iterable[tuple[str, bool]]) -> dict[str, tuple[int, int]]:
    """Count, for each name that is not true in every row, the rows in which it is not, and all."""
    counts: dict[str, tuple[int, int]] = {}
    for name, is_true in rows:
        missing, every = counts.get(name, (0, 0))
        counts[name] = missing + (not is_true), every + 1
    return {name: count for name, count in counts.items() if count[0]}


def never(counts: Mapping[str, tuple[int, int]]) -> list[str]:
    """List the names that no run put to the test."""
    return [name for name, (missing, every) in counts.items() if missing == every]


def is_whole(scenario: Scenario, own: Set[str], verdicts: Iterable[Verdict]) -> bool:
    """Return whether these verdicts are about every one of its `own` runs, without a limit.

    One that other versions have joined is not judged by them: it was not written for them.
    """
    done = {run_of(v) for v in verdicts if v.tested is not None}
    return not scenario.extra_versions and done >= own


def unexpected_actions(scenario: Scenario, verdicts: Sequence[Verdict]) -> dict[str, str]:
    """Return the actions of a scenario that are not as it expects, each with what is wrong.

    It expects that each action that it names is possible in some mix, but for those that are
    `never`; a question expects only those that are allowed besides what the host and the peers do.
    Only its own mixes and builds count.
    """
    every = itertools.product(scenario.mixes({}), scenario.builds())
    own = {run_name(mix, build) for mix, build in every}
    verdicts = [v for v in verdicts if run_of(v) in own]
    if not is_whole(scenario, own, verdicts):
        return {}
    missing = untested(verdicts).never_taken
    if scenario.also:
        return {name: "never possible" for name in scenario.also if name in missing}
    if scenario.is_question or scenario.actions is None:
        return {}
    return {
        **{name: "never possible" for name in missing if name not in scenario.never},
        **{name: "possible, expected never" for name in scenario.never if name not in missing},
    }
