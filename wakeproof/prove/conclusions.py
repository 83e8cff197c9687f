"""Conclusions about the properties: proved, violated, or open.

A fact that is not inductive may be true. It is violated if a bundled scenario has a trace, which
may take more members of an index type than the proofs have.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from wakeproof.check import job as check
from wakeproof.check.verdict import Verdict
from wakeproof.language.model import Model
from wakeproof.language.properties import Property
from wakeproof.prove.obligation import Answer, site_goal
from wakeproof.prove.proof import Proof
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.instance import with_extra_versions
from wakeproof.scenario.mixes import Mix, mix_name
from wakeproof.util.parallel import Workers
from wakeproof.util.result_cache import NotFinal, digest, map_cached
from wakeproof.util.text import plural

PROVED, VIOLATED, OPEN = "proved", "violated", "open"
ABSENT = "not of this mix"
ANY_NUMBER = "proved for any number"


@dataclass(frozen=True)
class Trace:
    """A violation: its bundled scenario, and the number of its steps there."""

    scenario: str
    steps: int

    def __str__(self) -> str:
        return f"{self.scenario}, {plural(self.steps, 'step')}"


@dataclass
class Conclusion:
    """What is known of one property in one mix.

    `open` are the goals that are neither proved nor violated, with the obligations that fail;
    `violated` those with a trace; `proved` the rest, and `any_number` those of them that are proved
    for any number of members, not for the given sizes alone. The goal of an invariant is its id,
    those of a way to go wrong are its sites, or one `site`. `needs` are the facts that the proofs
    use. A property is `absent` if the mix does not have it.
    """

    property: Property
    site: str = ""
    absent: bool = False
    proved: list[str] = field(default_factory=list)
    violated: dict[str, Trace] = field(default_factory=dict)
    open: dict[str, list[Answer]] = field(default_factory=dict)
    needs: set[str] = field(default_factory=set)
    any_number: list[str] = field(default_factory=list)

    def verdict(self) -> str:
        """The worst of its goals."""
        if self.absent:
            return ABSENT
        return VIOLATED if self.violated else OPEN if self.open else PROVED

    def name(self) -> str:
        """The name of the property, or of the site."""
        return self.site or self.property.id

    def words(self) -> str:
        """The verdict, and whether it is for any number."""
        everything = self.any_number and self.any_number == self.proved
        verdict = self.verdict()
        return ANY_NUMBER if verdict == PROVED and everything else verdict


Violations = Mapping[tuple[str, str, str], Trace]
"""Traces by the name of a mix, the id of a property and a site (empty for an invariant)."""


def violated_goals(known: Violations, properties: Sequence[Property]) -> set[tuple[str, str]]:
    """The goals with a trace, each with the name of its mix."""
    outcomes = {prop.id: prop.outcome for prop in properties}
    return {
        (mix, site_goal(outcomes[prop], site) if outcomes[prop] else prop)
        for mix, prop, site in known
    }


def conclude(proof: Proof, property: Property, known: Violations, only: str = "") -> Conclusion:
    """The conclusion about a property; if it has sites, about all of them or `only` one."""
    mix = mix_name(proof.mix)
    conclusion = Conclusion(property, only)
    outcome = property.outcome
    for site in proof.sites(outcome) if outcome else [""]:
        goal = site_goal(outcome, site) if outcome else property.id
        if only and goal != only:
            continue
        trace = known.get((mix, property.id, site))
        if trace is not None:
            conclusion.violated[goal] = trace
        elif proof.holds(goal):
            conclusion.proved.append(goal)
            if proof.any_number is not None and proof.any_number.holds(goal):
                conclusion.any_number.append(goal)
        else:
            conclusion.open[goal] = proof.failures(goal)
    conclusion.needs = proof.supports(conclusion.proved)
    if proof.any_number is not None:
        conclusion.needs |= proof.any_number.supports(conclusion.any_number)
    return conclusion


def _mixes(scenario: Scenario, model: Model) -> dict[str, Mix]:
    """The mixes of a scenario, and those of the versions beside the model that join it."""
    mixes = [*scenario.mixes({}), *with_extra_versions(scenario, model).mixes({})]
    return {mix_name(mix): mix for mix in mixes}


def known_violations(
    model: Model,
    scenarios: Sequence[Scenario],
    mixes: Sequence[Mix],
    on_done: Callable[[], None],
    fresh: bool,
    pool: Workers | None = None,
) -> dict[tuple[str, str, str], Trace]:
    """The shortest trace of every violation in the scenarios that have these mixes.

    They are checked in new worker processes or in those of a `pool`.
    """
    wanted = {mix_name(mix) for mix in mixes}
    jobs = [
        check.Job(scenario, model, tuple(mix.items()), None, None)
        for scenario in scenarios
        for name, mix in _mixes(scenario, model).items()
        if name in wanted
    ]
    found: dict[tuple[str, str, str], Trace] = {}

    def done(job: check.Job, verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            for row in verdict.violations:
                key = (mix_name(verdict.mix), verdict.property, row["site"])
                trace = Trace(verdict.scenario, len(row["trace"]))
                if key not in found or (trace.steps, trace.scenario) < (
                    found[key].steps,
                    found[key].scenario,
                ):
                    found[key] = trace
        on_done()

    def inputs(job: check.Job) -> list[object]:
        return [dataclasses.replace(job, among=()), *map(digest, model.texts)]

    if not map_cached(
        check.run_job,
        check.together(jobs),
        inputs,
        done,
        fresh,
        pool,
        NotFinal(check.lost_verdicts),
    ):
        raise KeyboardInterrupt
    return found
