"""The model's runtime layers held against the released crates, call by call.

Random walks through the model, every action in the mix, are taken by the real runtimes too (see
`guest_script`): the same builtins and C ABI calls, in the same order, with the same arguments, the
same results of polls and callbacks, and the same end: a panic at the same place of the source,
a trap of the host, or a use of freed memory. A divergence is shrunk before it is told.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
import time
from collections.abc import (
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from dataclasses import dataclass

from wakeproof.bundled import ROOT, SCENARIOS
from wakeproof.conform.guest.comparison import (
    GUEST,
    Divergence,
    GuestConformance,
    Telling,
)
from wakeproof.conform.guest.driver import Guest, build
from wakeproof.conform.guest.player import Parted, Player
from wakeproof.conform.guest.protocol import Act, scalars
from wakeproof.conform.guest.script import Script
from wakeproof.crates.releases import FEATURES, released_versions, releases_of
from wakeproof.execution.enabled_steps import enumerators
from wakeproof.language.model import BUNDLED, Model
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.values import Snapshot, Step
from wakeproof.scenario.file import Scenario, read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import ROLES
from wakeproof.util.parallel import map_jobs

STAGES = ROOT / "conformance" / "guest" / "stages"
# walks of one job at most
CHUNK = 40


@dataclass(frozen=True)
class Job:
    """Some walks of one stage in one mix with one build of the crates.

    `every_action`: not only those that the stage is about.
    """

    stage: Scenario
    model: Model
    mix: tuple[tuple[str, str], ...]
    features: tuple[str, ...]
    seed: int
    walks: int
    steps: int
    every_action: bool


class Walker:
    """Walks of one stage in one mix."""

    def __init__(self, job: Job) -> None:
        stage = with_features(job.stage, job.features)
        self.job = job
        # a mix may lack an action that the stage names
        scenario = dataclasses.replace(stage, actions=None)
        self.instance = Instance(scenario, dict(job.mix), job.model)
        sources = job.model.sources
        self.script = Script(
            self.instance.resolved, self.instance.run, releases_of(sources, self.instance.mix)
        )
        actions = None if job.every_action else stage.actions
        self.listing = enumerators(self.script.machine, actions)
        self.connect()
        self.result = GuestConformance(
            mixes={("/".join(self.instance.mix.values()), job.features)},
            known={function.name for function in self.script.machine.actions},
        )

    def connect(self) -> None:
        """Get hold of the real runtimes."""
        self.guest = Guest(self.job.features)
        self.player = Player(self.guest, self.script, self.job.model.sites)

    def run(self) -> GuestConformance:
        """All walks of the job."""
        try:
            self.all_walks()
        finally:
            self.guest.close()
        self.result.calls = self.player.calls
        return self.result

    def all_walks(self) -> None:
        """Every walk of the job, each with numbers of its own."""
        for number in range(self.job.walks):
            self.walk(random.Random(f"{self.job.seed} {number}"))

    def walk(self, rng: random.Random) -> None:
        """One random walk. It likes some actions better than others, as chance has it, and those
        better that were rarely taken until now.
        """
        taken: list[Step] = []
        weights = self.weights(rng)
        state = self.player.begin()
        self.result.walks += 1
        try:
            while len(taken) < self.job.steps:
                act = self.draw(state, weights, rng)
                if act is None:
                    break
                taken.append(act.step)
                self.player.take(act)
                self.result.steps += 1
                self.result.actions[act.step.action] += 1
                state = act.after
                if act.wrong is not None:
                    # a trap in which the guest has no part is nothing that it could agree to
                    self.result.sites[act.wrong.kind, act.wrong.site] += act.command is not None
                    break
        except Parted as parted:
            self.player.end()
            self.result.divergences.append(self.shrink(taken, parted))
            return
        self.result.full += len(taken) == self.job.steps
        self.player.end()

    def weights(self, rng: random.Random) -> dict[str, float]:
        """How much a walk likes each action."""
        seen = self.result.actions
        return {n: rng.expovariate(1) ** 2 / (1 + seen[n]) for n, _, _ in self.listing}

    def draw(
        self,
        state: Snapshot,
        weights: Mapping[str, float],
        rng: random.Random,
        among: Collection[str] | None = None,
    ) -> Act | None:
        """A possible step: an action at random (`among` some), then its arguments at random."""
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
        """Whether to end the walk here: the less often, the better known the end is."""
        if wrong.kind == "bound":
            self.result.bounds[wrong.site] += 1
            return False
        known = self.result.sites[wrong.kind, wrong.site]
        return rng.random() < 1 / (1 + 4 * known)

    def shrink(self, steps: list[Step], parted: Parted) -> Divergence:
        """Leave out steps while it still parts."""
        position = len(steps) - 2
        while position >= 0:
            shorter = steps[:position] + steps[position + 1 :]
            found = self.replay(shorter)
            if found is not None:
                steps, parted = shorter[: found[0]], found[1]
                position = min(position, len(steps) - 1)
            position -= 1
        lines = tuple(" ".join((s.action, *scalars(s.arguments))) for s in steps)
        return Divergence(
            self.instance.scenario.name,
            self.instance.mix,
            self.job.features,
            lines,
            parted.model,
            parted.real,
        )

    def replay(self, steps: Sequence[Step]) -> tuple[int, Parted] | None:
        """After how many of the steps the two part, if they do and the model can take them."""
        try:
            played = self.player.play(steps)
        except GuardFailed:
            return None
        return None if played.parted is None else (played.steps, played.parted)


def with_features(scenario: Scenario, features: Sequence[str]) -> Scenario:
    """The stage under a build of the crates with these features."""
    parameters = {
        **scenario.parameters,
        "inter_task_wakeup": "inter-task-wakeup" in features,
        "async_spawn": "async-spawn" in features,
        "import_spawns": "async-spawn" in features,
    }
    return dataclasses.replace(scenario, parameters=parameters)


def jobs(
    chosen: Mapping[str, tuple[str, ...]],
    walks: int,
    steps: int,
    seed: int,
    model: Model,
) -> list[Job]:
    """Walks in every mix of versions and with every build of the crates, the stages in turn."""
    sources = model.sources
    versions = [chosen.get(role) or tuple(released_versions(sources)) for role in ROLES]
    builds = [
        tuple(f for f, on in zip(FEATURES, switches, strict=True) if on)
        for switches in itertools.product((False, True), repeat=len(FEATURES))
    ]
    places = list(itertools.product(itertools.product(*versions), builds))
    for mix, _ in places:
        releases_of(sources, dict(zip(ROLES, mix, strict=True)))
    # a small stage makes two things meet more often, a large one has more of them; the actions
    # that a scenario is about lead deeper, all actions wider
    files = sorted(STAGES.glob("*.toml")) + sorted(SCENARIOS.glob("*.toml"))
    stages = [read_scenario(file) for file in files]
    chunk = max(1, min(CHUNK, walks // len(places)))
    found = []
    for number in range(-(-walks // chunk)):
        turn, place = divmod(number, len(places))
        mix, features = places[place]
        found.append(
            Job(
                stages[(turn + place) % len(stages)],
                model,
                tuple(zip(ROLES, mix, strict=True)),
                features,
                seed * 1_000_003 + number,
                min(chunk, walks - number * chunk),
                steps,
                every_action=turn % 2 == 0,
            )
        )
    return found


def run_job(job: Job) -> GuestConformance:
    """The walks of one job."""
    return Walker(job).run()


def conform(
    walks: int,
    seed: int,
    chosen: Mapping[str, tuple[str, ...]] | None = None,
    steps: int = 30,
    model: Model = BUNDLED,
    progress: Callable[[GuestConformance], None] = lambda _: None,
    make: Callable[[tuple[str, ...]], object] = build,
    run: Callable[[Job], GuestConformance] = run_job,
) -> GuestConformance:
    """Compare `walks` walks of `steps` steps at most. Raises `InputError` without the crates.

    `make` builds them with some features, before `run` takes walks with that build.
    """
    result, start = GuestConformance(), time.monotonic()
    todo = jobs(chosen or {}, walks, steps, seed, model)
    for features in {job.features for job in todo}:
        make(features)

    def done(part: GuestConformance) -> None:
        result.add(part)
        result.seconds = time.monotonic() - start
        progress(result)

    map_jobs(run, todo, done)
    return result


def report(result: GuestConformance, model: Model = BUNDLED, told: Telling = GUEST) -> str:
    """The comparison in a few lines, with every divergence."""
    unreached = result.unreached(model)
    builds = {features for _, features in result.mixes}
    lines = [
        f"{result.walks:,} walks, {result.full:,} of them to the end: {result.steps:,} steps, "
        f"{sum(result.calls.values()):,} calls; mixes: {len({mix for mix, _ in result.mixes})}, "
        f"builds of the crates: {len(builds)}; {result.seconds:.1f} s, "
        f"{result.rate:,.0f} walks a second",
        f"ends compared: {sum(result.sites.values()):,} at {len(result.sites)} sites",
    ]
    if result.traces:
        number, places = sum(result.traces.values()), len(result.traces)
        lines.append(f"traces that end, played too: {number:,} at {places} sites")
    lines.append(f"{len(unreached)} sites of the guest never reached")
    if result.bounds:
        hit = ", ".join(f"{name} {count:,}" for name, count in sorted(result.bounds.items()))
        lines.append(f"steps left out, as a stage has too few: {hit}")
    if never := sorted(result.known - set(result.actions)):
        lines.append(f"actions never taken: {', '.join(never)}")
    for divergence in result.divergences:
        features = ", ".join(divergence.features) or "no features"
        mix = "/".join(divergence.mix.values())
        lines += ["", f"divergence in {mix}, {features}, {divergence.stage}:"]
        lines += [f"  {number:2} {step}" for number, step in enumerate(divergence.steps, 1)]
        width = max(len(told.real), 5) + 1
        for name, text in (("model", divergence.model), (told.real, divergence.real)):
            lines.append(f"     {name + ':':{width}} {text}")
    for words, times in sorted(result.explained.items()):
        lines.append(f"explained: {times:,} walks end with '{words}': {told.explained[words]}")
    found = len(result.divergences)
    lines.append(f"{found or 'no'} divergence{'' if found == 1 else 's'}")
    return "\n".join(lines)


def markdown(result: GuestConformance, model: Model, command: str, told: Telling) -> str:
    """The comparison as a page, with the command that made it."""
    rows = [f"| `{name}` | {count:,} |" for name, count in sorted(result.calls.items())]
    actions = [f"| `{name}` | {count:,} |" for name, count in sorted(result.actions.items())]
    both = sorted(result.sites | result.traces)
    sites = [
        f"| `{site}` | {kind} | {result.sites[kind, site]:,} | {result.traces[kind, site]:,} |"
        for kind, site in both
    ]
    return "\n".join(
        [
            f"## {told.heading}",
            "",
            f"Generated by `{command}`.",
            "",
            "```text",
            report(result, model, told),
            "```",
            "",
            "| the same end on both sides | kind | walks | traces |",
            "| --- | --- | --- | --- |",
            *sites,
            "",
            "Sites of the guest that the table of sites lets a program reach, and nothing did:",
            "",
            *(f"- `{site}`" for site in result.unreached(model)),
            "",
            "| call | times |",
            "| --- | --- |",
            *rows,
            "",
            "| action | times |",
            "| --- | --- |",
            *actions,
            "",
        ]
    )
