"""Read the actions that a scenario allows, and the steps of scripts and traces."""

from __future__ import annotations

from collections.abc import Sequence

from wakeproof.errors import InputError
from wakeproof.execution.trace import StepRow
from wakeproof.language import ir
from wakeproof.language.values import Step
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.parameters import Names, parse_value
from wakeproof.util.text import did_you_mean, plural


def allowed_actions(scenario: Scenario, program: ir.Program) -> list[str]:
    """List the actions that the scenario allows, in the order of the model.

    Raises `InputError` for an action that the model does not have.
    """
    known = [f.name for f in program.functions.values() if "action" in f.marks]
    for name in (*(scenario.actions or ()), *scenario.without):
        if name not in known:
            raise InputError(
                f"the model has no action {name!r}",
                where=scenario.line_of(f'"{name}"'),
                hint=did_you_mean(name, known),
            )
    chosen = known if scenario.actions is None else [n for n in known if n in scenario.actions]
    return [n for n in chosen if n not in scenario.without]


def parse_script(scenario: Scenario, program: ir.Program) -> list[Step] | None:
    """Read the steps of a scenario's script; None without a script."""
    if scenario.script is None:
        return None
    return [parse_step(scenario, program, line, scenario.line_of(line)) for line in scenario.script]


def parse_step(scenario: Scenario, program: ir.Program, line: str, where: str) -> Step:
    """Read one line of a script, `action argument ...`; the scenario names every member.

    Raises `InputError` with `where` for an unknown action or a wrong argument.
    """
    name, *words = line.split() or [""]
    return _step(program, scenario.names, _action(program, name, where), words, where)


def steps_of(rows: Sequence[StepRow], program: ir.Program, names: Names) -> list[Step]:
    """Read the steps of a trace: a row has the words of a line of a script.

    Raises `InputError` with the number of the step for an unknown action or a wrong argument.
    """
    steps = []
    for number, row in enumerate(rows, 1):
        where, arguments = f"step {number}", row["arguments"]
        action = _action(program, row["action"], where)
        words = [arguments[name] for name, _ in action.parameters if name in arguments]
        steps.append(_step(program, names, action, words, where))
    return steps


def turns(steps: Sequence[Step], loop: int | None, count: int) -> list[Step]:
    """Return a run that goes on for ever, with `count` turns of its loop.

    The loop has the steps from number `loop` on, counted from 0; None for a run without one.
    """
    return list(steps) if loop is None else [*steps, *[*steps[loop:]] * (count - 1)]


def _action(program: ir.Program, name: str, where: str) -> ir.Function:
    function = program.functions.get(name)
    if function is None or "action" not in function.marks:
        known = [f.name for f in program.functions.values() if "action" in f.marks]
        raise InputError(
            f"the model has no action {name!r}", where=where, hint=did_you_mean(name, known)
        )
    return function


def _step(
    program: ir.Program, names: Names, action: ir.Function, words: Sequence[str], where: str
) -> Step:
    """Read the step of an action; `words` are its arguments in the order of the parameters."""
    wanted = action.parameters
    if len(words) != len(wanted):
        usage = " ".join(f"<{n}>" for n, _ in wanted)
        raise InputError(
            f"{action.name} takes {plural(len(wanted), 'argument')}, not {len(words)}",
            where=where,
            hint=f"write {action.name} {usage}",
        )
    values = [
        parse_value(program, names, kind, word, where)
        for word, (_, kind) in zip(words, wanted, strict=True)
    ]
    return Step(action.name, tuple(values))
