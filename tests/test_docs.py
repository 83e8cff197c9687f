"""What the guides tell a reader to type is typed, and must say what they say."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import needs_cargo
from wakeproof.bundled import MODEL, SCENARIOS
from wakeproof.check.job import Job, run_job
from wakeproof.export.issue import places
from wakeproof.findings.registry import load_findings
from wakeproof.findings.run_crates import Run, run_all
from wakeproof.findings.runs import make
from wakeproof.language.model import Model
from wakeproof.review.review import Comparison, review
from wakeproof.scenario.file import read_scenario

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_guide_to_the_next_version_says_what_happens(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    ran = 0
    for kind, text in BLOCK.findall((ROOT / "docs" / "next-version.md").read_text("utf-8")):
        if kind == "python":
            (tmp_path / "mine" / "v4.py").write_text(text, encoding="utf-8")
            continue
        command, *told = text.splitlines()
        words = shlex.split(command.removeprefix("$ wakeproof"))
        done = subprocess.run(
            [sys.executable, "-m", "wakeproof", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        rest = done.stdout
        for line in told:
            assert line.rstrip() in rest, f"{command}: {line!r} is not in\n{done.stdout}"
            rest = rest[rest.index(line.rstrip()) :]
        ran += 1
    assert ran == 4


CURES = {
    "v3_done": ("no-trap", "host::stream_copy::not-idle", "stream-after-drop"),
    "v3_spawned": ("no-panic", "spawn::poll_next::nothing-spawned-when-empty", "spawn"),
    "v3_woken": (
        "no-panic",
        "inter_task_wakeup_disabled::wake::feature-enabled",
        "cancel-spawning-off",
    ),
}


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


@pytest.mark.parametrize(("version", "verdict"), [("v3", "violated"), ("v3_released", "holds")])
def test_a_task_that_is_done_is_told_with_the_feature_that_the_cure_needs(
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
    page = (ROOT / "docs" / "cures.md").read_text("utf-8")
    shown = re.findall(r"^`(\S+)` of (\S+), ([^\n]*):\n\n```rust\n(.*?)^```$", page, re.M | re.S)
    proposed = [change for change in CHANGES.values() if change.proposed]
    assert len(proposed) == len(CURES) + 1
    told = [place for change in proposed for place in places(change)]
    assert [(file, release, where, text.splitlines()) for file, release, where, text in shown] == [
        (place["file"], place["release"], place["where"], place["lines"]) for place in told
    ]


@pytest.mark.parametrize("features", [("inter-task-wakeup",), ()], ids=["wakeup", "none"])
def test_a_task_that_is_done_is_told_on_the_crate_with_the_feature(
    features: tuple[str, ...],
) -> None:
    needs_cargo()
    finding = next(f for f in FINDINGS if f.name == "task-waits-on-empty-set")
    test = make(finding, CHANGES).test
    cure = CHANGES["woken-when-released"]
    runs = [Run(test, cure.release, features), Run(test, cure.release, features, cure)]
    released, cured = run_all(runs)
    assert released.failed, released.line
    assert (cured.passed, cured.failed) == (bool(features), not features), cured.line
