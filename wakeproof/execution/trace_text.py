"""A trace as lines of text."""

from __future__ import annotations

from collections.abc import Iterable

from wakeproof.execution.trace import StepRow, call_text

AGAIN = "again and again:"
"""The line before the steps of a loop."""


def for_ever(loop: int, steps: int) -> str:
    """Return how a run of so many steps goes on, the last of which from number `loop` on repeat."""
    if loop == steps:
        return "; but nothing happens any more"
    which = f"step {steps} is" if loop + 1 == steps else f"steps {loop + 1} to {steps} are"
    return f"; but {which} repeated for ever"


def argument_text(name: str, value: str) -> str:
    """Return a value as an argument; only a truth value needs the name of the parameter."""
    return f"{name}={value}" if value in ("true", "false") else value


def step_text(row: StepRow) -> str:
    """Return the action of a step with its arguments."""
    arguments = ", ".join(argument_text(*one) for one in row["arguments"].items())
    return f"{row['action']}({arguments})"


def trace_lines(trace: Iterable[StepRow], loop: int | None = None) -> list[str]:
    """Return the lines of the steps of a trace, each step with its calls.

    The steps from number `loop` on, counted from 0, are repeated for ever.
    """
    lines = []
    for number, row in enumerate(trace, 1):
        if number - 1 == loop:
            lines.append(AGAIN)
        arguments = ", ".join(row["arguments"].values())
        lines.append(f"{number:>2} {row['actor']:<7} {row['action']}({arguments})")
        for call in row["calls"]:
            text = call_text(call, call["arguments"].values())
            lines.append(f"     {'  ' * call['depth']}{text}")
    return lines
