"""Numbers of the Canonical ABI, by the names of the members of the model's enumerations.

Mirrors `WebAssembly/component-model`, `design/mvp/canonical-abi/definitions.py`: `EventCode`,
`CallbackCode`, `Subtask.State`, and the packed results of copies, which have the result in the
lowest four bits and the number of items above.
"""

from __future__ import annotations

BLOCKED = 0xFFFF_FFFF
CODES = {
    "BLOCKED": BLOCKED,
    **{
        f"{result}_{items}": number | items << 4
        for number, result in enumerate(("COMPLETED", "DROPPED", "CANCELLED"))
        for items in range(4)
    },
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
