"""Symmetry reduction: fewer states, the same verdicts, traces of the same length that happen."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mutants import IN_EVERY_STATE, Mutant
from tests.rules import RUN, load
from tests.support import (
    ALL,
    Alter,
    a_mix_of,
    assert_traces_happen,
    bundled,
    check,
    instance,
    is_state,
    lengths,
    mix_of,
)
from wakeproof.execution.machine import Machine
from wakeproof.explore.explorer import Explorer, explore_with
from wakeproof.explore.native import search as native
from wakeproof.explore.native.library import Asymmetric, Program
from wakeproof.explore.native.state_layout import StateLayout
from wakeproof.explore.plain import explore
from wakeproof.explore.result import Exploration, Limits
from wakeproof.language.model import BUNDLED
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance

WHOLE = "WAKEPROOF_WHOLE" in os.environ
"""Test every scenario in every mix, and every mutant: `make reductions`."""

ALIKE = """
title = "Three interchangeable tasks"
origin = "tests"
story = "Three exports poll one read in turn."
[sizes]
Task = 3
Future = 3
Operation = 2
Handle = 6
Channel = 1
[parameters]
kind = ["STREAM_READ", "STREAM_READ"]
channel = [0, 0]
remote = ["WRITE"]
opened = true
may_block_on = [false, false, false]
[bounds]
steps = 6
[mixes]
export = ["v2"]
block_on = ["v2"]
import = ["v2"]
[otherwise]
verdict = "holds"
reason = "tests"
"""


def explored(b: Instance, symmetry: bool, steps: int | None = None) -> Exploration:
    """Explore in native code."""
    program = Program(b.machine(), b.actions, symmetry)
    most = 20_000 if b.scenario.script is not None else None
    limits = Limits(max_states=most, steps=b.scenario.steps or steps)
    return native.explore(program, limits, None, threads=2)


def mixes() -> list[tuple[str, str]]:
    """List scenarios with a mix: some, or all."""
    if not WHOLE:
        few = ("everything", "issue-1618", "move-between-tasks", "spawn", "subtask", "handle-reuse")
        return [(scenario, a_mix_of(scenario)) for scenario in few]
    return [
        (scenario, "/".join(mix.values()))
        for scenario in ALL
        for mix in bundled(scenario).mixes({})
    ]


@pytest.mark.parametrize(("scenario", "mix"), mixes())
def test_symmetry_keeps_verdicts_and_the_lengths_of_traces(scenario: str, mix: str) -> None:
    b = instance(scenario, mix)
    with_symmetry, without = explored(b, True), explored(b, False)
    if not without.limit and not with_symmetry.limit:
        assert lengths(with_symmetry) == lengths(without)
        assert with_symmetry.states <= without.states
    assert_traces_happen(b.machine(), with_symmetry)


@pytest.fixture
def alike(tmp_path: Path) -> Callable[[str], Instance]:
    """Reads the scenario above, with one piece of its text replaced."""

    def read(old: str = "", new: str = "") -> Instance:
        path = tmp_path / "alike.toml"
        path.write_text(ALIKE.replace(old, new) if old else ALIKE, encoding="utf-8")
        return Instance(read_scenario(path), mix_of("v2/v2/v2"), BUNDLED)

    return read


def test_states_that_differ_in_interchangeable_members_are_merged(
    alike: Callable[..., Instance],
) -> None:
    b = alike()
    found = Program(b.machine(), b.actions, True).emitted.symmetry
    assert found is not None
    assert set(found.types) == {"Task", "Future", "Operation", "Handle"}
    assert len(found.group) == 6 * 2, "a task is permuted together with its root future"
    with_symmetry, without = explored(b, True), explored(b, False)
    assert with_symmetry.states * 5 < without.states
    assert lengths(with_symmetry) == lengths(without)
    assert with_symmetry.violations
    assert_traces_happen(b.machine(), with_symmetry)


def test_members_with_different_parameters_are_not_permuted(
    alike: Callable[..., Instance],
) -> None:
    b = alike("may_block_on = [false, false, false]", "may_block_on = [false, false, true]")
    found = Program(b.machine(), b.actions, True).emitted.symmetry
    assert found is not None
    assert len(found.group) == 2 * 2
    kinds = 'kind = ["STREAM_READ", "STREAM_READ"]\nchannel = [0, 0]'
    b = alike(kinds, 'kind = ["STREAM_READ", "SUBTASK"]\nchannel = [0, ""]')
    found = Program(b.machine(), b.actions, True).emitted.symmetry
    assert found is not None
    assert "Operation" not in found.types


def test_the_representative_of_an_orbit_represents_itself(
    alike: Callable[..., Instance],
) -> None:
    b = alike()
    program = Program(b.machine(), b.actions, True)
    layout: StateLayout = program.layout
    states = [layout.initial]
    for state in states:
        states += [o for o in program.successors(state) if is_state(o) and len(states) < 2000]
    assert program.is_symmetric(states[::20])
    for state in states[::10]:
        one = program.canonical(state)
        assert program.canonical(one) == one


ORDER = """
@action("test")
def light(floor: Floor) -> None:
    guard(not s.lit[floor])
    s.lit[floor] = True


@action("test")
def note() -> None:
    for floor in Floor:
        if not s.lit[floor]:
            s.last = floor
"""


def test_a_model_that_depends_on_the_order_of_members_is_explored_without_symmetry(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    resolved = load(tmp_path, ORDER)
    machine = Machine(resolved, RUN)
    program = Program(machine, None, True)
    assert program.emitted.symmetry is not None
    assert len(program.emitted.symmetry.group) == 6 * 2, "floors and doors"
    with pytest.raises(Asymmetric):
        native.explore(program, Limits(), None)
    found = explore_with(Explorer("native", symmetry=True), machine)
    assert found.states == explore(machine).states
    assert "the order of members matters" in caplog.text


@pytest.mark.slow(but=2)
@pytest.mark.parametrize(
    "mutant", IN_EVERY_STATE if WHOLE else IN_EVERY_STATE[::4], ids=lambda m: m.property
)
def test_a_fault_is_caught_with_symmetry(mutant: Mutant, alter: Alter) -> None:
    model = mutant.applied(alter)
    faulty = check(mutant.scenario, mutant.mix, model, "native", 3000, True)[mutant.property]
    expected = check(mutant.scenario, mutant.mix, model, "native", 3000)[mutant.property]
    assert faulty.verdict == "violated", mutant.fault
    found, wanted = (
        {row["site"]: len(row["trace"]) for row in verdict.violations}
        for verdict in (faulty, expected)
    )
    assert found == wanted
