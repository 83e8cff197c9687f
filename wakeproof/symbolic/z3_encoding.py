"""Terms as terms of Z3, and the solutions that Z3 finds as values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import z3

from wakeproof.language.values import Scalar, Snapshot
from wakeproof.symbolic.terms import Formula, Term, Value


class Z3Encoding:
    """Terms as terms of Z3, each translated once; `unknowns` are those that have occurred.

    Unknowns are typed by assertion: add the `typing` of every cell of a fresh state, and of every
    fresh argument, to the solver.
    """

    def __init__(self) -> None:
        self.unknowns: list[Term] = []
        self._translated: dict[Term, z3.ExprRef] = {}

    def typing(self, unknown: Value) -> list[z3.BoolRef]:
        """Constraints that an unknown has one of its values; none if it can have no other."""
        if not isinstance(unknown, Term) or unknown.op != "var" or not unknown.values:
            return []
        variable = self._variable(unknown)
        all_used = len(unknown.values) == 1 << variable.size()
        return [] if all_used else [z3.ULT(variable, len(unknown.values))]

    def formula(self, formula: Formula) -> z3.BoolRef:
        """A formula as a term of Z3."""
        if isinstance(formula, bool):
            return z3.BoolVal(formula)
        done = self._translated
        stack = [formula]
        while stack:
            top = stack[-1]
            if top in done:
                stack.pop()
            elif top.op == "var":
                done[top] = z3.Bool(top.parts[0])
            elif top.op == "is":
                unknown, constant = top.parts
                done[top] = self._variable(unknown) == unknown.values.index(constant)
            elif missing := [part for part in top.parts if part not in done]:
                stack.extend(missing)
            else:
                done[top] = _connect(top.op, [done[part].as_ast() for part in top.parts])
        return done[formula]

    def evaluate(self, solution: z3.ModelRef, value: Value) -> Scalar:
        """The value of a term in a solution that Z3 has found."""
        while isinstance(value, Term) and value.values and value.op == "if":
            condition, yes, no = value.parts
            value = yes if self.evaluate(solution, condition) else no
        if not isinstance(value, Term):
            return value
        if not value.values:
            return bool(z3.is_true(solution.eval(self.formula(value), model_completion=True)))
        unknown, added = value.parts if value.op == "shift" else (value, 0)
        position = solution.eval(self._variable(unknown), model_completion=True)
        found: Scalar = unknown.values[int(position.as_long())]
        return found if found is None else found + added

    def to_snapshot(self, solution: z3.ModelRef, cells: Iterable[Value]) -> Snapshot:
        """The values of the cells of a state in a solution that Z3 has found."""
        return tuple(self.evaluate(solution, cell) for cell in cells)

    def knows(self, unknown: Term) -> bool:
        """Whether an unknown has occurred."""
        return unknown in self._translated

    def is_first(self, unknown: Term) -> z3.BoolRef:
        """The formula that an unknown has its first value, or is false."""
        if unknown.values:
            return self._variable(unknown) == 0
        return z3.Not(self.formula(unknown))

    def _variable(self, unknown: Term) -> z3.BitVecRef:
        """An unknown in Z3: the position of its value in the list of its values."""
        if unknown not in self._translated:
            bits = (len(unknown.values) - 1).bit_length()
            self._translated[unknown] = z3.BitVec(unknown.parts[0], bits)
            self.unknowns.append(unknown)
        return self._translated[unknown]


def _connect(op: str, parts: list[Any]) -> z3.BoolRef:
    """Make a term of Z3. Its Python operators check sorts, which would take most of the time."""
    context = z3.main_ctx()
    match op:
        case "not":
            made = z3.Z3_mk_not(context.ref(), *parts)
        case "and":
            made = z3.Z3_mk_and(context.ref(), len(parts), (z3.Ast * len(parts))(*parts))
        case _:
            made = z3.Z3_mk_ite(context.ref(), *parts)
    return z3.BoolRef(made, context)
