"""What a new version changes: layout, verdicts, compatibility of the mixes, behaviour.

Each mix that has the new version is checked beside the same mix with the old version in its place,
over all scenarios. Both versions also run in lockstep, to find where a host sees a difference.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from wakeproof.check.job import Job, ScriptImpossible, lost_verdicts, run_job, together
from wakeproof.check.verdict import Verdict, ViolationRow
from wakeproof.errors import Exit, InputError
from wakeproof.execution.trace import StepRow
from wakeproof.language.model import Model
from wakeproof.language.sources import Sources
from wakeproof.review import struct_layout
from wakeproof.review.lockstep import run_in_lockstep
from wakeproof.review.proofs import ProofChanges
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import ROLES, Build, Mix, mix_name
from wakeproof.util.parallel import Workers
from wakeproof.util.result_cache import NotFinal, digest, map_cached

RANK = ("holds", "unknown", "violated")
MAX_PAIRS = 4_000


@dataclass(frozen=True)
class Comparison:
    """A new version and the old one that it is compared with.

    The mixes are those of `new`, `old` and the versions `beside`. `build` replaces the builds that
    the scenarios state, unless it is None. The lockstep runs end after `max_pairs` pairs of states.
    """

    new: str
    old: str
    beside: Sequence[str] = ()
    build: Build = None
    max_pairs: int = MAX_PAIRS


@dataclass(frozen=True)
class Change:
    """A verdict of a mix that differs between the new and the old version.

    `word` is `fixed`, `broken` or `unknown`; `site` is empty for an invariant. `trace` is a
    shortest one: with the new version if the verdict is broken, with the old one if it is fixed.
    """

    word: str
    property: str
    site: str
    scenario: str
    mix: str
    instead_of: str
    trace: list[StepRow]


@dataclass(frozen=True)
class Behaviour:
    """A difference that a host sees between the versions, with the shortest program."""

    scenario: str
    old_does: str
    new_does: str
    steps: list[StepRow]
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass
class Review:
    """The result of a review.

    `compatibility` maps each mix to its worst verdict, a property that has this verdict, and the
    number of properties that have it. The lockstep runs compared `pairs` pairs of states; those
    of the scenarios `bounded` reached a limit. `hosts` says that both are hosts, and that the
    releases are the same on both sides.
    """

    new: str
    old: str
    hosts: bool = False
    rules: list[struct_layout.Rule] = field(default_factory=list)
    structs: Sequence[tuple[str, str, str, str]] = ()
    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    compatibility: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    behaviour: list[Behaviour] = field(default_factory=list)
    pairs: int = 0
    bounded: list[str] = field(default_factory=list)
    # the scenarios that name only versions newer than the old one
    left_out: list[str] = field(default_factory=list)
    # the scenarios, with their mixes, whose script cannot be followed
    impossible: list[str] = field(default_factory=list)
    finished: bool = True
    proofs: ProofChanges | None = None

    @property
    def regressions(self) -> list[Change]:
        """The verdicts that got worse."""
        return [change for change in self.changes if change.word == "broken"]

    @property
    def status(self) -> Exit:
        """0 if nothing got worse, 1 if something did, 3 if that is unknown."""
        if self.regressions or not all(rule.kept for rule in self.rules):
            return Exit.NOT_AS_EXPECTED
        unknown = any(change.word == "unknown" for change in self.changes)
        if unknown or self.impossible or not self.finished:
            return Exit.UNKNOWN
        return Exit.AS_EXPECTED


@dataclass(frozen=True)
class Pairing:
    """One scenario, to be run in lockstep: with the old version in all roles, and with the new."""

    scenario: Scenario
    model: Model
    comparison: Comparison


def varied(scenario: Scenario, old: str) -> list[str]:
    """Return the roles in which the versions are exchanged.

    These are the roles that matter to the scenario if it names several versions, and otherwise
    those for which it names the old version.
    """
    return scenario.open_roles() or [r for r in ROLES if old in scenario.roles[r]]


def mixes_of(scenario: Scenario, versions: Sequence[str], old: str) -> list[Mix]:
    """Return every mix of `versions` in the varied roles; the other roles keep their versions."""
    roles = varied(scenario, old)
    lists = [versions if r in roles else scenario.roles[r] for r in ROLES]
    mixes = [dict(zip(ROLES, mix, strict=True)) for mix in itertools.product(*lists)]
    return [m for m in mixes if not scenario.uniform or len(set(m.values())) == 1]


def review(
    comparison: Comparison,
    scenarios: Sequence[Scenario],
    model: Model,
    fresh: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    pool: Workers | None = None,
) -> Review:
    """Check and run the mixes of a comparison; `fresh` ignores cached results.

    `progress` is called with the number of finished runs and of all. They run in new worker
    processes or in those of a `pool`. Raises `InputError` for an
    unknown version, and `ModelError` for a model that cannot be read.
    """
    new, old = comparison.new, comparison.old
    sources = model.sources
    for version in (new, old, *comparison.beside):
        sources.chain(version)
    if new == old:
        raise InputError(f"{new} against itself", hint="name two versions")
    result = Review(new, old)
    _compare_layouts(result, sources)
    versions = list(dict.fromkeys((*comparison.beside, old, new)))
    result.left_out = [s.name for s in scenarios if not varied(s, old)]
    scenarios = [s for s in scenarios if s.name not in result.left_out]
    build = comparison.build
    jobs = [
        # a build that a scenario does not state may have far more states
        Job(s, model, tuple(mix.items()), None, None, symmetry=bool(build), build=build)
        for s in scenarios
        for mix in mixes_of(s, versions, old)
    ]
    pairings = [Pairing(s, model, comparison) for s in scenarios]
    total, verdicts = len(jobs) + len(pairings), dict[tuple[str, str], list[Verdict]]()
    found: list[tuple[Pairing, list[Behaviour], int, str]] = []

    def checked(job: Job, rows: list[Verdict]) -> None:
        verdicts[job.scenario.name, mix_name(dict(job.mix))] = rows
        progress(len(verdicts) + len(found), total)

    def compared(pairing: Pairing, seen: tuple[list[Behaviour], int, str]) -> None:
        found.append((pairing, *seen))
        progress(len(verdicts) + len(found), total)

    result.finished = map_cached(
        run_scenario, together(jobs), inputs_of, checked, fresh, pool, NotFinal(lost_verdicts)
    ) and map_cached(run_pairing, pairings, inputs_of, compared, fresh, pool)
    _compare_verdicts(result, jobs, verdicts)
    collect_compatibility(result, jobs, verdicts)
    # in the order of the scenarios, not in that in which the runs ended
    _collect_behaviour(result, sorted(found, key=lambda one: pairings.index(one[0])))
    return result


def _compare_layouts(result: Review, sources: Sources) -> None:
    """Check the rules of the layouts, unless one of the versions declares no structs."""
    before = struct_layout.structs_of(sources, result.old)
    after = struct_layout.structs_of(sources, result.new)
    if before is not None and after is not None:
        result.rules = struct_layout.rules(before, after)
        result.structs = struct_layout.field_rows(after)


def run_scenario(job: Job) -> list[Verdict]:
    """Return the verdicts of a scenario in a mix; none if its script cannot be followed there."""
    try:
        return run_job(job)
    except ScriptImpossible:
        return []


def inputs_of(job: Job | Pairing) -> Iterable[object]:
    """Yield what the result of a run depends on."""
    # a job has the whole scenario, with what that takes from its base
    yield dataclasses.replace(job, among=()) if isinstance(job, Job) else job
    yield from map(digest, job.model.texts)


def run_pairing(pairing: Pairing) -> tuple[list[Behaviour], int, str]:
    """Run both versions in lockstep; return differences, pairs of states and the limit reached."""
    scenario, comparison = pairing.scenario, pairing.comparison
    old, new = (
        Instance(
            scenario,
            mixes_of(scenario, [version], comparison.old)[0],
            pairing.model,
            comparison.build,
        )
        for version in (comparison.old, comparison.new)
    )
    found = run_in_lockstep(old, new, comparison.max_pairs)
    tracer = old.tracer()
    rows = []
    for difference in found.differences.values():
        steps, _ = tracer.trace(difference.steps[:-1])
        last_tracer = new.tracer() if difference.kind[0] == "not possible" else tracer
        final = last_tracer.row(difference.steps[-1], [], {})
        rows.append(
            Behaviour(
                scenario.name, *difference.kind, [*steps, final], difference.old, difference.new
            )
        )
    return rows, found.pairs, found.limit


def _compare_verdicts(
    result: Review, jobs: Sequence[Job], verdicts: Mapping[tuple[str, str], list[Verdict]]
) -> None:
    """Compare each mix that has the new version with the same mix of the old one."""
    for job in jobs:
        mix = dict(job.mix)
        if result.new not in mix.values():
            continue
        instead = {r: result.old if v == result.new else v for r, v in mix.items()}
        name, other = mix_name(mix), mix_name(instead)
        rows = verdicts.get((job.scenario.name, name))
        before = verdicts.get((job.scenario.name, other))
        if rows is None or before is None:
            continue
        if not rows or not before:
            result.impossible.append(f"{job.scenario.name} ({name if before else other})")
            continue
        for now, then in zip(rows, before, strict=True):
            changes = list(changes_between(now, then, name, other))
            result.changes += changes
            result.unchanged += not changes
    sort_changes(result)


def sort_changes(result: Review) -> None:
    """Sort the changes: what got worse first, and of each property and site the shortest."""
    order = {"broken": 0, "unknown": 1, "fixed": 2}
    result.changes.sort(key=lambda c: (order[c.word], c.property, c.site, len(c.trace)))


def changes_between(now: Verdict, then: Verdict, name: str, other: str) -> Iterable[Change]:
    """Yield the differences between two verdicts on the same property, site by site."""
    if is_left_open(now) and is_left_open(then):
        return
    if "unknown" in (now.verdict, then.verdict):
        yield Change("unknown", now.property, "", now.scenario, name, other, [])
        return
    after = {row["site"]: row for row in now.violations}
    before = {row["site"]: row for row in then.violations}
    for word, have, have_not in (("broken", after, before), ("fixed", before, after)):
        for site, row in have.items():
            if site not in have_not:
                yield _change(word, row, now, name, other)


def is_left_open(verdict: Verdict) -> bool:
    """Return whether a verdict is unknown, as its scenario leaves it: nothing changes by that."""
    return verdict.verdict == "unknown" and verdict.as_expected


def _change(word: str, row: ViolationRow, now: Verdict, name: str, other: str) -> Change:
    return Change(word, now.property, row["site"], now.scenario, name, other, row["trace"])


def collect_compatibility(
    result: Review, jobs: Sequence[Job], verdicts: Mapping[tuple[str, str], list[Verdict]]
) -> None:
    """Find the worst verdict of each mix, a property that has it, and how many properties do.

    A run that ends in a panic or a trap is worse than another violation; among equals the first
    property in the order of the model is named.
    """
    properties = jobs[0].model.properties.values() if jobs else []
    gravity = {p.id: (bool(p.outcome), -number) for number, p in enumerate(properties)}
    found: dict[str, set[tuple[int, tuple[bool, int], str]]] = {}
    for job in jobs:
        name = mix_name(dict(job.mix))
        for verdict in verdicts.get((job.scenario.name, name), ()):
            if is_left_open(verdict):
                continue
            rank = RANK.index(verdict.verdict)
            shown = verdict.property if rank else ""
            found.setdefault(name, set()).add((rank, gravity[verdict.property], shown))
    for name, cells in found.items():
        rank, _, prop = max(cells)
        same = len({shown for other, _, shown in cells if other == rank})
        result.compatibility[name] = (RANK[rank], prop, same)


def _collect_behaviour(
    result: Review, found: Iterable[tuple[Pairing, list[Behaviour], int, str]]
) -> None:
    """Find the shortest program for every kind of difference, over all scenarios."""
    shortest: dict[tuple[str, str], Behaviour] = {}
    for pairing, rows, pairs, limit in found:
        result.pairs += pairs
        if limit:
            result.bounded.append(pairing.scenario.name)
        for row in rows:
            kind = (row.old_does, row.new_does)
            if kind not in shortest or len(row.steps) < len(shortest[kind].steps):
                shortest[kind] = row
    result.behaviour = sorted(
        shortest.values(), key=lambda b: (len(b.steps), b.old_does, b.new_does)
    )
    result.bounded.sort()


def to_json(result: Review) -> dict[str, Any]:
    """Return the review as a JSON document."""
    return {
        "tool": "wakeproof",
        "review": result.new,
        "against": result.old,
        "finished": result.finished,
        "layout": [asdict(rule) for rule in result.rules],
        "structs": [list(line) for line in result.structs],
        "changes": [asdict(change) for change in result.changes],
        "unchanged": result.unchanged,
        "left_out": result.left_out,
        "impossible": result.impossible,
        "compatibility": {mix: list(worst) for mix, worst in result.compatibility.items()},
        "behaviour": [asdict(behaviour) for behaviour in result.behaviour],
        "pairs": result.pairs,
        "bounded": result.bounded,
        "proofs": None
        if result.proofs is None
        else {
            "lost": [{"goal": x.goal, "action": x.answer.action} for x in result.proofs.lost],
            "kept": list(result.proofs.kept),
            "gained": list(result.proofs.gained),
        },
        "regressions": len(result.regressions),
    }
