"""A baseline: the verdicts that are not as expected today, so that only what is new fails.

It is a text file with a verdict a line, as `causes.name_of` writes it; `#` begins a comment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from wakeproof.check.causes import name_of
from wakeproof.check.verdict import Verdict, is_amiss, run_of
from wakeproof.errors import InputError
from wakeproof.util.text import read_text

HEAD = "# Verdicts that are not as expected and known: `wakeproof check --baseline`.\n"
VERDICTS = {"holds", "violated", "unknown"}
WORDS = 3
"""The fewest words before the verdict: scenario, mix and build, property."""


def read_baseline(path: Path) -> frozenset[str]:
    """Return the verdicts of a baseline. Raises `InputError` for a file that is not one."""
    names = set()
    hint = "`wakeproof check --write-baseline FILE` writes one"
    for number, line in enumerate(read_text(path, hint).splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            words = line.split()
            if not VERDICTS & set(words[WORDS:]):
                raise InputError("not a verdict", where=f"{path}:{number}", hint=hint)
            names.add(" ".join(words))
    return frozenset(names)


def baseline_of(verdicts: Iterable[Verdict]) -> str:
    """Return the text of a baseline with all of the verdicts that are not as expected."""
    wrong = {name_of(v) for v in verdicts if is_amiss(v)}
    return HEAD + "".join(f"{name}\n" for name in sorted(wrong))


def gone(baseline: Collection[str], verdicts: Iterable[Verdict]) -> int:
    """Return how many verdicts of a baseline are about runs of these verdicts, and not there."""
    there, checked = set(), set()
    for verdict in verdicts:
        checked.add((verdict.scenario, run_of(verdict), verdict.property))
        if is_amiss(verdict):
            there.add(name_of(verdict))
    return sum(name not in there and _about(name) in checked for name in baseline)


def _about(name: str) -> tuple[str, str, str]:
    """Return the scenario, the run and the property of a verdict's name."""
    words = name.split()
    place = next(n for n, word in enumerate(words) if n >= WORDS and word in VERDICTS)
    return words[0], " ".join(words[1 : place - 1]), words[place - 1]
