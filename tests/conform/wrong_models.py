"""Models that are wrong in one place, which the components on Wasmtime have to find."""

from __future__ import annotations

# file of the model, its text, and what replaces that text
WRONG_MODELS = {
    # `conform guest` runs under the host of the model, and does not find these two
    "a copy that gives no item": (
        "host.py",
        "        return Code.COMPLETED_1\n",
        "        return Code.COMPLETED_0\n",
    ),
    "an end that traps where it does not": (
        "host.py",
        "    if s.copy_state[handle] != CopyState.IDLE:\n        if kind",
        "    if s.copy_state[handle] == CopyState.IDLE:\n        if kind",
    ),
    "a lost join": ("waitable_set.py", "    canon_waitable_join(waitable, wset)\n", ""),
    "a callback that answers YIELD for WAIT": (
        "async_support.py",
        "        if s.sleep_state[task] == SleepState.WOKEN:\n",
        "        if s.sleep_state[task] != SleepState.SLEEPING:\n",
    ),
}
