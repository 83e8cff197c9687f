"""Obligations for any number of members, decided in a window that grows.

The smallest window in which nothing that matters stays outside is a cutoff: what is not proved in
it stays open.
"""

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
from wakeproof.prove.merged_actions import merged_name
from wakeproof.prove.obligation import (
    Answer,
    Question,
    facts_of,
    site_goal,
    sites_in,
)
from wakeproof.symbolic.solver import CADICAL

GROWTH = 6
"""How many members of one kind a window may have more than at first."""

Goal = tuple[tuple[tuple[str, str], ...], str]
"""A mix, and a goal in it."""


def decide(
    resolved: Resolved,
    sizes: Mapping[str, int],
    actions: tuple[str, ...],
    questions: Sequence[Question],
    solver: str = CADICAL,
) -> list[Answer]:
    """Decide the questions about an action, or about several that are merged.

    `sizes` are those of the first window. It grows until it has room for the members that the
    action names, then, for a fact or site that is not proved, by members of each kind of which one
    stayed outside. What is not proved where everything that matters is inside is open. An answer
    about merged actions is one about each of them; what is open then is open because of one of
    them.
    """
    answers = _decide(resolved, sizes, actions, questions, solver)
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
    """The facts, and the sites in the text of the action."""
    return {*facts_of(program), *itertools.starmap(site_goal, sites_in(program, [action]))}


def _decide(
    resolved: Resolved,
    sizes: Mapping[str, int],
    actions: tuple[str, ...],
    questions: Sequence[Question],
    solver: str,
) -> list[Answer]:
    action = merged_name(actions)
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
            induction = WindowInduction(resolved, now, actions, questions, solver=solver)
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
        # most facts need one more of each in an action that names many members, few in a short one
        first = {kind: size + (room != sizes) for kind, size in room.items()}
        left = dict.fromkeys(left, first)
        most = {kind: size + 1 + GROWTH for kind, size in room.items()}
        while left:
            some = _by_window(left, room)[0]
            now = {kind: max(left[one][kind] for one in some) for kind in sizes}
            if now != induction.model.run.sizes:
                del induction
                gc.collect()
                induction = WindowInduction(resolved, now, actions, questions, solver=solver)
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
    """Room for the members that the action names, and those about which a fact is broken."""
    fact = induction.facts.get(goal)
    more = witnesses(induction.program, fact) if fact else Counter[str]()
    return {kind: size + more[kind] for kind, size in room.items()}


def _by_window(left: Mapping[Goal, Mapping[str, int]], room: Mapping[str, int]) -> list[list[Goal]]:
    """The goals grouped by window: the types that need two or more members are the same."""
    found: dict[tuple[str, ...], list[Goal]] = {}
    for one, sizes in left.items():
        large = tuple(kind for kind, size in sizes.items() if size > room[kind] + 1)
        found.setdefault(large, []).append(one)
    return [found[large] for large in sorted(found, key=len)]
