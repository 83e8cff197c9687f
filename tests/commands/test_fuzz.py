"""Some hundreds of inputs that a fuzzer makes: each ends in time, with a short message at most."""

from __future__ import annotations

import pytest

from tests.fuzz.__main__ import outcomes
from tests.fuzz.kinds import KINDS, make_input
from tests.fuzz.outcomes import Outcome
from wakeproof.errors import Exit

SEED, INPUTS = 0, 200


@pytest.mark.slow
def test_no_input_has_a_fault() -> None:
    faults = []
    statuses = set()
    for number, outcome in outcomes(SEED, range(INPUTS), (), 2):
        one = make_input(SEED, number)
        statuses.add(outcome.status)
        if fault := outcome.fault(one.refused, one.prints_a_file):
            faults.append(f"python -m tests.fuzz --seed {SEED} --show {number}: {fault}")
    assert not faults, "\n".join(faults)
    # what is made is not all refused at the door
    assert {Exit.AS_EXPECTED, Exit.WRONG_USE, Exit.UNKNOWN} <= statuses


@pytest.mark.slow
def test_every_kind_is_made_and_the_same_number_makes_the_same_input() -> None:
    made = [make_input(SEED, number) for number in range(INPUTS)]
    assert {one.kind for one in made} == set(KINDS)
    assert made == [make_input(SEED, number) for number in range(INPUTS)]
    assert any(one.refused for one in made)


@pytest.mark.parametrize(
    ("status", "errors", "refused", "fault"),
    [
        (0, "", False, ""),
        (3, "wakeproof: no C compiler; exploring in plain Python\n", False, ""),
        (2, "wakeproof: x\n  hint: y\n", True, ""),
        (0, "", True, "status 0 for an input that is wrong"),
        (70, "wakeproof: unexpected failure\n", False, "status 70"),
        (5, "", False, "status 5"),
        (-11, "", False, "signal 11"),
        (1, "Traceback (most recent call last):\n", False, "a traceback"),
        (2, "", False, "no message"),
        (2, "wakeproof: " + "x" * 1_500, False, "a message of more than 1,500 characters"),
        (0, "SyntaxWarning: x", False, "an output that is not a message"),
    ],
)
def test_a_fault_is_recognised(status: int, errors: str, refused: bool, fault: str) -> None:
    assert Outcome(status, errors, 0).fault(refused) == fault
