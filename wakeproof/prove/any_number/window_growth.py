"""Induction for any number of members: the obligations of `induction.py`, seen in a window."""

from __future__ import annotations

import gc
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from wakeproof.language import ir
from wakeproof.language.resolve import Resolved
from wakeproof.prove.any_number.counts import witnesses
from wakeproof.prove.any_number.window_execution import Unsupported
from wakeproof.prove.any_number.window_induction import ROOM, WindowInduction, left_open
from wakeproof.prove.merged_actions import joint_name
from wakeproof.prove.obligation import (
    Answer,
    Question,
    facts_of,
    site_goal,
    sites_in,
)

GROWTH = 6
"""How many members of one kind more than at first a window may have."""

Goal = tuple[tuple[tuple[str, str], ...], str]
"""A mix, and what is asked in it."""


def decide(
    resolved: Resolved,
    sizes: Mapping[str, int],
    actions: tuple[str, ...],
    questions: Sequence[Question],
) -> list[Answer]:
    """Decide what is asked about an action, or several that are joined.

    `sizes` are those of the first window. It grows until there is room for what the action names,
    then, for a fact or site that is not proved, by members of each kind of which one stayed
    outside. What is not proved where everything that matters is inside is open. An answer about
    actions that are joined is one about each; what is open then is so because of one of them.
    """
    answers = _decide(resolved, sizes, actions, questions)
    if len(actions) == 1:
        return answers
    found = []
    for one in actions:
        goals = _goals_of(resolved.program, one)
        share = (
            replace(a, action=one, seconds=round(a.seconds / len(actions), 3)) for a in answers
        )
        found += [a for a in share if a.goal in goals or a.goal.startswith(ROOM)]
    return found


def _goals_of(program: ir.Program, action: str) -> set[str]:
    """The facts, and the sites that the action has in its text."""
    return {*facts_of(program), *itertools.starmap(site_goal, sites_in(program, [action]))}


def _decide(
    resolved: Resolved,
    sizes: Mapping[str, int],
    actions: tuple[str, ...],
    questions: Sequence[Question],
) -> list[Answer]:
    action = joint_name(actions)
    left = {
        (q.mix, name): dict(sizes)
        for q in questions
        for name in q.wanted
        if not name.startswith(ROOM)
    }
    now = dict(sizes)
    answers: dict[Goal, Answer] = {}
    needs: dict[tuple[tuple[str, str], ...], set[str]] = {}
    try:
        while True:
            induction = WindowInduction(resolved, now, actions, questions)
            rooms = induction.rooms()
            small = {a.goal.removeprefix(ROOM) for a in rooms if a.status != "proved"}
            if not small:
                break
            now = {kind: size + (kind in small) for kind, size in now.items()}
            del induction
            gc.collect()
            if max(now[kind] - sizes[kind] for kind in sizes) > GROWTH:
                reason = f"it names too many {min(small)}"
                return [left_open(action, goal, reason, mix) for mix, goal in left]
        for answer in rooms:
            answers[answer.mix, answer.goal] = answer
            needs.setdefault(answer.mix, set()).update(answer.needs)
        room = dict(now)
        # in an action that names many most facts need one more of each, in a little one few do
        first = {kind: size + (room != sizes) for kind, size in room.items()}
        left = dict.fromkeys(left, first)
        most = {kind: size + 1 + GROWTH for kind, size in room.items()}
        while left:
            some = _alike(left, room)[0]
            now = {kind: max(left[one][kind] for one in some) for kind in sizes}
            if now != induction.model.run.sizes:
                del induction
                gc.collect()
                induction = WindowInduction(resolved, now, actions, questions)
            asked = [
                replace(q, wanted=tuple(name for name in q.wanted if (q.mix, name) in some))
                for q in questions
            ]
            seen = {one: left.pop(one) for one in some}
            for answer in induction.decide(asked):
                one = (answer.mix, answer.goal)
                answers[one] = answer
                if kinds := [k for k in induction.outside(answer) if now[k] < most[k]]:
                    grown = {**seen[one], **{kind: now[kind] + 1 for kind in kinds}}
                    about = _with_witnesses(induction, answer.goal, room)
                    left[one] = {kind: max(size, about[kind]) for kind, size in grown.items()}
    except Unsupported as unsupported:
        for mix, goal in left:
            answers[mix, goal] = left_open(action, goal, str(unsupported), mix)
    return [
        replace(a, needs=tuple(sorted({*a.needs, *needs.get(a.mix, ())}))) for a in answers.values()
    ]


def _with_witnesses(
    induction: WindowInduction, goal: str, room: Mapping[str, int]
) -> dict[str, int]:
    """Room for what the action names, and for those about whom a fact may be broken."""
    fact = induction.facts.get(goal)
    more = witnesses(induction.program, fact) if fact else Counter[str]()
    return {kind: size + more[kind] for kind, size in room.items()}


def _alike(left: Mapping[Goal, Mapping[str, int]], room: Mapping[str, int]) -> list[list[Goal]]:
    """What is best asked in one window: the types of which it needs two or more are the same."""
    found: dict[tuple[str, ...], list[Goal]] = {}
    for one, sizes in left.items():
        large = tuple(kind for kind, size in sizes.items() if size > room[kind] + 1)
        found.setdefault(large, []).append(one)
    return [found[large] for large in sorted(found, key=len)]
