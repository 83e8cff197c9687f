"""The page of a violation: one file of HTML, which needs nothing from anywhere else.

An index over several pages has the same style.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from wakeproof.errors import InputError
from wakeproof.execution.trace import CallRow, call_text
from wakeproof.execution.trace_text import AGAIN, argument_text, for_ever, step_text
from wakeproof.export.ending import Ending
from wakeproof.export.legend import cast_of, words_of
from wakeproof.export.remarks import matters
from wakeproof.export.rendering import TEMPLATES, render
from wakeproof.export.rust.body import Line
from wakeproof.export.rust.component import Prepare, prepare_function
from wakeproof.export.rust.helpers import HELPERS, Helper
from wakeproof.export.rust.host_script import host_script
from wakeproof.export.rust.program import Program
from wakeproof.export.sequence import drawing_of
from wakeproof.export.stack import drawing_of_stacks, last_words, stacks_of
from wakeproof.export.story import DOES_NOT_RETURN, FROM_THE_HOST, Moment, Story
from wakeproof.export.tracks import Track, changes_at

STYLES = ("colours.css", "page.css")
TO = {"builtin": "host", "cabi": "C ABI"}
"""Where a call of each kind goes."""


@dataclass(frozen=True)
class Subject:
    """What a page is about: its title, the paragraphs of its story, and facts as name and value.

    `releases` is a name with a line for each group of releases. `program` is None if it cannot be
    written, which `unwritten` gives the reason of. `fault`, `harm`, `now`, `why` (by the number of
    a step), `where`, `rule`, `example`, `cure`, `options` and `change` are those of a finding, the
    last the places of a change of the crate; `is_tested`: its program was run on releases. `index`
    is the page over all, if there is one, and `links` are texts with what they lead to.
    """

    title: str
    story: Sequence[str]
    facts: Sequence[tuple[str, str]]
    releases: tuple[str, Sequence[str]] = ("", ())
    fault: str = ""
    harm: str = ""
    now: str = ""
    why: Mapping[int, str] = field(default_factory=dict)
    program: Program | None = None
    unwritten: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    rule: str = ""
    cure: str = ""
    options: Sequence[str] = ()
    change: Sequence[Mapping[str, Any]] = ()
    is_tested: bool = False
    example: Mapping[str, Any] | None = None
    index: str = ""
    links: Sequence[tuple[str, str]] = ()


def page(subject: Subject, story: Story, ending: Ending, tracks: Sequence[Track]) -> str:
    """Return the page."""
    script = "\n" + _text("page.js")
    program = subject.program
    functions, outside = _functions(program), _outside(program)
    called = {
        n: export.ident for export in (program.exports if program else ()) for n in export.steps
    }
    stacks = stacks_of(story, called)
    happens = {number: words for words, number in outside}
    lines: dict[int, list[str]] = {}
    for line in itertools.chain.from_iterable(functions):
        for number in dict.fromkeys(line.steps):
            lines.setdefault(number, []).append(line.text.strip())
    steps = [
        _step(story, moment, tracks)
        | {"lines": lines.get(moment.number, ()), "outside": happens.get(moment.number, "")}
        for moment in story.moments
    ]
    return render(
        "page.html.j2",
        **vars(subject),
        functions=functions,
        prepare=_prepare(program),
        helpers=_helpers(program),
        outside=outside,
        ending=ending,
        steps=steps,
        cast=cast_of(story, called),
        words=words_of([*subject.story, ending.heading, ending.means, *map(str, steps)]),
        stack=drawing_of_stacks(stacks),
        stack_ends=last_words(stacks),
        lasts=_lasts(story),
        drawing=drawing_of(story, ending),
        tracks=[(k, list(v)) for k, v in itertools.groupby(tracks, lambda track: track.thing)],
        script=Markup(script),
        script_hash=_digest(script),
        **_style(*STYLES, "sequence.css"),
    )


def index_page(entries: Sequence[Any]) -> str:
    """Return the page over several, each with its `file` and what it is about."""
    return render("index.html.j2", entries=entries, **_style(*STYLES))


def _style(*names: str) -> dict[str, str]:
    """Return the style of a page, and its digest."""
    style = "\n" + "".join(map(_text, names))
    return {"style": Markup(style), "style_hash": _digest(style)}


def _prepare(program: Program | None) -> Prepare | None:
    """Return the function that hands ends of channels over; None if there is none."""
    with contextlib.suppress(InputError):
        return prepare_function(program) if program else None
    return None


def _helpers(program: Program | None) -> list[tuple[str, Helper]]:
    """Return the helper functions of a program that have to be explained, by name."""
    return [(n, h) for n, h in HELPERS.items() if program and n in program.helpers and h.says]


def _functions(program: Program | None) -> list[list[Line]]:
    """Return the lines of each function."""
    return [list(export.listing()) for export in program.exports] if program else []


def _outside(program: Program | None) -> list[tuple[str, int]]:
    """Return what happens outside, each with the number of its step."""
    if program is None:
        return []
    numbers = [step.step for step in program.outside if step.kind != "answer"]
    words = [words for words, _ in host_script(program).steps]
    return list(zip(words, numbers, strict=True))


def _step(story: Story, moment: Moment, tracks: Sequence[Track]) -> dict[str, Any]:
    """Return what the page shows of a step."""
    row, lane = moment.row, moment.messages[0].source
    return {
        "number": moment.number,
        "again": AGAIN if moment.number - 1 == story.loop else "",
        "actor": f"peer of {lane.name}" if lane.kind == "peer" else lane.name,
        "action": step_text(row),
        "says": row["says"],
        "follows": moment.follows,
        "calls": [_call(call) for call in row["calls"]],
        "changes": changes_at(tracks, moment.number),
        "fields": [(cell, *change) for cell, change in row["changes"].items()],
    }


def _call(call: CallRow) -> dict[str, Any]:
    """Return what the page shows of a call."""
    return {
        "to": "from host" if call["name"] == FROM_THE_HOST else TO[call["kind"]],
        "text": call_text(call, (argument_text(*one) for one in call["arguments"].items())),
        "depth": min(call["depth"], 3),
        "minor": not matters(call["name"]),
        "fails": call["result"] == DOES_NOT_RETURN,
    }


def _lasts(story: Story) -> str:
    """Return how a run without an end goes on; empty for a run with one."""
    if story.loop is None:
        return ""
    words = for_ever(story.loop, len(story.moments)).removeprefix("; but ")
    return f"{words[0].upper()}{words[1:]}."


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return the digest by which a page allows a style or a script of its own, and no other."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
