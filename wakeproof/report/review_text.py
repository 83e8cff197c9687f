"""What a review says, for the terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from wakeproof.prove.obligation import facts_of
from wakeproof.review.review import Change, Review

NO_PROOFS = "not asked for; --proofs takes some minutes"


def summary(result: Review) -> str:
    """The review in one sentence."""
    broken = len({(c.property, c.site) for c in result.changes if c.word == "broken"})
    fixed = len({(c.property, c.site) for c in result.changes if c.word == "fixed"})
    rules = sum(not rule.kept for rule in result.rules)
    return (
        f"{result.new} against {result.old}: {broken} violations are new in some mix, {fixed} are "
        f"gone from some mix, {rules} layout rules are broken, {len(result.behaviour)} kinds of "
        "difference that a host can see"
    )


def groups(changes: Iterable[Change]) -> list[tuple[Change, list[Change]]]:
    """Changes of one word, property and site together, each with its shortest trace."""
    found = []
    for _, together in groupby(changes, lambda c: (c.word, c.property, c.site)):
        rows = list(together)
        found.append((min(rows, key=lambda c: len(c.trace)), rows))
    return found


def where(changes: Iterable[Change]) -> str:
    """The mixes of changes, each with its scenarios."""
    mixes: dict[str, list[str]] = {}
    for change in changes:
        mixes.setdefault(change.mix, []).append(change.scenario)
    return "; ".join(f"{mix} ({', '.join(dict.fromkeys(s))})" for mix, s in mixes.items())


def cube_rows(cube: Mapping[str, tuple[str, str, int]]) -> list[tuple[str, str]]:
    """Verdict with property and the number of properties, and the mixes that have it."""
    cells: dict[str, list[str]] = {}
    for mix, (word, prop, number) in sorted(cube.items()):
        others = f" and {number - 1} more" if number > 1 else ""
        cells.setdefault(f"{word} {prop}{others}".strip(), []).append(mix)
    return [(cell, ", ".join(mixes)) for cell, mixes in cells.items()]


def behaviour_bound(result: Review) -> str:
    """How far the two were compared."""
    bounded = f"; a limit was reached in {', '.join(result.bounded)}" if result.bounded else ""
    return f"{result.pairs:,} pairs of states{bounded}"


def proof_lines(result: Review) -> list[str]:
    """What became of the proofs, a line each."""
    proofs = result.proofs
    if proofs is None:
        return [NO_PROOFS]
    sizes = ", ".join(f"{number} {name}" for name, number in proofs.new.sizes.items())
    facts = facts_of(proofs.new.resolved.program)
    inductive = ", ".join(goal for goal in proofs.kept if goal in facts)
    lines = [
        f"{len(proofs.kept)} facts and sites are proved with both, each in all roles, at {sizes}",
        f"still inductive: {inductive or 'nothing'}",
        f"{proofs.obligations} obligations are new",
    ]
    lines += [
        f"no longer proved: {x.goal} ({x.says}), because of {x.answer.action}" for x in proofs.lost
    ]
    return [*lines, *(f"proved with {result.new} only: {goal}" for goal in proofs.gained)]


def _does(calls: tuple[str, ...]) -> str:
    return "; ".join(calls) or "no builtin call"
