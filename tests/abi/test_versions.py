"""The behaviour of the releases in short programs; faults in V3; versions beside the model."""

from __future__ import annotations

import ast
import json
import os
import re
from fnmatch import fnmatch
from itertools import product
from pathlib import Path

import pytest

from tests.abi.program import Program
from tests.mutants import Mutant
from tests.support import Alter, check, run, sites
from wakeproof.bundled import MODEL, ROOT
from wakeproof.language.model import BUNDLED
from wakeproof.language.primitives import WentWrong
from wakeproof.language.version_diff import differences

# the export's body waits for a read, the future that it spawned for a waker, and it has yielded
YIELDS = (
    "call_export export",
    "poll read",
    "spawn_local spawned",
    "return_pending",
    "keep_waker",
    "return_pending",
    "waitable_set_poll export null",
)


def cancelled(mix: str) -> Program:
    """Cancel a task that has yielded; its body and the future that it spawned are left."""
    program = Program("cancel-spawning", mix)
    program.take(*YIELDS)
    assert program.value("phase", "export") == "YIELDED"
    program.take("request_cancellation export")
    assert program.value("phase", "export") == "DROPPING"
    return program


def test_a_cancelled_v3_task_drops_its_root_and_polls_what_it_spawned() -> None:
    program = cancelled("v3/v3/v3")
    program.take("drop_operation read false", "finish_drop")
    assert program.value("future_task", "export-body") is None
    assert program.value("host_task", "export") == "RESOLVED", "by task.cancel"
    assert program.value("future_task", "spawned") == "export"
    assert program.value("phase", "export") == "WAITING"
    program.take(
        "call_sync_export", "wake spawned", "return_sync_export", "deliver_event export h3"
    )
    assert program.value("polling", "export") == "spawned"
    program.take("return_ready")
    assert program.value("phase", "export") == "ENDED"


def test_a_cancelled_v2_task_drops_all_its_futures() -> None:
    program = cancelled("v2/v2/v2")
    # the child that was linked last first: the body was polled after it was linked
    program.take("finish_drop", "drop_operation read false", "finish_drop")
    assert program.value("phase", "export") == "ENDED"
    assert program.value("future_task", "spawned") is None


def test_a_cancelled_v3_task_without_the_feature_drops_its_root_at_once() -> None:
    program = Program("cancel-asleep", "v3/v2/v3")
    program.take("call_export sleeper", "poll read", "return_pending")
    program.take("request_cancellation sleeper")
    assert program.value("phase", "sleeper") == "DROPPING"
    assert program.value("sleep_state", "sleeper") == "SLEEPING", "as it was before"
    assert program.value("wasip3_task") == "sleeper"
    program.take("drop_operation read false", "finish_drop")
    assert program.value("phase", "sleeper") == "ENDED"


def test_a_cancelled_v3_task_waits_for_its_map_to_be_empty() -> None:
    program = Program("cancel-operations-elsewhere", "v3/v2/v3")
    program.take("call_export cancelled", "poll read", "move_to_storage read", "return_pending")
    program.take("peer_copy input", "request_cancellation cancelled")
    program.take("deliver_pending_cancel cancelled", "finish_drop")
    assert program.value("phase", "cancelled") == "WAITING"
    program.take("deliver_event cancelled h1")
    assert program.value("phase", "cancelled") == "ENDED"


def test_cancelling_a_sleeping_v3_task_panics_with_async_spawn_and_without_wakeup() -> None:
    program = Program("cancel-spawning-off", "v3/v3/v3")
    program.take("call_export export", "poll read", "return_pending")
    program.take("waitable_set_poll export null", "resume_yielded export")
    assert program.value("sleep_state", "export") == "SLEEPING"
    with pytest.raises(WentWrong, match="inter_task_wakeup_disabled::wake::feature-enabled"):
        program.take("request_cancellation export")


@pytest.mark.parametrize("mix", ["v2/v2/v2", "v3/v2/v3"])
def test_a_destructor_that_wakes_its_cancelled_task_panics_without_wakeup(mix: str) -> None:
    program = Program("cancel-asleep-off", mix)
    program.take("call_export sleeper", "poll read", "keep_waker", "return_pending")
    program.take("request_cancellation sleeper")
    with pytest.raises(WentWrong, match="inter_task_wakeup_disabled::wake::feature-enabled"):
        program.take("wake sleeper-body")


def test_a_cancelled_v3_task_waits_for_ever_for_an_operation_that_is_dropped_elsewhere() -> None:
    program = Program("cancel-operations-elsewhere", "v3/v2/v3")
    program.take("call_export cancelled", "poll read", "move_to_storage read", "return_pending")
    program.take("request_cancellation cancelled", "finish_drop")
    stuck = program.machine.invariants["no-stuck-task"]
    assert stuck()
    program.take("call_export other", "drop_operation read false")
    assert not stuck()


@pytest.mark.parametrize(
    ("mix", "panics"),
    [
        ("v2/v2/v3", True),
        ("v1/v3/v3", True),
        ("v3/v2/v3", True),
        ("v3/v3/v3", False),
        ("v2/v2/v2", False),
    ],
)
def test_a_v3_spawn_into_a_task_of_an_older_release_panics(mix: str, panics: bool) -> None:
    found = sites(check("spawn-across-releases", mix)["no-panic"])
    assert found == ({"spawn::spawn_local::task-spawns"} if panics else set())


def test_a_v2_spawn_in_a_v3_task_is_lost_and_a_v3_spawn_is_polled() -> None:
    program = Program("spawn-across-releases", "v3/v3/v2")
    program.take("call_export export", "spawn_local spawned", "return_ready")
    assert program.value("spawned_in", "spawned") == "R2"
    assert program.value("phase", "export") == "ENDED"
    program = Program("spawn-across-releases", "v3/v3/v3")
    program.take("call_export export", "spawn_local spawned", "return_ready")
    assert program.value("polling", "export") == "spawned"


def test_a_nested_v3_task_takes_the_futures_that_its_caller_spawned() -> None:
    program = Program("spawn-across-releases", "v3/v3/v3")
    program.take("call_export export", "spawn_local spawned", "block_on nested", "return_ready")
    assert program.value("future_task", "spawned") == "nested"


def test_a_v3_block_on_that_yields_continues_without_polling_its_set() -> None:
    program = Program("yield", "v3/v3/v3")
    program.take("call_export export", "block_on nested", "wake_self", "return_pending")
    assert program.value("phase", "nested") == "YIELDED"
    program.take("resume_block_on nested")
    assert program.value("polling", "nested") == "nested-body"
    program = Program("yield", "v3/v2/v3")
    program.take("call_export export", "block_on nested", "wake_self")
    with pytest.raises(WentWrong, match="async_support::block_on::yield-set-exists"):
        program.take("return_pending")


SPAWNED = ("call_export export", "spawn_local spawned", "poll_join_handle spawned")


def test_a_future_cancelled_before_its_first_poll_is_dropped() -> None:
    program = Program("join-handle", "v3/v3/v3")
    program.take(*SPAWNED, "cancel_spawned spawned", "return_pending")
    assert program.value("phase", "export") == "DROPPING"
    assert program.value("polling", "export") == "spawned"
    program.take("finish_drop")
    assert program.value("rx_task", "spawned") is None, "the task that awaits the handle was woken"
    assert program.value("polling", "export") == "export-body"
    program.take("poll_join_handle spawned")
    assert not program.value("join_handle", "spawned")


def test_a_future_that_cancels_itself_is_dropped_once_its_poll_ends() -> None:
    program = Program("join-handle", "v3/v3/v3")
    program.take(*SPAWNED, "return_pending", "poll read", "cancel_spawned spawned")
    assert program.value("phase", "export") == "POLLING"
    assert program.value("queue_rank", "spawned") == 0, "its waker is registered after its poll"
    program.take("return_pending")
    assert program.value("phase", "export") == "DROPPING"
    program.take("drop_operation read false", "finish_drop")
    assert program.value("future_task", "spawned") is None


def test_a_future_whose_handle_is_dropped_keeps_running() -> None:
    program = Program("join-handle", "v3/v3/v3")
    program.take("call_export export", "spawn_local spawned", "drop_join_handle spawned")
    program.take("return_ready")
    assert program.value("polling", "export") == "spawned"


MUTANTS = [
    Mutant(
        "no-panic",
        "the loop of a block_on polls a set, as in V2",
        "versions/v3.py",
        "    s.phase[task] = Phase.YIELDED\n",
        '    unwrap(s.waitable_set[task], "async_support::block_on::yield-set-exists")\n'
        "    s.phase[task] = Phase.BLOCKED_POLL\n",
        "yield",
        "v3/v3/v3",
    ),
    Mutant(
        "task-pointer-restored",
        "spawning forgets the current task",
        "versions/v3.py",
        "    wasip3_task_restore(task)\n",
        "",
        "spawn-across-releases",
        "v3/v3/v3",
    ),
    Mutant(
        "no-use-after-free",
        "the table of a V2 task is read for the function that only V3's has",
        "versions/v3.py",
        "    if abi_version_of(task) >= 3:\n",
        "    if abi_version_of(task) >= 2:\n",
        "spawn-across-releases",
        "v3/v2/v3",
    ),
    Mutant(
        "no-lost-spawn",
        "a task puts a spawned future into the list of another release",
        "versions/v3.py",
        "    push(executor_release(task), future)\n",
        "    push(Release.R2, future)\n",
        "spawn-across-releases",
        "v3/v3/v3",
    ),
    Mutant(
        "no-trap",
        "a root that was dropped does not acknowledge its cancellation",
        "versions/v3.py",
        "    task_cancel_on_drop(task, future)\n",
        "",
        "cancel-operations-elsewhere",
        "v3/v2/v3",
    ),
    Mutant(
        "no-lost-wakeup",
        "the end of a future does not wake the task that awaits its handle",
        "versions/v3.py",
        "        s.rx_task[future] = None\n        context_wake_by_ref(waiter)\n"
        "        waker_drop(WakerKind.CONTEXT, waiter)\n",
        "        s.abort_waker[future] = False\n",
        "join-handle-off",
        "v3/v3/v3",
    ),
    Mutant(
        "task-pointer-restored",
        "the cancellation leaves the task set",
        "versions/v3.py",
        "            return\n        reset_task(task)\n",
        "            return\n",
        "cancel-spawning",
        "v3/v3/v3",
    ),
]


@pytest.mark.slow(but=2)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.fault.replace(" ", "-"))
def test_a_fault_in_v3_is_caught(mutant: Mutant, alter: Alter) -> None:
    assert check(mutant.scenario, mutant.mix)[mutant.property].verdict == "holds"
    faulty = check(mutant.scenario, mutant.mix, mutant.applied(alter))
    assert faulty[mutant.property].verdict == "violated"


# --- a version beside the model -------------------------------------------------------------------


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder with one version, V3 but for references to tasks, which it never gives back."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "v4.py").write_text(
        '"""V3, but a reference to a task is never given back."""\n\n'
        "from model.types import Task\n"
        "from wakeproof.language import cabi, side\n\n"
        'BASE = "v3"\nRELEASE = "a proposal"\n\n\n'
        '@side("executor")\n@cabi("drop")\n'
        "def cabi_drop(task: Task) -> None:\n"
        '    """Nothing."""\n',
        encoding="utf-8",
    )
    return tmp_path / "mine"


@pytest.mark.nightly
@pytest.mark.slow
def test_a_version_beside_the_model_is_checked_where_a_scenario_names_its_base(mine: Path) -> None:
    results = mine / "r.json"
    done = run("check", "future-read", "--model", mine, "--json", results)
    rows = json.loads(results.read_text("utf-8"))["results"]
    mixes = {tuple(row["mix"].values()) for row in rows}
    bundled = ["v1", "v2", "v3"]
    assert mixes == {
        *((a, "v2", "v4") for a in [*bundled, "v4"]),
        *(("v4", "v2", b) for b in bundled),
    }
    assert done.returncode == 1, "the scenarios expect no violation that V4 adds"
    wrong = {(*row["mix"].values(), row["property"]) for row in rows if not row["as_expected"]}
    assert ("v4", "v2", "v3", "refcount-exact") in wrong
    assert not any(mix[0] != "v4" and mix[2] == "v1" for mix in wrong), "V1 keeps no reference"


@pytest.mark.slow
def test_a_version_equal_to_its_base_has_the_expectations_of_its_base(mine: Path) -> None:
    (mine / "v4.py").write_text('BASE = "v3"\n', encoding="utf-8")
    done = run("check", "issue-1618", "stream-after-drop", "--quiet", "--model", mine)
    assert (done.returncode, "44 runs" in done.stdout) == (0, True), done.stdout + done.stderr
    results = mine / "r.json"
    assert run("check", "join-handle-off", "--model", mine, "--json", results).returncode == 0
    rows = json.loads(results.read_text("utf-8"))["results"]
    mixes = {tuple(row["mix"].values()) for row in rows}
    assert mixes == {mix for mix in product(("v3", "v4"), repeat=3) if "v4" in mix}


@pytest.mark.parametrize(
    ("line", "status", "words"),
    [
        ("list versions", 0, "v4 a proposal, builds on v3"),
        ("show v4 --against v3", 0, "v4 and v3 differ in 1"),
        ("show future-read", 0, "v4"),
        ("check future-read --executor v1 --import v4 --quiet", 0, "24 verdicts in 1 run"),
        (
            "check future-read --import v5",
            2,
            "one of v0_48_1, v0_57_1, v1, v1_1638, v2, v2_draft, v3, v4",
        ),
        ("simulate future-read --executor v4 --import v1", 0, "v4/v2/v1, seed 0"),
        ("export future-read --to promela --mix v4/v2/v3", 0, "mix v4/v2/v3"),
        pytest.param(
            "review v4 future-read --against v3 --quiet",
            1,
            "broken refcount-exact",
            marks=pytest.mark.slow,
        ),
        ("conform guest --walks 1 --executor v4", 2, "v4 is not a release"),
    ],
)
def test_every_command_accepts_a_version_beside_the_model(
    mine: Path, line: str, status: int, words: str
) -> None:
    done = run(*line.split(), "--model", mine)
    assert done.returncode == status, done.stdout + done.stderr
    assert words in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_trace_of_a_version_beside_the_model_replays_only_with_it(mine: Path) -> None:
    results = mine / "r.json"
    run("check", "stream-after-drop", "--executor", "v4", "--model", mine, "--json", results)
    assert run("replay", results, "--model", mine).returncode == 0
    done = run("replay", results)
    assert done.returncode == 2
    assert "unknown ABI version 'v4'" in done.stderr


# --- the texts ------------------------------------------------------------------------------------


def test_two_versions_differ_in_the_text_of_the_newer_one() -> None:
    found = differences(BUNDLED.sources, "v2", "v3")
    tree = ast.parse((MODEL / "versions" / "v3.py").read_text(encoding="utf-8"))
    written = {n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    assert {d.name for d in found} == written
    assert all(d.old != d.new for d in found)


def test_versions_are_shown_side_by_side(tmp_path: Path) -> None:
    done = run("show", "v3", "--against", "v2")
    assert done.returncode == 0
    assert "v3.py:" in done.stdout
    assert "block_on_yield" in done.stdout
    (tmp_path / "mine.py").write_text('"""V3 as it is."""\nBASE = "v3"\n')
    done = run("show", "mine", "--against", "v3", "--model", tmp_path)
    assert done.stdout.strip() == "mine and v3 differ in 0 definitions"
    done = run("show", "v3", "--against", "v9")
    assert done.returncode == 2
    assert "unknown ABI version 'v9'" in done.stderr


def registry(release: str) -> Path:
    """Return the folder of the released crate in cargo's registry; skip without it."""
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo")) / "registry" / "src"
    found = list(home.glob(f"*/wit-bindgen-{release}"))
    if not found:
        assert not os.environ.get("WAKEPROOF_NEEDS_GUEST"), "the released crates are missing"
        pytest.skip("the released crates are not in cargo's registry")
    return found[0]


def test_the_page_about_v3_lists_the_files_that_differ_and_those_that_do_not() -> None:
    old, new = (
        {p.relative_to(f): p for p in f.rglob("*") if p.is_file()}
        for f in (registry("0.60.0"), registry("0.63.0"))
    )
    different = {
        path
        for path in old.keys() | new.keys()
        if path not in old or path not in new or old[path].read_bytes() != new[path].read_bytes()
    }
    rows = (ROOT / "docs" / "explanation" / "v3.md").read_text("utf-8").split("| all other files")
    listed, same = (set(re.findall(r"`([\w./*-]+)`", text)) for text in rows)

    def named(path: Path, names: set[str]) -> bool:
        return any(fnmatch(str(path).removeprefix("src/"), name) for name in names)

    assert not {str(path) for path in different if not named(path, listed)} - {".cargo-ok"}
    support = Path("src/rt/async_support")
    kept = {path.name for path in new if path.parent == support and path not in different}
    assert kept <= same


def test_v3_is_a_fraction_of_the_text_that_it_overrides_as_on_its_page() -> None:
    found = differences(BUNDLED.sources, "v2", "v3")
    over = [(d.old, d.new) for d in found if d.old is not None and d.new is not None]

    def lines(path: Path) -> int:
        return len(path.read_text("utf-8").splitlines())

    own = lines(MODEL / "versions" / "v3.py")
    below = sum(lines(path) for path in {old.path for old, _ in over})
    assert own * 6 <= below
    before, after = (sum(len(pair[i].text.splitlines()) for pair in over) for i in (0, 1))
    page = " ".join((ROOT / "docs" / "explanation" / "v3.md").read_text("utf-8").split())
    for sentence in (
        f"{len(over)} functions that override",
        f"{after} lines stand where there were {before}",
    ):
        assert sentence in page


def test_an_invariant_of_an_unknown_property_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v4.py").write_text(
        "from wakeproof.language import invariant\n\n"
        'BASE = "v3"\n\n\n@invariant("no-such-property")\ndef holds() -> bool:\n'
        '    """Always."""\n    return True\n',
        encoding="utf-8",
    )
    done = run("check", "everything", "--mix", "v4/v3/v3", "--model", tmp_path)
    assert done.returncode == 2
    assert "unknown property 'no-such-property'" in done.stderr
    assert f"{tmp_path / 'v4.py'}:" in done.stderr


def test_a_v3_task_that_is_cancelled_after_its_result_goes_on() -> None:
    """Wasmtime delivers it, and `Tasks::cancel_root` finds no root: nothing is dropped."""
    program = Program("waits-in-either-order", "v3/v3/v3")
    # a block_on keeps the lock, while the cancellation is asked for
    program.take("call_export export", "poll left", "move_to_storage left")
    program.take("block_on in-export", "poll right", "return_pending")
    program.take("request_cancellation export")
    program.take("peer_copy second", "waitable_set_wait in-export h2", "poll right")
    # the block_on is done, and then the export
    program.take("return_ready", "return_ready")
    assert program.value("host_task", "export") == "RESOLVED"
    program.take("deliver_pending_cancel export")
    assert program.value("phase", "export") == "WAITING", "for the operation that moved away"
