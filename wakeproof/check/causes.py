"""What a run found, by cause: a property, the site at which it breaks, and the kind of change.

One cause may show in many scenarios, mixes and builds; reports for people and for CI group by it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from wakeproof.check.verdict import (
    Verdict,
    is_amiss,
    is_at_other_sites,
    is_known,
    is_not_reproduced,
    is_refuted,
    is_undecided,
    missing_sites,
    run_of,
)

Key = tuple[str, str, str]
"""What tells one cause from another: the property, the site or nothing, and the verdict."""


@dataclass(frozen=True)
class Cause:
    """Verdicts with the same property, verdict and site.

    `site` is empty for an invariant, and where no violation was found. `verdict` is `violated` or
    `holds`; `missing` for expected sites that were not reached, `refuted` for a violation that the
    released crates do not reproduce, and `unplayed` for one that could not be played on them.
    """

    property_id: str
    site: str
    verdict: str
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def key(self) -> Key:
        """What tells it from other causes."""
        return self.property_id, self.site, self.verdict

    @property
    def name(self) -> str:
        """The property, and the site if there is one."""
        return f"{self.property_id} at {self.site}" if self.site else self.property_id

    @property
    def short_name(self) -> str:
        """The same, and of a site's id all but the module."""
        return f"{self.property_id} at {short_site(self.site)}" if self.site else self.property_id

    @property
    def runs(self) -> list[str]:
        """The mixes with their builds, each once."""
        return list(dict.fromkeys(map(run_of, self.verdicts)))

    def length(self, verdict: Verdict) -> int:
        """Return the number of steps of the trace of one of its verdicts; 0 without a trace."""
        lengths = [len(r["trace"]) for r in verdict.violations if r["site"] == self.site]
        return min(lengths, default=0)

    @property
    def shortest(self) -> Verdict:
        """The verdict with the shortest trace."""
        return min(self.verdicts, key=self.length)


@dataclass(frozen=True)
class Undecided:
    """Verdicts that are open and should not be, all for one reason: what ended their runs."""

    reason: str
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def runs(self) -> list[tuple[str, str]]:
        """The runs, as scenario and mix with the build, each once."""
        return list(dict.fromkeys((v.scenario, run_of(v)) for v in self.verdicts))


def undecided(verdicts: Iterable[Verdict], accepted: Collection[str] = ()) -> list[Undecided]:
    """Return the verdicts that are open and should not be, by the reason.

    `accepted` are verdicts that count as expected, by `name_of`.
    """
    found: dict[str, Undecided] = {}
    for verdict in verdicts:
        if is_undecided(verdict) and name_of(verdict) not in accepted:
            same = found.setdefault(verdict.limit, Undecided(verdict.limit))
            same.verdicts.append(verdict)
    return list(found.values())


def unexpected(verdicts: Iterable[Verdict], accepted: Collection[str] = ()) -> list[Cause]:
    """Return the causes of the verdicts that are decided and not as expected.

    Violations of properties that are expected to hold come first, panics and traps before others,
    then violations at other sites and verdicts that hold; among these the most frequent ones.
    `accepted` are verdicts that count as expected, by `name_of`.
    """
    found: dict[Key, Cause] = {}
    for verdict in verdicts:
        if not is_amiss(verdict) or is_undecided(verdict) or name_of(verdict) in accepted:
            continue
        for key in _keys(verdict):
            found.setdefault(key, Cause(*key)).verdicts.append(verdict)
    order = ("violated", "refuted", "holds", "missing", "unplayed")
    return sorted(
        found.values(),
        key=lambda c: (
            order.index(c.verdict),
            all(is_at_other_sites(verdict) for verdict in c.verdicts),
            not c.site,
            -len(c.verdicts),
        ),
    )


def _keys(verdict: Verdict) -> list[Key]:
    """Return the keys of the causes for which a verdict is not as expected."""
    rows, word = verdict.violations, verdict.verdict
    if verdict.as_expected:
        word = "refuted" if is_refuted(verdict) else "unplayed"
        rows = [row for row in rows if word == "unplayed" or is_not_reproduced(row)]
    elif is_at_other_sites(verdict):
        rows = [row for row in rows if not is_known(verdict, row["site"])]
    keys = [(verdict.property, site, word) for site in dict.fromkeys(row["site"] for row in rows)]
    if missing_sites(verdict):
        keys.append((verdict.property, "", "missing"))
    return keys or [(verdict.property, "", word)]


def known(verdicts: Iterable[Verdict]) -> list[Cause]:
    """Return the causes of the violations that are expected, in the order of the verdicts."""
    found: dict[Key, Cause] = {}
    for verdict in verdicts:
        for row in verdict.violations:
            if is_known(verdict, row["site"]):
                key = (verdict.property, row["site"], "violated")
                found.setdefault(key, Cause(*key)).verdicts.append(verdict)
    return list(found.values())


def name_of(verdict: Verdict) -> str:
    """Name a verdict in one line: scenario, mix and build, property, verdict and sites."""
    sites = sorted({row["site"] for row in verdict.violations if row["site"]})
    words = (verdict.scenario, run_of(verdict), verdict.property, verdict.verdict, *sites)
    return " ".join(words)


def short_site(site: str) -> str:
    """Return a site's id without its first part, the module: `register_waker::prev-is-own`."""
    return site.split("::", 1)[-1]
