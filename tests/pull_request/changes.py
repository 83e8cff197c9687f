"""Ten changes of one line of `wit-bindgen` 0.63.0: eight defects, and two without an effect.

Each names a function, a pattern in one of its lines, and what replaces it there.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from wakeproof.crates.release_source import release_source
from wakeproof.crates.rust_source import functions_of

RELEASE = "0.63.0"
FOLDER = "src/rt/async_support"
ALL = ("inter-task-wakeup", "async-spawn")
WAKEUP = ("inter-task-wakeup",)


@dataclass(frozen=True)
class Change:
    """A change of one line; `function` is what is to be named, empty for a harmless one.

    `of` is the function that has the line, and `features` those of the build in which it matters.
    """

    file: str
    of: str
    pattern: str
    instead: str
    features: tuple[str, ...] = ()
    harmless: bool = False

    def apply(self, crate: Path) -> None:
        """Make the change in a copy of the release."""
        path = crate / self.file
        text = path.read_text(encoding="utf-8")
        (function,) = (f for f in functions_of(text) if f.name == self.of)
        lines = text.splitlines(keepends=True)
        for number in range(function.first - 1, function.last):
            line, count = re.subn(self.pattern, self.instead, lines[number])
            if count:
                lines[number] = line
                path.write_text("".join(lines), encoding="utf-8")
                return
        raise AssertionError(f"{self.pattern} is not in {self.of}")


CHANGES = {
    "an operation forgets its waitable": Change(
        f"{FOLDER}/waitable.rs",
        "WaitableOperation::register_waker",
        r"Some\(waitable\)",
        "None",
    ),
    "an operation stays registered": Change(
        f"{FOLDER}/waitable.rs",
        "WaitableOperation::poll_complete_with_code",
        r"task\.registered = None",
        "let _ = task",
    ),
    "a cancelled operation stays registered": Change(
        f"{FOLDER}/waitable.rs",
        "WaitableOperation::cancel",
        r"self\.as_mut\(\)\.unregister_waker\(waitable\)",
        "let _ = waitable",
    ),
    "a sleeper counts as woken": Change(
        f"{FOLDER}.rs",
        "TaskState::callback",
        "SLEEP_STATE_SLEEPING",
        "SLEEP_STATE_WOKEN",
        WAKEUP,
    ),
    "an unregistered waitable stays in its set": Change(
        f"{FOLDER}.rs",
        "SharedTaskState::waitable_unregister",
        r"WaitableSet::remove_waitable_from_all_sets\(waitable\)",
        "let _ = waitable",
    ),
    "a reference is never given back": Change(
        f"{FOLDER}.rs",
        "SharedTaskState::cabi_drop",
        r"ManuallyDrop::drop\(&mut me\)",
        "let _ = &mut me;",
    ),
    "a read is cancelled in its set": Change(
        f"{FOLDER}/inter_task_wakeup.rs",
        "TaskState::cancel_inter_task_stream_read",
        r"WaitableSet::remove_waitable_from_all_sets\(handle\)",
        "let _ = handle",
        WAKEUP,
    ),
    "a cancellation does not reach the root": Change(
        f"{FOLDER}/spawn.rs",
        "Tasks::cancel_root",
        r"root\.abort\(\)",
        "drop(root)",
        ALL,
    ),
    "harmless: operands are swapped": Change(
        f"{FOLDER}/waitable.rs",
        "WaitableOperation::register_waker",
        r"prev\.ptr == \(\*task\)\.v1\.ptr",
        "(*task).v1.ptr == prev.ptr",
        harmless=True,
    ),
    "harmless: all lines behind it move": Change(
        f"{FOLDER}/waitable.rs",
        "WaitableOperation::register_waker",
        "unsafe {$",
        "let _ = waitable;\n        unsafe {",
        ALL,
        harmless=True,
    ),
}


def copy_release(folder: Path) -> Path:
    """Copy the source of the release; returns the folder of the crate."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(release_source(RELEASE), folder)
    return folder
