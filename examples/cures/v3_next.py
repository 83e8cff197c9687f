"""V3, but the release after it: the same text, with statics of its own.

What the cures build on. A cure comes with another release than 0.63.0, and every release has a list
of its own of what was spawned, wherever two of them meet in one component.
"""

from __future__ import annotations

from model.types import Task
from wakeproof.language import Enumeration, auto, side

BASE = "v3"
RELEASE = "a cure"
ABI = 3


class Release(Enumeration):
    """The release that a static belongs to."""

    NEXT = auto()


@side("executor")
def executor_release(task: Task) -> Release:
    """The release that the executor of this task comes from."""
    return Release.NEXT
