"""V1 with pull request 1638: the tree between the releases 0.58.0 and 0.59.0."""

from __future__ import annotations

from model.host import canon_stream_cancel_read
from model.state import s
from model.types import Task
from model.waitable_set import remove_waitable_from_all_sets
from wakeproof.language import side, unwrap

BASE = "v1"
RELEASE = "wit-bindgen at commit 154003e8"
ABI = 1


@side("executor")
def cancel_inter_task_stream_read(task: Task) -> None:
    """Out of the set first, then take the read back."""
    if not s.stream_reading[task]:
        return
    s.stream_reading[task] = False
    handle = unwrap(s.stream[task], "inter_task_wakeup::cancel_inter_task_stream_read::stream-made")
    remove_waitable_from_all_sets(handle)
    canon_stream_cancel_read(handle)
