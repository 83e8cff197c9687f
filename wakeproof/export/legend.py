"""Who takes part in a story, and the words that its page uses, each in a sentence.

The words are those of the glossary, shorter. Who takes part is made from the names that the bundled
model has for its fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from wakeproof.export.story import Lane, Story
from wakeproof.export.tracks import ENDS, NOBODY

HANDLE = re.compile(r"h\d+")
CALLS = "call_sync"
"""The beginning of the names of the steps that call an export which has no task."""


@dataclass(frozen=True)
class Word:
    """A word, its entry of the glossary, what it means, and a pattern of texts that use it."""

    word: str
    entry: str
    means: str
    pattern: str


WORDS = (
    Word("host", "Host", "What runs the component, such as Wasmtime.", ""),
    Word(
        "task",
        "Task",
        "One call of an async export, or one `block_on`, which runs a future to its end on the "
        "stack. `x-body` is the root future of the task `x`.",
        "",
    ),
    Word(
        "synchronous type",
        "Export of synchronous type",
        "An export that its caller enters and leaves in one call. It has no task of its own.",
        "synchronous type",
    ),
    Word(
        "thread",
        "Thread",
        "One call of an export of the instance, with the `block_on` in it. Threads that wait go on "
        "in any order, and share one stack in linear memory.",
        "thread|linear.memory",
    ),
    Word(
        "current task",
        "Current task",
        "The task whose code runs. `wasip3_task_set` sets it and returns the one before; what is "
        "polled registers with it.",
        "wasip3_task_set",
    ),
    Word(
        "operation",
        "Operation",
        "A read, a write or a call of an import that has begun: a future, which may move from one "
        "task to another.",
        "operation|poll",
    ),
    Word(
        "waitable",
        "Waitable",
        "What the host reports events of: an end of a stream or future, or a call. h1, h2, … are "
        "handles of waitables and of sets.",
        r"\bh\d",
    ),
    Word(
        "BLOCKED, COMPLETED, DROPPED",
        "Waitable",
        "What came of a copy, a read or write that the host has begun. BLOCKED: it goes on, and "
        "its event will come; COMPLETED_1: it is done, with one item; DROPPED_0: the other end is "
        "gone, and no item was copied.",
        "BLOCKED|COMPLETED|DROPPED_",
    ),
    Word(
        "set",
        "Waitable set",
        "A waitable set. A task that waits gets the events of the waitables in its own set alone.",
        r"waitable-set|\bset\b",
    ),
    Word(
        "register",
        "Callback",
        "Give a waitable to a task through the C ABI (`waitable_register`): the task puts it into "
        "its set, and calls the operation back when its event comes.",
        "waitable_register",
    ),
    Word(
        "C ABI",
        "Current task",
        "The functions through which code of several releases of the crate works together in one "
        "component.",
        r"wasip3_task_set|waitable_register",
    ),
    Word(
        "called back",
        "Callback",
        "A task that waits has returned to the host, which calls its callback with the event.",
        "called back|callback|Call back|waits on|YIELD",
    ),
    Word(
        "cancel",
        "Task",
        "The caller of an async function gives the call up, by `subtask.cancel`. The callee drops "
        "its future, and answers with `task.cancel`. A caller in Rust drops the call.",
        r"subtask\.cancel|task\.cancel",
    ),
    Word(
        "wakeup stream",
        "Asleep",
        "With the feature `inter-task-wakeup` a task that sleeps reads a stream of its own, and "
        "who wakes it writes to that.",
        "wakeup-of",
    ),
    Word(
        "block_on",
        "block_on",
        "Runs a future to its end on the stack, and waits in the host meanwhile.",
        "block_on",
    ),
    Word(
        "trap",
        "Trap",
        "The host ends the instance, because one of its rules is broken.",
        r"\btraps?\b",
    ),
)
"""The words in the order of a page; a page has those whose pattern is found in its text."""


def words_of(texts: Iterable[str]) -> list[Word]:
    """Return the words that texts use."""
    text = "\n".join(texts)
    return [word for word in WORDS if re.search(word.pattern, text)]


def cast_of(story: Story, functions: Mapping[int, str]) -> list[tuple[str, str]]:
    """Return who takes part, and which handles there are, each with what it is.

    `functions` are the Rust functions that are called, by the number of the step.
    """
    found: list[tuple[str, str]] = []
    for lane in story.lanes:
        if lane.kind == "task":
            found.append((lane.name, _task(lane, story, functions)))
        elif lane.kind == "peer":
            found.append((f"peer of {lane.name}", _peer(lane)))
        elif lane.kind == "program":
            found.append((lane.name, _outside_of_tasks(story, functions)))
    found += ((handle, " and then ".join(what)) for handle, what in _handles(story).items())
    return found


def _peer(lane: Lane) -> str:
    """Return what a peer is: the callee of a call, by its handle, or the owner of an end."""
    if HANDLE.fullmatch(lane.name):
        return f"the callee of the call {lane.name}"
    return f"holds the other end of `{lane.name}`, outside the component"


def _outside_of_tasks(story: Story, functions: Mapping[int, str]) -> str:
    """Return the functions that are called without a task, as far as they have names."""
    numbers = [m.number for m in story.moments if m.row["action"].startswith(CALLS)]
    names = dict.fromkeys(f"`{functions[number]}`" for number in numbers if number in functions)
    return f"code outside of a task: {' and '.join(names)}" if names else "code outside of a task"


def _task(lane: Lane, story: Story, functions: Mapping[int, str]) -> str:
    """Return what a task is: a call or a `block_on`, with the step at which it begins."""
    for moment in story.moments:
        if moment.row["changes"].get(f"alive[{lane.name}]", ["", ""])[1] != "true":
            continue
        if moment.state.get(f"executor_role[{lane.name}]") == "BLOCK_ON":
            return f"the `block_on` of step {moment.number}"
        called = functions.get(moment.number)
        return f"the call of `{called}`" if called else f"the call of step {moment.number}"
    return "a task"


def _handles(story: Story) -> dict[str, list[str]]:
    """Return what each handle is of, one after the other."""
    found: dict[str, list[str]] = {}
    for state in (story.first, *(moment.state for moment in story.moments)):
        for handle, what in _handles_now(state):
            known = found.setdefault(handle, [])
            if what not in known:
                known.append(what)
    return dict(sorted(found.items()))


def _handles_now(state: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for cell, kind in state.items():
        if not cell.startswith("slot["):
            continue
        handle = cell.removeprefix("slot[").removesuffix("]")
        if kind == "WAITABLE_SET":
            for other, own in state.items():
                if other.startswith("waitable_set[") and own == handle:
                    task = other.removeprefix("waitable_set[").removesuffix("]")
                    yield handle, f"the set of `{task}`"
        elif kind in ENDS:
            channel = state.get(f"end_channel[{handle}]", "null")
            yield handle, ENDS[kind] + ("" if channel in NOBODY else f" `{channel}`")
