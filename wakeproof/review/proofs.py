"""The proofs of a new version beside those of the old one: which facts are no longer inductive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wakeproof.language.model import Model
from wakeproof.prove.houdini import prove
from wakeproof.prove.lemma_sources import sizes_of
from wakeproof.prove.obligation import Answer, facts_of
from wakeproof.prove.proof import Proof
from wakeproof.scenario.mixes import ROLES


@dataclass(frozen=True)
class Lost:
    """A fact, or a site that was never reached, that is proved with the old version only.

    `says` is the sentence of the fact; `answer` an obligation that fails with the new version.
    """

    goal: str
    says: str
    answer: Answer


@dataclass(frozen=True)
class ProofChanges:
    """The proofs of the new version in all roles beside those of the old one.

    `kept` and `gained` are facts and sites that are proved with both, and with the new one only;
    `obligations` are the pairs of action and goal that the old version does not have.
    """

    new: Proof
    lost: tuple[Lost, ...]
    kept: tuple[str, ...]
    gained: tuple[str, ...]
    obligations: int


def review_proofs(
    new: str,
    old: str,
    model: Model,
    fresh: bool,
    on_done: Callable[[int], None],
) -> ProofChanges | None:
    """Prove both versions, each in all roles; None if interrupted.

    `on_done` is called with the number of jobs that are left.
    """
    mixes = [dict.fromkeys(ROLES, version) for version in (old, new)]
    before, after = prove(
        model, mixes, sizes_of(model), lambda job, answers, left: on_done(left), fresh
    )
    return compare(before, after) if after.finished and before.finished else None


def compare(before: Proof, after: Proof) -> ProofChanges:
    """The goals that are proved before, after, and in both."""
    proved_before, proved_after = _proved(before), _proved(after)
    facts = facts_of(after.resolved.program)
    lost = []
    for goal in proved_before:
        if goal in proved_after or goal not in _goals(after):
            continue
        fact = facts.get(goal)
        says = "never reached" if fact is None else fact.marks.get("lemma", fact.doc)
        answer = after.dropped.get(goal) or after.failures(goal)[0]
        lost.append(Lost(goal, says, answer))
    return ProofChanges(
        after,
        tuple(lost),
        tuple(goal for goal in proved_after if goal in proved_before),
        tuple(goal for goal in proved_after if goal not in proved_before),
        len(set(after.answers) - set(before.answers)),
    )


def _goals(proof: Proof) -> dict[str, None]:
    """All facts, and all sites that some action may reach by its text."""
    return dict.fromkeys([*proof.hypotheses, *(goal for _, goal in proof.answers)])


def _proved(proof: Proof) -> list[str]:
    """The facts that are inductive, and the sites that are never reached."""
    return [goal for goal in _goals(proof) if proof.holds(goal)]
