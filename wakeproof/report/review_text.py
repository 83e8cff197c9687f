"""Sentences and rows of a review, which the terminal and the page share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from wakeproof.prove.obligation import facts_of
from wakeproof.review.review import Change, Review
from wakeproof.util.text import plural

NOT_COMPARED = "not asked for; --proofs takes some minutes"


def summary(result: Review) -> str:
    """Return the review in one sentence."""
    broken = len({(c.property, c.site) for c in result.changes if c.word == "broken"})
    fixed = len({(c.property, c.site) for c in result.changes if c.word == "fixed"})
    verdicts = (
        f"{result.new} against {result.old}: {plural(broken, 'violation')} new in some mix, "
        f"{fixed} gone from some mix"
    )
    if result.hosts:
        return verdicts
    rules = sum(not rule.kept for rule in result.rules)
    return (
        f"{verdicts}, {plural(rules, 'layout rule')} broken, "
        f"{plural(len(result.behaviour), 'kind')} of difference that a host can see"
    )


def grouped(changes: Iterable[Change]) -> list[tuple[Change, list[Change]]]:
    """Group changes by word, property and site; the first of a pair has the shortest trace."""
    found = []
    for _, group in groupby(changes, lambda c: (c.word, c.property, c.site)):
        rows = list(group)
        found.append((min(rows, key=lambda c: len(c.trace)), rows))
    return found


def mixes_with_scenarios(changes: Iterable[Change]) -> str:
    """List the mixes of changes, each with its scenarios."""
    mixes: dict[str, list[str]] = {}
    for change in changes:
        mixes.setdefault(change.mix, []).append(change.scenario)
    return "; ".join(f"{mix} ({', '.join(dict.fromkeys(s))})" for mix, s in mixes.items())


def compatibility_rows(
    compatibility: Mapping[str, tuple[str, str, int]],
) -> list[tuple[str, str]]:
    """Return each worst verdict, with its properties, and the mixes that have it."""
    cells: dict[str, list[str]] = {}
    for mix, (word, prop, number) in sorted(compatibility.items()):
        others = f" and {number - 1} more" if number > 1 else ""
        cells.setdefault(f"{word} {prop}{others}".strip(), []).append(mix)
    return [(cell, ", ".join(mixes)) for cell, mixes in cells.items()]


def extent_of_lockstep(result: Review) -> str:
    """Say how many pairs of states were compared, and where a limit was reached."""
    bounded = f"; a limit was reached in {', '.join(result.bounded)}" if result.bounded else ""
    return f"{plural(result.pairs, 'pair')} of states{bounded}"


def proof_lines(result: Review) -> list[str]:
    """Return a line for each change of the proofs."""
    proofs = result.proofs
    if proofs is None:
        return [NOT_COMPARED]
    sizes = ", ".join(f"{number} {name}" for name, number in proofs.new.sizes.items())
    facts = facts_of(proofs.new.resolved.program)
    inductive = ", ".join(goal for goal in proofs.kept if goal in facts)
    lines = [
        f"proved with both, each in all roles, at {sizes}: {len(proofs.kept)} facts and sites",
        f"still inductive: {inductive or 'nothing'}",
        f"{plural(proofs.obligations, 'new obligation')}",
    ]
    lines += [
        f"no longer proved: {x.goal} ({x.sentence}), because of {x.answer.action}"
        for x in proofs.lost
    ]
    return [*lines, *(f"proved with {result.new} only: {goal}" for goal in proofs.gained)]


def calls_text(calls: tuple[str, ...]) -> str:
    """Join the builtin calls of a step."""
    return "; ".join(calls) or "no builtin call"
