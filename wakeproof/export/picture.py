"""The forms of a trace that people look at, or that viewers of traces read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeproof.export.ending import ending_of
from wakeproof.export.mermaid import mermaid
from wakeproof.export.story import story_of
from wakeproof.export.trace import replayed_steps
from wakeproof.scenario.instance import Instance


def picture(instance: Instance, property_id: str, violation: Mapping[str, Any], form: str) -> str:
    """Return a saved violation as `mermaid`.

    Raises `InputError` for a trace of another model.
    """
    steps = replayed_steps(instance, property_id, violation)
    story = story_of(instance, steps, violation.get("loop"))
    return mermaid(story, ending_of(instance.model, property_id, violation))
