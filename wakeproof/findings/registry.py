"""What was found: the entries of `findings.toml`, each a verdict of a scenario with a test.

A finding names the scenario, the mix, the property and the site; its trace is the shortest one
that `check` finds, or a script of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from wakeproof.bundled import ROOT, SCENARIOS
from wakeproof.check.job import Job, run_job
from wakeproof.check.verdict import Verdict
from wakeproof.crates.releases import features_of
from wakeproof.errors import InputError
from wakeproof.export.issue import KnownViolation
from wakeproof.export.rust.cure import Cure
from wakeproof.language.model import BUNDLED
from wakeproof.language.primitives import GuardFailed
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import ROLES, Mix, mix_name
from wakeproof.scenario.script import parse_step
from wakeproof.util.toml import load_toml

FINDINGS = ROOT / "findings.toml"
Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Finding:
    """One finding: the verdict, its story, where its test fails and where it passes."""

    name: str
    scenario: str
    mix: tuple[str, ...]
    property: str
    affected: str
    title: str
    story: tuple[str, ...]
    site: str = ""
    script: tuple[str, ...] = ()
    features: tuple[str, ...] | None = None
    unaffected: str = ""
    cure: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    remedy: str = ""
    note: str = ""

    def roles(self) -> Mix:
        """The mix by role."""
        return dict(zip(ROLES, self.mix, strict=True))

    def instance(self) -> Instance:
        """The scenario in the mix."""
        return Instance(read_scenario(SCENARIOS / f"{self.scenario}.toml"), self.roles(), BUNDLED)

    def built_with(self) -> tuple[str, ...]:
        """The features of the crate with which the test is built."""
        if self.features is not None:
            return self.features
        return features_of(self.instance().run.parameters) or ()

    def known(self, cure: Cure | None, releases: Sequence[tuple[str, str]]) -> KnownViolation:
        """What a report says of it beyond its trace."""
        return KnownViolation(
            name=self.name,
            title=self.title,
            story=self.story,
            features=self.built_with(),
            releases=releases,
            cure=cure,
            where=self.where,
            affected=self.affected,
            unaffected=self.unaffected,
            remedy=self.remedy,
        )

    def result(self) -> dict[str, Any]:
        """The violation as an entry of a results file, without what depends on the machine."""
        violation = self._by_script() if self.script else self._by_check()
        instance = self.instance()
        reason = instance.scenario.expected(self.property, instance.mix, instance.features).reason
        return {
            "scenario": self.scenario,
            "mix": self.roles(),
            "property": self.property,
            "verdict": "violated",
            "expected": "violated",
            "reason": reason,
            "as_expected": True,
            "states": 0,
            "transitions": 0,
            "depth": len(violation["trace"]),
            "seconds": 0.0,
            "limit": "",
            "violations": [violation],
        }

    def _by_check(self) -> dict[str, Any]:
        for verdict in verdicts_of(self.scenario, self.mix):
            for violation in verdict.violations:
                if verdict.property == self.property and violation["site"] == self.site:
                    return dict(violation)
        where = f"{self.scenario} {mix_name(self.roles())}"
        raise InputError(
            f"{where} does not violate {self.property} {self.site}",
            where=f"{FINDINGS}: {self.name}",
            hint="the verdict has changed: take the finding out, or name another mix",
        )

    def _by_script(self) -> dict[str, Any]:
        instance, where = self.instance(), f"{FINDINGS}: {self.name}"
        program = instance.resolved.program
        steps = [parse_step(instance.scenario, program, line, where) for line in self.script]
        try:
            rows, wrong = instance.tracer().trace(steps)
        except GuardFailed:
            raise InputError("a step of the script is not possible", where=where) from None
        if (wrong.site if wrong else "") != self.site:
            raise InputError(f"the script does not come to {self.site}", where=where)
        says = {p.id: p.says for p in BUNDLED.properties.values()}[self.property]
        message = "" if self.site else f"the property: {says}"
        return {"site": self.site, "message": message, "trace": rows}


@functools.cache
def verdicts_of(scenario: str, mix: tuple[str, ...]) -> list[Verdict]:
    """Everything that `check` says of a scenario in a mix."""
    roles = tuple(zip(ROLES, mix, strict=True))
    return run_job(Job(read_scenario(SCENARIOS / f"{scenario}.toml"), BUNDLED, roles, None, None))


def load_findings(path: Path = FINDINGS) -> tuple[list[Finding], dict[str, Cure]]:
    """The findings in their order, and the cures by name. Raises `InputError`."""
    document = load_toml(path)
    cures = {c.name: c for c in (entry(path, Cure, row) for row in document.get("cure", []))}
    findings = [entry(path, Finding, row) for row in document.get("finding", [])]
    for finding in findings:
        if finding.cure and finding.cure not in cures:
            raise InputError(
                f"{finding.name}: no cure {finding.cure!r}",
                where=str(path),
                hint="one of " + ", ".join(sorted(cures)),
            )
    return findings, cures


def entry(path: Path, kind: type[Entry], row: Mapping[str, Any]) -> Entry:
    """An entry of the file; lists become tuples."""
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}
    unknown = set(values) - {f.name for f in fields(kind)}  # type: ignore[arg-type]
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
