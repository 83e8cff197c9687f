"""Read a certificate strictly, before a solver sees it: it has what `write` writes, nothing else.

After the two lines of its head each line is one statement: the logic, declarations of bits,
definitions and assertions in propositional logic, and questions, each announced by the name of its
goal. The last line is the last question.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from wakeproof.errors import InputError
from wakeproof.prove.certificates.folder import WRITE_AGAIN, obligations
from wakeproof.prove.certificates.write import LOGIC

PLAIN = r'[^\s()|"\\;]'
"""A character of a name, or of the text of a goal."""

TOKEN = re.compile(rf"[()]|\|(?:{PLAIN}| )++\||{PLAIN}++")
TOKENS = re.compile(rf"(?:{TOKEN.pattern}| )*+")

GOAL = re.compile(rf'\(echo "(?:{PLAIN}| )++"\)')
"""The announcement of a question."""

OPERANDS = {"not": range(1, 2), "=>": range(2, 3), "ite": range(3, 4)}
"""The numbers of operands; `and` and `or` have one or more."""

CONSTANTS = ("true", "false")

RESERVED = ("(", ")", "and", "or", "Bool", *OPERANDS, *CONSTANTS)
"""Tokens that are not the names of something else."""


def read_certificate(file: Path) -> str:
    """Return the text of a certificate. Raises `InputError` with file and line for anything else.

    A solver may be given the text: it has no command that changes what was asked before, ends the
    input, reads a file or prints something else than an answer.
    """
    wanted = obligations(file)
    reader = _Reader(file, wanted)
    try:
        # without the ends of lines that Python would make of others
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise reader.refused("not a text in UTF-8") from None
    *lines, rest = text.split("\n")
    for number, line in enumerate(lines, 1):
        reader.line(number, line)
    if rest:
        raise reader.refused("the line after it has no end")
    if reader.answers != wanted:
        raise InputError(
            f"{reader.answers} of its {wanted} obligations are there",
            where=str(file),
            hint=WRITE_AGAIN,
        )
    return text


class _Reader:
    """A reader of the lines of a certificate with so many obligations."""

    def __init__(self, file: Path, wanted: int) -> None:
        self.file = file
        self.wanted = wanted
        self.answers = 0
        self.number = 0
        self.known = set(CONSTANTS)
        self.announced = False
        self.statements: dict[str, Callable[[list[str]], None]] = {
            "declare-const": self.declaration,
            "define-fun": self.definition,
            "assert": self.assertion,
            "check-sat-assuming": self.question,
        }

    def line(self, number: int, line: str) -> None:
        """Read one line: the head, which has been read, or one statement."""
        self.number = number
        if not line.isprintable():
            raise self.refused("a character that cannot be printed")
        if number <= 2:
            return
        if number == 3:
            if line != f"(set-logic {LOGIC})":
                raise self.refused(f"the logic is not {LOGIC}")
        elif self.answers == self.wanted:
            raise self.refused("text after the last question")
        elif GOAL.fullmatch(line) and not self.announced:
            self.announced = True
        else:
            self.statement(line)

    def statement(self, line: str) -> None:
        """Read one statement."""
        tokens = TOKEN.findall(line)
        if not TOKENS.fullmatch(line) or tokens[:1] != ["("] or len(tokens) < 3:
            raise self.refused("not one whole statement")
        read = self.statements.get(tokens[1])
        if read is None:
            raise self.refused(f"a statement {tokens[1][:40]!r}")
        if self.announced != (tokens[1] == "check-sat-assuming"):
            raise self.refused("a question without its goal, or a goal without its question")
        try:
            read(tokens)
        except IndexError:
            raise self.refused("a parenthesis that is not closed") from None

    def declaration(self, tokens: list[str]) -> None:
        """Read `(declare-const NAME Bool)`."""
        if tokens[3:] != ["Bool", ")"]:
            raise self.refused("not the declaration of a bit")
        self.name(tokens[2])

    def definition(self, tokens: list[str]) -> None:
        """Read `(define-fun NAME () Bool TERM)`."""
        if tokens[3:6] != ["(", ")", "Bool"]:
            raise self.refused("not the definition of a truth value")
        self.end(tokens, self.term(tokens, 6))
        self.name(tokens[2])

    def assertion(self, tokens: list[str]) -> None:
        """Read `(assert TERM)`."""
        self.end(tokens, self.term(tokens, 2))

    def question(self, tokens: list[str]) -> None:
        """Read `(check-sat-assuming (LITERAL ...))`."""
        if tokens[2] != "(":
            raise self.refused("not a list of assumptions")
        at = 3
        while tokens[at] != ")":
            negated = tokens[at] == "("
            after = self.term(tokens, at)
            if after - at != (4 if negated else 1) or (negated and tokens[at + 1] != "not"):
                raise self.refused("an assumption that is not a name or its negation")
            at = after
        self.end(tokens, at + 1)
        self.announced = False
        self.answers += 1

    def name(self, name: str) -> None:
        """Add a name, which is new."""
        bare = name.strip("|")
        if bare in RESERVED or self.known & {bare, f"|{bare}|"}:
            raise self.refused(f"the name {name[:40]} a second time")
        self.known.add(name)

    def term(self, tokens: list[str], at: int) -> int:
        """Read a term of known names; return where it ends."""
        operators: list[str] = []
        operands: list[int] = []
        while True:
            token = tokens[at]
            if token == "(":
                operators.append(tokens[at + 1])
                operands.append(0)
                at += 2
                continue
            if token == ")":
                if not operators or not self.fits(operators.pop(), operands.pop()):
                    raise self.refused("an operator that is unknown or has other operands")
            elif token not in self.known:
                raise self.refused(f"an unknown name {token[:40]}")
            at += 1
            if not operators:
                return at
            operands[-1] += 1

    @staticmethod
    def fits(operator: str, count: int) -> bool:
        """Return whether an operator of propositional logic has so many operands."""
        return count in OPERANDS.get(operator, ()) or (operator in ("and", "or") and count > 0)

    def end(self, tokens: list[str], at: int) -> None:
        """Read the end of a statement and of its line."""
        if tokens[at:] != [")"]:
            raise self.refused("a parenthesis too many or too few")

    def refused(self, what: str) -> InputError:
        """Return the error for what does not belong into a certificate."""
        return InputError(
            f"not a certificate that prove writes: {what}",
            where=f"{self.file}:{self.number}",
            hint=WRITE_AGAIN,
        )
