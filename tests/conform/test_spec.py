"""The specification's tests: the reader of `.wast`, programs on the model, files on Wasmtime."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from tests.support import Alter, run
from wakeproof.conform.host.compare import HostComparison
from wakeproof.conform.host.outcome_text import describe_outcome
from wakeproof.conform.host.sequences import GivenCalls
from wakeproof.conform.spec.check import SpecConformance, Verdict, check_spec, read_outside
from wakeproof.conform.spec.programs import COMMANDS
from wakeproof.conform.spec.s_expressions import List, read_lists
from wakeproof.conform.spec.script import Assertion, Case, Fields, Invoke, Unknown, read_script
from wakeproof.conform.spec.translations import (
    TranslationPlayed,
    find_translation,
    play_translation,
    read_translations,
)
from wakeproof.conform.spec.versions import find_version, read_versions
from wakeproof.errors import InputError
from wakeproof.language.model import BUNDLED, Model
from wakeproof.report.conformance_text import spec_text
from wakeproof.report.pages.conformance import spec_section

# an interpreter of four commands, of the same shape as the specification's
TINY = """
(component definition $Tiny
  (core module $Memory
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $top))
      (global.set $top
        (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 7)) (i32.const -8)))
      (local.get $at)))
  (core instance $memory (instantiate $Memory))
  (type $stream (stream u8))
  (core func $new (canon stream.new $stream))
  (core func $drop-readable (canon stream.drop-readable $stream))
  (core func $drop-writable (canon stream.drop-writable $stream))
  (core module $Core
    (import "" "memory" (memory 1))
    (import "" "new" (func $new (result i64)))
    (import "" "drop-readable" (func $drop-readable (param i32)))
    (import "" "drop-writable" (func $drop-writable (param i32)))
    (global $last (mut i32) (i32.const 0))
    (func $slot (param $command i32) (result i32)
      (i32.mul (i32.load8_u offset=4 (local.get $command)) (i32.const 8)))
    (func $one (param $command i32)
      (local $kind i32)
      (local.set $kind (i32.load8_u (local.get $command)))
      (if (i32.eq (local.get $kind) (i32.const 3))
        (then
          (if (i32.ne (global.get $last) (i32.load offset=4 (local.get $command)))
            (then unreachable))
          (return)))
      (if (i32.eq (local.get $kind) (i32.const 0))
        (then (i64.store (call $slot (local.get $command)) (call $new))))
      (if (i32.eq (local.get $kind) (i32.const 1))
        (then (call $drop-readable (i32.load (call $slot (local.get $command))))))
      (if (i32.eq (local.get $kind) (i32.const 2))
        (then (call $drop-writable (i32.load offset=4 (call $slot (local.get $command))))))
      (global.set $last (i32.const 1337)))
    (func (export "run") (param $at i32) (param $length i32)
      (loop $next
        (if (local.get $length)
          (then
            (call $one (local.get $at))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (local.set $length (i32.sub (local.get $length) (i32.const 1)))
            (br $next)))))
    (func (export "twice") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))
  (core instance $core (instantiate $Core (with "" (instance
    (export "memory" (memory $memory "memory"))
    (export "new" (func $new))
    (export "drop-readable" (func $drop-readable))
    (export "drop-writable" (func $drop-writable))))))
  (type $command' (variant
    (case "stream-new" u8) (case "drop-readable" u8) (case "drop-writable" u8)
    (case "expect-code" s32)))
  (export $command "command" (type $command'))
  (func (export "run") (param "program" (list $command))
    (canon lift (core func $core "run")
      (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (func (export "twice") (param "number" u32) (result u32) (canon lift (core func $core "twice"))))
"""
NEW_INSTANCE = "(component instance $i $Tiny)\n"


def written(program: str) -> str:
    """Return a program as a call; a command is written `stream-new 0`."""
    commands = []
    for name, *numbers in map(str.split, program.split(",")):
        fields = COMMANDS.get(name, ("slot",))
        values = [f'enum.const "{n}"' if n[0].isalpha() else f"s32.const {n}" for n in numbers]
        named = [f'(field "{f}" {v})' for f, v in zip(fields, values, strict=True)]
        payload = f"(record.const {' '.join(named)})" if len(named) > 1 else ""
        if len(named) == 1:
            payload = f"({values[0]})"
        commands.append(f'(variant.const "{name}" {payload})')
    return f'(invoke "run" (list.const {" ".join(commands)}))'


def returns(program: str) -> str:
    """Assert that a program returns."""
    return f"(assert_return {written(program)})\n"


def traps(program: str, message: str) -> str:
    """Assert that a program traps with a message."""
    return f'(assert_trap {written(program)} "{message}")\n'


def on_model(tmp_path: Path, text: str, model: Model = BUNDLED) -> list[Verdict]:
    """Return the verdicts of the model on the assertions of a file."""
    return [assertion.model for assertion in checked(tmp_path, text, model).assertions]


def checked(tmp_path: Path, text: str, model: Model = BUNDLED) -> SpecConformance:
    """Check a file of its own name, of which nothing is outside but copies of many items."""
    file = tmp_path / "big-interleaving-test.wast"
    file.write_text(text)
    return check_spec(file, model)


# --- the reader -----------------------------------------------------------------------------------


def test_comments_nest_and_strings_hide_parentheses() -> None:
    text = '(a (; one (; two ;) still ;) "x) \\"(;" ;; ( to the end\n (b "\\41\\u{e9}"))'
    (form,) = read_lists(text, "f.wast")
    assert form.head == "a"
    assert form.strings() == ['x) "(;']
    (inner,) = form.lists()
    assert (inner.head, inner.line, inner.strings()) == ("b", 2, ["Aé"])
    assert text[inner.start : inner.end] == '(b "\\41\\u{e9}")'


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("(a\n(b)\n", 1, "a parenthesis is not closed"),
        ("(a)\n)", 2, "a parenthesis is closed and was not opened"),
        ("\n(; no end", 2, "a comment is not closed"),
        ('(a\n\n"no end)', 3, "a string does not end in its line"),
        ("word", 1, "word stands outside of parentheses"),
        ('("\\q")', 1, "\\q is not an escape"),
        ('("\\u{d800}")', 1, "\\u{d800} is not a character"),
    ],
)
def test_text_that_is_no_list_of_lists_is_refused_with_its_line(
    text: str, line: int, what: str
) -> None:
    with pytest.raises(InputError) as error:
        read_lists(text, "f.wast")
    assert (error.value.what, error.value.where) == (what, f"f.wast:{line}")


def test_empty_list_has_no_head() -> None:
    assert read_lists("()", "f.wast") == [List((), 1, 0, 2)]


def test_values_are_read_with_their_types(tmp_path: Path) -> None:
    file = tmp_path / "f.wast"
    file.write_text(
        '(assert_return (invoke $i "f" (u8.const 0x1_0) (bool.const true) (enum.const "a")\n'
        '  (list.const (s32.const -1)) (record.const (field "x" variant.const "b" (u8.const 2))))\n'
        '  (string.const "yes"))\n(assert_return (invoke "f" (v128.const 0)))\n(register "x")'
    )
    first, second, third = read_script(file).directives
    assert first == Assertion(
        1,
        "assert_return",
        Invoke(1, "$i", "f", (16, True, Case("a"), [-1], Fields({"x": Case("b", 2)}))),
        ("yes",),
    )
    assert second == Unknown(4, "assert_return", "a value of the type v128 is not read")
    assert isinstance(third, Unknown)
    assert not third.asserts


# --- programs on the model ------------------------------------------------------------------------

HOLDING = {
    "a write that waits for its read": returns(
        "stream-new 3, testee-write 3 2, expect-code -1, poll 3 none 0, testee-read 3 2, "
        "expect-code 0x20, poll 3 stream-write 0x20, drop-readable 3, drop-writable 3"
    ),
    "a read whose writer is dropped": returns(
        "stream-new 0, testee-read 0 9, drop-writable 0, await-readable 0 stream-read 1, "
        "expect-code 2, drop-readable 0"
    ),
    "an await that waits returns a subtask": returns(
        "stream-new 0, await 0 stream-write 1, expect-code 0x11, drop-readable 0"
    ),
    "a sink reads once, then drops its end": returns(
        "stream-new 0, call-import 0, expect-code 2, testee-write 0 4, expect-code 0x40"
    )
    + returns("testee-write 0 4, expect-code 1, drop-writable 0"),
    "a callee that waits for a future": returns(
        "future-new 1, call-block-future 1 5, expect-code 1, await-subtask 5 2, expect-code 0x11, "
        "future-write 1, expect-code 0, future-drop-writable 1"
    )
    + traps("subtask-drop 5", "unknown handle index"),
    "callees start when backpressure ends, after the program": returns(
        "mock-bp-inc, future-new 0, call-block-future 0 0, expect-code 0, mock-bp-dec, "
        "call-block-empty 1, expect-code 0"
    )
    + returns("future-write 0, expect-code 0, subtask-cancel 1, expect-code 4, subtask-drop 1"),
    "a cancelled copy": returns(
        "future-new 0, future-read 0, future-cancel-read 0, expect-code 2, future-drop-readable 0, "
        "noop, expect-code 1337"
    ),
    "a mismatch": traps("stream-new 0, expect-code 0", "unreachable"),
    "a slot that is empty": traps("drop-readable 0", "unknown handle index 0"),
    "a future that was not written": traps(
        "future-new 0, future-drop-writable 0", "cannot drop future write end without"
    ),
}


@pytest.mark.parametrize("name", HOLDING)
def test_program_holds_on_the_model(tmp_path: Path, name: str) -> None:
    assert {v.word for v in on_model(tmp_path, HOLDING[name])} == {"held"}, name


FAILING = {
    "another code": (
        returns("stream-new 0, testee-write 0 1, expect-code 0"),
        "the model traps: unreachable",
    ),
    "another event": (
        returns("stream-new 0, testee-write 0 1, testee-read 0 1, poll 0 stream-write 0x20"),
        "the model traps: unreachable",
    ),
    "an await whose event is another": (
        returns("stream-new 0, await 0 stream-read 1, drop-readable 0"),
        "the model traps: unreachable",
    ),
    "a trap for another reason": (
        traps("stream-new 0, testee-write 0 1, drop-writable 0", "unknown handle index"),
        "the model traps for another reason: host::CopyEnd.drop::copying",
    ),
    "no trap": (traps("stream-new 0", "unreachable"), "the model does not trap"),
    "a trap of the model": (
        returns("stream-new 0, testee-write 0 1, drop-writable 0"),
        "the model traps: host::CopyEnd.drop::copying",
    ),
    "a command that is not known": (
        returns("stream-new 0, stream-splice 0"),
        "the command stream-splice is not known",
    ),
    "a component": (
        '(assert_return (invoke "go"))\n',
        "a component, not a program of the interpreter, and not translated",
    ),
}


@pytest.mark.parametrize("name", FAILING)
def test_program_that_does_not_hold_fails(tmp_path: Path, name: str) -> None:
    text, reason = FAILING[name]
    assert on_model(tmp_path, text) == [Verdict(reason)]


@pytest.mark.parametrize(
    "program",
    [
        "testee-write 0 12, testee-read 0 4, expect-code 64, testee-read 0 8, expect-code 128",
        "testee-read 0 0, testee-write 0 8, expect-code 4294967295",
        "testee-read 0 8, testee-write 0 0, expect-code 0, testee-write 0 4, expect-code 64",
    ],
)
def test_copies_of_a_part_and_of_no_items_hold(tmp_path: Path, program: str) -> None:
    (verdict,) = on_model(tmp_path, returns(f"stream-new 0, {program}"))
    assert verdict.word == "held", verdict
    (wrong,) = on_model(tmp_path, returns(f"stream-new 0, {program.replace('code ', 'code 1')}"))
    assert wrong.word == "failed"


def test_copies_of_many_items_are_outside_of_the_model(tmp_path: Path) -> None:
    program = "stream-new 0, testee-write 0 8, testee-read 0 5"
    (verdict,) = on_model(tmp_path, returns(program))
    assert verdict.word == "outside"
    assert verdict.reason == "copies of many items"


def test_instantiation_empties_the_slots(tmp_path: Path) -> None:
    made, dropped = returns("stream-new 0"), traps("drop-readable 0", "unknown handle index")
    kept = returns("drop-readable 0")
    again = "(component instance $j $Tiny)\n"
    words = [v.word for v in on_model(tmp_path, made + kept + again + dropped + made)]
    assert words == ["held"] * 4


WRONG_MODELS = {
    "a drop that nobody sees": (
        "        s.dropped[channel] = True\n        notify_dropped(channel)\n",
        "        s.dropped[channel] = True\n",
        returns("stream-new 0, testee-read 0 1, drop-writable 0, poll-readable 0 stream-read 1"),
    ),
    "a subtask that may be dropped early": (
        "    if not s.resolve_delivered[handle]:\n        trap",
        "    if s.resolve_delivered[handle]:\n        trap",
        traps("call-block-empty 0, subtask-drop 0", "cannot drop a subtask"),
    ),
}


@pytest.mark.slow(but=1)
@pytest.mark.parametrize("name", WRONG_MODELS)
def test_wrong_model_is_caught(tmp_path: Path, name: str, alter: Alter) -> None:
    old, new, text = WRONG_MODELS[name]
    assert [v.word for v in on_model(tmp_path, text)] == ["held"]
    wrong = Model(alter("host.py", old, new))
    assert [v.word for v in on_model(tmp_path, text, wrong)] == ["failed"]


# --- on Wasmtime ----------------------------------------------------------------------------------


def on_wasmtime(tmp_path: Path, text: str) -> list[str]:
    """Return why the assertions of a file do not hold on Wasmtime."""
    verdicts = [assertion.wasmtime for assertion in checked(tmp_path, text).assertions]
    return ["skipped" if verdict is None else verdict.reason for verdict in verdicts]


def test_assertions_hold_on_wasmtime(tmp_path: Path) -> None:
    text = (
        TINY
        + NEW_INSTANCE
        + returns("stream-new 0, drop-writable 0, drop-readable 0, expect-code 1337")
        + '(assert_return (invoke "twice" (u32.const 21)) (u32.const 42))\n'
        + '(assert_return (invoke $i "twice" (u32.const 1)))\n'
        + traps("drop-readable 0", "unknown handle index")
        + '(assert_trap (invoke "twice" (u32.const 1)) "cannot enter component instance")\n'
        + NEW_INSTANCE
        + traps("stream-new 0, expect-code 99", "unreachable")
        + '(assert_invalid (component (type (stream char))) "")\n'
    )
    assert on_wasmtime(tmp_path, text) == [""] * 7


def test_assertions_that_do_not_hold_on_wasmtime_have_a_reason(tmp_path: Path) -> None:
    text = (
        '(assert_return (invoke "twice" (u32.const 1)))\n'
        + TINY
        + '(component instance $j $Other)\n(assert_return (invoke "twice" (u32.const 1)))\n'
        + NEW_INSTANCE
        + '(assert_return (invoke "twice" (u32.const 21)) (u32.const 43))\n'
        + '(assert_trap (invoke "twice" (u32.const 21)) "unreachable")\n'
        + '(assert_return (invoke "thrice"))\n'
        + '(assert_return (invoke "twice"))\n'
        + '(assert_return (invoke "twice" (enum.const "x")))\n'
        + '(assert_return (invoke $k "twice" (u32.const 1)))\n'
        + '(assert_return (invoke "run" (list.const)) (u32.const 1))\n'
        + '(assert_return (invoke "twice" (u32.const 1)) (list.const))\n'
        + returns("stream-splice 0")
        + traps("stream-new 0, expect-code 99", "cannot drop")
        + '(assert_invalid (component) "")\n'
        + '(assert_malformed (module) "")\n'
    )
    reasons = on_wasmtime(tmp_path, text)
    assert reasons[:6] == [
        "no component was instantiated",
        "no definition $Other",
        "the result is 42, not 43",
        "nothing failed",
        "no function thrice",
        "the number of arguments or results is wrong",
    ]
    assert reasons[6].startswith("a value of another type")
    assert reasons[8:11] == [
        "run has no result",
        "a value of another type: not of the type U32",
        "a value of another type: 'stream-splice'",
    ]
    assert reasons[11:] == [
        "wasm `unreachable` instruction executed",
        "nothing failed",
        "an assertion about (module ...) is not known",
    ]


ENDLESS = {
    "a loop": '(func (export "f") (loop $next (br $next)))',
    "a loop at the start": '(func $f (loop $next (br $next))) (start $f) (func (export "f"))',
}


@pytest.mark.parametrize("name", ENDLESS)
def test_code_that_runs_without_end_is_ended_on_wasmtime(tmp_path: Path, name: str) -> None:
    component = (
        f"(component (core module $M {ENDLESS[name]}) (core instance $m (instantiate $M))\n"
        '  (func (export "f") (canon lift (core func $m "f"))))\n'
    )
    reasons = on_wasmtime(tmp_path, component + '(assert_return (invoke "f"))\n')
    assert reasons == ["all fuel consumed by WebAssembly"]


# --- the command ----------------------------------------------------------------------------------


def test_command_prints_failures_and_writes_the_results(tmp_path: Path) -> None:
    good, bad = returns("stream-new 0, drop-readable 0"), returns("stream-new 0, expect-code 1")
    file = tmp_path / "mine.wast"
    page, data = tmp_path / "page.md", tmp_path / "data.json"
    page.write_text("# Conformance\n\n## Another\n\ntext\n")
    file.write_text(TINY + NEW_INSTANCE + good)
    done = run("conform", "spec", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "1 assertion in 1 file\non the model: 1 held, 0 outside, 0 failed" in done.stdout

    file.write_text(TINY + NEW_INSTANCE + good + bad)
    done = run("conform", "spec", str(file), "--report", str(page), "--json", str(data))
    assert done.returncode == 1, done.stderr
    line = len(TINY.splitlines()) + 3
    assert f"mine.wast:{line}: assert_return fails\n  model: the model traps" in done.stdout
    assert done.stdout.endswith("1 assertion failed\n")
    text = page.read_text()
    assert "## Another" in text
    assert "| `mine.wast` | 2 | 1 | 0 | 1 | 0 |" in text
    first, second = json.loads(data.read_text())["results"]
    assert first["model"] == {"verdict": "held", "reason": "", "outside": ""}
    assert (second["line"], second["wasmtime"]["verdict"]) == (line, "failed")


def test_later_path_says_how_many_assertions_the_earlier_lack(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    page = tmp_path / "page.md"
    for folder, file, programs in (
        (old, "a.wast", 2),
        (old, "gone.wast", 1),
        (new, "a.wast", 3),
        (new, "b.wast", 1),
    ):
        folder.mkdir(exist_ok=True)
        (folder / file).write_text(TINY + NEW_INSTANCE + returns("stream-new 0") * programs)
    done = run("conform", "spec", str(old), str(new), "--report", str(page))
    assert done.returncode == 0, done.stderr
    assert "3 assertions in 2 files\n" in done.stdout
    assert "4 assertions in 2 files, 2 of them new\n" in done.stdout
    assert "Generated by `wakeproof conform spec old new`." in page.read_text()
    assert page.read_text().count("| `a.wast` |") == 2


def test_known_version_of_a_file_has_its_commit_in_the_table() -> None:
    versions = read_versions()
    version = next(v for v in versions if v.file == "idle-drop.wast")
    assert find_version(versions, version.file, version.sha256 + "00") == version
    assert find_version(versions, version.file, "00") is None
    result = SpecConformance(["idle-drop.wast"], "", "", "", {version.file: version})
    section = spec_section([result], "wakeproof conform spec")
    assert "| file | commit | assertions |" in section
    assert f"| `idle-drop.wast` | {version.commit[:8]}, pull request 720 | 0 |" in section


def test_every_translation_of_a_newer_version_is_of_a_known_one() -> None:
    known = {(v.file, v.sha256) for v in read_versions()}
    newer = {file for file, _ in known}
    translated = {(t.file, t.digest) for t in read_translations() if t.file in newer}
    assert {file for file, _ in translated & known} == {file for file, _ in translated}


def test_without_wasmtime_programs_run_on_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib, "import_module", Mock(side_effect=ImportError))
    result = checked(tmp_path, returns("stream-new 0"))
    assert [(a.model.word, a.wasmtime) for a in result.assertions] == [("held", None)]
    assert "Wasmtime was not asked: the package wasmtime is not installed" in spec_text([result])


def test_values_that_nest_too_deeply_are_not_read(tmp_path: Path) -> None:
    file = tmp_path / "deep.wast"
    file.write_text(f'(assert_return (invoke "f" {"(list.const " * 9_000}{")" * 9_000}))')
    (directive,) = read_script(file).directives
    assert isinstance(directive, Unknown)
    assert "recursion" in directive.reason


@pytest.mark.parametrize("name", ["", "missing.wast"])
def test_path_without_tests_is_refused(tmp_path: Path, name: str) -> None:
    done = run("conform", "spec", str(tmp_path / name))
    assert done.returncode == 2
    assert "no .wast file is there\n  hint: " in done.stderr


def test_table_of_what_is_outside_has_a_reason_for_every_entry() -> None:
    table = read_outside()
    assert {entry.of for entry in table} == {"model", "wasmtime"}
    assert all(entry.why and entry.files for entry in table)
    places = [(e.of, file, e.says) for e in table for file in e.files]
    assert len(places) == len(set(places))


def test_tests_of_the_specification_hold() -> None:
    named = os.environ.get("WAKEPROOF_SPEC")
    if not named:
        pytest.skip("WAKEPROOF_SPEC does not name a checkout of WebAssembly/component-model")
    result = check_spec(Path(named))
    assert not result.failures
    assert sum(a.model.word == "held" for a in result.assertions) >= 90


# --- translations ---------------------------------------------------------------------------------


def test_translation_of_a_version_of_a_file_holds_or_says_what_is_wrong(tmp_path: Path) -> None:
    table = tmp_path / "table.toml"
    lines = "stream.new() = h1, h2\\nstream.drop-readable(h1) = ok\\nstream.write(h2, 1) = "
    rows = (f'"{lines}DROPPED(0)"', f'"{lines}BLOCKED"', '""', '"stream.drop-readable(h1) traps"')
    table.write_text(
        f'[[translation]]\nfile = "f.wast"\nsha256 = "ab"\nassertions = [{", ".join(rows)}]\n'
    )
    translations = read_translations(table)
    right, wrong, trap = (
        play_translation(found, BUNDLED)
        for number in (1, 2, 4)
        if (found := find_translation(translations, "f.wast", "abcd", number))
    )
    assert right == TranslationPlayed()
    assert wrong.wrong == "stream.write(h2, 1) = DROPPED(0), not BLOCKED"
    assert trap == TranslationPlayed("host::Table.get::empty-slot")
    assert find_translation(translations, "f.wast", "cdab", 1) is None
    assert find_translation(translations, "f.wast", "abcd", 3) is None


@pytest.mark.parametrize("line", ["stream.splice(h1) = ok", "stream.new(h1) = ok", "stream.new()"])
def test_line_that_is_not_a_call_with_its_outcome_is_refused(tmp_path: Path, line: str) -> None:
    table = tmp_path / "table.toml"
    table.write_text(f'[[translation]]\nfile = "f.wast"\nsha256 = "ab"\nassertions = ["{line}"]\n')
    with pytest.raises(InputError, match="not a call with its outcome"):
        read_translations(table)


def test_translations_have_the_same_outcomes_on_wasmtime() -> None:
    comparison = HostComparison(0, BUNDLED, None)
    for translation in read_translations():
        played = comparison.play("u8", GivenCalls(translation.calls))
        place = f"{translation.file}, assertion {translation.number}"
        assert played.calls == list(translation.calls), place
        assert not played.diverged, place
        for call, there, text in zip(
            played.calls, played.wasmtime, translation.outcomes, strict=True
        ):
            assert there.trap or describe_outcome(call, there) == text, f"{place}: {call}"
            assert bool(there.trap) == (not text), f"{place}: {call}"


def test_assertion_of_a_translated_file_needs_the_same_version(tmp_path: Path) -> None:
    file = tmp_path / "deadlock.wast"
    file.write_text('(assert_trap (invoke "f") "wasm trap: deadlock detected")')
    (assertion,) = check_spec(file).assertions
    assert assertion.model.word == "outside"
    assert "not translated" in assertion.model.reason
