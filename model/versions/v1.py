"""V1, the release 0.58.0: the base text, unchanged."""

from __future__ import annotations

BASE = ""
RELEASE = "wit-bindgen 0.58.0"
ABI = 1

# `cabi.rs`: what `wasip3_task_set` is given
TASK = "wasip3_task"
STRUCTS = {
    "wasip3_task": {
        "version": "u32",
        "ptr": "ptr",
        "waitable_register": "fn(ptr, u32, fn(ptr, u32), ptr) -> ptr",
        "waitable_unregister": "fn(ptr, u32) -> ptr",
    },
}
