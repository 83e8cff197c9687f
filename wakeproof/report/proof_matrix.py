"""The matrix of obligations: a line for each fact, a column for each action.

`wakeproof prove` prints it, and the page of proofs shows it.
"""

from __future__ import annotations

from collections.abc import Iterator

from wakeproof.prove.proof import Proof

MARKS = {"proved": "+", "fails": "x", "unknown": "?"}
PLAIN = "."

LEGEND = (
    "+ proved, x fails (a counterexample to induction), ? open; . plain: the action does not touch "
    "what the fact is about."
)


def matrix(proof: Proof) -> Iterator[str]:
    """Yield the numbers of the actions, the facts with their marks, the names of the actions."""
    width = max(len(fact) for fact in proof.hypotheses)
    numbers = range(1, len(proof.actions) + 1)
    for digits in ([str(n // 10 or " ") for n in numbers], [str(n % 10) for n in numbers]):
        yield f"{'':{width}}  {''.join(digits)}"
    for fact in proof.hypotheses:
        found = [proof.answers.get((action, fact)) for action in proof.actions]
        marks = "".join(MARKS[answer.status] if answer else PLAIN for answer in found)
        yield f"{fact:{width}}  {marks}" + ("  not inductive" if fact in proof.dropped else "")
    yield ""
    for number, action in zip(numbers, proof.actions, strict=True):
        yield f"{number:2} {action}"
