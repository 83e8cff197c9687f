"""The workers of a cluster: jobs, workers that are killed, workers that have something else."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.util.test_parallel import killed_at, killed_once
from wakeproof import __version__
from wakeproof.bundled import MODEL, PACKAGE, PROOFS, SCENARIOS
from wakeproof.errors import Exit, InputError
from wakeproof.util.parallel import Workers, map_jobs

pytest.importorskip("distributed", reason="needs Dask: pip install 'wakeproof[cluster]'")

import psutil
from distributed import LocalCluster

from wakeproof.util.cluster import ClusterWorkers, cluster
from wakeproof.util.cluster_worker import compare, expected_of


@pytest.fixture(scope="module")
def pool() -> Iterator[ClusterWorkers]:
    """Yield two workers of this machine."""
    with cluster("local:2") as found:
        yield found


@pytest.fixture
def scheduler() -> Iterator[LocalCluster]:
    """Yield a scheduler without workers."""
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as found:
        yield found


@contextlib.contextmanager
def worker_of(scheduler: LocalCluster, folder: Path) -> Iterator[None]:
    """Start a worker that has the `wakeproof` of a folder."""
    command = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler.scheduler_address]
    command += ["--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard", "--no-nanny"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def doubled(number: int) -> int:
    """Return the double of a number."""
    return 2 * number


def refused(number: int) -> int:
    """Refuse a number."""
    raise InputError(f"not {number}", where="a place", hint="another one")


def slow(seconds: float) -> float:
    """Wait so many seconds, and return them."""
    time.sleep(seconds)
    return seconds


def noted(place: Path) -> None:
    """Write the number of this process into a file, and wait for long."""
    place.write_text(str(os.getpid()), encoding="utf-8")
    time.sleep(60)


def same(path: Path) -> Path:
    """Return a path."""
    return path


def listening(process: psutil.Process) -> list[str]:
    """Return the addresses at which a process and its descendants listen."""
    found = []
    for one in (process, *process.children(recursive=True)):
        found += [c.laddr.ip for c in one.net_connections() if c.status == psutil.CONN_LISTEN]
    return found


def wait_until_gone(number: int) -> None:
    """Wait until there is no process with this number. Fails after some seconds."""
    end = time.monotonic() + 10
    while psutil.pid_exists(number) and time.monotonic() < end:
        time.sleep(0.05)
    assert not psutil.pid_exists(number)


# --- jobs -----------------------------------------------------------------------------------------


def test_every_job_has_its_result(pool: Workers) -> None:
    done: list[int] = []
    assert map_jobs(doubled, range(1_000), done.append, pool)
    assert sorted(done) == [2 * number for number in range(1_000)]


def test_results_come_one_by_one_though_small_jobs_are_sent_together(pool: Workers) -> None:
    ended: dict[float, float] = {}
    map_jobs(doubled, range(200), lambda _: None, pool)
    began = time.monotonic()

    def done(seconds: float) -> None:
        ended[seconds] = time.monotonic() - began

    assert map_jobs(slow, [6.0, *(0.02 + n / 1e6 for n in range(40))], done, pool)
    small = [at for seconds, at in ended.items() if seconds < 1]
    assert len(small) == 40
    assert max(small) < ended[6.0]


def test_what_a_job_refuses_is_refused_here(pool: Workers) -> None:
    with pytest.raises(InputError, match="not 7") as found:
        map_jobs(refused, [7], lambda _: None, pool)
    assert (found.value.where, found.value.hint) == ("a place", "another one")


def test_paths_of_the_content_lead_there_on_any_machine(pool: Workers) -> None:
    done: list[Path] = []
    assert map_jobs(same, [MODEL, Path("here")], done.append, pool)
    assert set(done) == {MODEL, Path("here").absolute()}


# --- what is killed -------------------------------------------------------------------------------


def test_a_process_that_is_killed_costs_its_own_job_alone(pool: Workers, tmp_path: Path) -> None:
    done: list[int] = []
    lost: list[int] = []
    assert map_jobs(killed_at, range(30), done.append, pool, lost.append)
    assert sorted(done) == [n for n in range(30) if n != 2]
    assert lost == [2]
    again: list[str] = []
    assert map_jobs(killed_once, [tmp_path / name for name in "abc"], again.append, pool)
    assert sorted(again) == ["a", "b", "c"]


def test_a_worker_that_is_killed_costs_time_and_nothing_else(pool: ClusterWorkers) -> None:
    numbers = list(pool.client.run(os.getpid).values())
    assert len(numbers) == 2
    threading.Timer(0.6, os.kill, (numbers[0], signal.SIGKILL)).start()
    done: list[float] = []
    jobs = [0.3 + number / 1e6 for number in range(8)]
    assert map_jobs(slow, jobs, done.append, pool, lambda job: pytest.fail(f"lost {job}"))
    assert sorted(done) == jobs
    assert not psutil.pid_exists(numbers[0])


def test_an_interrupt_keeps_results_and_ends_what_runs(pool: Workers, tmp_path: Path) -> None:
    place = tmp_path / "number"
    done: list[Any] = []

    def interrupted(result: Any) -> None:
        done.append(result)
        while not place.exists() or not place.read_text("utf-8"):
            time.sleep(0.05)
        raise KeyboardInterrupt

    jobs = [(noted, place), (doubled, 4)]
    assert not map_jobs(call, jobs, interrupted, pool)
    assert done == [8]
    wait_until_gone(int(place.read_text("utf-8")))
    # and the workers go on
    assert map_jobs(doubled, [1], done.append, pool)


def call(job: tuple[Any, Any]) -> Any:
    """Call a function."""
    run, argument = job
    return run(argument)


def test_a_scheduler_that_goes_keeps_the_results(
    scheduler: LocalCluster, caplog: pytest.LogCaptureFixture
) -> None:
    with worker_of(scheduler, PACKAGE.parent), cluster(scheduler.scheduler_address) as pool:
        done: list[float] = []

        def ended(seconds: float) -> None:
            done.append(seconds)
            scheduler.close()

        assert not map_jobs(slow, [0.1, 30.0], ended, pool)
    assert done == [0.1]
    assert any("is gone" in message for message in caplog.messages)


# --- who takes part -------------------------------------------------------------------------------


def test_nothing_listens_on_another_address(pool: Workers) -> None:
    found = listening(psutil.Process())
    assert found
    assert set(found) == {"127.0.0.1"}


def test_a_worker_with_another_version_is_refused_by_name(
    scheduler: LocalCluster, tmp_path: Path
) -> None:
    shutil.copytree(PACKAGE, tmp_path / "wakeproof")
    for folder in (MODEL, SCENARIOS, PROOFS):
        (tmp_path / folder.name).symlink_to(folder)
    init = tmp_path / "wakeproof" / "__init__.py"
    text = init.read_text("utf-8")
    init.write_text(text.replace(f'"{__version__}"', '"0.0.1"'), encoding="utf-8")
    with (
        worker_of(scheduler, tmp_path),
        pytest.raises(InputError, match=r"the worker tcp://127.0.0.1:") as found,
        cluster(scheduler.scheduler_address),
    ):
        pass
    assert f"it has wakeproof 0.0.1, not {__version__}" in found.value.what


def test_a_worker_without_wakeproof_is_refused_by_name(
    scheduler: LocalCluster, tmp_path: Path
) -> None:
    (tmp_path / "wakeproof").mkdir()
    (tmp_path / "wakeproof" / "__init__.py").touch()
    with (
        worker_of(scheduler, tmp_path),
        pytest.raises(InputError, match=r"cannot take part: .*No module named 'wakeproof"),
        cluster(scheduler.scheduler_address),
    ):
        pass


def test_a_worker_has_the_model_that_is_expected(pool: ClusterWorkers, tmp_path: Path) -> None:
    file = tmp_path / "v4.py"
    file.write_text("BASE = 'v3'\n", encoding="utf-8")
    expected = expected_of([tmp_path])
    assert set(pool.client.run(compare, expected).values()) == {""}
    file.write_text("BASE = 'v2'\n", encoding="utf-8")
    assert set(pool.client.run(compare, expected).values()) == {f"it has another {tmp_path}"}
    # one that comes later is compared too, before its first job
    later = ClusterWorkers(pool.client, expected)
    with pytest.raises(InputError, match=f"cannot take part: it has another {tmp_path}"):
        map_jobs(doubled, [1], lambda _: None, later)
    file.unlink()
    expected = expected_of([tmp_path])
    tmp_path.rmdir()
    assert all("cannot read" in found for found in pool.client.run(compare, expected).values())


def test_a_cluster_without_workers_is_one_message(
    scheduler: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wakeproof.util.cluster.PATIENCE", 0.5)
    address = scheduler.scheduler_address
    with pytest.raises(InputError, match="has no workers") as found, cluster(address):
        pass
    assert found.value.status == Exit.UNKNOWN


def test_an_address_where_no_scheduler_is_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wakeproof.util.cluster.PATIENCE", 0.5)
    with (
        pytest.raises(InputError, match=r"no scheduler answers at tcp://127.0.0.1:9"),
        cluster("tcp://127.0.0.1:9"),
    ):
        pass


def test_an_encrypted_connection_without_settings_is_one_message() -> None:
    with pytest.raises(InputError, match="no certificate is set"), cluster("tls://[::1]:9"):
        pass
