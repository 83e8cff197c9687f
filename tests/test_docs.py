"""The commands that the guides show are run, and must print what the guides show."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from docs.pages import (
    BrokenLink,
    commands,
    gather,
    site_link,
    site_pages,
    with_site_links,
)
from tests.support import needs_cargo
from wakeproof.bundled import MODEL, SCENARIOS
from wakeproof.check.job import Job, run_job
from wakeproof.cli import cli
from wakeproof.export.issue import change_places
from wakeproof.findings.cases import case_of
from wakeproof.findings.registry import load_findings
from wakeproof.findings.run_crates import CrateRun, run_crates
from wakeproof.language.model import BUNDLED, Model
from wakeproof.review.review import Comparison, review
from wakeproof.scenario.file import read_scenario

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="([^"]+)"')
# a command in a block of shell, or in code within a sentence
COMMAND = re.compile(r"^wakeproof [^#\n]*|(?<=`)wakeproof [^`]+(?=`)", re.MULTILINE)
OPTION = re.compile(r"--[a-z][a-z-]+|(?<= )-[a-zA-Z]\b")


def name(page: Path) -> str:
    """A page as a test shows it."""
    return page.relative_to(ROOT).as_posix()


def console(page: Path) -> int:
    """How many commands with their output a page shows."""
    return sum(
        text.count("\n$ ") + text.startswith("$ ")
        for kind, _, text in BLOCK.findall(page.read_text("utf-8"))
        if kind == "console"
    )


def sessions(text: str) -> list[tuple[str, list[str]]]:
    """The commands of a block, each with the lines of its output that the page shows."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def test_the_pages_show_commands() -> None:
    assert {name(page): console(page) for page in PAGES if console(page)} == {
        "CONTRIBUTING.md": 6,
        "docs/getting-started/first-check.md": 4,
        "docs/getting-started/your-scenario.md": 9,
        "docs/how-to/check.md": 3,
        "docs/how-to/ci.md": 7,
        "docs/how-to/export-traces.md": 2,
        "docs/how-to/find-a-hang.md": 4,
        "docs/how-to/next-version.md": 4,
        "docs/how-to/see-a-trace.md": 5,
        "docs/reference/scenario.md": 1,
    }


@pytest.mark.slow(but=1)
@pytest.mark.parametrize(
    "page",
    # the page that everybody reads first is tried with every change
    [p for p in sorted(PAGES, key=lambda page: page.name != "first-check.md") if console(p)],
    ids=name,
)
def test_the_commands_of_a_page_print_what_it_shows(page: Path, tmp_path: Path) -> None:
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    for kind, rest, text in BLOCK.findall(page.read_text("utf-8")):
        title = TITLE.search(rest)
        if title is not None:
            file = tmp_path / title[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        if kind != "console":
            continue
        for command, shown in sessions(text):
            words = shlex.split(command.removeprefix("wakeproof"))
            done = subprocess.run(
                [sys.executable, "-m", "wakeproof", *words],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            printed = done.stdout + done.stderr
            left = printed
            for line in shown:
                assert line.rstrip() in left, f"{command}: {line!r} is not in\n{printed}"
                left = left[left.index(line.rstrip()) :]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_commands_and_options_of_a_page_exist(page: Path) -> None:
    for line in COMMAND.findall(page.read_text("utf-8")):
        words = line.split()[1:]
        command: click.Command = cli
        while isinstance(command, click.Group) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        known = {"--help", "-h", *(o for p in command.params for o in (*p.opts, *p.secondary_opts))}
        assert not isinstance(command, click.Group) or not words or words[0] in known, line
        assert set(OPTION.findall(" " + " ".join(words))) <= known, line


def test_every_link_of_a_page_leads_somewhere(tmp_path: Path) -> None:
    gather(tmp_path / "site")
    readme = (ROOT / "README.md").read_text("utf-8")
    with_site_links("README.md", readme, site_pages())
    with pytest.raises(BrokenLink, match=r"no docs/nowhere\.md"):
        with_site_links("docs/index.md", "[x](nowhere.md)", site_pages())


def test_a_link_is_to_a_page_of_the_site_or_into_the_repository() -> None:
    pages = site_pages()
    assert site_link("docs/index.md", "#here", pages) == "#here"
    assert site_link("docs/how-to/ci.md", "../reference/api.md#x", pages) == "../reference/api.md#x"
    assert site_link("docs/index.md", "../SECURITY.md", pages) == "SECURITY.md"
    assert site_link("docs/how-to/ci.md", "../../reports/findings", pages) == (
        "../reports/findings/README.md"
    )
    source = site_link("docs/how-to/ci.md", "../../model/state.py", pages)
    assert source.endswith("/blob/main/model/state.py")
    text = "`[a](b.md)`\n```\n[a](b.md)\n```\n"
    assert with_site_links("docs/index.md", text, pages) == text


def test_the_reference_of_the_commands_has_every_option(tmp_path: Path) -> None:
    text = "\n".join(commands(cli))
    shown = re.findall(r"^## (wakeproof.*)$", text, re.MULTILINE)
    assert "wakeproof conform guest" in shown
    assert len(shown) == len(set(shown)) > 15
    for option in ("--executor", "--max-states", "--any-number", "--seed"):
        assert f"| `{option}" in text
    sentences = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    assert "..." not in sentences, "nothing is cut off"


@pytest.mark.skipif(
    not (ROOT / "wakeproof" / "commands").is_dir(), reason="the packages are not all there yet"
)
def test_the_files_that_pages_name_exist() -> None:
    missing = {
        (name(page), file)
        for page in PAGES
        for file in re.findall(r"`((?:wakeproof|model|proofs|docs)/[\w/]+\.\w+)`", page.read_text())
        if not (ROOT / file).exists()
    }
    assert not missing


def test_the_table_of_properties_has_all_of_them() -> None:
    listed = re.findall(
        r"^\| `([\w-]+)`", (ROOT / "docs/reference/properties.md").read_text(), re.M
    )
    assert listed == list(BUNDLED.properties)


@pytest.mark.skipif(
    not (ROOT / "wakeproof" / "commands").is_dir(), reason="the packages are not all there yet"
)
def test_the_tree_of_the_architecture_is_that_of_the_package() -> None:
    """Each module, by its own line or in the list of its folder."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    tree = text.split("## The tree")[1].split("Beside the package")[0]
    words = set(re.findall(r"[\w./]+", tree))
    package = ROOT / "wakeproof"
    for file in package.rglob("*.py"):
        inside = file.relative_to(package)
        if inside.name != "__init__.py" and inside.parts[0] != "content":
            assert {inside.name, inside.stem} & words, inside


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


def test_every_word_of_the_glossary_is_linked_from_a_page() -> None:
    glossary = ROOT / "docs" / "reference" / "glossary.md"
    words = re.findall(r"^### (.*)$", glossary.read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", word.lower()).replace(" ", "-") for word in words}
    linked = set()
    for page in PAGES:
        linked |= set(re.findall(r"glossary\.md#([\w-]+)", page.read_text("utf-8")))
    assert linked <= anchors
    needed = "mix build role site window premise lemma fact obligation instance"
    assert set(needed.split()) <= linked


CURES = {
    "v3_done": ("no-trap", "host::stream_copy::not-idle", "stream-after-drop"),
    "v3_spawned": ("no-panic", "spawn::poll_next::nothing-spawned-when-empty", "spawn"),
    "v3_woken": (
        "no-panic",
        "inter_task_wakeup_disabled::wake::feature-enabled",
        "cancel-spawning-off",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CURES)
def test_a_cure_cures_and_breaks_nothing(name: str) -> None:
    prop, site, scenario = CURES[name]
    names = (scenario, "drop-outside-task")
    scenarios = [read_scenario(SCENARIOS / f"{name}.toml") for name in names]
    extra = tuple(sorted((ROOT / "examples" / "cures").glob("*.py")))
    result = review(Comparison(name, "v3"), scenarios, Model(MODEL, extra))
    fixed = {(c.property, c.site, c.scenario) for c in result.changes if c.word == "fixed"}
    assert (prop, site, scenario) in fixed
    assert not result.regressions
    assert all(rule.kept for rule in result.rules)


@pytest.mark.slow
@pytest.mark.parametrize(("version", "verdict"), [("v3", "violated"), ("v3_released", "holds")])
def test_a_task_that_is_done_is_woken_with_the_feature_that_the_cure_needs(
    version: str, verdict: str
) -> None:
    extra = tuple(sorted((ROOT / "examples" / "cures").glob("*.py")))
    mix = {"export": version, "block_on": "v2", "import": "v3"}
    job = Job(
        read_scenario(SCENARIOS / "move-between-tasks.toml"),
        Model(MODEL, extra),
        tuple(mix.items()),
        None,
        None,
        build=("inter-task-wakeup",),
    )
    found = {row.property: row.verdict for row in run_job(job)}
    assert found["no-stuck-task"] == verdict
    assert found["no-panic"] == "holds"


# --- the changes of the crate ---------------------------------------------------------------------

FINDINGS, CHANGES = load_findings()


def test_the_page_of_cures_shows_the_changes_that_are_run() -> None:
    page = (ROOT / "docs" / "explanation" / "cures.md").read_text("utf-8")
    shown = re.findall(r"^`(\S+)` of (\S+), ([^\n]*):\n\n```rust\n(.*?)^```$", page, re.M | re.S)
    proposed = [change for change in CHANGES.values() if change.proposed]
    # one needs a feature, and one has no version
    assert len(proposed) == len(CURES) + 2
    proposals = [place for change in proposed for place in change_places(change)]
    assert [(file, release, where, text.splitlines()) for file, release, where, text in shown] == [
        (place["file"], place["release"], place["where"], place["lines"]) for place in proposals
    ]


@pytest.mark.parametrize("features", [("inter-task-wakeup",), ()], ids=["wakeup", "none"])
def test_a_task_that_is_done_is_woken_on_the_crate_with_the_feature(
    features: tuple[str, ...],
) -> None:
    needs_cargo()
    finding = next(f for f in FINDINGS if f.name == "task-waits-on-empty-set")
    test = case_of(finding, CHANGES).test
    cure = CHANGES["woken-when-released"]
    runs = [CrateRun(test, cure.release, features), CrateRun(test, cure.release, features, cure)]
    released, cured = run_crates(runs)
    assert released.failed, released.line
    assert (cured.passed, cured.failed) == (bool(features), not features), cured.line
