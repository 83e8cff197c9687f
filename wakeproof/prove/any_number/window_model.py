"""Any number of members: a window on some of them, and everything outside of it left open.

The text is executed for some members of each index type, the window, as always; all other members
are outside. This is a small-model argument: what holds in every window of a certain size holds for
any number of members. A pointer may be OUT, which means no more than that it points to a member
outside. What is read there, whether two such pointers are the same, and whether a member outside
satisfies a condition are unknown, so that every step of a system of any size is among the steps
seen here, if its window is chosen well:

- The window holds all members that the action reads or changes by name. Should it name more than
  the window has room for, then all of the window was named before the first member outside; that
  this never happens is an obligation of its own. So no fact needs what the action would read
  outside.
- It also holds the members about which the fact is broken (for each `any` that is true and each
  `all` that is false one member that makes it so), and those to which these point, as long as there
  is room. The fact held before of the members about which it is broken, wherever they are.
- A `count` is what the window contributes and a rest, which is zero or more. The rest stays as it
  was unless a member outside contributes otherwise than before. A field that a fact equates with
  counts is taken relative to the rests: where a rest is more than one it counts as one, and the
  field is less by as much. So a comparison of the field with a smaller number is open then.
- All other numbers are open.

What is refuted in a window may be refuted for want of room, or of knowledge of the outside: it is
open, never violated.
"""

from __future__ import annotations

import itertools
from collections.abc import (
    Iterator,
    Mapping,
    Sequence,
    Set,
)
from typing import cast

from wakeproof.language import ir
from wakeproof.language.analysis import is_state, reached
from wakeproof.language.values import Run, Scalar, default
from wakeproof.prove.any_number.counts import counted_fields
from wakeproof.symbolic.model import SymbolicModel
from wakeproof.symbolic.terms import (
    Formula,
    Term,
    Terms,
    Value,
    same,
    values,
)

ANYTHING = Term("anything", (), (0,), -1)
"""A number of which nothing is known."""

PAIRS = 4096
"""With more pairs of sources than this, it is open whether two members outside are the same."""


class WindowTerms(Terms):
    """Terms in which a number may be anything."""

    def choose(self, condition: Formula, a: Value, b: Value) -> Value:
        """`a if condition else b`."""
        return ANYTHING if a is ANYTHING or b is ANYTHING else super().choose(condition, a, b)

    def plus(self, a: Value, b: Value) -> Value:
        """The sum of two numbers."""
        return ANYTHING if a is ANYTHING or b is ANYTHING else super().plus(a, b)

    def minus(self, a: Value, b: Value) -> Value:
        """The difference of two numbers."""
        return ANYTHING if a is ANYTHING or b is ANYTHING else super().minus(a, b)


def can_be_out(value: Value, size: int) -> bool:
    """Whether this may be a member outside of a window of this size."""
    return any(v is not None and v >= size for v in values(value))


def _parents_first(value: Term) -> list[Term]:
    """The choices of a value and its leaves, each after all choices that contain it."""
    order: list[Term] = []
    seen: set[Term] = set()
    todo: list[tuple[Term, bool]] = [(value, False)]
    while todo:
        term, done = todo.pop()
        if done:
            order.append(term)
        elif term not in seen:
            seen.add(term)
            todo.append((term, True))
            if term.op == "if":
                todo += [(part, False) for part in term.parts[1:] if isinstance(part, Term)]
    return order[::-1]


class WindowModel(SymbolicModel):
    """A model whose index types have the window's members and any number of others."""

    TERMS = WindowTerms

    def __init__(
        self,
        program: ir.Program,
        sizes: Mapping[str, int],
        facts: Mapping[str, ir.Function],
        blank: Set[str],
        restricted: Mapping[str, Sequence[Scalar]],
    ) -> None:
        """The fields that are `blank` have their first values at the beginning."""
        self.blank = blank
        self.unknowns: dict[str, tuple[Value, ir.Type]] = {}
        self.counted = counted_fields(program, facts)
        self.counts = {id(c): c for field in self.counted.values() for c in field.counts}
        self._numbers = itertools.count()
        self._outside: dict[tuple[object, ...], Value] = {}
        self._sources: dict[Term, list[tuple[Term, Formula]]] = {}
        self._rests: dict[tuple[int, int], Value] = {}
        super().__init__(program, Run(sizes, {}), free=True, restricted=restricted)
        self.epochs = {field: n for n, field in enumerate(program.state, len(self.cells_of("s")))}
        self.present = {
            name: [self.unknown(f"{name} {i} exists") for i in range(size)]
            for name, size in sizes.items()
        }

    def cells_of(self, space: str) -> list[None]:
        """A list as long as the space has cells."""
        total = 0
        for _, sizes in self.places[space].values():
            count = 1
            for size in sizes:
                count *= size
            total += count
        return [None] * total

    # unknowns

    def fresh(self, name: str, kind: ir.Type) -> Value:
        """An unknown of this type, in the window or outside."""
        if kind.kind == "int":
            return ANYTHING
        outside = [self.run.sizes[kind.name]] if kind.kind == "index" else []
        return self._unknown(name, kind, outside)

    def inside(self, name: str, kind: ir.Type) -> Value:
        """An unknown of this type, in the window."""
        return self._unknown(name, kind, [])

    def unknown(self, name: str) -> Formula:
        """An unknown that is true or false."""
        return cast(Formula, self._unknown(name, ir.BOOL, []))

    def new(self, what: str) -> str:
        """A name that is not in use."""
        return f"{what} #{next(self._numbers)}"

    def _unknown(self, name: str, kind: ir.Type, more: list[int]) -> Value:
        if name not in self.unknowns:
            possible = [*self.possible(name, kind), *more]
            self.unknowns[name] = (self.terms.unknown(name, possible), kind)
        return self.unknowns[name][0]

    def number(self, name: str, possible: Sequence[int], kind: ir.Type = ir.INT) -> Value:
        """An unknown number, or member, that is one of these."""
        value = self.terms.unknown(name, possible)
        self.unknowns[name] = (value, kind)
        return value

    def _fresh_cells(self, name: str, fields: Mapping[str, ir.FieldType]) -> list[Value]:
        cells = super()._fresh_cells(name, fields)
        for field in [field for field in self.counted if field in fields]:
            start, (size,) = self.places["s"][field]
            for i in range(size):
                cells[start + i] = self.number(f"{name}.{field}.{i}", range(self._most(field) + 1))
        return cells

    def _most(self, field: str) -> int:
        """The field's largest value: the window's contribution, the rests, and a few more."""
        return sum(self.run.sizes[c.over] + 1 for c in self.counted[field].counts) + 4

    def known(self) -> Iterator[Formula]:
        """The formulas that no pointer leads to a member of the window that does not exist."""
        terms = self.terms
        for value, kind in self.unknowns.values():
            if kind.kind == "index":
                for i, there in enumerate(self.present[kind.name]):
                    yield terms.or_(there, terms.not_(terms.is_(value, i)))
        for members in self.present.values():
            for one, following in itertools.pairwise(members):
                yield terms.or_(one, terms.not_(following))

    # outside

    def is_out(self, value: Value, name: str) -> Formula:
        """Whether a member of this index type is outside of the window."""
        size = self.run.sizes[name]
        return self.terms.any_(
            self.terms.is_(value, v) for v in values(value) if v is not None and v >= size
        )

    def member_outside(self, name: str, kind: str) -> Value:
        """Some member outside."""
        size = self.run.sizes[kind]
        return self.number(name, (size, size + 1))

    def read_outside(
        self, read: ir.Read, keys: tuple[Value, ...], kinds: tuple[str, ...], epoch: int
    ) -> Value:
        """The value of a field where a key is outside: the same for the same unknowns."""
        sizes = [self.run.sizes.get(kind, 0) for kind in kinds]
        members = zip(keys, kinds, sizes, strict=True)
        if not any(kind in self.run.sizes and can_be_out(k, size) for k, kind, size in members):
            return default(read.type)
        if read.space == "s" and read.field in self.blank and epoch == 0:
            return default(read.type)
        name = (read.space, read.field, epoch, keys)
        if name not in self._outside:
            self._outside[name] = self._read_outside(read, keys, kinds, epoch)
        return self._outside[name]

    def _read_outside(
        self, read: ir.Read, keys: tuple[Value, ...], kinds: tuple[str, ...], epoch: int
    ) -> Value:
        for i, key in enumerate(keys):
            if isinstance(key, Term) and key.op == "if":
                condition, a, b = key.parts
                yes, no = (
                    self.read_outside(read, (*keys[:i], part, *keys[i + 1 :]), kinds, epoch)
                    for part in (a, b)
                )
                return self.terms.choose(condition, yes, no)
        named = ", ".join(str(k.parts[0]) if isinstance(k, Term) else str(k) for k in keys)
        name = f"{read.space}.{read.field}[{named}]@{epoch}"
        if read.field in self.counted:
            return self.number(name, range(self._most(read.field) + 1))
        return self.fresh(name, read.type)

    def is_same(self, a: Value, b: Value, kind: str, loosely: bool = False) -> Formula:
        """Whether two members of this index type, or None, are the same.

        If `loosely`, it is left open where both are outside.
        """
        equal = self.terms.equal(a, b)
        both = self.terms.and_(self.is_out(a, kind), self.is_out(b, kind))
        if both is False:
            return equal
        size = self.run.sizes[kind]
        same = self.unknown(self.new("same")) if loosely else self.same_outside(a, b, size)
        return self.terms.and_(equal, self.terms.or_(self.terms.not_(both), same))

    def same_outside(self, a: Value, b: Value, size: int) -> Formula:
        """Whether two members outside of a window of this size are the same."""
        if same(a, b):
            return True
        if not can_be_out(a, size) or not can_be_out(b, size):
            return False
        assert isinstance(a, Term)
        assert isinstance(b, Term)
        key = ("same", *sorted((a, b), key=lambda term: term.number))
        if key not in self._outside:
            self._outside[key] = self._same_outside(a, b, size)
        return cast(Formula, self._outside[key])

    def _same_outside(self, a: Term, b: Term, size: int) -> Formula:
        pairs = list(itertools.product(self.sources(a, size), self.sources(b, size)))
        if len(pairs) > PAIRS:
            return self.unknown(self.new("same"))
        return self.terms.any_(
            self.terms.and_(self.terms.and_(here, there), self._is_same_source(one, other))
            for (one, here), (other, there) in pairs
        )

    def _is_same_source(self, a: Term, b: Term) -> Formula:
        if a is b:
            return True
        first, second = sorted((str(a.parts[0]), str(b.parts[0])))
        return self.unknown(f"{first} is {second}")

    def sources(self, value: Term, size: int) -> list[tuple[Term, Formula]]:
        """The unknowns from which a value that is outside may come, and the condition of each."""
        found = self._sources.get(value)
        if found is None:
            at: dict[Term, Formula] = {value: True}
            found = []
            for term in _parents_first(value):
                when = at[term]
                if term.op != "if":
                    if can_be_out(term, size):
                        found.append((term, when))
                    continue
                condition, yes, no = term.parts
                for part, if_ in ((yes, condition), (no, self.terms.not_(condition))):
                    if isinstance(part, Term):
                        here = self.terms.and_(when, if_)
                        at[part] = self.terms.or_(at.get(part, False), here)
            self._sources[value] = found
        return found

    # the rests of counts

    def rest(self, count: ir.Quantifier, member: int) -> Value:
        """The contribution of the outside to a count at the beginning: none, or one or more."""
        key = (id(count), member)
        if key not in self._rests:
            if {n.field for n in reached(self.program, count.body) if is_state(n)} <= self.blank:
                return 0
            name = f"rest {list(self.counts).index(id(count))} of {member}"
            self._rests[key] = self.number(name, (0, 1))
        return self._rests[key]

    def has_rest(self, field: str, key: Value) -> Formula:
        """Whether the field under this key is too small by an unknown part of the rests."""
        start_sizes = self.places["s"][field][1]
        terms = self.terms
        return terms.any_(
            terms.and_(terms.is_(key, i), terms.is_(self.rest(count, i), 1))
            for i in range(start_sizes[0])
            for count in self.counted[field].counts
        )
