"""The pages of the violations of a check, as HTML: one for each, and an index over them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from wakeproof.check.grouping import builds_of, group_violations, places
from wakeproof.check.verdict import Verdict, ViolationRow, is_known
from wakeproof.export.ending import ending_of, last_words
from wakeproof.export.page import index_page
from wakeproof.export.picture import Extra, picture
from wakeproof.findings.known_releases import known_violation
from wakeproof.language.model import Model
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.instance import Instance
from wakeproof.util.text import plural

INDEX = "index.html"
FEW = 4
"""How many runs the index names; the page names them all."""
LONGEST = 150
"""How many characters the name of a page has at most, without its number and suffix."""


@dataclass(frozen=True)
class Entry:
    """A violation in the index: the file of its page, what it is, how it ends, in which mixes."""

    file: str
    scenario: str
    property: str
    ending: str
    mixes: str
    steps: int
    known: bool


def violation_files(
    scenarios: Sequence[Scenario], verdicts: Sequence[Verdict], model: Model
) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page; the index, which links to the others, is the last.

    A page is about the violation of a property at a site in a scenario, in its shortest trace.
    """
    entries: list[Entry] = []
    for scenario in scenarios:
        rows = [verdict for verdict in verdicts if verdict.scenario == scenario.name]
        for (prop, site), found in group_violations(rows).items():
            verdict, violation = min(found, key=lambda one: len(one[1]["trace"]))
            mixes = places([v for v, _ in found], builds_of(rows))
            entry = Entry(
                _file_of((scenario.name, prop, site), [entry.file for entry in entries]),
                scenario.name,
                prop,
                last_words(ending_of(model, prop, violation)),
                mixes if len(found) <= FEW else plural(len(found), "run"),
                len(violation["trace"]),
                all(is_known(v, row["site"]) for v, row in found),
            )
            entries.append(entry)
            yield entry.file, _page(scenario, verdict, violation, model, mixes)
    yield INDEX, index_page(entries)


def _page(
    scenario: Scenario, verdict: Verdict, violation: ViolationRow, model: Model, mixes: str
) -> str:
    """Return the page of a violation."""
    instance = Instance(scenario, verdict.mix, model, verdict.features)
    known = known_violation(instance, verdict.property, violation)
    extra = Extra(index=INDEX, facts=(("Mixes", mixes),))
    return picture(instance, verdict.property, violation, "html", known, extra)


def _file_of(names: Sequence[str], taken: Collection[str]) -> str:
    """Return the name of the file of a page, which no other page has."""
    name = re.sub(r"\W+", "-", "-".join(filter(None, names)))[:LONGEST]
    numbered = (f"{name}-{number}.html" for number in itertools.count(2))
    return next(file for file in itertools.chain([f"{name}.html"], numbered) if file not in taken)
