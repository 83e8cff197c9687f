"""The normal form of a model's text, in which the order of evaluation is explicit.

An expression is **total** if evaluating it changes nothing and cannot go wrong, else
**partial**: a call that changes the state, an `unwrap`, and whatever has one of these inside.
The text may put a partial expression anywhere, and Python's rules define which operand is evaluated
first and which is not evaluated at all. Other languages have other rules. In normal form every
partial expression is a statement of its own and its value has a name, so the expressions inside
other statements are total, and another language may evaluate them in any order:

    s.last[pick(f)] = unwrap(s.next[f], "a") if bump() and s.lit[f] else None

    t2 = bump()
    if t2:
        t2 = s.lit[f]
    if t2:
        t3 = s.next[f]
        if t3 is None:
            panic("a")
        t1 = t3
    else:
        t1 = None
    t4 = pick(f)
    s.last[t4] = t1

The result is the intermediate form again, limited to these statements, where `e` is total:

    x = e    x = f(e, ...)    f(e, ...)    return e    return f(e, ...)
    s.field[e] = e    if e    for    guard e

and `ir.Wrong`. There is no `unwrap`, and no statement without an effect. Behind a call with an
effect (`Effects.has_effect`) the function continues only if the call did not go wrong.

`turns`, `expand`, `returned` and `split_action` are for languages without loops, quantifiers or
guards.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Literal

from wakeproof.language import ir
from wakeproof.language.analysis import Effects, nodes, operands, with_operands

NOWHERE = ir.Where("", 0)
"""The place of a statement that is not in the text."""


def normal_form(program: ir.Program, roots: Iterable[str]) -> ir.Program:
    """Return the program of these functions and all that they call, in normal form."""
    effects = Effects(program, roots)
    lowered = {
        f.name: f if effects.is_pure_function(f) else _Lowering(effects, f).function()
        for f in effects.functions
    }
    # in the order of the text
    functions = {name: lowered[name] for name in program.functions if name in lowered}
    return replace(program, functions=functions)


Value = Generator[ir.Stmt, None, ir.Expr]
"""Yields the statements that come before a total expression, and returns it."""


class _Lowering:
    """The lowering of one function to normal form. `where` is the place of the current statement.

    `taken` are the names in the function, which a new name avoids.
    """

    def __init__(self, effects: Effects, function: ir.Function) -> None:
        self.effects = effects
        self.source = function
        self.where = function.where
        self.taken = {name for name, _ in function.parameters}
        for node in nodes(function.body):
            match node:
                case ir.SetLocal(name=name) | ir.For(variable=name) | ir.Quantifier(variable=name):
                    self.taken.add(name)
        self.numbers = itertools.count(1)

    def function(self) -> ir.Function:
        """Return the function in normal form."""
        return replace(self.source, body=self.block(self.source.body))

    # --- statements

    def block(self, statements: Sequence[ir.Stmt]) -> tuple[ir.Stmt, ...]:
        """Lower statements in order."""
        return tuple(made for statement in statements for made in self.statement(statement))

    def statement(self, statement: ir.Stmt) -> Iterator[ir.Stmt]:
        """Lower one statement; yield the statements of its partial expressions before it."""
        self.where = statement.where
        match statement:
            case ir.SetLocal(value=value) | ir.Return(value=value) if value is not None:
                yield replace(statement, value=(yield from self.result(value)))
            case ir.Store(keys=keys, value=value):
                # Python evaluates the value before the keys
                stored, *places = yield from self.in_order((value, *keys))
                yield replace(statement, keys=tuple(places), value=stored)
            case ir.If(condition=condition, then=then, other=other):
                test = yield from self.total(condition)
                yes, no = self.block(then), self.block(other)
                if yes or no:
                    yield ir.If(test, yes, no, statement.where)
            case ir.For(body=body):
                if turn := self.block(body):
                    yield replace(statement, body=turn)
            case ir.Do(call=call):
                yield from self.effect(call)
            case ir.Guard(condition=condition):
                yield replace(statement, condition=(yield from self.total(condition)))
            case _:
                yield statement

    def effect(self, value: ir.Expr) -> Iterator[ir.Stmt]:
        """Lower an expression to its effect; its value is not used."""
        match value:
            case ir.Choice(condition=condition, then=then, other=other):
                test = yield from self.total(condition)
                yes, no = tuple(self.effect(then)), tuple(self.effect(other))
                if yes or no:
                    yield ir.If(test, yes, no, self.where)
            case ir.Call() if self.effects.has_effect(value):
                yield ir.Do((yield from self.result(value)), self.where)
            case _:
                yield from self.total(value)

    # --- expressions

    def total(self, value: ir.Expr) -> Value:
        """Lower an expression; every partial one in it becomes a name."""
        if self.effects.is_pure(value):
            return value
        if isinstance(value, ir.Unwrap):
            local = yield from self.named((yield from self.total(value.value)))
            nothing = ir.Binary("==", local, ir.Const(None, ir.NONE), ir.BOOL)
            panic = ir.Wrong("panic", value.site, self.where)
            yield ir.If(nothing, (panic,), (), self.where)
            return replace(local, type=value.type)
        evaluates_all = not isinstance(value, ir.Logic | ir.Choice | ir.Quantifier)
        if evaluates_all and not self.effects.has_effect(value):
            return with_operands(value, (yield from self.in_order(operands(value))))
        local = self.fresh(value.type)
        yield from self.assign(local, value)
        return local

    def in_order(self, values: tuple[ir.Expr, ...]) -> Generator[ir.Stmt, None, list[ir.Expr]]:
        """Lower operands from left to right; name one where a later one may change the state."""
        found = []
        for i, value in enumerate(values):
            operand = yield from self.total(value)
            if not isinstance(operand, ir.Const) and not self.effects.is_pure(values[i + 1 :]):
                operand = yield from self.named(operand)
            found.append(operand)
        return found

    def result(self, value: ir.Expr) -> Value:
        """Lower an expression to a total one, or to a call with total arguments."""
        if not self.effects.has_effect(value):
            return (yield from self.total(value))
        return with_operands(value, (yield from self.in_order(value.arguments)))

    def assign(self, target: ir.Local, value: ir.Expr) -> Iterator[ir.Stmt]:
        """Lower the assignment of a value to a new name."""
        if self.effects.is_pure(value):
            yield self.let(target, value)
            return
        match value:
            case ir.Logic(op=op, values=values):
                # the leading parts that are total, or else the first
                count = next(i for i, part in enumerate(values) if not self.effects.is_pure(part))
                first, rest = values[: count or 1], values[count or 1 :]
                yield from self.assign(target, _joined(op, first))
                if rest:
                    goes_on = target if op == "and" else ir.Not(target)
                    more = tuple(self.assign(target, _joined(op, rest)))
                    yield ir.If(goes_on, more, (), self.where)
            case ir.Choice(condition=condition, then=then, other=other):
                test = yield from self.total(condition)
                yes, no = tuple(self.assign(target, then)), tuple(self.assign(target, other))
                yield ir.If(test, yes, no, self.where)
            case ir.Quantifier():
                yield from self.quantifier(target, value)
            case _:
                yield self.let(target, (yield from self.result(value)))

    def quantifier(self, target: ir.Local, value: ir.Quantifier) -> Iterator[ir.Stmt]:
        """Lower a quantifier with a partial body to a loop."""
        if value.op == "count":
            yield self.let(target, ir.Const(0, ir.INT))
            one_more = ir.Binary("+", target, ir.Const(1, ir.INT), ir.INT)

            def turn() -> Iterator[ir.Stmt]:
                holds = yield from self.total(value.body)
                yield ir.If(holds, (self.let(target, one_more),), (), self.where)
        else:
            yield self.let(target, ir.Const(value.op == "all", ir.BOOL))
            goes_on = target if value.op == "all" else ir.Not(target)

            def turn() -> Iterator[ir.Stmt]:
                yield ir.If(goes_on, tuple(self.assign(target, value.body)), (), self.where)

        yield ir.For(value.variable, value.over, tuple(turn()), self.where)

    # --- names

    def fresh(self, kind: ir.Type) -> ir.Local:
        """Return a local with a new name."""
        names = (f"t{number}" for number in self.numbers)
        return ir.Local(next(name for name in names if name not in self.taken), kind)

    def let(self, target: ir.Local, value: ir.Expr) -> ir.Stmt:
        """Return the assignment of a value to a name."""
        return ir.SetLocal(target.name, value, self.where)

    def named(self, value: ir.Expr) -> Generator[ir.Stmt, None, ir.Local]:
        """Give a total value a name, unless it is a local already."""
        if isinstance(value, ir.Local):
            return value
        local = self.fresh(value.type)
        yield self.let(local, value)
        return local


def _joined(op: Literal["and", "or"], values: Sequence[ir.Expr]) -> ir.Expr:
    """Join one or several parts with `and` or `or`."""
    return values[0] if len(values) == 1 else ir.Logic(op, tuple(values))


# --- without guards, loops and quantifiers ------------------------------------------------------


def split_action(effects: Effects, action: ir.Function) -> tuple[ir.Function, ir.Function]:
    """Split an action into the function `can_...`, whether it is enabled, and its body.

    The body keeps only the guards that depend on its own changes.
    """
    length = effects.guards(action)
    head, rest = action.body[:length], action.body[length:]
    no = (ir.Return(ir.Const(False, ir.BOOL), NOWHERE),)
    tests = (
        ir.If(ir.Not(s.condition), no, (), s.where) if isinstance(s, ir.Guard) else s for s in head
    )
    yes = ir.Return(ir.Const(True, ir.BOOL), NOWHERE)
    can = replace(
        action,
        name=f"can_{action.name}",
        returns=ir.BOOL,
        body=(*tests, yes),
        marks={},
        writes=False,
    )
    kept = (s for s in head if not isinstance(s, ir.Guard))
    return can, replace(action, body=(*kept, *rest))


def turns(loop: ir.For, sizes: Mapping[str, int]) -> tuple[ir.Stmt, ...]:
    """Unroll a loop: the turns in order, each with its variable as a constant."""
    found: list[ir.Stmt] = []
    for member in range(sizes[loop.over]):
        constant = ir.Const(member, ir.Type("index", loop.over))
        found += [ir.SetLocal(loop.variable, constant, loop.where), *loop.body]
    return tuple(found)


def expand(value: ir.Expr, sizes: Mapping[str, int], known: Mapping[str, ir.Expr]) -> ir.Expr:
    """Expand the quantifiers of a total expression, and replace the names that are `known`."""
    match value:
        case ir.Local(name=name):
            return known.get(name, value)
        case ir.Quantifier(op=op, variable=variable, over=over, body=body):
            kind = ir.Type("index", over)
            members = (ir.Const(member, kind) for member in range(sizes[over]))
            parts = [expand(body, sizes, {**known, variable: member}) for member in members]
            if op == "count":
                none, one = ir.Const(0, ir.INT), ir.Const(1, ir.INT)
                counts: list[ir.Expr] = [ir.Choice(part, one, none, ir.INT) for part in parts]
                return reduce(lambda a, b: ir.Binary("+", a, b, ir.INT), counts or [none])
            empty = ir.Const(op == "all", ir.BOOL)
            return _joined("and" if op == "all" else "or", parts) if parts else empty
    return with_operands(value, [expand(part, sizes, known) for part in operands(value)])


def returned(
    body: Sequence[ir.Stmt], sizes: Mapping[str, int], known: Mapping[str, ir.Expr]
) -> ir.Expr:
    """Return the result of pure statements as one expression without quantifiers.

    Raises `ValueError` if the statements can end without a value.
    """
    for i, statement in enumerate(body):
        rest = body[i + 1 :]
        match statement:
            case ir.Return(value=value) if value is not None:
                return expand(value, sizes, known)
            case ir.SetLocal(name=name, value=value):
                known = {**known, name: expand(value, sizes, known)}
            case ir.If(condition=condition, then=then, other=other):
                test = expand(condition, sizes, known)
                yes = returned((*then, *rest), sizes, known)
                no = returned((*other, *rest), sizes, known)
                return _choice(test, yes, no)
            case ir.For():
                return returned((*turns(statement, sizes), *rest), sizes, known)
    raise ValueError("the statements can end without a value")


def _choice(condition: ir.Expr, then: ir.Expr, other: ir.Expr) -> ir.Expr:
    """Return `then if condition else other`, shorter where one of them is true or false."""
    otherwise = condition.value if isinstance(condition, ir.Not) else ir.Not(condition)
    match then, other:
        case ir.Const(value=True), _:
            return ir.Logic("or", (condition, other))
        case ir.Const(value=False), _:
            return ir.Logic("and", (otherwise, other))
        case _, ir.Const(value=False):
            return ir.Logic("and", (condition, then))
        case _, ir.Const(value=True):
            return ir.Logic("or", (otherwise, then))
    return ir.Choice(condition, then, other, then.type)
