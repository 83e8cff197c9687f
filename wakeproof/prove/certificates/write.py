"""Certificates: proved obligations in SMT-LIB 2, for another solver to confirm.

A file is about one action, or several that are merged, of all mixes that were proved together. It
declares the unknowns as bits and defines every term by its name. Each obligation is a question that
assumes the facts that its proof used, and that the goal is broken in the mixes in which it is
proved; the answer has to be `unsat`. A file is written from the terms themselves, not from the
clauses that were made of them, and contains nothing but propositional logic.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from wakeproof.prove.certificates.folder import COUNT, MARK
from wakeproof.prove.induction import Induction
from wakeproof.prove.obligation import Answer, Question
from wakeproof.symbolic.smtlib import comment, declarations, definitions, quoted, string, term_name
from wakeproof.symbolic.terms import Formula

LOGIC = "QF_BV"
"""There are no vectors of bits, but in this logic cvc5 makes clauses at once."""

PREMISES = "|premises hold|"
"""The assumption that everything holds which is true of every obligation."""


def certificate(induction: Induction, answers: Iterable[Answer]) -> str:
    """The text for these answers, of which the proved ones are obligations of the action.

    It is empty where there is none: the action touches nothing that the goals read.
    """
    needs: dict[str, dict[tuple[tuple[str, str], ...], set[str]]] = {}
    for answer in answers:
        if answer.status == "proved":
            # merged actions need what each of them needs
            needs.setdefault(answer.goal, {}).setdefault(answer.mix, set()).update(answer.needs)
    goals = induction.goals(list(needs))
    broken: dict[str, Formula] = {}
    given: dict[str, list[Formula]] = {}
    for goal, of_mixes in needs.items():
        # the action may not touch what another one touches that was decided with it: no obligation
        if goal in goals:
            asked = [Question(mix, tuple(sorted(some)), (goal,)) for mix, some in of_mixes.items()]
            broken[goal] = induction.model.terms.and_(induction.in_one_of(asked), goals[goal])
            given[goal] = list(induction.given(asked).values())
    if not given:
        return ""
    # what all of them need is assumed once
    common = [f for f in next(iter(given.values()), []) if all(f in g for g in given.values())]
    premises = [*induction.premises(), *common]
    own = {goal: [f for f in formulas if f not in common] for goal, formulas in given.items()}
    assumed = [*broken.values(), *(formula for formulas in own.values() for formula in formulas)]
    head = comment(f"{MARK}: {induction.action}".removeprefix("; "))
    lines = [head, f"{COUNT}{len(own)}", f"(set-logic {LOGIC})"]
    lines += declarations(induction.unknowns())
    lines += definitions([*premises, *assumed])
    # in one assertion: cvc5 passes single ones to its solver anew with every question
    lines += [f"(declare-const {PREMISES} Bool)"]
    lines += [f"(assert (=> {PREMISES} (and true true {' '.join(map(term_name, premises))})))"]
    # each assumption is defined once, so that the solver keeps what it has learned of it
    defined = dict.fromkeys(assumed if any(own.values()) else ())
    lines += itertools.chain.from_iterable(map(_assumption, defined))
    for goal, formulas in own.items():
        if broken[goal] not in defined:
            # where all facts are always given, the solver is faster without the goals to come
            defined[broken[goal]] = None
            lines += _assumption(broken[goal])
        names = " ".join([PREMISES, *map(_assumption_name, (broken[goal], *formulas))])
        lines += [f"(echo {string(goal)})", f"(check-sat-assuming ({names}))"]
    return "\n".join(lines) + "\n"


def _assumption(formula: Formula) -> Iterator[str]:
    """Declare an assumption, and assert what it implies."""
    yield f"(declare-const {_assumption_name(formula)} Bool)"
    yield f"(assert (=> {_assumption_name(formula)} {term_name(formula)}))"


def _assumption_name(formula: Formula) -> str:
    """The name of the assumption that the formula holds."""
    return quoted(f"{term_name(formula).strip('|')} holds")
