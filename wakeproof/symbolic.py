"""Execution in Z3: what one action makes of *every* state at once, as formulas.

The intermediate form is executed statement by statement, as Python would, but a scalar of
the state may be a term instead of a number. Where Python takes one branch of an `if`, this
takes both and merges the two states at its end, so the work grows with the text and not
with the number of paths through it.

There are two layers. `Terms` makes terms: an unknown, or a choice between two values under
a formula; everything that is constant folds away at once, and equal terms are one object.
The only question that can be put to a term is which constant it is, and that question moves
through the choices down to the unknowns, so that Z3 is handed propositional logic over
equalities of unknowns with constants. `SymbolicModel` executes the text over such terms.

Numbers are exact: nothing wraps, and a count may leave the range of its type as in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

import z3

from wakeproof import ir
from wakeproof.machine import Run, Scalar, Snapshot, default, domain, key_size


class Term:
    """A value or a formula that is not constant. Equal terms are one object.

    Values: `var` (name), `shift` (a var plus a constant), `if` (formula, value, value).
    Formulas: `var` (name), `is` (a var, a constant), `not`, `and`, `or`, `if`.
    `values` is what a value can be at most, and empty for a formula.
    """

    __slots__ = ("op", "parts", "values", "number")

    def __init__(
        self, op: str, parts: tuple[Any, ...], values: tuple[int | None, ...], number: int
    ) -> None:
        self.op = op
        self.parts = parts
        self.values = values
        self.number = number


Value = Union[int, bool, None, Term]
Formula = Union[bool, Term]
State = dict[str, Any]
"""A field's name to its scalar, or to nested lists of scalars, one level a key."""


class Terms:
    """Makes terms, folding what is constant."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Term] = {}
        self._pushed: dict[tuple[str, Term, int | None], Value] = {}

    def _make(self, op: str, parts: tuple[Any, ...], values: tuple[int | None, ...] = ()) -> Term:
        key = (op, values and True, *parts)
        term = self._known.get(key)
        if term is None:
            term = self._known[key] = Term(op, parts, values, len(self._known))
        return term

    def unknown(self, name: str, values: Sequence[Scalar]) -> Value:
        """A new unknown with one of these values; a constant if there is but one."""
        if len(values) == 1:
            return values[0]
        if isinstance(values[0], bool):
            return self._make("var", (name,))
        return self._make("var", (name,), tuple(values))

    # formulas

    def not_(self, a: Formula) -> Formula:
        """Not `a`."""
        if isinstance(a, bool):
            return not a
        if a.op == "not":
            inner: Formula = a.parts[0]
            return inner
        return self._make("not", (a,))

    def and_(self, a: Formula, b: Formula) -> Formula:
        """Both."""
        if a is True or b is False:
            return b
        if b is True or a is False or a is b:
            return a
        assert isinstance(a, Term) and isinstance(b, Term)
        if contradict(a, b):
            return False
        for x, y in ((a, b), (b, a)):
            if x.op == "and":
                if y in x.parts:
                    return x
                if contradict(x.parts[0], y) or contradict(x.parts[1], y):
                    return False
            elif x.op == "or":
                if y in x.parts:
                    return y
                if contradict(x.parts[0], y):
                    return self.and_(x.parts[1], y)
                if contradict(x.parts[1], y):
                    return self.and_(x.parts[0], y)
        return self._make("and", (a, b) if a.number < b.number else (b, a))

    def or_(self, a: Formula, b: Formula) -> Formula:
        """One of them."""
        return self.not_(self.and_(self.not_(a), self.not_(b)))

    # values

    def choose(self, condition: Formula, a: Value, b: Value) -> Value:
        """`a if condition else b`, for values and for formulas."""
        if isinstance(condition, bool):
            return a if condition else b
        if a is b or (not isinstance(a, Term) and not isinstance(b, Term) and a == b):
            return a
        if condition.op == "not":
            condition, a, b = condition.parts[0], b, a
        if isinstance(a, Term) and a.op == "if" and a.parts[0] is condition:
            a = a.parts[1]
        if isinstance(b, Term) and b.op == "if" and b.parts[0] is condition:
            b = b.parts[2]
        if is_formula(a) and is_formula(b):
            if isinstance(a, bool):
                return self.or_(condition, b) if a else self.and_(self.not_(condition), b)
            if isinstance(b, bool):
                return self.or_(self.not_(condition), a) if b else self.and_(condition, a)
            return self._make("if", (condition, a, b)) if a is not b else a
        if a is b or (not isinstance(a, Term) and not isinstance(b, Term) and a == b):
            return a
        return self._make("if", (condition, a, b), tuple(dict.fromkeys((*values(a), *values(b)))))

    def is_(self, a: Value, constant: int | None) -> Formula:
        """Whether a value is this constant."""
        if not isinstance(a, Term):
            return a == constant

        def leaf(at: int | None | Term) -> Formula:
            if not isinstance(at, Term):
                return at == constant
            if constant not in at.values:
                return False
            if at.op == "shift":
                assert constant is not None
                return self._make("is", (at.parts[0], constant - at.parts[1]))
            return self._make("is", (at, constant))

        return self._push("is", a, constant, leaf)

    def equal(self, a: Value, b: Value) -> Formula:
        """Whether two values, or two formulas, are the same."""
        if a is b:
            return True
        if not isinstance(a, Term) and not isinstance(b, Term):
            return a == b
        if is_formula(a) and is_formula(b):
            return self.choose(a, b, self.not_(b))
        if not isinstance(a, Term):
            return self.is_(b, a)
        common = [v for v in values(a) if v in values(b)]
        return self.any(self.and_(self.is_(a, v), self.is_(b, v)) for v in common)

    def less(self, a: Value, b: Value) -> Formula:
        """Whether a number is less than another."""
        return self.any(
            self.and_(self.is_(a, x), self.is_(b, y))
            for x in values(a)
            for y in values(b)
            if x is not None and y is not None and x < y
        )

    def plus(self, a: Value, b: Value, sign: int) -> Value:
        """`a + b`, or `a - b` if the sign is -1."""
        if isinstance(b, Term):
            result: Value = None
            for y in values(b):
                assert y is not None
                result = self.choose(self.is_(b, y), self.plus(a, y, sign), result)
            return result
        assert isinstance(b, int)
        constant = sign * b
        if not isinstance(a, Term):
            assert isinstance(a, int)
            return a + constant

        def leaf(at: int | None | Term) -> Value:
            if not isinstance(at, Term):
                assert at is not None
                return at + constant
            variable, offset = at.parts if at.op == "shift" else (at, 0)
            if not offset + constant:
                return variable
            shifted = tuple(None if v is None else v + constant for v in at.values)
            return self._make("shift", (variable, offset + constant), shifted)

        return self._push("plus", a, constant, leaf)

    def any(self, formulas: Iterable[Formula]) -> Formula:
        """One of them."""
        result: Formula = False
        for formula in formulas:
            result = self.or_(result, formula)
        return result

    def _push(
        self, op: str, term: Term, constant: int | None, leaf: Callable[[Any], Any]
    ) -> Any:
        """Apply `leaf` to the leaves of nested choices. Not recursive: they nest deep."""
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
                condition, a, b = top.parts
                missing = [
                    x for x in (a, b) if isinstance(x, Term) and (op, x, constant) not in done
                ]
                if missing:
                    stack.extend(missing)
                    continue
                a = done[op, a, constant] if isinstance(a, Term) else leaf(a)
                b = done[op, b, constant] if isinstance(b, Term) else leaf(b)
                done[key] = self.choose(condition, a, b)
        return done[op, term, constant]


def is_formula(a: Value) -> bool:
    """Whether it is a formula and not a value."""
    return isinstance(a, bool) or (isinstance(a, Term) and not a.values)


def values(a: Value) -> tuple[int | None, ...]:
    """What a value can be at most."""
    return a.values if isinstance(a, Term) else (a,)


def contradict(a: Term, b: Term) -> bool:
    """Whether two formulas plainly cannot hold together."""
    if a.op == "not":
        return a.parts[0] is b
    if b.op == "not":
        return b.parts[0] is a
    return a.op == b.op == "is" and a.parts[0] is b.parts[0] and a is not b


# --- execution ---------------------------------------------------------------


@dataclass(slots=True)
class Exit:
    """How a function was left: if `condition`, then with these cells and this value.

    `alive` is whether nothing went wrong on the way.
    """

    condition: Formula
    alive: Formula
    cells: list[Value]
    value: Value


@dataclass(slots=True)
class Flow:
    """One way into the text: where it began, and what became of the state on it.

    `start` is under which condition, from the start of the action, this way is taken;
    `alive` is whether nothing went wrong since, False once nothing can follow. `exit` is
    how the function was left on part of it. `cells` are never changed in place.
    """

    start: Formula
    cells: list[Value]
    locals: dict[str, Value]
    alive: Formula = True
    exit: Exit | None = None


@dataclass(frozen=True)
class Outcome:
    """What an action does: under `enabled` it is possible; `wrong` says when it goes wrong.

    `state` is the next state where it is possible and nothing goes wrong (`completes`).
    """

    enabled: Formula
    completes: Formula
    state: State
    wrong: Mapping[tuple[str, str], Formula]


class SymbolicModel:
    """The model of one mix under one run, ready for execution over terms."""

    def __init__(self, program: ir.Program, run: Run) -> None:
        self.program = program
        self.run = run
        self.terms = Terms()
        self.effects = _effects(program)
        self.shapes: dict[tuple[str, str], tuple[int, tuple[int, ...]]] = {}
        self.width = self._lay_out("s", program.state)
        self._lay_out("p", program.parameters)
        self.parameters = self._flat(program.parameters, run.parameters)
        self._z3: dict[Term, z3.ExprRef] = {}

    # states

    def fresh_state(self, name: str) -> State:
        """A state of unknowns; `typing_constraints` says that each is of its type."""
        cells = []
        for field, declared in self.program.state.items():
            possible = domain(self.program, self.run.sizes, declared.value)
            for keys in _keys(self.shapes["s", field][1]):
                cells.append(self.terms.unknown(".".join(map(str, (name, field, *keys))), possible))
        return self._nested(cells)

    def constant_state(self, snapshot: Snapshot) -> State:
        """The state that a snapshot of the `Machine` describes."""
        return self._nested(list(snapshot))

    def typing_constraints(self, state: State) -> list[z3.BoolRef]:
        """Every unknown of the state has one of its values."""
        cells = self._flat(self.program.state, state)
        return [c for cell in cells if isinstance(cell, Term) for c in self.typing(cell)]

    def typing(self, unknown: Value) -> list[z3.BoolRef]:
        """The unknown has one of its values."""
        if not isinstance(unknown, Term) or unknown.op != "var" or not unknown.values:
            return []
        variable = self._variable(unknown)
        size = len(unknown.values)
        return [] if size == 1 << variable.size() else [z3.ULT(variable, size)]

    def to_snapshot(self, model: z3.ModelRef, state: State) -> Snapshot:
        """What the state is in a model of the solver."""
        return tuple(self.evaluate(model, c) for c in self._flat(self.program.state, state))

    def evaluate(self, model: z3.ModelRef, value: Value) -> Scalar:
        """What a value is in a model of the solver."""
        if not isinstance(value, Term):
            return value
        if not value.values:
            return z3.is_true(model.eval(self.formula(value), model_completion=True))
        for possible in value.values:
            if self.evaluate(model, self.terms.is_(value, possible)):
                return possible
        raise AssertionError("an unknown without a value: its typing constraints are missing")

    # execution

    def step(self, state: State, action: ir.Function, arguments: Sequence[Value]) -> Outcome:
        """Execute one action."""
        execution = _Execution(self)
        cells = self._flat(self.program.state, state)
        after, _, alive = execution.call(action, arguments, Flow(True, cells, {}))
        wrong = {k: f for k, f in execution.wrong.items() if f is not False}
        enabled = self.terms.not_(execution.disabled)
        return Outcome(enabled, alive, self._nested(after), wrong)

    def invariant(self, state: State, property_id: str) -> Formula:
        """Whether the state has the property."""
        for function in self.program.functions.values():
            if function.marks.get("invariant") == property_id:
                cells = self._flat(self.program.state, state)
                _, value, _ = _Execution(self).call(function, (), Flow(True, cells, {}))
                assert is_formula(value)
                return value
        raise KeyError(property_id)

    # to Z3

    def formula(self, formula: Formula) -> z3.BoolRef:
        """The formula for Z3."""
        if isinstance(formula, bool):
            return z3.BoolVal(formula)
        done = self._z3
        stack = [formula]
        while stack:
            top = stack[-1]
            if top in done:
                stack.pop()
                continue
            match top.op:
                case "var":
                    done[top] = z3.Bool(top.parts[0])
                case "is":
                    unknown, constant = top.parts
                    done[top] = self._variable(unknown) == unknown.values.index(constant)
                case _:
                    missing = [x for x in top.parts if x not in done]
                    if missing:
                        stack.extend(missing)
                        continue
                    parts = [done[x] for x in top.parts]
                    done[top] = {"not": z3.Not, "and": z3.And, "if": z3.If}[top.op](*parts)
        return done[formula]

    def _variable(self, unknown: Term) -> z3.BitVecRef:
        if unknown not in self._z3:
            bits = (len(unknown.values) - 1).bit_length()
            self._z3[unknown] = z3.BitVec(unknown.parts[0], bits)
        return self._z3[unknown]

    # the layout of states

    def _lay_out(self, space: str, fields: Mapping[str, ir.FieldType]) -> int:
        """Give every field its place in the flat list of cells; the length of that list."""
        start = 0
        for name, declared in fields.items():
            sizes = tuple(key_size(self.program, self.run.sizes, k) for k in declared.keys)
            self.shapes[space, name] = (start, sizes)
            count = 1
            for size in sizes:
                count *= size
            start += count
        return start

    def _flat(self, fields: Mapping[str, ir.FieldType], space: Mapping[str, Any]) -> list[Value]:
        cells: list[Value] = []

        def add(value: Any, depth: int) -> None:
            if depth:
                for inner in value:
                    add(inner, depth - 1)
            else:
                cells.append(value)

        for name, declared in fields.items():
            add(space[name], len(declared.keys))
        return cells

    def _nested(self, cells: list[Value]) -> State:
        def build(start: int, sizes: tuple[int, ...]) -> Any:
            if not sizes:
                return cells[start]
            stride = 1
            for size in sizes[1:]:
                stride *= size
            return [build(start + i * stride, sizes[1:]) for i in range(sizes[0])]

        return {name: build(*self.shapes["s", name]) for name in self.program.state}


def _keys(sizes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if not sizes:
        yield ()
    else:
        for i in range(sizes[0]):
            for rest in _keys(sizes[1:]):
                yield (i, *rest)


class _Execution:
    """One action under way: collects when it is not possible and when it goes wrong."""

    def __init__(self, model: SymbolicModel) -> None:
        self.model = model
        self.program = model.program
        self.terms = model.terms
        self.disabled: Formula = False
        self.wrong: dict[tuple[str, str], Formula] = {}

    # flows

    def path(self, flow: Flow) -> Formula:
        """Under which condition, from the start of the action, control is here."""
        here = self.terms.and_(flow.start, flow.alive)
        return self.terms.and_(here, self.terms.not_(flow.exit.condition)) if flow.exit else here

    def fork(self, flow: Flow, condition: Formula) -> Flow:
        """The part of a flow on which the condition holds."""
        return Flow(self.terms.and_(self.path(flow), condition), flow.cells, dict(flow.locals))

    def join(self, flow: Flow, condition: Formula, a: Flow, b: Flow) -> None:
        """Go on with `flow` after it was forked: `a` where the condition holds, else `b`."""
        terms = self.terms
        exit = self.join_exits(condition, a.exit, b.exit)
        if a.alive is False or b.alive is False:
            only = b if a.alive is False else a
            flow.cells, flow.locals = only.cells, only.locals
        else:
            flow.cells = self.merge(condition, a.cells, b.cells)
            for name, value in b.locals.items():
                a.locals[name] = terms.choose(condition, a.locals[name], value) if name in a.locals else value
            flow.locals = a.locals
        flow.alive = terms.and_(flow.alive, terms.choose(condition, a.alive, b.alive))
        if exit is not None:
            self.leave(flow, exit)

    def join_exits(self, condition: Formula, a: Exit | None, b: Exit | None) -> Exit | None:
        terms = self.terms
        if a is None and b is None:
            return None
        if b is None:
            return Exit(terms.and_(condition, a.condition), a.alive, a.cells, a.value)
        if a is None:
            return Exit(terms.and_(terms.not_(condition), b.condition), b.alive, b.cells, b.value)
        return Exit(
            terms.choose(condition, a.condition, b.condition),
            terms.choose(condition, a.alive, b.alive),
            self.merge(condition, a.cells, b.cells),
            terms.choose(condition, a.value, b.value),
        )

    def leave(self, flow: Flow, exit: Exit) -> None:
        """Add a way out of the function, taken where it was not left before."""
        first = flow.exit
        if first is None:
            flow.exit = exit
            return
        flow.exit = Exit(
            self.terms.or_(first.condition, exit.condition),
            self.terms.choose(first.condition, first.alive, exit.alive),
            self.merge(first.condition, first.cells, exit.cells),
            self.terms.choose(first.condition, first.value, exit.value),
        )

    def merge(self, condition: Formula, a: list[Value], b: list[Value]) -> list[Value]:
        """Cell by cell, `a` where the condition holds, else `b`."""
        if a is b:
            return a
        choose = self.terms.choose
        return [x if x is y else choose(condition, x, y) for x, y in zip(a, b, strict=True)]

    def stop(self, flow: Flow, condition: Formula) -> Formula:
        """Control ends here where the condition holds; returns that whole condition."""
        ends = self.terms.and_(self.path(flow), condition)
        flow.alive = self.terms.and_(flow.alive, self.terms.not_(condition))
        return ends

    def go_wrong(self, flow: Flow, condition: Formula, kind: str, site: str) -> None:
        before = self.wrong.get((kind, site), False)
        self.wrong[kind, site] = self.terms.or_(before, self.stop(flow, condition))

    # functions and statements

    def call(
        self, function: ir.Function, arguments: Sequence[Value], caller: Flow
    ) -> tuple[list[Value], Value, Formula]:
        """Execute a function; the cells after it, its value, whether nothing went wrong."""
        names = (name for name, _ in function.parameters)
        flow = Flow(self.path(caller), caller.cells, dict(zip(names, arguments, strict=True)))
        self.block(function.body, flow)
        if flow.alive is not False:
            self.leave(flow, Exit(True, flow.alive, flow.cells, None))
        if flow.exit is None:
            return flow.cells, default(function.returns), False
        return flow.exit.cells, flow.exit.value, flow.exit.alive

    def block(self, statements: tuple[ir.Stmt, ...], flow: Flow) -> None:
        for statement in statements:
            if flow.alive is False:
                return
            self.statement(statement, flow)

    def statement(self, statement: ir.Stmt, flow: Flow) -> None:
        match statement:
            case ir.SetLocal(name=name, value=expression):
                flow.locals[name] = self.value(expression, flow)
            case ir.Store(field=field, keys=keys, value=expression):
                value = self.value(expression, flow)
                at = [self.value(key, flow) for key in keys]
                start, sizes = self.model.shapes["s", field]
                flow.cells = list(flow.cells)
                self.write(flow.cells, start, sizes, at, value, True)
            case ir.If(condition=expression, then=then, other=other):
                condition = self.condition(expression, flow)
                if isinstance(condition, bool):
                    self.block(then if condition else other, flow)
                else:
                    a = self.fork(flow, condition)
                    b = self.fork(flow, self.terms.not_(condition))
                    self.block(then, a)
                    self.block(other, b)
                    self.join(flow, condition, a, b)
            case ir.For(variable=variable, over=over, body=body):
                for member in range(self.model.run.sizes[over]):
                    flow.locals[variable] = member
                    self.block(body, flow)
            case ir.Return(value=returned):
                value = None if returned is None else self.value(returned, flow)
                if flow.alive is not False:
                    self.leave(flow, Exit(True, flow.alive, flow.cells, value))
                    flow.alive = False
            case ir.Do(call=expression):
                self.value(expression, flow)
            case ir.Guard(condition=expression):
                no = self.terms.not_(self.condition(expression, flow))
                self.disabled = self.terms.or_(self.disabled, self.stop(flow, no))
            case ir.Wrong(kind=kind, site=site):
                self.go_wrong(flow, True, kind, site)

    # expressions

    def condition(self, expression: ir.Expr, flow: Flow) -> Formula:
        value = self.value(expression, flow)
        assert is_formula(value)
        return value

    def value(self, expression: ir.Expr, flow: Flow) -> Value:
        """The value of an expression; calls in it change the flow."""
        terms = self.terms
        match expression:
            case ir.Const(value=constant):
                return constant
            case ir.Local(name=name):
                return flow.locals[name]
            case ir.Read(space=space, field=field, keys=keys):
                at = [self.value(key, flow) for key in keys]
                start, sizes = self.model.shapes[space, field]
                cells = flow.cells if space == "s" else self.model.parameters
                return self.read(cells, start, sizes, at, expression.type)
            case ir.Binary(op=op, left=left, right=right):
                return self.binary(op, self.value(left, flow), self.value(right, flow))
            case ir.Not(value=inner):
                return terms.not_(self.condition(inner, flow))
            case ir.Logic(op=op, values=parts):
                return self.logic(op, [lambda f, p=p: self.condition(p, f) for p in parts], self.pure(*parts[1:]), flow)
            case ir.Choice(condition=test, then=then, other=other):
                condition = self.condition(test, flow)
                if isinstance(condition, bool):
                    return self.value(then if condition else other, flow)
                if self.pure(then, other):
                    return terms.choose(condition, self.value(then, flow), self.value(other, flow))
                a = self.fork(flow, condition)
                b = self.fork(flow, terms.not_(condition))
                x, y = self.value(then, a), self.value(other, b)
                self.join(flow, condition, a, b)
                return terms.choose(condition, x, y)
            case ir.Call(function=name, arguments=arguments):
                given = [self.value(argument, flow) for argument in arguments]
                function = self.program.functions[name]
                cells, value, alive = self.call(function, given, flow)
                flow.cells, flow.alive = cells, terms.and_(flow.alive, alive)
                return value
            case ir.Unwrap(value=inner, site=site):
                value = self.value(inner, flow)
                self.go_wrong(flow, terms.equal(value, None), "panic", site)
                return value
            case ir.Quantifier(op=op, variable=variable, over=over, body=body):
                def at_member(member: int) -> Callable[[Flow], Formula]:
                    def evaluate(f: Flow) -> Formula:
                        f.locals[variable] = member
                        return self.condition(body, f)
                    return evaluate
                parts = [at_member(i) for i in range(self.model.run.sizes[over])]
                if op == "count":
                    total: Value = 0
                    for part in parts:
                        holds = part(flow)
                        total = terms.choose(holds, terms.plus(total, 1, 1), total)
                    return total
                return self.logic("or" if op == "any" else "and", parts, self.pure(body), flow)

    def logic(self, op: str, parts: list[Callable[[Flow], Formula]], pure: bool, flow: Flow) -> Formula:
        """Short-circuit `and` or `or`."""
        terms = self.terms
        result: Formula = op == "and"
        for part in parts:
            if result is (op == "or"):
                break
            if isinstance(result, bool) or pure:
                value = part(flow)
            else:
                goes_on = result if op == "and" else terms.not_(result)
                a, b = self.fork(flow, goes_on), self.fork(flow, terms.not_(goes_on))
                value = part(a)
                self.join(flow, goes_on, a, b)
            result = terms.and_(result, value) if op == "and" else terms.or_(result, value)
        return result

    def binary(self, op: str, a: Value, b: Value) -> Value:
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
                return terms.plus(a, b, 1)
        return terms.plus(a, b, -1)

    def pure(self, *expressions: ir.Expr) -> bool:
        """Whether evaluating these changes nothing and cannot go wrong."""
        return not any(n in self.model.effects for e in expressions for n in _calls(e))

    # cells

    def read(self, cells: list[Value], start: int, sizes: tuple[int, ...], keys: list[Value], kind: ir.Type) -> Value:
        if not keys:
            return cells[start]
        stride = 1
        for size in sizes[1:]:
            stride *= size
        possible = [k for k in values(keys[0]) if k is not None and 0 <= k < sizes[0]]
        if not possible:
            return default(kind)
        result: Value = None
        for i, k in enumerate(possible):
            inner = self.read(cells, start + k * stride, sizes[1:], keys[1:], kind)
            result = inner if i == 0 else self.terms.choose(self.terms.is_(keys[0], k), inner, result)
        return result

    def write(self, cells: list[Value], start: int, sizes: tuple[int, ...], keys: list[Value], value: Value, condition: Formula) -> None:
        if not keys:
            cells[start] = self.terms.choose(condition, value, cells[start])
            return
        stride = 1
        for size in sizes[1:]:
            stride *= size
        for k in values(keys[0]):
            if k is not None and 0 <= k < sizes[0]:
                here = self.terms.and_(condition, self.terms.is_(keys[0], k))
                self.write(cells, start + k * stride, sizes[1:], keys[1:], value, here)


def _calls(expression: ir.Expr) -> Iterator[str]:
    """The functions that an expression calls; `unwrap` counts as one."""
    match expression:
        case ir.Call(function=name, arguments=arguments):
            yield name
            inner = arguments
        case ir.Unwrap(value=value):
            yield "unwrap"
            inner = (value,)
        case ir.Read(keys=keys):
            inner = keys
        case ir.Binary(left=left, right=right):
            inner = (left, right)
        case ir.Not(value=value):
            inner = (value,)
        case ir.Logic(values=parts):
            inner = parts
        case ir.Choice(condition=condition, then=then, other=other):
            inner = (condition, then, other)
        case ir.Quantifier(body=body):
            inner = (body,)
        case _:
            inner = ()
    for part in inner:
        yield from _calls(part)


def _effects(program: ir.Program) -> set[str]:
    """The functions that may change the state, go wrong or fail a guard."""
    found = {"unwrap"}

    def expressions(statements: tuple[ir.Stmt, ...]) -> Iterator[ir.Expr | None]:
        for statement in statements:
            match statement:
                case ir.SetLocal(value=value):
                    yield value
                case ir.If(condition=condition, then=then, other=other):
                    yield condition
                    yield from expressions(then)
                    yield from expressions(other)
                case ir.For(body=body):
                    yield from expressions(body)
                case ir.Return(value=value):
                    if value is not None:
                        yield value
                case ir.Do(call=call):
                    yield call
                case _:
                    yield None

    changed = True
    while changed:
        changed = False
        for function in program.functions.values():
            if function.name not in found and any(
                e is None or any(n in found for n in _calls(e)) for e in expressions(function.body)
            ):
                found.add(function.name)
                changed = True
    return found
