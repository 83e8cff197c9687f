"""Terms in SMT-LIB 2: unknowns as bits, every term by its name."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence

from wakeproof.errors import InputError
from wakeproof.symbolic.terms import Formula, Term, Value


def declarations(unknowns: Sequence[Value]) -> Iterator[str]:
    """Declare the bits of every unknown: together they are the number of its value."""
    for unknown in unknowns:
        if not isinstance(unknown, Term):
            continue
        if not unknown.values:
            yield f"(declare-const {term_name(unknown)} Bool)"
            continue
        for bit in range(_bits(unknown)):
            yield f"(declare-const {_bit(unknown, bit)} Bool)"


def definitions(roots: Iterable[Formula]) -> Iterator[str]:
    """Define every term in the roots, parts before wholes."""
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
    """A constant, the name of an unknown, or that of a definition."""
    if isinstance(formula, bool):
        return str(formula).lower()
    return quoted(str(formula.parts[0])) if formula.op == "var" else f"t{formula.number}"


def comment(text: str) -> str:
    """Return a line that is a comment. Raises `InputError` for a text that would end it early."""
    return f"; {_one_line(text)}"


@functools.lru_cache(maxsize=4096)
def quoted(name: str) -> str:
    """Return a name as a quoted symbol. Raises `InputError` for one that would end early."""
    if any(character in name for character in '|()";\\'):
        raise _not_written(name)
    return f"|{_one_line(name)}|"


def string(text: str) -> str:
    """Return a text as a string. Raises `InputError` for one that would end early."""
    return f'"{quoted(text)[1:-1]}"'


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise _not_written(text)
    return text


def _not_written(text: str) -> InputError:
    return InputError(
        f"{text[:60]!r} cannot be written in SMT-LIB",
        hint="choose a name or a title of printable characters in one line, without quotes",
    )


def _bits(unknown: Term) -> int:
    return (len(unknown.values) - 1).bit_length()


def _bit(unknown: Term, bit: int) -> str:
    return quoted(f"{unknown.parts[0]} bit {bit}")


def _equals(unknown: Term, number: int) -> str:
    """The formula that the unknown has the value with this number.

    The last value has all numbers that are left.
    """
    if number == len(unknown.values) - 1:
        return _at_least(unknown, number)
    literals = []
    for bit in range(_bits(unknown)):
        literals.append(_bit(unknown, bit) if number >> bit & 1 else f"(not {_bit(unknown, bit)})")
    return literals[0] if len(literals) == 1 else f"(and {' '.join(literals)})"


def _at_least(unknown: Term, number: int) -> str:
    """The formula that the bits are a number which is not less."""
    formula = "true"
    for bit in range(_bits(unknown)):
        word = "and" if number >> bit & 1 else "or"
        formula = f"({word} {_bit(unknown, bit)} {formula})"
    return formula
