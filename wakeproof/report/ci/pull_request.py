"""A look at a pull request for CI: JUnit XML, SARIF, annotations and a summary in Markdown.

Files are those of the checkout, so that a reviewer sees what is wrong in the lines of the change.
"""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ElementTree
from typing import Any

from wakeproof.execution.trace_text import trace_lines
from wakeproof.pull_request.result import KINDS, Fault, PlayedFinding, PullRequest
from wakeproof.report.ci import junit, sarif
from wakeproof.report.ci.github import MOST, escaped
from wakeproof.report.pull_request_text import (
    counts_of_findings,
    extent,
    outside_text,
    run_text,
    verdict,
)
from wakeproof.report.review_text import summary as review_summary
from wakeproof.util.markdown import table_head, table_row
from wakeproof.util.text import plural

HELP = "docs/how-to/pull-request.md of Wakeproof describes what is compared."


def pull_request_junit(result: PullRequest) -> str:
    """Return JUnit XML with a suite for each step.

    They are the builds, the layout of the C ABI, the functions that have changed or in which the
    model and the checkout part, the findings, and the review. What is not known is skipped.
    """
    root = ElementTree.Element("testsuites", name="wakeproof pr")
    suite = _suite(root, "build")
    for number, features in enumerate(result.builds):
        seconds = 0.0 if number else result.seconds.get("build", 0.0)
        _case(suite, f"the driver with {', '.join(features) or 'no features'}", seconds)
    faults = result.faults()
    suite = _suite(root, "layout of the C ABI")
    broken = [fault for fault in faults if fault.kind == "layout"]
    for fault in broken:
        _fail(_case(suite, fault.message.partition(": ")[0], file=fault.file), fault)
    if not broken:
        _case(suite, f"as in {result.release}" if not result.layout else "its rules are kept")
    _add_functions(root, result, faults)
    if result.findings:
        suite = _suite(root, "findings")
        for finding in result.findings:
            _add_finding(_case(suite, finding.name), finding)
    if result.review is not None:
        suite = _suite(root, f"{result.review.new} against {result.review.old}")
        worse = [fault for fault in faults if fault.kind == "worse"]
        for fault in worse:
            _fail(_case(suite, fault.message.partition(": ")[0]), fault)
        if not worse:
            _case(suite, "no verdict is worse")
    if not result.finished:
        case = _case(_suite(root, "all"), "finished")
        ElementTree.SubElement(case, "error", type="unknown", message="interrupted")
    return junit.document(root)


def _suite(root: ElementTree.Element, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(root, "testsuite", name=name)


def _case(
    suite: ElementTree.Element, name: str, seconds: float = 0.0, file: str = ""
) -> ElementTree.Element:
    """Add a test case that passes."""
    case = ElementTree.SubElement(
        suite, "testcase", classname=suite.get("name", ""), name=name, time=f"{seconds:.3f}"
    )
    if file:
        case.set("file", file)
    return case


def _fail(case: ElementTree.Element, fault: Fault) -> None:
    """Let a test case fail, with the place and the steps."""
    child = ElementTree.SubElement(case, "failure", type=fault.kind, message=fault.message)
    place = [f"{fault.file}:{fault.line}"] if fault.line else [fault.file] * bool(fault.file)
    child.text = "\n".join([*place, f"must hold: {KINDS[fault.kind]}", *trace_lines(fault.trace)])


def _add_functions(root: ElementTree.Element, result: PullRequest, faults: list[Fault]) -> None:
    """Add a case for each function that has changed, or in which the two sides part."""
    compared = result.compared
    suite = _suite(root, f"{compared.version} beside the checkout")
    parted = {fault.function: fault for fault in faults if fault.kind == "diverges"}
    for function in result.changed:
        if function.name in parted:
            continue
        case = _case(suite, function.name, file=result.below + function.file)
        if function.name in result.outside:
            ElementTree.SubElement(case, "skipped", message="outside of the model")
        elif not compared.reached.get(function.name):
            ElementTree.SubElement(case, "skipped", message="the walks did not reach it")
    for name, fault in parted.items():
        _fail(_case(suite, name, file=fault.file), fault)
    if not parted:
        _case(suite, f"no divergence in {plural(compared.walks, 'walk')}", compared.seconds)


def _add_finding(case: ElementTree.Element, finding: PlayedFinding) -> None:
    """Add what became of a finding: only one that the branch brings, or hides, fails."""
    if finding.word == "brought" or (finding.otherwise and not finding.on_release):
        kind = "brought" if finding.word == "brought" else "fails"
        child = ElementTree.SubElement(case, "failure", type=kind, message=finding.title)
        child.text = finding.test
    elif finding.word in ("unknown", "fails otherwise"):
        says = finding.test or "its test needs a component"
        ElementTree.SubElement(case, "skipped", message=f"{finding.word}: {says}")


def pull_request_sarif(result: PullRequest) -> str:
    """Return a SARIF log: each kind of fault is a rule, each fault an error in the checkout.

    One without a place of its own is where the branch has changed first.
    """
    faults = result.faults()
    kinds = list(dict.fromkeys(fault.kind for fault in faults))
    rules = [
        {
            "id": f"pr/{kind}",
            "shortDescription": {"text": f"It must hold that {KINDS[kind]}."},
            "help": {"text": HELP},
        }
        for kind in kinds
    ]
    return sarif.document(rules, [_result(result, f, kinds.index(f.kind)) for f in faults])


def _result(result: PullRequest, fault: Fault, index: int) -> dict[str, Any]:
    """Return a fault as a result."""
    file, line = _place(result, fault)
    lines = [fault.message, *trace_lines(_plain(fault))]
    words = (fault.kind, fault.function, fault.message if not fault.function else "")
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": line}}
    }
    if fault.function:
        function = {"fullyQualifiedName": fault.function, "kind": "function"}
        location["logicalLocations"] = [function]
    return {
        "ruleId": f"pr/{fault.kind}",
        "ruleIndex": index,
        "level": "error",
        "message": {"text": "\n".join(lines)},
        "locations": [location],
        "partialFingerprints": {"cause/v1": hashlib.sha256("\0".join(words).encode()).hexdigest()},
    }


def _place(result: PullRequest, fault: Fault) -> tuple[str, int]:
    """Return the file and the line of a fault, or else where the branch has changed first."""
    return (fault.file, max(fault.line, 1)) if fault.file else result.where_changed


def _plain(fault: Fault) -> list[Any]:
    """Return the steps of a fault without their calls."""
    return [{**row, "calls": []} for row in fault.trace]


def pull_request_annotations(result: PullRequest) -> list[str]:
    """Return a workflow command of GitHub for each fault, `MOST` at most, in the changed files."""
    lines = []
    for fault in result.faults()[:MOST]:
        file, line = _place(result, fault)
        place = f"file={escaped(file, ',:')},line={line}"
        title = fault.function or fault.kind
        lines.append(f"::error {place},title={escaped(title, ',:')}::{escaped(fault.message)}")
    return lines


def pull_request_summary(result: PullRequest) -> str:
    """Return a summary in Markdown that fits a screen; the steps to the first fault are folded."""
    compared, faults = result.compared, result.faults()
    says = verdict(result, compared)
    lines = [f"## Wakeproof: {says}", ""]
    changed = f"{plural(len(result.changed), 'function')} changed since {result.release}"
    lines.append(f"- {changed}; {extent(result, compared)}")
    missed = [name for name, times in compared.reached.items() if not times]
    if missed:
        lines.append(f"- not reached by the walks: {', '.join(missed)}")
    if result.outside:
        lines.append(f"- outside of the model: {outside_text(result)}")
    lines.append(f"- {counts_of_findings(result)}")
    if result.review is not None:
        lines.append(f"- {review_summary(result.review)}")
    lines.append("")
    if faults:
        lines += table_head("where", "what")
        lines += [table_row(*_cells(result, fault)) for fault in faults[:MOST]]
        if len(faults) > MOST:
            lines.append(table_row(f"and {len(faults) - MOST} more", ""))
        lines.append("")
    if compared.divergences:
        first = compared.divergences[0]
        lines += [
            f"<details><summary>The steps to {first.function}: {run_text(first)}</summary>",
            "",
            "```text",
            *trace_lines([{**row, "calls": []} for row in first.rows]),
            f"the model {first.model}",
            f"the crate {first.crate}",
            "```",
            "",
            "</details>",
            "",
        ]
    return "\n".join(lines)


def _cells(result: PullRequest, fault: Fault) -> tuple[str, str]:
    """Return where a fault is, and what it is."""
    where = f"{fault.file}:{fault.line}" if fault.line else fault.file
    function = f"`{fault.function}` " if fault.function else ""
    return f"{function}{where}" if where else "", fault.message
