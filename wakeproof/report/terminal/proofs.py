"""The proof of a mix on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wakeproof.prove.conclusions import (
    ABSENT,
    OPEN,
    PROVED,
    VIOLATED,
    Conclusion,
)
from wakeproof.prove.proof import Proof
from wakeproof.report.proof_matrix import LEGEND, matrix
from wakeproof.report.terminal.counterexamples import print_counterexample
from wakeproof.scenario.mixes import mix_name
from wakeproof.util.text import plural

# seconds after which an obligation is listed as slow
SLOW = 30
COLOURS = {PROVED: "green", VIOLATED: "yellow", OPEN: "magenta", ABSENT: "dim"}


def print_proof(
    console: Console, proof: Proof, conclusions: Sequence[Conclusion], traces: bool, whole: bool
) -> None:
    """Print the proof of a mix; with `traces` the counterexamples to induction too.

    `whole` prints every obligation about a fact.
    """
    sizes = ", ".join(f"{number} {name}" for name, number in proof.sizes.items())
    console.print(f"\n[bold]{mix_name(proof.mix)}[/bold]  [dim]{sizes}[/dim]")
    _print_conclusions(console, conclusions, "fact" if traces else "property")
    _print_obligations(console, proof, conclusions, traces)
    if whole:
        for one in _both(proof):
            for line in matrix(one):
                console.print(line, markup=False, highlight=False, no_wrap=True)
        console.print(LEGEND, markup=False, style="dim")
    broken_by = dict(proof.dropped) if whole else {}
    if traces:
        opened = [pair for conclusion in conclusions for pair in conclusion.open.items()]
        broken_by |= {goal: answers[0] for goal, answers in opened if answers}
    for goal, answer in broken_by.items():
        print_counterexample(console, proof.resolved, goal, answer)


def _both(proof: Proof) -> list[Proof]:
    """Return the proof at the given sizes and, if there is one, that for any number."""
    return [proof] if proof.any_number is None else [proof, proof.any_number]


def _print_conclusions(
    console: Console, conclusions: Sequence[Conclusion], first_column: str
) -> None:
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for column in (first_column, "verdict", "", "facts needed"):
        table.add_column(column, overflow="fold")
    for conclusion in conclusions:
        table.add_row(
            conclusion.name(),
            Text(conclusion.words(), style=COLOURS[conclusion.verdict()]),
            _details(conclusion),
            str(len(conclusion.needs)) if conclusion.proved else "",
        )
    console.print(table)


def _print_obligations(
    console: Console, proof: Proof, conclusions: Sequence[Conclusion], traces: bool
) -> None:
    """Print the number of obligations, and the lemmas and obligations that stand out."""
    program = proof.resolved.program
    kept = proof.kept()
    broken = [name for name in proof.dropped if name in program.functions]
    console.print(
        f"{plural(len(proof.answers), 'obligation')}; inductive: {plural(len(kept), 'fact')}"
        + (f"; lemmas that are not: {', '.join(broken)}" if broken else "")
    )
    needed = {name for conclusion in conclusions for name in conclusion.needs}
    idle = [name for name in kept if name in program.functions and name not in needed]
    if idle and not traces:
        console.print(f"[dim]lemmas that no property here needs: {', '.join(idle)}[/dim]")
    for answer in (a for one in _both(proof) for a in one.answers.values() if a.seconds > SLOW):
        console.print(f"[dim]slow: {answer.goal} by {answer.action}, {answer.seconds:.0f} s[/dim]")
    if proof.any_number is not None:
        larger = proof.any_number
        console.print(
            f"{plural(len(larger.answers), 'obligation')} for any number; "
            f"inductive: {plural(len(larger.kept()), 'fact')}"
            + (f"; open: {', '.join(larger.dropped)}" if larger.dropped else "")
        )
    if any(conclusion.violated for conclusion in conclusions):
        console.print("[dim]what is violated is so in a scenario of its own sizes[/dim]")


def _details(conclusion: Conclusion) -> str:
    """Return the numbers of sites by verdict, the kind of proof, or the traces."""
    if conclusion.property.outcome and not conclusion.site:
        total = len(conclusion.proved) + len(conclusion.violated) + len(conclusion.open)
        larger = f" ({len(conclusion.any_number)} for any number)" if conclusion.any_number else ""
        return (
            f"{len(conclusion.proved)} of {plural(total, 'site')} proved{larger}, "
            f"{len(conclusion.violated)} violated, {len(conclusion.open)} open"
        )
    if conclusion.proved:
        return "by a window" if conclusion.any_number else "by induction"
    return ", ".join(str(trace) for trace in conclusion.violated.values())
