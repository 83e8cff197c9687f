"""What a check found, as its reports need it: those on the terminal and those for CI."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path

from wakeproof.bundled import SCENARIOS
from wakeproof.check.causes import Cause, Undecided, name_of, short_site
from wakeproof.check.verdict import Verdict, is_amiss, is_known, missing_sites, run_of
from wakeproof.findings.registry import Finding, alike
from wakeproof.language.properties import Property
from wakeproof.language.sites import Site
from wakeproof.scenario.file import NOTHING
from wakeproof.scenario.mixes import mix_name
from wakeproof.util.text import plural

WORDS = {
    "violated": "violated, expected {}",
    "holds": "holds, expected {}",
    "refuted": "not reproduced on the released crates",
    "unplayed": "not played on the released crates",
}

LIMITS = ("max-states", "timeout", "memory", "disk")
"""The beginnings of what limits a run, and not its scenario."""


@dataclass(frozen=True)
class Overview:
    """What a check found.

    `seconds` is the duration of the command, `cached` the number of runs that the cache had.
    `unexpected` and `known` are causes, `findings` those of the registry; `open` are the verdicts
    that are not decided and should be. Of a baseline `accepted`
    are the verdicts that it has, by name, and `gone` is the number of those that are not there any
    more. `command` are the words that choose the model, `paths` the file of each scenario,
    `releases` the release that each version mirrors, if it mirrors one. `actions` has, for each
    scenario, its actions that are not as expected, with what is wrong.
    """

    verdicts: Sequence[Verdict]
    unexpected: Sequence[Cause]
    known: Sequence[Cause]
    findings: Sequence[Finding]
    properties: Mapping[str, Property]
    sites: Mapping[str, Site]
    seconds: float
    cached: int = 0
    accepted: Collection[str] = ()
    gone: int = 0
    open: Sequence[Undecided] = ()
    command: str = ""
    paths: Mapping[str, Path] = field(default_factory=dict)
    releases: Mapping[str, str] = field(default_factory=dict)
    actions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def is_question(self) -> bool:
        """Whether no verdict was expected: every scenario is a question."""
        return all(v.expected == NOTHING for v in self.verdicts if not v.as_expected)

    def named(self, cause: Cause) -> list[Finding]:
        """Return the findings that a cause shows in any of its runs."""
        names = {f.name for f in map(self.finding_of, cause.verdicts, repeat(cause.site)) if f}
        return [f for f in self.findings if f.name in names]

    def finding_of(self, verdict: Verdict, site: str) -> Finding | None:
        """Return the finding that a violation at a site is.

        It is one with this property and site that a release of the mix may have, and whose step the
        trace has. Of several it is that of the scenario; None if there is none.
        """
        releases = {self.releases.get(version, "") for version in verdict.mix.values()}
        traces = [row["trace"] for row in verdict.violations if row["site"] == site]
        found = alike(self.findings, verdict.property, site, traces, releases)
        own = [f for f in found if f.scenario == verdict.scenario] or found
        return own[0] if len(own) == 1 else None

    def common_to(self, cause: Cause) -> str:
        """Return the versions that all runs of a cause have and not all of the check; often none.

        A version that is wrong is one of them.
        """
        everywhere = set.intersection(*(set(v.mix.values()) for v in self.verdicts))
        common = set.intersection(*(set(v.mix.values()) for v in cause.verdicts))
        return ", ".join(sorted(common - everywhere))

    def wrong(self) -> int:
        """Return the number of verdicts that are decided and not as expected."""
        verdicts = (v for cause in self.unexpected for v in cause.verdicts)
        return len({(v.scenario, run_of(v), v.property) for v in verdicts})

    def in_baseline(self) -> int:
        """Return the number of verdicts that are not as expected, and that the baseline has."""
        return sum(is_amiss(v) and name_of(v) in self.accepted for v in self.verdicts)

    def undecided(self) -> int:
        """Return the number of verdicts that are not decided and should be."""
        return sum(len(same.verdicts) for same in self.open)

    def wrong_actions(self) -> list[str]:
        """Return a line for each scenario and what is not as expected of its actions."""
        return [
            f"{scenario}: {', '.join(n for n in actions if actions[n] == what)}: {what}"
            for scenario, actions in self.actions.items()
            for what in dict.fromkeys(actions.values())
        ]

    def checked(self) -> str:
        """Return what was checked, in one line."""
        runs = {(v.scenario, run_of(v)): v.states for v in self.verdicts}
        mixes = len({tuple(v.mix.values()) for v in self.verdicts})
        cached = f" ({self.cached:,} cached)" if self.cached else ""
        return (
            f"{plural(len({v.scenario for v in self.verdicts}), 'scenario')} in "
            f"{mixes} mix{'es' if mixes != 1 else ''}: {plural(len(runs), 'run')}{cached}, "
            f"{plural(sum(runs.values()), 'state')}, {self.seconds:.1f} s"
        )

    def must_hold(self, cause: Cause) -> str:
        """Return what must hold: the condition of the cause's site, else that of its property."""
        site = self.sites.get(cause.site)
        return site.condition if site else self.properties[cause.property_id].says

    def command_for(self, cause: Cause) -> str:
        """Return the command that prints the steps of a cause."""
        first = cause.shortest
        path = self.paths.get(first.scenario)
        name = first.scenario if path is None or path.parent == SCENARIOS else str(path)
        on = f" --on {','.join(first.features)}" if first.features else ""
        return f"wakeproof check {name} --mix {mix_name(first.mix)}{on} --traces{self.command}"

    def relative(self, scenario: str) -> str:
        """Return the file of a scenario below the working folder; empty if it is elsewhere."""
        path = self.paths.get(scenario)
        if path is None or not path.resolve().is_relative_to(Path.cwd()):
            return ""
        return path.resolve().relative_to(Path.cwd()).as_posix()


def word_of(cause: Cause) -> str:
    """Return the verdict of a cause and what was expected, in words."""
    first = cause.shortest
    if cause.verdict == "missing":
        sites = dict.fromkeys(site for v in cause.verdicts for site in missing_sites(v))
        return f"expected and not reached: {', '.join(map(short_site, sites))}"
    if cause.verdict == first.verdict and is_known(first, cause.site):
        return f"{cause.verdict}, as expected"
    if cause.verdict == first.expected:
        return f"{cause.verdict}, expected at other sites"
    if cause.verdict == "violated" and first.expected == NOTHING:
        return "violated"
    return WORDS[cause.verdict].format(first.expected)


def undecided_text(same: Undecided) -> str:
    """Return what is open and why, in one line."""
    runs = plural(len(same.runs), "run")
    limit = "limit reached, " if same.reason.startswith(LIMITS) else ""
    cure = "; write a larger size under [sizes]" if same.reason.startswith("the bound on") else ""
    return f"{plural(len(same.verdicts), 'verdict')} of {runs} unknown: {limit}{same.reason}{cure}"


def place(site: Site) -> str:
    """Return where a site is: its function, its file, and the line at the newest release."""
    file = site.source.rsplit("/", 1)[-1]
    line = ""
    if site.places:
        release, number = site.places[-1]
        line = f", line {number} at {release.removeprefix('v')}"
    return f"{site.kind} in {site.function}: {file}{line}"


def runs_of(cause: Cause) -> str:
    """Return the runs of a cause: the one with the shortest trace, and how many others."""
    more = len(cause.verdicts) - 1
    first = f"{cause.shortest.scenario} {run_of(cause.shortest)}"
    return first + (f" and {plural(more, 'more run')}" if more else "")
