"""Symbolic execution in a window: the members that are named, and quantifiers over all members."""

from __future__ import annotations

import itertools
from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from typing import cast

from wakeproof.language import ir
from wakeproof.language.analysis import (
    Node,
    is_state,
    nodes,
    reached,
)
from wakeproof.prove.any_number.window_model import ANYTHING, WindowModel
from wakeproof.symbolic.execution import Execution, Flow
from wakeproof.symbolic.terms import Formula, Value, values

Witnesses = tuple[Formula, tuple[Value, ...]]
"""Whether members were found for which a quantifier's body is as wanted, and these members."""

Named = dict[tuple[str, Value], Formula]
"""Index types and their members, in order, and the condition under which each is named."""

MORE = 999
"""A rest of which nothing is known except that it has changed."""


class Unsupported(Exception):
    """A loop that is neither an update of many members nor a search."""


class WindowExecution(Execution):
    """Execution in a window.

    If `disciplined`, the members that are named are in the window, and `named` has the condition
    under which each is; else they may be anywhere. `constraints` are about the unknowns made on the
    way: a condition, and what follows from it. `witnesses` are the members that quantifiers found,
    by expression; an execution that is `about` such witnesses evaluates quantifiers for them alone
    and leaves other members open.
    """

    model: WindowModel

    def __init__(
        self,
        model: WindowModel,
        disciplined: bool,
        before: list[Value] | None = None,
        about: Mapping[int, Sequence[Witnesses]] | None = None,
    ) -> None:
        super().__init__(model)
        self.disciplined = disciplined
        self.about = about
        self.witnesses: dict[int, list[Witnesses]] = {}
        self.noticing = False
        self.walks = False
        self.before = before
        self.constraints: list[tuple[Formula, Formula]] = []
        self.named: Named = {}
        # the same in the order of execution, to know which member outside is the first
        self.events: dict[tuple[str, Value, Formula], None] = {}
        self.noticed: Named = {}
        self.counting: Named = {}

    @contextmanager
    def undisciplined(self) -> Iterator[None]:
        """Inside the block, the members that are named may be anywhere."""
        was, self.disciplined = self.disciplined, False
        yield
        self.disciplined = was

    def name(self, kind: str, key: Value, path: Formula) -> None:
        """Record a member that is read or changed, or that a quantifier looked for."""
        if self.disciplined:
            self._add(self.named, kind, key, path)
            if key is not None and (kind, key, path) not in self.events:
                self.events[kind, key, path] = None

    def notice(self, kind: str, key: Value, path: Formula) -> None:
        """Record a member to which a field that is read points."""
        if self.noticing:
            self._add(self.counting, kind, key, path)
        elif self.disciplined:
            self._add(self.noticed, kind, key, path)

    def _add(self, members: Named, kind: str, key: Value, path: Formula) -> None:
        if key is not None:
            members[kind, key] = self.terms.or_(members.get((kind, key), False), path)

    def implies(self, a: Formula, b: Formula) -> None:
        """Add a constraint."""
        if self.terms.or_(self.terms.not_(a), b) is not True:
            self.constraints.append((a, b))

    def escapes(self, members: Named, kind: str) -> Formula:
        """Whether one of these members is outside."""
        return self.terms.any_(
            self.terms.and_(path, self.model.is_out(key, kind))
            for (of, key), path in members.items()
            if of == kind
        )

    def touches(self, members: Named, kind: str, member: int) -> Formula:
        """Whether this member of the window is one of these."""
        return self.terms.any_(
            self.terms.and_(path, self.terms.is_(key, member))
            for (of, key), path in members.items()
            if of == kind
        )

    def follow(self, members: Named, cells: list[Value]) -> Iterator[Named]:
        """The members to which the fields of these members point, in the state of these cells.

        The parameters come first: what belongs to a member for good. Pointers of members outside
        the window are not followed: then the window is full of the members before them.
        """
        program = self.model.program
        for space, fields in (("p", program.parameters), ("s", program.state)):
            found: Named = {}
            for field, declared in fields.items():
                if len(declared.keys) == 1 and declared.value.kind == "index":
                    read = ir.Read("s" if space == "s" else "p", field, (), declared.value)
                    self._follow(read, declared.keys[0], members, cells, found)
            yield found

    def _follow(
        self, read: ir.Read, kind: str, members: Named, cells: list[Value], found: Named
    ) -> None:
        for (of, key), path in members.items():
            inside = self.terms.and_(path, self.terms.not_(self.model.is_out(key, kind)))
            if of == kind and inside is not False:
                value = super().field(read, [key], Flow(inside, cells, {}))
                self._add(found, read.type.name, value, inside)

    # fields

    def field(self, read: ir.Read, keys: Sequence[Value], flow: Flow) -> Value:
        """The value of a field; outside, an unknown one."""
        if read.type.kind == "int" and read.field not in self.model.counted:
            return ANYTHING
        fields = self.model.program.state if read.space == "s" else self.model.program.parameters
        kinds = fields[read.field].keys
        path = self.path(flow) if self.disciplined or self.noticing else True
        out: Formula = False
        for kind, key in zip(kinds, keys, strict=True):
            if kind in self.model.run.sizes:
                self.name(kind, key, path)
                out = self.terms.or_(out, self.model.is_out(key, kind))
        value = super().field(read, keys, flow)
        if out is not False and (self.before is not None or not self.disciplined):
            # an action that reads outside has no room in the window: no goal is about its outcome
            value = self.terms.choose(out, self._outside(read, keys, kinds, flow), value)
        if read.type.kind == "index":
            self.notice(read.type.name, value, path)
        return value

    def _outside(
        self, read: ir.Read, keys: Sequence[Value], kinds: Sequence[str], flow: Flow
    ) -> Value:
        """The value of a field where a key is outside."""
        epoch: Value = 0
        if read.space == "s":
            epoch = flow.cells[self.model.epochs[read.field]]
        return self.terms.select(
            epoch,
            [
                (e, self.model.read_outside(read, tuple(keys), tuple(kinds), e))
                for e in cast(tuple[int, ...], values(epoch))
            ],
        )

    def statement(self, statement: ir.Stmt, flow: Flow) -> None:
        """A store names its member; a count that is set anew has unknown rests."""
        if isinstance(statement, ir.Store):
            declared = self.model.program.state[statement.field]
            if declared.value.kind == "int" and statement.field not in self.model.counted:
                return
            keys = [self.value(key, flow) for key in statement.keys]
            for kind, key in zip(declared.keys, keys, strict=True):
                if kind in self.model.run.sizes:
                    self.name(kind, key, self.path(flow) if self.disciplined else True)
            value = self.value(statement.value, flow)
            if statement.field in self.model.counted and not is_step(statement):
                doubt = self.model.has_rest(statement.field, keys[0])
                value = self.terms.choose(
                    doubt, self.model.number(self.model.new("set"), (-1, 0, 1, 2, 3)), value
                )
            self.store(flow, statement.field, keys, value)
        else:
            super().statement(statement, flow)

    # comparisons

    def compare(self, expression: ir.Binary, a: Value, b: Value) -> Value:
        """A comparison, a sum or a difference."""
        kind = expression.left.type
        op = expression.op
        if kind.kind == "index" and op in ("==", "!="):
            equal = self.model.is_same(a, b, kind.name, self._has_named(kind.name, a, b))
            return equal if op == "==" else self.terms.not_(equal)
        if op in ("+", "-") or kind.kind != "int":
            return self.binary(op, a, b)
        if a is ANYTHING or b is ANYTHING:
            return self.model.unknown(self.model.new("compared"))
        return self.binary(op, a, b)

    def _has_named(self, kind: str, *members: Value) -> bool:
        """Whether the action has named one of these members, so that it need not be outside.

        It may have been on another path: where both are outside anything is possible.
        """
        return self.before is None and any((kind, member) in self.named for member in members)

    def value(self, expression: ir.Expr, flow: Flow) -> Value:
        """The value of an expression."""
        match expression:
            case ir.Binary(
                op="<=", left=ir.Quantifier(op="count") as count, right=ir.Const(value=most)
            ):
                return self.at_most(count, cast(int, most), flow)
            case ir.Binary(
                op=op, left=ir.Read(field=field, keys=(key,)), right=ir.Const(value=constant)
            ) if field in self.model.counted and op not in ("+", "-"):
                read = self.value(expression.left, flow)
                exact = cast(Formula, self.binary(op, read, constant))
                below = self.terms.not_(self.terms.less(constant, read))
                rest = self.model.has_rest(field, self.value(key, flow))
                doubt = self.terms.and_(rest, below)
                if doubt is False:
                    return exact
                return self.terms.choose(
                    doubt, self.model.unknown(self.model.new("compared")), exact
                )
        return super().value(expression, flow)

    def logic(
        self, op: str, parts: Iterable[Callable[[Flow], Formula]], pure: bool, flow: Flow
    ) -> Formula:
        """Short-circuit `and` or `or`: a part that is not evaluated names no member."""
        decisive = op == "or"
        result: Formula = not decisive
        for part in parts:
            if result is decisive:
                break
            goes_on = self.terms.not_(result) if decisive else result
            if goes_on is True:
                value = part(flow)
            else:
                yes, no = self.fork(flow, goes_on)
                value = part(yes)
                if not pure:
                    self.join(flow, goes_on, yes, no)
            combine = self.terms.or_ if decisive else self.terms.and_
            result = combine(result, value)
        return result

    # quantifiers

    def hits(self, expression: ir.Quantifier, wanted: bool, flow: Flow) -> list[Formula]:
        """For each member of the window whether it exists and the body is as wanted."""
        hits = []
        if self.about is not None:
            for there, (member, *_) in self.about.get(id(expression), ()):
                holds = self.evaluator(expression.body, expression.variable, member)(flow)
                hits.append(self.terms.and_(there, holds if wanted else self.terms.not_(holds)))
            return hits
        with self.undisciplined():
            for i, there in enumerate(self.model.present[expression.over]):
                holds = self.evaluator(expression.body, expression.variable, i)(flow)
                hit = holds if wanted else self.terms.not_(holds)
                hits.append(self.terms.and_(there, hit))
        return hits

    def witness(self, expression: ir.Quantifier, wanted: bool, found: Formula, flow: Flow) -> Value:
        """A member for which the body is as wanted, where one was found."""
        member, yes = self.named_member(expression.over, expression.variable, found, flow)
        holds = self.formula(expression.body, yes)
        self.implies(found, holds if wanted else self.terms.not_(holds))
        return member

    def named_member(
        self, over: str, variable: str, found: Formula, flow: Flow
    ) -> tuple[Value, Flow]:
        """A new member that is named where it was found, and the flow there."""
        member = self.model.fresh(self.model.new(variable), ir.Type("index", over))
        yes, _ = self.fork(flow, found)
        self.name(over, member, self.path(yes))
        yes.locals[variable] = member
        return member, yes

    def quantifier(self, expression: ir.Quantifier, flow: Flow) -> Value:
        """`any`, `all` or `count` over all members, those outside too."""
        terms = self.terms
        if expression.op == "count":
            known = id(expression) in self.model.counts and self.about is None
            return self.count(expression, flow) if known else ANYTHING
        wanted = expression.op == "any"
        hit = terms.any_(self.hits(expression, wanted, flow))
        found = self.model.unknown(self.model.new("found"))
        if self.disciplined and self.before is not None:
            member = self.witness(expression, wanted, found, flow)
            self.witnesses.setdefault(id(expression), []).append((found, (member,)))
            self.implies(hit, found)
        else:
            found = terms.or_(hit, found)
        return found if wanted else terms.not_(found)

    def at_most(self, expression: ir.Quantifier, most: int, flow: Flow) -> Formula:
        """Whether a count is not more than a number."""
        terms = self.terms
        if self.about is not None:
            return self._at_most_about(expression, self.about.get(id(expression), ()), flow)
        hits = self.hits(expression, True, flow)
        more = terms.any_(
            terms.not_(terms.any_(terms.not_(hit) for hit in chosen))
            for chosen in itertools.combinations(hits, most + 1)
        )
        found = self.model.unknown(self.model.new("more"))
        if not self.disciplined:
            return terms.not_(terms.or_(more, found))
        members = [self.witness(expression, True, found, flow) for _ in range(most + 1)]
        self.witnesses.setdefault(id(expression), []).append((found, tuple(members)))
        for a, b in itertools.combinations(members, 2):
            self.implies(found, terms.not_(self.model.is_same(a, b, expression.over)))
        self.implies(more, found)
        return terms.not_(found)

    def _at_most_about(
        self, expression: ir.Quantifier, found: Sequence[Witnesses], flow: Flow
    ) -> Formula:
        """Whether a count is not more than a number, about these witnesses alone."""
        terms = self.terms
        more: Formula = self.model.unknown(self.model.new("more"))
        for hit, members in found:
            for member in members:
                holds = self.evaluator(expression.body, expression.variable, member)(flow)
                hit = terms.and_(hit, holds)
            more = terms.or_(more, hit)
        return terms.not_(more)

    def count(self, expression: ir.Quantifier, flow: Flow) -> Value:
        """A count: the contribution of the window, and the rest."""
        terms = self.terms
        total: Value = 0
        for i, hit in enumerate(self.hits(expression, True, flow)):
            if self.before is not None and self.disciplined:
                self._notice_pointers_of(expression, i, hit, flow)
            total = terms.choose(hit, terms.plus(total, 1), total)
        names = {
            n.name
            for n in nodes(expression.body)
            if isinstance(n, ir.Local) and n.name != expression.variable
        }
        (key,) = (flow.locals[name] for name in names)
        at = [(i, self.model.rest(expression, i)) for i in values(key) if i is not None]
        rest = terms.select(key, at)
        if self.before is not None:
            rest = self.rest_now(expression, rest, flow)
        return terms.plus(total, rest)

    def _notice_pointers_of(
        self, count: ir.Quantifier, member: int, hit: Formula, flow: Flow
    ) -> None:
        """Record the members to which the fields of a counted member point."""
        self.noticing, self.disciplined, was = True, False, (self.noticing, self.disciplined)
        there, _ = self.fork(flow, hit)
        self.evaluator(count.body, count.variable, member)(there)
        self.noticing, self.disciplined = was

    def rest_now(self, expression: ir.Quantifier, rest: Value, flow: Flow) -> Value:
        """The rest after a step: as before, unless a member outside contributes otherwise."""
        assert self.before is not None
        terms = self.terms
        outsider = self.model.member_outside(self.model.new("outside"), expression.over)
        with self.undisciplined():
            then = Flow(self.path(flow), self.before, dict(flow.locals))
            evaluate = self.evaluator(expression.body, expression.variable, cast(int, outsider))
            changed = terms.not_(terms.equal(evaluate(then), evaluate(flow)))
        if changed is False:
            return rest
        is_changed = self.model.unknown(self.model.new("changed"))
        self.implies(is_changed, changed)
        _, now = self.named_member(expression.over, expression.variable, is_changed, flow)
        then = Flow(self.path(now), self.before, dict(now.locals))
        contributed, contributes = (
            self.formula(expression.body, then),
            self.formula(expression.body, now),
        )
        self.implies(is_changed, terms.not_(terms.equal(contributed, contributes)))
        return terms.choose(is_changed, MORE, rest)

    # loops

    def loop(self, loop: ir.For, flow: Flow) -> None:
        """An update of many members at once, a search, or a walk of unknown length."""
        body = list(reached(self.model.program, loop.body))
        if any(
            isinstance(n, ir.Guard | ir.Wrong | ir.Unwrap | ir.Return) for n in nodes(loop.body)
        ):
            raise Unsupported(f"{loop.body[0].where}: a loop that may end early")
        stores = [n for n in body if isinstance(n, ir.Store) and self._is_kept(n.field)]
        assigned = {n.name for n in nodes(loop.body) if isinstance(n, ir.SetLocal)}
        outer = [name for name in flow.locals if name in assigned]
        if any(isinstance(n, ir.Local) and n.name in outer for n in nodes(loop.body)):
            self._walk(loop, outer, stores, flow)
            return
        self._refuse_dependence(loop, stores, body)
        before, cells = dict(flow.locals), flow.cells
        unassigned: Formula = True
        with self.undisciplined():
            for i, there in enumerate(self.model.present[loop.over]):
                flow.locals = {**before, loop.variable: i}
                self.block(loop.body, flow)
                for name in outer:
                    if ANYTHING not in (flow.locals[name], before[name]):
                        kept = self.terms.equal(flow.locals[name], before[name])
                        unassigned = self.terms.and_(
                            unassigned, self.terms.or_(self.terms.not_(there), kept)
                        )
        flow.locals = dict(before)
        if outer:
            found = self.model.unknown(self.model.new("found"))
            _, yes = self.named_member(loop.over, loop.variable, found, flow)
            yes.cells = cells
            self.block(loop.body, yes)
            for name in outer:
                flow.locals[name] = self.terms.choose(found, yes.locals[name], before[name])
            self.implies(self.terms.not_(found), unassigned)
        cells = list(flow.cells)
        for store in stores:
            epoch = self.model.epochs[store.field]
            cells[epoch] = self.terms.plus(cells[epoch], 1)
        flow.cells = cells

    def _is_kept(self, field: str) -> bool:
        """Whether anything is known of the field's value."""
        return self.model.program.state[field].value.kind != "int" or field in self.model.counted

    def _walk(self, loop: ir.For, outer: Sequence[str], stores: list[ir.Store], flow: Flow) -> None:
        """A walk of unknown length may lead anywhere."""
        self.walks = True
        if stores:
            raise Unsupported(f"{loop.body[0].where}: a walk that changes the state")
        kinds = {n.name: n.value.type for n in nodes(loop.body) if isinstance(n, ir.SetLocal)}
        for node in nodes(loop.body):
            if isinstance(node, ir.Local) and node.name in outer:
                kinds[node.name] = node.type
        for name in outer:
            flow.locals[name] = self.model.fresh(self.model.new(name), kinds[name])

    def _refuse_dependence(self, loop: ir.For, stores: list[ir.Store], body: list[Node]) -> None:
        """Raise `Unsupported` unless every turn depends on its own member alone.

        A turn changes its own member, and reads nothing that another one changes.
        """
        # in a function that is called the name may be that of another member
        own = {id(n) for n in nodes(loop.body) if self._is_of(n, loop.variable)}
        for store in stores:
            if id(store) not in own:
                raise Unsupported(f"{store.where}: changes more than its own member")
        changed = {store.field for store in stores}
        for node in body:
            if is_state(node) and node.field in changed and id(node) not in own:
                raise Unsupported(f"{loop.body[0].where}: reads what another turn changes")

    @staticmethod
    def _is_of(node: object, variable: str) -> bool:
        """Whether it reads or changes a field of the member with this name."""
        keys = node.keys if isinstance(node, ir.Read | ir.Store) else ()
        return any(isinstance(k, ir.Local) and k.name == variable for k in keys)


def is_step(store: ir.Store) -> bool:
    """Whether it is `s.field[key] += 1`, or -= 1."""
    match store.value:
        case ir.Binary(op="+" | "-", left=ir.Read(field=field, keys=keys), right=ir.Const()):
            return field == store.field and keys == store.keys
    return False
