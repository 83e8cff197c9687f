"""The drawing of which finding fails on which release."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from wakeproof.bundled import ROOT
from wakeproof.crates.releases import releases
from wakeproof.export.sequence import LETTER
from wakeproof.findings.cases import case_of
from wakeproof.findings.registry import load_findings
from wakeproof.findings.run_crates import CrateResult
from wakeproof.report.pages.findings import MATRIX_TITLE, findings_matrix
from wakeproof.report.pages.matrix import FAILS, MARGIN, NOT_RUN, PASSES, matrix

SVG = "{http://www.w3.org/2000/svg}"
FINDINGS = ROOT / "reports" / "findings"
HOSTILE = ["</text><script>alert(1)</script>", "x" * 10_000, "a & b \"quoted\" 'too'"]
ROWS = {
    "first": [FAILS, PASSES],
    "second": [FAILS, NOT_RUN],
    **{name: [PASSES, PASSES] for name in HOSTILE},
}
DRAWN = matrix("A <title>", ["0.1", "0.2"], ROWS)


def drawing(text: str = DRAWN) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def texts(kind: str) -> list[str]:
    return [t.text or "" for t in drawing().iter(f"{SVG}text") if t.get("class") == kind]


def test_each_mark_stands_in_its_row_and_its_column() -> None:
    columns = [t.get("x") for t in drawing().iter(f"{SVG}text") if t.get("class") == "head"]
    rows = [t.get("y") for t in drawing().iter(f"{SVG}text") if t.get("class") == "name"]
    drawn = {(use.get("y"), use.get("x")): use.get("href") for use in drawing().iter(f"{SVG}use")}
    for y, cells in zip(rows, ROWS.values(), strict=False):
        assert [drawn[y, x] for x in columns] == [f"#{cell.replace(' ', '-')}" for cell in cells]


def test_marks_differ_in_their_shapes_and_have_words() -> None:
    marks = {g.get("id"): [part.attrib for part in g] for g in drawing().iter(f"{SVG}g")}
    assert len({str(parts) for parts in marks.values()}) == len(marks) == 3
    assert texts("key") == ["fails", "passes", "not run"]
    assert {use.get("href") for use in drawing().iter(f"{SVG}use")} == {f"#{m}" for m in marks}


def test_failures_are_counted_below_each_release() -> None:
    assert texts("sum") == ["2", "0"]
    assert texts("name")[-1] == "how many fail"


def test_the_description_has_every_row_in_words() -> None:
    lines = (drawing().findtext(f"{SVG}desc") or "").splitlines()
    assert drawing().findtext(f"{SVG}title") == "A <title>"
    assert lines[:2] == ["first: fails 0.1; passes 0.2", "second: fails 0.1; not run 0.2"]
    assert [line.split(": passes")[0] for line in lines[2:]] == HOSTILE


def test_hostile_names_are_text_and_leave_the_marks_their_place() -> None:
    assert not list(drawing().iter(f"{SVG}script"))
    assert texts("name")[2] == HOSTILE[0]
    first = min(float(use.get("x", "0")) for use in drawing().iter(f"{SVG}use") if use.get("y"))
    assert first >= MARGIN
    left = min(
        float(t.get("x", "0")) for t in drawing().iter(f"{SVG}text") if t.get("class") == "head"
    )
    assert all(MARGIN + len(name) * LETTER < left for name in texts("name"))


def test_the_same_table_is_the_same_drawing_in_light_and_dark() -> None:
    assert matrix("A <title>", ["0.1", "0.2"], ROWS) == DRAWN
    assert "prefers-color-scheme: dark" in DRAWN
    assert "http" not in DRAWN.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("rows", [{}, {"one": []}])
def test_a_table_without_marks_is_a_drawing(rows: dict[str, list[str]]) -> None:
    assert drawing(matrix("Empty", [], rows)).tag == f"{SVG}svg"


def drawing_of_the_committed_page() -> str:
    """What the committed drawing must be."""
    page = (FINDINGS / "README.md").read_text("utf-8")
    names = list(releases())
    rows = {}
    for name, cells in re.findall(r"^\| \[([^]]+)\]\S+ \(\S+\) \|(.*)\|$", page, re.MULTILINE):
        rows[name] = [cell.strip() or NOT_RUN for cell in cells.split("|")[: len(names)]]
    assert len(rows) == sum(folder.is_dir() for folder in FINDINGS.iterdir())
    return matrix(MATRIX_TITLE, names, rows)


def test_the_committed_drawing_has_what_the_committed_page_has() -> None:
    assert (FINDINGS / "releases.svg").read_text("utf-8") == drawing_of_the_committed_page()


def test_a_finding_fails_on_the_releases_where_its_crate_failed() -> None:
    findings, cures = load_findings()
    (finding,) = (one for one in findings if one.name == "stream-read-after-drop")
    case = case_of(finding, cures)
    _, second, third, *_ = case.crate_runs(everywhere=True)
    results = [CrateResult(second, 1, "FAILED: it hangs"), CrateResult(third, 0, "passed")]
    drawn = findings_matrix([case], {finding.name: results}, {})
    not_run, *_ = names = releases()
    assert drawing(drawn).findtext(f"{SVG}desc") == (
        f"{finding.name}: fails {second.release}; passes {third.release}; "
        f"not run {', '.join([not_run, *names[3:]])}"
    )
