"""SARIF 2.1.0: a site or a property is a rule, a cause in a scenario a result.

What is not as expected is an error. What is known is a note that is suppressed, with the reason of
the scenario, so that a viewer does not count it. A run with verdicts that are not decided and
should be is one warning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from wakeproof import __version__
from wakeproof.check.causes import Cause, Undecided
from wakeproof.check.verdict import Verdict, run_of
from wakeproof.report.overview import Overview, place, runs_of, undecided_text, word_of

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
HOME = "https://github.com/wakeproof/wakeproof"
LEVELS = {
    "violated": "error",
    "refuted": "error",
    "holds": "error",
    "missing": "error",
    "unplayed": "warning",
}
OPEN = "not-decided"
OPEN_RULE = {
    "id": OPEN,
    "shortDescription": {"text": "Every verdict that a scenario expects must be decided."},
    "help": {"text": "A limit ended the run before: raise or leave out --max-states and others."},
}
"""The rule of a run in which verdicts are not decided."""


def sarif(found: Overview) -> str:
    """Return a check as a SARIF log with one run."""
    pairs = [(cause, False) for cause in found.unexpected]
    pairs += [(cause, True) for cause in found.known]
    open_runs = [_open_run(found, same, run) for same in found.open for run in same.runs]
    rules = list(dict.fromkeys(rule_id(cause) for cause, _ in pairs))
    results = [
        _result(found, Cause(cause.property_id, cause.site, cause.verdict, rows), rules, known)
        for cause, known in pairs
        for rows in _by_scenario(cause.verdicts)
    ]
    results += [{**row, "ruleIndex": len(rules)} for row in open_runs]
    described = [_rule(found, rule, [c for c, _ in pairs]) for rule in rules]
    return document(described + [OPEN_RULE] * bool(open_runs), results)


def document(rules: Sequence[dict[str, Any]], results: Sequence[dict[str, Any]]) -> str:
    """Return a log with one run, which has these rules and results."""
    driver = {
        "name": "wakeproof",
        "version": __version__,
        "informationUri": HOME,
        "rules": rules,
    }
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
        ],
    }
    return json.dumps(log, indent=1) + "\n"


def rule_id(cause: Cause) -> str:
    """Return the rule of a cause: its site, or the property where no line of real code is wrong."""
    return cause.site or cause.property_id


def _by_scenario(verdicts: Iterable[Verdict]) -> list[list[Verdict]]:
    """Put the verdicts of each scenario together."""
    rows: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        rows.setdefault(verdict.scenario, []).append(verdict)
    return list(rows.values())


def _rule(found: Overview, rule: str, causes: Sequence[Cause]) -> dict[str, Any]:
    """Describe a rule: what must hold, and what a violation means."""
    cause = next(cause for cause in causes if rule_id(cause) == rule)
    prop, site = found.properties[cause.property_id], found.sites.get(cause.site)
    names = [finding.name for finding in found.named(cause)]
    known = f" Known as {', '.join(names)}." if names else ""
    where = f"{place(site)}. " if site else ""
    return {
        "id": rule,
        "shortDescription": {"text": f"It must hold that {found.must_hold(cause)}."},
        "fullDescription": {"text": f"{where}{prop.means}"},
        "help": {"text": f"{prop.means}{known} `wakeproof explain {rule}` says more."},
        "properties": {"tags": [cause.property_id, *names]},
    }


def _result(found: Overview, cause: Cause, rules: Sequence[str], known: bool) -> dict[str, Any]:
    """Return a cause in one scenario as a result."""
    first, rule = cause.shortest, rule_id(cause)
    text = f"{cause.name}: {word_of(cause)}, in {runs_of(cause)}"
    steps = cause.length(first)
    if steps:
        text += f" ({steps} steps: {found.command_for(cause)})"
    mark = hashlib.sha256("\0".join((*cause.key, first.scenario)).encode()).hexdigest()
    result: dict[str, Any] = {
        "ruleId": rule,
        "ruleIndex": rules.index(rule),
        "level": "note" if known else LEVELS[cause.verdict],
        "message": {"text": text},
        "locations": [_location(found, cause)],
        "partialFingerprints": {"cause/v1": mark},
        "properties": {"scenario": first.scenario, "runs": cause.runs},
    }
    if known:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": first.reason}
        ]
    return result


def _open_run(found: Overview, same: Undecided, run: tuple[str, str]) -> dict[str, Any]:
    """Return a run with verdicts that are not decided as a result."""
    scenario, name = run
    rows = [v for v in same.verdicts if (v.scenario, run_of(v)) == run]
    text = f"{scenario} {name}: {undecided_text(Undecided(same.reason, rows))}"
    mark = hashlib.sha256("\0".join((OPEN, *run)).encode()).hexdigest()
    return {
        "ruleId": OPEN,
        "level": "warning",
        "message": {"text": text},
        "locations": [_scenario_location(found, scenario)],
        "partialFingerprints": {"cause/v1": mark},
        "properties": {"scenario": scenario, "runs": [name], "open": [v.property for v in rows]},
    }


def _scenario_location(found: Overview, scenario: str) -> dict[str, Any]:
    """Return the file of a scenario."""
    path = found.relative(scenario) or f"{scenario}.toml"
    return {"physicalLocation": {"artifactLocation": {"uri": path}, "region": {"startLine": 1}}}


def _location(found: Overview, cause: Cause) -> dict[str, Any]:
    """Return where a cause is: the line of its site at the newest release, else its scenario."""
    site = found.sites.get(cause.site)
    if site is None:
        return _scenario_location(found, cause.shortest.scenario)
    region: dict[str, Any] = {"region": {"startLine": site.places[-1][1]}} if site.places else {}
    return {
        "physicalLocation": {"artifactLocation": {"uri": site.source}, **region},
        "logicalLocations": [{"fullyQualifiedName": site.function, "kind": "function"}],
    }
