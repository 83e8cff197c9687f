"""The first draft of V2: the table has a version field of its own beside the one in the struct.

Pull request 1637 before its review. Layouts of the draft and of the merged form do not mix.
"""

from __future__ import annotations

from model.types import Count, Operation, Task
from model.versions.v2 import operation_drop_task
from model.versions.v2 import s as s
from model.waitable_set import clone_of, table_version_of
from wakeproof.language import panic, side

BASE = "v2"
RELEASE = "pull request 1637 before review"
ABI = 2

STRUCTS = {
    "wasip3_task_vtable": {
        "version": "u32",
        "waitable_register": "fn(ptr, u32, fn(ptr, u32), ptr) -> ptr",
        "waitable_unregister": "fn(ptr, u32) -> ptr",
        "clone": "fn(ptr) -> ptr",
        "drop": "fn(ptr)",
    },
}


@side("executor")
def table_version(task: Task) -> Count:
    """The version field inside the table."""
    return 1


@side("operation")
def keep_task(operation: Operation, task: Task) -> None:
    """Check the table's own version before its functions are used."""
    if table_version_of(task) < 1:
        panic("waitable::register_waker::task-version")
    clone_of(task)
    operation_drop_task(operation)
    s.cabi_task[operation] = task
