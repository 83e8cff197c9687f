"""What several tests need: scenarios checked in this process, models altered on the way."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from wakeproof.bundled import MODEL, SCENARIOS
from wakeproof.check.job import Job, run_job
from wakeproof.check.verdict import Verdict
from wakeproof.conform.guest.driver import build_driver
from wakeproof.errors import InputError
from wakeproof.language.model import Model
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.mixes import ROLES

# started in the background, the tests ignore interrupts, and so would what they start
signal.signal(signal.SIGINT, signal.default_int_handler)

Alter = Callable[[str, str, str], Path]


def check(
    scenario: str,
    mix: str,
    model: Path = MODEL,
    explorer: str = "plain",
    max_states: int = 200_000,
    symmetry: bool = False,
) -> dict[str, Verdict]:
    """The verdicts of a bundled scenario in the mix `export/block_on/import`, by property."""
    roles = tuple(zip(ROLES, mix.split("/"), strict=True))
    job = Job(
        read_scenario(SCENARIOS / f"{scenario}.toml"),
        Model(model),
        roles,
        max_states,
        120.0,
        explorer=explorer,
        symmetry=symmetry,
    )
    return {v.property: v for v in run_job(job)}


def sites(verdict: Verdict) -> set[str]:
    """The sites at which a property is violated."""
    return {row["site"] for row in verdict.violations if row["site"]}


@pytest.fixture
def alter(tmp_path: Path) -> Alter:
    """Copies the model with one piece of its text replaced, which must occur exactly once."""

    def altered(file: str, old: str, new: str) -> Path:
        folder = tmp_path / "model"
        shutil.copytree(MODEL, folder)
        text = (folder / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {file}"
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")
        return folder

    return altered


def needs_cargo() -> None:
    """Skip where cargo or the crates cannot be had, but not in CI."""
    try:
        build_driver(())
    except InputError as error:
        if os.environ.get("WAKEPROOF_NEEDS_GUEST"):
            raise
        pytest.skip(f"nothing is built: {error.what}")
