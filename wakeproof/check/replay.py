"""Replay a saved trace on the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeproof.errors import InputError
from wakeproof.language.primitives import GuardFailed
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.script import steps_of


def replay_one(instance: Instance, property_id: str, violation: Mapping[str, Any]) -> str:
    """Replay one trace; return the difference as text, empty if the trace still happens."""
    program = instance.resolved.program
    outcomes = {p.id: p.outcome for p in instance.model.properties.values()}
    if property_id and property_id not in outcomes:
        return f"the model does not know the property {property_id}"
    try:
        steps = steps_of(violation["trace"], program, instance.names)
    except InputError as error:
        return error.what
    tracer = instance.tracer()
    loop = violation.get("loop")
    try:
        tracer.trace(steps[:loop])
        begins = tracer.machine.save()
        rows, wrong = tracer.trace(steps)
    except GuardFailed:
        return "a step is not possible any more"
    if len(rows) < len(steps):
        return f"ends early: {wrong.site if wrong else ''}"
    if violation["site"] and (wrong is None or wrong.site != violation["site"]):
        return "the site is not reached any more"
    if property_id and wrong is not None and outcomes[property_id] != wrong.kind:
        return f"ends at {wrong.site}, which does not violate {property_id}"
    if loop is not None and tracer.machine.save() != begins:
        return "the loop does not end where it begins"
    invariant = tracer.machine.invariants.get(property_id)
    if not violation["site"] and invariant is not None and invariant():
        return "the property holds at its end"
    calls = [[c["name"], c["result"]] for row in rows for c in row["calls"]]
    before = [[c["name"], c["result"]] for row in violation["trace"] for c in row["calls"]]
    return "" if calls == before else "other calls are made"
