"""The committed pages have everything that was found with the newest version."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from wakeproof.bundled import RELEASES as RELEASES_FILE
from wakeproof.bundled import ROOT, SCENARIOS
from wakeproof.check.verdict import NOT_REPRODUCED, NOT_VISIBLE, REPRODUCED
from wakeproof.cli import cli
from wakeproof.conform import every_release as releases
from wakeproof.conform.every_release import PlayedViolation, ReleaseRow, filled
from wakeproof.conform.guest.reproduce import Reproduction
from wakeproof.errors import Exit
from wakeproof.execution.trace import StepRow
from wakeproof.language.model import BUNDLED, Model
from wakeproof.report.pages.releases import releases_table
from wakeproof.scenario.features import every_build, features_on
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.mixes import Build, build_name, run_name
from wakeproof.scenario.parameters import for_the_host

RELEASES = (ROOT / "reports" / "releases.md").read_text("utf-8")
RELEASE_ROWS: list[ReleaseRow] = json.loads(RELEASES_FILE.read_text("utf-8"))["violations"]
BUILDS = (ROOT / "reports" / "builds.md").read_text("utf-8")
FINDINGS = (ROOT / "docs" / "reference" / "findings.md").read_text("utf-8")
CURES = (ROOT / "docs" / "explanation" / "cures.md").read_text("utf-8")
PROOFS = (ROOT / "reports" / "proofs.md").read_text("utf-8")
CERTIFICATES = (ROOT / "reports" / "certificates.md").read_text("utf-8")
CONFIRMED = json.loads((ROOT / "reports" / "certificates.json").read_text("utf-8"))
# a row of a table of violations: property, site, builds, and the rest
ROW = re.compile(r"^\| `([^`]*)` \| (?:`([^`]*)`)? ?\| ([^|]*) \| (.*) \|$", re.MULTILINE)
NEWEST = "v3"
Broken = tuple[str, str]
# a mix in a build
Place = tuple[str, str]


def found_in_builds() -> dict[Broken, set[Place]]:
    """What some scenario violates in a mix with V3 in any build, from the page of builds."""
    found: dict[Broken, set[Place]] = {}
    for prop, site, builds, mixes in ROW.findall(BUILDS[BUILDS.index("## In which mixes") :]):
        for build in builds.split("; "):
            for mix in mixes.split(", "):
                if NEWEST in mix.split("/"):
                    found.setdefault((prop, site), set()).add((mix, build))
    return found


def played_on_the_crates() -> dict[Broken, dict[Place, set[str]]]:
    """What became of each violation in a mix with V3, from the page of releases."""
    played: dict[Broken, dict[Place, set[str]]] = {}
    table = RELEASES[RELEASES.index(f"## In mixes with {NEWEST}") :]
    for prop, site, builds, rest in ROW.findall(table):
        word, mixes = rest.split(" | ")
        for build in builds.split("; "):
            for mix in mixes.split(", "):
                played.setdefault((prop, site), {}).setdefault((mix, build), set()).add(word)
    return played


def expected_with(
    version: str, model: Model = BUNDLED
) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """What scenarios expect to be violated in mixes with a version: property and site, each with
    scenarios and mixes. `make check` holds the expectations against what is.
    """
    found: dict[tuple[str, str], set[tuple[str, str]]] = {}
    features = BUNDLED.features
    for path in sorted(SCENARIOS.glob("*.toml")):
        scenario = for_the_host(read_scenario(path), model)
        on = features_on(features, scenario.parameters)
        for mix in (m for m in scenario.mixes({}) if version in m.values()):
            for prop in model.properties.values():
                expectation = scenario.expected(prop.id, mix, on)
                if expectation.verdict == "violated":
                    for site in expectation.sites or ("",):
                        where = found.setdefault((prop.id, site), set())
                        where.add((scenario.name, "/".join(mix.values())))
    return found


def short(site: str) -> str:
    """A site as the pages name it: the function and the condition."""
    return "::".join(site.split("::")[-2:])


EXPECTED = expected_with(NEWEST)
IN_BUILDS = found_in_builds()
PLAYED = played_on_the_crates()
VIOLATIONS = {*IN_BUILDS, *((prop, site) for prop, site in EXPECTED if site)}


def test_the_page_of_builds_has_every_scenario_in_every_build_and_mix_and_none_cut_off() -> None:
    features = BUNDLED.features
    table = BUILDS[: BUILDS.index("## In which mixes")]
    rows = re.findall(r"^\| ([\w-]+) \| ([^|]+) \| (\d+) \| ([^|]+) \|", table, re.MULTILINE)
    shown = {(name, build): (int(mixes), cut) for name, build, mixes, cut in rows}
    wanted = {}
    for path in sorted(SCENARIOS.glob("*.toml")):
        scenario = read_scenario(path)
        for build in every_build(scenario, features):
            name = "as stated" if build is None else build_name(build)
            wanted[scenario.name, name] = (len(scenario.mixes({})), "none")
    assert shown == wanted


def test_what_the_scenarios_expect_is_in_the_pages() -> None:
    mixes = {key: {mix for mix, _ in places} for key, places in IN_BUILDS.items()}
    for (prop, site), places in EXPECTED.items():
        # the builds are explored with symmetry, which leaves progress undecided
        if BUNDLED.properties[prop].progress:
            continue
        known = set().union(*(m for (p, s), m in mixes.items() if p == prop and site in ("", s)))
        assert {mix for _, mix in places} <= known, (prop, site)


@pytest.mark.parametrize(("prop", "site"), sorted(VIOLATIONS))
def test_the_pages_have_each_v3_violation_with_what_the_crates_did(prop: str, site: str) -> None:
    played = PLAYED[prop, site]
    assert set(played) == IN_BUILDS[prop, site]
    for (mix, build), words in played.items():
        # a version that no release is, or roles of one release that are built differently
        unreleased = "v1_1638" in mix or build == "as stated"
        assert words <= {"reproduced", "not visible", *(["not released"] * unreleased)}, mix


@pytest.mark.parametrize(("prop", "site"), sorted(VIOLATIONS))
def test_what_v3_takes_part_in_is_a_finding(prop: str, site: str) -> None:
    assert f"`{prop}`" in FINDINGS
    assert short(site) in FINDINGS


@pytest.mark.parametrize(("prop", "site"), sorted(VIOLATIONS))
def test_what_v3_takes_part_in_has_a_cure_or_the_reason_why_there_is_none(
    prop: str, site: str
) -> None:
    assert f"`{short(site) or prop}`" in CURES


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (["", "x", "x", "", ""], "not applicable, x, x, repaired, not reproduced"),
        (["x", "", "x", "x", "x"], "x, not reproduced, x, x, x"),
        (["", "", ""], "not reproduced, not reproduced, not reproduced"),
    ],
)
def test_a_release_without_a_violation_is_older_or_repaired(seen: list[str], words: str) -> None:
    assert ", ".join(filled(seen)) == words


@pytest.mark.parametrize(
    ("word", "refuted"),
    [(REPRODUCED, []), (NOT_VISIBLE, []), (NOT_REPRODUCED, ["0.63.0"])],
)
def test_a_release_that_does_not_do_what_its_version_does_refutes_the_model(
    word: str, refuted: list[str]
) -> None:
    known = {"v3": list[StepRow]()}
    violation = PlayedViolation("subtask", "no-stuck-task", "", (), known)
    violation.seen = {
        "0.62.0": Reproduction(NOT_REPRODUCED, "another release may differ"),
        "0.63.0": Reproduction(word, ""),
    }
    assert violation.refuted(BUNDLED.sources) == refuted


def test_the_page_of_releases_has_what_its_data_has() -> None:
    assert "\n\n" + "\n".join(releases_table(RELEASE_ROWS)) + "\n\n" in RELEASES


def test_the_table_of_releases_and_its_data_are_written_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trace = ROOT / "reports" / "findings" / "task-waits-on-empty-set" / "trace.json"
    violation = PlayedViolation("handle-reuse", "no-panic", "some::site", ("async-spawn",))
    violation.seen = {"0.58.0": Reproduction(REPRODUCED, "")}
    monkeypatch.setattr(releases, "on_every_release", lambda *_: ([violation], True))
    words = ["releases", str(trace), "--report", str(tmp_path / "page.md")]
    assert CliRunner().invoke(cli, words).exit_code == Exit.AS_EXPECTED
    (row,) = json.loads((tmp_path / "page.json").read_text("utf-8"))["violations"]
    assert (row["property"], row["site"]) == ("no-panic", "some::site")
    assert (row["scenarios"], row["builds"]) == (["handle-reuse"], [["async-spawn"]])
    assert list(row["releases"].values())[:3] == ["reproduced", "repaired", "not reproduced"]
    assert releases_table([row])[-1] in (tmp_path / "page.md").read_text("utf-8").splitlines()


@pytest.mark.parametrize(
    ("build", "name"),
    [(None, "v1/v2/v3"), ((), "v1/v2/v3 +none"), (("a", "b"), "v1/v2/v3 +a +b")],
)
def test_the_name_of_a_run_has_its_build(build: Build, name: str) -> None:
    assert run_name({"export": "v1", "block_on": "v2", "import": "v3"}, build) == name


@pytest.mark.slow
def test_the_page_of_builds_has_the_runs_that_were_cut_off(tmp_path: Path) -> None:
    page = tmp_path / "builds.md"
    words = ["check", "spawn-off", "--every-build", "--max-states", "200", "--quiet"]
    done = CliRunner().invoke(cli, [*words, "--report", str(page)])
    assert done.exit_code == Exit.UNKNOWN
    text = page.read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| spawn-off ")]
    cells = {row.split(" | ")[1]: row.split(" | ")[2:4] for row in rows}
    assert cells["none"] == ["3", "none"], "without features at most 74 states"
    assert cells["as stated"] == ["3", "1"], "V1 has 220 states, the others fewer than 200"
    assert set(cells) == {
        "as stated",
        "none",
        "async-spawn",
        "inter-task-wakeup",
        "inter-task-wakeup and async-spawn",
    }
    assert "reached max-states 200:" in text
    cut = sum(int(c[1]) for c in cells.values() if c[1] != "none")
    assert f"15 runs: {15 - cut} exhaustive, {cut} cut off." in text


# --- what is proved -----------------------------------------------------------------------------


def proved(what: str) -> dict[str, str]:
    """The cells by mix of the first table that has a row about this; nothing if none has."""
    lines = PROOFS.splitlines()
    for number, line in enumerate(lines):
        if re.match(rf"\| (?:\w+ )?`{re.escape(what)}` \|", line):
            top = max(n for n in range(number) if lines[n].startswith("| --- |"))
            head, row = (
                [cell.strip() for cell in lines[n].strip("| ").split(" | ")]
                for n in (top - 1, number)
            )
            return dict(zip(head, row, strict=True))
    return {}


def recipe(page: str) -> str:
    """The command of the Makefile that writes this page."""
    text = (ROOT / "Makefile").read_text("utf-8").replace("\\\n\t  ", "")
    said = dict(re.findall(r"^(\w+) := (.*)$", text, re.MULTILINE))
    (command,) = re.findall(rf"^\t\$\(BIN\)/(.* --report {page})$", text, re.MULTILINE)
    return re.sub(r"\$\((\w+)\)", lambda name: said[name[1]], command)


def written(page: str) -> str:
    """The command that wrote a page, by its text."""
    (command,) = re.findall(r"^Generated by `(.*?)`\. ", page, re.MULTILINE)
    return str(command)


def test_the_page_of_proofs_is_what_make_proofs_writes() -> None:
    assert recipe("reports/proofs.md") == written(PROOFS)


def test_the_page_of_certificates_is_what_make_certificates_writes() -> None:
    assert recipe("reports/certificates.md") == written(CERTIFICATES)


def test_a_second_solver_has_confirmed_every_certificate_that_the_proofs_name() -> None:
    rows = [
        [cell.strip(" `") for cell in line.strip("| ").split(" | ")]
        for line in CERTIFICATES.splitlines()
        if ".smt2`" in line
    ]
    assert all(asked == confirmed for _, _, asked, confirmed, *_ in rows)
    obligations = sum(int(asked) for _, _, asked, *_ in rows)
    said = f"Confirmed: {obligations:,} of {obligations:,} obligations in {len(rows)} certificates."
    assert said in CERTIFICATES
    assert [
        [row["file"], row["obligations"], row["digest"]] for row in CONFIRMED["certificates"]
    ] == [[file, int(asked), digest] for file, _, asked, _, _, digest in rows]
    assert all(row["obligations"] == row["confirmed"] for row in CONFIRMED["certificates"])
    assert f"{CONFIRMED['solver']} has checked" in CERTIFICATES
    named = set(re.findall(r"`(\S+\.smt2)`", PROOFS))
    assert "v1+v2-v1+v2-v1+v2/any-number/*.smt2" in named
    for pattern in named:
        assert fnmatch.filter((file for file, *_ in rows), pattern), pattern


@pytest.mark.parametrize(
    "prop", ["one-home", "map-mirrors-set", "no-stale-callback", "refcount-exact"]
)
def test_what_v2_promises_is_proved_for_any_number(prop: str) -> None:
    assert proved(prop)["v2/v2/v2"] == "proved for any number"


def test_dead_sets_of_v2_meet_the_lemma_and_violate_the_property() -> None:
    assert proved("dead_sets_hold_what_is_kept")["v2/v2/v2"].endswith("any number")
    assert proved("no-waitable-in-dead-set")["v2/v2/v2"].startswith("violated")


def test_nothing_is_proved_that_a_scenario_violates() -> None:
    seen = 0
    # the host that the lemmas are about
    older = BUNDLED.with_host("spec_6d28164")
    for (prop, site), where in {**expected_with("v1", older), **expected_with("v2", older)}.items():
        cells = proved(site or prop)
        for scenario, mix in where:
            if mix in cells:
                seen += 1
                assert cells[mix].startswith("violated"), f"{prop} {site} in {scenario}, {mix}"
    assert seen > 100


def test_no_waitable_stays_in_a_dead_set_where_exports_are_v1() -> None:
    said = proved("no-waitable-in-dead-set")
    survives = {mix for mix, verdict in said.items() if verdict.startswith("proved")}
    assert survives == {mix for mix in said if mix.startswith("v1/")}
    assert len(survives) == 4
