"""Walks on a checkout beside the model, first where it has changed; and what both sides do apart.

A `BranchWalker` takes steps that reach the changed functions more often. `part` takes the steps to
a divergence once more and watches both sides: the functions of the model, and the crate's stack.
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wakeproof.conform.guest.comparison import GuestConformance, GuestDivergence
from wakeproof.conform.guest.driver import GuestDriver
from wakeproof.conform.guest.player import Parted
from wakeproof.conform.guest.walks import GuestWalker
from wakeproof.conform.walking import WalkJob
from wakeproof.execution.trace import StepRow
from wakeproof.language.analysis import called
from wakeproof.language.values import Step
from wakeproof.pull_request.mirrors import Mirrors, plain_name
from wakeproof.pull_request.words import Texts

# how much more often a step is taken that reaches a changed function
NEARER = 12.0
# divergences after which a job ends: each has to be shrunk
MOST = 2


@dataclass(frozen=True)
class BranchJob(WalkJob):
    """Some walks on a checkout; `focus` has the functions of the model that are reached first."""

    focus: frozenset[str] = frozenset()


@dataclass
class BranchWalks:
    """What the walks of jobs compared: the divergences with their jobs among it.

    `reached` counts how often each function of the focus was called.
    """

    result: GuestConformance = field(default_factory=GuestConformance)
    parted: list[tuple[BranchJob, GuestDivergence]] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)

    def add(self, other: BranchWalks) -> None:
        """Add what other walks compared."""
        self.result.add(other.result)
        self.parted += other.parted
        self.reached += other.reached


class BranchWalker(GuestWalker):
    """The walks of one job, first where the checkout has changed."""

    job: BranchJob

    def __init__(self, job: BranchJob) -> None:
        super().__init__(job)
        program, focus = self.script.program, job.focus
        self.near = {
            name
            for name, _, _ in self.listing
            if focus & {plain_name(f.name) for f in called(program, [name])}
        }
        self.found = BranchWalks(self.result)
        watch(self.script.machine.namespace, self._count, focus)

    def walk_all(self) -> BranchWalks:
        """Take the walks of the job, until some have parted; then end the driver."""
        try:
            for number in range(self.job.walks):
                self.walk(random.Random(f"{self.job.seed} {number}"))
                if len(self.result.divergences) >= MOST:
                    break
        finally:
            self.driver.close()
        self.found.parted = [(self.job, divergence) for divergence in self.result.divergences]
        return self.found

    def weights(self, rng: random.Random) -> dict[str, float]:
        """Draw the weight of each action: higher if it reaches a function of the focus."""
        weights = super().weights(rng)
        return {n: w * NEARER if n in self.near else w for n, w in weights.items()}

    def _count(self, name: str, run: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self.found.reached[name] += 1
            return run(*arguments)

        return counted


def run_branch_job(job: BranchJob) -> BranchWalks:
    """Take the walks of one job."""
    return BranchWalker(job).walk_all()


def watch(
    namespace: dict[str, Any],
    wrap: Callable[[str, Callable[..., Any]], Callable[..., Any]],
    names: frozenset[str] | None = None,
) -> None:
    """Replace functions of a machine, all or those with these plain names, by wrapped ones."""
    for name, run in list(namespace.items()):
        plain = plain_name(name)
        if callable(run) and hasattr(run, "__code__") and (names is None or plain in names):
            namespace[name] = wrap(plain, run)


@dataclass(frozen=True)
class Parting:
    """The end of a walk at which the two sides part.

    `model` and `crate` are what each does. `crate_stack` has the places of the crate's functions at
    that moment, the innermost first, and is empty where it makes no call; `model_stack` the
    functions of the model where it makes the call that is expected. `reached` maps the functions of
    the model that ran to the last step in which they did, and `seen` the places of the crate.
    """

    rows: tuple[StepRow, ...]
    scenario: str
    mix: str
    features: tuple[str, ...]
    model: str
    crate: str
    crate_stack: tuple[str, ...]
    model_stack: tuple[str, ...]
    reached: Mapping[str, int]
    seen: Mapping[str, int]


class Watched(BranchWalker):
    """A walker that watches the functions of the model and the stack of the crate."""

    def __init__(self, job: BranchJob) -> None:
        super().__init__(dataclasses.replace(job, focus=frozenset()))
        self.driver.close()
        self.driver = GuestDriver(job.features, job.checkout, frames=True)
        self.player.driver = self.driver
        self.stack: list[str] = []
        # the functions that were entered when so many lines were recorded
        self.stacks: dict[int, tuple[str, ...]] = {}
        self.reached: dict[str, int] = {}
        self.step = 0
        program = self.script.program.functions
        watch(self.script.machine.namespace, self._enter, frozenset(map(plain_name, program)))

    def _enter(self, name: str, run: Callable[..., Any]) -> Callable[..., Any]:
        def entered(*arguments: Any) -> Any:
            recorded = self.script.listener.recorded
            self.reached.pop(name, None)
            self.reached[name] = self.step
            self.stack.append(name)
            self.stacks[len(recorded)] = tuple(self.stack)
            try:
                return run(*arguments)
            finally:
                self.stacks[len(recorded)] = tuple(self.stack)
                self.stack.pop()

        return entered

    def part(self, steps: Sequence[Step]) -> Parting | None:
        """Take the steps; None if the two sides do not part."""
        state, seen = self.player.begin(), dict[str, int]()
        for self.step, step in enumerate(steps, 1):
            self.stacks.clear()
            act = self.script.act(state, step)
            try:
                self.player.take(act)
            except Parted as parted:
                places = [n for n, line in enumerate(act.expected) if line is parted.expected]
                stack = self.stacks.get(places[0], ()) if places else ()
                return self._parting(steps[: self.step], parted, stack, seen)
            finally:
                seen |= dict.fromkeys(self.driver.frames, self.step)
            state = act.after
        return None

    def _parting(
        self, steps: Sequence[Step], parted: Parted, stack: Sequence[str], seen: dict[str, int]
    ) -> Parting:
        rows, _ = self.instance.tracer().trace(steps)
        texts = Texts(self.instance.names, self.player.names)
        # where it returns instead of a call, the model knows whose call it is
        inside = parted.real.split(" ")[0] in ("call", "abi", "panic", "fault")
        return Parting(
            tuple(rows),
            self.instance.scenario.name,
            "/".join(self.instance.mix.values()),
            self.job.features,
            texts.of_model(parted),
            texts.of_crate(parted),
            self.driver.frames if inside else (),
            tuple(reversed(stack)),
            dict(self.reached),
            seen,
        )


def part(job: BranchJob, steps: Sequence[Step]) -> tuple[Parting | None, Mirrors]:
    """Take steps at whose end both sides part; returns how, and what the model mirrors."""
    walker = Watched(job)
    try:
        mirrors = Mirrors(walker.script.program, job.model.sites)
        return walker.part(steps), mirrors
    finally:
        walker.driver.close()
