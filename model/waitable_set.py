"""A task's map of waitables and its waitable set: the executor's end of the C ABI.

Mirrors `crates/guest-rust/src/rt/async_support.rs` at tag v0.58.0 (`FutureState::add_waitable`,
`waitable_register`, `waitable_unregister`), `waitable_set.rs` and `cabi.rs`.
"""

from __future__ import annotations

from model.host import canon_waitable_join, canon_waitable_set_drop, canon_waitable_set_new
from model.state import s
from model.types import Count, Future, Handle, Operation, Task
from wakeproof.language import cabi, side, undefined


def remaining_work(task: Task) -> bool:
    """`remaining_work`: a waitable is registered."""
    return any(s.waitables[task][handle] is not None for handle in Handle)


def add_waitable(task: Task, waitable: Handle) -> None:
    """Put a waitable into the task's set, making the set if there is none."""
    wset = s.waitable_set[task]
    if wset is None:
        wset = canon_waitable_set_new()
        s.waitable_set[task] = wset
    canon_waitable_join(waitable, wset)


def remove_waitable_from_all_sets(waitable: Handle) -> None:
    """`WaitableSet::remove_waitable_from_all_sets`."""
    canon_waitable_join(waitable, None)


def waitable_set_drop(task: Task) -> None:
    """`WaitableSet::drop`, if the task has one."""
    wset = s.waitable_set[task]
    if wset is not None:
        s.waitable_set[task] = None
        canon_waitable_set_drop(wset)


def waitables_drop(task: Task) -> None:
    """The map is freed; what it points to is not owned."""
    for handle in Handle:
        s.waitables[task][handle] = None
        s.dangling[task][handle] = False


# --- the C ABI ----------------------------------------------------------------------------------


@side("executor")
def abi_version(task: Task) -> Count:
    """`wasip3_task.version`."""
    return 1


@side("executor")
def table_version(task: Task) -> Count:
    """The version field inside the table, which only the first draft of V2 had."""
    undefined("cabi::wasip3_task_vtable::no-version")


@side("executor")
@cabi("waitable_register")
def waitable_register(task: Task, waitable: Handle, callback_ptr: Operation) -> Operation | None:
    """Add to the set and the map; the callback pointer that stood there before, or null."""
    if not s.alive[task]:
        undefined("async_support::waitable_register::freed-task")
    add_waitable(task, waitable)
    previous = s.waitables[task][waitable]
    s.waitables[task][waitable] = callback_ptr
    s.dangling[task][waitable] = False
    return previous


@side("executor")
@cabi("waitable_unregister")
def waitable_unregister(task: Task, waitable: Handle) -> Operation | None:
    """Remove from every set and from the map; the callback pointer that stood there, or null."""
    if not s.alive[task]:
        undefined("async_support::waitable_unregister::freed-task")
    remove_waitable_from_all_sets(waitable)
    previous = s.waitables[task][waitable]
    s.waitables[task][waitable] = None
    s.dangling[task][waitable] = False
    return previous


@side("executor")
@cabi("clone")
def cabi_clone(task: Task) -> None:
    """V1 has no table: reading one is reading what lies behind the struct."""
    undefined("cabi::wasip3_task::no-table")


@side("executor")
@cabi("drop")
def cabi_drop(task: Task) -> None:
    """V1 has no table: reading one is reading what lies behind the struct."""
    undefined("cabi::wasip3_task::no-table")


@side("executor")
def rust_spawn(task: Task, future: Future) -> bool:
    """V1 has no table, and V2's has no such entry."""
    undefined("cabi::wasip3_task_vtable::no-rust-spawn")


# --- the C ABI, as version files call it --------------------------------------------------------

# These seven wrappers exist because version files redefine what they call: in such a file the name
# of the function is the file's own text, whereas a wrapper calls that of the task's release.


def unregister_from(task: Task, waitable: Handle) -> Operation | None:
    """Call `waitable_unregister`, which version files redefine."""
    return waitable_unregister(task, waitable)


def clone_of(task: Task) -> None:
    """Call `cabi_clone`, which version files redefine."""
    cabi_clone(task)


def drop_of(task: Task) -> None:
    """Call `cabi_drop`, which version files redefine."""
    cabi_drop(task)


def rust_spawn_of(task: Task, future: Future) -> bool:
    """Call `rust_spawn`, which version files redefine; whether the table has one."""
    return rust_spawn(task, future)


def table_version_of(task: Task) -> Count:
    """Call `table_version`, which version files redefine."""
    return table_version(task)


def abi_version_of(task: Task) -> Count:
    """Call `abi_version`, which version files redefine."""
    return abi_version(task)


def register_with(task: Task, waitable: Handle, callback_ptr: Operation) -> Operation | None:
    """Call `waitable_register`, which version files redefine."""
    return waitable_register(task, waitable, callback_ptr)
