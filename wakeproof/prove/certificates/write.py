"""Certificates: proved obligations in SMT-LIB 2, for another solver to confirm.

A file is one action, or some that are joined, of all mixes that were proved together: the unknowns
as bits, every term by its name, and for each obligation a question that assumes the facts that it
needs, and that the fact is broken in the mixes in which it is proved. The answer has to be `unsat`.
A file is written from the terms themselves, not from the clauses that were made of them, and holds
nothing but propositional logic.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from wakeproof.prove.certificates.folder import COUNT, MARK
from wakeproof.prove.induction import Induction
from wakeproof.prove.obligation import Answer, Question
from wakeproof.symbolic.smtlib import declarations, definitions, term_name
from wakeproof.symbolic.terms import Formula

LOGIC = "QF_BV"
"""Vectors of bits there are none; it is of this logic that cvc5 makes clauses at once."""

PREMISES = "|premises hold|"
"""What is assumed for all that is true of every obligation."""


def certificate(induction: Induction, answers: Iterable[Answer]) -> str:
    """The text for these answers, which are proved obligations of the induction's action."""
    needs: dict[str, dict[tuple[tuple[str, str], ...], set[str]]] = {}
    for answer in answers:
        if answer.status == "proved":
            # an action that is one of several needs what each of them needs
            needs.setdefault(answer.goal, {}).setdefault(answer.mix, set()).update(answer.needs)
    goals = induction.goals(list(needs))
    broken: dict[str, Formula] = {}
    given: dict[str, list[Formula]] = {}
    for goal, of_mixes in needs.items():
        # of actions that were decided together one may not touch what another does: that is plain
        if goal in goals:
            asked = [Question(mix, tuple(sorted(some)), (goal,)) for mix, some in of_mixes.items()]
            broken[goal] = induction.model.terms.and_(induction.in_one_of(asked), goals[goal])
            given[goal] = list(induction.given(asked).values())
    # what all of them need is said once
    common = [f for f in next(iter(given.values()), []) if all(f in g for g in given.values())]
    premises = [*induction.premises(), *common]
    own = {goal: [f for f in formulas if f not in common] for goal, formulas in given.items()}
    assumed = [*broken.values(), *(formula for formulas in own.values() for formula in formulas)]
    lines = [f"{MARK}: {induction.action}", f"{COUNT}{len(own)}", f"(set-logic {LOGIC})"]
    lines += declarations(induction.unknowns())
    lines += definitions([*premises, *assumed])
    # all at once: what is asserted by itself cvc5 gives to its solver anew with every question
    lines += [f"(declare-const {PREMISES} Bool)"]
    lines += [f"(assert (=> {PREMISES} (and true true {' '.join(map(term_name, premises))})))"]
    # what is assumed in turn is told once; what it implies the solver need not find out again
    told = dict.fromkeys(assumed if any(own.values()) else ())
    lines += itertools.chain.from_iterable(map(_telling, told))
    for goal, formulas in own.items():
        if broken[goal] not in told:
            # where all facts are given for good it is sooner done if it does not know what comes
            told[broken[goal]] = None
            lines += _telling(broken[goal])
        names = " ".join([PREMISES, *map(_assumed, (broken[goal], *formulas))])
        lines += [f'(echo "{goal}")', f"(check-sat-assuming ({names}))"]
    return "\n".join(lines) + "\n"


def _telling(formula: Formula) -> Iterator[str]:
    """What may be assumed from now on."""
    yield f"(declare-const {_assumed(formula)} Bool)"
    yield f"(assert (=> {_assumed(formula)} {term_name(formula)}))"


def _assumed(formula: Formula) -> str:
    """What is assumed where the formula is to hold."""
    return f"|{term_name(formula)} holds|"
