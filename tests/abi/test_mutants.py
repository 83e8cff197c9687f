"""Every property has a mutant of the model that violates it, and the checker finds the violation.

Without the fault the property holds in the same scenario and mix.
"""

from __future__ import annotations

import pytest

from tests.mutants import MUTANTS, Mutant
from tests.support import Alter, check
from wakeproof.language.model import BUNDLED

MANY_STATES = (
    *("no-idle-turns", "no-leak", "no-lost-item", "no-trap", "one-home", "spawned-is-polled"),
    *("stack-pointer-restored", "woken-is-polled"),
)
"""Properties of mutants with so many states that a library is compiled for each."""


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(m, id=m.property, marks=[pytest.mark.slow] * (m.property in MANY_STATES))
        for m in MUTANTS
    ],
)
def test_a_fault_that_violates_the_property_is_caught(mutant: Mutant, alter: Alter) -> None:
    sound = check(mutant.scenario, mutant.mix, explorer="auto")[mutant.property]
    assert sound.verdict == "holds", "the property must hold without the fault"
    faulty = check(mutant.scenario, mutant.mix, mutant.applied(alter), explorer="auto")
    assert faulty[mutant.property].verdict == "violated", mutant.fault
    assert faulty[mutant.property].violations[0]["trace"]


def test_every_property_has_a_mutant() -> None:
    assert {m.property for m in MUTANTS} == BUNDLED.properties.keys()
