"""Static analysis of the intermediate form: nodes, calls, fields, guards and effects.

Everything that is derived from a model's text without running it stands here: the nodes of a tree,
the functions that are called, which of them may go wrong, the fields that they write, and the
guards at the head of an action.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from typing import Any, TypeGuard, get_args

from wakeproof.language import ir

Node = ir.Expr | ir.Stmt

PARTS: dict[type, tuple[str, ...]] = {
    kind: tuple(f.name for f in dataclasses.fields(kind) if re.search("Expr|Stmt", str(f.type)))
    for kind in (*get_args(ir.Expr), *get_args(ir.Stmt))
}
"""The fields of every kind of node that hold other nodes, in the order of the text."""
REVERSED = {kind: parts[::-1] for kind, parts in PARTS.items()}


def nodes(tree: object) -> Iterator[Node]:
    """Yield every node of a tree, its root included, in the order of the text.

    `tree` is a node or nested tuples of nodes; anything else in it is skipped.
    """
    left: list[Any] = [tree]
    while left:
        node = left.pop()
        if type(node) is tuple:
            left += node[::-1]
        elif (parts := REVERSED.get(type(node))) is not None:
            yield node
            for part in parts:
                left.append(getattr(node, part))


def is_state(node: object) -> TypeGuard[ir.Read]:
    """Return whether a node reads a field of the state."""
    return isinstance(node, ir.Read) and node.space == "s"


def is_store(node: object) -> TypeGuard[ir.Store]:
    """Return whether a node changes a field of the state."""
    return isinstance(node, ir.Store)


def is_count(node: object) -> TypeGuard[ir.Quantifier]:
    """Return whether a node is a `count`."""
    return isinstance(node, ir.Quantifier) and node.op == "count"


def terminates(statements: tuple[ir.Stmt, ...]) -> bool:
    """Return whether control never runs past these statements."""
    match statements[-1:]:
        case (ir.Return() | ir.Wrong(),):
            return True
        case (ir.If(then=then, other=other),):
            return terminates(then) and terminates(other)
    return False


def conjuncts(condition: ir.Expr) -> list[ir.Expr]:
    """Split a condition into the conjuncts of its outermost `and`s, in order."""
    if isinstance(condition, ir.Logic) and condition.op == "and":
        return [part for value in condition.values for part in conjuncts(value)]
    return [condition]


def asymmetric_types(nodes: Iterable[Node]) -> set[str]:
    """Return the index types whose members are not interchangeable in these nodes.

    A node names a member of the type, or compares two members by size.
    """
    found: set[str] = set()
    for node in nodes:
        match node:
            case ir.Const(value=value, type=kind) if kind.kind == "index" and value is not None:
                found.add(kind.name)
            case ir.Binary(op=op, left=left, right=right) if op not in ("==", "!="):
                found |= {e.type.name for e in (left, right) if e.type.kind == "index"}
    return found


def operands(value: ir.Expr) -> tuple[ir.Expr, ...]:
    """Return the direct operands of an expression, in the order of the text."""
    found: list[ir.Expr] = []
    for part in PARTS[type(value)]:
        inner = getattr(value, part)
        found += inner if isinstance(inner, tuple) else (inner,)
    return tuple(found)


def with_operands(value: ir.Expr, changed: Iterable[ir.Expr]) -> ir.Expr:
    """Replace the `operands` of an expression by others, one for each, in their order."""
    left = iter(changed)
    changes: dict[str, Any] = {}
    for part in PARTS[type(value)]:
        inner = getattr(value, part)
        changes[part] = tuple(next(left) for _ in inner) if isinstance(inner, tuple) else next(left)
    return dataclasses.replace(value, **changes)


def assigned(body: tuple[Any, ...]) -> list[str]:
    """List the locals that statements assign, each once, in the order of the text."""
    return list(dict.fromkeys(n.name for n in nodes(body) if isinstance(n, ir.SetLocal)))


def own_locals(body: tuple[Any, ...], part: tuple[Any, ...]) -> set[str]:
    """Return the locals that a part of a function's body assigns and that no other part names."""
    everywhere, here = (
        Counter(n.name for n in nodes(tree) if isinstance(n, ir.SetLocal | ir.Local))
        for tree in (body, part)
    )
    return {name for name in assigned(part) if everywhere[name] == here[name]}


@functools.lru_cache(maxsize=1 << 14)
def callees(function: ir.Function) -> tuple[str, ...]:
    """Return the names that a function calls, each once, in the order of the text."""
    names = (node.function for node in nodes(function.body) if isinstance(node, ir.Call))
    return tuple(dict.fromkeys(names))


def called(program: ir.Program, roots: Iterable[str]) -> list[ir.Function]:
    """List the functions with these names and all that they call, callees first."""
    found: dict[str, ir.Function] = {}

    def visit(name: str) -> None:
        if name not in found:
            function = program.functions[name]
            for callee in callees(function):
                visit(callee)
            found[name] = function

    for name in roots:
        visit(name)
    return list(found.values())


def reached(program: ir.Program, tree: object) -> Iterator[Node]:
    """Yield the nodes of a tree and of every function that is called from it."""
    done: set[str] = set()
    todo: list[object] = [tree]
    while todo:
        for node in nodes(todo.pop()):
            yield node
            if isinstance(node, ir.Call) and node.function not in done:
                done.add(node.function)
                todo.append(program.functions[node.function].body)


def fields_read(functions: Iterable[ir.Function], space: str) -> set[str]:
    """Return the fields of a space, `s` or `p`, that these functions read."""
    return {
        node.field
        for function in functions
        for node in nodes(function.body)
        if isinstance(node, ir.Read) and node.space == space
    }


def fields_written(functions: Iterable[ir.Function]) -> set[str]:
    """Return the fields of the state that these functions change."""
    return {node.field for f in functions for node in nodes(f.body) if is_store(node)}


class Effects:
    """Effects of the functions that some roots call: which may go wrong, which are pure.

    `functions` are the roots and all that they call, callees first; `fails` are the names of
    those that may go wrong or whose guard may fail, `impure` of these and of all that write.
    """

    def __init__(
        self, program: ir.Program, roots: Iterable[str], numbers: Container[object] | None = None
    ) -> None:
        """With `numbers`, a store of a number that may be outside them counts as going wrong."""
        self.program = program
        self.numbers = numbers
        self.functions = called(program, roots)
        self.fails: set[str] = set()
        for function in self.functions:
            if self.may_fail(function.body):
                self.fails.add(function.name)
        self.impure = self.fails | {f.name for f in self.functions if f.writes}

    def may_fail(self, tree: object) -> bool:
        """Return whether the execution of a tree may go wrong or meet a guard that fails."""
        for node in nodes(tree):
            match node:
                case ir.Wrong() | ir.Unwrap() | ir.Guard():
                    return True
                case ir.Call(function=name) if name in self.fails:
                    return True
                case ir.Store(value=value) if self.may_overflow(value):
                    return True
        return False

    def may_overflow(self, value: ir.Expr) -> bool:
        """Return whether a stored value may be a number outside `numbers`."""
        if self.numbers is None or value.type.kind != "int":
            return False
        return not isinstance(value, ir.Const) or value.value not in self.numbers

    def is_pure(self, values: ir.Expr | tuple[ir.Expr, ...]) -> bool:
        """Return whether the evaluation of these values changes nothing and cannot go wrong."""
        for node in nodes(values):
            if isinstance(node, ir.Unwrap):
                return False
            if isinstance(node, ir.Call) and node.function in self.impure:
                return False
        return True

    def is_pure_function(self, function: ir.Function) -> bool:
        """Return whether a call of this function changes nothing and cannot go wrong."""
        return function.name not in self.impure

    def has_effect(self, value: object) -> TypeGuard[ir.Call]:
        """Return whether a value is a call of a function that is not pure."""
        return isinstance(value, ir.Call) and value.function in self.impure

    def guards(self, function: ir.Function) -> int:
        """Return the length of the head of an action: its guards, and the locals that they read."""
        length = 0
        assigned: set[str] = set()
        for i, statement in enumerate(function.body):
            match statement:
                case ir.Guard(condition=condition) if self.is_pure(condition):
                    length = i + 1
                case ir.SetLocal(name=name, value=value) if (
                    self.is_pure(value) and name not in assigned
                ):
                    assigned.add(name)
                case _:
                    break
        return length


@functools.lru_cache(maxsize=8)
def effects_of(program: ir.Program) -> Effects:
    """Return the effects of all functions of a program."""
    return Effects(program, program.functions)
