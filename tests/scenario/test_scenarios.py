"""The bundled scenarios, and the pages about them."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path

import pytest

from tests.support import bundled, run
from wakeproof.bundled import (
    MODEL,
    RELEASES,
    ROOT,
    SCENARIOS,
)
from wakeproof.findings.registry import load_findings
from wakeproof.language.model import BUNDLED
from wakeproof.scenario.features import every_build
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.parameters import for_the_host

FILES = sorted(SCENARIOS.rglob("*.toml"))
CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
FINDINGS = (CHECKOUT / "docs" / "reference" / "findings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_scenario_has_an_origin_a_story_and_reasons_with_known_names(path: Path) -> None:
    scenario = read_scenario(path)
    assert scenario.origin
    assert len(scenario.story.split()) > 10
    properties = {name for host in BUNDLED.hosts for name in BUNDLED.with_host(host).properties}
    known_sites = BUNDLED.sites
    for expectation in (scenario.otherwise, *scenario.expectations):
        assert len(expectation.reason.split()) > 4
        assert expectation.property in properties | {""}
        assert set(expectation.sites or ()) <= set(known_sites)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_expectation_is_the_first_that_applies_somewhere(path: Path) -> None:
    scenario = read_scenario(path)
    mixes = scenario.mixes({})
    builds = [Instance(scenario, mixes[0], BUNDLED, build).features for build in scenario.builds()]
    used = {
        id(on_host.expected(property_id, mix, features))
        for model in (BUNDLED.with_host(host) for host in BUNDLED.hosts)
        for on_host in [for_the_host(scenario, model)]
        for property_id in model.properties
        for mix in mixes
        for features in builds
    }
    assert {id(e) for e in scenario.expectations} <= used


def test_every_mix_of_v1_v2_and_v3_is_checked_somewhere() -> None:
    mixes = {tuple(m.values()) for path in FILES for m in read_scenario(path).mixes({})}
    assert set(itertools.product(("v1", "v2", "v3"), repeat=3)) <= mixes


def test_every_action_of_the_model_is_used_by_a_scenario() -> None:
    actions = set(
        re.findall(
            r'@action\("(?:host|peer|program)"\)\ndef (\w+)',
            "".join(f.read_text(encoding="utf-8") for f in MODEL.glob("*.py")),
        )
    )
    named = {a for path in FILES for a in read_scenario(path).actions or ()}
    assert actions - named <= {"take_from_storage"} | actions_without_a_scenario()
    assert any(read_scenario(path).actions is None for path in FILES), (
        "no scenario allows every action"
    )


def actions_without_a_scenario() -> set[str]:
    """Return the actions that only the scenario with every action uses."""
    return {"poll_with_noop_waker", "call_import_with_noop_waker", "open_channel", "drop_reader"}


def test_the_page_of_findings_names_scenarios_and_properties_that_exist() -> None:
    words = set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", FINDINGS))
    names = {p.stem for p in FILES} | BUNDLED.properties.keys() | load_findings()[1].keys()
    assert words - names <= {"wit-bindgen", "inter-task-wakeup", "async-spawn"}
    assert "no-stuck-task" in words


def test_the_trace_in_the_readme_is_that_of_the_tool() -> None:
    shortened = README.split("```text\n")[1].split("```")[0].splitlines()
    wanted = ("--mix", "v2/v2/v2", "--property", "no-stuck-task", "--traces")
    printed = run("check", "move-between-tasks", *wanted).stdout.splitlines()
    left = iter(line.rstrip() for line in printed)
    missing = [line for line in shortened if line.rstrip() not in left]
    assert missing == [], "not in what is printed, or not in this order"


def test_the_checkout_and_the_wheel_have_the_bundled_content() -> None:
    assert (ROOT / "model" / "properties.toml").is_file()
    assert FILES
    included = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    assert RELEASES.is_file()
    assert "reports/releases.json" in included["targets"]["wheel"]["force-include"]


def test_every_build_of_a_scenario_is_tried_and_only_its_own_has_expectations() -> None:
    features = BUNDLED.features
    scenario = bundled("spawn")
    builds = every_build(scenario, features)
    assert builds == [
        (),
        ("async-spawn",),
        ("inter-task-wakeup",),
        ("inter-task-wakeup", "async-spawn"),
    ]
    instances = [Instance(scenario, scenario.mixes({})[0], BUNDLED, build) for build in builds]
    assert [instance.build for instance in instances if instance.has_expectations] == [
        ("async-spawn",)
    ]


def test_scripts_and_builds_that_differ_by_role_keep_their_own_build() -> None:
    features = BUNDLED.features
    assert every_build(bundled("spawn-off"), features)[0] is None
    assert every_build(bundled("issue-1618"), features) == [None]


def test_a_build_with_wakeup_adds_a_stream_for_every_task() -> None:
    scenario = bundled("cancel-spawning-off")
    mix = scenario.mixes({})[-1]
    for build, number in (((), 0), (("inter-task-wakeup",), scenario.sizes["Task"])):
        instance = Instance(scenario, mix, BUNDLED, build)
        channels = instance.run.parameters["inter_task_channel"]
        assert len([c for c in channels if c is not None]) == number


def test_everything_to_the_end_differs_from_everything_by_the_bound_alone() -> None:
    bounded, whole = bundled("everything"), read_scenario(SCENARIOS / "whole/everything-whole.toml")
    assert bounded.steps is not None
    assert whole.steps is None
    assert (whole.sizes, whole.names, whole.parameters, whole.roles, whole.actions) == (
        bounded.sizes,
        bounded.names,
        bounded.parameters,
        bounded.roles,
        bounded.actions,
    )
