"""What a look at a pull request found: plain data, which a report prints and JSON has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from wakeproof import __version__
from wakeproof.crates.checkout import ChangedFunction
from wakeproof.errors import Exit
from wakeproof.execution.trace import StepRow
from wakeproof.review.review import Review
from wakeproof.review.review import to_json as review_to_json
from wakeproof.review.struct_layout import Rule


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

    `traces` counts the traces of findings that were taken too, and `reached` how often the walks
    reached each changed function that the model has.
    """

    version: str
    walks: int = 0
    steps: int = 0
    traces: int = 0
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


# where the structs of the C ABI are
LAYOUT = "src/rt/async_support/cabi.rs"


@dataclass
class PullRequest:
    """A checkout beside the model of a release, and beside its author's own version.

    `crate` is the folder of the crate, whose files are `below` the path of the checkout, such as
    `crates/guest-rust/`. `layout` has what differs in the structs of the C ABI, and `rules` what
    that means; both are empty if nothing does. `outside` are the changed functions for which the
    model has none.
    """

    crate: str
    crate_version: str
    release: str
    changed: list[ChangedFunction]
    outside: list[str]
    base: Compared
    below: str = ""
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

    def rows(self) -> list[dict[str, Any]]:
        """Return what is not as expected as rows with `function`, `file`, `line` and `message`.

        A file is below the path of the checkout; empty, as the function, or 0 for what has none.
        """
        found: list[tuple[str, str, int, str]] = [
            (d.function, d.file, d.line, d.message) for d in self.compared.divergences
        ]
        found += [("", LAYOUT, 0, f"{r.says}: {r.found}") for r in self.rules if not r.kept]
        found += [("", "", 0, f"{f.name}: {f.title}") for f in self.brought]
        found += [("", "", 0, f"the test of {f.name} fails: {f.test}") for f in self.failing]
        return [
            {
                "function": function,
                "file": file and self.below + file,
                "line": line,
                "message": says,
            }
            for function, file, line, says in found
        ]


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
