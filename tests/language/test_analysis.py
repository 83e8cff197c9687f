"""Static analysis of the intermediate form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rules import load
from wakeproof.language import ir
from wakeproof.language.analysis import (
    Effects,
    asymmetric_types,
    called,
    conjuncts,
    fields_read,
    fields_written,
    nodes,
    reached,
    terminates,
)

TEXT = '''
def lit(floor: Floor) -> bool:
    """Only reads."""
    return s.lit[floor]


def dares(floor: Floor) -> bool:
    """May go wrong, and changes nothing."""
    if s.total > 2:
        panic("dares")
    return lit(floor)


def most(floor: Floor) -> None:
    """Stores a number."""
    s.total = s.total + 1


@action("test")
def act(floor: Floor) -> None:
    """Guards, then changes."""
    above = s.total
    guard(above < p.goal and lit(floor) and s.last is None)
    if dares(floor):
        s.last = floor
    most(floor)
'''


@pytest.fixture
def program(tmp_path: Path) -> ir.Program:
    return load(tmp_path, TEXT).program


def test_nodes_come_in_the_order_of_the_text(program: ir.Program) -> None:
    names = [
        node.field if isinstance(node, ir.Read) else node.function
        for node in nodes(program.functions["act"].body)
        if isinstance(node, ir.Read | ir.Call)
    ]
    assert names == ["total", "goal", "lit", "last", "dares", "most"]


def test_callees_come_before_their_callers(program: ir.Program) -> None:
    assert [f.name for f in called(program, ["act"])] == ["lit", "dares", "most", "act"]


def test_nodes_of_called_functions_are_reached(program: ir.Program) -> None:
    sites = [n for n in reached(program, program.functions["act"].body) if isinstance(n, ir.Wrong)]
    assert [wrong.site for wrong in sites] == ["dares"]


def test_fields_are_read_and_written_as_in_the_text(program: ir.Program) -> None:
    functions = called(program, ["act"])
    assert fields_read(functions, "s") == {"total", "lit", "last"}
    assert fields_read(functions, "p") == {"goal"}
    assert fields_written(functions) == {"last", "total"}


def test_a_function_that_changes_nothing_and_cannot_go_wrong_is_pure(program: ir.Program) -> None:
    effects = Effects(program, ["act"])
    assert [f.name for f in effects.functions if effects.is_pure_function(f)] == ["lit"]
    assert effects.fails == {"dares", "act"}
    bytes_only = Effects(program, ["act"], range(-128, 128))
    assert bytes_only.fails == {"dares", "most", "act"}, "a number may not fit"


def test_the_head_of_an_action_has_its_guards(program: ir.Program) -> None:
    act = program.functions["act"]
    assert Effects(program, ["act"]).guards(act) == 2
    guard = act.body[1]
    assert isinstance(guard, ir.Guard)
    assert len(conjuncts(guard.condition)) == 3


def test_statements_terminate_if_every_branch_does() -> None:
    where = ir.Where("", 0)
    end, go_on = ir.Return(None, where), ir.Do(ir.Call("most", (), ir.UNIT), where)
    condition = ir.Const(True, ir.BOOL)
    assert terminates((go_on, end))
    assert terminates((ir.If(condition, (end,), (end,), where),))
    assert not terminates((ir.If(condition, (end,), (), where),))
    assert not terminates((go_on,))
    assert not terminates(())


def test_a_type_with_a_named_member_or_an_order_is_asymmetric() -> None:
    floor, door = ir.Type("index", "Floor"), ir.Type("index", "Door")
    first = ir.Const(0, floor)
    named = ir.Binary("==", ir.Local("at", floor), first, ir.BOOL)
    sized = ir.Binary("<", ir.Local("a", door), ir.Local("b", door), ir.BOOL)
    alike = ir.Binary("==", ir.Local("a", door), ir.Local("b", door), ir.BOOL)
    assert asymmetric_types(nodes(named)) == {"Floor"}
    assert asymmetric_types(nodes(sized)) == {"Door"}
    assert asymmetric_types(nodes(alike)) == set()
