"""Certificates: proved obligations in SMT-LIB 2, for another solver to confirm.

A file is one action, or some that are joined, of all mixes that were proved together: the unknowns
as bits, every term by its name, and for each obligation a question that assumes the facts that it
needs, and that the fact is broken in the mixes in which it is proved. The answer has to be `unsat`.
A file is written from the terms themselves, not from the clauses that were made of them, and holds
nothing but propositional logic.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wakeproof.errors import InputError
from wakeproof.induction import Answer, Induction, Question
from wakeproof.sym_terms import Formula, Term, Value

SUFFIX = ".smt2"
MARK = "; wakeproof certificate"
COUNT = "; obligations: "
"""The first two lines begin with these; the second says how many questions there are."""

LIST = "certificates.json"
"""The file, in a folder of certificates, that says which belong to the run that was the last."""

WRITE_AGAIN = "write it again: prove --certificates"
"""The hint for what is not whole."""

LOGIC = "QF_BV"
"""Vectors of bits there are none; it is of this logic that cvc5 makes clauses at once."""


PREMISES = "|premises hold|"
"""What is assumed for all that is true of every obligation."""


@dataclass(frozen=True)
class Confirmation:
    """What another solver says of one obligation, in so many seconds."""

    goal: str
    says: str
    seconds: float

    @property
    def confirmed(self) -> bool:
        """There is no step that breaks it."""
        return self.says == "unsat"

    @property
    def refuted(self) -> bool:
        """There is one."""
        return self.says == "sat"


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


def recheck(file: Path, limit: float) -> list[Confirmation]:
    """Ask cvc5 about every obligation of a certificate; `limit` is that for one, in seconds.

    It has its own parser, makes its own clauses, and gives them to its own build of CaDiCaL. Raises
    `InputError` if cvc5 is not installed, if the file is no certificate, or if it is not whole.
    """
    try:
        import cvc5
    except ImportError:
        raise InputError("cvc5 is not installed", hint="pip install 'wakeproof[proofs]'") from None
    wanted = obligations(file)
    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("incremental", "true")
    # all clauses at once, for a solver that simplifies them: else it takes up to ten times longer
    solver.setOption("bitblast", "eager")
    solver.setOption("bv-sat-solver", "cadical")
    solver.setOption("tlimit-per", str(max(1, int(limit * 1000))))
    parser = cvc5.InputParser(solver)
    parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, str(file))
    symbols = parser.getSymbolManager()
    confirmations = []
    goal = ""
    try:
        while not (command := parser.nextCommand()).isNull():
            began = time.monotonic()
            said = str(command.invoke(solver, symbols)).strip()
            name = command.getCommandName()
            if name == "echo":
                goal = said.strip('"')
            elif name in ("check-sat", "check-sat-assuming"):
                seconds = round(time.monotonic() - began, 2)
                confirmations.append(Confirmation(goal, said, seconds))
    except RuntimeError as error:
        raise InputError(
            f"cvc5 cannot read it: {error}",
            where=str(file),
            hint=WRITE_AGAIN,
        ) from None
    if len(confirmations) != wanted:
        raise InputError(
            f"{len(confirmations)} of its {wanted} obligations are there",
            where=str(file),
            hint=WRITE_AGAIN,
        )
    return confirmations


def obligations(file: Path) -> int:
    """How many obligations a certificate says that it has; raises `InputError` if it is none."""
    # what is no text is no certificate either
    with file.open(encoding="utf-8", errors="replace") as text:
        mark, count = text.readline(), text.readline().removeprefix(COUNT).strip()
    if not mark.startswith(MARK) or not count.isdecimal():
        raise InputError(
            "not a certificate",
            where=f"{file}:1",
            hint="name a folder that `prove --certificates` wrote",
        )
    return int(count)


# --- a folder of them ---------------------------------------------------------------------------


def write_list(folder: Path, files: Iterable[Path]) -> None:
    """Say which certificates belong into the folder, and remove what is there under their names.

    This comes before they are written: an interrupt leaves none of another run among them.
    """
    files = list(files)
    for file in files:
        file.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(file.relative_to(folder).as_posix() for file in files)
    (folder / LIST).write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")


def listed(folder: Path) -> set[Path]:
    """The certificates that belong into a folder; all that are in it if it has no list.

    Raises `InputError` if one of them is missing, or if the list cannot be read.
    """
    there = {file for file in folder.rglob(f"*{SUFFIX}") if file.is_file()}
    if not (folder / LIST).exists():
        return there
    try:
        names = json.loads((folder / LIST).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError("no list of certificates", where=f"{folder / LIST}:1", hint=WRITE_AGAIN)
    wanted = {folder / name for name in names}
    if missing := wanted - there:
        raise InputError(
            f"{len(missing)} of {len(wanted)} certificates are missing: {min(missing).name}, ...",
            where=str(folder),
            hint=WRITE_AGAIN,
        )
    return wanted


def others_there(folder: Path, files: Iterable[Path]) -> str:
    """What is to be said of certificates in the folder that are none of these; empty if nothing."""
    others = set(folder.rglob(f"*{SUFFIX}")) - set(files)
    if not others:
        return ""
    return f"{len(others)} more there, such as {min(others)}, are of another run"


# --- writing ------------------------------------------------------------------------------------


def declarations(unknowns: Sequence[Value]) -> Iterator[str]:
    """The bits of every unknown: together they are the number of its value."""
    for unknown in unknowns:
        if not isinstance(unknown, Term):
            continue
        if not unknown.values:
            yield f"(declare-const {term_name(unknown)} Bool)"
            continue
        for bit in range(_bits(unknown)):
            yield f"(declare-const {_bit(unknown, bit)} Bool)"


def definitions(roots: Iterable[Formula]) -> Iterator[str]:
    """Every term that the roots are made of, parts before wholes."""
    reached: set[Term] = set()
    stack = [root for root in roots if isinstance(root, Term)]
    while stack:
        term = stack.pop()
        if term in reached:
            continue
        reached.add(term)
        if term.op in ("not", "and", "if"):
            stack += [part for part in term.parts if isinstance(part, Term)]
    for term in sorted(reached, key=lambda t: t.number):
        match term.op:
            case "var":
                continue
            case "is":
                unknown, constant = term.parts
                body = _equals(unknown, unknown.values.index(constant))
            case op:
                word = "ite" if op == "if" else op
                body = f"({word} {' '.join(term_name(part) for part in term.parts)})"
        yield f"(define-fun {term_name(term)} () Bool {body})"


def term_name(formula: Formula) -> str:
    """A constant, an unknown's own name, or that of a definition."""
    if isinstance(formula, bool):
        return str(formula).lower()
    return f"|{formula.parts[0]}|" if formula.op == "var" else f"t{formula.number}"


def _telling(formula: Formula) -> Iterator[str]:
    """What may be assumed from now on."""
    yield f"(declare-const {_assumed(formula)} Bool)"
    yield f"(assert (=> {_assumed(formula)} {term_name(formula)}))"


def _assumed(formula: Formula) -> str:
    """What is assumed where the formula is to hold."""
    return f"|{term_name(formula)} holds|"


def _bits(unknown: Term) -> int:
    return (len(unknown.values) - 1).bit_length()


def _bit(unknown: Term, bit: int) -> str:
    return f"|{unknown.parts[0]} bit {bit}|"


def _equals(unknown: Term, number: int) -> str:
    """The unknown has the value with this number; the last has every number that is left."""
    if number == len(unknown.values) - 1:
        return _at_least(unknown, number)
    literals = []
    for bit in range(_bits(unknown)):
        literals.append(_bit(unknown, bit) if number >> bit & 1 else f"(not {_bit(unknown, bit)})")
    return literals[0] if len(literals) == 1 else f"(and {' '.join(literals)})"


def _at_least(unknown: Term, number: int) -> str:
    """The bits are a number that is not less."""
    formula = "true"
    for bit in range(_bits(unknown)):
        word = "and" if number >> bit & 1 else "or"
        formula = f"({word} {_bit(unknown, bit)} {formula})"
    return formula
