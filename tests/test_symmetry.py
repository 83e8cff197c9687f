"""Symmetry: fewer states, the same verdicts, and traces as short, each of which really happens."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Alter, check
from tests.test_explore import instance
from tests.test_mutants import MUTANTS, Mutant
from tests.test_native import ALL, a_mix_of
from tests.test_symbolic import RUN, load
from wakeproof.bundled import SCENARIOS
from wakeproof.execution.machine import Machine
from wakeproof.explore.explorer import Explorer, explore_with
from wakeproof.explore.native import search as native
from wakeproof.explore.native.library import Asymmetric, Program
from wakeproof.explore.native.state_layout import StateLayout
from wakeproof.explore.plain import explore
from wakeproof.explore.result import Exploration, Limits
from wakeproof.language.model import BUNDLED
from wakeproof.language.primitives import WentWrong
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance

WHOLE = "WAKEPROOF_WHOLE" in os.environ
"""Every scenario in every mix, and every mutant: `make reductions`."""

ALIKE = """
title = "Three tasks that are alike"
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
    """What native code finds."""
    program = Program(b.machine(), b.actions, symmetry)
    most = 20_000 if b.scenario.script is not None else None
    limits = Limits(max_states=most, steps=b.scenario.steps or steps)
    return native.explore(program, limits, None, threads=2)


def lengths(found: Exploration) -> dict[tuple[str, str], int]:
    """How long the shortest trace to each violation is."""
    return {key: len(violation.steps) for key, violation in found.violations.items()}


def happens(machine: Machine, found: Exploration) -> None:
    """Every trace leads to what it says, in plain Python."""
    for (key, site), violation in found.violations.items():
        machine.load(machine.initial())
        for step in violation.steps[: -1 if site else None]:
            machine.namespace[step.action](*step.arguments)
        if site:
            last = violation.steps[-1]
            with pytest.raises(WentWrong) as wrong:
                machine.namespace[last.action](*last.arguments)
            assert (wrong.value.kind, wrong.value.site) == (key, site)
        else:
            assert not machine.invariants[key]()


def mixes() -> list[tuple[str, str]]:
    """A scenario in a mix: some of them, or all."""
    if not WHOLE:
        few = ("everything", "issue-1618", "move-between-tasks", "spawn", "subtask", "handle-reuse")
        return [(scenario, a_mix_of(scenario)) for scenario in few]
    return [
        (scenario, "/".join(mix.values()))
        for scenario in ALL
        for mix in read_scenario(SCENARIOS / f"{scenario}.toml").mixes({})
    ]


@pytest.mark.parametrize(("scenario", "mix"), mixes())
def test_verdicts_and_the_lengths_of_traces_are_the_same(scenario: str, mix: str) -> None:
    b = instance(scenario, mix)
    with_symmetry, without = explored(b, True), explored(b, False)
    if not without.limit and not with_symmetry.limit:
        assert lengths(with_symmetry) == lengths(without)
        assert with_symmetry.states <= without.states
    happens(b.machine(), with_symmetry)


@pytest.fixture
def alike(tmp_path: Path) -> Callable[[str], Instance]:
    """The scenario above, altered."""

    def read(old: str = "", new: str = "") -> Instance:
        path = tmp_path / "alike.toml"
        path.write_text(ALIKE.replace(old, new) if old else ALIKE, encoding="utf-8")
        mix = {"export": "v2", "block_on": "v2", "import": "v2"}
        return Instance(read_scenario(path), mix, BUNDLED)

    return read


def test_tasks_operations_and_handles_that_are_alike_are_taken_together(
    alike: Callable[..., Instance],
) -> None:
    b = alike()
    found = Program(b.machine(), b.actions, True).emitted.symmetry
    assert found is not None
    assert set(found.types) == {"Task", "Future", "Operation", "Handle"}
    assert len(found.group) == 6 * 2, "a task changes places together with its root future"
    with_symmetry, without = explored(b, True), explored(b, False)
    assert with_symmetry.states * 5 < without.states
    assert lengths(with_symmetry) == lengths(without)
    assert with_symmetry.violations
    happens(b.machine(), with_symmetry)


def test_members_that_a_parameter_tells_apart_stay_where_they_are(
    alike: Callable[..., Instance],
) -> None:
    b = alike("may_block_on = [false, false, false]", "may_block_on = [false, false, true]")
    found = Program(b.machine(), b.actions, True).emitted.symmetry
    assert found is not None
    assert len(found.group) == 2 * 2
    b = alike('kind = ["STREAM_READ", "STREAM_READ"]', 'kind = ["STREAM_READ", "STREAM_WRITE"]')
    found = Program(b.machine(), b.actions, True).emitted.symmetry
    assert found is not None
    assert "Operation" not in found.types


def test_the_state_that_is_chosen_does_not_depend_on_which_of_those_alike_it_is_chosen_for(
    alike: Callable[..., Instance],
) -> None:
    b = alike()
    program = Program(b.machine(), b.actions, True)
    layout: StateLayout = program.layout
    states = [layout.initial]
    for state in states:
        states += [o for o in program.successors(state) if len(o) > 2 and len(states) < 2000]
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


def test_a_model_that_depends_on_the_order_of_members_is_explored_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
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
    assert "the order of members matters" in capsys.readouterr().err


@pytest.mark.parametrize("mutant", MUTANTS if WHOLE else MUTANTS[::4], ids=lambda m: m.property)
def test_a_fault_is_caught_with_symmetry(mutant: Mutant, alter: Alter) -> None:
    model = alter(mutant.file, mutant.old, mutant.new)
    faulty = check(mutant.scenario, mutant.mix, model, "native", 3000, True)[mutant.property]
    expected = check(mutant.scenario, mutant.mix, model, "native", 3000)[mutant.property]
    assert faulty.verdict == "violated", mutant.fault
    sites = {row["site"]: len(row["trace"]) for row in expected.violations}
    assert {row["site"]: len(row["trace"]) for row in faulty.violations} == sites
