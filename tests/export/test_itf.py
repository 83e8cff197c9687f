"""A trace in the Informal Trace Format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.export.saved import SavedViolation, hostile, lasso, saved
from wakeproof.export.itf import TAKEN
from wakeproof.export.story import run_steps
from wakeproof.scenario.script import steps_of

FOUND = [saved("wakeup-through-dead-task"), saved("stack-lost-when-frames-end"), lasso(), hostile()]
every = pytest.mark.parametrize("found", FOUND, ids=["lost", "stack", "lasso", "hostile"])


def document(found: SavedViolation) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(found.to("itf"))
    return read


@every
def test_each_step_leads_to_a_state_which_has_every_variable(found: SavedViolation) -> None:
    read = document(found)
    taken = [state[TAKEN].split(" ")[0] for state in read["states"]]
    assert taken == ["", *(row["action"] for row in found.trace)]
    for index, state in enumerate(read["states"]):
        assert state.pop("#meta") == {"index": index}
        assert list(state) == read["vars"]


def test_a_step_is_the_line_of_a_script() -> None:
    states = document(saved("wakeup-through-dead-task"))["states"]
    assert states[10][TAKEN] == "poll_with_waker_of read waiting-body"


@every
def test_a_loop_begins_with_the_state_after_its_first_step(found: SavedViolation) -> None:
    read = document(found)
    if "loop" not in found.violation:
        assert "loop" not in read
        return
    assert read["loop"] == 3
    first, last = ({**read["states"][n], TAKEN: "", "#meta": {}} for n in (2, -1))
    assert first == last, "the step into state 3 leads from the last state there, too"


@every
def test_a_reader_that_others_wrote_reads_the_fields_of_the_model(found: SavedViolation) -> None:
    itf_py = pytest.importorskip("itf_py", reason="no itf-py: pip install itf-py")
    trace = itf_py.trace_from_json(document(found))
    program = found.instance.resolved.program
    steps = steps_of(found.trace, program, found.instance.names)
    tracer, snapshots = run_steps(found.instance, steps)
    assert len(trace.states) == len(snapshots)
    for state, snapshot in zip(trace.states, snapshots, strict=True):
        for (name, keys, declared), scalar in zip(tracer.layout, snapshot, strict=True):
            value = state.values[name]
            for kind, key in zip(declared.keys, keys, strict=True):
                value = value[tracer.key(kind, key)]
            plain = isinstance(value, (bool, int))
            assert value == (scalar if plain else tracer.show(scalar, declared.value)), name
            assert isinstance(value, bool) == (declared.value.kind == "bool")
    assert itf_py.trace_to_json(trace)["states"] == document(found)["states"]
    assert trace.loop == document(found).get("loop")


def test_the_same_trace_is_the_same_text() -> None:
    assert lasso().to("itf") == lasso().to("itf")
