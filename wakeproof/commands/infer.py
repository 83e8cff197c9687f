"""`wakeproof prove --infer`: look for lemmas, prove them like all others, print their text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
from wakeproof.report.terminal.counterexamples import print_walk
from wakeproof.report.terminal.verdicts import make_console
from wakeproof.scenario.mixes import Mix, mix_name

SECONDS = 600.0
"""How long a search may take if nobody says otherwise."""

NOT_PROVED = "interrupted before the proposals were proved: they are proposals, no more"


def infer_command(
    model: Model,
    mixes: Sequence[Mix],
    sizes: Mapping[str, int],
    options: Mapping[str, Any],
) -> int:
    """Look for lemmas for one property, or one site of a way to go wrong, in one mix."""
    console = make_console()
    if len(options["properties"]) != 1 or len(mixes) != 1:
        raise InputError(
            "--infer looks for the lemmas of one property in one mix",
            hint="name it: --infer --property one-home",
        )
    for option, said in (
        ("any_number", "--any-number"),
        ("json_file", "--json"),
        ("report_file", "--report"),
        ("certificates", "--certificates"),
    ):
        if options[option]:
            raise InputError(
                f"--infer proposes lemmas, and has no {said}",
                hint="put the proposals into the lemmas, then prove",
            )
    (mix,) = mixes
    resolved = resolve_with_lemmas(model, mix)
    goal = goal_of(model, resolved, options["properties"][0])
    numbers = ", ".join(f"{number} {name}" for name, number in sizes.items())
    console.print(f"\n{goal}  {mix_name(mix)}  {numbers}", markup=False, highlight=False)
    with status_line(console, "reading") as say:
        found = infer(resolved, sizes, goal, options["seconds"] or SECONDS, say)
    say_how_it_went(console, found)
    if found.violation is not None:
        print_walk(console, resolved, sizes, found.violation)
        return Exit.NOT_AS_EXPECTED
    if not found.lemmas:
        return Exit.UNKNOWN if found.reason else Exit.AS_EXPECTED
    text, version = proposals(model, mix, resolved, found)
    if found.reason == INTERRUPTED:
        console.print(f"{NOT_PROVED}\n\n{text}", markup=False, highlight=False, soft_wrap=True)
        return Exit.UNKNOWN
    with status_line(console, "proving what is proposed") as say:
        proof = prove_with(text, version, model, mix, sizes, say)
    return say_what_is_proved(console, goal, proof, resolved, found, text)


def say_how_it_went(console: Console, found: Inferred) -> None:
    """Whether the search came to its end."""

    def line(text: str) -> None:
        console.print(text, markup=False, highlight=False)

    line(f"{found.states} states were reached on walks")
    if found.reason and not found.lemmas:
        line(f"no set of lemmas was found: {found.reason}")
    elif not found.lemmas:
        line("no lemma is missing: it is inductive with the facts that there are")


def say_what_is_proved(
    console: Console, goal: str, proof: Proof, resolved: Resolved, found: Inferred, text: str
) -> int:
    """Each proposal, whether every obligation of it is proved, and the text of all."""

    def line(words: str) -> None:
        console.print(words, markup=False, highlight=False, soft_wrap=True)

    names = free_names(resolved.program.functions)
    if not proof.finished:
        line(NOT_PROVED)
    for lemma in found.lemmas:
        name = next(names)
        verdict = "proved" if proof.holds(name) else "not proved"
        line(f"{name}, {verdict}: {sentence(resolved.program, lemma)}")
    holds = proof.holds(goal)
    if found.again:
        line(f"facts that fell and that the search takes up again: {', '.join(found.again)}")
    line(f"{goal} is {'proved' if holds else 'not proved'} with these, at these sizes")
    line("\nproposals, to be kept only with a reason:\n")
    line(text)
    return Exit.AS_EXPECTED if holds else Exit.UNKNOWN
