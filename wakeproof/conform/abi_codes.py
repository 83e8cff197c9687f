"""Numbers of the Canonical ABI, by the names of the members of the model's enumerations.

Mirrors `WebAssembly/component-model`, `design/mvp/canonical-abi/definitions.py`: `EventCode`,
`CallbackCode`, `Subtask.State`, and the packed results of copies, which have the result in the
lowest four bits and the number of items above.
"""

from __future__ import annotations

BLOCKED = 0xFFFF_FFFF
CODES = {
    "BLOCKED": BLOCKED,
    "COMPLETED_0": 0x00,
    "COMPLETED_1": 0x10,
    "DROPPED_0": 0x01,
    "DROPPED_1": 0x11,
    "CANCELLED_0": 0x02,
    "CANCELLED_1": 0x12,
    "STARTING": 0,
    "STARTED": 1,
    "RETURNED": 2,
    "CANCELLED_BEFORE_STARTED": 3,
    "CANCELLED_BEFORE_RETURNED": 4,
}
EVENTS = {
    "NONE": 0,
    "SUBTASK": 1,
    "STREAM_READ": 2,
    "STREAM_WRITE": 3,
    "FUTURE_READ": 4,
    "FUTURE_WRITE": 5,
    "CANCEL": 6,
}
# codes that a callback returns
EXIT, YIELD, WAIT = 0, 1, 2
