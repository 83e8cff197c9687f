"""Conditions that users type: what they mean, and that nothing else than a condition is taken."""

from __future__ import annotations

import pytest

from tests.support import instance
from wakeproof.errors import ModelError
from wakeproof.execution.machine import Machine
from wakeproof.explore.explorer import Explorer, explore_with
from wakeproof.language.condition import CONDITION, with_condition
from wakeproof.language.values import Step


def holds_at_first(text: str, scenario: str = "issue-1618") -> bool:
    """Whether the condition holds in the first state of a scenario."""
    of = instance(scenario)
    machine = Machine(with_condition(of.resolved, text, of.names), of.run)
    machine.load(machine.initial())
    return not machine.invariants[CONDITION]()


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("s.running is None", True),
        ("s.running == export", False),
        ("s.phase[export] == Phase.ENDED and not s.alive[nested]", True),
        ("s.phase[Task.export] == Phase.POLLING", False),
        ("s.state[first_write] == OperationState.FREE", True),
        ("any(s.alive[t] for t in Task)", False),
        ("count(s.slot[h] != HandleKind.FREE for h in Handle) == 2", True),
        ("program_runs()", False),
        ("s.readable[pipe] == h1", True),
    ],
)
def test_a_condition_means_what_it_means_in_the_model(text: str, holds: bool) -> None:
    assert holds_at_first(text) == holds


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("1 +", "not Python: invalid syntax"),
        ("s.phases[export]", "unknown field s.phases"),
        ("s.phase[export]", "Phase where bool is wanted"),
        ("s.alive[nobody]", "unknown name 'nobody'"),
        ("s.alive[Task.nobody]", "Task has no member 'nobody'"),
        ("s.alive[pipe]", "Channel where Task is wanted"),
        ("unwrap(s.stream[export], 'x') == h1", "the condition may panic, trap or unwrap None"),
        ("wasip3_task_set(None) is None", "the condition changes the state"),
        ("__import__('os').system('true')", "a call must have the form function(argument, ...)"),
        ("__import__('os')", "unknown function '__import__'"),
        ("export.__class__", "Attribute is not in the model language"),
        ("[t for t in Task]", "ListComp is not in the model language"),
        ("(" * 300 + ")" * 300, "not Python: too many nested parentheses"),
        ("x" * 1001, "more than 1,000 characters"),
    ],
)
def test_what_is_not_a_condition_is_refused_in_one_line(text: str, what: str) -> None:
    with pytest.raises(ModelError) as refused:
        holds_at_first(text)
    assert refused.value.what == what
    assert refused.value.hint


def test_a_member_of_two_types_needs_its_type() -> None:
    of = instance("issue-1618")
    names = {**of.names, "Channel": ("export",)}
    with pytest.raises(ModelError, match="export is a member of several types"):
        with_condition(of.resolved, "s.alive[export]", names)
    assert with_condition(of.resolved, "s.alive[Task.export]", names)


@pytest.mark.parametrize("explorer", ["plain", "native"])
def test_an_explorer_finds_the_shortest_way_to_a_condition(explorer: str) -> None:
    of = instance("yield")
    resolved = with_condition(of.resolved, "s.phase[export] == Phase.POLLING", of.names)
    found = explore_with(Explorer(explorer), Machine(resolved, of.run), actions=of.actions)
    assert found.violations[CONDITION, ""].steps == (Step("call_export", (0,)),)
