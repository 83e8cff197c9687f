"""Compare the proofs of two versions: which facts are still inductive, and which no longer.

Both versions are proved in all roles at the sizes of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wakeproof.language.model import Model
from wakeproof.prove.houdini import prove
from wakeproof.prove.lemma_sources import sizes_of, with_host_of_lemmas
from wakeproof.prove.obligation import Answer, facts_of
from wakeproof.prove.proof import Deciding, Proof
from wakeproof.scenario.mixes import ROLES
from wakeproof.util.parallel import Workers


@dataclass(frozen=True)
class LostProof:
    """A goal (a fact, or that a site is never reached) which only the old version satisfies.

    `sentence` states the goal; `answer` is an obligation that fails with the new version.
    """

    goal: str
    sentence: str
    answer: Answer


@dataclass(frozen=True)
class ProofChanges:
    """The proofs of the new version compared with those of the old one.

    `kept` are the goals that are proved with both versions, `gained` those with the new one only.
    `obligations` is the number of pairs of action and goal which the old version does not have.
    """

    new: Proof
    lost: tuple[LostProof, ...]
    kept: tuple[str, ...]
    gained: tuple[str, ...]
    obligations: int


def review_proofs(
    new: str,
    old: str,
    model: Model,
    fresh: bool,
    on_done: Callable[[int], None],
    pool: Workers | None = None,
) -> ProofChanges | None:
    """Prove both versions and compare the proofs; return None if interrupted.

    `on_done` is called with the number of actions that are left. The obligations are decided in new
    worker processes or in those of a `pool`.
    """
    model = with_host_of_lemmas(model)
    mixes = [dict.fromkeys(ROLES, version) for version in (old, new)]
    before, after = prove(
        model,
        mixes,
        sizes_of(model),
        lambda job, answers, left: on_done(left),
        Deciding(fresh=fresh, pool=pool),
    )
    return compare_proofs(before, after) if after.finished and before.finished else None


def compare_proofs(before: Proof, after: Proof) -> ProofChanges:
    """Compare the goals that are proved before and after."""
    proved_before, proved_after = _proved(before), _proved(after)
    facts = facts_of(after.resolved.program)
    lost = []
    for goal in proved_before:
        if goal in proved_after or goal not in _goals(after):
            continue
        fact = facts.get(goal)
        sentence = "never reached" if fact is None else fact.marks.get("lemma", fact.doc)
        answer = after.dropped.get(goal) or after.failures(goal)[0]
        lost.append(LostProof(goal, sentence, answer))
    return ProofChanges(
        after,
        tuple(lost),
        tuple(goal for goal in proved_after if goal in proved_before),
        tuple(goal for goal in proved_after if goal not in proved_before),
        len(set(after.answers) - set(before.answers)),
    )


def _goals(proof: Proof) -> dict[str, None]:
    """Return all facts, and all sites that the text of some action names."""
    return dict.fromkeys([*proof.hypotheses, *(goal for _, goal in proof.answers)])


def _proved(proof: Proof) -> list[str]:
    """Return the facts that are inductive and the sites that are never reached."""
    return [goal for goal in _goals(proof) if proof.holds(goal)]
