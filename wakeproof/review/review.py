"""What a new version changes: its layout, its verdicts, what fits what, and what a host sees.

Every mix in which the new version takes part is checked beside the same mix with the old one in
its place, over all scenarios; and both run in lockstep, to find where a host sees a difference.
"""

from __future__ import annotations

import itertools
from collections.abc import (
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import asdict, dataclass, field
from typing import Any

from wakeproof.check import job as check
from wakeproof.check.job import Job, ScriptImpossible
from wakeproof.check.verdict import Verdict, ViolationRow
from wakeproof.errors import Exit, InputError
from wakeproof.execution.trace import StepRow
from wakeproof.language.model import Model
from wakeproof.review import struct_layout as layout
from wakeproof.review.lockstep import compare
from wakeproof.review.proofs import ProofChanges
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import (
    ROLES,
    Build,
    Mix,
    mix_name,
)
from wakeproof.util.result_cache import digest, map_cached

RANK = ("holds", "unknown", "violated")
MAX_PAIRS = 4_000


@dataclass(frozen=True)
class Change:
    """A verdict that is another with the new version in a mix.

    `word` is `fixed`, `broken` or `unknown`; `site` is empty for an invariant. `trace` is a
    shortest one with the new version if it is broken, with the old one if it is fixed.
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
    """One way in which a host can tell the versions apart, by the shortest program."""

    scenario: str
    old_does: str
    new_does: str
    steps: list[StepRow]
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass
class Review:
    """Everything that there is to say about a new version beside an old one."""

    new: str
    old: str
    rules: list[layout.Rule] = field(default_factory=list)
    structs: Sequence[tuple[str, str, str, str]] = ()
    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    cube: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    behaviour: list[Behaviour] = field(default_factory=list)
    pairs: int = 0
    bounded: list[str] = field(default_factory=list)
    # the scenarios that know only versions which are newer than the old one
    left_out: list[str] = field(default_factory=list)
    # the scenarios, with their mixes, whose script cannot be followed
    impossible: list[str] = field(default_factory=list)
    finished: bool = True
    proofs: ProofChanges | None = None

    @property
    def regressions(self) -> list[Change]:
        """What got worse."""
        return [change for change in self.changes if change.word == "broken"]

    @property
    def status(self) -> Exit:
        """0 nothing got worse, 1 something did, 3 it is not known."""
        if self.regressions or not all(rule.kept for rule in self.rules):
            return Exit.NOT_AS_EXPECTED
        open_ = not self.finished or any(change.word == "unknown" for change in self.changes)
        open_ = open_ or bool(self.impossible)
        return Exit.UNKNOWN if open_ else Exit.AS_EXPECTED


@dataclass(frozen=True)
class Pairing:
    """One scenario, to be run with the old version everywhere and with the new one, in lockstep."""

    scenario: Scenario
    model: Model
    old: str
    new: str
    max_pairs: int
    build: Build = None


def varied(scenario: Scenario, old: str) -> list[str]:
    """The roles in which versions stand in for each other: those that matter to the scenario, if it
    names several versions; else those that know the old one.
    """
    return scenario.open_roles() or [r for r in ROLES if old in scenario.roles[r]]


def mixes_of(scenario: Scenario, versions: Sequence[str], old: str) -> list[Mix]:
    """Every mix of `versions` in the roles that are varied; the others keep theirs."""
    roles = varied(scenario, old)
    lists = [versions if r in roles else scenario.roles[r] for r in ROLES]
    mixes = [dict(zip(ROLES, mix, strict=True)) for mix in itertools.product(*lists)]
    return [m for m in mixes if not scenario.uniform or len(set(m.values())) == 1]


def review(
    new: str,
    old: str,
    scenarios: Sequence[Scenario],
    model: Model,
    beside: Sequence[str] = (),
    fresh: bool = False,
    max_pairs: int = MAX_PAIRS,
    progress: Callable[[int, int], None] = lambda done, all: None,
    build: Build = None,
) -> Review:
    """Review `new` against `old`, in all mixes with each other and with the versions `beside`, in
    the builds that the scenarios say or all in this one.

    Raises `InputError` for an unknown version, and `ModelError` for a model that cannot be read.
    """
    sources = model.sources
    for version in (new, old, *beside):
        sources.chain(version)
    if new == old:
        raise InputError(f"{new} against itself", hint="name two versions")
    result = Review(new, old)
    before, after = layout.structs_of(sources, old), layout.structs_of(sources, new)
    if before is not None and after is not None:
        result.rules = layout.rules(before, after)
        result.structs = layout.lines(after)
    versions = list(dict.fromkeys((*beside, old, new)))
    result.left_out = [s.name for s in scenarios if not varied(s, old)]
    scenarios = [s for s in scenarios if s.name not in result.left_out]
    jobs = [
        # a build that a scenario does not state may have far more states
        Job(s, model, tuple(mix.items()), None, None, symmetry=bool(build), build=build)
        for s in scenarios
        for mix in mixes_of(s, versions, old)
    ]
    pairings = [Pairing(s, model, old, new, max_pairs, build) for s in scenarios]
    total, verdicts = len(jobs) + len(pairings), dict[tuple[str, str], list[Verdict]]()
    found: list[tuple[Pairing, list[Behaviour], int, str]] = []

    def checked(job: Job, rows: list[Verdict]) -> None:
        verdicts[job.scenario.name, mix_name(dict(job.mix))] = rows
        progress(len(verdicts) + len(found), total)

    def compared(pairing: Pairing, seen: tuple[list[Behaviour], int, str]) -> None:
        found.append((pairing, *seen))
        progress(len(verdicts) + len(found), total)

    result.finished = map_cached(run_scenario, jobs, _inputs, checked, fresh) and map_cached(
        run_pairing, pairings, _inputs, compared, fresh
    )
    _compare_verdicts(result, jobs, verdicts)
    _fill_cube(result, jobs, verdicts)
    # as they stand in the folder, not as they came
    _collect_behaviour(result, sorted(found, key=lambda one: pairings.index(one[0])))
    return result


def run_scenario(job: Job) -> list[Verdict]:
    """The verdicts of a scenario in a mix; none if its script cannot be followed there."""
    try:
        return check.run_job(job)
    except ScriptImpossible:
        return []


def _inputs(job: Job | Pairing) -> Iterable[object]:
    """What a result depends on."""
    # a job has everything that its scenario says, what that has from its base too
    yield job
    yield from map(digest, job.model.texts)


def run_pairing(pairing: Pairing) -> tuple[list[Behaviour], int, str]:
    """Both versions of a scenario in lockstep: differences, pairs of states, the limit reached."""
    scenario = pairing.scenario
    bounds = [
        Instance(
            scenario,
            mixes_of(scenario, [version], pairing.old)[0],
            pairing.model,
            pairing.build,
        )
        for version in (pairing.old, pairing.new)
    ]
    found = compare(bounds[0], bounds[1], pairing.max_pairs)
    tracer = bounds[0].tracer()
    rows = []
    for difference in found.differences.values():
        steps, _ = tracer.trace(difference.steps[:-1])
        newer = bounds[1].tracer() if difference.kind[0] == "not possible" else tracer
        final = newer.row(difference.steps[-1], [], {})
        rows.append(
            Behaviour(
                scenario.name, *difference.kind, [*steps, final], difference.old, difference.new
            )
        )
    return rows, found.pairs, found.limit


def _compare_verdicts(
    result: Review, jobs: Sequence[Job], verdicts: Mapping[tuple[str, str], list[Verdict]]
) -> None:
    """Every mix with the new version beside the same mix with the old one."""
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
            changes = list(_changes(now, then, name, other))
            result.changes += changes
            result.unchanged += not changes
    order = {"broken": 0, "unknown": 1, "fixed": 2}
    result.changes.sort(key=lambda c: (order[c.word], c.property, c.site, len(c.trace)))


def _changes(now: Verdict, then: Verdict, name: str, other: str) -> Iterable[Change]:
    """What differs between two verdicts on the same property, site by site."""
    if "unknown" in (now.verdict, then.verdict):
        yield Change("unknown", now.property, "", now.scenario, name, other, [])
        return
    after = {row["site"]: row for row in now.violations}
    before = {row["site"]: row for row in then.violations}
    for word, have, have_not in (("broken", after, before), ("fixed", before, after)):
        for site, row in have.items():
            if site not in have_not:
                yield _change(word, row, now, name, other)


def _change(word: str, row: ViolationRow, now: Verdict, name: str, other: str) -> Change:
    return Change(word, now.property, row["site"], now.scenario, name, other, row["trace"])


def _fill_cube(
    result: Review, jobs: Sequence[Job], verdicts: Mapping[tuple[str, str], list[Verdict]]
) -> None:
    """The worst verdict of every mix, with the property behind it, and how many have that verdict.

    A bad end is worse than another violation; then the model's order of the properties counts.
    """
    properties = jobs[0].model.properties.values() if jobs else []
    gravity = {p.id: (bool(p.outcome), -number) for number, p in enumerate(properties)}
    found: dict[str, set[tuple[int, tuple[bool, int], str]]] = {}
    for job in jobs:
        name = mix_name(dict(job.mix))
        for verdict in verdicts.get((job.scenario.name, name), ()):
            rank = RANK.index(verdict.verdict)
            shown = verdict.property if rank else ""
            found.setdefault(name, set()).add((rank, gravity[verdict.property], shown))
    for name, cells in found.items():
        rank, _, prop = max(cells)
        same = len({shown for other, _, shown in cells if other == rank})
        result.cube[name] = (RANK[rank], prop, same)


def _collect_behaviour(
    result: Review, found: Iterable[tuple[Pairing, list[Behaviour], int, str]]
) -> None:
    """The shortest program for every kind of difference, over all scenarios."""
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
    """The review as a document."""
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
        "compatibility": {mix: list(worst) for mix, worst in result.cube.items()},
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
