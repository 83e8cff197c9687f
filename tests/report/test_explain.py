"""`wakeproof explain`: what is on the screen leads to sites, findings and cures."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from tests.support import needs_cargo
from wakeproof.bundled import LINES
from wakeproof.cli import cli
from wakeproof.conform.component.known_bugs import KNOWN_BUGS, MORE_TRAPS
from wakeproof.conform.host.traps import TRAPS
from wakeproof.crates.releases import releases
from wakeproof.errors import InputError
from wakeproof.findings.explain import Explanation, _messages, explain
from wakeproof.findings.registry import load_findings
from wakeproof.language.model import BUNDLED
from wakeproof.report.pages.lines import crate_folders, lines_of_sites
from wakeproof.report.terminal.explanation import line_text

FINDINGS, _ = load_findings()
AT_LINES: dict[str, dict[str, int]] = json.loads(LINES.read_text(encoding="utf-8"))
PANIC = (
    "thread '<unnamed>' panicked at /home/me/.cargo/registry/src/index/wit-bindgen-0.63.0/"
    "src/rt/async_support/waitable.rs:271:9:\nassertion `left == right` failed"
)


def explained(text: str) -> Explanation:
    return explain(text, BUNDLED, FINDINGS)


def sites(text: str) -> list[str]:
    return [site.id for site in explained(text).sites]


def findings(text: str) -> list[str]:
    return [finding.name for finding in explained(text).findings]


def test_a_panic_message_leads_to_its_site_in_its_release() -> None:
    assert sites(PANIC) == ["waitable::register_waker::prev-is-own"]
    assert findings(PANIC) == ["operation-finished-in-block-on"]
    assert explained(PANIC).releases == {"waitable::register_waker::prev-is-own": ["0.63.0"]}


@pytest.mark.parametrize("release", releases())
def test_every_panic_is_found_by_its_line_in_every_release(release: str) -> None:
    count = 0
    for site, lines in AT_LINES.items():
        if release in lines:
            source = BUNDLED.sites[site].source.removeprefix("crates/guest-rust/")
            assert site in sites(f"wit-bindgen-{release}/{source}:{lines[release]}")
            count += 1
    assert count > 80


def test_the_lines_of_the_table_are_those_of_the_file() -> None:
    for site, lines in AT_LINES.items():
        places = {name.removeprefix("v"): line for name, line in BUNDLED.sites[site].places}
        assert places.items() <= lines.items(), site


def test_the_lines_of_the_file_are_those_of_the_crates() -> None:
    needs_cargo()
    assert lines_of_sites(crate_folders()) == AT_LINES


@pytest.mark.parametrize(
    ("site", "text"),
    [
        (site, text)
        for table in (TRAPS, MORE_TRAPS)
        for site, texts in table.items()
        for text in texts
    ],
)
def test_every_trap_of_wasmtime_leads_to_its_site(site: str, text: str) -> None:
    assert site in sites(f"wasm trap: {text}")


def test_every_message_of_the_table_is_about_something_that_there_is() -> None:
    for message in _messages():
        assert set(message.sites) <= BUNDLED.sites.keys(), message
        assert set(message.properties) <= BUNDLED.properties.keys(), message
        assert message.sites or message.properties or message.says


@pytest.mark.parametrize("bug", KNOWN_BUGS)
def test_every_bug_of_wasmtime_is_explained(bug: str) -> None:
    assert explained(f"Error: {bug}").notes


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("deadlock detected: event loop cannot make further progress", "wakeup-through-dead-task"),
        ("deadlock", "wakeup-through-dead-task"),
        ("assertion failed: !task.is_null()", "spawn-panics-without-task"),
        ("resource has children", "set-dropped-with-member"),
        ("BUG: event expected to be present", "sync-export-takes-read"),
        ("spawn_local::task-set", "spawn-panics-without-task"),
        ("failed to `spawn_local` because there's", "spawn-in-task-of-older-release"),
        ("async_support/spawn.rs:76", "spawned-under-block-on"),
        ("wit_bindgen::rt::async_support::spawn::Tasks::poll_next", "spawned-under-block-on"),
    ],
)
def test_a_text_leads_to_the_finding_that_ends_so(text: str, name: str) -> None:
    assert name in findings(text)


def test_a_file_of_another_folder_is_not_that_of_the_crate() -> None:
    with pytest.raises(InputError, match="nothing is known of this text"):
        explained("src/mine/waitable.rs:271")


@pytest.mark.parametrize("text", ["hello", "main.rs:12", "called `Option::unwrap()`"])
def test_an_unknown_text_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(InputError) as found:
        explained(text)
    assert "waitable.rs:271" in found.value.hint


def test_a_line_without_a_site_is_refused_with_the_lines_that_have_one() -> None:
    with pytest.raises(InputError) as found:
        explained("waitable.rs:7")
    assert found.value.what == "no site is at waitable.rs:7"
    assert "230, 244, 245, 271, " in found.value.hint
    assert found.value.hint.endswith("in 0.59.0, 0.60.0, 0.61.1, 0.62.0, 0.63.0")
    with pytest.raises(InputError) as found:
        explained("wit-bindgen-0.63.0/src/rt/async_support/waitable.rs:201")
    assert found.value.what == "no site is at waitable.rs:201 in 0.63.0"
    assert "0.58.0" not in found.value.hint


def test_an_unknown_release_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InputError) as found:
        explained(PANIC.replace("0.63.0", "0.64.0"))
    assert found.value.what == "the lines of wit-bindgen 0.64.0 are not known"
    assert "0.62.0, 0.63.0 are; `waitable.rs:271` alone" in found.value.hint


@pytest.mark.parametrize("prop", BUNDLED.properties)
def test_every_property_is_explained_with_its_findings(prop: str) -> None:
    found = explained(prop)
    assert [one.id for one in found.properties] == [prop]
    assert {f.name for f in found.findings} >= {f.name for f in FINDINGS if f.property == prop}
    assert {f.property for f in found.findings} <= {prop}


def test_a_property_beside_a_site_is_about_the_site() -> None:
    line = "no-panic at async_support::block_on::yield-set-exists  v2/v2/v2, 4 steps"
    assert findings(line) == ["block-on-yields-first"]
    assert not explained(line).properties


def test_an_assertion_of_several_places_is_at_the_line_of_the_text() -> None:
    assertion = "assertion failed: !task.is_null()"
    assert len(sites(assertion)) == 3
    panic = f"panicked at wit-bindgen-0.63.0/src/rt/async_support/spawn.rs:179:9: {assertion}"
    assert sites(panic) == ["spawn::spawn_local::task-set"]


def test_the_command_prints_what_a_property_means() -> None:
    done = CliRunner().invoke(cli, ["explain", "no-idle-turns"])
    assert done.exit_code == 0, done.output
    for line in (
        "  must hold: no task is called back again and again without a poll of a future",
        "  means: The host and the executor spin: they use a processor, and nothing is done.",
        "  check: wakeproof check --property no-idle-turns --traces",
        "  findings: none breaks it",
    ):
        assert f"\n{line}" in done.output


def test_lines_that_are_the_same_are_one() -> None:
    lines = {"0.58.0": 1, "0.59.0": 2, "0.60.0": 2, "0.63.0": 3}
    assert line_text(lines) == "1 in 0.58.0, 2 in 0.59.0 to 0.60.0, 3 in 0.63.0"


def test_the_command_prints_what_holds_the_program_and_the_cure() -> None:
    done = CliRunner().invoke(cli, ["explain", "-"], input=PANIC)
    assert done.exit_code == 0, done.output
    for line in (
        "waitable::register_waker::prev-is-own",
        "  must hold: the callback pointer that this registration replaces, if there was one, ",
        "findings that end so:",
        "  shortest program, of operation-finished-in-block-on:",
        "            block_on(async {",
        "    cure: It does not happen in 0.60.0.",
    ):
        assert f"\n{line}".rstrip() in f"\n{done.output}"


def test_the_name_of_a_finding_is_explained_as_show_does() -> None:
    words = ("explain", "show")
    explained_, shown = (
        CliRunner().invoke(cli, [word, "block-on-yields-first"]).output for word in words
    )
    assert explained_ == shown
