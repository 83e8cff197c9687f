"""What the functions of a model may do: which are called, which may go wrong, which are pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wakeproof import ir
from wakeproof.emit_c import called, nodes


class Effects:
    """The functions that these roots call, callees first, and what they may do.

    `fails` are those that may go wrong; `written` are the fields that one of them changes.
    """

    def __init__(self, program: ir.Program, roots: Iterable[str]) -> None:
        self.program = program
        self.functions = called(program, roots)
        self.fails: set[str] = set()
        for function in self.functions:
            if self.may_fail(function.body):
                self.fails.add(function.name)
        self.written = {
            n.field for f in self.functions for n in nodes(f.body) if isinstance(n, ir.Store)
        }

    def may_fail(self, tree: Any) -> bool:
        """Whether running this may go wrong, or find that a guard fails."""
        return any(
            isinstance(node, ir.Wrong | ir.Unwrap | ir.Guard)
            or (isinstance(node, ir.Call) and node.function in self.fails)
            for node in nodes(tree)
        )

    def is_pure(self, tree: Any) -> bool:
        """Whether this changes nothing and cannot go wrong: it may stand anywhere."""
        return not self.may_fail(tree) and not any(
            isinstance(node, ir.Call) and self.program.functions[node.function].writes
            for node in nodes(tree)
        )

    def is_pure_function(self, function: ir.Function) -> bool:
        """Whether a call of this function changes nothing and cannot go wrong."""
        return not function.writes and function.name not in self.fails

    def guards(self, function: ir.Function) -> int:
        """How many statements at the head of an action are guards, or locals that they need."""
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
