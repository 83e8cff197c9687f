"""The entries of `findings.toml`: the findings, and the changes of the crate that cure them.

A finding is a verdict on a scenario in one mix, with the text of its report and with the releases
on which its test fails and passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from wakeproof.bundled import ROOT, SCENARIOS
from wakeproof.crates.releases import features_of
from wakeproof.errors import InputError
from wakeproof.execution.trace import StepRow
from wakeproof.export.issue import KnownViolation
from wakeproof.export.remarks import waiting_for_nothing
from wakeproof.export.rust.cure import Cure
from wakeproof.language.model import BUNDLED
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import ROLES, Mix
from wakeproof.util.toml import load_toml

FINDINGS = ROOT / "findings.toml"
FOR_NOTHING = "nothing"
"""What a task waits for at the end of a trace: for nothing, as its set is empty."""


@dataclass(frozen=True)
class Finding:
    """One finding; the comments of `findings.toml` describe the fields."""

    name: str
    scenario: str
    mix: tuple[str, ...]
    property: str
    affected: str
    title: str
    story: tuple[str, ...]
    site: str = ""
    step: str = ""
    waits: str = ""
    script: tuple[str, ...] = ()
    loop: int | None = None
    features: tuple[str, ...] | None = None
    unaffected: str = ""
    cure: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""
    harm: str = ""
    now: str = ""
    why: Mapping[str, str] = field(default_factory=dict)
    remedy: str = ""
    rule: str = ""
    example: Mapping[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    note: str = ""

    def roles(self) -> Mix:
        """Return the mix by role."""
        return dict(zip(ROLES, self.mix, strict=True))

    def instance(self) -> Instance:
        """Return the scenario in the mix."""
        return Instance(read_scenario(SCENARIOS / f"{self.scenario}.toml"), self.roles(), BUNDLED)

    def built_with(self) -> tuple[str, ...]:
        """Return the features of the crate with which the test is built."""
        if self.features is not None:
            return self.features
        return features_of(self.instance().run.parameters) or ()

    def may_be(self, trace: Iterable[StepRow]) -> bool:
        """Return whether a trace has the step and the end without which it is not this finding."""
        rows = list(trace)
        has_step = not self.step or any(row["action"] == self.step for row in rows)
        return has_step and (self.waits != FOR_NOTHING or bool(waiting_for_nothing(rows)))

    def known(
        self, cure: Cure | None, releases: Sequence[tuple[str, str]], on_wasmtime: bool = False
    ) -> KnownViolation:
        """Return what a report has on the violation beyond its trace.

        `releases` has what the program does, with `on_wasmtime` as a component on Wasmtime.
        """
        return KnownViolation(
            name=self.name,
            title=self.title,
            story=self.story,
            features=self.built_with(),
            releases=releases,
            cure=cure,
            where=self.where,
            fault=self.fault,
            harm=self.harm,
            now=self.now,
            why={int(number): text for number, text in self.why.items()},
            affected=self.affected,
            unaffected=self.unaffected,
            remedy=self.remedy,
            rule=self.rule,
            example=self.example,
            options=self.options,
            on_wasmtime=on_wasmtime,
        )


def may_have(finding: Finding, release: str) -> bool:
    """Return whether a release may have a finding, by those on which its test fails and passes.

    A release beyond the unaffected one does not. One that is not known, or empty, may have it.
    """
    if not finding.unaffected or not release:
        return True
    affected, unaffected, at = map(_numbers, (finding.affected, finding.unaffected, release))
    return at < unaffected if affected < unaffected else at > unaffected


def alike(
    findings: Iterable[Finding],
    property_id: str,
    site: str,
    traces: Sequence[Sequence[StepRow]],
    releases: Iterable[str],
) -> list[Finding]:
    """Return the findings that a violation may be, of any scenario.

    They have its property and site, a trace of it has their step and their end, and one of the
    releases may have them.
    """
    mixed = list(releases)
    return [
        finding
        for finding in findings
        if (finding.property, finding.site) == (property_id, site)
        and any(map(finding.may_be, traces))
        and any(may_have(finding, release) for release in mixed)
    ]


def _numbers(release: str) -> tuple[int, ...]:
    """Return a release as numbers, which have its order."""
    return tuple(map(int, release.split(".")))


Entry = TypeVar("Entry", Finding, Cure)


def load_findings(path: Path = FINDINGS) -> tuple[list[Finding], dict[str, Cure]]:
    """Return the findings in their order, and the cures by name. Raises `InputError`."""
    document = load_toml(path)
    cures = {c.name: c for c in (_entry(path, Cure, row) for row in document.get("cure", []))}
    findings = [_entry(path, Finding, row) for row in document.get("finding", [])]
    for finding in findings:
        if finding.cure and finding.cure not in cures:
            raise InputError(
                f"{finding.name}: unknown cure {finding.cure!r}",
                where=str(path),
                hint="one of " + ", ".join(sorted(cures)),
            )
    return findings, cures


def _entry(path: Path, kind: type[Entry], row: Mapping[str, Any]) -> Entry:
    """Read an entry of the file; lists become tuples. Raises `InputError`."""
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}
    unknown = set(values) - {f.name for f in fields(kind)}
    try:
        if unknown:
            raise TypeError(f"no key {', '.join(sorted(unknown))}")
        return kind(**values)
    except TypeError as error:
        raise InputError(
            f"{row.get('name', 'an entry')}: {error}",
            where=str(path),
            hint="the comments of the file list the keys",
        ) from None
