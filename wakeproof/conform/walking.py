"""Random walks through the model that real runtimes take too, in every mix and build.

A `Walker` takes them: `guest.walks` has the one for the native crates, `component.walks` the one
for a component on Wasmtime. The walks are parted into jobs of one stage, mix and build each, which
run on all processors.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wakeproof.bundled import ROOT, SCENARIOS
from wakeproof.conform.guest.comparison import GuestConformance, GuestDivergence
from wakeproof.conform.guest.player import Parted
from wakeproof.conform.guest.protocol import Act, argument_texts
from wakeproof.conform.guest.script import Script
from wakeproof.crates.checkout import Checkout
from wakeproof.crates.releases import FEATURES, released_versions, releases_of
from wakeproof.execution.enabled_steps import enumerators
from wakeproof.language.model import BUNDLED, Model
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.sources import Sources
from wakeproof.language.values import Snapshot, Step
from wakeproof.scenario.file import Scenario, read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import Mix, MixChoice, every_mix
from wakeproof.scenario.parameters import for_the_host
from wakeproof.util.parallel import Workers, map_jobs

STAGES = ROOT / "conformance" / "guest" / "stages"
# walks of one job at most
CHUNK = 40


@dataclass(frozen=True)
class WalkPlan:
    """How many walks of how many steps at most, with which seed, and in which mixes.

    Without `mixes` the walks are in every mix of released versions, and without `builds` in every
    build. A `checkout` is the crate behind its versions.
    """

    walks: int
    seed: int
    mixes: Sequence[Mix] = ()
    steps: int = 30
    model: Model = BUNDLED
    builds: Sequence[tuple[str, ...]] = ()
    checkout: Checkout | None = None


@dataclass(frozen=True)
class WalkJob:
    """Some walks of one stage in one mix, with one build of the crates.

    `every_action`: not only the actions that the stage is about.
    """

    stage: Scenario
    model: Model
    mix: tuple[tuple[str, str], ...]
    features: tuple[str, ...]
    seed: int
    walks: int
    steps: int
    every_action: bool
    checkout: Checkout | None = None

    def releases(self) -> dict[str, str]:
        """Return the release behind each role; raises `InputError` if there is none."""
        return releases_behind(self.model.sources, dict(self.mix), self.checkout)


class Walker(ABC):
    """The walks of one job; a subclass has the real runtimes that take them."""

    def __init__(self, job: WalkJob) -> None:
        stage = with_features(job.stage, job.features)
        self.job = job
        # a mix may lack an action that the stage names
        scenario = dataclasses.replace(stage, actions=None)
        # a build with a feature may lack a stream that only it needs: a bound ends the walk there
        self.instance = Instance(scenario, dict(job.mix), job.model, is_checked=False)
        self.script = Script(self.instance.resolved, self.instance.run, job.releases())
        actions = None if job.every_action else for_the_host(stage, job.model).actions
        self.listing = enumerators(self.script.machine, actions)
        self.result = GuestConformance(
            mixes={("/".join(self.instance.mix.values()), job.features)},
            known={function.name for function in self.script.machine.actions},
        )

    @staticmethod
    @abstractmethod
    def build(features: tuple[str, ...]) -> None:
        """Build the real runtimes with these features of the releases.

        Raises `InputError` if something that the build needs is missing.
        """

    @staticmethod
    def stages() -> list[Scenario]:
        """Return the scenarios in which the walks are, in turn.

        In a small one two things meet more often, a large one has more of them.
        """
        return _read_all(STAGES, SCENARIOS)

    @abstractmethod
    def walk(self, rng: random.Random) -> None:
        """Take one random walk and count it in the result."""

    @abstractmethod
    def replay(self, steps: Sequence[Step]) -> tuple[int, Parted] | None:
        """Take the steps; returns after how many of them the two sides part.

        None if they do not part, or if the steps are not possible.
        """

    def run(self) -> GuestConformance:
        """Take all walks of the job, each with random numbers of its own."""
        for number in range(self.job.walks):
            self.walk(random.Random(f"{self.job.seed} {number}"))
        return self.result

    def weights(self, rng: random.Random) -> dict[str, float]:
        """Draw the weight of each action for one walk: higher if it was rare until now."""
        seen = self.result.actions
        return {n: rng.expovariate(1) ** 2 / (1 + seen[n]) for n, _, _ in self.listing}

    def draw(
        self,
        state: Snapshot,
        weights: Mapping[str, float],
        rng: random.Random,
        among: Collection[str] | None = None,
    ) -> Act | None:
        """Draw a possible step: an action (`among` some) by its weight, then its arguments.

        None if there is none.
        """
        self.script.machine.load(state)
        possible = {
            name: found
            for name, listing, _ in self.listing
            if (among is None or name in among) and (found := listing())
        }
        while possible:
            (name,) = rng.choices(list(possible), [weights[n] for n in possible])
            arguments = possible[name].pop(rng.randrange(len(possible[name])))
            if not possible[name]:
                del possible[name]
            try:
                act = self.script.act(state, Step(name, arguments))
            except GuardFailed:
                continue
            if act.wrong is None or self.is_wanted(act.wrong, rng):
                return act
        return None

    def is_wanted(self, wrong: WentWrong, rng: random.Random) -> bool:
        """Whether to end the walk so: the more rarely, the more often such an end was seen."""
        if wrong.kind == "bound":
            self.result.bounds[wrong.site] += 1
            return False
        known = self.result.sites[wrong.kind, wrong.site]
        return rng.random() < 1 / (1 + 4 * known)

    def shrink(self, steps: list[Step], parted: Parted) -> GuestDivergence:
        """Drop steps as long as the two sides still part."""
        position = len(steps) - 2
        while position >= 0:
            shorter = steps[:position] + steps[position + 1 :]
            found = self.replay(shorter)
            if found is not None:
                steps, parted = shorter[: found[0]], found[1]
                position = min(position, len(steps) - 1)
            position -= 1
        lines = tuple(" ".join((s.action, *argument_texts(s.arguments))) for s in steps)
        return GuestDivergence(
            self.instance.scenario.name,
            self.instance.mix,
            self.job.features,
            lines,
            parted.model,
            parted.real,
            tuple(steps),
        )


def with_features(scenario: Scenario, features: Sequence[str]) -> Scenario:
    """Return the scenario as it is with a build of the crates with these features."""
    parameters = {
        **scenario.parameters,
        "inter_task_wakeup": "inter-task-wakeup" in features,
        "async_spawn": "async-spawn" in features,
        "import_spawns": "async-spawn" in features,
    }
    return dataclasses.replace(scenario, parameters=parameters)


def _read_all(*folders: Path) -> list[Scenario]:
    return [read_scenario(file) for folder in folders for file in sorted(folder.glob("*.toml"))]


def walk_jobs(plan: WalkPlan, stages: Sequence[Scenario]) -> list[WalkJob]:
    """Part the walks over all mixes of versions and all builds of the crates, the stages in turn.

    The actions that a scenario is about lead deeper, all actions wider. Raises `InputError` if a
    mix has a version that is not a release.
    """
    sources = plan.model.sources
    mixes = plan.mixes or every_mix(MixChoice({}), released_versions(sources))
    places = list(itertools.product(mixes, plan.builds or every_build()))
    for mix in mixes:
        releases_behind(sources, mix, plan.checkout)
    chunk = max(1, min(CHUNK, plan.walks // len(places)))
    found = []
    for number in range(-(-plan.walks // chunk)):
        turn, place = divmod(number, len(places))
        mix, features = places[place]
        found.append(
            WalkJob(
                stages[(turn + place) % len(stages)],
                plan.model,
                tuple(mix.items()),
                features,
                plan.seed * 1_000_003 + number,
                min(chunk, plan.walks - number * chunk),
                plan.steps,
                every_action=turn % 2 == 0,
                checkout=plan.checkout,
            )
        )
    return found


def every_build() -> list[tuple[str, ...]]:
    """Return the features of each build of the crates."""
    return [
        tuple(f for f, on in zip(FEATURES, switches, strict=True) if on)
        for switches in itertools.product((False, True), repeat=len(FEATURES))
    ]


def releases_behind(sources: Sources, mix: Mix, checkout: Checkout | None) -> dict[str, str]:
    """Return the release behind each role of a mix, with the one that a checkout stands for.

    Raises `InputError` if there is none.
    """
    others = {} if checkout is None else dict.fromkeys(checkout.versions, checkout.release)
    return releases_of(sources, mix, others)


def run_walk_job(kind: type[Walker], job: WalkJob) -> GuestConformance:
    """Take the walks of one job with a walker of this kind."""
    return kind(job).run()


def compare_by_walks(
    kind: type[Walker],
    plan: WalkPlan,
    progress: Callable[[GuestConformance], None] = lambda _: None,
    pool: Workers | None = None,
) -> GuestConformance:
    """Take all walks of a plan with walkers of this kind; fewer if it is interrupted.

    They run in new worker processes or those of a `pool`. A job whose process is killed twice
    counts as that many lost walks.

    `progress` receives the result after each job. Raises `InputError` if what the walker builds or
    runs is missing, or if a mix has a version that is not a release.
    """
    result, start = GuestConformance(), time.monotonic()
    jobs = walk_jobs(plan, kind.stages())
    for features in {job.features for job in jobs}:
        kind.build(features)

    def done(part: GuestConformance) -> None:
        result.add(part)
        result.seconds = time.monotonic() - start
        progress(result)

    def lost(job: WalkJob) -> None:
        done(GuestConformance(lost=job.walks))

    map_jobs(functools.partial(run_walk_job, kind), jobs, done, pool, on_lost=lost)
    return result
