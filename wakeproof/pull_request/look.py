"""Look at a pull request: build its crate into the driver, and compare it with a model.

Walks come first where the checkout has changed. What a walk costs is small beside the build, so
some thousands are taken; they end early once enough have parted.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from wakeproof.conform.guest.comparison import GuestDivergence
from wakeproof.conform.guest.driver import build_driver
from wakeproof.conform.guest.reproduce import Reproduction
from wakeproof.conform.walking import STAGES, Walker, WalkPlan, every_build, walk_jobs
from wakeproof.crates import rust_source
from wakeproof.crates.checkout import (
    ChangedFunction,
    Checkout,
    changed_functions,
    find_checkout,
)
from wakeproof.crates.git_changes import changed_lines
from wakeproof.crates.releases import release_of, released_versions
from wakeproof.errors import InputError
from wakeproof.execution.trace import StepRow
from wakeproof.findings.registry import Finding
from wakeproof.language.model import BUNDLED, Model
from wakeproof.pull_request.blame import divergence_of
from wakeproof.pull_request.findings import TraceJob, findings_on, play_all, traces_of
from wakeproof.pull_request.layout import layout_changes
from wakeproof.pull_request.mirrors import Mirrors
from wakeproof.pull_request.result import Compared, Divergence, PullRequest, by_size
from wakeproof.pull_request.walks import BranchJob, BranchWalks, part, run_branch_job
from wakeproof.review.review import Comparison, review
from wakeproof.scenario.file import Scenario, bundled_scenarios, read_scenario
from wakeproof.scenario.mixes import ROLES, Mix, MixChoice, every_mix
from wakeproof.util.parallel import Workers, map_jobs, workers
from wakeproof.util.resources import processors
from wakeproof.util.text import plural

Show = Callable[[str], None]

# divergences after which no more walks are taken
ENOUGH = 12
# divergences that are looked at step by step
LOOKED_AT = 8
# jobs between two looks at how many have parted
WAVE = 12
# the part of the walks that reach a changed function first
FIRST = 0.3


@dataclass(frozen=True)
class Question:
    """What is to be compared: a checkout, with the version `base` of the bundled `model`.

    `author` is a model with the pull request's own version, which is reviewed against `against`.
    `builds` are those of the crates, and `only` the functions that are walked first, if any.
    """

    path: Path
    base: str
    walks: int
    seed: int = 0
    steps: int = 30
    builds: Sequence[tuple[str, ...]] = field(default_factory=every_build)
    model: Model = BUNDLED
    author: Model | None = None
    against: str = ""
    only: Sequence[str] = ()


def look_at(question: Question, show: Show = lambda _: None) -> PullRequest:
    """Compare a checkout with a model.

    Raises `InputError` for what is not a checkout or does not build, for an unknown version or
    function, and without cargo or the crates.
    """
    seconds: dict[str, float] = {}
    release = release_of(BUNDLED.sources, question.base)
    if release is None:
        raise InputError(
            f"{question.base} is not a release that the guest driver is built with",
            hint="one of " + ", ".join(released_versions(BUNDLED.sources)),
        )
    own = "" if question.author is None else version_of_author(question.author, question.base)
    checkout = find_checkout(question.path, release)
    changed = changed_functions(checkout)
    first = chosen_functions(checkout, changed, question.only)
    layout, rules = layout_changes(checkout)
    with clock(seconds, "build"):
        build_all(checkout, question.builds, show)
    with workers() as pool:
        with clock(seconds, "traces"):
            traces = traces_of(
                question.builds,
                pool,
                lambda done, total: show(f"{done:,} of {plural(total, 'trace')}"),
            )
        looking = Looking(question, checkout, changed, first, traces, pool, show)
        with clock(seconds, "walks"):
            base, seen = looking.compare(question.base, question.model)
            author = None
            if question.author is not None:
                author, _ = looking.compare(own, question.author)
    finished = base.finished and (author is None or author.finished)
    findings = []
    if finished:
        with clock(seconds, "findings"):
            show("the tests of the findings")
            chosen = [finding for finding, _ in traces]
            findings = findings_on(checkout, chosen, seen, bool(base.divergences))
    result = PullRequest(
        crate=str(checkout.crate),
        crate_version=checkout.version,
        release=release,
        changed=changed,
        outside=[f.name for f in changed if not looking.mirrors.of(f.name)],
        base=base,
        below=below(question.path, checkout),
        builds=question.builds,
        layout=layout,
        rules=rules,
        author=author,
        findings=findings,
        finished=finished,
        seconds=seconds,
    )
    if question.author is not None and finished:
        with clock(seconds, "review"):
            result.review = review(
                Comparison(own, question.against or question.base),
                [read_scenario(path) for path in bundled_scenarios()],
                question.author,
                progress=lambda done, total: show(f"review: {done:,} of {plural(total, 'run')}"),
            )
    return result


def below(path: Path, checkout: Checkout) -> str:
    """Return where the crate is below a checkout: empty or with a slash at its end.

    The checkout is the repository of git that has the path, else the path itself.
    """
    crate, start = checkout.crate.resolve(), path.resolve()
    root = next((f for f in (start, *start.parents) if (f / ".git").exists()), start)
    folder = crate.relative_to(root).as_posix() if crate.is_relative_to(root) else "."
    return "" if folder == "." else f"{folder}/"


def version_of_author(model: Model, base: str) -> str:
    """Return the version of a folder that builds on a base, and on which no other one builds.

    Raises `InputError` for none or several.
    """
    sources = model.sources
    own = [path.stem for path in model.extra if path.stem in sources.versions]
    found = [name for name in own if base in sources.chain(name)[:-1]]
    bases = {sources.versions[name].base for name in own}
    found = [name for name in found if name not in bases]
    if len(found) != 1:
        what = f"versions that build on {base}: {', '.join(found) or 'none'}"
        where = str(model.extra[0].parent if model.extra else model.root)
        hint = f'name a folder with one version file that has BASE = "{base}"'
        raise InputError(what, where=where, hint=hint)
    return found[0]


def chosen_functions(
    checkout: Checkout, changed: Sequence[ChangedFunction], only: Sequence[str]
) -> list[str]:
    """Return the functions that are walked first.

    Those that are named, else those that the branch changes by git, else all that differ from the
    release. Raises `InputError` for a name that no function of the crate has.
    """
    if not only:
        lines = changed_lines(checkout.crate)
        branch = {
            rust_source.function_at(checkout.file(file), line)
            for file, numbers in lines.items()
            if file.endswith(".rs")
            for line in numbers
        }
        return [f.name for f in changed if f.name in branch] or [f.name for f in changed]
    files = map(checkout.file, checkout.files())
    known = {f.name for text in files for f in rust_source.functions_of(text)}
    found = []
    for name in only:
        same = sorted(k for k in known if k == name or k.endswith(f"::{name}"))
        if not same:
            raise InputError(
                f"the crate has no function {name!r}",
                where=str(checkout.crate),
                hint="write it as WaitableOperation::cancel, or only its last name",
            )
        found += same
    return found


def build_all(checkout: Checkout, builds: Sequence[tuple[str, ...]], show: Show) -> None:
    """Build the driver with the checkout in every build. Raises `InputError`.

    The first build finds errors alone, so that they are reported once.
    """
    show("building the driver with the checkout")
    first, *rest = builds
    build_driver(first, checkout)
    with ThreadPoolExecutor(min(processors(), 4)) as threads:
        list(threads.map(lambda features: build_driver(features, checkout), rest))


@dataclass
class Looking:
    """The comparison of a checkout with versions of models, in worker processes."""

    question: Question
    checkout: Checkout
    changed: Sequence[ChangedFunction]
    first: Sequence[str]
    traces: Sequence[tuple[Finding, list[StepRow]]]
    pool: Workers
    show: Show

    @property
    def mirrors(self) -> Mirrors:
        """Which functions of the base mirror those of the crate."""
        return self.mirrors_of(self.question.base, self.question.model)

    @staticmethod
    def mirrors_of(version: str, model: Model) -> Mirrors:
        """Return which functions of a version mirror those of the crate."""
        return Mirrors(model.resolve(dict.fromkeys(ROLES, version)).program, model.sites)

    def compare(self, version: str, model: Model) -> tuple[Compared, dict[str, Reproduction]]:
        """Compare the checkout with a version, in every role and beside the other releases.

        Returns the comparison, and what became of the traces of findings of the base.
        """
        checkout = dataclasses.replace(self.checkout, versions=(version,))
        mirrors = self.mirrors_of(version, model)
        mirrored = {function.name: mirrors.of(function.name) for function in self.changed}
        focus = frozenset(name for function in self.first for name in mirrors.of(function))
        found, start = BranchWalks(), time.monotonic()
        finished = True
        jobs = self.jobs(version, model, checkout, focus)
        for wave in range(0, len(jobs), WAVE):
            part_of = jobs[wave : wave + WAVE]
            finished = map_jobs(run_branch_job, part_of, found.add, self.pool)
            self.show(
                f"{version}: {found.result.walks:,} of {plural(self.question.walks, 'walk')}, "
                f"{plural(len(found.parted), 'divergence')}"
            )
            if not finished or len(found.parted) >= ENOUGH:
                break
        traces = [
            TraceJob(finding, trace, model, self.question.base, checkout)
            for finding, trace in self.traces
            if self.question.base in finding.mix
        ]
        seen = play_all(traces, self.pool)
        found.parted += parted_traces(traces, seen)
        result = Compared(version, found.result.walks, found.result.steps, finished=finished)
        result.reached = {
            name: sum(found.reached[one] for one in names)
            for name, names in mirrored.items()
            if names
        }
        result.divergences = self.divergences(found, checkout)
        result.traces = sorted(seen)
        result.seconds = time.monotonic() - start
        return result, seen

    def jobs(
        self, version: str, model: Model, checkout: Checkout, focus: frozenset[str]
    ) -> list[BranchJob]:
        """Return the jobs: first those where the checkout has changed, then in every role."""
        question = self.question
        others = [v for v in released_versions(BUNDLED.sources) if v != question.base]
        alone = [dict.fromkeys(ROLES, version)]
        choice = MixChoice(dict.fromkeys(ROLES, (version, *others)))
        mixed: list[Mix] = [
            mix
            for mix in every_mix(choice, [version, *others])
            if version in mix.values() and mix not in alone
        ]
        plan = WalkPlan(
            0, question.seed, alone, question.steps, model, tuple(question.builds), checkout
        )
        large = [read_scenario(file) for file in sorted(STAGES.glob("*.toml"))]
        first = int(question.walks * FIRST) if focus else 0
        half = (question.walks - first) // 2
        parts: list[tuple[int, Sequence[Mix], Sequence[Scenario]]] = [
            (first, alone, large),
            (half, alone, Walker.stages()),
            (question.walks - first - half, mixed, Walker.stages()),
        ]
        found = []
        for number, (walks, mixes, stages) in enumerate(parts):
            seed = question.seed * len(parts) + number
            some = dataclasses.replace(plan, walks=walks, mixes=mixes, seed=seed)
            for job in walk_jobs(some, stages) if walks else ():
                near = focus if number == 0 else frozenset()
                found.append(BranchJob(**{**vars(job), "focus": near}))
        return found

    def divergences(self, found: BranchWalks, checkout: Checkout) -> list[Divergence]:
        """Look at the shortest divergences step by step, and put those at one place together."""
        groups: dict[tuple[str, ...], list[tuple[BranchJob, GuestDivergence]]] = {}
        for job, parted in sorted(found.parted, key=lambda pair: len(pair[1].path)):
            words = (text.split(" ")[0] for text in (parted.model, parted.real))
            groups.setdefault((parted.path[-1].action, *words), []).append((job, parted))
        rows = []
        for same in list(groups.values())[:LOOKED_AT]:
            self.show(f"looking at {plural(len(groups), 'divergence')}")
            job, parted = same[0]
            parting, mirrors = part(job, parted.path)
            if parting is not None:
                rows.append(divergence_of(parting, mirrors, checkout, self.changed, len(same)))
        return by_size(rows)


def parted_traces(
    traces: Sequence[TraceJob], seen: Mapping[str, Reproduction]
) -> list[tuple[BranchJob, GuestDivergence]]:
    """Return the traces of findings at whose end the model and the checkout part, as walks."""
    found = []
    for job in traces:
        played = seen.get(job.finding.name)
        if played is None or not played.refutes:
            continue
        instance = job.instance()
        steps, mix = job.steps(instance), tuple(instance.mix.items())
        features = job.finding.built_with()
        walk = BranchJob(
            instance.scenario, job.model, mix, features, 0, 1, len(steps), True, job.checkout
        )
        row = GuestDivergence(
            instance.scenario.name, instance.mix, features, (), "a trace", played.word, steps
        )
        found.append((walk, row))
    return found


@contextmanager
def clock(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds that the block takes to `seconds`."""
    start = time.monotonic()
    try:
        yield
    finally:
        seconds[name] = round(time.monotonic() - start, 1)
