"""`wakeproof prove --infer`: search for lemmas, prove them like all others, print their text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from wakeproof.commands.output import status_line
from wakeproof.errors import Exit, InputError
from wakeproof.language.model import Model
from wakeproof.language.resolve import Resolved
from wakeproof.prove.infer.lemma_source import sentence
from wakeproof.prove.infer.pdr import INTERRUPTED, Inferred, infer
from wakeproof.prove.infer.proposals import (
    free_names,
    goal_of,
    proposals,
    prove_with,
)
from wakeproof.prove.lemma_sources import resolve_with_lemmas
from wakeproof.prove.proof import Proof
from wakeproof.report.terminal.console import make_console
from wakeproof.report.terminal.counterexamples import print_walk
from wakeproof.scenario.mixes import Mix, mix_name
from wakeproof.util.text import plural

SECONDS = 600.0
"""The time limit of a search by default."""

ONE_AT_A_TIME = "--infer searches for the lemmas of one property in one mix"

NOT_PROVED = "interrupted before the proposals were proved"


def infer_command(
    model: Model, mixes: Sequence[Mix], sizes: Mapping[str, int], wanted: str, seconds: float
) -> int:
    """Search for the lemmas of a property or a site, print them; return the exit status.

    Raises `InputError` for several mixes, or for a goal that the mix does not have.
    """
    console = make_console()
    if len(mixes) != 1:
        raise InputError(
            ONE_AT_A_TIME,
            hint="name the mix: --mix " + mix_name(mixes[-1]),
        )
    (mix,) = mixes
    resolved = resolve_with_lemmas(model, mix)
    goal = goal_of(model, resolved, wanted)
    numbers = ", ".join(f"{number} {name}" for name, number in sizes.items())
    console.print(f"\n{goal}  {mix_name(mix)}  {numbers}", markup=False, highlight=False)
    with status_line(console, "reading") as show:
        found = infer(resolved, sizes, goal, seconds, show)
    print_search(console, found)
    if found.violation is not None:
        print_walk(console, resolved, sizes, found.violation)
        return Exit.NOT_AS_EXPECTED
    if not found.lemmas:
        return Exit.UNKNOWN if found.reason else Exit.AS_EXPECTED
    text, version = proposals(model, mix, resolved, found)
    if found.reason == INTERRUPTED:
        console.print(f"{NOT_PROVED}\n\n{text}", markup=False, highlight=False, soft_wrap=True)
        return Exit.UNKNOWN
    with status_line(console, "proving the proposals") as show:
        proof = prove_with(text, version, model, mix, sizes, show)
    print_proposals(console, goal, proof, resolved, found, text)
    return Exit.AS_EXPECTED if proof.holds(goal) else Exit.UNKNOWN


def print_search(console: Console, found: Inferred) -> None:
    """Print how many states were reached, and why no lemmas were found."""

    def line(text: str) -> None:
        console.print(text, markup=False, highlight=False)

    line(f"reached on walks: {plural(found.states, 'state')}")
    if found.reason and not found.lemmas:
        line(f"no set of lemmas was found: {found.reason}")
    elif not found.lemmas:
        line("no lemma is missing: it is inductive with the facts that there are")


def print_proposals(
    console: Console, goal: str, proof: Proof, resolved: Resolved, found: Inferred, text: str
) -> None:
    """Print each proposal, whether all its obligations are proved, and the text of all."""

    def line(words: str) -> None:
        console.print(words, markup=False, highlight=False, soft_wrap=True)

    names = free_names(resolved.program.functions)
    if not proof.finished:
        line(NOT_PROVED)
    for lemma in found.lemmas:
        name = next(names)
        verdict = "proved" if proof.holds(name) else "not proved"
        line(f"{name}, {verdict}: {sentence(resolved.program, lemma)}")
    if found.again:
        line(f"dropped facts that are inductive with them: {', '.join(found.again)}")
    verdict = "proved" if proof.holds(goal) else "not proved"
    line(f"{goal} is {verdict} with these, at these sizes")
    line("\nproposals, to be kept only with a reason:\n")
    line(text)
