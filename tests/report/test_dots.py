"""The drawings of how often each call and each action was compared."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from wakeproof.bundled import ROOT
from wakeproof.commands.conform import WalkOptions, print_walks
from wakeproof.commands.output import drawing_file
from wakeproof.conform.guest.comparison import GuestConformance
from wakeproof.report.conformance_text import CRATES
from wakeproof.report.pages.conformance import host_drawing, walks_drawing
from wakeproof.report.pages.dots import COUNT, SCALE, dots

SVG = "{http://www.w3.org/2000/svg}"
REPORTS = ROOT / "reports"
HOSTILE = ["</text><script>alert(1)</script>", "x" * 10_000]
DRAWN = dots("A <title>", {"call": {"rare": 1, "often": 1_000, "never": 0}, "action": {"a&b": 10}})


def texts(kind: str, drawn: str = DRAWN) -> list[str]:
    root = ElementTree.fromstring(drawn)
    return [t.text or "" for t in root.iter(f"{SVG}text") if t.get("class") == kind]


def places(drawn: str = DRAWN) -> list[float]:
    return [float(c.get("cx", "0")) for c in ElementTree.fromstring(drawn).iter(f"{SVG}circle")]


def test_the_most_frequent_comes_first_with_its_count() -> None:
    assert texts("name") == ["often", "rare", "never", "a&b"]
    assert texts("count") == ["1,000", "1", "0", "10"]
    assert texts("kind") == ["call", "action"]


def test_the_scale_is_logarithmic_and_one_for_all_columns() -> None:
    often, rare, never, ten = places()
    assert often - rare == pytest.approx(SCALE, abs=0.1)
    assert never == rare
    assert texts("tick") == ["1", "10", "100", "1k"] * 2
    second = [t for t in ElementTree.fromstring(DRAWN).iter(f"{SVG}text") if t.text == "10"]
    assert ten in [pytest.approx(float(t.get("x", "0")), abs=0.1) for t in second]


def test_the_description_has_every_count_in_words() -> None:
    root = ElementTree.fromstring(DRAWN)
    assert root.findtext(f"{SVG}title") == "A <title>"
    assert (root.findtext(f"{SVG}desc") or "").splitlines() == [
        *("call often: 1,000", "call rare: 1", "call never: 0", "action a&b: 10")
    ]


def test_hostile_names_are_text_and_stay_in_their_column() -> None:
    drawn = dots("t", {"call": dict.fromkeys(HOSTILE, 99_999_999)})
    root = ElementTree.fromstring(drawn)
    assert not list(root.iter(f"{SVG}script"))
    assert set(texts("name", drawn)) == {HOSTILE[0], "x" * 31 + "…"}
    assert max(places(drawn)) + COUNT <= float(root.get("width", "0")) + 0.1


def test_nothing_compared_is_a_drawing_too() -> None:
    assert ElementTree.fromstring(dots("t", {"call": {}})).tag == f"{SVG}svg"


def test_a_page_has_its_drawing_beside_it_and_a_stream_has_none() -> None:
    assert drawing_file(Path("a/page.md"), "host") == Path("a/page-host.svg")
    assert drawing_file(Path("-"), "host") is None
    assert drawing_file(Path("/dev/null"), "host") is None


def test_the_section_of_walks_shows_the_drawing_that_is_written_beside_the_page(
    tmp_path: Path,
) -> None:
    page = tmp_path / "page.md"
    result = GuestConformance(walks=1, calls=Counter({"clone": 3}), actions=Counter({"poll": 5}))
    print_walks(result, WalkOptions(walks=1, steps=1, seed=0, report_file=page), CRATES)
    (target,) = re.findall(r"^!\[.+\]\((.+)\)$", page.read_text("utf-8"), re.MULTILINE)
    drawn = (tmp_path / target).read_text("utf-8")
    assert drawn == walks_drawing({"clone": 3}, {"poll": 5})
    assert {file.name for file in tmp_path.iterdir()} == {"page.md", "page-guest.svg"}


def test_a_device_gets_a_section_without_a_drawing(capsys: pytest.CaptureFixture[str]) -> None:
    options = WalkOptions(walks=1, steps=1, seed=0, report_file=Path("-"))
    print_walks(GuestConformance(walks=1), options, CRATES)
    assert "| action | times |" in capsys.readouterr().out
    assert not list(Path().glob("*-guest.svg"))


def drawing_of_the_committed_page(name: str) -> str:
    """What the committed drawing must be, from the tables of its section of the page."""
    page = (REPORTS / "conformance.md").read_text("utf-8")
    (section,) = (part for part in page.split("\n## ") if f"(conformance-{name}.svg)" in part)

    def counts(head: str) -> dict[str, int]:
        table = section.split(f"| {head} |\n| --- | --- |\n")[1].split("\n\n")[0]
        rows = re.findall(r"^\| `(.+)` \| ([\d,]+) \|$", table, re.MULTILINE)
        return {thing: int(count.replace(",", "")) for thing, count in rows}

    if name == "host":
        return host_drawing(counts("builtin | calls"))
    return walks_drawing(counts("call | times"), counts("action | times"))


@pytest.mark.parametrize("name", ["component", "guest", "host"])
def test_the_committed_drawing_has_what_the_committed_page_has(name: str) -> None:
    drawn = (REPORTS / f"conformance-{name}.svg").read_text("utf-8")
    assert drawn == drawing_of_the_committed_page(name)
