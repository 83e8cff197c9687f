"""The violations of a results file as programs, to be run on the releases of their mixes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wakeproof.errors import InputError
from wakeproof.export.rust.files import rust_test
from wakeproof.export.rust.from_trace import program_of
from wakeproof.export.trace import features_for, releases_for, rust_test_for
from wakeproof.findings.run_crates import CrateRun
from wakeproof.language.model import BUNDLED
from wakeproof.language.properties import Property
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.script import steps_of


def runs_of_violations(
    results: Sequence[Mapping[str, Any]],
    instance_of: Callable[[Mapping[str, Any]], Instance],
    one_mix: bool = False,
) -> tuple[dict[str, CrateRun], list[str]]:
    """Write each violation that somebody outside can see as a program.

    Returns the runs by name, and a line with the reason for each violation that cannot be written.
    With `one_mix` a violation of a scenario is written in its first mix only. Violations in mixes
    with a version that was never released are left out.
    """
    runs: dict[str, CrateRun] = {}
    refused: dict[str, str] = {}
    written: set[tuple[str, str, str]] = set()
    for result in results:
        prop = BUNDLED.properties.get(result["property"])
        if not result["violations"] or prop is None or not prop.has_test:
            continue
        instance = instance_of(result)
        try:
            roles = releases_for(instance)
        except InputError:
            continue
        for violation in result["violations"]:
            key = (instance.scenario.name, prop.id, violation["site"])
            words = (key[0], "/".join(roles.values()), *key[1:])
            name = " ".join(word for word in words if word)
            if name in runs or name in refused or (one_mix and key in written):
                continue
            try:
                runs[name] = _run_of(violation, instance, prop, name, f"trace-{len(runs)}")
                written.add(key)
            except InputError as error:
                refused[name] = error.what
    return runs, [f"{name}: {why}" for name, why in refused.items()]


def _run_of(
    violation: Mapping[str, Any], instance: Instance, prop: Property, comment: str, name: str
) -> CrateRun:
    """Write the program of one violation. Raises `InputError` if it cannot be written."""
    steps = steps_of(violation["trace"], instance.resolved.program, instance.names)
    program = program_of(instance, steps, prop.id, violation.get("loop"))
    test = rust_test_for(instance, name, (comment,), program)
    return CrateRun(test, releases_for(instance)["import"], features_for(instance))


def suite_runs(runs: Mapping[str, CrateRun]) -> tuple[dict[str, CrateRun], list[str]]:
    """Choose the runs whose program can be a test of the suite, each program on a release once.

    Returns them by name, and a line with the reason for each that cannot be written. A program
    that needs several releases has no test, and is left out. So is one about what does not happen
    in a run for ever: the findings have such tests, and as a crate each is run in any case.
    """
    chosen: dict[tuple[str, ...], tuple[str, CrateRun]] = {}
    refused = []
    for name, run in runs.items():
        program = run.test.program
        looks = any(step.kind == "flag" for step in program.outside)
        if run.test.others() or program.takes_turns or looks:
            continue
        try:
            files = rust_test(run.test)
        except InputError as error:
            refused.append(f"{name}: {error.what}")
            continue
        # the name is in the comment, and would make all programs differ
        code = "".join(text.replace(name, "") for text in files.values())
        chosen.setdefault((run.release, *run.features, code), (name, run))
    return dict(chosen.values()), refused
