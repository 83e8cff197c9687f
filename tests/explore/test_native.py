"""The native explorer has the plain explorer's results, on any number of threads."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.differential import (
    CASTS,
    FEATURES,
    MIXES,
    Case,
    Pair,
    altering,
    flip_comparison,
)
from tests.mutants import IN_EVERY_STATE, Mutant
from tests.rules import RULES, RUN, load
from tests.support import ALL, Alter, a_mix_of, bundled, check, instance, is_state, take
from wakeproof.errors import Exit, InputError
from wakeproof.execution.machine import Machine
from wakeproof.explore.explorer import usable
from wakeproof.explore.native import compiler
from wakeproof.explore.native import search as native
from wakeproof.explore.native.library import Program
from wakeproof.explore.native.state_layout import UnsupportedModel
from wakeproof.explore.plain import explore
from wakeproof.explore.result import Exploration, Limits
from wakeproof.language import ir
from wakeproof.language.values import Snapshot, domain


def both(scenario: str, mix: str, threads: int, limits: Limits) -> tuple[Exploration, Exploration]:
    """Return the results of the native and of the plain explorer, without their times."""
    b = instance(scenario, mix)
    limits = dataclasses.replace(limits, steps=limits.steps or b.scenario.steps)
    program = Program(b.machine(), b.actions)
    one = native.explore(program, limits, None, threads=threads)
    other = explore(b.machine(), actions=b.actions, limits=limits)
    return dataclasses.replace(one, seconds=0.0), dataclasses.replace(other, seconds=0.0)


# --- explorations -------------------------------------------------------------------------------


@pytest.mark.nightly(but=20)
@pytest.mark.slow(but=10)
@pytest.mark.parametrize("scenario", ALL)
def test_both_explorers_have_the_same_result(scenario: str) -> None:
    # a scenario with a script allows every action: without the script it would not end; those of
    # threads have some hundred thousand states, of which plain Python takes a part
    scripted = bundled(scenario).script is not None
    limits = Limits(max_states=3000 if scripted else 20_000)
    found, expected = both(scenario, a_mix_of(scenario), 2, limits)
    assert found == expected
    assert list(found.violations) == list(expected.violations), "in the order of discovery"


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("most", [1, 2, 500, 7001])
def test_a_limit_on_states_cuts_at_the_same_state_on_any_number_of_threads(
    threads: int, most: int
) -> None:
    found, expected = both("everything", "v2/v2/v2", threads, Limits(max_states=most))
    assert found == expected
    assert found.limit == f"max-states {most}"


def test_a_bound_on_steps_does_not_count_as_a_limit() -> None:
    found, expected = both("everything", "v2/v2/v2", 2, Limits(steps=4))
    assert found == expected
    assert (found.depth, found.limit) == (4, "")


def test_a_bound_of_the_run_ends_both_explorers_at_the_same_state(tmp_path: Path) -> None:
    b = instance("everything", "v2/v2/v2")
    run = dataclasses.replace(
        b.run,
        sizes={**b.run.sizes, "Handle": 2},
        parameters={**b.run.parameters, "next_handle": [1, None]},
    )
    machine = Machine(b.resolved, run)
    limits = Limits(steps=6)
    program = Program(machine, b.actions)
    found = native.explore(program, limits, None, threads=2)
    expected = explore(Machine(b.resolved, run), actions=b.actions, limits=limits)
    assert found.limit == expected.limit == "the bound on handles is too small"
    assert dataclasses.replace(found, seconds=expected.seconds) == expected


def test_a_timeout_keeps_what_was_found() -> None:
    b = instance("issue-1618", "v1/v1/v1")
    program = Program(b.machine(), b.actions)
    assert program.library
    began = time.perf_counter()
    found = native.explore(program, Limits(timeout=0.5), None, threads=2)
    assert time.perf_counter() - began < 5
    assert found.limit == "timeout 0.5 s"
    assert found.states > 10_000
    assert found.transitions > found.states
    assert found.violations["no-stale-callback", ""].steps


def test_progress_is_reported_while_tables_grow() -> None:
    reports: list[tuple[int, int, float]] = []
    b = instance("everything", "v2/v1/v2")
    program = Program(b.machine(), b.actions)
    found = native.explore(
        program,
        Limits(steps=12),
        lambda now: reports.append((now.states, now.queue, now.load)),
        threads=2,
    )
    again = native.explore(program, Limits(steps=12), None)
    assert dataclasses.replace(found, seconds=again.seconds) == again
    assert found.states > 100_000, "more than the first tables hold"
    assert reports[-1][0] == found.states
    assert all(0 < load < 1 for _, _, load in reports)


# --- random states ------------------------------------------------------------------------------


class NativePair(Pair):
    """Plain Python and native code, for one case.

    `happened` collects the actions that completed, and the other outcomes.
    """

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.program = Program(Machine(self.other, self.run), None)
        self.domains = [
            domain(self.machine.program, self.run.sizes, d.value) for *_, d in self.layout
        ]
        self.happened: set[Any] = set()

    @property
    def layout(self) -> list[tuple[str, tuple[int, ...], ir.FieldType]]:
        """The scalars of a snapshot, in order."""
        return self.machine.layout()

    def random_state(self, fate: random.Random) -> Snapshot:
        """Return the end of a random walk, with some scalars changed within their types."""
        state = self.machine.initial()
        for _ in range(fate.randrange(25)):
            following = [o for _, o in self.outcomes(state) if is_state(o)]
            state = fate.choice(following or [state])
        cells = list(state)
        for _ in range(fate.choice([0, 1, 2, 5, 20, len(cells)])):
            place = fate.randrange(len(cells))
            # a field that no action changes has no place in native code
            if self.program.layout.offsets[place] is not None:
                cells[place] = fate.choice(self.domains[place])
        return tuple(cells)

    def outcomes(self, state: Snapshot) -> Iterator[tuple[str, Any]]:
        """Yield every enabled step with its outcome in plain Python."""
        for step, _ in self.machine.steps():
            outcome = self.plain(state, step)
            if outcome is not None:
                yield step.action, outcome

    def compare(self, state: Snapshot) -> None:
        """Compare every action with every argument, and every invariant."""
        expected = list(self.outcomes(state))
        found = self.program.successors(state)
        assert len(found) == len(expected)
        for (action, outcome), other in zip(expected, found, strict=True):
            self.happened.add(outcome if len(outcome) == 2 else action)
            if len(outcome) == 2 or len(other) == 2:
                assert other == outcome, action
            for (name, keys, _), a, b in zip(self.layout, outcome, other, strict=False):
                if len(outcome) > 2:
                    assert a == b, f"{action}: {name}{list(keys)} is {a}, in native code {b}"
        self.machine.load(state)
        failing = {name for name, holds in self.machine.invariants.items() if not holds()}
        assert self.program.broken(state) == failing
        for name, is_tested in self.machine.tests.items():
            assert is_tested() or name not in failing, f"{name} fails where it is not tested"


@pytest.mark.nightly(but=4)
@pytest.mark.slow(but=2)
@pytest.mark.parametrize("place", range(len(MIXES) * 2))
def test_native_code_agrees_with_plain_python_on_random_states(place: int) -> None:
    pair = NativePair(Case(MIXES[place % len(MIXES)], FEATURES[place % 3 + 1], place % len(CASTS)))

    @settings(
        max_examples=60,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 1 << 30))
    def agree(seed: int) -> None:
        pair.compare(pair.random_state(random.Random(seed)))

    agree()
    assert len(pair.happened) > 25, "too few actions and sites"


@pytest.mark.slow
def test_an_altered_function_is_detected() -> None:
    alter = altering("deliverable", flip_comparison)
    pair = NativePair(Case(("v2", "v2", "v2"), (True, False), 0, alter))
    states = [pair.random_state(random.Random(seed)) for seed in range(200)]

    def compare() -> None:
        for state in states:
            pair.compare(state)

    with pytest.raises(AssertionError):
        compare()


@pytest.mark.parametrize("rule", RULES)
def test_native_code_follows_a_rule_of_the_language(tmp_path: Path, rule: str) -> None:
    resolved = load(tmp_path, RULES[rule])
    machine = Machine(resolved, RUN)
    program = Program(machine, None)
    fate = random.Random(0)
    for _ in range(300):
        state = tuple(
            fixed if place is None else fate.choice(domain(resolved.program, RUN.sizes, d.value))
            for fixed, place, (*_, d) in zip(
                program.layout.initial, program.layout.offsets, machine.layout(), strict=True
            )
        )
        outcomes = [take(machine, state, step) for step, _ in machine.steps()]
        assert program.successors(state) == [o for o in outcomes if o is not None]


def test_a_number_that_leaves_a_byte_ends_the_run(tmp_path: Path) -> None:
    text = '@action("test")\ndef act() -> None:\n    s.total += 100\n'
    resolved = load(tmp_path, text)
    machine = Machine(resolved, RUN)
    program = Program(machine, None)
    found = native.explore(program, Limits(), None)
    assert found.states == 2
    assert found.limit == "a number of the model is too large for native code"


def test_a_type_too_large_for_a_byte_is_refused(tmp_path: Path) -> None:
    resolved = load(tmp_path, RULES["`count` counts"])
    run = dataclasses.replace(RUN, sizes={**RUN.sizes, "Floor": 255})
    with pytest.raises(UnsupportedModel, match="Floor has more than 254 members"):
        Program(Machine(resolved, run), None)


@pytest.mark.slow(but=6)
@pytest.mark.parametrize("mutant", IN_EVERY_STATE, ids=lambda m: m.property)
def test_a_fault_is_caught_in_native_code(mutant: Mutant, alter: Alter) -> None:
    model = mutant.applied(alter)
    faulty = check(mutant.scenario, mutant.mix, model, "native", 3000)[mutant.property]
    expected = check(mutant.scenario, mutant.mix, model, "plain", 3000)[mutant.property]
    assert faulty.verdict == "violated", mutant.fault
    assert faulty.violations == expected.violations


# --- the compiler and its cache -----------------------------------------------------------------


@pytest.fixture
def _fresh_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Give the test an empty cache, and look for the compiler again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiler.compiler.cache_clear()
    yield
    compiler.compiler.cache_clear()


@pytest.mark.usefixtures("_fresh_compiler")
def test_without_a_compiler_the_plain_explorer_runs_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert usable("plain") == "plain"
    assert usable("auto") == "plain"
    (message,) = caplog.messages
    assert "no C compiler" in message
    assert "\n" not in message
    with pytest.raises(InputError, match="no C compiler"):
        usable("native")


def run_check(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `wakeproof check` with more variables in its environment."""
    return subprocess.run(
        [sys.executable, "-m", "wakeproof", "check", *words],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_command_prints_on_stderr_that_it_explores_in_plain_python() -> None:
    done = run_check("issue-1618", "--executor", "v1", "--quiet", CC="no-such-compiler")
    assert done.returncode == Exit.AS_EXPECTED
    assert done.stderr.startswith("wakeproof: no C compiler")
    assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("_fresh_compiler")
def test_a_compiler_that_fails_is_reported_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(compiler.CompilerError, match=r"the C compiler failed: .*error"):
        compiler.load("this is not C")
    monkeypatch.setenv("CC", "false")
    compiler.compiler.cache_clear()
    with pytest.raises(compiler.CompilerError, match="does not run"):
        compiler.load("int x;")


STUCK = r"""#!/bin/sh
[ "$1" = --version ] && exec echo "cc 1"
cat | grep -q "int works" && exec cc -x c "$@" /dev/null
exec sleep 600
"""
"""A compiler that compiles what every command compiles first, and never anything else."""


@pytest.fixture
def stuck(tmp_path: Path) -> Path:
    """A compiler that is stuck."""
    path = tmp_path / "stuck-cc"
    path.write_text(STUCK, encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.usefixtures("_fresh_compiler")
def test_a_compiler_that_is_stuck_is_ended(stuck: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", str(stuck))
    with pytest.raises(compiler.CompilerTimeout, match=r"stuck-cc' does not end within 0 s"):
        compiler.load("int x;", 0.2)


@pytest.mark.parametrize("explorer", ["native", "auto"])
def test_a_compiler_that_is_stuck_takes_the_time_of_its_run_and_no_more(
    explorer: str, stuck: Path, tmp_path: Path
) -> None:
    environment = {"CC": str(stuck), "XDG_CACHE_HOME": str(tmp_path)}
    words = ("everything", "--mix", "v1/v1/v1", "--timeout", "4", "--explorer", explorer)
    began = time.monotonic()
    done = run_check(*words, **environment)
    assert time.monotonic() - began < 30
    assert done.returncode == Exit.UNKNOWN, done.stderr
    assert "timeout 4 s" in done.stdout
    assert not list((tmp_path / "wakeproof" / "scratch").iterdir())


def test_a_cache_that_cannot_be_written_is_reported_in_one_message() -> None:
    done = run_check("subtask", "--explorer", "native", XDG_CACHE_HOME="/proc/nowhere")
    assert done.returncode == Exit.WRONG_USE
    assert "native code cannot be stored" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("_fresh_compiler")
def test_threads_may_compile_the_same_text_at_once(tmp_path: Path) -> None:
    text = "int answer(void) { return 42; }\n"
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(compiler.load(text).answer()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [42] * 8
    kept = [path for path in (tmp_path / "wakeproof").rglob("*") if path.is_file()]
    assert [path.suffix for path in kept] == [".so"], "one library and no other file"


@pytest.mark.usefixtures("_fresh_compiler")
def test_the_cache_drops_the_least_recently_used_libraries(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compiler, "KEPT", 2)
    texts = [f"int x{i};\n" for i in range(3)]
    for i, text in enumerate(texts):
        compiler.load(text)
        os.utime(compiler.library_path(text), (i, i))
    compiler.load("int last;\n")
    exists = [compiler.library_path(text).exists() for text in texts]
    assert exists == [False, False, True]
