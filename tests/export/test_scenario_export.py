"""A scenario as a model of another checker, which finds the same states and the same faults.

The other checker knows nothing of the model's text but what was exported: its count of states
and the properties and sites that it names are its own.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import z3
from click.testing import CliRunner, Result

from bench import spin, tlc
from tests.mutants import MUTANTS
from tests.support import ALL, Alter, bundled, instance
from wakeproof.bundled import MODEL
from wakeproof.cli import cli
from wakeproof.errors import InputError
from wakeproof.explore.plain import explore
from wakeproof.explore.result import Exploration, Limits
from wakeproof.export.program import identifiers
from wakeproof.export.promela import promela, site_name
from wakeproof.export.promela_size import elements
from wakeproof.export.scenario import files_of, with_steps
from wakeproof.export.smtlib import smtlib
from wakeproof.language.model import Model
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import ROLES, read_run_name
from wakeproof.symbolic.bmc import Target

EXHAUSTED = [
    ("subtask", "v2/v2/v2"),
    ("move-between-tasks", "v1/v1/v1"),
    ("cancel-asleep", "v3/v3/v3"),
    # a function of it goes wrong, and gives no result
    ("cancel-spawning-off", "v3/v2/v3"),
]
"""Scenarios with an end of their own, in some mix."""
PROGRAMS = [
    ("yield-in-a-loop", "v0_48_1/v0_48_1/v0_48_1"),
    ("select-drops-loser", "v3/v3/v3"),
    ("read-in-a-loop", "v2/v3/v3"),
    ("mutex-around-stream", "v3/v3/v2 +inter-task-wakeup"),
    # a program waits for a lock in vain
    ("two-mutexes", "v3/v3/v3 +inter-task-wakeup"),
]
"""Scenarios that say what each task does."""


def a_bound(scenario: str, run: str, model: Path = MODEL, steps: int | None = None) -> Instance:
    """Return a bundled scenario with a bound on its steps.

    `run` is the mix `export/block_on/import`, and the features of a build.
    """
    mix, build = read_run_name(run, ROLES)
    return with_steps(Instance(bundled(scenario), mix, Model(model), build), steps)


def ours(instance: Instance) -> Exploration:
    """What the plain explorer finds."""
    limits = Limits(steps=instance.scenario.steps)
    return explore(instance.machine(), actions=instance.actions, limits=limits)


def broken(found: Exploration) -> set[str]:
    """Properties and sites under the names that the exports give them."""
    return {
        site_name(v.kind, v.site) if v.site else key.replace("-", "_")
        for (key, _), v in found.violations.items()
    }


def export(*arguments: str | Path) -> Result:
    """Run the command in this process; what went wrong is in `exception`."""
    return CliRunner().invoke(cli, ["export", *map(str, arguments)])


# --- Spin -----------------------------------------------------------------------------------------

needs_spin = pytest.mark.skipif(bool(spin.missing()), reason=spin.missing())


def spin_agrees(instance: Instance, folder: Path) -> set[str]:
    """Compare; what is broken."""
    expected = ours(instance)
    is_bounded = instance.scenario.steps is not None
    found = spin.spin(promela(instance), folder, is_bounded, ("-O0",))
    assert found.states == expected.states
    assert found.broken == broken(expected)
    return set(found.broken)


@pytest.mark.slow(but=1)
@needs_spin
@pytest.mark.parametrize(("scenario", "mix"), EXHAUSTED)
def test_spin_reaches_the_same_states_and_the_same_verdicts(
    scenario: str, mix: str, tmp_path: Path
) -> None:
    spin_agrees(a_bound(scenario, mix), tmp_path)


@pytest.mark.slow(but=1)
@needs_spin
@pytest.mark.parametrize(("scenario", "mix"), PROGRAMS)
def test_spin_reaches_the_same_states_of_programs(scenario: str, mix: str, tmp_path: Path) -> None:
    spin_agrees(a_bound(scenario, mix), tmp_path)


def test_every_scenario_with_programs_is_exported() -> None:
    assert {name for name, _ in PROGRAMS} == {name for name in ALL if bundled(name).tasks}


def test_a_program_does_not_make_a_text_that_no_preprocessor_takes() -> None:
    # each condition that is asked where another one leads to is inside the other one's text
    text = promela(a_bound("two-mutexes", "v3/v3/v3"))
    assert max(map(len, text.splitlines())) < 10_000


@needs_spin
@pytest.mark.parametrize("mix", [pytest.param("v1/v1/v1", marks=pytest.mark.nightly), "v2/v3/v2"])
def test_spin_keeps_to_a_bound_of_steps(mix: str, tmp_path: Path) -> None:
    assert spin_agrees(a_bound("everything", mix, steps=5), tmp_path)


@needs_spin
def test_spin_takes_an_action_that_fills_a_block(tmp_path: Path) -> None:
    # a drop that waits calls most of the functions of three versions
    large = instance("wake-between-tasks", "v1/v2/v3")
    text = promela(large)
    assert "    atomic {\n" in text
    found = spin.spin(text, tmp_path, False, ("-O0",))
    assert found.states == ours(large).states > 10_000


def test_an_action_that_fills_a_block_is_refused_with_a_bound_of_steps() -> None:
    with pytest.raises(InputError) as refused:
        promela(a_bound("wake-between-tasks", "v1/v2/v3", steps=5))
    assert "is too long for a d_step, so Spin cannot count 5 steps" in str(refused.value)
    assert "hint: use --to tla" in str(refused.value)


@needs_spin
def test_every_step_is_as_many_transitions_of_spin_as_the_head_says(tmp_path: Path) -> None:
    text = promela(a_bound("table-forms", "v3/v3/v3", steps=7))
    (tmp_path / "model.pml").write_text(text, encoding="utf-8")
    run("spin", "-DBREADTH", "-a", "model.pml", folder=tmp_path)
    flags = ("-w", "-O0", "-DSAFETY", "-DNOREDUCE", "-DBFS")
    run("cc", *flags, "-o", "pan", "pan.c", folder=tmp_path)
    listed = run("./pan", "-d", folder=tmp_path)
    leads = {(int(a), int(b)) for a, b in re.findall(r"state +(\d+) .*-> state +(\d+) ", listed)}
    # one transition after another, and the last one leads back to the first
    following = dict(leads)
    path = [min(following)]
    while following[path[-1]] not in path:
        path.append(following[path[-1]])
    assert following[path[-1]] == path[0]
    length = len(path)
    assert length == len(leads)
    assert f"{length} transitions of Spin" in text
    assert f"-m{7 * length} " in text


@needs_spin
def test_a_block_has_as_many_elements_as_spin_counts(tmp_path: Path) -> None:
    text = promela(a_bound("everything", "v2/v3/v2"))
    (tmp_path / "model.pml").write_text(text, encoding="utf-8")
    run("spin", "-DBREADTH", "-a", "model.pml", folder=tmp_path)
    lines = text.splitlines()
    again = elements(inside(lines, lines.index("inline begin_again() {")))
    code = (tmp_path / "pan.m").read_text(encoding="utf-8")
    compared = 0
    for case in code.split("\n\tcase ")[1:]:
        found = re.search(r"STATE \d+ - model\.pml:(\d+)", case)
        if found and lines[int(found[1]) - 1] == "    d_step {":
            block = inside(lines, int(found[1]) - 1)
            calls = sum("begin_again()" in line for line in block)
            assert elements(block) + again * calls == case.count("_0: /* 2 */")
            compared += 1
    assert compared == lines.count("    d_step {") > 5


def inside(lines: list[str], at: int) -> list[str]:
    """Return the lines between a line that ends with a brace and the one that closes it."""
    closes = " " * (len(lines[at]) - len(lines[at].lstrip())) + "}"
    end = next(i for i in range(at, len(lines)) if lines[i].startswith(closes))
    return lines[at + 1 : end]


def run(*command: str, folder: Path) -> str:
    """Run a command that succeeds; return its output."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
@needs_spin
def test_spin_finds_a_fault_of_the_model(alter: Alter, tmp_path: Path) -> None:
    mutant = next(m for m in MUTANTS if m.property == "no-stale-callback")
    model = alter(mutant.file, mutant.old, mutant.new)
    faulty = spin_agrees(a_bound(mutant.scenario, mutant.mix, model), tmp_path)
    assert "no_stale_callback" in faulty, mutant.fault
    sound = spin_agrees(a_bound(mutant.scenario, mutant.mix), tmp_path)
    assert "no_stale_callback" not in sound


# --- TLC ------------------------------------------------------------------------------------------

needs_tlc = pytest.mark.skipif(bool(tlc.missing()), reason=tlc.missing())


def tlc_agrees(instance: Instance, folder: Path) -> set[str]:
    """Compare; what is broken."""
    expected = ours(instance)
    found = tlc.tlc(instance, folder)
    assert found.states == expected.states
    assert found.broken == broken(expected)
    return set(found.broken)


@needs_tlc
@pytest.mark.parametrize(
    ("scenario", "mix"), [pytest.param(*EXHAUSTED[0], marks=pytest.mark.nightly), EXHAUSTED[3]]
)
def test_tlc_reaches_the_same_states_and_the_same_verdicts(
    scenario: str, mix: str, tmp_path: Path
) -> None:
    tlc_agrees(a_bound(scenario, mix), tmp_path)


@needs_tlc
@pytest.mark.parametrize(
    ("scenario", "mix"),
    [PROGRAMS[0], *(pytest.param(*program, marks=pytest.mark.nightly) for program in PROGRAMS[1:])],
)
def test_tlc_reaches_the_same_states_of_programs(scenario: str, mix: str, tmp_path: Path) -> None:
    tlc_agrees(a_bound(scenario, mix), tmp_path)


@pytest.mark.slow
@needs_tlc
def test_tlc_keeps_to_a_bound_of_steps(tmp_path: Path) -> None:
    assert tlc_agrees(a_bound("everything", "v2/v3/v2", steps=4), tmp_path)


@pytest.mark.slow
@needs_tlc
def test_tlc_finds_a_fault_of_the_model(alter: Alter, tmp_path: Path) -> None:
    mutant = next(m for m in MUTANTS if m.property == "no-stale-callback")
    model = alter(mutant.file, mutant.old, mutant.new)
    faulty = tlc_agrees(a_bound(mutant.scenario, mutant.mix, model), tmp_path)
    assert "no_stale_callback" in faulty, mutant.fault


# --- SMT-LIB --------------------------------------------------------------------------------------


def z3_says(text: str) -> str:
    """The answer of z3 to a problem."""
    solver = z3.SolverFor("QF_FD")
    solver.from_string(text)
    return str(solver.check())


def cvc5_says(text: str) -> str:
    """The answer of cvc5 to a problem."""
    cvc5 = pytest.importorskip("cvc5")
    solver = cvc5.Solver(cvc5.TermManager())
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "problem")
    said = ""
    while not (command := parser.nextCommand()).isNull():
        said += str(command.invoke(solver, parser.getSymbolManager())).strip()
    return said


@pytest.mark.slow(but=1)
@pytest.mark.parametrize("says", [z3_says, cvc5_says])
@pytest.mark.parametrize(
    ("scenario", "mix", "target"),
    [
        ("subtask", "v2/v2/v2", "no-stuck-task"),
        ("move-between-tasks", "v1/v1/v1", ("trap", "host::stream_copy::not-idle")),
        ("read-in-a-loop", "v3/v3/v3", ("trap", "host::stream_copy::not-idle")),
    ],
)
def test_solvers_find_a_violation_after_as_many_steps_as_a_shortest_trace_has(
    says: Callable[[str], str], scenario: str, mix: str, target: Target
) -> None:
    instance = a_bound(scenario, mix)
    key = (target, "") if isinstance(target, str) else target
    length = len(ours(instance).violations[key].steps)
    assert says(smtlib(instance, target, length)) == "sat"
    assert says(smtlib(instance, target, length - 1)) == "unsat"


# --- names ----------------------------------------------------------------------------------------


def test_names_of_a_scenario_become_identifiers_that_differ() -> None:
    assert identifiers(["a-b", "a_b", "lock_für"]) == ["a_b", "a_b_2", "lock_f_r"]


def test_a_file_bears_the_name_of_its_build() -> None:
    found = a_bound("two-mutexes", "v3/v3/v3 +inter-task-wakeup")
    assert list(files_of(found, "promela")) == ["two-mutexes-v3-v3-v3+inter-task-wakeup.pml"]
    assert "two_mutexes_v3_v3_v3_inter_task_wakeup.tla" in files_of(found, "tla")


# --- the command ----------------------------------------------------------------------------------


def test_a_script_is_not_a_model() -> None:
    done = export("issue-1618", "--to", "promela")
    assert isinstance(done.exception, InputError)
    assert "follows a script" in str(done.exception)


def test_a_mix_that_is_none_is_refused() -> None:
    done = export("subtask", "--to", "promela", "--mix", "v2")
    assert isinstance(done.exception, InputError)
    assert "'v2' is not a mix" in str(done.exception)


def test_a_build_is_chosen_by_its_features() -> None:
    printed = export("two-mutexes", "--to", "promela", "--on", "inter-task-wakeup").output
    assert "Scenario two-mutexes, mix v3/v3/v3 +inter-task-wakeup" in printed
    assert "Scenario two-mutexes, mix v3/v3/v3," in export("two-mutexes", "--to", "promela").output


def test_a_problem_wants_a_property_and_a_number_of_steps() -> None:
    for options, wrong in (
        (["--property", "no-leak"], "a number of steps"),
        (["--steps", "3"], "needs a property"),
        (["--steps", "3", "--property", "no-panic"], "violated at a site"),
    ):
        done = export("subtask", "--to", "smtlib", *options)
        assert isinstance(done.exception, InputError)
        assert wrong in str(done.exception)
    text = export("subtask", "--to", "smtlib", "--steps", "3", "--property", "no-leak").output
    assert z3_says(text) == "unsat"


def test_a_model_is_printed_or_written_into_a_file(tmp_path: Path) -> None:
    printed = export("subtask", "--to", "promela").output
    assert printed.startswith("/* A subtask through all its states")
    export("subtask", "--to", "promela", "--output", tmp_path / "there" / "x.pml")
    assert (tmp_path / "there" / "x.pml").read_text(encoding="utf-8") == printed
