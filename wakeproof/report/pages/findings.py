"""The pages of the findings: a folder of files for each, and the page over all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from wakeproof.crates.releases import releases
from wakeproof.execution.trace_text import trace_lines
from wakeproof.export.issue import PASSED, Report, issue, outcome_words
from wakeproof.export.picture import Extra, picture
from wakeproof.export.rust.files import rust_test
from wakeproof.findings.cases import RETURNS, Case
from wakeproof.findings.run_crates import CrateResult
from wakeproof.findings.runs import TRACE
from wakeproof.report.pages.matrix import FAILS, NOT_RUN, PASSES, matrix
from wakeproof.util.markdown import table_head, table_row

MATRIX_TITLE = "Which finding fails on which release of wit-bindgen"


def finding_files(
    case: Case, results: Sequence[CrateResult], components: Mapping[str, str]
) -> dict[str, str]:
    """Return the files of a finding by path: its trace, report, outcome, page, diagram and test.

    A finding that needs several releases has no test.

    `components` maps the label of a run to what the user of Wasmtime saw.
    """
    finding, model = case.finding, case.instance.model
    document = {"tool": "wakeproof", "version": "findings", "results": [case.result]}
    released = [(case.label(r.run), r.line) for r in results if r.run.cure is None]
    if not case.is_crate:
        released = _on_wasmtime(case, components)
    known = finding.known(case.cure, released, not case.is_crate)
    violation = case.result["violations"][0]
    beside = (("the report", "issue.md"), ("all findings", "../README.md"))
    test = (("the test", "test"),) if not case.test.others() else ()
    diagram, page, drawing = (
        picture(case.instance, finding.property, violation, form, known, Extra(links=beside + test))
        for form in ("mermaid", "html", "svg")
    )
    report = Report(
        case.test,
        finding.title,
        case.trace,
        model.properties[finding.property],
        model.sites.get(finding.site),
        finding.built_with(),
        diagram,
    )
    files = {
        "trace.json": json.dumps(document, indent=1) + "\n",
        "trace.txt": "\n".join(trace_lines(case.trace)) + "\n",
        "issue.md": issue(report, known),
        "page.html": page,
        "sequence.svg": drawing,
        "outcome.md": outcome_page(case, results, components),
    }
    if case.test.others():
        return files
    return files | {f"test/{name}": text for name, text in rust_test(case.test).items()}


def _on_wasmtime(case: Case, components: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return each release with what its component did, in the words of a crate."""
    labels = [case.label(run) for run in case.suite_runs() if run.cure is None]
    seen = [(label, components[label]) for label in labels if label in components]
    return [(label, PASSED if outcome == RETURNS else outcome) for label, outcome in seen]


def outcome_page(case: Case, results: Sequence[CrateResult], components: Mapping[str, str]) -> str:
    """Return the page of what the program did on each release, and with the cure."""
    finding = case.finding
    features = ", ".join(f"`{name}`" for name in finding.built_with()) or "none"
    lines = [
        f"# {finding.title}",
        "",
        "What the exported program did: as a crate (`wakeproof export trace.json --to rust-crate`)",
        "on a small host of its own; and as two components, the test and its runner (`--to",
        "rust-test`), built with the generator's macro, on Wasmtime.",
        f"Features: {features}, unless a row names others.",
        "",
        *table_head("`wit-bindgen`", "the crate", "the test on Wasmtime"),
    ]
    for result in results:
        name = case.label(result.run)
        lines.append(table_row(name, outcome_words(result.line), components.get(name, "")))
    if not case.is_crate:
        labels = [case.label(run) for run in case.suite_runs()]
        lines += [table_row(name, "cannot be one", components.get(name, "")) for name in labels]
    if TRACE in components:
        lines += ["", *_trace_table(case, results, components[TRACE])]
    if finding.note:
        lines += ["", finding.note]
    if case.cure is not None:
        lines += ["", f"`{case.cure.name}`: {case.cure.says}"]
    return "\n".join(lines) + "\n"


def _trace_table(case: Case, results: Sequence[CrateResult], seen: str) -> list[str]:
    """Return what the trace does in the model, on the crates, and as a component on Wasmtime."""
    crate = [
        outcome_words(result.line)
        for result in results
        if result.run.release == case.finding.affected and _is_as_stated(case, result)
    ]
    return [
        "The trace itself, step by step (`wakeproof replay trace.json --component`):",
        "",
        *table_head("in the model", "on the crates", "as a component on Wasmtime"),
        table_row(case.result["violations"][0]["message"], "".join(crate[:1]), seen),
    ]


def _is_as_stated(case: Case, result: CrateResult) -> bool:
    """Whether a run is without a cure, and with the features that the finding states."""
    return result.run.cure is None and result.run.features == case.finding.built_with()


def findings_matrix(
    cases: Sequence[Case],
    results: Mapping[str, Sequence[CrateResult]],
    components: Mapping[str, Mapping[str, str]],
) -> str:
    """Return an SVG of which finding fails on which release, as the page over all has it."""
    seen = {
        case.finding.name: _on_releases(
            case, results[case.finding.name], components.get(case.finding.name, {})
        )
        for case in cases
    }
    return matrix(
        MATRIX_TITLE,
        releases(),
        {name: [word or NOT_RUN for word in words] for name, words in seen.items()},
    )


def findings_page(
    cases: Sequence[Case],
    results: Mapping[str, Sequence[CrateResult]],
    components: Mapping[str, Mapping[str, str]],
) -> str:
    """Return the page over all findings; `results` and `components` are by finding."""
    lines = [
        "# Findings as tests",
        "",
        "Generated by `wakeproof findings --run --output reports/findings` from `findings.toml`, "
        "with",
        "`--component` for what Wasmtime did. Each folder has the trace, a page for a browser",
        "(`page.html`), a diagram (`sequence.svg`), a test in the layout of",
        "`bytecodealliance/wit-bindgen`, `tests/runtime-async/async/`, a report, and what the same",
        "program did as a crate on every release. *With a change*: on a copy of 0.63.0 with a few",
        "lines of `findings.toml`. *The test on Wasmtime*: on the release where the trace is from.",
        "*The trace on Wasmtime*: its steps in one component (`wakeproof replay --component`), and",
        "what a user sees who then waits for everything.",
        "",
        "![which finding fails on which release](releases.svg)",
        "",
        *table_head(
            "finding",
            *releases(),
            "with a change",
            "the test on Wasmtime",
            "the trace on Wasmtime",
        ),
    ]
    for case in cases:
        name = case.finding.name
        lines.append(_finding_row(case, results[name], components.get(name, {})))
    return "\n".join(lines) + "\n"


def _finding_row(case: Case, results: Sequence[CrateResult], components: Mapping[str, str]) -> str:
    """Return the row of a finding in the page over all."""
    name = case.finding.name
    return table_row(
        f"[{name}]({name}/issue.md) ([page]({name}/page.html))",
        *_on_releases(case, results, components),
        PASSES if _is_cured(case, results, components) else "",
        *(components.get(key, "") for key in (case.finding.affected, TRACE)),
    )


def _on_releases(
    case: Case, results: Sequence[CrateResult], components: Mapping[str, str]
) -> list[str]:
    """Return what the test does on each release in a word, empty where it was not run.

    It is a crate, or a component if nothing else shows anything.
    """
    if case.is_crate:
        own = [r for r in results if _is_as_stated(case, r)]
        failed = {result.run.release: result.failed for result in reversed(own)}
    else:
        failed = {name: seen != PASSED for name, seen in _on_wasmtime(case, components)}
    words = {release: FAILS if fails else PASSES for release, fails in failed.items()}
    return [words.get(release, "") for release in releases()]


def _is_cured(case: Case, results: Sequence[CrateResult], components: Mapping[str, str]) -> bool:
    """Whether the test passes with the change of the crate."""
    if case.is_crate:
        cured = [result for result in results if result.run.cure is not None]
        return bool(cured) and cured[0].passed
    return [components.get(case.label(run)) for run in case.suite_runs() if run.cure] == [RETURNS]
