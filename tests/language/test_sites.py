"""The table of sites agrees with the model's text; a malformed table is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from wakeproof.bundled import MODEL
from wakeproof.errors import InputError
from wakeproof.language.model import BUNDLED
from wakeproof.language.sites import (
    KINDS,
    Site,
    load_sites,
    mentions,
    mirrors,
    outcome_of,
)
from wakeproof.report.pages.sites import sites_page

SITES = BUNDLED.sites
MENTIONS = mentions(MODEL)


# --- the bundled table ----------------------------------------------------------------------------


def test_every_site_that_the_model_names_is_in_the_table() -> None:
    assert [mention for mention in MENTIONS if mention.site not in SITES] == []


def test_the_outcome_at_a_site_is_that_of_its_kind() -> None:
    known = [mention for mention in MENTIONS if mention.site in SITES]
    assert [m for m in known if m.outcome != outcome_of(SITES[m.site].kind)] == []


def test_every_site_is_mirrored_or_has_a_reason_why_not() -> None:
    mirrored = {mention.site for mention in MENTIONS}
    assert [
        site.id for site in SITES.values() if not site.unreachable and site.id not in mirrored
    ] == []


def test_every_site_has_a_line_in_some_release() -> None:
    assert [site.id for site in SITES.values() if not site.places] == []


def test_the_page_of_sites_is_current() -> None:
    page = (MODEL / "SITES.md").read_text(encoding="utf-8")
    assert page == sites_page(MODEL), "`make report` writes it again"


def test_the_outcome_of_every_kind_violates_one_property() -> None:
    outcomes = [p.outcome for p in BUNDLED.properties.values() if p.outcome]
    assert sorted(outcomes) == sorted({outcome_of(kind) for kind in KINDS})


# --- the model's text -----------------------------------------------------------------------------


def test_every_primitive_that_names_a_site_is_found(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "a.py").write_text(
        "def start(x):\n"
        "    if x:\n"
        '        panic("a::start::ready")\n'
        '    y = unwrap(x, "a::start::some")\n'
        "def stop():\n"
        '    trap("a::stop::twice")\n'
    )
    (tmp_path / "versions" / "next.py").write_text(
        'def stop():\n    undefined("a::stop::freed")\n    panic("a::start::ready")\n'
    )

    assert mirrors(tmp_path) == {
        "a::start::ready": ["a.py:3 start", "versions/next.py:3 stop"],
        "a::start::some": ["a.py:4 start"],
        "a::stop::twice": ["a.py:6 stop"],
        "a::stop::freed": ["versions/next.py:2 stop"],
    }


# --- a table of one's own -------------------------------------------------------------------------

HEAD = '[releases]\nold = "1.0"\nnew = "2.0"\n'
ENTRY = (
    "[[site]]\n"
    'id = "a::start::ready"\n'
    'kind = "panic"\n'
    'source = "src/a.rs"\n'
    'function = "start"\n'
    'condition = "it is ready"\n'
)


def write_table(folder: Path, text: str) -> Path:
    (folder / "sites.toml").write_text(text)
    return folder


def test_an_entry_is_read(tmp_path: Path) -> None:
    model = write_table(tmp_path, HEAD + ENTRY + 'new = 7\nunreachable = "It always is."\n')

    assert load_sites(model) == {
        "a::start::ready": Site(
            id="a::start::ready",
            kind="panic",
            source="src/a.rs",
            function="start",
            condition="it is ready",
            places=(("2.0", 7),),
            unreachable="It always is.",
        )
    }


REFUSED = {
    "two entries of one id": (ENTRY + ENTRY, 10, "listed twice"),
    "an unknown kind": (ENTRY.replace("panic", "abort"), 4, "unknown kind 'abort'"),
    "an unknown key": (ENTRY + 'mirror = "a.py"\n', 4, "unknown key 'mirror'"),
    "a release that is not declared": (ENTRY + "newest = 1\n", 4, "unknown key 'newest'"),
    "a line that is not a number": (ENTRY + 'old = "1"\n', 4, "'old' of site 'a::start::ready'"),
    "a missing key": (ENTRY.replace('source = "src/a.rs"\n', ""), 4, "no 'source'"),
    "an entry without an id": ("[[site]]\nold = 1\n", 4, "a site has no 'id'"),
    "not TOML": ("[[site]]\nid = \n", 5, "not TOML"),
}


@pytest.mark.parametrize(("text", "line", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_malformed_table_is_refused(tmp_path: Path, text: str, line: int, reason: str) -> None:
    model = write_table(tmp_path, HEAD + text)

    with pytest.raises(InputError) as refusal:
        load_sites(model)

    assert refusal.value.where == f"{model / 'sites.toml'}:{line}"
    assert reason in refusal.value.what
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("site = 1\n", "not a list"),
        ("releases = 1\n", "[releases]"),
        ("[[place]]\n", "unknown key 'place'"),
        ("note = 1\n", "`note` is not a string"),
    ],
)
def test_a_table_of_another_shape_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InputError) as refusal:
        load_sites(write_table(tmp_path, text))

    assert refusal.value.where == str(tmp_path / "sites.toml")
    assert reason in refusal.value.what


def test_a_model_without_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_sites(tmp_path)


def test_the_page_lists_lines_conditions_mirrors_and_reasons(tmp_path: Path) -> None:
    other = ENTRY.replace("a::start::ready", "a::start::not|empty")
    write_table(tmp_path, HEAD + ENTRY + "old = 3\nnew = 7\n" + other + 'unreachable = "Full."\n')
    (tmp_path / "a.py").write_text('def start():\n    panic("a::start::ready")\n')

    assert sites_page(tmp_path).splitlines()[6:] == [
        "## src/a.rs",
        "",
        "| site | kind | 1.0 / 2.0 | must hold | mirrored by, or why not |",
        "| --- | --- | --- | --- | --- |",
        "| `a::start::ready` in `start` | panic | 3 / 7 | it is ready | `a.py` `start` |",
        r"| `a::start::not\|empty` in `start` | panic | - / - | it is ready | Full. |",
    ]


def test_the_note_of_the_table_is_at_the_head_of_the_page(tmp_path: Path) -> None:
    write_table(tmp_path, f'note = "Lines of 1.0."\n{HEAD}{ENTRY}')

    assert sites_page(tmp_path).splitlines()[6:9] == ["Lines of 1.0.", "", "## src/a.rs"]
