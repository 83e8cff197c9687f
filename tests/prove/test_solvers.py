"""Each solver decides the same obligations, and all decide them alike."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.prove.test_infer import FREED_TOO_EARLY, prove, write_lock
from wakeproof.bundled import MODEL, PROOFS
from wakeproof.language.model import BUNDLED, Model
from wakeproof.language.resolve import Resolved, resolve_mixes
from wakeproof.language.sources import read_sources
from wakeproof.prove.any_number.window_growth import decide
from wakeproof.prove.houdini import prove as prove_all
from wakeproof.prove.induction import Induction
from wakeproof.prove.lemma_sources import sizes_of
from wakeproof.prove.obligation import INITIAL, Answer, Question, facts_of
from wakeproof.prove.proof import Deciding, Job
from wakeproof.scenario.mixes import ROLES
from wakeproof.symbolic.solver import PACKAGES

SMALL = {"Task": 2, "Future": 2, "Operation": 1, "Handle": 3, "Channel": 1}
VERSIONS = ("v1", "v2", "v3")
MIXES = list(itertools.product(VERSIONS, repeat=len(ROLES)))


@pytest.fixture(scope="module")
def together() -> Resolved:
    """The program of all mixes of V1, V2 and V3."""
    sources = read_sources(MODEL, (), PROOFS)
    return resolve_mixes(sources, dict.fromkeys(ROLES, VERSIONS))


def matrix(answers: list[Answer]) -> dict[tuple[object, str], str]:
    """The status of each obligation, by mix and goal."""
    return {(answer.mix, answer.goal): answer.status for answer in answers}


@pytest.mark.parametrize("action", [INITIAL, "drop_waker", "drop_reader", "peer_copy"])
def test_solvers_agree_about_every_mix(action: str, together: Resolved) -> None:
    facts = tuple(facts_of(together.program))
    found = {}
    for solver in PACKAGES:
        induction = Induction(together, SMALL, (action,), solver=solver)
        goals = tuple(induction.goals())
        asked = [Question(tuple(zip(ROLES, mix, strict=True)), facts, goals) for mix in MIXES]
        # of what fails plain Python has taken the step
        found[solver] = matrix(induction.settle(asked))
    assert len(found["cadical"]) > len(MIXES)
    assert found["z3"] == found["cadical"]


def test_what_z3_leaves_open_with_other_questions_it_decides_by_itself(
    together: Resolved, monkeypatch: pytest.MonkeyPatch
) -> None:
    z3 = pytest.importorskip("z3")

    class LeavesOpen(z3.Solver):  # type: ignore[misc, name-defined]
        """A solver that decides nothing."""

        def check(self, *assumptions: object) -> object:
            """Leave a question open."""
            return z3.unknown

    facts = tuple(facts_of(together.program))
    # without the facts some obligations fail
    asked = [
        Question(tuple(zip(ROLES, MIXES[0], strict=True)), some, facts) for some in (facts, ())
    ]
    for question in asked:
        induction = Induction(together, SMALL, ("drop_waker",), solver="cadical")
        expected = matrix(induction.settle([question]))
        with monkeypatch.context() as patched:
            patched.setattr(z3, "SimpleSolver", LeavesOpen)
            induction = Induction(together, SMALL, ("drop_waker",), solver="z3")
            assert matrix(induction.settle([question])) == expected
    assert set(expected.values()) == {"proved", "fails"}


@pytest.mark.nightly
def test_solvers_agree_about_any_number(together: Resolved) -> None:
    facts = tuple(facts_of(together.program))
    mixes = (dict.fromkeys(ROLES, version) for version in VERSIONS)
    # of what is left out some are needed
    given, wanted = facts[::2], facts[:12]
    asked = [Question(tuple(mix.items()), given, wanted) for mix in mixes]
    window = sizes_of(BUNDLED, "window")
    found = {s: matrix(decide(together, window, ("wake",), asked, s)) for s in PACKAGES}
    assert set(found["cadical"].values()) == {"proved", "unknown"}
    assert found["z3"] == found["cadical"]


@pytest.mark.parametrize("fault", [("", ""), FREED_TOO_EARLY], ids=["whole", "faulty"])
def test_solvers_drop_the_same_facts(fault: tuple[str, str], tmp_path: Path) -> None:
    model = write_lock(tmp_path, fault)
    mix = {"import": "v2"}
    size = {"Task": 3}
    found = {}
    for solver in PACKAGES:
        (proof,) = prove_all(Model(model), [mix], size, lambda *_: None, Deciding(solver, True))
        statuses = {key: answer.status for key, answer in proof.answers.items()}
        found[solver] = (statuses, list(proof.dropped), proof.kept())
    assert found["cadical"][1]
    assert found["z3"] == found["cadical"]


def test_results_of_one_solver_are_not_those_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys: list[str] = []

    def pretend(
        run: object,
        jobs: list[Job],
        inputs: Callable[[Job], list[object]],
        *_: object,
    ) -> bool:
        keys.append(repr([inputs(job) for job in jobs]))
        return False

    monkeypatch.setattr("wakeproof.prove.houdini.map_cached", pretend)
    mixes = [dict.fromkeys(ROLES, "v2")]
    for version in ("1", "2"):
        monkeypatch.setattr("wakeproof.symbolic.solver.version", lambda _, now=version: now)
        for solver in PACKAGES:
            prove_all(BUNDLED, mixes, SMALL, lambda *_: None, Deciding(solver))
    assert len(set(keys)) == 4


def test_the_search_for_lemmas_is_by_one_solver(tmp_path: Path) -> None:
    model = write_lock(tmp_path)
    result = prove(model, "--infer", "--property", "one-inside", "--solver", "z3")
    assert "--infer does not go with --solver z3" in str(result.exception)
