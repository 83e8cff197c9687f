"""Fields that a fact equates with counts, and the members about which a fact is broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from wakeproof.language import ir
from wakeproof.language.analysis import is_count, nodes, reached


@dataclass(frozen=True)
class Counted:
    """A field that a fact equates with counts, and these counts."""

    field: str
    fact: str
    counts: tuple[ir.Quantifier, ...]


def counted_fields(program: ir.Program, facts: Mapping[str, ir.Function]) -> dict[str, Counted]:
    """The fields of one key that a fact equates with counts over the same key alone."""
    found: dict[str, Counted] = {}
    for name, fact in facts.items():
        for node in nodes(fact.body):
            match node:
                case ir.Binary(
                    op="==", left=ir.Read(space="s", field=field), right=ir.Call() as call
                ):
                    counts = tuple(n for n in reached(program, call) if is_count(n))
                    declared = program.state[field]
                    if counts and declared.value.kind == "int" and len(declared.keys) == 1:
                        found[field] = Counted(field, name, counts)
    for function in program.functions.values():
        # its value is only compared and changed by sums; it goes nowhere else
        seen = {
            id(side)
            for node in nodes(function.body)
            if isinstance(node, ir.Binary)
            for side in (node.left, node.right)
        }
        for node in nodes(function.body):
            if isinstance(node, ir.Read) and node.field in found and id(node) not in seen:
                del found[node.field]
    return found


def witnesses(program: ir.Program, fact: ir.Function) -> Counter[str]:
    """By index type, how many members it takes to show that the fact does not hold."""
    inside = list(reached(program, fact.body))
    found = Counter(n.over for n in inside if isinstance(n, ir.Quantifier) and not is_count(n))
    for node in inside:
        match node:
            case ir.Binary(op="<=", left=ir.Quantifier(over=over), right=ir.Const(value=int(most))):
                found[over] += most + 1
    return found
