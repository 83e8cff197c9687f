"""The steps that a scenario allows, and those that its script prescribes."""

from __future__ import annotations

from collections.abc import Sequence

from wakeproof.errors import InputError
from wakeproof.execution.trace import StepRow
from wakeproof.language import ir
from wakeproof.language.values import Step
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.parameters import Names, parse_value


def allowed_actions(scenario: Scenario, program: ir.Program) -> list[str]:
    """The actions that may happen, in the order of the model."""
    known = [f.name for f in program.functions.values() if "action" in f.marks]
    for name in (*(scenario.actions or ()), *scenario.without):
        if name not in known:
            raise InputError(
                f"the model has no action {name!r}",
                where=scenario.line_of(f'"{name}"'),
                hint="one of " + ", ".join(known),
            )
    chosen = known if scenario.actions is None else [n for n in known if n in scenario.actions]
    return [n for n in chosen if n not in scenario.without]


def parse_script(scenario: Scenario, program: ir.Program) -> list[Step] | None:
    """The script's lines, `action argument ...`, as steps."""
    if scenario.script is None:
        return None
    return [parse_step(scenario, program, line, scenario.line_of(line)) for line in scenario.script]


def parse_step(scenario: Scenario, program: ir.Program, line: str, where: str) -> Step:
    """Read one line of a script, `action argument ...`; the scenario names every member.

    Raises `InputError` with `where` for what the model does not have.
    """
    name, *words = line.split()
    return _step(program, scenario.names, _action(program, name, where), words, where)


def steps_of(rows: Sequence[StepRow], program: ir.Program, names: Names) -> list[Step]:
    """Read the steps behind the rows of a trace: a row has the words of a line of a script.

    Raises `InputError` with the number of the step for what the model does not have.
    """
    steps = []
    for number, row in enumerate(rows, 1):
        where, arguments = f"step {number}", row["arguments"]
        action = _action(program, row["action"], where)
        words = [arguments[name] for name, _ in action.parameters if name in arguments]
        steps.append(_step(program, names, action, words, where))
    return steps


def _action(program: ir.Program, name: str, where: str) -> ir.Function:
    function = program.functions.get(name)
    if function is None or "action" not in function.marks:
        raise InputError(
            f"the model has no action {name!r}", where=where, hint="see `wakeproof list`"
        )
    return function


def _step(
    program: ir.Program, names: Names, action: ir.Function, words: Sequence[str], where: str
) -> Step:
    """A step of an action with its arguments in the order of the parameters."""
    wanted = action.parameters
    if len(words) != len(wanted):
        usage = " ".join(f"<{n}>" for n, _ in wanted)
        raise InputError(
            f"{action.name} takes {len(wanted)} arguments",
            where=where,
            hint=f"{action.name} {usage}",
        )
    values = [
        parse_value(program, names, kind, word, where)
        for word, (_, kind) in zip(words, wanted, strict=True)
    ]
    return Step(action.name, tuple(values))
