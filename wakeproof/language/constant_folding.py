"""Constant folding: replace the parameters that a run fixes, and drop the branches that it decides.

A parameter counts as a constant if it has the same value under every key. Most branches of a model
test parameters, so a text that is exported for another tool becomes much shorter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from wakeproof.language import ir
from wakeproof.language.analysis import operands, with_operands
from wakeproof.language.values import Run, Scalar


def fold(program: ir.Program, run: Run) -> ir.Program:
    """Return the program with every function folded under this run."""
    folder = _Folder(run)
    functions = {
        name: dataclasses.replace(f, body=tuple(folder.statements(f.body)))
        for name, f in program.functions.items()
    }
    return dataclasses.replace(program, functions=functions)


def table_folder(run: Run) -> Callable[[ir.Expr], ir.Expr]:
    """Return what folds an expression under this run, with tables looked into by constant keys."""
    return _TableFolder(run).value


def scalars(value: Any) -> Iterator[Scalar]:
    """Yield the scalars of nested lists, in order."""
    if isinstance(value, list):
        for part in value:
            yield from scalars(part)
    else:
        yield value


class _Folder:
    """A folder of trees; `known` has the value of every parameter that is a constant."""

    def __init__(self, run: Run) -> None:
        self.known: dict[str, Scalar] = {}
        for name, value in run.parameters.items():
            values = list(scalars(value))
            if values and all(v is values[0] or v == values[0] for v in values):
                self.known[name] = values[0]

    def statements(self, body: Sequence[ir.Stmt]) -> Iterator[ir.Stmt]:
        """Yield the folded statements, without dead branches and what follows a return."""
        for statement in body:
            if not isinstance(statement, ir.If):
                yield self.statement(statement)
                if isinstance(statement, ir.Return | ir.Wrong):
                    return
                continue
            condition = self.value(statement.condition)
            if isinstance(condition, ir.Const):
                taken = statement.then if condition.value else statement.other
                folded = list(self.statements(taken))
                yield from folded
                if folded and isinstance(folded[-1], ir.Return | ir.Wrong):
                    return
            else:
                yield dataclasses.replace(
                    statement,
                    condition=condition,
                    then=tuple(self.statements(statement.then)),
                    other=tuple(self.statements(statement.other)),
                )

    def statement(self, statement: ir.Stmt) -> ir.Stmt:
        """Fold one statement other than an `if`."""
        match statement:
            case ir.SetLocal() | ir.Return(value=_):
                value = statement.value
                folded = None if value is None else self.value(value)
                return dataclasses.replace(statement, value=folded)  # type: ignore[arg-type]
            case ir.Store(keys=keys, value=value):
                places = tuple(map(self.value, keys))
                return dataclasses.replace(statement, keys=places, value=self.value(value))
            case ir.For(body=body):
                return dataclasses.replace(statement, body=tuple(self.statements(body)))
            case ir.Do(call=call):
                return dataclasses.replace(statement, call=self.value(call))
            case ir.Guard(condition=condition):
                return dataclasses.replace(statement, condition=self.value(condition))
            case _:
                return statement

    def value(self, value: ir.Expr) -> ir.Expr:
        """Fold an expression."""
        match value:
            case ir.Read(space="p", field=field, type=kind) if field in self.known:
                return ir.Const(self.known[field], kind)
            case ir.Binary():
                return self.binary(value)
            case ir.Not(value=inner):
                folded = self.value(inner)
                if isinstance(folded, ir.Const):
                    return ir.Const(not folded.value, ir.BOOL)
                return ir.Not(folded)
            case ir.Logic(op=op, values=values):
                return self.logic(op, values)
            case ir.Choice():
                return self.choice(value)
            case _:
                return with_operands(value, map(self.value, operands(value)))

    def binary(self, value: ir.Binary) -> ir.Expr:
        """Fold the comparison of two constants."""
        a, b = self.value(value.left), self.value(value.right)
        if isinstance(a, ir.Const) and isinstance(b, ir.Const) and value.op in ("==", "!="):
            return ir.Const((a.value == b.value) == (value.op == "=="), value.type)
        return dataclasses.replace(value, left=a, right=b)

    def choice(self, value: ir.Choice) -> ir.Expr:
        """Fold `a if condition else b`."""
        test = self.value(value.condition)
        if isinstance(test, ir.Const):
            return self.value(value.then if test.value else value.other)
        return ir.Choice(test, self.value(value.then), self.value(value.other), value.type)

    def logic(self, op: Any, values: Sequence[ir.Expr]) -> ir.Expr:
        """Fold `and` and `or`: a deciding constant ends the list, another one is dropped."""
        decisive = op == "or"
        parts: list[ir.Expr] = []
        for value in values:
            folded = self.value(value)
            if not isinstance(folded, ir.Const):
                parts.append(folded)
            elif bool(folded.value) == decisive:
                parts.append(folded)
                break
        if not parts:
            return ir.Const(not decisive, ir.BOOL)
        return parts[0] if len(parts) == 1 else ir.Logic(op, tuple(parts))


class _TableFolder(_Folder):
    """A folder that also looks into the tables of the run, where all keys are constants."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.parameters = run.parameters

    def value(self, value: ir.Expr) -> ir.Expr:
        """Fold an expression."""
        folded = super().value(value)
        if not isinstance(folded, ir.Read) or folded.space != "p":
            return folded
        found: Any = self.parameters[folded.field]
        for key in folded.keys:
            if not isinstance(key, ir.Const) or key.value is None:
                return folded
            found = found[int(key.value)]
        return ir.Const(found, folded.type)
