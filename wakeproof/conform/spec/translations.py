"""Assertions about components, translated by hand into calls of the model's host layer.

The components of a test share one handle table here: an end that is passed on keeps its index, and
one component's calls follow the other's in the order in which the test makes them. A translation is
of one version of a file, which is known by its digest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wakeproof.conform.host.builtins import ANSWERS, BUILTINS, HostCall, TableSizes
from wakeproof.conform.host.model_side import Impossible, ModelHost
from wakeproof.conform.host.outcome_text import describe_outcome
from wakeproof.errors import InputError
from wakeproof.language.model import Model
from wakeproof.util.toml import load_toml

TABLE = Path(__file__).with_name("translations.toml")
LINE = re.compile(r"(?P<name>[\w. -]+)\((?P<arguments>[^)]*)\)(?: = (?P<outcome>.+)| traps)")
# the end of the message of a store in which nobody can go on
DEADLOCK = "deadlock detected"
WORDS = {"null": 0, "false": 0, "true": 1, **{answer: n for n, answer in enumerate(ANSWERS)}}


@dataclass(frozen=True)
class Translation:
    """The calls of one assertion of a file: an entry of `translations.toml`.

    `number` counts the assertions of the file from 1, `digest` begins its SHA-256. `outcomes` has
    the expected outcome of each call as text, empty for one that traps.
    """

    file: str
    digest: str
    number: int
    calls: tuple[HostCall, ...]
    outcomes: tuple[str, ...]

    @property
    def sizes(self) -> TableSizes:
        """The sizes that suffice."""
        counts = Counter(call.builtin for call in self.calls)
        streams, futures = counts["stream.new"], counts["future.new"]
        others = counts["waitable-set.new"] + counts["call import"]
        handles = max(1, 2 * (streams + futures) + others)
        return TableSizes(handles, max(1, streams), max(1, futures))


@dataclass(frozen=True)
class TranslationPlayed:
    """How a translation ended on the model: the site of its trap, or why it went wrong."""

    trap: str = ""
    waits: bool = False
    wrong: str = ""


def read_translations(path: Path = TABLE) -> list[Translation]:
    """Read the table of translations. Raises `InputError` for a line that is not a call."""
    found = []
    for row in load_toml(path)["translation"]:
        for number, text in enumerate(row["assertions"], 1):
            lines = [line.strip() for line in text.strip().splitlines()]
            if lines:
                calls, outcomes = zip(*(_read_line(line, path) for line in lines), strict=True)
                found.append(Translation(row["file"], row["sha256"], number, calls, outcomes))
    return found


def _read_line(line: str, path: Path) -> tuple[HostCall, str]:
    """Read a call and its outcome, as the comparison with real hosts prints them."""
    read = LINE.fullmatch(line)
    name = read["name"] if read else ""
    words = [word.strip() for word in read["arguments"].split(",") if word.strip()] if read else []
    if read is None or name not in BUILTINS or len(words) != len(BUILTINS[name].takes):
        raise InputError(f"not a call with its outcome: {line}", where=str(path))
    arguments = tuple(WORDS[w] if w in WORDS else int(w.removeprefix("h")) for w in words)
    return HostCall(name, arguments), read["outcome"] or ""


def find_translation(
    translations: Sequence[Translation], file: str, digest: str, number: int
) -> Translation | None:
    """Return the translation of an assertion of a version of a file, if there is one."""
    wanted = (t for t in translations if (t.file, t.number) == (file, number))
    return next((t for t in wanted if digest.startswith(t.digest)), None)


def play_translation(translation: Translation, model: Model) -> TranslationPlayed:
    """Make the calls of a translation on the model, until an outcome is not the expected one."""
    host = ModelHost(model, translation.sizes)
    for call, expected in zip(translation.calls, translation.outcomes, strict=True):
        try:
            outcome = host.call(call)
        except Impossible:
            return TranslationPlayed(wrong=f"the model does not make the call {call}")
        if outcome.trap:
            return TranslationPlayed(outcome.trap, wrong=f"{call} traps" if expected else "")
        outcome = host.with_what_follows(outcome)
        got = describe_outcome(call, outcome)
        if got != expected:
            return TranslationPlayed(wrong=f"{call} = {got}, not {expected or 'a trap'}")
    return TranslationPlayed(waits=host.waiting is not None)
