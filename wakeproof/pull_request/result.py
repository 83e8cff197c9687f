"""What a look at a pull request found: plain data, which a report prints and JSON has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from wakeproof import __version__
from wakeproof.crates.checkout import ChangedFunction
from wakeproof.errors import Exit
from wakeproof.execution.trace import StepRow
from wakeproof.review.review import Change, Review
from wakeproof.review.review import to_json as review_to_json
from wakeproof.review.struct_layout import Rule
from wakeproof.util.text import plural


@dataclass(frozen=True)
class Divergence:
    """Where a model and the checkout part: a function of the crate, and the shortest walk there.

    `changed`: the function differs from that of the release. `step` is the last step that reached
    it, and `parts_in` the function in which the two sides part, which may be another one. `near`
    has all changed functions on the way, the nearest first.
    """

    function: str
    file: str
    line: int
    changed: bool
    step: int
    parts_in: str
    scenario: str
    mix: str
    features: tuple[str, ...]
    rows: tuple[StepRow, ...]
    model: str
    crate: str
    near: tuple[str, ...] = ()
    walks: int = 1

    @property
    def place(self) -> str:
        """The place in the crate, `src/rt/mod.rs:10`."""
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def message(self) -> str:
        """What is wrong, as a sentence."""
        return (
            f"the model and the checkout part in {self.function} after "
            f"{len(self.rows)} steps: the model {self.model}, the crate {self.crate}"
        )


@dataclass
class Compared:
    """A version of the model beside the checkout.

    `traces` are the findings whose traces were taken too, and `reached` says how often the walks
    reached each changed function that the model has.
    """

    version: str
    walks: int = 0
    steps: int = 0
    traces: list[str] = field(default_factory=list)
    seconds: float = 0.0
    finished: bool = True
    divergences: list[Divergence] = field(default_factory=list)
    reached: dict[str, int] = field(default_factory=dict)


@dataclass
class PlayedFinding:
    """A finding: whether it happens on the release, and on the checkout (None: not known).

    `seen` is what the checkout does with the trace, and `test` what the finding's test does there;
    each is empty if it was not run. `otherwise`: the test fails, but not as the finding does.
    """

    name: str
    title: str
    on_release: bool
    on_checkout: bool | None
    seen: str = ""
    test: str = ""
    otherwise: bool = False

    @property
    def word(self) -> str:
        """`mended`, `brought`, `fails otherwise` or `unknown`; else `stays` or `absent`."""
        if self.otherwise:
            return "fails otherwise"
        if self.on_checkout is None:
            return "unknown"
        if self.on_release:
            return "stays" if self.on_checkout else "mended"
        return "brought" if self.on_checkout else "absent"


@dataclass(frozen=True)
class Fault:
    """What is not as expected: its kind, its place in the checkout, and a sentence.

    `kind` is one of `KINDS`. The file is below the path of the checkout; it and the function are
    empty, and the line is 0, for what has none. `trace` are the steps there, if there are any.
    """

    kind: str
    message: str
    function: str = ""
    file: str = ""
    line: int = 0
    trace: tuple[StepRow, ...] = ()


KINDS = {
    "diverges": "the crate does what the model of its release does",
    "layout": "code that knows an older layout of the C ABI can still read a task",
    "brought": "the branch has no finding that the release has not",
    "fails": "the test of a finding that the release has not passes on the branch",
    "worse": "the version of --model violates nothing that the other version does not",
}
"""What must hold, by the kind of what breaks it."""

# where the structs of the C ABI are
LAYOUT = "src/rt/async_support/cabi.rs"


@dataclass
class PullRequest:
    """A checkout beside the model of a release, and beside its author's own version.

    `crate` is the folder of the crate, whose files are `below` the path of the checkout, such as
    `crates/guest-rust/`. `layout` has what differs in the structs of the C ABI, and `rules` what
    that means; both are empty if nothing does. `outside` are the changed functions for which the
    model has none, and `builds` the features of each build in which it was walked.
    """

    crate: str
    crate_version: str
    release: str
    changed: list[ChangedFunction]
    outside: list[str]
    base: Compared
    below: str = ""
    builds: Sequence[tuple[str, ...]] = ()
    layout: list[str] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    author: Compared | None = None
    review: Review | None = None
    findings: list[PlayedFinding] = field(default_factory=list)
    finished: bool = True
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def compared(self) -> Compared:
        """The comparison that counts: with the author's version, if there is one."""
        return self.author or self.base

    @property
    def right(self) -> bool:
        """Whether no walk of the model that counts parts from the checkout."""
        return not self.compared.divergences

    @property
    def layout_broken(self) -> bool:
        """Whether a rule of the layout is broken, so that no model is right for the checkout."""
        return not all(rule.kept for rule in self.rules)

    @property
    def brought(self) -> list[PlayedFinding]:
        """The findings that the checkout has and the release has not."""
        return [finding for finding in self.findings if finding.word == "brought"]

    @property
    def failing(self) -> list[PlayedFinding]:
        """The findings whose test passes on the release, and fails on the checkout otherwise."""
        return [f for f in self.findings if f.otherwise and not f.on_release]

    @property
    def status(self) -> Exit:
        """1 if the model is not right, the layout breaks or something got worse; 3 if unknown."""
        statuses = [Exit.AS_EXPECTED] if self.review is None else [self.review.status]
        if not self.right or self.layout_broken or self.brought or self.failing:
            statuses.append(Exit.NOT_AS_EXPECTED)
        if not self.finished:
            statuses.append(Exit.UNKNOWN)
        order = (Exit.NOT_AS_EXPECTED, Exit.UNKNOWN, Exit.AS_EXPECTED)
        return min(statuses, key=order.index)

    @property
    def where_changed(self) -> tuple[str, int]:
        """The file and line where the branch has changed first; the manifest if it has not.

        A function that the model has comes before others.
        """
        functions = sorted(self.changed, key=lambda function: function.name in self.outside)
        if not functions:
            return f"{self.below}Cargo.toml", 1
        return self.below + functions[0].file, functions[0].line

    def faults(self) -> list[Fault]:
        """Return what is not as expected."""
        found = [
            Fault("diverges", d.message, d.function, d.file and self.below + d.file, d.line, d.rows)
            for d in self.compared.divergences
        ]
        layout = self.below + LAYOUT
        rules = [*self.rules, *(self.review.rules if self.review is not None else ())]
        found += [Fault("layout", f"{r.says}: {r.found}", file=layout) for r in rules if not r.kept]
        found += [Fault("brought", f"{f.name}: {f.title}") for f in self.brought]
        found += [Fault("fails", f"the test of {f.name} fails: {f.test}") for f in self.failing]
        return found + ([] if self.review is None else worse(self.review))

    def rows(self) -> list[dict[str, Any]]:
        """Return what is not as expected as rows of the JSON document."""
        return [
            {name: value for name, value in vars(fault).items() if name != "trace"}
            for fault in self.faults()
        ]


def worse(review: Review) -> list[Fault]:
    """Return what the new version of a review violates and the old one does not, by the site."""
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in review.regressions:
        groups.setdefault((change.property, change.site), []).append(change)
    found = []
    for (prop, site), changes in groups.items():
        first = min(changes, key=lambda change: len(change.trace))
        what = f"{prop} at {site}" if site else prop
        more = f" and {plural(len(changes) - 1, 'more run')}" if changes[1:] else ""
        text = f"{what}: {review.new} is worse than {review.old}, in {first.scenario} {first.mix}"
        found.append(Fault("worse", text + more, trace=tuple(first.trace)))
    return found


def to_json(result: PullRequest) -> dict[str, Any]:
    """Return the result as a JSON document."""
    review = result.review
    return {
        "tool": "wakeproof",
        "version": __version__,
        "crate": result.crate,
        "crate_version": result.crate_version,
        "release": result.release,
        "status": int(result.status),
        "finished": result.finished,
        "builds": [list(features) for features in result.builds],
        "changed": [asdict(function) for function in result.changed],
        "outside": result.outside,
        "layout": {"changes": result.layout, "rules": [asdict(rule) for rule in result.rules]},
        "compared": [
            asdict(compared) for compared in (result.base, result.author) if compared is not None
        ],
        "findings": [{**asdict(f), "word": f.word} for f in result.findings],
        "review": None if review is None else review_to_json(review),
        "rows": result.rows(),
        "seconds": result.seconds,
    }


def by_size(divergences: Sequence[Divergence]) -> list[Divergence]:
    """Put divergences at one function and line together: the smallest of each, smallest first."""
    groups: dict[tuple[str, str, int], list[Divergence]] = {}
    for divergence in divergences:
        key = (divergence.function, divergence.file, divergence.line)
        groups.setdefault(key, []).append(divergence)
    found = []
    for same in groups.values():
        smallest = min(same, key=lambda d: (len(d.rows), d.scenario))
        count = sum(d.walks for d in same)
        found.append(Divergence(**{**vars(smallest), "walks": count}))
    return sorted(found, key=lambda d: (not d.changed, len(d.rows), d.function))
