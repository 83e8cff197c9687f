"""A function of a member of an enumeration as one expression, case by case.

The expressions of Promela cannot name a value. A function that looks into a table with what it has
found in another one would be written with each table inside the next, as often as it uses what it
finds, and no preprocessor has the memory for that. Executed for one member at a time, the tables
are constants: what is left of a case are the conditions of the state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wakeproof.language import ir
from wakeproof.language.analysis import nodes
from wakeproof.language.constant_folding import table_folder
from wakeproof.language.normal_form import expand, turns
from wakeproof.language.values import Run


def follows_tables(function: ir.Function) -> bool:
    """Return whether a function leads from a member of an enumeration to another one by tables."""
    kind = function.returns
    if kind.kind != "enum" or [of for _, of in function.parameters] != [kind]:
        return False
    reads = (node for node in nodes(function.body) if isinstance(node, ir.Read))
    return any(node.space == "p" and node.type == kind for node in reads)


def by_cases(function: ir.Function, program: ir.Program, run: Run, given: ir.Local) -> ir.Expr:
    """Return the result of a pure function that `follows_tables`, of the member `given`.

    Members that it returns as they are need no case.
    """
    ((name, kind),) = function.parameters
    execution = _Execution(run)
    result: ir.Expr = given
    for number in reversed(range(len(program.enums[kind.name]))):
        member = ir.Const(number, kind)
        case = execution.returned(function.body, {name: member})
        if case != member:
            is_given = ir.Binary("==", given, member, ir.BOOL)
            result = ir.Choice(is_given, case, result, kind)
    return result


class _Execution:
    """The execution of pure statements with names that are `known`, most of them constants."""

    def __init__(self, run: Run) -> None:
        self.sizes = run.sizes
        self.fold = table_folder(run)

    def returned(self, body: Sequence[ir.Stmt], known: Mapping[str, ir.Expr]) -> ir.Expr:
        """Return the result; each condition that is open leads to two results."""
        first, rest = body[0], body[1:]
        match first:
            case ir.Return(value=value) if value is not None:
                return self.value(value, known)
            case ir.SetLocal(name=name, value=value):
                return self.assigned(name, self.value(value, known), rest, known)
            case ir.If(condition=condition, then=then, other=other):
                test = self.value(condition, known)
                if isinstance(test, ir.Const):
                    return self.returned((*(then if test.value else other), *rest), known)
                yes, no = (self.returned((*part, *rest), known) for part in (then, other))
                return _either(test, yes, no)
            case ir.For():
                return self.returned((*turns(first, self.sizes), *rest), known)
        raise AssertionError(f"{first} is not pure")

    def assigned(
        self, name: str, value: ir.Expr, rest: Sequence[ir.Stmt], known: Mapping[str, ir.Expr]
    ) -> ir.Expr:
        """Return the result of what follows an assignment, apart for both values of a choice."""
        if isinstance(value, ir.Choice):
            parts = (value.then, value.other)
            yes, no = (self.assigned(name, part, rest, known) for part in parts)
            return _either(value.condition, yes, no)
        return self.returned(rest, {**known, name: value})

    def value(self, value: ir.Expr, known: Mapping[str, ir.Expr]) -> ir.Expr:
        """Return the value of an expression."""
        return self.fold(expand(value, self.sizes, known))


def _either(condition: ir.Expr, then: ir.Expr, other: ir.Expr) -> ir.Expr:
    return then if then == other else ir.Choice(condition, then, other, then.type)
