"""The model's runtime against the released crates, and wrong models that must be caught."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support import Alter
from wakeproof.bundled import SCENARIOS
from wakeproof.check.job import Job
from wakeproof.cli import cli
from wakeproof.conform.guest.check_on_crates import check_on_crates
from wakeproof.conform.guest.comparison import GuestConformance
from wakeproof.conform.guest.driver import GuestDriver, build_driver
from wakeproof.conform.guest.player import GuestPlayer, Parted
from wakeproof.conform.guest.script import Script
from wakeproof.conform.guest.walks import GuestWalker
from wakeproof.conform.walking import STAGES, WalkJob, WalkPlan, compare_by_walks, with_features
from wakeproof.crates import cargo
from wakeproof.crates.actions import action_rows
from wakeproof.crates.releases import FEATURES, SOURCE, released_versions, releases_of
from wakeproof.errors import Exit, InputError
from wakeproof.language.model import BUNDLED, Model
from wakeproof.language.resolve import resolve
from wakeproof.language.values import Step
from wakeproof.report.conformance_text import walks_text
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance

Play = Callable[..., tuple[str, ...]]
V2 = {"export": "v2", "block_on": "v2", "import": "v2"}


try:
    build_driver(())
except InputError as error:
    # without cargo or the crates these tests are skipped, except in CI
    if os.environ.get("WAKEPROOF_NEEDS_GUEST"):
        raise
    pytest.skip(f"the released crates are not compared: {error.what}", allow_module_level=True)


# --- the model is what the crates do ------------------------------------------------------------


@pytest.mark.slow
def test_walks_agree_in_every_mix_and_build() -> None:
    result = compare_by_walks(GuestWalker, WalkPlan(walks=320, seed=1))
    assert not result.divergences, walks_text(result)
    assert result.walks == 320
    assert result.steps > 320 * 15
    versions = released_versions(BUNDLED.sources)
    assert {mix for mix, _ in result.mixes} == {
        f"{a}/{b}/{c}" for a in versions for b in versions for c in versions
    }
    assert len({features for _, features in result.mixes}) == 4
    assert {"clone", "drop", "callback", "waitable.join", "waitable-set.wait"} <= set(result.calls)
    assert walks_text(result).endswith("no divergences")


@pytest.mark.slow
def test_same_seed_same_walks() -> None:
    mixes = [{"export": "v1", "block_on": "v2", "import": "v2"}]
    plan = WalkPlan(20, 5, mixes)
    first, second = compare_by_walks(GuestWalker, plan), compare_by_walks(GuestWalker, plan)
    assert (first.steps, first.calls, first.sites) == (second.steps, second.calls, second.sites)


def test_every_released_version_of_the_model_is_compared() -> None:
    sources = BUNDLED.sources
    named = {
        name
        for name, version in sources.versions.items()
        if re.fullmatch(r"wit-bindgen \d+\.\d+\.\d+", str(version.facts["RELEASE"]))
    }
    # the driver cannot be built with a crate as old as 0.57.1
    assert named - {"v0_48_1", "v0_57_1"} == set(released_versions(sources)) >= {"v1", "v2"}
    with pytest.raises(InputError, match="not a release"):
        releases_of(sources, V2 | {"import": "v2_draft"})


# --- a wrong model is not -----------------------------------------------------------------------

WRONG_MODELS = {
    "a lost join": (
        "waitable_set.py",
        "    canon_waitable_join(waitable, wset)\n",
        "",
        "waitable.join",
    ),
    "two calls in the wrong order": (
        "versions/v1_1638.py",
        "    remove_waitable_from_all_sets(handle)\n    canon_stream_cancel_read(handle)\n",
        "    canon_stream_cancel_read(handle)\n    remove_waitable_from_all_sets(handle)\n",
        "waitable.join",
    ),
    "a forgotten trap": (
        "hosts/spec_26e6ea9d.py",
        '        trap("host::WaitableSet.drop::not-empty")\n',
        "        table_remove(wset)\n        return\n",
        "trap",
    ),
    "a forgotten panic": (
        "async_support.py",
        '    unwrap(s.waitable_set[task], "async_support::block_on::yield-set-exists")\n',
        "",
        "panic",
    ),
    "a task that is cloned too late": (
        "versions/v2.py",
        "    clone_of(task)\n    operation_drop_task(operation)\n",
        "    operation_drop_task(operation)\n    clone_of(task)\n",
        "clone",
    ),
    "a reference that is never given back": (
        "versions/v2.py",
        "        s.cabi_task[operation] = None\n        drop_of(task)\n",
        "        s.cabi_task[operation] = None\n",
        "abi drop",
    ),
    "callbacks into memory that was never freed": (
        "waitable.py",
        "    if dangling:\n        undefined(",
        "    if not dangling:\n        undefined(",
        "undefined",
    ),
    "an end of a future that is lost by a cancel": (
        "waitable.py",
        "    if code != Code.NONE and code != Code.CANCELLED_0:\n        finish_future_end",
        "    if code != Code.NONE:\n        finish_future_end",
        "drop",
    ),
    "a callback that answers YIELD for WAIT": (
        "async_support.py",
        "        if s.sleep_state[task] == SleepState.WOKEN:\n",
        "        if s.sleep_state[task] != SleepState.SLEEPING:\n",
        "",
    ),
}


# a call, a panic and a result that are wrong; the others are tried at night
EACH_TIME = ("a lost join", "a forgotten panic", "a callback that answers YIELD for WAIT")


@pytest.mark.slow(but=1)
@pytest.mark.parametrize(
    "name",
    [n if n in EACH_TIME else pytest.param(n, marks=pytest.mark.nightly) for n in WRONG_MODELS],
)
def test_wrong_model_is_caught(name: str, alter: Alter) -> None:
    file, old, new, real = WRONG_MODELS[name]
    version = "v1" if name == "a forgotten trap" else "v2"
    mixes = [dict.fromkeys(V2, version)]
    plan = WalkPlan(walks=320, seed=1, mixes=mixes, model=Model(alter(file, old, new)))
    result = compare_by_walks(GuestWalker, plan)
    assert result.divergences, walks_text(result)
    assert any(real in d.real or real in d.model for d in result.divergences), walks_text(result)
    shortest = min(result.divergences, key=lambda d: len(d.steps))
    assert len(shortest.steps) <= 12, walks_text(result)


# --- traces on the crates -----------------------------------------------------------------------


def test_every_violation_of_a_scenario_happens_on_the_crates() -> None:
    mix = V2 | {"export": "v1"}
    job = Job(
        read_scenario(SCENARIOS / "issue-1618.toml"),
        BUNDLED,
        tuple(mix.items()),
        None,
        None,
    )
    real = {
        (verdict.property, row["site"]): row["real"]
        for verdict in check_on_crates(job)
        for row in verdict.violations
    }
    assert real
    assert not [r for r in real.values() if r.startswith("not reproduced")]
    seen = [r for (_, site), r in real.items() if site]
    assert seen
    assert all(r.startswith("reproduced: ") for r in seen)


def test_an_action_without_a_command_costs_its_own_run_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {name: row for name, row in action_rows().items() if name != "return_pending"}
    monkeypatch.setattr("wakeproof.conform.guest.script.action_rows", lambda: rows)
    words = ["check", "issue-1618", "--mix", "v1/v2/v2", "--explorer", "plain", "--real"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == Exit.UNKNOWN, done.output
    assert "not played on the released crates" in done.output
    assert "no-panic" in done.output
    assert "verdicts in 1 run" in done.output


def test_walks_whose_process_is_killed_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(_: object, jobs: list[WalkJob], *_done: object, on_lost: Callable[..., None]) -> None:
        for job in jobs:
            on_lost(job)

    monkeypatch.setattr("wakeproof.conform.walking.map_jobs", lose)
    result = compare_by_walks(GuestWalker, WalkPlan(walks=4, seed=1))
    assert (result.walks, result.lost) == (0, 4)
    assert "4 walks without a result: their worker process was killed twice" in walks_text(result)


@contextmanager
def play(
    stage: Path,
    features: tuple[str, ...],
    model: Model = BUNDLED,
    drivers: list[GuestDriver] | None = None,
) -> Iterator[Play]:
    """Yield what takes steps of a stage in V2, on the crates and in the model.

    The driver is appended to `drivers`.
    """
    scenario = with_features(read_scenario(stage), features)
    instance = Instance(scenario, V2, model)
    script = Script(instance.resolved, instance.run, releases_of(model.sources, V2))
    driver = GuestDriver(features)
    if drivers is not None:
        drivers.append(driver)
    player = GuestPlayer(driver, script, model.sites)
    state = player.begin()

    def take(action: str, *arguments: int | bool | None) -> tuple[str, ...]:
        nonlocal state
        act = script.act(state, Step(action, arguments))
        player.take(act)
        state = act.after
        return act.place

    yield take
    player.end()
    driver.close()


# --- what operations give to the program --------------------------------------------------------


def test_a_write_that_is_cancelled_half_way_gives_back_what_was_not_read() -> None:
    with play(SCENARIOS / "cancel-explicit.toml", ()) as take:
        take("call_export", 0)
        assert take("poll", 1) == ("at", "poll", "0", "pending")
        take("return_pending")
        take("peer_copy", 1)
        take("deliver_event", 0, 1)
        assert take("cancel_operation", 1) == ("at", "poll", "0", "complete-1/1")


def test_a_read_that_is_cancelled_before_its_first_poll_gives_back_an_empty_buffer() -> None:
    with play(SCENARIOS / "cancel-explicit.toml", ()) as take:
        take("call_export", 0)
        assert take("make_operation", 0) == ("at", "poll", "0", "-")
        assert take("cancel_operation", 0) == ("at", "poll", "0", "cancelled/0")


def test_the_end_of_a_future_that_comes_back_is_used_again() -> None:
    with play(SCENARIOS / "cancel-future.toml", ()) as take:
        take("call_export", 0)
        assert take("poll", 0) == ("at", "poll", "0", "pending")
        assert take("cancel_operation", 0) == ("at", "poll", "0", "reader")
        take("drop_operation", 0, False)
        take("make_operation", 1)
        assert take("cancel_operation", 1) == ("at", "poll", "0", "writer")
        take("drop_operation", 1, False)
        assert take("poll", 1) == ("at", "poll", "0", "pending")
        assert take("poll", 0) == ("at", "poll", "0", "value")
        assert take("cancel_operation", 1) == ("at", "poll", "0", "sent")


# --- wakers of the program ----------------------------------------------------------------------


def test_a_waker_runs_inside_the_callback_that_wakes_it() -> None:
    with play(STAGES / "program-wakers.toml", ("async-spawn",)) as take:
        take("call_export", 0)
        take("poll_with_program_waker", 0)
        take("move_to_storage", 0)
        assert take("return_ready")[:2] == ("at", "idle")
        take("peer_copy", 0)
        assert take("deliver_event", 0, 0) == ("at", "wake", "-")
        assert take("poll_with_program_waker", 0) == ("at", "wake", "complete-1/1")
        assert take("block_on", 2) == ("at", "poll", "2", "-")
        assert take("return_ready") == ("at", "wake", "-")
        assert take("finish_wake") == ("at", "idle", "0")


def test_walks_agree_where_wakers_run_code() -> None:
    result = walks_in_stage("program-wakers", BUNDLED)
    assert not result.divergences, walks_text(result)
    assert result.actions["finish_wake"] > 5


# text of `async_support.py`, and what replaces it
WRONG_PLACES = {
    "a read that is cancelled before the waker runs": (
        "    if not in_waker(task):\n        event_is_delivered(task)\n",
        "    cancel_inter_task_stream_read(task)\n"
        "    if not in_waker(task):\n        poll_loop(task)\n",
    ),
    "a read that is not cancelled": (
        "    cancel_inter_task_stream_read(task)\n    poll_loop(task)\n",
        "    poll_loop(task)\n",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG_PLACES)
def test_a_wrong_place_of_the_waker_is_caught(name: str, alter: Alter) -> None:
    result = walks_in_stage("program-wakers", Model(alter("async_support.py", *WRONG_PLACES[name])))
    assert result.divergences


def walks_in_stage(name: str, model: Model) -> GuestConformance:
    """Take walks in one stage, with the actions that it names, in V2 with both features."""
    stage = read_scenario(STAGES / f"{name}.toml")
    mix = tuple(V2.items())
    job = WalkJob(stage, model, mix, FEATURES, seed=1, walks=120, steps=40, every_action=False)
    return GuestWalker(job).run()


# --- threads that wait in the host --------------------------------------------------------------

AFTER_705 = ("spec_26e6ea9d", "wasmtime_50")


@pytest.mark.slow(but=1)
@pytest.mark.parametrize("host", BUNDLED.hosts)
def test_walks_agree_under_every_host(host: str) -> None:
    mixes = [dict.fromkeys(V2, version) for version in released_versions(BUNDLED.sources)]
    plan = WalkPlan(144, 1, mixes, model=BUNDLED.with_host(host))
    result = compare_by_walks(GuestWalker, plan)
    assert not result.divergences, walks_text(result)
    assert result.calls["waitable-set.wait"] > 0


@pytest.mark.parametrize("host", AFTER_705)
def test_the_thread_below_goes_on_and_ends_first(host: str) -> None:
    with play(STAGES / "everything.toml", (), BUNDLED.with_host(host)) as take:
        take("call_export", 0)
        take("block_on", 2)
        take("poll", 3)
        assert take("return_pending") == ("call", "waitable-set.wait", "9")
        take("peer_copy", 1)
        assert take("call_sync_export") == ("at", "sync", "-")
        take("block_on", 3)
        take("poll", 0)
        assert take("return_pending") == ("call", "waitable-set.wait", "10")
        assert take("waitable_set_wait", 2, 2) == ("at", "poll", "2", "-")
        take("poll", 3)
        # the event of the thread above
        assert take("poll", 1) == ("at", "poll", "2", "complete-1/0")
        assert take("return_ready") == ("at", "poll", "0", "-")
        assert take("return_ready") == ("at", "idle", "0")
        assert take("waitable_set_wait", 3, 0) == ("at", "poll", "3", "-")
        take("poll", 0)
        assert take("return_ready") == ("at", "sync", "-")
        assert take("return_sync_export") == ("at", "idle", "-")


@pytest.mark.parametrize("host", AFTER_705)
def test_a_callback_runs_while_a_thread_waits(host: str) -> None:
    stage = SCENARIOS / "waits-in-either-order.toml"
    with play(stage, (), BUNDLED.with_host(host)) as take:
        take("call_export", 0)
        take("poll", 0)
        assert take("return_pending") == ("at", "idle", "50")
        take("peer_copy", 0)
        take("call_sync_export")
        take("block_on", 2)
        take("poll", 1)
        assert take("return_pending") == ("call", "waitable-set.wait", "4")
        assert take("deliver_event", 0, 0) == ("at", "poll", "0", "-")
        take("poll", 0)
        assert take("return_ready") == ("at", "idle", "0")


@pytest.mark.parametrize("host", BUNDLED.hosts)
def test_an_export_of_synchronous_type_ends_before_the_wait_below(host: str) -> None:
    stage = SCENARIOS / "waits-in-either-order.toml"
    with play(stage, (), BUNDLED.with_host(host)) as take:
        take("call_export", 0)
        take("block_on", 1)
        take("poll", 0)
        assert take("return_pending") == ("call", "waitable-set.wait", "3")
        assert take("call_sync_export") == ("at", "sync", "-")
        assert take("return_sync_export") == ("at", "idle", "-")
        take("peer_copy", 0)
        assert take("waitable_set_wait", 1, 0) == ("at", "poll", "1", "-")


@pytest.mark.parametrize("host", BUNDLED.hosts)
def test_a_cancellation_is_delivered_at_once_or_later(host: str) -> None:
    with play(STAGES / "everything.toml", (), BUNDLED.with_host(host)) as take:
        take("call_export", 0)
        take("poll", 3)
        take("return_pending")
        cancelled = take("request_cancellation", 0)
        if host == "spec_26e6ea9d":
            assert cancelled[:2] == ("at", "idle")
            cancelled = take("deliver_pending_cancel", 0)
        assert cancelled == ("at", "drop", "0", "-")
        take("drop_operation", 3, False)
        assert take("finish_drop") == ("at", "idle", "0")


def test_what_befalls_the_linear_memory_stack_is_not_visible_natively() -> None:
    scenario = read_scenario(SCENARIOS / "waits-in-either-order.toml")
    job = Job(scenario, BUNDLED.with_host("wasmtime_50"), tuple(V2.items()), None, None)
    real = {
        verdict.property: row["real"]
        for verdict in check_on_crates(job)
        for row in verdict.violations
    }
    hidden = "not visible: the same calls; natively every thread has a stack of its own"
    assert real == {
        "no-trap": "reproduced: the host traps: waitable-set.wait 3",
        "no-frame-overwritten": hidden,
        "stack-pointer-restored": hidden,
    }


# --- the order of destructors, and failures of the driver ---------------------------------------


def cancel_a_task_with_a_spawned_future(model: Model) -> None:
    """Cancel a task that sleeps on a read: destructors run, first that of what it spawned."""
    with play(STAGES / "everything.toml", ("async-spawn",), model) as take:
        take("call_export", 0)
        take("spawn_local", 4)
        take("poll", 3)
        assert take("return_pending") == ("at", "poll", "4", "-")
        take("keep_waker")
        take("return_pending")
        take("waitable_set_poll", 0, None)
        take("resume_yielded", 0)
        assert take("request_cancellation", 0) == ("at", "drop", "4", "-")
        assert take("finish_drop") == ("at", "drop", "0", "-")
        take("drop_operation", 3, False)
        assert take("finish_drop") == ("at", "idle", "0")


def test_children_are_dropped_from_the_head_of_their_list(alter: Alter) -> None:
    cancel_a_task_with_a_spawned_future(BUNDLED)
    old, new = "and s.link_rank[future] == children:", "and s.link_rank[future] == 1:"
    with pytest.raises(Parted) as parted:
        cancel_a_task_with_a_spawned_future(Model(alter("spawn.py", old, new)))
    assert (parted.value.model, parted.value.real) == ("at drop 0 -", "at drop 4 -")


def test_a_killed_driver_is_not_a_divergence() -> None:
    drivers: list[GuestDriver] = []
    with play(STAGES / "everything.toml", (), drivers=drivers) as take:
        take("call_export", 0)
        drivers[0].process.kill()
        drivers[0].process.wait()
        with pytest.raises(InputError, match="killed") as error:
            take("poll", 3)
        assert error.value.status == Exit.UNKNOWN


def test_flags_of_the_environment_do_not_reach_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSTFLAGS", "-Dwarnings")
    monkeypatch.setenv("CARGO_BUILD_TARGET", "wasm32-unknown-unknown")
    build_driver.cache_clear()
    assert build_driver(()).is_file()
    with play(STAGES / "everything.toml", ()) as take:
        assert take("call_export", 0) == ("at", "poll", "0", "-")


def test_missing_cargo_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    build_driver.cache_clear()
    with pytest.raises(InputError) as error:
        build_driver(())
    assert "cargo" in error.value.what
    assert "Rust" in error.value.hint
    build_driver.cache_clear()


def test_a_failed_build_is_one_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "Cargo.toml").write_text("[package]\nname = 'x'\nversion = '0.0.0'\n")
    monkeypatch.setattr(cargo, "SOURCE", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    build_driver.cache_clear()
    with pytest.raises(InputError, match="could not be built"):
        build_driver(())
    build_driver.cache_clear()


@pytest.mark.slow
def test_replay_real_prints_reproduced(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    runner = CliRunner()
    checked = runner.invoke(cli, ["check", "drop-outside-task", "--real", "--json", str(results)])
    assert checked.exit_code == 0, checked.output
    rows = json.loads(results.read_text())["results"]
    real = [v["real"] for row in rows for v in row["violations"]]
    assert real
    assert all(r.startswith(("reproduced: ", "not visible: ")) for r in real)
    replayed = runner.invoke(cli, ["replay", str(results), "--real"])
    assert replayed.exit_code == 0, replayed.output
    assert "on the released crates: reproduced: panic in wit-bindgen" in replayed.output


def test_properties_that_a_host_can_see_have_a_text_of_it() -> None:
    known = BUNDLED.properties.values()
    unseen = {p.id for p in known if not (p.outcome or p.outside or p.progress)}
    assert unseen == {"no-stale-callback", "map-mirrors-set", "one-home", "refcount-exact"}


def test_a_row_is_about_an_action_of_the_model_and_its_arguments() -> None:
    models = [BUNDLED.with_host(host) for host in BUNDLED.hosts]
    programs = [resolve(model.sources, V2).program for model in models]
    for name, row in action_rows().items():
        program = next(it for it in programs if name in it.functions)
        function = program.functions[name]
        assert "action" in function.marks, name
        (row.driver or "").format(*function.parameters)
        if row.pending:
            assert program.state[row.pending].keys == (function.parameters[0][1].name,)


def test_features_are_those_of_the_driver() -> None:
    text = (SOURCE / "Cargo.toml").read_text()
    assert all(f"\n{feature} = [" in text for feature in FEATURES)
