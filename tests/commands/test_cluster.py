"""Commands on a cluster: they do what they do here, and refuse what has no meaning there."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.prove.test_merged_actions import small_proof
from tests.prove.test_recheck import CONFIRMED, FORGED, certificates
from tests.support import Called, needs_cargo
from wakeproof.bundled import ROOT
from wakeproof.conform.guest.walks import GuestWalker
from wakeproof.conform.walking import WalkPlan, compare_by_walks
from wakeproof.errors import Exit
from wakeproof.language.model import BUNDLED
from wakeproof.prove import houdini
from wakeproof.prove.certificates.jobs import write_certificates, writings
from wakeproof.prove.obligation import Answer
from wakeproof.prove.proof import Job
from wakeproof.scenario.mixes import ROLES
from wakeproof.util.parallel import Workers, map_jobs

# --- without one ----------------------------------------------------------------------------------


def test_without_the_engine_there_is_one_message(tmp_path: Path) -> None:
    for name in ("dask", "distributed"):
        text = f"raise ModuleNotFoundError('blocked', name={name!r})\n"
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "wakeproof", "check", "issue-1618", "--cluster", "local:2"],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == Exit.WRONG_USE
    assert done.stderr == (
        "wakeproof: distributed is not installed\n  hint: pip install 'wakeproof[cluster]'\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("check --cluster local", "'local' is not a cluster"),
        ("check --cluster local:0", "'local:0' is not a cluster"),
        ("check --cluster host:8786", "'host:8786' is not a cluster"),
        ("check --cluster local:2 --checkpoint runs", "--checkpoint does not go with --cluster"),
        ("check --cluster local:2 --jobs 2", "--jobs does not go with --cluster"),
        (
            "prove --cluster local:2 --infer --property one-home",
            "--infer does not go with --cluster",
        ),
        ("simulate issue-1618 --cluster local:2", "no such option '--cluster'"),
    ],
)
def test_what_has_no_meaning_on_a_cluster_is_refused(
    words: str, message: str, called: Called
) -> None:
    status, _, errors = called(*words.split())
    assert status == Exit.WRONG_USE
    assert message in errors


# --- with one -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Yield the address of a scheduler with two workers."""
    engine = pytest.importorskip("distributed", reason="pip install 'wakeproof[cluster]'")
    with engine.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as found:
        yield found.scheduler_address


@pytest.fixture
def pool(address: str) -> Iterator[Workers]:
    """Yield the workers."""
    from wakeproof.util.cluster import cluster

    with cluster(address) as found:
        yield found


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is cached."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def results(called: Called, file: Path, *words: str) -> tuple[int, Any]:
    """Return the status of a command and what it writes, without the seconds."""
    status, _, errors = called(*words, "--json", file)
    assert "Traceback" not in errors
    document = json.loads(file.read_text("utf-8"))
    for row in document.get("results", ()):
        row.pop("seconds")
    return status, document


def test_a_check_has_the_same_verdicts_and_they_are_cached_here(
    address: str, called: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("check", "issue-1618", "--mix", "v1/v1/v1,v2/v2/v2", "--explorer", "plain")
    here = results(called, tmp_path / "here.json", *words, "--fresh")
    there = results(called, tmp_path / "there.json", *words, "--fresh", "--cluster", address)
    assert there == here
    assert len(here[1]["results"]) == 48

    def never(*_: object, **__: object) -> NoReturn:
        raise AssertionError

    monkeypatch.setattr("wakeproof.commands.check.run_jobs", lambda jobs, *_: not jobs or never())
    assert results(called, tmp_path / "again.json", *words) == here


def test_a_single_run_is_not_in_this_process(
    address: str, called: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> NoReturn:
        raise AssertionError

    monkeypatch.setattr("wakeproof.check.job.explore_with", never)
    words = ("check", "issue-1618", "--mix", "v3/v3/v3", "--explorer", "plain")
    status, printed, _ = called(*words, "--cluster", address)
    assert status == Exit.AS_EXPECTED
    assert "in 1 run" in printed


@pytest.mark.slow
def test_a_model_beside_the_bundled_one_is_found_by_its_path(
    address: str, called: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "v4.py").write_text('"""The same."""\n\nBASE = "v3"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    model = ("--model", "mine", "--mix", "v4/v4/v4,v3/v3/v3")
    words = ("check", "issue-1618", *model, "--explorer", "plain", "--fresh")
    here = results(called, tmp_path / "here.json", *words)
    assert results(called, tmp_path / "there.json", *words, "--cluster", address) == here


@pytest.mark.slow
def test_a_review_has_the_same_result(address: str, called: Called, tmp_path: Path) -> None:
    words = ("review", "v2", "issue-1618", "--against", "v1", "--max-pairs", "10", "--fresh")
    here = results(called, tmp_path / "here.json", *words)
    there = results(called, tmp_path / "there.json", *words, "--cluster", address)
    assert there == here
    assert here[1]["changes"]


def answers(jobs: list[Job], pool: Workers | None) -> list[Answer]:
    """Return the answers of jobs, without the seconds."""
    found: list[list[Answer]] = []
    assert map_jobs(houdini.run_job, jobs, found.append, pool)
    return sorted(
        (dataclasses.replace(answer, seconds=0.0) for some in found for answer in some),
        key=lambda answer: (answer.action, answer.goal),
    )


@pytest.mark.slow
def test_obligations_have_the_same_answers_and_certificates(pool: Workers, tmp_path: Path) -> None:
    proof = small_proof()
    question = proof.question(("refcount-exact", "one-home"))
    jobs = [
        Job(BUNDLED, proof.versions, tuple(proof.sizes.items()), (action,), (question,))
        for action in proof.actions
    ]
    here = answers(jobs, None)
    assert here
    assert answers(jobs, pool) == here
    texts = []
    for folder, where in ((tmp_path / "here", None), (tmp_path / "there", pool)):
        files: list[Path] = []
        assert write_certificates(writings(BUNDLED, [proof], folder), files.append, where)
        texts.append({file.relative_to(folder): file.read_bytes() for file in files})
    assert texts[0] == texts[1]


def test_certificates_are_checked_there(
    address: str, called: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cvc5")
    monkeypatch.chdir(certificates(tmp_path, one=CONFIRMED, other=FORGED))
    here = called("recheck", "mix", "--fresh")
    assert called("recheck", "mix", "--fresh", "--cluster", address) == here
    assert here[0] == Exit.NOT_AS_EXPECTED


@pytest.mark.slow
def test_walks_on_the_crates_are_the_same(pool: Workers) -> None:
    needs_cargo()
    mixes = [dict.fromkeys(ROLES, version) for version in ("v2", "v3")]
    plan = WalkPlan(walks=4, seed=3, mixes=mixes, builds=[()])
    here = compare_by_walks(GuestWalker, plan)
    there = compare_by_walks(GuestWalker, plan, pool=pool)
    there.seconds = here.seconds
    assert here.walks == 4
    assert here.steps > 20
    assert there == here


@pytest.mark.slow
def test_an_interrupt_keeps_the_runs_that_have_ended(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="pip install 'wakeproof[cluster]'")
    file = tmp_path / "results.json"
    words = ("check", "issue-1618", "--explorer", "plain", "--cluster", "local:2", "--fresh")
    process = subprocess.Popen(
        [sys.executable, "-m", "wakeproof", *words, "--json", str(file)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # as a terminal does, it reaches the workers too
        start_new_session=True,
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    os.killpg(process.pid, signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert line.startswith("1 of ")
    assert process.returncode == Exit.UNKNOWN
    assert "interrupted after" in printed
    assert "Traceback" not in errors
    assert json.loads(file.read_text("utf-8"))["results"]
