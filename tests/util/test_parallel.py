"""Worker processes."""

from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import instance
from wakeproof.check.job import SHORT, Job, run_job, run_jobs, together
from wakeproof.check.verdict import Verdict
from wakeproof.errors import Exit, InputError
from wakeproof.explore.result import Exploration
from wakeproof.language.model import BUNDLED
from wakeproof.scenario.mixes import ROLES
from wakeproof.util import parallel
from wakeproof.util.parallel import KILLED, LocalWorkers, Waiting, map_jobs, workers

JOBS = """
import os, sys
sys.path[:] = [entry for entry in sys.path if entry not in ("", os.getcwd())]
from wakeproof.util.parallel import map_jobs

if __name__ == "__main__":
    done = []
    assert map_jobs(abs, [-1, -2], done.append)
    print(sorted(done), os.environ.get("PYTHONSAFEPATH"))
"""


def test_a_worker_imports_nothing_from_the_working_folder(tmp_path: Path) -> None:
    for name in ("types.py", "pickle.py", "multiprocessing.py", "signal.py"):
        (tmp_path / name).write_text("open('ran', 'w').close()\nraise SystemExit(9)\n", "utf-8")
    program = tmp_path / "elsewhere" / "jobs.py"
    program.parent.mkdir()
    program.write_text(JOBS, encoding="utf-8")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "[1, 2] None\n", done.stderr
    assert not (tmp_path / "ran").exists()


def threshold(_: int) -> int:
    """Return after how many new objects the garbage collector works here."""
    return gc.get_threshold()[0]


def test_the_garbage_collector_works_rarely_in_a_worker() -> None:
    found: list[int] = []
    assert map_jobs(threshold, [1], found.append)
    # programs are a million objects and more; an interpreter begins with 700
    assert found[0] >= 70_000


def killed_at(number: int) -> int:
    """Return the number; at 2 the process is killed instead."""
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def killed_once(file: Path) -> str:
    """Return the name of the file; the first process that asks for it is killed instead."""
    try:
        file.touch(exist_ok=False)
    except FileExistsError:
        return file.name
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_a_worker_that_is_killed_costs_its_own_job_alone() -> None:
    done: list[int] = []
    lost: list[int] = []
    assert map_jobs(killed_at, range(8), done.append, on_lost=lost.append)
    assert sorted(done) == [0, 1, 3, 4, 5, 6, 7]
    assert lost == [2]


def test_a_job_whose_worker_was_killed_is_tried_once_more(tmp_path: Path) -> None:
    done: list[str] = []
    assert map_jobs(killed_once, [tmp_path / name for name in "abc"], done.append)
    assert sorted(done) == ["a", "b", "c"]


def test_a_worker_that_is_killed_without_a_job_is_replaced() -> None:
    done: list[int] = []
    with workers(1) as pool:
        assert isinstance(pool, LocalWorkers)
        assert map_jobs(abs, [-1], done.append, pool)
        (worker,) = pool.idle
        for process in list(getattr(worker, "_processes", {}).values()):
            process.kill()
            process.join()
        time.sleep(0.2)
        assert map_jobs(abs, [-2], done.append, pool)
    assert done == [1, 2]


def killed_always(number: int) -> int:
    """Kill the process."""
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.slow
def test_workers_that_only_die_are_one_message() -> None:
    with pytest.raises(InputError, match="worker processes died and none had a result") as died:
        map_jobs(killed_always, range(1_000), lambda _: None)
    assert died.value.status == Exit.UNKNOWN


def test_an_interrupt_that_fails_in_a_lock_is_an_interrupt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            threading.Lock().release()

    monkeypatch.setattr(parallel, "wait", interrupted)
    assert not map_jobs(abs, [-1, -2], print)


def test_a_lost_job_is_not_passed_over_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []
    assert not map_jobs(killed_at, [1, 2, 3], done.append)
    assert sorted(done) == [1, 3]
    (message,) = caplog.messages
    assert "1 of 3 jobs" in message


def killed_run(job: Job, progress: Callable[[Exploration], None] | None = None) -> list[Verdict]:
    """Run a job; the process of the first mix is killed instead."""
    if job.name == "v1/v1/v1":
        os.kill(os.getpid(), signal.SIGKILL)
    return run_job(job, progress)


def test_a_run_whose_worker_is_killed_is_unknown_and_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scenario = instance("yield", "v1/v1/v1").scenario
    mixes = [tuple((role, v) for role in ("export", "block_on", "import")) for v in ("v1", "v2")]
    jobs = [Job(scenario, BUNDLED, mix, None, None, explorer="plain") for mix in mixes]
    verdicts: list[Verdict] = []
    assert run_jobs(jobs, verdicts.extend, run=killed_run)
    of = {mix: {v.verdict for v in verdicts if v.mix["export"] == mix} for mix in ("v1", "v2")}
    assert of["v1"] == {"unknown"}
    assert "unknown" not in of["v2"]
    assert {v.limit for v in verdicts if v.verdict == "unknown"} == {KILLED}
    (message,) = caplog.messages
    assert "yield v1/v1/v1 is unknown" in message


def test_a_few_runs_of_a_script_need_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("workers were started")

    monkeypatch.setattr("wakeproof.check.job.workers", refused)
    processes: list[int] = []

    def run(job: Job, progress: Callable[[Exploration], None] | None = None) -> list[Verdict]:
        processes.append(os.getpid())
        return []

    def jobs(name: str, count: int) -> list[Job]:
        found = instance(name, "v1/v1/v1")
        return [Job(found.scenario, BUNDLED, tuple(found.mix.items()), None, None)] * count

    assert run_jobs(jobs("issue-1618", SHORT), list.clear, run=run)
    assert processes == [os.getpid()] * SHORT
    for name, count in (("issue-1618", SHORT + 1), ("yield", 2)):
        with pytest.raises(AssertionError, match="workers were started"):
            run_jobs(jobs(name, count), list.clear, run=run)


def test_the_first_run_of_every_scenario_comes_first_where_runs_have_no_likeness() -> None:
    # a process that runs one of them compiles what the others then have
    one, other = (instance(name, "v1/v1/v1") for name in ("yield", "spawn"))
    mixes = [tuple((role, v) for role in ROLES) for v in ("v1", "v2", "v3")]
    jobs = [
        Job(found.scenario, BUNDLED, mix, None, None)
        for found, some in ((one, mixes), (other, mixes[:2]))
        for mix in some
    ]
    named = [job.scenario.name for job in together(jobs)]
    assert named == ["spawn", "yield", "spawn", "yield", "yield"]


SLEEPERS = """
import sys, time
from wakeproof.util.parallel import map_jobs

if __name__ == "__main__":
    map_jobs(time.sleep, [30.0] * 4, print)
"""


def with_mark(mark: str) -> list[int]:
    """Return the numbers of the processes whose environment has a mark."""
    found = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"MARK={mark}".encode() in place.read_bytes().split(b"\0"):
                found.append(int(place.parent.name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="it looks at /proc")
def test_no_worker_outlives_a_main_process_that_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "sleepers.py"
    program.write_text(SLEEPERS, encoding="utf-8")
    fate = random.Random(0)
    mark = str(tmp_path)
    root = Path(__file__).parents[2]
    for _ in range(8):
        main = subprocess.Popen(
            [sys.executable, str(program)],
            env={**os.environ, "PYTHONPATH": str(root), "MARK": mark},
            stderr=subprocess.DEVNULL,
        )
        while len(with_mark(mark)) < 3 and main.poll() is None:
            time.sleep(0.002)
        time.sleep(fate.uniform(0, 0.4))
        main.kill()
        main.wait()
    end = time.monotonic() + 10
    while (left := with_mark(mark)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left


@pytest.mark.skipif(sys.platform != "linux", reason="other systems watch the main process")
def test_a_worker_whose_main_process_has_ended_before_ends_at_once() -> None:
    begin = "import os; from wakeproof.util.parallel import _begin; _begin(PARENT); print('works')"
    for parent, printed in (("os.getppid()", "works\n"), ("os.getppid() + 1", "")):
        done = subprocess.run(
            [sys.executable, "-c", begin.replace("PARENT", parent)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == printed, done.stderr


def test_a_worker_takes_jobs_that_are_alike_until_none_is_left() -> None:
    waiting = Waiting(["a1", "a2", "a3", "b1", "b2", "c1"], lambda job: job[0])
    assert [waiting.take(worker) for worker in (1, 2, 1, 2)] == ["a1", "b1", "a2", "b2"]
    # a group that no worker has begun comes before the rest of another's, of which it takes the end
    assert [waiting.take(2), waiting.take(2)] == ["c1", "a3"]
    with pytest.raises(IndexError):
        waiting.take(1)


def test_jobs_without_a_likeness_are_taken_in_their_order() -> None:
    waiting = Waiting([3, 1, 2])
    assert [waiting.take(worker) for worker in ("one", "other", "one")] == [3, 1, 2]
