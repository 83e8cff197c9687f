"""What the functions of the API return: verdicts, violations, traces, proofs.

They hold what a user needs of the types of the same name inside, so that these may change, and
print themselves as the commands do.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wakeproof.check.verdict import Verdict as VerdictRow
from wakeproof.check.verdict import run_of
from wakeproof.execution.trace import StepRow
from wakeproof.execution.trace_text import for_ever
from wakeproof.language.model import Model
from wakeproof.scenario.file import Scenario
from wakeproof.util.text import plural

if TYPE_CHECKING:
    from rich.console import Console


class _Shown:
    """A result that prints itself as the commands do, in text and in a notebook."""

    def _print(self, console: Console) -> None:
        raise NotImplementedError

    def __str__(self) -> str:
        from wakeproof.report.terminal.console import recorded

        return recorded(self._print).export_text().rstrip("\n")

    def _repr_html_(self) -> str:
        from wakeproof.report.terminal.console import recorded

        return recorded(self._print).export_html(inline_styles=True, code_format=_HTML)


_HTML = '<pre style="white-space: pre-wrap">{code}</pre>'


@dataclass(frozen=True, repr=False)
class Trace(_Shown):
    """The steps of one run of a scenario, from the first state on.

    `print(trace)` shows the steps as the terminal does: who takes each, the calls in their order,
    what changed, and in the end what broke.

    Attributes:
        scenario: The scenario.
        model: The model in which it was found.
        mix: The version of each role and the features of the build, as `check_scenario` takes them.
        property: The id of the property that is violated at the end; empty if none is.
        site: The site that the last step reaches; empty if it reaches none.
        steps: The steps, each a dictionary as in the results of `wakeproof check --json`.
        loop: For a property of progress the steps from this number on, counted from 0, are repeated
            for ever, or nothing happens any more if there are none; None for other properties.
        script: The steps as lines of a script, which `simulate` takes.

    Examples:
        >>> import wakeproof
        >>> trace = wakeproof.simulate("subtask", mix="v3/v2/v3", seed=7, steps=6)
        >>> trace.script[0], len(trace.steps)
        ('call_export right', 6)
        >>> print(trace)  # doctest: +ELLIPSIS
           1 host    call_export(right)  Call an async export.
        ...
    """

    scenario: Scenario
    model: Model
    mix: str
    property: str
    site: str
    steps: tuple[StepRow, ...]
    loop: int | None = None

    @functools.cached_property
    def script(self) -> list[str]:
        """The steps as lines of a script."""
        return [" ".join((row["action"], *row["arguments"].values())) for row in self.steps]

    def __repr__(self) -> str:
        end = " at ".join(word for word in (self.property, self.site) if word)
        end = f", violates {end}" if end else ""
        return f"<Trace of {self.scenario.name} {self.mix}: {plural(len(self.steps), 'step')}{end}>"

    def _print(self, console: Console) -> None:
        from wakeproof.report.terminal.trace import print_end, print_trace

        print_trace(console, self.steps, loop=self.loop)
        if self.property:
            prop = self.model.properties[self.property]
            message = "" if self.site else f"the property: {prop.says}"
            if self.loop is not None:
                message += for_ever(self.loop, len(self.steps))
            print_end(console, prop, self.site, message, self.model.sites)


@dataclass(frozen=True)
class Violation(_Shown):
    """A violation of one property at one site, with a shortest trace to it.

    `print(violation)` shows a heading and the trace.

    Attributes:
        property: The id of the property.
        site: The site in the real code: an assertion, an `unwrap`, a trap. Empty if the property
            is an invariant of the model.
        must_hold: What must hold at the site, or what the invariant says.
        means: What the violation means for the program.
        trace: A shortest trace, which `replay` and `export_trace` take.

    Examples:
        >>> import wakeproof
        >>> (verdict,) = wakeproof.check_scenario(
        ...     "issue-1618", mix="v2/v1/v2", property="no-panic"
        ... )
        >>> verdict.violations[0].site
        'waitable::register_waker::prev-is-own'
        >>> len(verdict.violations[0].trace.steps)
        10
    """

    property: str
    site: str
    must_hold: str = field(repr=False)
    means: str = field(repr=False)
    trace: Trace

    def _print(self, console: Console) -> None:
        from rich.text import Text

        where = f" at {self.site}" if self.site else ""
        text = f"{where}  {self.trace.mix}, {plural(len(self.trace.steps), 'step')}"
        console.print(Text.assemble((self.property, "bold yellow"), text))
        self.trace._print(console)


@dataclass(frozen=True)
class Verdict(_Shown):
    """The verdict on one property of a scenario in one mix and build.

    `print(verdict)` shows the verdict and every violation with its trace.

    Attributes:
        scenario: The scenario.
        mix: The version of each role and the features of the build, as `check_scenario` takes them.
        property: The id of the property.
        verdict: `holds` (in every run within the scenario's bounds), `violated`, or `unknown`
            (a limit was reached).
        expected: The verdict that the scenario expects; `any` if it expects none of this build.
        reason: Why it is expected.
        as_expected: Whether the verdict is the expected one, at the expected sites.
        states: The number of states that were visited.
        transitions: The number of steps that were taken between them.
        depth: The number of steps from the first state to the farthest one.
        seconds: The duration of the run in seconds.
        limit: The limit that ended the run; empty if it was exhaustive.
        violations: The violations, one for each site.

    Examples:
        >>> import wakeproof
        >>> (verdict,) = wakeproof.check_scenario(
        ...     "issue-1618", mix="v2/v2/v2", property="no-panic"
        ... )
        >>> verdict.verdict, verdict.as_expected, verdict.violations
        ('holds', True, ())
        >>> print(verdict)  # doctest: +ELLIPSIS
        no-panic  v2/v2/v2: holds, as expected: ...
    """

    scenario: Scenario = field(repr=False)
    mix: str
    property: str
    verdict: str
    expected: str = field(repr=False)
    reason: str = field(repr=False)
    as_expected: bool
    states: int
    transitions: int = field(repr=False)
    depth: int = field(repr=False)
    seconds: float = field(repr=False)
    limit: str
    violations: tuple[Violation, ...]

    def _print(self, console: Console) -> None:
        from rich.text import Text

        from wakeproof.report.terminal.verdicts import COLOURS

        expected = "as expected" if self.as_expected else f"expected {self.expected}"
        console.print(
            Text.assemble(
                (self.property, "bold"),
                f"  {self.mix}: ",
                (self.verdict, COLOURS[self.verdict]),
                f", {expected}: {self.reason}",
            )
        )
        for violation in self.violations:
            console.print()
            violation._print(console)


@dataclass(frozen=True)
class Proof(_Shown):
    """What is proved by induction in one mix: for runs of any length, at the given sizes.

    `print(proof)` shows the verdicts.

    Attributes:
        mix: The version of each role, such as `v2/v2/v2`.
        sizes: The number of members of each index type.
        verdicts: The verdict on each property by its id: `proved`; `violated`, if a bundled
            scenario has a trace; or `open`.
        open: The goals that are neither proved nor violated, by the id of their property: the
            property itself, or its sites.
        facts: The lemmas and invariants that are inductive together.

    Examples:
        >>> import wakeproof
        >>> proof = wakeproof.prove_properties(
        ...     mix="v2/v2/v2",
        ...     properties=["no-stale-callback", "no-leak"],
        ...     sizes={"Task": 1, "Operation": 1, "Handle": 1},
        ... )
        >>> proof.verdicts
        {'no-stale-callback': 'proved', 'no-leak': 'violated'}
        >>> print(proof)
        v2/v2/v2  1 Task, 1 Future, 1 Operation, 1 Handle, 2 Channel
        no-stale-callback: proved
        no-leak: violated
    """

    mix: str
    sizes: Mapping[str, int]
    verdicts: Mapping[str, str]
    open: Mapping[str, tuple[str, ...]] = field(repr=False)
    facts: tuple[str, ...] = field(repr=False)

    def _print(self, console: Console) -> None:
        sizes = ", ".join(f"{number} {name}" for name, number in self.sizes.items())
        console.print(f"{self.mix}  {sizes}", markup=False)
        for name, verdict in self.verdicts.items():
            goals = f"; open: {', '.join(self.open[name])}" if name in self.open else ""
            console.print(f"{name}: {verdict}{goals}", markup=False)


def public_verdict(found: VerdictRow, scenario: Scenario, model: Model) -> Verdict:
    """A verdict with its violations and their traces as users get them."""
    prop, sites = model.properties[found.property], model.sites
    mix = run_of(found)
    violations = []
    for row in found.violations:
        site, steps = row["site"], tuple(row["trace"])
        violations.append(
            Violation(
                prop.id,
                site,
                sites[site].condition if site in sites else prop.says,
                prop.means,
                Trace(scenario, model, mix, prop.id, site, steps, row.get("loop")),
            )
        )
    return Verdict(
        scenario=scenario,
        mix=mix,
        property=prop.id,
        verdict=found.verdict,
        expected=found.expected,
        reason=found.reason,
        as_expected=found.as_expected,
        states=found.states,
        transitions=found.transitions,
        depth=found.depth,
        seconds=found.seconds,
        limit=found.limit,
        violations=tuple(violations),
    )
