"""Execution in Z3: what an action makes of every state at once, as formulas.

The intermediate form is executed statement by statement, as Python would, but a scalar may
be a term in place of a constant. Where Python takes one branch of an `if`, this takes both
and merges the two states at its end: the work grows with the length of the text, not with
the number of paths through it.

There are two layers. `Terms` makes terms: an unknown, or a choice between two values under
a formula. What is constant folds away, and equal terms are one object. The only question
that can be put to a value is which constant it is; the question moves through the choices
down to the unknowns, so Z3 is handed propositional logic over `unknown == constant` and
nothing else. `SymbolicModel` executes the text over such terms.

Numbers are exact: a count may leave the range of its type, as it may in Python, and nothing
wraps around.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

import z3

from wakeproof.errors import ModelError
from wakeproof.language import ir
from wakeproof.language.analysis import effects_of, nodes
from wakeproof.language.values import (
    Run,
    Scalar,
    Snapshot,
    default,
    domain,
    key_size,
)

# --- terms -------------------------------------------------------------------


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
    """Whether it is true or false, and not a number or None."""
    return isinstance(value, bool) or (isinstance(value, Term) and not value.values)


def values(value: Value) -> tuple[int | None, ...]:
    """What a value can be at most."""
    return value.values if isinstance(value, Term) else (value,)


def same(a: Value, b: Value) -> bool:
    """Whether two values are plainly the same."""
    return a is b or (not isinstance(a, Term) and not isinstance(b, Term) and a == b)


def conjuncts(formula: Formula) -> Iterator[Formula]:
    """What has to hold, each by itself, for the formula to hold."""
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
    """Makes terms and folds what is constant."""

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
        """Something that has one of these values; a constant if there is but one."""
        if len(values) == 1:
            return values[0]
        possible = () if isinstance(values[0], bool) else tuple(values)
        made = self._make("var", (name,), possible)
        if made.values != possible:
            raise ValueError(f"{name} is the name of another unknown")
        return made

    # formulas

    def not_(self, a: Formula) -> Formula:
        """It does not hold."""
        if isinstance(a, bool):
            return not a
        return cast(Term, a.parts[0]) if a.op == "not" else self._make("not", (a,))

    def and_(self, a: Formula, b: Formula) -> Formula:
        """Both hold."""
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
        """One of them holds."""
        return self.not_(self.and_(self.not_(a), self.not_(b)))

    def any_(self, formulas: Iterable[Formula]) -> Formula:
        """One of them holds."""
        result: Formula = False
        for formula in formulas:
            result = self.or_(result, formula)
        return result

    def constrained(
        self, formula: Formula, constraints: Sequence[tuple[Formula, Formula]]
    ) -> Formula:
        """It holds, and so does of each constraint the second part where the first does.

        What the formula decides is not looked at: of a quantifier that has a constraint for each
        of its two answers, one is idle.
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
        """The one choice that equals a choice within a choice: both have the same on one side.

        So what a branch in a branch changes is chosen once, however deep it is.
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
        """The value that stands beside `key` in `choices`, which must hold every key."""
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
        """Apply `leaf` to every leaf of nested choices. They nest deep, so: no recursion."""
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


# --- models ------------------------------------------------------------------


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


class SymbolicModel:
    """The model of one mix under one run, ready to execute over terms.

    Its formulas are made by `terms`; `Z3Encoding` hands them to Z3, `Clauses` to a SAT solver.
    """

    TERMS: type[Terms] = Terms

    def __init__(
        self,
        program: ir.Program,
        run: Run,
        free: bool = False,
        enough: Mapping[str, Sequence[Scalar]] = MappingProxyType({}),
    ) -> None:
        """`free` leaves the parameters unknown: only the run's sizes count.

        An unknown whose name is in `enough` has these values, not all of its type.
        """
        _refuse_optional_bools(program)
        self._enough = enough
        self.program = program
        self.run = run
        self.terms = self.TERMS()
        self._effects = effects_of(program)
        self._pure: dict[int, bool] = {}
        self.invariants = {f.marks["invariant"]: f for f in program.marked("invariant").values()}
        self.places = {
            "s": self._lay_out(program.state),
            "p": self._lay_out(program.parameters),
        }
        self.parameters = (
            self._fresh_cells("p", program.parameters)
            if free
            else self._flatten(program.parameters, run.parameters)
        )

    # states

    def fresh(self, name: str, kind: ir.Type) -> Value:
        """Something of this type, otherwise unknown."""
        return self.terms.unknown(name, self.possible(name, kind))

    def possible(self, name: str, kind: ir.Type) -> Sequence[Scalar]:
        """What an unknown of this name and type may be."""
        return self._enough.get(name) or domain(self.program, self.run.sizes, kind)

    def fresh_state(self, name: str) -> State:
        """A state of which nothing is known but the types."""
        return self.unflatten(self._fresh_cells(name, self.program.state))

    def _fresh_cells(self, name: str, fields: Mapping[str, ir.FieldType]) -> list[Value]:
        cells = []
        for field, declared in fields.items():
            sizes = [key_size(self.program, self.run.sizes, key) for key in declared.keys]
            for keys in itertools.product(*map(range, sizes)):
                cells.append(self.fresh(".".join(map(str, (name, field, *keys))), declared.value))
        return cells

    def constant_state(self, snapshot: Snapshot) -> State:
        """The state that a snapshot of the `Machine` describes."""
        return self.unflatten(snapshot)

    def choose(self, condition: Formula, a: State, b: State) -> State:
        """`a if condition else b`, of two states."""
        cells = zip(self.flatten(a), self.flatten(b), strict=True)
        return self.unflatten([self.terms.choose(condition, x, y) for x, y in cells])

    def equals(self, state: State, snapshot: Snapshot) -> Formula:
        """Whether the state is the one that the snapshot describes."""
        result: Formula = True
        for cell, scalar in zip(self.flatten(state), snapshot, strict=True):
            result = self.terms.and_(result, self.terms.equal(cell, scalar))
        return result

    def is_pure(self, expression: ir.Expr) -> bool:
        """Whether it does not matter if the expression is evaluated in vain."""
        # asked for the same nodes again and again; the program keeps them alive
        if id(expression) not in self._pure:
            self._pure[id(expression)] = self._effects.is_pure(expression)
        return self._pure[id(expression)]

    # states as flat lists, in the order of `Machine.layout`

    def flatten(self, state: State) -> list[Value]:
        """The cells of a state."""
        return self._flatten(self.program.state, state)

    def unflatten(self, cells: Sequence[Value]) -> State:
        """The state of these cells."""

        def build(start: int, sizes: tuple[int, ...]) -> Any:
            if not sizes:
                return cells[start]
            stride = math.prod(sizes[1:])
            return [build(start + i * stride, sizes[1:]) for i in range(sizes[0])]

        return {name: build(*place) for name, place in self.places["s"].items()}

    def _flatten(self, fields: Mapping[str, ir.FieldType], space: Mapping[str, Any]) -> list[Value]:
        cells: list[Value] = []
        for name, declared in fields.items():
            level = [space[name]]
            for _ in declared.keys:
                level = list(itertools.chain.from_iterable(level))
            cells.extend(level)
        return cells

    def _lay_out(
        self, fields: Mapping[str, ir.FieldType]
    ) -> dict[str, tuple[int, tuple[int, ...]]]:
        """Where a field starts in the flat list, and how many members each key has."""
        places: dict[str, tuple[int, tuple[int, ...]]] = {}
        start = 0
        for name, declared in fields.items():
            sizes = tuple(key_size(self.program, self.run.sizes, k) for k in declared.keys)
            places[name] = (start, sizes)
            start += math.prod(sizes)
        return places


class Z3Encoding:
    """The terms of a model as terms of Z3, each translated once.

    Unknowns are typed by assertion: add `typing_constraints` of every fresh state, and `typing` of
    every fresh argument, to the solver.
    """

    def __init__(self, model: SymbolicModel) -> None:
        self.model = model
        self._translated: dict[Term, z3.ExprRef] = {}

    def typing(self, unknown: Value) -> list[z3.BoolRef]:
        """Constraints that an unknown has one of its values; none if it can have no other."""
        if not isinstance(unknown, Term) or unknown.op != "var" or not unknown.values:
            return []
        variable = self._variable(unknown)
        all_used = len(unknown.values) == 1 << variable.size()
        return [] if all_used else [z3.ULT(variable, len(unknown.values))]

    def typing_constraints(self, state: State) -> list[z3.BoolRef]:
        """Constraints that every unknown of a fresh state has one of its values."""
        return [
            constraint for cell in self.model.flatten(state) for constraint in self.typing(cell)
        ]

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
        if not isinstance(value, Term):
            return value
        if not value.values:
            return bool(z3.is_true(solution.eval(self.formula(value), model_completion=True)))
        if value.op == "var":
            position = solution.eval(self._variable(value), model_completion=True)
            return value.values[int(position.as_long())]
        for possible in value.values:
            if self.evaluate(solution, self.model.terms.is_(value, possible)):
                return possible
        raise AssertionError(f"{value} has none of its values: typing constraints are missing")

    def to_snapshot(self, solution: z3.ModelRef, state: State) -> Snapshot:
        """The values of a state in a solution that Z3 has found."""
        return tuple(self.evaluate(solution, cell) for cell in self.model.flatten(state))

    def _variable(self, unknown: Term) -> z3.BitVecRef:
        """An unknown in Z3: the position of its value in the list of its values."""
        if unknown not in self._translated:
            bits = (len(unknown.values) - 1).bit_length()
            self._translated[unknown] = z3.BitVec(unknown.parts[0], bits)
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


# --- execution ---------------------------------------------------------------


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
    """One action under way; collects where it is impossible and where it goes wrong."""

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
        """Control goes on only where `condition` does not hold; the path on which it ends."""
        ends = self.terms.and_(self.path(flow), condition)
        flow.alive = self.terms.and_(flow.alive, self.terms.not_(condition))
        return ends

    def go_wrong(self, flow: Flow, condition: Formula, kind: str, site: str) -> None:
        """The real code goes wrong here if the condition holds."""
        before = self.wrong.get((kind, site), False)
        self.wrong[kind, site] = self.terms.or_(before, self.stop(flow, condition))

    def fork(self, flow: Flow, condition: Formula) -> tuple[Flow, Flow]:
        """The flow where the condition holds, and where it does not."""
        path = self.path(flow)
        yes = Flow(self.terms.and_(path, condition), flow.cells, dict(flow.locals))
        no = Flow(self.terms.and_(path, self.terms.not_(condition)), flow.cells, dict(flow.locals))
        return yes, no

    def join(self, flow: Flow, condition: Formula, yes: Flow, no: Flow) -> None:
        """Go on with `flow` after what it was forked into."""
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
        """Leave the function where it was not left before and the exit is taken."""
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
        """Evaluates a condition in a flow that is given later, there with `variable` bound."""

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
        """`then if test else other`, each evaluated only where it is wanted."""
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

    # cells; a key that is out of range can be so only where control does not come

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


def holds(model: SymbolicModel, state: State, condition: ir.Function) -> Formula:
    """Whether a condition, a function without parameters, holds in a state."""
    flow = Flow(True, model.flatten(state), {})
    return cast(Formula, Execution(model).call(condition, (), flow).value)


def invariant_holds(model: SymbolicModel, state: State, property_id: str) -> Formula:
    """Whether the invariant with this id holds in a state."""
    return holds(model, state, model.invariants[property_id])


@functools.lru_cache(maxsize=8)
def _refuse_optional_bools(program: ir.Program) -> None:
    """True and false are formulas over terms, and None is none."""
    wanted = ir.Type("bool", optional=True)
    hint = "use an enumeration of three members"
    for name, declared in (program.state | program.parameters).items():
        if declared.value == wanted:
            raise ModelError(f"{name} is bool | None", hint=hint)
    for function in program.functions.values():
        kinds = [function.returns, *(kind for _, kind in function.parameters)]
        kinds += [node.type for node in nodes(function.body) if not isinstance(node, ir.Stmt)]
        if wanted in kinds:
            raise ModelError(
                f"{function.name} has a value of type bool | None",
                where=str(function.where),
                hint=hint,
            )
