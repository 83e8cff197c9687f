"""The page of a violation, and the diagram as an SVG of its own."""

from __future__ import annotations

import base64
import copy
import hashlib
import re
from xml.etree import ElementTree

import pytest

from tests.export.markup import Element, parsed
from tests.export.saved import HOSTILE, SAVED, SavedViolation, hostile, lasso, saved
from wakeproof.execution.trace_text import step_text, trace_lines
from wakeproof.export.ending import Ending
from wakeproof.export.issue import PASSED, KnownViolation, change_places
from wakeproof.export.legend import WORDS
from wakeproof.export.rust.from_trace import Writer
from wakeproof.export.sequence import drawing_of
from wakeproof.export.stack import Stack, stacks_of
from wakeproof.export.story import story_of
from wakeproof.findings.registry import load_findings
from wakeproof.scenario.script import steps_of

NAMES = sorted(folder.name for folder in SAVED.iterdir() if folder.is_dir())
SOME = [
    "wakeup-through-dead-task",
    "wakeup-read-cancelled-in-set",
    "frame-overwritten-while-it-waits",
]
FOUND = [*map(saved, SOME), lasso(), hostile()]
IDS = [*SOME, "lasso", "hostile"]
SVG = "{http://www.w3.org/2000/svg}"

every = pytest.mark.parametrize("found", FOUND, ids=IDS)


def page(found: SavedViolation) -> Element:
    return parsed(found.to("html"))


def step_items(root: Element) -> list[Element]:
    return root.all("li", "step")


@every
def test_the_steps_are_an_ordered_list(found: SavedViolation) -> None:
    shown = [item.all("summary")[0].words for item in step_items(page(found))]
    rows = [step_text(row) for row in found.trace]
    assert [text.split(" ")[0] for text in shown] == [str(n + 1) for n in range(len(rows))]
    assert all(" ".join(r.split()) in text for text, r in zip(shown, rows, strict=True))


@every
def test_the_calls_of_a_step_are_all_there_in_order(found: SavedViolation) -> None:
    for item, row in zip(step_items(page(found)), found.trace, strict=True):
        calls = item.all("ol", "calls")
        shown = [call.all("code")[0].text for call in calls[0].all("li")] if calls else []
        assert [text.split("(")[0] for text in shown] == [
            call["name"].split("(")[0] for call in row["calls"]
        ]


@every
def test_a_page_asks_nobody_and_runs_nothing_but_its_own(found: SavedViolation) -> None:
    text = found.to("html")
    root = parsed(text)
    (policy,) = [
        e.attributes["content"]
        for e in root.all("meta")
        if e.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (element,) = root.all(tag)
        digest = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    for element in root.inside:
        names = set(element.attributes)
        assert not names & {"src", "style", "srcset", "action"}, element
        assert not [name for name in names if name.startswith("on")], element
        link = element.attributes.get("href", "#")
        assert link.startswith("#") or link == "data:,", element
    assert not re.findall(r"(?:url\(|@import|https?:)", root.all("style")[0].text)


@every
def test_what_a_part_refers_to_is_there_once(found: SavedViolation) -> None:
    root = page(found)
    ids = [e.attributes["id"] for e in root.inside if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    named = {
        e.attributes["aria-labelledby"] for e in root.inside if "aria-labelledby" in e.attributes
    }
    linked = {e.attributes["href"][1:] for e in root.all("a")}
    assert named | linked <= set(ids)


@pytest.mark.parametrize("name", NAMES)
def test_each_finding_has_a_page_and_a_diagram(name: str) -> None:
    found = saved(name)
    root = page(found)
    assert len(step_items(root)) == len(found.trace)
    assert root.all("section", "broken")
    assert root.all("div", "code"), "the program"
    ElementTree.fromstring(found.to("svg"))


def test_a_line_of_the_program_links_to_its_steps() -> None:
    lines = page(saved("wakeup-through-dead-task")).all("div", "line")
    at = {line.all("code")[0].text.strip(): line.attributes["data-steps"] for line in lines}
    assert at["WAITING_WAKER.set(Some(current_waker().await));"] == "4"
    assert at["}"] == ""
    (kept,) = [line for line in lines if "current_waker" in line.text]
    assert [a.attributes["href"] for a in kept.all("a")] == ["#step-4"]


def test_what_happens_outside_has_its_step() -> None:
    (outside,) = page(saved("wakeup-through-dead-task")).all("ol", "outside")
    assert [item.words for item in outside.all("li")] == [
        "1 waiting is called",
        "6 polling is called",
        "9 polling is cancelled",
        "12 input is written",
    ]


def test_the_end_has_the_rule_that_is_broken_and_the_site() -> None:
    (broken,) = page(saved("wakeup-read-cancelled-in-set")).all("section", "broken")
    assert "The host traps in cancel_copy." in broken.words
    assert "It must hold that an end whose copy is cancelled synchronously" in broken.words
    assert "definitions.py" in broken.words
    (broken,) = page(saved("wakeup-through-dead-task")).all("section", "broken")
    assert "no-lost-wakeup does not hold." in broken.words


def test_sets_and_ownership_are_a_table_over_time() -> None:
    found = saved("wakeup-through-dead-task")
    (table,) = page(found).all("table")
    rows = {row.all("th")[-1].text: row.all("td") for row in table.all("tr")[1:]}
    assert [(cell.text, cell.attributes["data-from"]) for cell in rows["is in"]] == [
        ("no set", "0"),
        ("h2 of waiting", "2"),
        ("h3 of polling", "7"),
    ]
    for cells in rows.values():
        states = sum(int(cell.attributes["colspan"]) for cell in cells)
        assert states == len(found.trace) + 1


def test_what_changes_at_a_step_is_in_its_item() -> None:
    item = step_items(page(saved("wakeup-through-dead-task")))[6]
    changes = [change.words for change in item.all("ul", "changes")[0].all("li")]
    assert "h1, reader of stream input is in h2 of waiting → h3 of polling" in changes
    assert "h2 is empty from here, and waiting waits on it" in item.words


def test_a_step_has_its_lines_of_the_program_and_what_happens_outside() -> None:
    items = step_items(page(saved("wakeup-through-dead-task")))
    lines = [code.text for code in items[3].all("p", "lines")[0].all("code")]
    assert lines == ["WAITING_WAKER.set(Some(current_waker().await));"]
    assert items[8].all("p", "says")[0].words == "polling is cancelled."
    assert not items[8].all("p", "lines")


def test_what_breaks_is_at_the_last_step_and_at_no_other() -> None:
    items = step_items(page(saved("wakeup-read-cancelled-in-set")))
    wrong = [len(item.all("p", "wrong")) for item in items]
    assert wrong == [0, 0, 0, 0, 1]
    assert items[-1].all("p", "wrong")[0].words == "The host traps in cancel_copy."
    assert not page(lasso()).all("p", "wrong"), "a run without an end"


def test_a_task_that_is_not_there_any_more_has_ended() -> None:
    changes = step_items(page(saved("default-write-of-dying-task")))[-1].all("ul", "changes")
    assert "export drops its future → ended" in changes[0].words


def test_a_loop_is_shown_in_the_list_and_in_the_diagram() -> None:
    root = page(lasso())
    items = [item for item in root.all("li") if {"step", "again"} & set(item.classes)]
    order = [item.words.split(" ")[0] for item in items]
    assert order == ["1", "2", "again", "3", "4", "5"]
    assert "Steps 3 to 5 are repeated for ever." in root.words
    drawing = ElementTree.fromstring(lasso().to("svg"))
    assert [r for r in drawing.iter(f"{SVG}rect") if r.get("class") == "loop"]


def test_hostile_names_are_text() -> None:
    root = page(hostile())
    assert not root.all("img")
    assert not root.all("b")
    for names in HOSTILE.values():
        assert " ".join(names[0].replace("`", "").split())[:9999] in root.words.replace("`", "")
    assert root.all("h1")[0].text == "<b>A title</b>"
    drawing = ElementTree.fromstring(hostile().to("svg"))
    assert {e.tag.removeprefix(SVG) for e in drawing.iter()} <= {
        *("svg", "title", "desc", "style", "rect", "line", "text", "g", "path")
    }
    texts = [e.text or "" for e in drawing.iter(f"{SVG}text")]
    assert any(HOSTILE["Task"][0] in text for text in texts)
    assert max(map(len, texts)) < 200


@every
def test_the_diagram_has_every_step_and_reads_as_the_trace(found: SavedViolation) -> None:
    drawing = ElementTree.fromstring(found.to("svg"))
    bands = [g.get("data-step") for g in drawing.iter(f"{SVG}g") if g.get("class") == "band"]
    assert bands == [str(n + 1) for n in range(len(found.trace))]
    desc = drawing.findtext(f"{SVG}desc")
    assert desc == "\n".join(trace_lines(found.trace, found.violation.get("loop")))
    numbers = [t.text for t in drawing.iter(f"{SVG}text") if t.get("class") == "number"]
    assert numbers == bands


@every
def test_nothing_of_a_diagram_is_beside_it(found: SavedViolation) -> None:
    drawing = ElementTree.fromstring(found.to("svg"))
    width = float(drawing.get("width", "0"))
    for text in drawing.iter(f"{SVG}text"):
        assert 0 <= float(text.get("x", "-1")) <= width
    for rect in drawing.iter(f"{SVG}rect"):
        if rect.get("class") == "note":
            assert float(rect.get("x", "0")) + float(rect.get("width", "0")) <= width


@pytest.mark.parametrize("name", NAMES)
def test_the_text_of_a_message_to_oneself_is_beside_its_arrow(name: str) -> None:
    found = saved(name)
    steps = steps_of(found.trace, found.instance.resolved.program, found.instance.names)
    drawing = drawing_of(story_of(found.instance, steps), Ending("The end"))
    rows = [row for band in drawing.bands for row in band.rows if row.kind != "note"]
    assert [row.kind for row in rows].count("step") == len(found.trace)
    for row in rows:
        if row.source == row.target:
            end = row.left + row.width
            assert end <= row.source - 20 if row.leftwards else row.left >= row.source + 20
            assert 0 < row.left < end < drawing.width


@every
def test_the_same_trace_is_the_same_page(found: SavedViolation) -> None:
    assert found.to("html") == found.to("html")
    assert found.to("svg") == found.to("svg")


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_a_finding_that_is_kept_has_its_steps_and_is_small(name: str) -> None:
    text = (SAVED / name / "page.html").read_text("utf-8")
    finding = next(one for one in load_findings()[0] if one.name == name)
    kept, made = parsed(text), parsed(saved(name).to("html", finding.known(None, ())))
    assert [item.words for item in step_items(kept)] == [item.words for item in step_items(made)]
    assert len(text) < 150_000


def test_without_a_program_the_page_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Writer, "on_poll")
    (program,) = page(saved("stream-read-after-drop")).all("section", "program")
    assert "There is no program: step 3, poll, cannot be written as Rust yet." in program.words
    assert not program.all("div", "code")


def facts(known: KnownViolation) -> dict[str, str]:
    """Return the facts of a page, by name."""
    listed = parsed(saved(SOME[0]).to("html", known)).all("dl", "facts")
    names, values = ([e.words for one in listed for e in one.all(tag)] for tag in ("dt", "dd"))
    return dict(zip(names, values, strict=True))


def test_a_page_says_whose_fault_it_is_what_comes_of_it_and_why() -> None:
    for finding in load_findings()[0]:
        found = parsed(saved(finding.name).to("html", finding.known(None, ())))
        (listed,) = found.all("ol", "why")
        texts = [one.words for one in listed.all("li")]
        assert texts == [f"{n} {plain(text)}" for n, text in finding.why.items()]
        for number, text in finding.why.items():
            (item,) = (i for i in step_items(found) if i.attributes["data-step"] == number)
            assert plain(text) in item.words
        shown = facts(finding.known(None, ()))
        assert shown["Whose fault"] == plain(finding.fault)
        assert shown["What to do now"] == plain(finding.now)
        assert found.all("p", "means")[0].words == plain(finding.harm)


def test_every_finding_says_whose_fault_it_is_by_a_place_or_a_rule() -> None:
    for finding in load_findings()[0]:
        assert finding.fault, finding.name
        assert finding.harm, finding.name
        assert finding.now, finding.name
        assert finding.why, finding.name
        site = saved(finding.name).violation["site"]
        assert finding.where or finding.rule or site or "`src/rt/" in finding.fault, finding.name


def plain(text: str) -> str:
    """Return a text as a page shows it."""
    return text.replace("`", "")


def test_the_cure_has_what_each_side_could_do() -> None:
    known = KnownViolation(remedy="What could be done:", options=("Wait.", "Refuse."))
    (cure,) = parsed(saved(SOME[0]).to("html", known)).all("section", "cure")
    assert "What could be done:" in cure.words
    assert [one.words for one in cure.all("ol", "options")[0].all("li")] == ["Wait.", "Refuse."]


def test_a_change_that_is_proposed_is_on_the_page_and_another_is_not() -> None:
    findings, cures = load_findings()
    for name, is_proposed in (("stream-read-after-drop", True), ("sync-export-takes-read", False)):
        finding = next(one for one in findings if one.name == name)
        known = finding.known(cures[finding.cure], ())
        (cure,) = parsed(saved(name).to("html", known)).all("section", "cure")
        shown = "".join(f"{line.all('code')[0].text}\n" for line in cure.all("div", "line"))
        places = change_places(cures[finding.cure])
        assert len(places) == (2 if is_proposed else 1)
        lines = "".join(f"{line}\n" for place in places for line in place["lines"])
        assert shown == (lines if is_proposed else "")
        assert ("instead of line 651" in cure.words) == is_proposed


def test_releases_that_end_in_another_way_are_told_apart() -> None:
    lines = (("0.58.0", "traps: no"), ("0.59.0", "never returns"), ("0.60.0", PASSED))
    assert facts(KnownViolation(releases=lines))["Releases"] == (
        "0.58.0: traps: no 0.59.0: never returns 0.60.0: passes"
    )
    same = (("0.58.0", "never returns"), ("0.59.0", "never returns"))
    assert facts(KnownViolation(releases=same))["Happens on"] == "0.58.0, 0.59.0"
    passed = (("0.58.0", PASSED), ("0.59.0", PASSED))
    assert facts(KnownViolation(releases=passed))["Releases"] == "0.58.0, 0.59.0"


def test_a_test_that_is_built_otherwise_says_so() -> None:
    assert "The test" not in facts(KnownViolation(features=saved(SOME[0]).instance.features))
    built = facts(KnownViolation(features=("async-spawn",)))["The test"]
    assert built == "is built with async-spawn"


def test_a_role_that_the_run_does_not_have_is_not_named() -> None:
    def model(name: str) -> str:
        *_, listed = page(saved(name)).all("dl", "facts")
        terms = [term.words for term in listed.all("dt")]
        return listed.all("dd")[terms.index("The model")].words

    assert saved("stream-read-after-drop").instance.mix["block_on"] == "v2"
    assert model("stream-read-after-drop") == "v3 (wit-bindgen 0.63.0), without optional features"
    assert model("frame-overwritten-while-it-waits").startswith("v3 (wit-bindgen 0.63.0), ")


def stacks(name: str) -> list[Stack]:
    found = saved(name)
    steps = steps_of(found.trace, found.instance.resolved.program, found.instance.names)
    return stacks_of(story_of(found.instance, steps), {1: "exported", 6: "blocks"})


def test_the_stack_has_the_frames_and_those_above_the_pointer_are_marked() -> None:
    found = stacks("frame-overwritten-while-it-waits")
    assert [(one.first, one.last, one.pointer) for one in found] == [
        (1, 1, 1),
        (2, 5, 2),
        (6, 6, 3),
        (7, 9, 4),
        (10, 10, 2),
    ]
    names = [frame.name for frame in found[-1].frames]
    assert names == ["exported", "in-export", "blocks", "in-sync"]
    assert [frame.overwritten for frame in found[-1].frames] == [False, False, True, True]
    assert not any(frame.overwritten for one in found[:-1] for frame in one.frames)


def test_a_stack_that_is_lost_ends_without_frames_and_with_a_pointer_above() -> None:
    found = stacks("stack-lost-when-frames-end")
    assert found[-1].frames == ()
    assert found[-1].pointer > 0
    (section,) = page(saved("stack-lost-when-frames-end")).all("svg", "stacks")
    assert len(section.all("g", "stack")) == len(found)


def test_a_stack_is_drawn_where_two_threads_have_frames_at_once() -> None:
    assert not stacks("wakeup-through-dead-task")
    assert not page(saved("wakeup-through-dead-task")).all("svg", "stacks")
    (drawn,) = page(saved("frame-overwritten-while-it-waits")).all("svg", "stacks")
    assert len([rect for rect in drawn.all("rect") if "overwritten" in rect.classes]) == 2


def test_hostile_names_are_text_in_a_stack() -> None:
    found = saved("frame-overwritten-while-it-waits")
    steps = steps_of(found.trace, found.instance.resolved.program, found.instance.names)
    tasks = ("</svg><script>alert(1)</script>", "b" * 10_000, "&lt;")
    instance = copy.copy(found.instance)
    instance.names = {**found.instance.names, "Task": tasks}
    rows, _ = instance.tracer().trace(steps)
    result = {**found.result, "violations": [{**found.violation, "trace": rows}]}
    root = page(SavedViolation(instance, result))
    assert len(root.all("script")) == 1
    texts = [text.text for text in root.all("svg", "stacks")[0].all("text")]
    assert any(text.startswith(tasks[1][:10]) for text in texts)
    assert max(map(len, texts)) < 30


def legend(name: str) -> dict[str, str]:
    (section,) = page(saved(name)).all("section", "words")
    terms, meanings = ([e.words for e in section.all(tag)] for tag in ("dt", "dd"))
    return dict(zip(terms, meanings, strict=True))


def test_who_takes_part_is_said() -> None:
    known = legend("frame-overwritten-while-a-drop-waits")
    assert known["export"] == "the call of exported"
    assert known["in-sync"] == "the block_on of step 9"
    assert known["program"] == "code outside of a task: blocks"
    assert known["peer of h2"] == "the callee of the call h2"
    assert known["h3"] == "the set of export"
    assert legend("wakeup-through-dead-task")["h1"] == "reader of stream input"


def test_a_page_has_the_words_that_it_uses() -> None:
    frames, dead = legend("frame-overwritten-while-it-waits"), legend("wakeup-through-dead-task")
    assert {"host", "task", "waitable", "set"} <= set(frames) & set(dead)
    assert "thread" in frames
    assert "thread" not in dead
    assert "cancel" in dead
    assert "cancel" not in frames


def test_the_words_of_pages_are_in_the_glossary() -> None:
    text = (SAVED.parents[1] / "docs" / "reference" / "glossary.md").read_text("utf-8")
    entries = {line.removeprefix("### ") for line in text.splitlines() if line.startswith("### ")}
    assert {word.entry for word in WORDS} <= {e for entry in entries for e in entry.split(", ")}


def test_where_a_drop_begins_to_wait_for_its_callee_is_said() -> None:
    items = step_items(page(saved("frame-overwritten-while-a-drop-waits")))
    said = [n for n, item in enumerate(items, 1) if "subtask.cancel(h2) begins" in item.words]
    assert said == [6]
    assert "call is held by export-body → a drop that waits" in items[5].words


def test_the_program_has_what_is_called_first_and_what_keeps_the_frames() -> None:
    (program,) = page(saved("frame-overwritten-while-it-waits")).all("section", "program")
    lines = [line.all("code")[0].text for line in program.all("div", "line")]
    assert lines[0] == "fn prepare(first: StreamReader<u8>) {"
    assert "fn in_frame(name: &str, wait: impl FnOnce()) {" in lines
    assert "in_frame keeps an array on its stack frame while it waits" in program.words
    (program,) = page(saved("wakeup-through-dead-task")).all("section", "program")
    assert "in_frame" not in program.words
