"""`wakeproof explain`: say what a panic, a trap or another text is about."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from wakeproof.commands.inputs import chosen_model
from wakeproof.commands.options import ModelOptions
from wakeproof.errors import InputError
from wakeproof.report.terminal.console import make_console


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(ModelOptions):
    """The words of a text; `-` is standard input."""

    text: tuple[str, ...]


def explain_command(options: ExplainOptions) -> None:
    """Print what a text is about. Raises `InputError` if nothing in it is known."""
    from wakeproof.findings.explain import explain
    from wakeproof.findings.registry import load_findings
    from wakeproof.report.terminal.explanation import print_explanation
    from wakeproof.report.terminal.finding import print_finding

    text = " ".join(options.text)
    if text == "-":
        text = sys.stdin.read()
    if not text.strip():
        raise InputError("the text is empty", hint="give the message in quotes")
    model = chosen_model(options)
    findings, cures = load_findings()
    console = make_console()
    for finding in findings:
        if finding.name == text.strip():
            print_finding(console, finding, cures.get(finding.cure), model)
            return
    print_explanation(console, explain(text, model, findings), cures, model)
