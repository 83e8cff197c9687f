"""Spin and TLC decide the properties of progress as the explorers do.

Spin's automaton, TLA's formulas and the explorers' strongly connected components have in common
only what is asked: the conditions and the fair choices of the model.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import spin, tlc
from tests.mutants import MUTANTS, Mutant
from tests.support import ALL, Alter, bundled, instance
from wakeproof.errors import InputError
from wakeproof.explore.explorer import Explorer, explore_with
from wakeproof.explore.result import Exploration, Limits
from wakeproof.export.promela_progress import promela_progress
from wakeproof.export.scenario import files_of
from wakeproof.language.model import BUNDLED, Model
from wakeproof.scenario.instance import Instance

PROGRESS = [p.id for p in BUNDLED.properties.values() if p.progress]
MUTANTS_OF_PROGRESS = [m for m in MUTANTS if m.property in PROGRESS]

MANY = {
    "cancel-operations-elsewhere",
    "cancel-spawning",
    "foreign-waker",
    "join-handle",
    "join-handle-off",
    "spawn",
    "sync-export",
    "waits-in-either-order",
    "wake-between-tasks",
}
"""Scenarios of 2,500 to 60,000 states: for Spin alone, as TLC takes minutes for a property."""
TOO_MANY = {"nested-waits", "sync-exports-overlap"}
"""Scenarios of more than 300,000 states."""
UNDECIDED = {"everything", "issue-1618"}
"""A bound of steps, and a script: nothing about progress is decided."""
SMALL = [name for name in ALL if name not in MANY | TOO_MANY | UNDECIDED]

Decides = Callable[[Instance, str, Path], bool]
"""Whether another checker finds that a property is violated; it works in the folder."""


def spin_decides(found: Instance, property_id: str, folder: Path) -> bool:
    return spin.decide(promela_progress(found, property_id), folder, ("-O0",)).violated


def tlc_decides(found: Instance, property_id: str, folder: Path) -> bool:
    return tlc.decide(found, property_id, folder).violated


SPIN = pytest.param(
    spin_decides, id="spin", marks=pytest.mark.skipif(bool(spin.missing()), reason=spin.missing())
)
TLC = pytest.param(
    tlc_decides, id="tlc", marks=pytest.mark.skipif(bool(tlc.missing()), reason=tlc.missing())
)


def mixes_of(scenario: str) -> list[str]:
    """Return the newest mix of a scenario and the oldest one."""
    mixes = bundled(scenario).mixes({})
    return list(dict.fromkeys("/".join(mix.values()) for mix in (mixes[-1], mixes[0])))


def explored(found: Instance) -> Exploration:
    """Explore with the native explorer or the plain one."""
    return explore_with(
        Explorer("auto"),
        found.machine(),
        actions=found.actions,
        assumed=found.assumed,
        limits=Limits(max_states=100_000),
    )


def broken(result: Exploration) -> set[str]:
    """Return the properties of progress that are violated."""
    assert not result.limit
    assert not result.undecided
    return {key for (key, _), v in result.violations.items() if v.kind == "progress"}


@functools.cache
def ours(scenario: str, mix: str) -> Exploration:
    """Explore a bundled scenario, once for all its properties."""
    return explored(instance(scenario, mix))


def assert_agrees(decides: Decides, scenario: str, mix: str, folder: Path) -> None:
    """Assert that another checker has the verdict of the explorers on every property."""
    result = ours(scenario, mix)
    assert result.coverage is not None
    # of the others nothing is ever owed
    for property_id in [p for p in PROGRESS if p in result.coverage.tested]:
        room = folder / property_id
        room.mkdir()
        violated = decides(instance(scenario, mix), property_id, room)
        assert violated == (property_id in broken(result)), property_id


# --- the same verdicts ----------------------------------------------------------------------------


@pytest.mark.slow(but=2)
@pytest.mark.parametrize("decides", [SPIN, TLC])
@pytest.mark.parametrize(
    ("scenario", "mix", "property_id", "violated"),
    [
        # a loop, and fairness of seven choices that no loop escapes
        ("yield", "v3/v3/v3", "outside-not-starved", True),
        ("spawn-off", "v3/v3/v3", "no-idle-turns", False),
        # a run that stops, and one that may not
        ("default-write", "v3/v2/v3", "done-task-exits", True),
        ("default-write", "v1/v2/v1", "done-task-exits", False),
        # what is owed from some state on
        ("cancel-asleep-off", "v3/v2/v3", "woken-is-polled", False),
    ],
)
def test_other_checkers_have_the_verdict_of_the_explorers(
    decides: Decides, scenario: str, mix: str, property_id: str, violated: bool, tmp_path: Path
) -> None:
    assert (property_id in broken(ours(scenario, mix))) == violated
    assert decides(instance(scenario, mix), property_id, tmp_path) == violated


@pytest.mark.nightly
@pytest.mark.parametrize("decides", [SPIN, TLC])
@pytest.mark.parametrize(
    ("scenario", "mix"), [(name, mix) for name in SMALL for mix in mixes_of(name)]
)
def test_other_checkers_have_every_verdict(
    decides: Decides, scenario: str, mix: str, tmp_path: Path
) -> None:
    assert_agrees(decides, scenario, mix, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("decides", [SPIN])
@pytest.mark.parametrize(
    ("scenario", "mix"), [(name, mix) for name in sorted(MANY) for mix in mixes_of(name)]
)
def test_spin_has_every_verdict_on_many_states(
    decides: Decides, scenario: str, mix: str, tmp_path: Path
) -> None:
    assert_agrees(decides, scenario, mix, tmp_path)


def test_a_scenario_that_no_other_checker_decides_has_a_reason() -> None:
    for name in UNDECIDED:
        assert bundled(name).script is not None or bundled(name).steps is not None
    assert set(SMALL) | MANY | TOO_MANY | UNDECIDED == set(ALL)


# --- faults ---------------------------------------------------------------------------------------


def assert_fault_is_found(decides: Decides, mutant: Mutant, alter: Alter, folder: Path) -> None:
    """Assert that a fault violates its property for another checker, as for the explorers."""
    faulty = instance(mutant.scenario, mutant.mix, Model(mutant.applied(alter)))
    assert mutant.property in broken(explored(faulty))
    assert decides(faulty, mutant.property, folder), mutant.fault


@pytest.mark.slow
@pytest.mark.parametrize("decides", [SPIN])
def test_a_fault_of_the_model_is_found(decides: Decides, alter: Alter, tmp_path: Path) -> None:
    mutant = next(m for m in MUTANTS if m.property == "block-on-goes-on")
    assert_fault_is_found(decides, mutant, alter, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("decides", [SPIN])
@pytest.mark.parametrize("mutant", MUTANTS_OF_PROGRESS, ids=lambda m: m.property)
def test_every_fault_of_the_model_is_found(
    decides: Decides, mutant: Mutant, alter: Alter, tmp_path: Path
) -> None:
    assert_fault_is_found(decides, mutant, alter, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("decides", [TLC])
@pytest.mark.parametrize(
    "mutant", [m for m in MUTANTS_OF_PROGRESS if m.scenario in SMALL], ids=lambda m: m.property
)
def test_tlc_finds_every_fault_of_a_small_scenario(
    decides: Decides, mutant: Mutant, alter: Alter, tmp_path: Path
) -> None:
    assert_fault_is_found(decides, mutant, alter, tmp_path)


# --- assumptions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("decides", [SPIN, TLC])
def test_every_run_counts_that_an_assumption_leaves_out(
    decides: Decides, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = instance("cancel-asleep-off", "v3/v2/v3")
    assert "woken-is-polled" not in broken(explored(found))
    assumed = [name for name in found.assumed if name != "resume_yielded"]
    monkeypatch.setattr(Instance, "assumed", assumed)
    assert "woken-is-polled" in broken(explored(found))
    assert decides(found, "woken-is-polled", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("decides", [SPIN, TLC])
def test_an_optional_assumption_leaves_out_runs(
    decides: Decides, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = instance("yield", "v3/v3/v3")
    assert "outside-not-starved" in broken(explored(found))
    monkeypatch.setattr(Instance, "assumed", [*found.assumed, "polled-future-ends"])
    assert "outside-not-starved" not in broken(explored(found))
    assert not decides(found, "outside-not-starved", tmp_path)


@pytest.mark.parametrize("decides", [SPIN, TLC])
def test_a_scenario_that_leaves_out_what_the_host_owes_is_not_decided(
    decides: Decides, tmp_path: Path
) -> None:
    found = instance("cancel-asleep-off", "v3/v2/v3")
    found.actions = [name for name in found.actions if name != "resume_yielded"]
    assert explored(found).undecided
    with pytest.raises(RuntimeError, match="has not decided"):
        decides(found, "woken-is-polled", tmp_path)


# --- the command ----------------------------------------------------------------------------------


def test_only_a_property_of_progress_is_exported_alone() -> None:
    found = instance("yield", "v3/v3/v3")
    for form in ("promela", "tla"):
        with pytest.raises(InputError, match="no-leak is not a property of progress"):
            files_of(found, form, property_id="no-leak")


def test_a_bound_of_steps_is_refused() -> None:
    for found, steps in ((instance("everything", "v3/v3/v3"), None), (instance("yield"), 5)):
        with pytest.raises(InputError, match="runs of any length"):
            files_of(found, "promela", steps, "woken-is-polled")


def test_more_assumptions_than_a_byte_counts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = instance("yield", "v3/v3/v3")
    monkeypatch.setattr("wakeproof.export.promela_progress.MOST", 3)
    with pytest.raises(InputError, match="Promela counts 3 in a byte") as refused:
        promela_progress(found, "outside-not-starved")
    assert refused.value.hint == "export a scenario with smaller sizes"


def test_files_bear_the_name_of_the_property() -> None:
    found = instance("zero-length", "v3/v2/v3")
    (name,) = files_of(found, "promela", property_id="event-can-be-taken")
    assert name == "zero-length-v3-v2-v3-event-can-be-taken.pml"
    files = files_of(found, "tla", property_id="event-can-be-taken")
    assert list(files) == [f"zero_length_v3_v2_v3_event_can_be_taken.{e}" for e in ("tla", "cfg")]
    (module, configuration) = files.values()
    assert module.startswith("---- MODULE zero_length_v3_v2_v3_event_can_be_taken ----")
    assert (
        "SF_machine(Alive /\\ \\E waitable_ \\in Handle : can_deliver_event(machine, 0," in module
    )
    assert "PROPERTY Progress" in configuration
