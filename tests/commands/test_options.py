"""Which mixes and builds the options of a command choose."""

from __future__ import annotations

import dataclasses

import pytest

from wakeproof.bundled import SCENARIOS
from wakeproof.commands.inputs import chosen_mixes, mixes_of, one_build, one_mix
from wakeproof.commands.options import BuildOptions, MixOptions
from wakeproof.errors import InputError
from wakeproof.export.trace import Wanted
from wakeproof.language.model import BUNDLED
from wakeproof.scenario.file import Scenario, read_scenario
from wakeproof.scenario.mixes import every_mix, mix_name

FREE = "issue-1618"
"""A scenario that names V1, V2 and V3 in every role."""


def scenario(name: str) -> Scenario:
    """A bundled scenario."""
    return read_scenario(SCENARIOS / f"{name}.toml")


def names(options: MixOptions, name: str = FREE) -> list[str]:
    """The mixes of a scenario that the options choose."""
    return [mix_name(mix) for mix in mixes_of(scenario(name), chosen_mixes(options, BUNDLED))]


def newest(options: MixOptions, name: str = FREE) -> str:
    """The mix of a command that takes one."""
    return mix_name(one_mix(scenario(name), options, BUNDLED))


def test_roles_limit_the_mixes_of_a_scenario() -> None:
    assert len(names(MixOptions())) == 27
    assert names(MixOptions(executor=("v2",), import_=("v1", "v2"))) == [
        f"v2/{block_on}/{import_}" for block_on in ("v1", "v2", "v3") for import_ in ("v1", "v2")
    ]


def test_whole_mixes_limit_them_too() -> None:
    assert names(MixOptions(mix=("v2/v2/v2", "v1/v2/v3"))) == ["v1/v2/v3", "v2/v2/v2"]
    assert names(MixOptions(mix=("v1/v1/v1", "v3/v3/v3")), "spawn-off") == ["v1/v1/v1", "v3/v3/v3"]
    assert names(MixOptions(mix=("v1/v1/v2",)), "spawn-off") == []


def test_a_command_of_one_mix_takes_the_newest_that_is_allowed() -> None:
    assert newest(MixOptions()) == "v3/v3/v3"
    assert newest(MixOptions(executor=("v2", "v1"))) == "v2/v3/v3"
    # whatever the order in which a scenario lists its versions
    shuffled = dataclasses.replace(scenario(FREE), roles=dict.fromkeys(("export",), ("v3", "v1")))
    assert one_mix(shuffled, MixOptions(), BUNDLED) == {"export": "v3"}


def test_a_command_of_one_mix_takes_a_mix_that_no_scenario_names() -> None:
    assert newest(MixOptions(mix=("v1/v2_draft/v1",))) == "v1/v2_draft/v1"


def test_every_mix_has_a_version_in_each_role() -> None:
    chosen = chosen_mixes(MixOptions(executor=("v1", "v1")), BUNDLED)
    assert [mix_name(m) for m in every_mix(chosen, ["v3"])] == ["v1/v3/v3"]
    chosen = chosen_mixes(MixOptions(mix=("v1/v2/v3", "v3/v2/v1")), BUNDLED)
    assert [mix_name(m) for m in every_mix(chosen, ["v3"])] == ["v1/v2/v3", "v3/v2/v1"]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"mix": ("v2",)}, "'v2' is not a mix"),
        ({"mix": ("v2/v2/v2 +none",)}, "'v2/v2/v2 .none' has features"),
        ({"mix": ("v2/v2/v9",)}, "unknown ABI version 'v9'"),
        ({"executor": ("v9",)}, "unknown ABI version 'v9'"),
        ({"mix": ("v1/v1/v1", "v2/v2/v2")}, "several mixes"),
        ({"mix": ("v2/v2/v2",), "executor": ("v2",)}, "--mix does not go with --executor"),
        ({"executor": ("v2_draft",)}, "the scenario names none of these mixes"),
    ],
)
def test_mixes_that_cannot_be_are_refused(options: dict[str, tuple[str, ...]], what: str) -> None:
    with pytest.raises(InputError, match=what) as refused:
        newest(MixOptions(**options))
    assert refused.value.hint


def test_a_build_has_just_the_features_that_are_on() -> None:
    assert one_build(BuildOptions(), BUNDLED) is None
    assert one_build(BuildOptions(on=("async-spawn",)), BUNDLED) == ("async-spawn",)
    assert one_build(BuildOptions(off=("async-spawn",)), BUNDLED) == ()
    with pytest.raises(InputError, match="unknown feature 'no-such'"):
        one_build(BuildOptions(off=("no-such",)), BUNDLED)


def test_options_of_mixes_are_typed_as_they_were_given() -> None:
    options = MixOptions(executor=("v1", "v2"), import_=("v3",))
    assert options.typed() == ["--executor v1,v2", "--import v3"]
    assert MixOptions(mix=("v1/v1/v1",)).typed() == ["--mix v1/v1/v1"]


def test_a_violation_is_wanted_by_its_mix_or_its_mix_and_build() -> None:
    result = {
        "property": "no-leak",
        "mix": {"export": "v1", "block_on": "v2", "import": "v2"},
        "features": ["async-spawn"],
    }
    violation = {"site": ""}
    for wanted in (
        Wanted(),
        Wanted(mixes=("v3/v3/v3", "v1/v2/v2")),
        Wanted(mixes=("v1/v2/v2 +async-spawn",)),
        Wanted(roles={"export": ("v1",), "import": ()}),
    ):
        assert wanted.allows(result, violation), wanted
    for other in (
        Wanted(property="no-panic"),
        Wanted(site="x"),
        Wanted(mixes=("v1/v2/v2 +none",)),
        Wanted(roles={"export": ("v2",)}),
    ):
        assert not other.allows(result, violation), other
