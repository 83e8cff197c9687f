"""Terms: values and formulas over unknowns, of which equal ones are one object.

A term is an unknown, or a choice between two values under a formula. What is constant folds away.
The only question about a value is which constant it is; the question moves through the choices
down to the unknowns, so that a solver gets propositional logic over `unknown == constant` and
nothing else.

Numbers are exact: a count may leave the range of its type, as it may in Python, and nothing wraps
around.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Sequence,
)
from typing import Any, cast

from wakeproof.language.values import Scalar


class Term:
    """A value or a formula that is not constant. Equal terms are one object.

    A value is a `var` (its name), a `shift` (a var and the constant added to it) or an `if`
    (a formula and two values); `values` lists what it can be at most. A formula is a `var`,
    an `is` (a var and the constant it equals), `not`, `and` or `if`; its `values` are empty.
    """

    __slots__ = ("number", "op", "parts", "values")

    def __init__(
        self, op: str, parts: tuple[Any, ...], values: tuple[int | None, ...], number: int
    ) -> None:
        """Only `Terms` makes terms; `number` is their order of creation."""
        self.op = op
        self.parts = parts
        self.values = values
        self.number = number

    def __repr__(self) -> str:
        """Only as deep as fits a message."""
        return f"<{self.op} {self.number}>"


Value = int | bool | None | Term


Formula = bool | Term


State = dict[str, Any]
"""From a field's name to its scalar, or to nested lists of scalars, one level a key."""


def is_formula(value: Value) -> bool:
    """Whether a value is a formula: true or false, not a number or None."""
    return isinstance(value, bool) or (isinstance(value, Term) and not value.values)


def values(value: Value) -> tuple[int | None, ...]:
    """The constants that a value may equal."""
    return value.values if isinstance(value, Term) else (value,)


def same(a: Value, b: Value) -> bool:
    """Whether two values are the same term or the same constant."""
    return a is b or (not isinstance(a, Term) and not isinstance(b, Term) and a == b)


def conjuncts(formula: Formula) -> Iterator[Formula]:
    """The parts of a conjunction; of any other formula, itself."""
    todo = [formula]
    while todo:
        part = todo.pop()
        if isinstance(part, Term) and part.op == "and":
            todo += part.parts
        else:
            yield part


def contradict(a: Term, b: Term) -> bool:
    """Whether two formulas plainly cannot both hold."""
    if a.op == "not":
        return a.parts[0] is b
    if b.op == "not":
        return b.parts[0] is a
    return a.op == b.op == "is" and a.parts[0] is b.parts[0] and a is not b


def _branch(value: Value, condition: Formula, holds: bool) -> Value:
    """The branch that a choice takes if its condition is this one, which holds or does not."""
    if isinstance(value, Term) and value.op == "if" and value.parts[0] is condition:
        return cast(Value, value.parts[1 if holds else 2])
    return value


class Terms:
    """A factory of terms: folds constants, and makes equal terms one object."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], Term] = {}
        self._pushed: dict[tuple[str, Term, int | None], Value] = {}

    def _make(self, op: str, parts: tuple[Any, ...], values: tuple[int | None, ...] = ()) -> Term:
        key = (op, not values, *parts)
        term = self._made.get(key)
        if term is None:
            term = self._made[key] = Term(op, parts, values, len(self._made))
        return term

    def unknown(self, name: str, values: Sequence[Scalar]) -> Value:
        """An unknown that has one of these values; a constant if there is only one.

        Raises `ValueError` if another unknown has this name.
        """
        if len(values) == 1:
            return values[0]
        possible = () if isinstance(values[0], bool) else tuple(values)
        made = self._make("var", (name,), possible)
        if made.values != possible:
            raise ValueError(f"{name} is the name of another unknown")
        return made

    # formulas

    def not_(self, a: Formula) -> Formula:
        """The negation."""
        if isinstance(a, bool):
            return not a
        return cast(Term, a.parts[0]) if a.op == "not" else self._make("not", (a,))

    def and_(self, a: Formula, b: Formula) -> Formula:
        """The conjunction of two formulas."""
        if a is True or b is False or a is b:
            return b
        if b is True or a is False:
            return a
        assert isinstance(a, Term)
        assert isinstance(b, Term)
        if contradict(a, b):
            return False
        for x, y in ((a, b), (b, a)):
            if x.op == "and":
                if y in x.parts:
                    return x
                if contradict(x.parts[0], y) or contradict(x.parts[1], y):
                    return False
            elif x.op == "not" and x.parts[0].op == "and":
                # `not (p and q)`, which y may decide or reduce
                p, q = x.parts[0].parts
                if contradict(p, y) or contradict(q, y):
                    return y
                if p is y or q is y:
                    return self.and_(self.not_(q if p is y else p), y)
        return self._make("and", (a, b) if a.number < b.number else (b, a))

    def or_(self, a: Formula, b: Formula) -> Formula:
        """The disjunction of two formulas."""
        return self.not_(self.and_(self.not_(a), self.not_(b)))

    def any_(self, formulas: Iterable[Formula]) -> Formula:
        """The disjunction of all formulas."""
        result: Formula = False
        for formula in formulas:
            result = self.or_(result, formula)
        return result

    def constrained(
        self, formula: Formula, constraints: Sequence[tuple[Formula, Formula]]
    ) -> Formula:
        """A formula and its constraints: where the first part of one holds, the second holds too.

        Constraints that the formula decides are left out: a quantifier has one for each of its two
        answers, of which one is always idle.
        """
        known = {True, *conjuncts(formula)}
        left = list(constraints)
        decided = True
        while decided:
            undecided = []
            for a, b in left:
                if self.not_(a) in known or b in known:
                    continue
                if a in known or self.not_(b) in known:
                    follows = b if a in known else self.not_(a)
                    formula = self.and_(formula, follows)
                    known.update(conjuncts(follows))
                else:
                    undecided.append((a, b))
            decided = len(undecided) < len(left)
            left = undecided
        for a, b in left:
            formula = self.and_(formula, self.or_(self.not_(a), b))
        return formula

    # choices

    def choose(self, condition: Formula, a: Value, b: Value) -> Value:
        """`a if condition else b`, of two values or of two formulas."""
        if isinstance(condition, bool):
            return a if condition else b
        if condition.op == "not":
            condition, a, b = condition.parts[0], b, a
        a, b = _branch(a, condition, True), _branch(b, condition, False)
        if same(a, b):
            return a
        if (single := self._single_choice(condition, a, b)) is not None:
            return self.choose(*single)
        if is_formula(a) and is_formula(b):
            return self._choose_formula(condition, cast(Formula, a), cast(Formula, b))
        possible = tuple(dict.fromkeys((*values(a), *values(b))))
        return self._make("if", (condition, a, b), possible)

    def _single_choice(
        self, condition: Formula, a: Value, b: Value
    ) -> tuple[Formula, Value, Value] | None:
        """The one choice that equals a choice within a choice, if both agree on one side.

        So what a branch within a branch changes is chosen once, however deep the branch is.
        """
        if isinstance(a, Term) and a.op == "if":
            inner, yes, no = a.parts
            if same(no, b):
                return self.and_(condition, inner), yes, b
            if same(yes, b):
                return self.and_(condition, self.not_(inner)), no, b
        if isinstance(b, Term) and b.op == "if":
            inner, yes, no = b.parts
            if same(yes, a):
                return self.or_(condition, inner), a, no
            if same(no, a):
                return self.and_(self.not_(condition), inner), yes, a
        return None

    def choose_formula(self, condition: Formula, a: Formula, b: Formula) -> Formula:
        """`choose`, of two formulas."""
        return cast(Formula, self.choose(condition, a, b))

    def _choose_formula(self, condition: Formula, a: Formula, b: Formula) -> Formula:
        if isinstance(a, bool):
            return self.or_(condition, b) if a else self.and_(self.not_(condition), b)
        if isinstance(b, bool):
            return self.or_(self.not_(condition), a) if b else self.and_(condition, a)
        return self._make("if", (condition, a, b))

    def select(self, key: Value, choices: Sequence[tuple[int, Value]]) -> Value:
        """The value that `choices` pairs with `key`; they must have every key."""
        result = choices[0][1]
        for constant, value in choices[1:]:
            result = self.choose(self.is_(key, constant), value, result)
        return result

    # questions and arithmetic

    def is_(self, a: Value, constant: int | None) -> Formula:
        """Whether a value is this constant."""
        if not isinstance(a, Term):
            return a == constant
        if a.op == "var":
            return self._make("is", (a, constant)) if constant in a.values else False

        def leaf(at: Value) -> Formula:
            if not isinstance(at, Term):
                return at == constant
            if constant not in at.values:
                return False
            if at.op == "shift":
                variable, offset = at.parts
                return self._make("is", (variable, cast(int, constant) - offset))
            return self._make("is", (at, constant))

        return cast(Formula, self._push("is", a, constant, leaf))

    def equal(self, a: Value, b: Value) -> Formula:
        """Whether two values, or two formulas, are the same."""
        if same(a, b):
            return True
        if is_formula(a) and is_formula(b):
            p, q = cast(Formula, a), cast(Formula, b)
            return self.choose_formula(p, q, self.not_(q))
        if not isinstance(a, Term):
            a, b = b, a
        if not isinstance(b, Term):
            return self.is_(a, b)
        shared = [v for v in values(a) if v in values(b)]
        return self.any_(self.and_(self.is_(a, v), self.is_(b, v)) for v in shared)

    def less(self, a: Value, b: Value) -> Formula:
        """Whether a number is less than another."""
        return self.any_(
            self.and_(self.is_(a, x), self.is_(b, y))
            for x in values(a)
            for y in values(b)
            if x is not None and y is not None and x < y
        )

    def plus(self, a: Value, b: Value) -> Value:
        """The sum of two numbers."""
        if isinstance(b, Term):
            return self.select(b, [(y, self.plus(a, y)) for y in values(b) if y is not None])
        constant = cast(int, b)

        def leaf(at: Value) -> Value:
            if not isinstance(at, Term):
                return cast(int, at) + constant
            variable, offset = at.parts if at.op == "shift" else (at, 0)
            if offset + constant == 0:
                return cast(Term, variable)
            shifted = tuple(cast(int, v) + constant for v in at.values)
            return self._make("shift", (variable, offset + constant), shifted)

        return self._push("plus", a, constant, leaf) if isinstance(a, Term) else leaf(a)

    def minus(self, a: Value, b: Value) -> Value:
        """The difference of two numbers."""
        if isinstance(b, Term):
            return self.select(b, [(y, self.plus(a, -y)) for y in values(b) if y is not None])
        return self.plus(a, -cast(int, b))

    def _push(
        self, op: str, term: Term, constant: int | None, leaf: Callable[[Value], Value]
    ) -> Value:
        """Apply `leaf` to every leaf of nested choices, without recursion: they nest deep."""
        done = self._pushed
        stack = [term]
        while stack:
            top = stack[-1]
            key = (op, top, constant)
            if key in done:
                stack.pop()
            elif op == "is" and constant not in top.values:
                done[key] = False
            elif top.op != "if":
                done[key] = leaf(top)
            else:
                condition, *branches = top.parts
                inner = [b for b in branches if isinstance(b, Term)]
                missing = [b for b in inner if (op, b, constant) not in done]
                if missing:
                    stack.extend(missing)
                    continue
                a, b = (done[op, b, constant] if isinstance(b, Term) else leaf(b) for b in branches)
                done[key] = self.choose(condition, a, b)
        return done[op, term, constant]
