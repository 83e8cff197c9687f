"""Where a program waits for a lock, and from where it can give one back.

A task waits for a lock in vain if no program can give it back that does not wait so itself: the
locks are the programs' own, so nobody else does. Both tables are about the automaton alone, and
what they leave open counts as hope: a task is found to wait in vain only if it does.
"""

from __future__ import annotations

from collections.abc import Iterator

from wakeproof.scenario.automaton import Automaton
from wakeproof.scenario.words import LOCKED, Words

WAITS, FREES = "program_waits", "program_frees"
"""The tables: the lock for which a program waits at a place; whether it can free a lock."""
IN_VAIN = "program_no_lock_in_vain"
"""The function of the woven program that says that no task waits in vain."""


def waits_for(made: Automaton) -> list[int | None]:
    """Return the lock for which a program waits at each place, None at most of them.

    There it asks for the lock, and as long as it is taken it neither changes a lock nor ends.
    """
    found: list[int | None] = []
    for spot in made.spots:
        asked = spot.condition
        waits = asked is not None and asked.name == LOCKED
        if asked is not None and waits:
            for place in reached(made, asked.then, asked.member):
                at = made.spots[place]
                ends = any(action == made.words.ends for action, _ in at.letters)
                waits = waits and at.flag is None and not ends
        found.append(asked.member if asked is not None and waits else None)
    return found


def frees(made: Automaton) -> list[list[bool]]:
    """Return for each place and each lock whether the program can give it back while it is taken.

    Other locks, and all that it waits for, are taken to be there.
    """
    return [
        [
            any(
                (flag := made.spots[at].flag) is not None
                and (flag.flag, flag.value) == (lock, False)
                for at in reached(made, place, lock)
            )
            for lock in range(len(made.locks))
        ]
        for place in range(len(made.spots))
    ]


def reached(made: Automaton, place: int, lock: int) -> set[int]:
    """Return the places that a program can reach while a lock is taken, the first one included."""
    seen: set[int] = set()
    left = [place]
    while left:
        at = left.pop()
        if at in seen:
            continue
        seen.add(at)
        spot = made.spots[at]
        left += spot.letters.values()
        if spot.flag is not None:
            left.append(spot.flag.to)
        if spot.condition is not None:
            asked = spot.condition
            left.append(asked.then)
            if (asked.name, asked.member) != (LOCKED, lock):
                left.append(asked.other)
    return seen


def text_of_waits(words: Words, locks: int, at: str, locked: str) -> Iterator[str]:
    """Yield the functions that say whether a task waits for a lock in vain.

    `at` and `locked` are the fields of the places and of the locks. A chain of tasks that wait for
    each other has a lock for each, so that it is followed as far as there are locks.
    """
    for number in range(locks + 1):
        yield f"def program_goes_on_{number}(member: {words.index}) -> bool:"
        yield f"    lock = p.{WAITS}[s.{at}[member]]"
        yield "    if lock is None:"
        yield "        return True"
        yield f"    if not s.{locked}[lock]:"
        yield "        return True"
        if number:
            frees_it = f"p.{FREES}[s.{at}[other]][lock]"
            goes_on = f"program_goes_on_{number - 1}(other)"
            yield f"    return any({frees_it} and {goes_on} for other in {words.index})"
        else:
            yield "    return False"
    waiting = words.conditions[words.waits.condition].text if words.waits else "True"
    yield f"def {IN_VAIN}() -> bool:"
    yield f"    return all(program_goes_on_{locks}(x) or not ({waiting}) for x in {words.index})"
