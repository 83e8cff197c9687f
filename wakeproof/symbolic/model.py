"""The model of one mix under one run over terms: its states, arguments and parameters."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from wakeproof.errors import ModelError
from wakeproof.language import ir
from wakeproof.language.analysis import effects_of, nodes
from wakeproof.language.values import (
    Run,
    Scalar,
    Snapshot,
    domain,
    key_size,
)
from wakeproof.symbolic.terms import (
    Formula,
    State,
    Terms,
    Value,
)


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
        restricted: Mapping[str, Sequence[Scalar]] = MappingProxyType({}),
    ) -> None:
        """`free` leaves the parameters unknown: of the run only the sizes count.

        An unknown whose name is in `restricted` has these values, not all of its type.
        """
        _refuse_optional_bools(program)
        self._restricted = restricted
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
        """An unknown of this type."""
        return self.terms.unknown(name, self.possible(name, kind))

    def possible(self, name: str, kind: ir.Type) -> Sequence[Scalar]:
        """The values of an unknown of this name and type."""
        return self._restricted.get(name) or domain(self.program, self.run.sizes, kind)

    def fresh_state(self, name: str) -> State:
        """A state whose cells are unknowns."""
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
        """Whether an expression changes nothing and cannot go wrong."""
        # the same nodes come again and again; the program keeps them alive
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


@functools.lru_cache(maxsize=8)
def _refuse_optional_bools(program: ir.Program) -> None:
    """Raise `ModelError` for a value of type `bool | None`.

    Over terms a bool is a formula, which cannot be None.
    """
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
