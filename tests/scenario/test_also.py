"""Actions that a scenario with programs allows besides those of the host and the peers: `also`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.report.overviews import overview
from tests.support import Called, mix_of
from wakeproof.check.job import Job, run_job
from wakeproof.errors import InputError
from wakeproof.findings.known_releases import known_violation
from wakeproof.language.model import BUNDLED
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance

MIX = (("export", "v3"), ("block_on", "v3"), ("import", "v3"))
QUEUE = """\
title = "A queue whose waker spawns"

[names]
Operation = ["call"]
Future = ["export-body", "runnable"]

[parameters]
kind = "SUBTASK"
async_spawn = true
import_spawns = true
program_wakers = true

[program]
also = ["spawn_local", "finish_wake"]

[[task]]
name = "export"
does = ["call_import_with_program_waker call", "if held call: move_to_storage call"]

[mixes]
export = ["v3"]
block_on = ["v3"]
import = ["v3"]
"""


def instance(path: Path) -> Instance:
    """Return the scenario of a file in V3."""
    return Instance(read_scenario(path), mix_of("v3/v3/v3"), BUNDLED)


def queue(folder: Path, **changes: str) -> Path:
    """Write the scenario of a queue, with some of its lines changed."""
    path = folder / "queue.toml"
    text = QUEUE
    for old, new in changes.items():
        assert f"{old} =" in text
        text = re.sub(rf"^{old} =.*$", new, text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")
    return path


def test_what_a_program_allows_besides_is_possible_beside_the_host_and_the_peers(
    tmp_path: Path,
) -> None:
    one = instance(queue(tmp_path))
    assert {"call_export", "subtask_progress", "spawn_local", "finish_wake"} <= set(one.actions)
    assert "request_cancellation" not in one.actions


def test_what_a_waker_spawns_when_the_export_is_done_is_found_by_its_name(tmp_path: Path) -> None:
    rows = run_job(Job(read_scenario(queue(tmp_path)), BUNDLED, MIX, None, None, "plain"))
    (row,) = (row for row in rows if row.verdict == "violated")
    (violation,) = row.violations
    assert violation["site"] == "spawn::poll_next::nothing-spawned-when-empty"
    named = overview(rows).finding_of(row, violation["site"])
    assert named is not None
    assert named.name == "spawned-by-waker-when-done"
    known = known_violation(instance(tmp_path / "queue.toml"), row.property, violation)
    assert known.cure is not None
    assert known.cure.name == "spawned-when-empty"


@pytest.mark.parametrize(
    ("changes", "what", "hint"),
    [
        (
            {"also": 'actions = ["spawn_local", "finish_wake"]'},
            "the program of export never begins: call_export is not among the actions",
            "write `also` in the place of `actions`",
        ),
        (
            {"Future": 'Future = ["export", "runnable"]'},
            "there is no Task: every [[task]] is the program of a Future of its name",
            'if export is called, write Future = ["export-body", "runnable"]',
        ),
        (
            {"Future": 'Future = ["runnable"]'},
            "2 are needed, and the list has 1",
            'write Future = ["export-body", "runnable"]',
        ),
        ({"Future": ""}, "2 are needed, and the list has 0", '"export-body", "spawned"]'),
        (
            {"also": 'also = ["wake"]\nactions = ["wake"]'},
            "also beside actions",
            "add its actions to the list",
        ),
        (
            {"program_wakers": ""},
            "export cannot go on at 'call_import_with_program_waker call': "
            "call_import_with_program_waker is not possible there, as it does not hold: "
            "p.program_wakers",
            "",
        ),
    ],
)
def test_a_queue_that_is_written_wrongly_is_refused_with_what_to_write(
    changes: dict[str, str], what: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as raised:
        instance(queue(tmp_path, **changes)).refuse_stuck()
    assert what in raised.value.what
    assert hint in raised.value.hint


def test_an_action_that_is_allowed_besides_and_never_possible_is_not_as_expected(
    tmp_path: Path, called: Called
) -> None:
    path = queue(tmp_path, async_spawn="", import_spawns="")
    status, printed, _ = called("check", path)
    assert status == 1
    assert "not as expected: the actions of queue: spawn_local: never possible" in printed
    assert "hint: a parameter may have to allow it" in printed


def test_without_programs_there_is_nothing_besides(tmp_path: Path) -> None:
    path = queue(tmp_path)
    text = re.sub(r"\[\[task\]\].*?\n\n", "", path.read_text("utf-8"), flags=re.DOTALL)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"also without \[\[task\]\]") as raised:
        read_scenario(path)
    assert raised.value.where == f"{path}:14"
