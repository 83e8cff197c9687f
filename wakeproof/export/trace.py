"""Export a violation of a results file: as a test, as a crate or as a bug report."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wakeproof.check.replay import replay_one
from wakeproof.crates.releases import features_of, releases_of
from wakeproof.errors import InputError
from wakeproof.execution.trace import StepRow
from wakeproof.export.ending import ending_of
from wakeproof.export.issue import KnownViolation, Report, issue
from wakeproof.export.mermaid import mermaid
from wakeproof.export.rust.files import rust_crate, rust_test
from wakeproof.export.rust.from_trace import program_of
from wakeproof.export.rust.host_script import RUNS, host_script
from wakeproof.export.rust.program import Program, RustTest
from wakeproof.export.story import story_of
from wakeproof.language.properties import Property
from wakeproof.language.sites import Site
from wakeproof.language.values import Step
from wakeproof.scenario.file import one_version
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import MixChoice, build_of, mix_name, run_name
from wakeproof.scenario.script import steps_of
from wakeproof.util.text import plural

# how long a line of a story may be
STORY_WIDTH = 90


@dataclass(frozen=True)
class ViolationTest:
    """A violation of a results file, with the Rust test that shows it, and its diagram."""

    instance: Instance
    prop: Property
    site: Site | None
    trace: list[StepRow]
    test: RustTest
    title: str
    known: KnownViolation
    diagram: str


@dataclass(frozen=True)
class Wanted:
    """A choice of violations of a results file; None, or an empty value, allows all.

    `mixes` are names, `v1/v2/v2` or with the build as `run_name` writes it; `roles` are the
    versions of each role.
    """

    property: str | None = None
    site: str | None = None
    mixes: tuple[str, ...] = ()
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def allows(self, result: Mapping[str, Any], violation: Mapping[str, Any]) -> bool:
        """Whether the choice has a violation of a result."""
        return (
            self.property in (None, result["property"])
            and self.site in (None, violation["site"])
            and (
                not self.mixes
                or mix_name(result["mix"]) in self.mixes
                or run_of_result(result) in self.mixes
            )
            and MixChoice(self.roles).allows(result["mix"])
        )


def choose(
    results: Sequence[Mapping[str, Any]], wanted: Wanted, path: Path
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the chosen violation with its result; raises `InputError` unless there is just one."""
    everything = [(result, violation) for result in results for violation in result["violations"]]
    found = [one for one in everything if wanted.allows(*one)]
    if not everything:
        raise InputError(
            "there is no violation in the file",
            where=str(path),
            hint="export a trace of `wakeproof check --json FILE`",
        )
    if len(found) == 1:
        return found[0]
    names = {" ".join(w for w in (r["property"], v["site"]) if w) for r, v in found or everything}
    mixes = {run_of_result(r) for r, _ in found or everything}
    raise InputError(
        f"{plural(len(found), 'violation')} in the file"
        if found
        else "no such violation in the file",
        where=str(path),
        hint="choose with --property, --site and --mix: "
        + "; ".join(sorted(names))
        + " in "
        + ", ".join(sorted(mixes)),
    )


def write_test(
    result: Mapping[str, Any],
    violation: Mapping[str, Any],
    instance: Instance,
    known: KnownViolation,
) -> ViolationTest:
    """Write the test for a violation of a result.

    Raises `InputError` for a trace of another model, for a violation that nobody outside can see,
    and for a step that cannot be written.
    """
    where = f"{result['scenario']} {run_of_result(result)}"
    prop = instance.model.properties.get(result["property"])
    if prop is None and result["property"]:
        raise InputError(
            f"{where}: the model has no property {result['property']!r}",
            hint="`wakeproof list properties`",
        )
    if prop is None:
        raise InputError(
            f"{where}: the trace ends in no violation, so that there is nothing to test",
            hint="export a trace of `wakeproof check --json FILE`",
        )
    if not prop.has_test:
        raise InputError(
            f"{where}: nobody outside can see that {prop.id} is violated, so that there is nothing "
            "to test",
            hint="export a trace that ends in a panic, a trap or a task that waits for ever",
        )
    steps = replayed_steps(instance, prop.id, violation)
    program = program_of(instance, steps, prop.id, violation.get("loop"))
    site = instance.model.sites.get(violation["site"])
    comment = known.story or comment_of(program, prop, site)
    return ViolationTest(
        instance=instance,
        prop=prop,
        site=site,
        trace=violation["trace"],
        test=rust_test_for(instance, known.name or str(result["scenario"]), comment, program),
        title=known.title or title_of(prop, site),
        known=known,
        diagram=mermaid(
            story_of(instance, steps, violation.get("loop")),
            ending_of(instance.model, prop.id, violation),
        ),
    )


def replayed_steps(
    instance: Instance, property_id: str, violation: Mapping[str, Any]
) -> list[Step]:
    """Return the steps of a saved trace. Raises `InputError` for a trace of another model."""
    if why := replay_one(instance, property_id, violation):
        raise InputError(
            f"{instance.scenario.name} {run_name(instance.mix, instance.build)}: the trace is not "
            f"one of this model: {why}",
            hint="save it again with `wakeproof check --json`",
        )
    return steps_of(violation["trace"], instance.resolved.program, instance.names)


def title_of(prop: Property, site: Site | None) -> str:
    """Return the heading of a report on a violation without a finding."""
    if site is None:
        return prop.means.rstrip(".")
    what = "A panic" if site.kind == "panic" else "The host traps"
    return f"{what} in {site.function}"


def comment_of(program: Program, prop: Property, site: Site | None) -> tuple[str, ...]:
    """Return the comment of a test without a finding, in lines.

    It has what happens outside, what must hold, and what it means if that does not hold.
    """
    steps = [words for words, _ in host_script(program).steps if words != RUNS]
    steps = steps or ["nothing happens outside"]
    while len(", ".join(steps)) > STORY_WIDTH:
        steps[-2:] = ["and so on"]
    condition = site.condition if site else prop.says
    parts = (f"{', '.join(steps)}.", f"It must hold that {condition}.", prop.means)
    return tuple(line for part in parts for line in textwrap.wrap(part, STORY_WIDTH))


def releases_for(instance: Instance) -> dict[str, str]:
    """Return the release of each role with which a test is built.

    Raises `InputError` for a version that was never released.
    """
    sources = instance.model.sources
    version = one_version(instance.scenario, instance.mix)
    return releases_of(sources, dict.fromkeys(instance.mix, version) if version else instance.mix)


def rust_test_for(
    instance: Instance, name: str, story: tuple[str, ...], program: Program
) -> RustTest:
    """Return the test of a program, with the releases of the instance's roles."""
    try:
        release = releases_for(instance)
    except InputError:
        # a version that was never released can be written, but not built
        return RustTest(name, story, program)
    others = {
        role: release[role] if release[role] != release["import"] else ""
        for role in ("export", "block_on")
    }
    return RustTest(name, story, program, others["export"], others["block_on"])


def features_for(instance: Instance) -> tuple[str, ...]:
    """Return the features with which a test is built.

    Raises `InputError` if the roles differ in them.
    """
    features = features_of(instance.run.parameters)
    if features is None:
        raise InputError(
            "the roles differ in their features, and a test is built with one set",
            hint="export a trace of a scenario that sets the features of all roles alike",
        )
    return features


def files_of(found: ViolationTest, form: str) -> dict[str, str]:
    """Return the files of a form, by path: `rust-test`, `rust-crate`, or `issue`.

    An issue is one file with an empty path. Raises `InputError` for a test or crate that cannot be
    built.
    """
    if form == "rust-test":
        return rust_test(found.test)
    known = found.known
    features = features_for(found.instance) if known.features is None else known.features
    if form == "issue":
        broken = (found.prop, found.site)
        report = Report(found.test, found.title, found.trace, *broken, features, found.diagram)
        return {"": issue(report, known)}
    affected = known.affected or releases_for(found.instance)["import"]
    return rust_crate(found.test, f'version = "={affected}"', features, affected, known.unaffected)


def run_of_result(result: Mapping[str, Any]) -> str:
    """Return the mix and the build of a result in one word."""
    return run_name(result["mix"], build_of(result))
