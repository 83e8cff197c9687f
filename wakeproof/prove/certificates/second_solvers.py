"""The solvers that confirm certificates: each reads the text with its own parser.

The text has been read strictly before (`reader`): each question is a line of its own, after one
that names its goal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from wakeproof.prove.certificates.reader import TOKEN
from wakeproof.util.packages import installed, version

Asked = Iterator[tuple[str, str, float]]
"""For each question its goal, the answer (`unsat`, `sat` or another), and the seconds it took."""

GOAL = '(echo "'
QUESTION = "(check-sat-assuming ("
"""The beginnings of the two lines of a question."""


class CannotRead(Exception):
    """A solver cannot read a text, for this reason."""


def questions(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield each question of a certificate: the statements before it, its goal, and its line."""
    before: list[str] = []
    goal = ""
    for line in text.splitlines(keepends=True):
        if line.startswith(GOAL):
            goal = line.strip().removeprefix(GOAL).removesuffix('")')
        elif line.startswith(QUESTION):
            yield "".join(before), goal, line
            before = []
        else:
            before.append(line)


def ask_cvc5(text: str, limit: float) -> Asked:
    """Ask cvc5, which makes clauses for its own CaDiCaL. Raises `CannotRead`."""
    with installed("cvc5"):
        import cvc5
    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("incremental", "true")
    # all clauses at once, for a solver that simplifies them: else it takes up to ten times longer
    solver.setOption("bitblast", "eager")
    solver.setOption("bv-sat-solver", "cadical")
    solver.setOption("tlimit-per", _milliseconds(limit))
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "certificate")
    symbols = parser.getSymbolManager()
    goal = ""
    try:
        while not (command := parser.nextCommand()).isNull():
            began = time.monotonic()
            output = str(command.invoke(solver, symbols)).strip()
            name = command.getCommandName()
            if name == "echo":
                goal = output.strip('"')
            elif name in ("check-sat", "check-sat-assuming"):
                yield goal, output, time.monotonic() - began
    except RuntimeError as error:
        raise CannotRead(str(error)) from None


def ask_z3(text: str, limit: float) -> Asked:
    """Ask Z3, which is another one than decides with `prove --solver z3`: it reads the text.

    Raises `CannotRead`.
    """
    with installed("z3-solver"):
        import z3

        from wakeproof.symbolic.z3_solver import TOGETHER, simplifying
    context = z3.Context()

    def evaluate(commands: str) -> str:
        return str(z3.Z3_eval_smtlib2_string(context.ref(), commands)).strip()

    try:
        evaluate(f"(set-option :timeout {_milliseconds(min(limit, TOGETHER))})")
        statements = ""
        for before, goal, question in questions(text):
            if refused := evaluate(before):
                raise CannotRead(refused)
            statements += "".join(line for line in before.splitlines(True) if line[0] == "(")
            began = time.monotonic()
            answer = evaluate(question)
            if answer == "unknown":
                alone = simplifying(context)
                alone.set("timeout", int(_milliseconds(limit)))
                required = (f"(assert {term})" for term in _assumptions(question))
                alone.from_string(statements + "".join(required))
                answer = str(alone.check())
            yield goal, answer, time.monotonic() - began
    except z3.Z3Exception as error:
        raise CannotRead(str(error)) from None


def ask_bitwuzla(text: str, limit: float) -> Asked:
    """Ask Bitwuzla. Raises `CannotRead`."""
    with installed("bitwuzla"):
        import bitwuzla
    options = bitwuzla.Options()
    options.set(bitwuzla.Option.TIME_LIMIT_PER, int(_milliseconds(limit)))
    parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
    try:
        for before, goal, question in questions(text):
            if before:
                parser.parse(before, False, False)
            began = time.monotonic()
            # its parser would print the answer
            assumed = [parser.parse_term(term) for term in _assumptions(question)]
            answer = str(parser.bitwuzla().check_sat(*assumed))
            yield goal, answer, time.monotonic() - began
    except bitwuzla.BitwuzlaException as error:
        raise CannotRead(str(error)) from None


def _assumptions(question: str) -> Iterator[str]:
    """The assumptions of a question: names, and negations of names."""
    negated = False
    for token in TOKEN.findall(question.strip().removeprefix(QUESTION).removesuffix("))")):
        if token == "not":
            negated = True
        elif token not in ("(", ")"):
            yield f"(not {token})" if negated else token
            negated = False


def _milliseconds(limit: float) -> str:
    return str(max(1, int(limit * 1000)))


PACKAGES = {"cvc5": "cvc5", "z3": "z3-solver", "bitwuzla": "bitwuzla"}
"""The solvers by name, each with the package that has it."""

ASK: dict[str, Callable[[str, float], Asked]] = {
    "cvc5": ask_cvc5,
    "z3": ask_z3,
    "bitwuzla": ask_bitwuzla,
}


def solver_name(solver: str) -> str:
    """Return the name of a solver with its version, such as `cvc5 1.2.0`."""
    return f"{solver} {version(PACKAGES[solver])}"
