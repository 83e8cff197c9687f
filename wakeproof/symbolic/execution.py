"""Symbolic execution: what an action makes of every state at once, as terms.

The intermediate form is executed statement by statement, as Python executes the model's text, but
a scalar may be a term in place of a constant. Where Python takes one branch of an `if`, this takes
both and merges the two states at its end: the work grows with the length of the text, not with the
number of paths through it.
"""

from __future__ import annotations

import math
from collections.abc import (
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from typing import cast

from wakeproof.language import ir
from wakeproof.language.values import default
from wakeproof.symbolic.model import SymbolicModel
from wakeproof.symbolic.terms import (
    Formula,
    State,
    Value,
    values,
)


@dataclass(frozen=True)
class Outcome:
    """What an action does to a state.

    It is possible where `enabled` holds; it goes wrong at a (kind, site) where its formula
    in `wrong` holds; elsewhere it `completes`, and `state` is the next state. Exactly one of
    `not enabled`, `completes` and the formulas in `wrong` holds.
    """

    enabled: Formula
    completes: Formula
    state: State
    wrong: Mapping[tuple[str, str], Formula]


@dataclass(slots=True)
class Exit:
    """The ways out of a function, merged: taken where `condition` holds.

    `alive` is whether control came there at all, and did not go wrong on the way.
    """

    condition: Formula
    alive: Formula
    cells: list[Value]
    value: Value


@dataclass(slots=True)
class Flow:
    """Control on its way through the text, and what it has made of the state.

    `start` is the condition, from the start of the action, under which this flow began.
    `alive` is whether it has gone on since: False once control cannot be here. Where `exit`
    was taken, control has left the function already. Lists of cells are shared between
    flows and never changed in place.
    """

    start: Formula
    cells: list[Value]
    locals: dict[str, Value]
    alive: Formula = True
    exit: Exit | None = None


class Execution:
    """The execution of one action; collects where it is impossible and where it goes wrong."""

    def __init__(self, model: SymbolicModel) -> None:
        self.model = model
        self.terms = model.terms
        self.impossible: Formula = False
        self.wrong: dict[tuple[str, str], Formula] = {}

    # flows

    def path(self, flow: Flow) -> Formula:
        """The condition, from the start of the action, under which control is here."""
        here = self.terms.and_(flow.start, flow.alive)
        if flow.exit is None:
            return here
        return self.terms.and_(here, self.terms.not_(flow.exit.condition))

    def stop(self, flow: Flow, condition: Formula) -> Formula:
        """End control where `condition` holds. Returns the path on which it ends."""
        ends = self.terms.and_(self.path(flow), condition)
        flow.alive = self.terms.and_(flow.alive, self.terms.not_(condition))
        return ends

    def go_wrong(self, flow: Flow, condition: Formula, kind: str, site: str) -> None:
        """Record that the real code goes wrong here where the condition holds."""
        before = self.wrong.get((kind, site), False)
        self.wrong[kind, site] = self.terms.or_(before, self.stop(flow, condition))

    def fork(self, flow: Flow, condition: Formula) -> tuple[Flow, Flow]:
        """The flow where the condition holds, and the flow where it does not."""
        path = self.path(flow)
        yes = Flow(self.terms.and_(path, condition), flow.cells, dict(flow.locals))
        no = Flow(self.terms.and_(path, self.terms.not_(condition)), flow.cells, dict(flow.locals))
        return yes, no

    def join(self, flow: Flow, condition: Formula, yes: Flow, no: Flow) -> None:
        """Merge the two flows into which `flow` was forked."""
        # where one branch has ended, the other needs no merging
        if no.alive is False:
            flow.cells, flow.locals = yes.cells, yes.locals
        elif yes.alive is False:
            flow.cells, flow.locals = no.cells, no.locals
        else:
            flow.cells = self.merge(condition, yes.cells, no.cells)
            # a local of one branch only is not read after it
            flow.locals = yes.locals | no.locals
            # in order: the same text gives the same terms, with the same numbers
            for name in [name for name in yes.locals if name in no.locals]:
                flow.locals[name] = self.terms.choose(condition, yes.locals[name], no.locals[name])
        began = flow.alive
        alive = self.terms.choose_formula(condition, yes.alive, no.alive)
        flow.alive = self.terms.and_(began, alive)
        for branch, taken in ((yes, condition), (no, self.terms.not_(condition))):
            if (exit := branch.exit) is not None:
                taken = self.terms.and_(taken, exit.condition)
                alive = self.terms.and_(began, exit.alive)
                self.leave(flow, Exit(taken, alive, exit.cells, exit.value))

    def leave(self, flow: Flow, exit: Exit) -> None:
        """Leave the function where it was not left before and this exit is taken."""
        if flow.exit is None:
            flow.exit = exit
            return
        before = flow.exit
        flow.exit = Exit(
            self.terms.or_(before.condition, exit.condition),
            self.terms.choose_formula(before.condition, before.alive, exit.alive),
            self.merge(before.condition, before.cells, exit.cells),
            self.terms.choose(before.condition, before.value, exit.value),
        )

    def merge(self, condition: Formula, yes: list[Value], no: list[Value]) -> list[Value]:
        """Cell by cell, `yes` where the condition holds, else `no`."""
        if yes is no:
            return yes
        choose = self.terms.choose
        return [a if a is b else choose(condition, a, b) for a, b in zip(yes, no, strict=True)]

    # functions and statements

    def call(self, function: ir.Function, arguments: Sequence[Value], caller: Flow) -> Exit:
        """Execute a function, which leaves the caller's flow as it is."""
        names = (name for name, _ in function.parameters)
        inner = dict(zip(names, arguments, strict=True))
        flow = Flow(self.path(caller), caller.cells, inner)
        self.block(function.body, flow)
        if flow.alive is not False:
            self.leave(flow, Exit(True, flow.alive, flow.cells, None))
        if flow.exit is None:
            return Exit(True, False, flow.cells, default(function.returns))
        # where no way out was taken, control has ended inside
        flow.exit.alive = self.terms.and_(flow.exit.condition, flow.exit.alive)
        return flow.exit

    def block(self, statements: tuple[ir.Stmt, ...], flow: Flow) -> None:
        """Execute statements until control ends."""
        for statement in statements:
            if flow.alive is False:
                return
            self.statement(statement, flow)

    def statement(self, statement: ir.Stmt, flow: Flow) -> None:
        """Execute one statement."""
        match statement:
            case ir.SetLocal(name=name, value=expression):
                flow.locals[name] = self.value(expression, flow)
            case ir.Store(field=field, keys=keys, value=expression):
                value = self.value(expression, flow)
                self.store(flow, field, [self.value(key, flow) for key in keys], value)
            case ir.If(condition=test, then=then, other=other):
                condition = self.formula(test, flow)
                if isinstance(condition, bool):
                    self.block(then if condition else other, flow)
                else:
                    yes, no = self.fork(flow, condition)
                    self.block(then, yes)
                    self.block(other, no)
                    self.join(flow, condition, yes, no)
            case ir.For():
                self.loop(statement, flow)
            case ir.Return(value=returned):
                value = None if returned is None else self.value(returned, flow)
                if flow.alive is not False:
                    self.leave(flow, Exit(True, flow.alive, flow.cells, value))
                    flow.alive = False
            case ir.Do(call=expression):
                self.value(expression, flow)
            case ir.Guard(condition=test):
                fails = self.terms.not_(self.formula(test, flow))
                self.impossible = self.terms.or_(self.impossible, self.stop(flow, fails))
            case ir.Wrong(kind=kind, site=site):
                self.go_wrong(flow, True, kind, site)

    def loop(self, loop: ir.For, flow: Flow) -> None:
        """Execute a loop, one member after the other."""
        for member in range(self.model.run.sizes[loop.over]):
            flow.locals[loop.variable] = member
            self.block(loop.body, flow)

    # expressions

    def formula(self, expression: ir.Expr, flow: Flow) -> Formula:
        """The value of an expression of type bool."""
        return cast(Formula, self.value(expression, flow))

    def value(self, expression: ir.Expr, flow: Flow) -> Value:
        """The value of an expression; calls in it change the flow."""
        match expression:
            case ir.Const(value=constant):
                return constant
            case ir.Local(name=name):
                return flow.locals[name]
            case ir.Read(keys=keys):
                return self.field(expression, [self.value(key, flow) for key in keys], flow)
            case ir.Binary(left=left, right=right):
                return self.compare(expression, self.value(left, flow), self.value(right, flow))
            case ir.Not(value=inner):
                return self.terms.not_(self.formula(inner, flow))
            case ir.Logic(op=op, values=parts):
                pure = all(map(self.model.is_pure, parts[1:]))
                return self.logic(op, (self.evaluator(part) for part in parts), pure, flow)
            case ir.Choice(condition=test, then=then, other=other):
                return self.choice(test, then, other, flow)
            case ir.Call(function=name, arguments=arguments):
                given = [self.value(argument, flow) for argument in arguments]
                exit = self.call(self.model.program.functions[name], given, flow)
                flow.cells = exit.cells
                flow.alive = self.terms.and_(flow.alive, exit.alive)
                return exit.value
            case ir.Unwrap(value=inner, site=site):
                value = self.value(inner, flow)
                self.go_wrong(flow, self.terms.equal(value, None), "panic", site)
                return value
            case ir.Quantifier():
                return self.quantifier(expression, flow)

    def field(self, read: ir.Read, keys: Sequence[Value], flow: Flow) -> Value:
        """What a field holds under these keys."""
        cells = flow.cells if read.space == "s" else self.model.parameters
        start, sizes = self.model.places[read.space][read.field]
        return self.read(cells, start, sizes, keys, read.type)

    def compare(self, expression: ir.Binary, a: Value, b: Value) -> Value:
        """A comparison, a sum or a difference, of the values of its two sides."""
        return self.binary(expression.op, a, b)

    def quantifier(self, expression: ir.Quantifier, flow: Flow) -> Value:
        """`any`, `all` or `count`, one member after the other."""
        body = expression.body
        members = range(self.model.run.sizes[expression.over])
        evaluators = (self.evaluator(body, expression.variable, member) for member in members)
        if expression.op == "count":
            total: Value = 0
            for holds in evaluators:
                one_more = self.terms.plus(total, 1)
                total = self.terms.choose(holds(flow), one_more, total)
            return total
        connective = "or" if expression.op == "any" else "and"
        return self.logic(connective, evaluators, self.model.is_pure(body), flow)

    def evaluator(
        self, expression: ir.Expr, variable: str = "", member: Value = 0
    ) -> Callable[[Flow], Formula]:
        """A function that evaluates a condition in a given flow, with `variable` bound there."""

        def evaluate(flow: Flow) -> Formula:
            if variable:
                flow.locals[variable] = member
            return self.formula(expression, flow)

        return evaluate

    def logic(
        self, op: str, parts: Iterable[Callable[[Flow], Formula]], pure: bool, flow: Flow
    ) -> Formula:
        """Short-circuit `and` or `or`: a part is evaluated where no earlier one decides."""
        decisive = op == "or"
        result: Formula = not decisive
        for part in parts:
            if result is decisive:
                break
            goes_on = self.terms.not_(result) if decisive else result
            if pure or goes_on is True:
                value = part(flow)
            else:
                yes, no = self.fork(flow, goes_on)
                value = part(yes)
                self.join(flow, goes_on, yes, no)
            combine = self.terms.or_ if decisive else self.terms.and_
            result = combine(result, value)
        return result

    def choice(self, test: ir.Expr, then: ir.Expr, other: ir.Expr, flow: Flow) -> Value:
        """`then if test else other`, each evaluated only where it is chosen."""
        condition = self.formula(test, flow)
        if isinstance(condition, bool):
            return self.value(then if condition else other, flow)
        yes, no = self.fork(flow, condition)
        a, b = self.value(then, yes), self.value(other, no)
        self.join(flow, condition, yes, no)
        return self.terms.choose(condition, a, b)

    def binary(self, op: str, a: Value, b: Value) -> Value:
        """A comparison, a sum or a difference."""
        terms = self.terms
        match op:
            case "==":
                return terms.equal(a, b)
            case "!=":
                return terms.not_(terms.equal(a, b))
            case "<":
                return terms.less(a, b)
            case "<=":
                return terms.not_(terms.less(b, a))
            case ">":
                return terms.less(b, a)
            case ">=":
                return terms.not_(terms.less(a, b))
            case "+":
                return terms.plus(a, b)
            case _:
                return terms.minus(a, b)

    # cells; a key can be out of range only where control never comes

    def read(
        self,
        cells: list[Value],
        start: int,
        sizes: tuple[int, ...],
        keys: Sequence[Value],
        kind: ir.Type,
    ) -> Value:
        """The cell under these keys."""
        if not sizes:
            return cells[start]
        stride = math.prod(sizes[1:])
        possible = [
            (key, self.read(cells, start + key * stride, sizes[1:], keys[1:], kind))
            for key in values(keys[0])
            if key is not None and 0 <= key < sizes[0]
        ]
        return self.terms.select(keys[0], possible) if possible else default(kind)

    def store(self, flow: Flow, field: str, keys: Sequence[Value], value: Value) -> None:
        """Change the cell under these keys, which may be any that they can name."""
        start, sizes = self.model.places["s"][field]
        cells = list(flow.cells)

        def write(at: int, depth: int, condition: Formula) -> None:
            if depth == len(sizes):
                cells[at] = self.terms.choose(condition, value, cells[at])
                return
            stride = math.prod(sizes[depth + 1 :])
            for key in values(keys[depth]):
                if key is not None and 0 <= key < sizes[depth]:
                    named = self.terms.is_(keys[depth], key)
                    write(at + key * stride, depth + 1, self.terms.and_(condition, named))

        write(start, 0, True)
        flow.cells = cells


def take_step(
    model: SymbolicModel, state: State, action: ir.Function, arguments: Sequence[Value]
) -> Outcome:
    """Execute one action in a state; its arguments too may be unknown."""
    execution = Execution(model)
    exit = execution.call(action, arguments, Flow(True, model.flatten(state), {}))
    return Outcome(
        model.terms.not_(execution.impossible),
        exit.alive,
        model.unflatten(exit.cells),
        {outcome: f for outcome, f in execution.wrong.items() if f is not False},
    )


def holds(
    model: SymbolicModel, state: State, condition: ir.Function, members: Sequence[Value] = ()
) -> Formula:
    """Whether a condition holds in a state for these members of its index types."""
    flow = Flow(True, model.flatten(state), {})
    return cast(Formula, Execution(model).call(condition, members, flow).value)


def invariant_holds(model: SymbolicModel, state: State, property_id: str) -> Formula:
    """Whether the invariant with this id holds in a state."""
    return holds(model, state, model.invariants[property_id])
