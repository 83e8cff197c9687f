"""Write a scenario as the text of a new file, with comments: a question that runs at once."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wakeproof.language import ir
from wakeproof.scenario.file import Scenario
from wakeproof.scenario.mixes import Mix

WIDTH = 96

BEGINNING = """\
# A question about your program: `wakeproof check {file}` answers it, with status 1 if something is
# violated, and `wakeproof check {file} --traces` shows the steps.
title = "A select whose loser is dropped"

# Who takes part. The number of names is the number of members; tasks are named by their programs.
[names]
Operation = ["left", "right"]  # a slot for a read, a write or a call
Channel = ["first", "second"]  # streams or futures

# What they are: one value, or a list with one for each; `wakeproof list parameters` has all.
[parameters]
kind = "STREAM_READ"  # {kind}
channel = ["first", "second"]  # {channel}
remote = "WRITE"  # {remote}
opened = true  # {opened}

# What each task does, line by line, while the host and the peers do what they like.
# docs/reference/programs.md has the words; an action of `wakeproof list actions` is a word, too.
[[task]]
name = "worker"
does = [
  "select left right",  # polls both until one is ready, and drops the other
  "loop",
]

# The versions of the crate that are mixed: the export, nested `block_on` and imports.
[mixes]
export = ["{export}"]
block_on = ["{block_on}"]
import = ["{import}"]

{end}"""

END = """\
# Once you know the answer, state what you expect, so that a change is seen:
#
# [otherwise]
# verdict = "holds"
# reason = "nothing here breaks it"
#
# [[expect]]
# property = "{property}"
# verdict = "violated"
# reason = "why"
"""


def beginning(file: str, mix: Mix, says: Mapping[str, str]) -> str:
    """Return the text of a first scenario, which has a program; `says` describes the parameters."""
    return BEGINNING.format(file=file, **mix, **says, end=END.format(property="no-stuck-task"))


def text_of(
    scenario: Scenario, mix: Mix, program: ir.Program, says: Mapping[str, str], property_id: str
) -> str:
    """Return a scenario in one mix as the text of a file, without what it expects."""
    return "\n".join(_lines(scenario, mix, program, says, property_id))


def _lines(
    scenario: Scenario, mix: Mix, program: ir.Program, says: Mapping[str, str], property_id: str
) -> Iterator[str]:
    yield f"# Begun from the scenario {scenario.name}; `wakeproof show {scenario.name}` prints it."
    yield f"title = {_value(scenario.title)}"
    if scenario.origin:
        yield f"origin = {_value(scenario.origin)}"
    if scenario.story:
        yield (
            f'story = """\n{scenario.story}\n"""'
            if _is_plain(scenario.story)
            else (f"story = {_value(scenario.story)}")
        )
    yield from ("", "# How many members each type has.", "[sizes]")
    for name, size in scenario.sizes.items():
        yield from _with_comment(f"{name} = {size}", program.indexes.get(name, ""))
    if scenario.names:
        yield from ("", "[names]")
        yield from (f"{name} = {_value(list(given))}" for name, given in scenario.names.items())
    if scenario.parameters:
        yield from ("", "# One value for all members, or a list with one for each.", "[parameters]")
        for name, value in scenario.parameters.items():
            yield from _with_comment(f"{name} = {_value(value)}", says.get(name, ""))
    yield from _program(scenario, program)
    for task in scenario.tasks:
        yield from ("", "[[task]]", f"name = {_value(task.name)}", "does = [")
        yield from (f"  {_value(line)}," for line, _ in task.lines)
        yield "]"
    if scenario.steps is not None:
        yield from ("", "[bounds]", f"steps = {scenario.steps}")
    if scenario.assume:
        yield from ("", "[progress]", f"assume = {_value(list(scenario.assume))}")
    yield from ("", "# The versions of each role that are mixed.", "[mixes]")
    yield from (f"{role} = {_value([version])}" for role, version in mix.items())
    if scenario.features:
        yield f"features = {_value(list(scenario.features))}"
    yield from ("", END.format(property=property_id))


def _program(scenario: Scenario, program: ir.Program) -> Iterator[str]:
    """Yield the section about what may happen, or does."""
    lists = {"actions": scenario.actions, "script": scenario.script}
    if scenario.without:
        lists["without"] = scenario.without
    if scenario.also:
        lists["also"] = scenario.also
    if scenario.locks:
        lists["locks"] = scenario.locks
    if not any(given is not None for given in lists.values()):
        return
    yield from (
        "",
        "# What may happen, in any order: `wakeproof list actions` has all.",
        "[program]",
    )
    for name, given in lists.items():
        if given is not None:
            yield f"{name} = ["
            for word in given:
                function = program.functions.get(word.split()[0]) if word.split() else None
                doc = " ".join(function.doc.split("\n\n")[0].split()) if function else ""
                yield from ("  " + line for line in _with_comment(f"{_value(word)},", doc))
            yield "]"


def _with_comment(line: str, comment: str) -> list[str]:
    """Return a line with a comment: behind it if there is room, else before it."""
    comment = " ".join(comment.split("\n\n")[0].split())
    if not comment:
        return [line]
    whole = f"{line}  # {comment}"
    if len(whole) <= WIDTH:
        return [whole]
    return [*(f"# {part}" for part in textwrap.wrap(comment, WIDTH - 4)), line]


def _value(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_value, value))}]"
    return str(value)


def _is_plain(text: str) -> bool:
    """Return whether a text needs no escapes in a string of several lines."""
    return "\\" not in text and '"""' not in text and not text.endswith('"')
