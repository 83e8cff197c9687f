"""One program for all mixes of a scenario: native code is compiled once, and each mix is itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.support import bundled, instance
from wakeproof.check.job import Job, run_job
from wakeproof.explore.native import search as native
from wakeproof.explore.native.library import Program
from wakeproof.explore.plain import explore
from wakeproof.explore.result import NO_LIMITS
from wakeproof.language.model import BUNDLED, Model
from wakeproof.scenario.instance import Instance, scenario_for
from wakeproof.scenario.mixes import Versions

AMONG: Versions = tuple((role, ("v1", "v2", "v3")) for role in ("export", "block_on", "import"))
"""All versions in each role."""
MIXES = ("v1/v1/v1", "v2/v2/v2", "v3/v3/v3", "v1/v2/v3", "v2/v3/v1", "v3/v1/v2")

V4 = """
from model.state import s
from model.types import Task
from wakeproof.language import action, guard
BASE = "v3"


@action("program")
def stir(task: Task) -> None:
    guard(s.used[task])
"""


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("scenario", ["yield", "subtask", "spawn"])
def test_a_mix_does_the_same_in_the_program_of_all_as_in_its_own(scenario: str, mix: str) -> None:
    b = instance(scenario, mix)
    found = native.explore(Program(b.machine_among(AMONG), b.actions), NO_LIMITS)
    found.in_program_of(b.resolved.program.functions)
    expected = explore(b.machine(), actions=b.actions)
    assert dataclasses.replace(found, seconds=expected.seconds) == expected
    assert list(found.violations) == list(expected.violations), "in the order of discovery"


@pytest.mark.slow(but=2)
@pytest.mark.parametrize("mix", MIXES)
def test_symmetry_merges_the_same_states_in_the_program_of_all(mix: str) -> None:
    b = instance("cancel-operations-elsewhere", mix)
    found, expected = (
        native.explore(Program(machine, b.actions, reduce=True), NO_LIMITS)
        for machine in (b.machine_among(AMONG), b.machine())
    )
    found.in_program_of(b.resolved.program.functions)
    assert dataclasses.replace(found, seconds=expected.seconds) == expected
    assert found.states < native.explore(Program(b.machine(), b.actions), NO_LIMITS).states


def test_mixes_that_differ_have_one_text_and_other_results() -> None:
    programs = []
    for mix in MIXES[:3]:
        b = instance("future-read", mix)
        programs.append(Program(b.machine_among(AMONG), b.actions))
    assert len({program.text for program in programs}) == 1
    results = [native.explore(program, NO_LIMITS) for program in programs]
    assert len({tuple(found.violations) for found in results}) > 1
    assert len({found.states for found in results}) > 1


def test_the_programs_of_tasks_are_woven_once_for_all_mixes() -> None:
    one, other = (instance("select-drops-loser", mix) for mix in ("v2/v2/v2", "v3/v3/v3"))
    assert one.machine_among(AMONG).program is other.machine_among(AMONG).program
    longer = instance("yield-in-a-loop", "v3/v3/v3")
    assert one.machine_among(AMONG).program is not longer.machine_among(AMONG).program


def test_searches_of_two_mixes_in_one_library_do_not_meet() -> None:
    searches, wanted = [], []
    for mix in ("v1/v1/v1", "v3/v3/v3"):
        b = instance("spawn", mix)
        searches.append(native.Search(Program(b.machine_among(AMONG), b.actions), NO_LIMITS, 1, 0))
        wanted.append(explore(b.machine(), actions=b.actions).states)
    # both have begun before one of them runs
    for search in reversed(searches):
        search.run(None)
    assert [search.result.states for search in searches] == wanted
    assert wanted[0] != wanted[1]
    for search in searches:
        search.close()


@pytest.mark.slow
def test_a_mix_without_a_version_has_none_of_its_actions(tmp_path: Path) -> None:
    (tmp_path / "v4.py").write_text(V4, encoding="utf-8")
    model = Model(BUNDLED.root, (tmp_path / "v4.py",))
    scenario = scenario_for(model, "yield")
    among: Versions = tuple((role, ("v1", "v4")) for role, _ in AMONG)
    for mix, has in (("v1", False), ("v4", True)):
        b = Instance(scenario, {role: mix for role, _ in among}, model)
        machine = b.machine_among(among)
        assert ("stir" in machine.program.functions) == has
        assert bool(machine.program.choices) == has, "a mix without it has a program of its own"


def test_a_job_beside_others_has_the_verdicts_of_one_alone() -> None:
    mix = (("export", "v2"), ("block_on", "v1"), ("import", "v3"))
    alone = Job(bundled("future-read"), BUNDLED, mix, None, None)
    beside = dataclasses.replace(alone, among=AMONG)
    rows = [
        [dataclasses.replace(verdict, seconds=0.0) for verdict in run_job(job)]
        for job in (alone, beside)
    ]
    assert rows[0] == rows[1]
    assert any(verdict.verdict == "violated" for verdict in rows[0])
