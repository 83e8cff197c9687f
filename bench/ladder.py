"""The ladder: one scenario without a bound on steps, with more tasks and operations on each rung.

Exports of the release 0.60.0 call imports, poll, move and drop them in every order. Each task runs
once, so the state space of every rung is finite. There is a handle for the set of each task and one
for each subtask, and no rung needs more.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wakeproof.language.model import BUNDLED
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import ROLES

VERSION = "v2"
ACTIONS = (
    "call_export",
    "call_import",
    "poll",
    "drop_operation",
    "move_to_storage",
    "return_pending",
    "return_ready",
    "deliver_event",
    "resume_yielded",
    "waitable_set_poll",
    "subtask_progress",
)


@dataclass(frozen=True)
class Rung:
    """A number of tasks and of operations.

    A rung with `most` cannot be exhausted without symmetry: a run that measures the rate ends after
    this many states.
    """

    tasks: int
    operations: int
    is_large: bool = False
    most: int | None = None

    @property
    def name(self) -> str:
        """The numbers of tasks, operations and handles."""
        return f"{self.tasks} x {self.operations} x {self.tasks + self.operations}"

    def file(self, folder: Path) -> Path:
        """Write the scenario into a folder; return its file."""
        path = folder / "ladder.toml"
        kinds = ["SUBTASK"] * self.operations
        path.write_text(
            f"""\
title = "{self.name}"
origin = "the benchmark"
story = "Exports call imports, poll, move and drop them in every order."

[sizes]
Task = {self.tasks}
Future = {self.tasks}
Operation = {self.operations}
Handle = {self.tasks + self.operations}
Channel = 0

[parameters]
kind = {kinds}
single_use = true
may_block_on = false

[program]
actions = {list(ACTIONS)}

[mixes]
{"".join(f'{role} = ["{VERSION}"]{chr(10)}' for role in ROLES)}
[otherwise]
verdict = "holds"
reason = "this is about time"
""",
            encoding="utf-8",
        )
        return path

    def instance(self, folder: Path) -> Instance:
        """Return the scenario, ready to run."""
        return Instance(read_scenario(self.file(folder)), dict.fromkeys(ROLES, VERSION), BUNDLED)


LADDER = (
    Rung(3, 1),
    Rung(4, 1),
    Rung(2, 2),
    Rung(5, 1),
    Rung(3, 2),
    Rung(2, 3, is_large=True),
    Rung(4, 3, is_large=True, most=100_000_000),
)
