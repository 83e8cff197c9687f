"""Progress is decided exactly: a verdict holds for all fair runs, a violation is a fair run."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import Alter, a_mix_of, bundled, check, instance
from wakeproof.check import cached_job
from wakeproof.check.cached_job import find, run_and_keep
from wakeproof.check.job import Job
from wakeproof.check.replay import replay_one
from wakeproof.errors import ModelError
from wakeproof.explore.explorer import Explorer, explore_with
from wakeproof.explore.native import state_graph as native
from wakeproof.explore.native.library import Program
from wakeproof.explore.native.search import Search
from wakeproof.explore.native.swarm import Swarm
from wakeproof.explore.plain import explore
from wakeproof.explore.progress.decide import one_by_one
from wakeproof.explore.progress.fair_runs import FairRuns, fair_runs, owed_region
from wakeproof.explore.progress.graph import StateGraph
from wakeproof.explore.progress.lasso import Lasso, find_lasso
from wakeproof.explore.progress.questions import NO_GROUP, Obligation, Questions, questions_of
from wakeproof.explore.progress.recorder import GraphRecorder
from wakeproof.explore.result import Limits, Violation
from wakeproof.language.model import BUNDLED, Model
from wakeproof.scenario.instance import Instance

ASSUMED = [a.id for a in BUNDLED.assumptions.values() if not a.optional]
PROGRESS = {p.id for p in BUNDLED.properties.values() if p.progress}

BEGINS, ENDS, IF, THEN = range(4)


# --- graphs ---------------------------------------------------------------------------------------


def graph_of(
    steps: list[list[tuple[int | None, int]]], facts: list[int], extra: list[int] | None = None
) -> StateGraph:
    """Make a graph: the steps of each state (target, group), the conditions that hold in it.

    `extra` are fair choices that are enabled besides: their steps go wrong.
    """
    graph = StateGraph(1, 1)
    for state, listed in enumerate(steps):
        graph.add_state(facts[state])
        enabled = 0 if extra is None else extra[state]
        for target, group in listed:
            enabled |= graph.add_step(target, group)
        graph.end_steps(enabled)
    return graph


@st.composite
def graphs(draw: st.DrawFn) -> StateGraph:
    """A graph of up to nine states, all reached from the first one, with up to three choices."""
    count = draw(st.integers(1, 9))
    fate = random.Random(draw(st.integers(0, 2**32)))
    steps: list[list[tuple[int | None, int]]] = [[] for _ in range(count)]

    def choice() -> int:
        return fate.choice((NO_GROUP, NO_GROUP, 0, 1, 2))

    for state in range(1, count):
        steps[fate.randrange(state)].append((state, choice()))
    for _ in range(fate.randrange(3 * count)):
        steps[fate.randrange(count)].append((fate.randrange(count), choice()))
    facts = [fate.getrandbits(4) & fate.getrandbits(4) for _ in range(count)]
    extra = [fate.getrandbits(3) if fate.random() < 0.2 else 0 for _ in range(count)]
    return graph_of(steps, facts, extra)


def parts_of(found: FairRuns) -> set[frozenset[int]]:
    """Return the parts as sets of states, whatever their numbers."""
    return {
        frozenset(n for n, part in found.parts.items() if part == number)
        for number in found.parts.values()
    }


def is_fair(graph: StateGraph, states: list[int], taken: set[int]) -> bool:
    """Return whether a run that has these states and choices again and again is fair."""
    enabled = {g for n in states for g in range(3) if graph.enabled_in(n) >> g & 1}
    asked = any(graph.holds(n, IF) for n in states)
    return enabled <= taken and (not asked or any(graph.holds(n, THEN) for n in states))


def assert_is_a_fair_run(graph: StateGraph, lasso: Lasso, begins: int | None) -> None:
    """Assert that a lasso follows steps of the graph, is fair, and never does what it owes."""
    run = [0]
    for target, group in (*lasso.stem, *lasso.loop):
        assert (target, group) in list(graph.steps(run[-1]))
        run.append(target)
    first = len(lasso.stem)
    assert run[first] == run[-1], "a loop ends where it begins"
    loop = run[first:]
    assert is_fair(graph, loop, {g for _, g in lasso.loop if g != NO_GROUP})
    owed = range(first, len(run))
    if begins is not None:
        owed = range(max(i for i in range(len(run)) if is_begun(graph, run, i, first)), len(run))
    assert not any(graph.holds(run[i], ENDS) for i in owed)


def is_begun(graph: StateGraph, run: list[int], at: int, first: int) -> bool:
    """Return whether the obligation begins there and is not ended until the loop is reached."""
    open_until = not any(graph.holds(n, ENDS) for n in run[at : first + 1])
    return at <= first and graph.holds(run[at], BEGINS) and open_until


obligations = st.lists(
    st.builds(
        Obligation,
        st.just("owed"),
        st.just(()),
        st.sampled_from([None, BEGINS, IF]),
        st.sampled_from([ENDS, THEN]),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("threads", [1, 2])
@settings(max_examples=400, deadline=None)
@given(graphs(), obligations, st.sampled_from([1, 1, 1, 30]))
def test_native_code_decides_as_plain_python_does(
    threads: int, graph: StateGraph, asked: list[Obligation], times: int
) -> None:
    compiled = native.fair_runs(graph, asked * times, [(IF, THEN)], threads)
    for runs, plain in zip(
        compiled, [*one_by_one(graph, asked, [(IF, THEN)])] * times, strict=True
    ):
        assert runs.stops == plain.stops
        assert parts_of(runs) == parts_of(plain)


@settings(max_examples=400, deadline=None)
@given(graphs(), st.booleans())
def test_a_violation_is_a_fair_run(graph: StateGraph, conditional: bool) -> None:
    begins = BEGINS if conditional else None
    runs = fair_runs(graph, begins, ENDS, [(IF, THEN)])
    if runs:
        lasso = find_lasso(graph, Obligation("owed", (), begins, ENDS), runs, [(IF, THEN)])
        assert_is_a_fair_run(graph, lasso, begins)


@settings(max_examples=300, deadline=None)
@given(graphs(), st.booleans(), st.integers(0, 2**32))
def test_no_walk_ends_in_a_fair_loop_that_was_not_found(
    graph: StateGraph, conditional: bool, seed: int
) -> None:
    begins = BEGINS if conditional else None
    runs = fair_runs(graph, begins, ENDS, [(IF, THEN)])
    region = owed_region(graph, begins, ENDS)
    fate = random.Random(seed)
    for start in sorted(region):
        walk: list[int] = [start]
        taken: list[int] = []
        for _ in range(12):
            moves = [(t, g) for t, g in graph.steps(walk[-1]) if t in region]
            if not moves:
                break
            target, group = fate.choice(moves)
            if target in walk:
                at = walk.index(target)
                loop, choices = walk[at:], {g for g in [*taken[at:], group] if g != NO_GROUP}
                assert not is_fair(graph, loop, choices) or all(n in runs.parts for n in loop)
            walk.append(target)
            taken.append(group)


def test_a_choice_that_is_enabled_again_and_again_is_taken_in_a_fair_run() -> None:
    # 0 <-> 1, and from 1 the fair choice 0 leads to 2, where what is owed is done
    graph = graph_of([[(1, NO_GROUP)], [(0, NO_GROUP), (2, 0)], []], [0, 0, 1 << ENDS])
    assert not fair_runs(graph, None, ENDS, []).parts
    without = graph_of([[(1, NO_GROUP)], [(0, NO_GROUP), (2, NO_GROUP)], []], [0, 0, 1 << ENDS])
    assert parts_of(fair_runs(without, None, ENDS, [])) == {frozenset({0, 1})}


def test_a_run_may_stop_unless_a_fair_choice_is_enabled() -> None:
    graph = graph_of([[(1, 0)], [(2, NO_GROUP)], []], [0, 0, 1 << ENDS])
    assert fair_runs(graph, None, ENDS, []).stops == {1}


def test_a_choice_that_goes_wrong_ends_the_run() -> None:
    graph = graph_of([[(0, NO_GROUP), (None, 0)]], [0])
    assert not fair_runs(graph, None, ENDS, [])


# --- the bundled model ----------------------------------------------------------------------------


def asked(found: Instance) -> Questions:
    """Return what a scenario in a mix asks about progress."""
    program = found.resolved.program
    return questions_of(program, found.run.sizes, found.actions, ASSUMED)


def plain_graph(found: Instance) -> StateGraph:
    """Explore in plain Python; return the graph."""
    machine, questions = found.machine(), asked(found)
    recorders: list[GraphRecorder] = []

    class Kept(GraphRecorder):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            recorders.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wakeproof.explore.plain.GraphRecorder", Kept)
        explore(machine, actions=found.actions, questions=questions)
    return recorders[0].graph


def native_graph(found: Instance, threads: int = 1) -> StateGraph:
    """Explore in native code on so many threads; return the graph."""
    questions = asked(found)
    program = Program(found.machine(), found.actions, questions=questions)
    search = Search(program, Limits(), threads, 0.0)
    try:
        search.run(None)
        states, steps = search.result.states, search.result.transitions
        return native.state_graph(search.library, search.handle, questions, states, steps)[0]
    finally:
        search.close()


def assert_same_graph(one: StateGraph, other: StateGraph) -> None:
    """Assert that two graphs have the same states and steps, in the same order."""
    assert list(one.offsets) == list(other.offsets)
    assert list(one.targets) == list(other.targets)
    assert list(one.groups) == list(other.groups)
    assert list(one.enabled) == list(other.enabled)
    assert list(one.facts) == list(other.facts)
    assert (one.ever, one.always) == (other.ever, other.always)


@pytest.mark.parametrize("scenario", ["default-write", "yield", "join-handle-off", "table-forms"])
def test_both_explorers_have_the_same_graph(scenario: str) -> None:
    found = instance(scenario, a_mix_of(scenario))
    assert_same_graph(native_graph(found), plain_graph(found))


@pytest.mark.parametrize("threads", [2, 3])
def test_the_graph_does_not_depend_on_the_number_of_threads(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # several times, of which the last one is for a single thread
    monkeypatch.setattr(native, "SLICE", 5000)
    found = instance("cancel-spawning", "v3/v2/v3")
    assert_same_graph(native_graph(found, threads), native_graph(found))


def lassos_of(name: str, found: Instance, threads: int = 1) -> dict[tuple[str, str], Violation]:
    """Return the violations of properties of progress that an explorer finds."""
    explorer = Explorer(name, threads=threads)
    result = explore_with(explorer, found.machine(), actions=found.actions, assumed=ASSUMED)
    return {key: v for key, v in result.violations.items() if v.kind == "progress"}


@pytest.mark.parametrize("scenario", ["yield", "drop-outside-task"])
def test_both_explorers_find_the_same_runs(scenario: str) -> None:
    found = instance(scenario, "v2/v2/v2")
    lassos = lassos_of("plain", found)
    assert lassos
    assert lassos_of("native", found) == lassos
    assert lassos_of("native", found, threads=2) == lassos


def test_the_runs_do_not_depend_on_the_number_of_threads() -> None:
    found = instance("cancel-spawning", "v3/v2/v3")
    lassos = lassos_of("native", found)
    assert lassos
    assert lassos_of("native", found, threads=2) == lassos


def test_the_turns_of_a_loop_are_the_same() -> None:
    verdict = check("yield", "v3/v3/v3")["outside-not-starved"]
    (row,) = verdict.violations
    found = instance("yield", "v3/v3/v3")
    assert replay_one(found, "outside-not-starved", row) == ""
    cut = {**row, "trace": row["trace"][:-1]}
    assert replay_one(found, "outside-not-starved", cut) == (
        "the loop does not end where it begins"
    )


def test_a_block_on_that_yields_keeps_the_host_and_the_peers_from_running() -> None:
    for mix in ("v1/v1/v1", "v2/v2/v2", "v3/v3/v3"):
        (row,) = check("yield", mix)["outside-not-starved"].violations
        assert "wake_self" in [step["action"] for step in row["trace"][row["loop"] :]]


def test_a_block_on_does_not_spin_if_its_future_returns_at_last() -> None:
    found = instance("yield", "v3/v3/v3")
    assert "outside-not-starved" in broken(found)
    assert "outside-not-starved" not in broken(found, [*ASSUMED, "polled-future-ends"])


# --- what is not decided --------------------------------------------------------------------------


def test_a_bound_of_steps_leaves_progress_undecided() -> None:
    verdicts = check("everything", "v3/v3/v3")
    assert {verdicts[p].verdict for p in PROGRESS} == {"unknown"}
    assert verdicts["woken-is-polled"].as_expected
    assert verdicts["woken-is-polled"].limit == "the scenario bounds a run to 7 steps"
    assert verdicts["no-trap"].limit == ""


def test_a_script_leaves_progress_undecided() -> None:
    verdicts = check("issue-1618", "v2/v2/v2")
    assert {verdicts[p].verdict for p in PROGRESS} == {"unknown"}


@pytest.mark.parametrize(
    ("explorer", "why"),
    [
        (Explorer("native", symmetry=True), "the reduction by symmetry merges"),
        (Explorer("native", swarm=Swarm(4, 0.5)), ""),
    ],
)
def test_symmetry_and_a_swarm_leave_progress_undecided(explorer: Explorer, why: str) -> None:
    found = instance("move-between-tasks", "v2/v2/v2")
    result = explore_with(explorer, found.machine(), actions=found.actions, assumed=ASSUMED)
    assert not any(v.kind == "progress" for v in result.violations.values())
    assert (result.undecided or result.limit).startswith(why)
    assert result.undecided or result.limit


@pytest.mark.parametrize("explorer", ["plain", "native"])
def test_a_scenario_that_leaves_out_what_the_host_owes_is_undecided(explorer: str) -> None:
    found = instance("yield", "v3/v3/v3")
    actions = [name for name in found.actions if name != "resume_yielded"]
    result = explore_with(Explorer(explorer), found.machine(), actions=actions, assumed=ASSUMED)
    assert result.undecided == "the scenario leaves out resume_yielded, which is possible"
    assert not any(v.kind == "progress" for v in result.violations.values())


def test_a_decision_that_was_interrupted_is_not_cached(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # the cache of this test alone, whichever the process has opened
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fresh = functools.cache(cached_job._cache.__wrapped__)
    monkeypatch.setattr(cached_job, "_cache", fresh)
    found = instance("yield", "v3/v3/v3")
    job = Job(bundled("yield"), BUNDLED, tuple(found.mix.items()), None, None, explorer="native")
    with monkeypatch.context() as patch:

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("wakeproof.explore.native.search.decide", interrupted)
        assert {v.limit for v in run_and_keep(job)} == {"", "interrupted"}
    assert find(job) is None
    run_and_keep(job)
    assert find(job) is not None


# --- defects that were reported -------------------------------------------------------------------


@pytest.mark.slow
def test_what_was_spawned_by_a_future_that_waits_is_not_polled_before_0_58_0() -> None:
    """`bytecodealliance/wit-bindgen`, issue 1608: it runs only once another event comes."""
    for scenario in ("spawn", "spawn-then-wait"):
        assert "woken-is-polled" in broken(instance(scenario, "v0_57_1/v0_57_1/v0_57_1"))
        assert "woken-is-polled" not in broken(instance(scenario, "v1/v1/v1"))


def test_a_future_that_yields_in_a_loop_never_gets_its_event_before_0_49_0() -> None:
    """`bytecodealliance/wit-bindgen`, pull request 1439: a task that was woken only yields."""
    for scenario in ("yield", "yield-in-a-loop"):
        assert "event-can-be-taken" in broken(instance(scenario, "v0_48_1/v0_48_1/v0_48_1"))
        assert "event-can-be-taken" not in broken(instance(scenario, "v0_57_1/v0_57_1/v0_57_1"))


def broken(found: Instance, assumed: Sequence[str] = ASSUMED) -> set[str]:
    """Return the properties of progress that a scenario in a mix violates."""
    result = explore_with(Explorer("auto"), found.machine(), actions=found.actions, assumed=assumed)
    assert not result.undecided
    return {key for (key, _), v in result.violations.items() if v.kind == "progress"}


# --- the language ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        (
            "properties.py",
            "    return always_eventually(outside_runs() or program_waits())\n",
            "    return outside_runs()\n",
            "outside_not_starved is not about runs",
        ),
        (
            "properties.py",
            "def outside_not_starved() -> bool:",
            "def outside_not_starved(slot: Handle | None) -> bool:",
            "what is about runs takes members of index types",
        ),
        (
            "properties.py",
            '@progress("outside-not-starved")',
            '@progress("no-such-property")',
            "about an unknown property of progress 'no-such-property'",
        ),
        (
            "world.py",
            '@fair("channel")',
            '@fair("stream")',
            "peer_copy has no parameter 'stream'",
        ),
        (
            "properties.toml",
            'id = "peer_copy"',
            'id = "peer_copies"',
            "peer_copy is fair by an unknown assumption 'peer_copy'",
        ),
    ],
)
def test_what_is_about_runs_and_written_wrongly_is_refused(
    file: str, old: str, new: str, says: str, alter: Alter
) -> None:
    model = Model(alter(file, old, new))
    with pytest.raises(ModelError) as refused:
        model.resolve({"export": "v3", "block_on": "v3", "import": "v3"})
    assert says in str(refused.value)
