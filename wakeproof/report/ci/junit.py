"""JUnit XML: a suite for each scenario, a test case for each property in each run."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from wakeproof.check.causes import name_of, unexpected
from wakeproof.check.verdict import (
    Verdict,
    is_amiss,
    is_at_other_sites,
    is_undecided,
    missing_sites,
    run_of,
)
from wakeproof.execution.trace_text import trace_lines
from wakeproof.report.overview import Overview, place
from wakeproof.util.text import plural

# XML 1.0 has no other control characters
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def junit(found: Overview) -> str:
    """Return a check as JUnit XML.

    A test case fails if its verdict is not as expected and not in the baseline. Where a run has
    verdicts that are open for one reason, the first case is an error and the others are skipped.
    The first case of a run has its seconds. A scenario whose actions are not as it expects has a
    case for these.
    """
    root = ElementTree.Element("testsuites", name="wakeproof")
    suites: dict[str, ElementTree.Element] = {}
    timed: set[tuple[str, str]] = set()
    ended: set[tuple[str, str, str]] = set()
    for verdict in found.verdicts:
        suite = suites.get(verdict.scenario)
        if suite is None:
            suite = ElementTree.SubElement(root, "testsuite", name=verdict.scenario)
            suites[verdict.scenario] = suite
        run = (verdict.scenario, run_of(verdict))
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"{verdict.scenario} {run[1]}",
            name=verdict.property,
            time="0" if run in timed else f"{verdict.seconds:.3f}",
        )
        timed.add(run)
        if path := found.relative(verdict.scenario):
            case.set("file", path)
        reason = (*run, verdict.limit)
        if is_undecided(verdict) and not _is_accepted(verdict, found):
            if reason in ended:
                message = _message(verdict, ())
                ElementTree.SubElement(case, "skipped", type="unknown", message=message)
                continue
            ended.add(reason)
        _add_outcome(case, verdict, found)
    for scenario, actions in found.actions.items():
        words = ", ".join(f"{name}: {what}" for name, what in actions.items())
        case = ElementTree.SubElement(
            suites[scenario], "testcase", classname=scenario, name="actions", time="0"
        )
        ElementTree.SubElement(case, "failure", type="actions", message=words)
    return document(root)


def document(root: ElementTree.Element) -> str:
    """Return test suites as a document, with the counts of each."""
    for element in (*root, root):
        cases = list(element.iter("testcase"))
        element.set("tests", str(len(cases)))
        for name, children in (("failures", "failure"), ("errors", "error")):
            element.set(name, str(len(list(element.iter(children)))))
        if skipped := list(element.iter("skipped")):
            element.set("skipped", str(len(skipped)))
        element.set("time", f"{sum(float(case.get('time', 0)) for case in cases):.3f}")
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode", xml_declaration=False)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{CONTROL.sub("", text)}\n'


def _is_accepted(verdict: Verdict, found: Overview) -> bool:
    """Return whether a verdict is as expected, or in the baseline."""
    return not is_amiss(verdict) or name_of(verdict) in found.accepted


def _add_outcome(case: ElementTree.Element, verdict: Verdict, found: Overview) -> None:
    """Add the failure or error of a verdict that is not as expected."""
    if _is_accepted(verdict, found):
        return
    unknown = is_undecided(verdict)
    sites = {cause.site for cause in unexpected([verdict])}
    rows = [row for row in verdict.violations if row["site"] in sites]
    child = ElementTree.SubElement(
        case,
        "error" if unknown else "failure",
        type="unknown" if unknown else verdict.verdict,
        message=_message(verdict, [row["site"] for row in rows if row["site"]]),
    )
    says = found.properties[verdict.property].says
    lines = [f"expected and not reached: {site}" for site in missing_sites(verdict)]
    for row in rows:
        site = found.sites.get(row["site"])
        lines += [place(site)] if site else []
        lines += [f"must hold: {site.condition if site else says}", *trace_lines(row["trace"])]
    child.text = "\n".join(lines)


def _message(verdict: Verdict, sites: Sequence[str]) -> str:
    """Return a verdict that is not as expected in one line, with the first of its new sites."""
    if is_undecided(verdict):
        return f"unknown; {verdict.limit}"
    word = verdict.verdict
    if sites:
        word += f" at {sites[0]}"
        word += f" and {plural(len(sites) - 1, 'more site')}" if sites[1:] else ""
    if verdict.as_expected:
        return f"{word}; {'; '.join(row.get('real', '') for row in verdict.violations)}"
    if not is_at_other_sites(verdict):
        return f"{word}; expected {verdict.expected}: {verdict.reason}"
    missing = f"; {plural(len(missing_sites(verdict)), 'expected site')} not reached"
    return f"{word}, expected at other sites{missing if missing_sites(verdict) else ''}"
