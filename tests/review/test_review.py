"""Reviews: layouts, verdicts, what a host sees; and variants with one mistake, which are caught."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wakeproof.bundled import MODEL, SCENARIOS
from wakeproof.cli import cli
from wakeproof.commands.inputs import chosen_scenarios
from wakeproof.crates.cargo import run_cargo
from wakeproof.crates.wasm_target import TARGET, build_flags, target_folder
from wakeproof.errors import Exit, InputError, ModelError
from wakeproof.language.model import BUNDLED, Model
from wakeproof.review.review import Change, Comparison, Review, review, to_json
from wakeproof.review.struct_layout import Structs, rules, structs_of
from wakeproof.scenario.file import Scenario, read_scenario
from wakeproof.util.result_cache import digest

SCENARIO_NAMES = ("issue-1618", "move-between-tasks", "drop-outside-task", "subtask")
Reviewed = Callable[[str], Review]
IMPORTS = """
from __future__ import annotations

from model.host import canon_waitable_join
from model.types import Handle, Operation, Phase, Task
from model.versions.v2 import operation_drop_task, s
from model.waitable_set import unregister_from
from wakeproof.language import side

BASE = "v2"
RELEASE = "a variant"
ABI = {abi}
"""


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing is used again that an earlier run of the tests computed."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def bundled(*names: str) -> list[Scenario]:
    """Bundled scenarios by name."""
    return [read_scenario(SCENARIOS / f"{name}.toml") for name in names]


@pytest.fixture
def reviewed(tmp_path: Path) -> Reviewed:
    """Reviews a variant of V2, given its text after the imports, against V2."""

    def run(text: str, abi: int = 2) -> Review:
        path = tmp_path / "mine.py"
        path.write_text(IMPORTS.format(abi=abi) + text, encoding="utf-8")
        model = Model(MODEL, (path,))
        return review(Comparison("mine", "v2"), bundled(*SCENARIO_NAMES), model, fresh=True)

    return run


def structs(version: str) -> Structs:
    """What a bundled version declares."""
    found = structs_of(BUNDLED.sources, version)
    assert found is not None
    return found


# --- layout -------------------------------------------------------------------------------------


def offsets(version: str, struct: str, pointer: int) -> dict[str, int]:
    """The offsets of a struct's fields."""
    return {f.name: f.offset for f in structs(version).layout(struct, pointer).fields}


def test_layouts_are_those_of_the_design_page() -> None:
    v1 = {"version": 0, "ptr": 4, "waitable_register": 8, "waitable_unregister": 12}
    assert offsets("v1", "wasip3_task", 4) == v1
    assert structs("v1").layout("wasip3_task", 4).size == 16
    assert offsets("v2", "wasip3_task_v2", 4) == v1 | {"vtable": 16}
    table = {"waitable_register": 0, "waitable_unregister": 4, "clone": 8, "drop": 12}
    assert offsets("v2", "wasip3_task_vtable", 4) == table


def test_v2_is_readable_by_v1_and_its_draft_is_not_by_v2() -> None:
    assert all(rule.kept for rule in rules(structs("v1"), structs("v2")))
    broken = [rule for rule in rules(structs("v2"), structs("v2_draft")) if not rule.kept]
    assert any("clone at 8 is now at 12" in rule.found for rule in broken)
    assert any("version 2 and 2" in rule.found for rule in broken)


RELEASES = ["v1", "v2", "v3"]
PROBE = """#![no_std]
extern crate alloc;
macro_rules! extern_wasm {{ ($($anything:tt)*) => {{}} }}
#[path = "{path}"]
#[allow(dead_code, non_camel_case_types)]
mod cabi;
use core::mem::{{offset_of, size_of}};
"""


def cabi(version: str) -> Path:
    """`cabi.rs` of the release that a version mirrors, from cargo's registry."""
    release = str(BUNDLED.sources.versions[version].facts["RELEASE"]).split()[1]
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo")) / "registry" / "src"
    found = list(home.glob(f"*/wit-bindgen-{release}/src/rt/async_support/cabi.rs"))
    if not found or shutil.which("rustc") is None:
        assert not os.environ.get("WAKEPROOF_NEEDS_GUEST"), "the released crates can be had here"
        pytest.skip("the released crate is not here")
    return found[0]


def asserted(version: str, pointer: int) -> list[tuple[str, int]]:
    """The layout of a version as expressions of Rust over the crate, with their values."""
    declared = structs(version)
    found = []
    for name in declared.reachable():
        at = {f.name: f.offset for f in declared.layout(name, pointer).fields}
        for field, kind in declared.structs[name].items():
            inner = (
                declared.layout(kind, pointer).fields[0].name if kind in declared.structs else ""
            )
            found.append((f"offset_of!(cabi::{name}, {field})", at[inner or field]))
            if inner:
                found += [
                    (f"offset_of!(cabi::{name}, {field}.{part})", at[part])
                    for part in declared.structs[kind]
                ]
        found.append((f"size_of::<cabi::{name}>()", declared.layout(name, pointer).size))
    return found


def probe(version: str, said: Iterable[tuple[str, int]]) -> str:
    """A crate that compiles if the release has this layout."""
    lines = [f"const _: () = assert!({what} == {value});\n" for what, value in said]
    return PROBE.format(path=cabi(version)) + "".join(lines)


def compiles(text: str, folder: Path) -> bool:
    (folder / "probe.rs").write_text(text)
    words = ["rustc", "--edition", "2024", "--crate-type", "lib", "--emit", "metadata"]
    done = subprocess.run(
        [*words, "--out-dir", folder, folder / "probe.rs"], capture_output=True, text=True
    )
    assert done.returncode == 0 or "assertion failed" in done.stderr, done.stderr
    return done.returncode == 0


@pytest.mark.parametrize("version", RELEASES)
def test_layouts_are_those_of_the_released_crate(version: str, tmp_path: Path) -> None:
    said = asserted(version, 8)
    assert compiles(probe(version, said), tmp_path)
    for number, (what, value) in enumerate(said):
        wrong = [*said[:number], (what, value + 8), *said[number + 1 :]]
        assert not compiles(probe(version, wrong), tmp_path), what


@pytest.mark.parametrize("version", RELEASES)
def test_layouts_are_those_of_the_released_crate_on_wasm32(version: str, tmp_path: Path) -> None:
    try:
        flags = build_flags()
    except InputError as error:
        if os.environ.get("WAKEPROOF_NEEDS_COMPONENT"):
            raise
        pytest.skip(error.what)
    manifest = '[package]\nname = "probe"\nedition = "2024"\n[workspace]\n'
    (tmp_path / "Cargo.toml").write_text(manifest)
    (tmp_path / "src").mkdir()
    words = ["build", "--quiet", "--target", TARGET, "--target-dir", str(target_folder()), *flags]
    said = asserted(version, 4)
    (tmp_path / "src" / "lib.rs").write_text(probe(version, said))
    run_cargo(words, tmp_path, "the probe", wasm=True)
    (tmp_path / "src" / "lib.rs").write_text(probe(version, asserted(version, 8)))
    with pytest.raises(InputError, match="assertion failed"):
        run_cargo(words, tmp_path, "the probe", wasm=True)


@pytest.mark.slow
def test_a_swapped_field_names_both_offsets(reviewed: Reviewed) -> None:
    result = reviewed(
        """
STRUCTS = {
    "wasip3_task_vtable": {
        "waitable_register": "fn(ptr, u32, fn(ptr, u32), ptr) -> ptr",
        "waitable_unregister": "fn(ptr, u32) -> ptr",
        "drop": "fn(ptr)",
        "clone": "fn(ptr) -> ptr",
    },
}
"""
    )
    found = " ".join(rule.found for rule in result.rules if not rule.kept)
    assert "clone at 8 is now at 12" in found
    assert "drop at 12 is now at 8" in found
    assert result.status == Exit.NOT_AS_EXPECTED
    assert not result.changes


TABLE = {
    "waitable_register": "fn(ptr, u32, fn(ptr, u32), ptr) -> ptr",
    "waitable_unregister": "fn(ptr, u32) -> ptr",
    "clone": "fn(ptr) -> ptr",
    "drop": "fn(ptr)",
}
TASK = {"v1": "wasip3_task", "vtable": "&wasip3_task_vtable"}


@pytest.mark.slow(but=1)
@pytest.mark.parametrize(
    ("rule", "what", "declared"),
    [
        (
            "the version comes first",
            "vtable: &wasip3_task_vtable at 0",
            {"wasip3_task_v2": {"vtable": "&wasip3_task_vtable", "v1": "wasip3_task"}},
        ),
        (
            "fields are a prefix",
            "vtable at 16 is gone",
            {"wasip3_task_v2": {"v1": "wasip3_task"}},
        ),
        (
            "fields are a prefix",
            "vtable at 16 is now at 20",
            {"wasip3_task_v2": {"v1": "wasip3_task", "flags": "u32", **TASK}},
        ),
        (
            "fields are a prefix",
            "drop at 12 was fn(ptr) and is fn(ptr, u32)",
            {"wasip3_task_vtable": TABLE | {"drop": "fn(ptr, u32)"}},
        ),
        (
            "fields are a prefix",
            "drop at 12 had 4 bytes and now has 2",
            {"wasip3_task_vtable": TABLE | {"drop": "u16"}},
        ),
        (
            "can be told from",
            "version 2 and 2",
            {"wasip3_task_vtable": TABLE | {"last": "fn(ptr)"}},
        ),
    ],
)
def test_each_rule_of_the_layout_has_a_variant_that_breaks_it(
    tmp_path: Path, rule: str, what: str, declared: dict[str, dict[str, str]]
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(IMPORTS.format(abi=2) + f"STRUCTS = {declared!r}\n", encoding="utf-8")
    result = review(Comparison("mine", "v2"), bundled("issue-1618"), Model(MODEL, (path,)))
    assert any(rule in r.says and what in r.found for r in result.rules if not r.kept)
    assert result.status == Exit.NOT_AS_EXPECTED


def test_a_resized_or_retyped_field_is_reported() -> None:
    old = Structs("old", 1, "t", {"t": {"version": "u32", "a": "u32", "b": "fn()"}}, "")
    new = Structs("new", 2, "t", {"t": {"version": "u32", "a": "u16", "b": "ptr"}}, "")
    found = " ".join(rule.found for rule in rules(old, new) if not rule.kept)
    assert "a at 4 had 4 bytes and now has 2" in found
    assert "b at 8 was fn() and is ptr" in found


@pytest.mark.parametrize(
    ("structs", "what"),
    [
        ({"t": {"a": "u128"}}, "unknown type"),
        ({"t": {"a": "t"}}, "holds itself"),
        ({"t": {"a": "&u"}}, "unknown type"),
    ],
)
def test_a_struct_that_cannot_be_laid_out_is_refused(
    structs: dict[str, dict[str, str]], what: str
) -> None:
    with pytest.raises(ModelError, match=what):
        Structs("x", 1, "t", structs, "x.py:1").layout("t", 4)


# --- verdicts and behaviour ---------------------------------------------------------------------


@pytest.mark.slow
def test_an_unchanged_variant_breaks_nothing(reviewed: Reviewed) -> None:
    result = reviewed("")
    assert result.status == Exit.AS_EXPECTED
    assert not result.changes
    assert not result.behaviour
    assert result.unchanged > 100
    assert result.pairs > 500
    assert all(rule.kept for rule in result.rules)


@pytest.mark.slow
def test_a_lost_deregistration_is_caught(reviewed: Reviewed) -> None:
    result = reviewed(
        '''
@side("operation")
def cabi_task_unregister(operation: Operation, task: Task, waitable: Handle) -> Operation | None:
    """Forgotten."""
    s.registered[operation] = None
    return None
'''
    )
    broken = {change.property for change in result.regressions}
    assert {"no-stale-callback", "one-home"} <= broken
    assert result.status == Exit.NOT_AS_EXPECTED
    assert any("waitable.join" in b.old_does for b in result.behaviour)


@pytest.mark.slow
def test_a_dropped_clone_is_caught(reviewed: Reviewed) -> None:
    result = reviewed(
        '''
@side("operation")
def keep_task(operation: Operation, task: Task) -> None:
    """The task is kept, and not cloned."""
    operation_drop_task(operation)
    s.cabi_task[operation] = task
'''
    )
    assert "refcount-exact" in {change.property for change in result.regressions}


@pytest.mark.slow
def test_an_extra_builtin_call_is_a_difference_that_a_host_sees(reviewed: Reviewed) -> None:
    result = reviewed(
        '''
@side("operation")
def cabi_task_unregister(operation: Operation, task: Task, waitable: Handle) -> Operation | None:
    """Takes the waitable out of its set twice."""
    s.registered[operation] = None
    canon_waitable_join(waitable, None)
    return unregister_from(task, waitable)
'''
    )
    assert not result.regressions
    assert result.behaviour
    shortest = result.behaviour[0]
    assert len(shortest.new) == len(shortest.old) + 1
    assert result.status == Exit.AS_EXPECTED


@pytest.mark.slow
def test_a_script_that_the_new_version_cannot_follow_is_reported_and_its_answer_is_open(
    reviewed: Reviewed,
) -> None:
    result = reviewed(
        '''
@side("operation")
def keep_task(operation: Operation, task: Task) -> None:
    """The task is over."""
    s.phase[task] = Phase.ENDED
'''
    )
    assert any("issue-1618 (mine/mine/mine)" in place for place in result.impossible)
    assert all("issue-1618 (" in place for place in result.impossible)
    assert any("not possible" in b.new_does for b in result.behaviour)
    assert result.status in (Exit.UNKNOWN, Exit.NOT_AS_EXPECTED)
    assert to_json(result)["impossible"] == result.impossible


@pytest.mark.slow
def test_v2_against_v1_fixes_what_the_pull_request_was_for() -> None:
    scenarios = bundled("issue-1618", "cancel-operations-elsewhere")
    result = review(Comparison("v2", "v1"), scenarios, BUNDLED)
    found = {(c.word, c.property, c.site) for c in result.changes if c.mix == "v2/v2/v2"}
    assert ("fixed", "no-panic", "waitable::register_waker::prev-is-own") in found
    assert ("fixed", "no-trap", "host::WaitableSet.drop::not-empty") in found
    assert ("broken", "no-waitable-in-dead-set", "") in found
    assert set(result.compatibility) == {
        f"{a}/{b}/{c}" for a in ("v1", "v2") for b in ("v1", "v2") for c in ("v1", "v2")
    }


def test_the_command_writes_the_page_and_the_document(tmp_path: Path) -> None:
    page, document = tmp_path / "r.md", tmp_path / "r.json"
    arguments = ["review", "v2", "issue-1618", "--against", "v1"]
    done = CliRunner().invoke(cli, [*arguments, "--report", str(page), "--json", str(document)])
    assert done.exit_code == Exit.AS_EXPECTED
    assert "fixed" in done.output
    assert "### fixed: `no-panic` at `waitable::register_waker::prev-is-own`" in page.read_text()
    assert "`wakeproof review v2 issue-1618 --against v1 --report FILE`" in page.read_text()
    assert {rule["kept"] for rule in json.loads(document.read_text())["layout"]} == {True}


def test_results_are_used_again_until_the_model_changes(
    monkeypatch: pytest.MonkeyPatch, reviewed: Reviewed
) -> None:
    scenarios = bundled("issue-1618")
    first = review(Comparison("v2", "v1"), scenarios, BUNDLED)

    def never(*_: object) -> bool:
        raise AssertionError

    monkeypatch.setattr(
        "wakeproof.util.result_cache.map_jobs", lambda run, jobs, *_: not jobs or never()
    )
    assert review(Comparison("v2", "v1"), scenarios, BUNDLED).changes == first.changes
    with pytest.raises(AssertionError):
        review(Comparison("v2", "v1"), scenarios, BUNDLED, fresh=True)


@pytest.mark.slow
def test_only_the_scenario_is_read_not_the_folder_that_it_lies_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "issue-1618.toml"
    path.write_text((SCENARIOS / path.name).read_text("utf-8"), encoding="utf-8")
    read: list[Path] = []

    def noted(place: Path) -> str:
        read.append(place)
        return digest(place)

    monkeypatch.setattr("wakeproof.review.review.digest", noted)
    review(Comparison("v2", "v1"), [read_scenario(path)], BUNDLED)
    assert set(read) == {MODEL}


def test_a_review_does_not_depend_on_what_is_done_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (SCENARIOS / "issue-1618.toml").read_text("utf-8")
    paths = [tmp_path / "a.toml", tmp_path / "b.toml"]
    for path in paths:
        path.write_text(text, encoding="utf-8")

    def reviewed_in_order(direction: int) -> Review:
        def one_by_one(
            run: Callable[[Any], Any],
            jobs: Sequence[Any],
            inputs: object,
            done: Callable[[Any, Any], None],
            *_: object,
        ) -> bool:
            for job in jobs[::direction]:
                done(job, run(job))
            return True

        monkeypatch.setattr("wakeproof.review.review.map_cached", one_by_one)
        return review(Comparison("v2", "v1"), [read_scenario(path) for path in paths], BUNDLED)

    first = reviewed_in_order(1)
    assert {row.scenario for row in first.behaviour} == {"a"}
    assert to_json(reviewed_in_order(-1)) == to_json(first)


def test_two_scenarios_of_one_name_are_refused_and_the_same_one_counts_once(
    tmp_path: Path,
) -> None:
    other = shutil.copy(SCENARIOS / "stream-after-drop.toml", tmp_path)
    assert len(chosen_scenarios(["stream-after-drop", "stream-after-drop"])) == 1
    with pytest.raises(InputError, match="two scenarios are called stream-after-drop"):
        chosen_scenarios(["stream-after-drop", str(other)])


@pytest.mark.slow
def test_a_scenario_of_the_newest_version_is_reviewed_with_what_builds_on_it(
    tmp_path: Path,
) -> None:
    scenario = bundled("join-handle-off")
    (tmp_path / "v4.py").write_text(
        'from model.types import Future\nfrom wakeproof.language import side\nBASE = "v3"\n'
        '@side("operation")\ndef join_handle_cancel(future: Future) -> None:\n    """Nothing."""\n'
    )
    result = review(
        Comparison("v4", "v3", max_pairs=2_000), scenario, Model(MODEL, (tmp_path / "v4.py",))
    )
    assert len(result.compatibility) == 8
    assert result.behaviour, "what is not cancelled goes on"
    older = review(Comparison("v3", "v2"), scenario, BUNDLED)
    assert (older.left_out, older.compatibility, older.pairs) == (["join-handle-off"], {}, 0)


def test_what_is_not_known_is_neither_0_nor_1() -> None:
    unknown = Change("unknown", "no-leak", "", "spawn", "v3/v3/v3", "v2/v2/v2", [])
    assert Review("v3", "v2").status == Exit.AS_EXPECTED
    assert Review("v3", "v2", finished=False).status == Exit.UNKNOWN
    assert Review("v3", "v2", changes=[unknown]).status == Exit.UNKNOWN
    broken = dataclasses.replace(unknown, word="broken")
    assert Review("v3", "v2", changes=[unknown, broken]).status == Exit.NOT_AS_EXPECTED


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["review", "v9", "--against", "v1"], "v9"),
        (["review", "v2", "--against", "v2"], "against itself"),
        (["review", "v2", "nothing", "--against", "v1"], "no scenario"),
        (["review", "v2", "issue-1618", "--against", "v1", "--on", "async-spawn"], "its own build"),
    ],
)
def test_wrong_use_is_one_message(arguments: list[str], what: str) -> None:
    done = CliRunner().invoke(cli, arguments)
    assert isinstance(done.exception, InputError)
    assert what in str(done.exception)
