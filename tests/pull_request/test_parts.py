"""The parts of a look at a pull request that need no build: layout, mirrors, names, the result."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console

from wakeproof.bundled import ROOT
from wakeproof.conform.guest.panic_places import panic_place
from wakeproof.conform.guest.player import Parted
from wakeproof.conform.guest.protocol import Expected, RealNames
from wakeproof.crates.checkout import ChangedFunction, Checkout, changed_functions
from wakeproof.errors import Exit, InputError
from wakeproof.execution.trace import StepRow
from wakeproof.findings.cases import case_of
from wakeproof.findings.registry import Finding, load_findings
from wakeproof.findings.run_crates import CrateResult, CrateRun
from wakeproof.language.model import BUNDLED, Model
from wakeproof.pull_request.blame import divergence_of
from wakeproof.pull_request.findings import TRAP_TEXTS, agrees
from wakeproof.pull_request.layout import layout_changes, structs_in
from wakeproof.pull_request.look import chosen_functions, version_of_author
from wakeproof.pull_request.mirrors import Mirrors
from wakeproof.pull_request.result import (
    LAYOUT,
    Compared,
    Divergence,
    PlayedFinding,
    PullRequest,
    by_size,
)
from wakeproof.pull_request.walks import Parting
from wakeproof.pull_request.words import Texts
from wakeproof.report.terminal.pull_request import print_pull_request
from wakeproof.review.struct_layout import Rule, Structs, structs_of
from wakeproof.scenario.mixes import ROLES

CABI = """\
pub const WASIP3_TASK_V1: u32 = 1;
pub const WASIP3_TASK_V2: u32 = 2;

#[repr(C)]
pub struct wasip3_task {
    /// The version, first
    pub version: u32,
    pub ptr: *mut c_void,
    pub waitable_register: unsafe extern "C" fn(
        ptr: *mut c_void,
        waitable: u32,
    ) -> *mut c_void,
}

#[repr(C)]
pub struct wasip3_task_v2 {
    pub v1: wasip3_task,
    pub vtable: &'static wasip3_task_vtable,
}

#[repr(C)]
pub struct wasip3_task_vtable {
    pub clone: unsafe extern "C" fn(ptr: *mut c_void) -> *mut c_void,
    pub spawn: Option<unsafe fn(*mut c_void, Box<dyn Future<Output = ()>>)>,
}
"""


def checkout_of(folder: Path, file: str, old: str, new: str) -> Checkout:
    for name, text in (("old", old), ("new", new)):
        path = folder / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Checkout(folder / "new", "0.63.0", "0.63.0", folder / "old", ("v3",))


# --- the layout -----------------------------------------------------------------------------------


def test_structs_are_read_from_rust() -> None:
    structs = structs_in(CABI, "x")
    assert structs is not None
    assert (structs.task, structs.abi) == ("wasip3_task_v2", 2)
    model = structs_of(BUNDLED.sources, "v2")
    assert model is not None
    assert [f.offset for f in structs.layout("wasip3_task_v2", 4).fields] == [0, 4, 8, 12]
    assert [f.type for f in structs.layout("wasip3_task_v2", 4).fields][-1] == "&wasip3_task_vtable"
    assert structs_in("fn none() {}", "x") is None


@pytest.mark.parametrize(
    ("old", "new", "change", "broken"),
    [
        ("// The", "// That the", "", ""),
        ("pub clone", "pub copy: u32,\n    pub clone", ".copy is new: u32", "is now at"),
        ("    pub version: u32,\n", "", "wasip3_task.version is gone", "version comes first"),
        # the task may grow at its end, with a higher version
        (
            "vtable: &'static wasip3_task_vtable,",
            "vtable: &'static wasip3_task_vtable,\n    pub extra: usize,",
            "wasip3_task_v2.extra is new: usize",
            "what is new has a higher version: version 2 and 2",
        ),
        ("pub clone", "pub depth: isize,\n    pub clone", ".depth is new: isize", "is now at"),
        ("V2: u32 = 2", "V2: u32 = 3", "the version of the ABI was 2 and is 3", ""),
        ("version: u32", "version: u7", "was u32 and is u7", "unknown type 'u7'"),
    ],
)
def test_what_changes_in_the_layout(
    tmp_path: Path, old: str, new: str, change: str, broken: str
) -> None:
    changes, rules = layout_changes(checkout_of(tmp_path, LAYOUT, CABI, CABI.replace(old, new)))
    assert bool(changes) == bool(change)
    assert change in "; ".join(changes)
    assert broken in "; ".join(f"{rule.says}: {rule.found}" for rule in rules if not rule.kept)
    assert bool(broken) == any(not rule.kept for rule in rules)


OLDER = """
#[repr(C)]
pub struct wasip3_task_v3 {
    pub v1: wasip3_task,
    pub vtable: &'static wasip3_task_vtable,
}
"""


def test_the_struct_of_an_older_task_cannot_change(tmp_path: Path) -> None:
    old = CABI + OLDER
    new = old.replace("pub vtable", "pub extra: usize,\n    pub vtable", 1)
    changes, rules = layout_changes(checkout_of(tmp_path, LAYOUT, old, new))
    assert changes[0] == "wasip3_task_v2.extra is new: usize"
    broken = [(rule.says.partition(":")[0], rule.found) for rule in rules if not rule.kept]
    assert broken == [("the structs of older tasks are those of 0.63.0", "wasip3_task_v2 changed")]
    assert "the task has the same fields" in rules[-2].found


@pytest.mark.parametrize(
    ("kind", "wasm32", "wide"), [("usize", 4, 8), ("isize", 4, 8), ("i16", 2, 2), ("u64", 8, 8)]
)
def test_integers_have_their_sizes(kind: str, wasm32: int, wide: int) -> None:
    structs = Structs("x", 1, "task", {"task": {"field": kind}}, "")
    assert [structs.layout("task", pointer).size for pointer in (4, 8)] == [wasm32, wide]


# --- functions of both sides ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def mirrors() -> Mirrors:
    return Mirrors(BUNDLED.resolve(dict.fromkeys(ROLES, "v3")).program, BUNDLED.sites)


@pytest.mark.parametrize(
    ("rust", "model"),
    [
        ("WaitableOperation::cancel", {"cancel"}),
        ("WaitableOperation::register_waker::cabi_wake", {"cabi_wake"}),
        ("SharedTaskState::waitable_register", {"waitable_register"}),
        ("StreamReadOp::in_progress_update", {"in_progress_update"}),
        ("Tasks::poll_next", {"tasks_poll_next", "tasks_turn"}),
        ("WakerState::wake", {"waker_state_wake"}),
        ("AbiBuffer::advance", {"advance"}),
        ("AbiBuffer::abi_ptr_and_len", set()),
        ("JoinHandle::cancel", {"join_handle_cancel"}),
    ],
)
def test_functions_of_the_model_mirror_those_of_the_crate(
    mirrors: Mirrors, rust: str, model: set[str]
) -> None:
    found = mirrors.of(rust)
    assert model <= found
    assert bool(model) == bool(found)
    # a function of the program of the same name is not a mirror
    assert "poll_join_handle" not in found


def test_changed_functions_are_those_whose_code_differs(tmp_path: Path) -> None:
    old = "fn a() {\n    x();\n}\nfn b() {\n    y();\n}\nfn c() {}\n"
    new = "fn a() {\n    x(); // more\n}\nfn b() {\n    z();\n}\n"
    checkout = checkout_of(tmp_path, "src/lib.rs", old, new)
    assert changed_functions(checkout) == [
        ChangedFunction("b", "src/lib.rs", 5),
        ChangedFunction("c", "src/lib.rs", 7, gone=True),
    ]
    assert chosen_functions(checkout, changed_functions(checkout), ()) == ["b", "c"]
    assert chosen_functions(checkout, (), ("a",)) == ["a"]


def test_a_panic_of_a_checkout_is_at_a_line_of_the_release(tmp_path: Path) -> None:
    folder = tmp_path / "with a space"
    checkout = checkout_of(
        folder, "src/lib.rs", "fn a() {\n    x();\n}\n", "fn a() {\n\n x();\n}\n"
    )
    word = f"{checkout.crate}/src/lib.rs:3:5".replace(" ", "_")
    place = panic_place(word, checkout)
    assert place is not None
    assert (place.release, place.file, place.line, place.lines) == (
        "0.63.0",
        "src/lib.rs",
        3,
        frozenset({2}),
    )
    assert str(place) == "the checkout, src/lib.rs, line 3"
    released = panic_place("/registry/wit-bindgen-0.60.0/src/lib.rs:7:9", checkout)
    assert released is not None
    assert (released.release, released.lines) == ("0.60.0", frozenset({7}))
    assert panic_place("/rustc/library/core.rs:1:1", checkout) is None


# --- where both sides part ------------------------------------------------------------------------

RUST = """\
impl WaitableOperation {
    fn cancel() {
        self.unregister_waker()
    }
    fn unregister_waker() {
        join()
    }
}
"""
STEP = StepRow(actor="", action="", says="", arguments={}, calls=[], changes={})
PARTING = Parting(
    rows=(STEP,) * 3,
    scenario="x",
    mix="v3/v3/v3",
    features=(),
    model="calls a",
    crate="calls b",
    crate_stack=(),
    model_stack=(),
    reached={},
    seen={},
)
CANCEL = ChangedFunction("WaitableOperation::cancel", "src/lib.rs", 3)
UNREGISTER = ChangedFunction("WaitableOperation::unregister_waker", "src/lib.rs", 6)
STACK = ("src/lib.rs:6:9", "src/lib.rs:3:9")


@pytest.mark.parametrize(
    ("parting", "changed", "named", "step"),
    [
        # the innermost of the crate's stack that has changed
        ({"crate_stack": STACK}, [CANCEL, UNREGISTER], UNREGISTER.name, 3),
        ({"crate_stack": STACK}, [CANCEL], CANCEL.name, 3),
        # where the crate makes no call, the innermost of the model's
        (
            {"model_stack": ("canon", "unregister_waker", "cancel")},
            [CANCEL, UNREGISTER],
            UNREGISTER.name,
            3,
        ),
        # then what was reached last
        ({"reached": {"unregister_waker": 1, "cancel": 2}}, [CANCEL, UNREGISTER], CANCEL.name, 2),
        ({"seen": {"src/lib.rs:6:9": 1}}, [CANCEL, UNREGISTER], UNREGISTER.name, 1),
        # nothing else is changed
        ({}, [CANCEL], CANCEL.name, 0),
        # nothing is changed: where both part
        ({"crate_stack": STACK}, [], UNREGISTER.name, 3),
        ({"model_stack": ("canon", "cancel")}, [], CANCEL.name, 3),
        ({}, [], "the program", 3),
    ],
)
def test_the_nearest_changed_function_is_named(
    tmp_path: Path,
    mirrors: Mirrors,
    parting: dict[str, object],
    changed: list[ChangedFunction],
    named: str,
    step: int,
) -> None:
    checkout = checkout_of(tmp_path, "src/lib.rs", RUST, RUST)
    place = dataclasses.replace(PARTING, **parting)  # type: ignore[arg-type]
    found = divergence_of(place, mirrors, checkout, changed, 4)
    assert (found.function, found.step, found.changed) == (named, step, bool(changed))
    assert found.walks == 4


NAMES = {"Task": ["export", "nested"], "Operation": ["read"], "Handle": ["h1", "h2"]}
NAMES |= {"Future": ["body"]}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("call waitable.join 2 0", "calls waitable.join(h2, none)"),
        ("call stream.cancel-read 1 trap", "calls stream.cancel-read(h1), which traps"),
        ("call stream.read 2 1", "calls stream.read(h2, 1)"),
        ("call context.get 1", "calls context.get(1)"),
        ("abi waitable_register 7fe0 1 operation-0", "calls waitable_register(export, h1, read)"),
        ("abi callback operation-0 16 fresh", "calls callback(read, COMPLETED_1, fresh)"),
        ("abi drop 7fff", "calls drop(another task)"),
        ("ret operation-0", "returns read"),
        ("ret", "returns"),
        ("at poll 0 pending", "polls the future body; the operation is pending"),
        ("at drop 0 -", "drops the future body"),
        ("at idle 0", "returns to the host with EXIT"),
        ("at idle 1", "returns to the host with YIELD"),
        ("at idle 34", "returns to the host with WAIT on h2"),
        ("at idle 7", "returns to the host with the code 7"),
        ("at idle -", "returns to the host"),
        ("panic src/lib.rs:1:1 it is wrong", "panics at src/lib.rs:1:1: it is wrong"),
        ("panic at spawn::spawn_local::task-spawns", "panics at spawn::spawn_local::task-spawns"),
        ("fault freed", "touches memory that was freed"),
        ("goes on", "goes on"),
    ],
)
def test_both_sides_are_told_in_names(line: str, text: str) -> None:
    real = RealNames()
    real.tasks[0] = "7fe0"
    assert Texts(NAMES, real).of_crate(Parted("", line)) == text


def test_a_call_of_the_model_is_told_in_names() -> None:
    texts = Texts(NAMES, RealNames())
    words = (("task", 1), ("handle", 1), ("operation", 0))
    expected = Expected("abi", ("waitable_register", *words))
    assert texts.of_model(Parted("", "", expected)) == "calls waitable_register(nested, h2, read)"
    assert texts.of_model(Parted("at idle 0", "")) == "returns to the host with EXIT"


# --- the result -----------------------------------------------------------------------------------


def divergence(function: str, steps: int, changed: bool = False) -> Divergence:
    place = (function, "src/lib.rs", 1, changed, steps, function)
    return Divergence(*place, "x", "v3/v3/v3", (), (STEP,) * steps, "a", "b")


def test_divergences_at_one_place_are_one_with_the_smallest_walk() -> None:
    found = by_size([divergence("f", 5), divergence("g", 2), divergence("f", 3, changed=True)])
    assert [(d.function, len(d.rows), d.walks) for d in found] == [("f", 3, 2), ("g", 2, 1)]


def test_the_status_is_about_what_got_worse() -> None:
    base = Compared("v3", divergences=[divergence("f", 1)])
    right = PullRequest("crate", "0.63.0", "0.63.0", [], [], Compared("v3"))
    assert (right.status, right.rows()) == (Exit.AS_EXPECTED, [])
    wrong = dataclasses.replace(right, base=base)
    assert wrong.status == Exit.NOT_AS_EXPECTED
    assert [(row["function"], row["line"]) for row in wrong.rows()] == [("f", 1)]
    below = dataclasses.replace(wrong, below="crates/guest-rust/")
    assert [row["file"] for row in below.rows()] == ["crates/guest-rust/src/lib.rs"]
    # the author's own version counts if there is one
    assert dataclasses.replace(wrong, author=Compared("mine")).status == Exit.AS_EXPECTED
    kept, broken = Rule("it is", True, ""), Rule("it is", False, "not")
    assert dataclasses.replace(right, rules=[kept]).status == Exit.AS_EXPECTED
    assert dataclasses.replace(right, rules=[kept, broken]).status == Exit.NOT_AS_EXPECTED
    assert dataclasses.replace(right, finished=False).status == Exit.UNKNOWN
    brought = PlayedFinding("x", "a title", False, True)
    assert dataclasses.replace(right, findings=[brought]).status == Exit.NOT_AS_EXPECTED
    mended = PlayedFinding("x", "a title", True, False)
    assert dataclasses.replace(right, findings=[mended]).status == Exit.AS_EXPECTED
    words = [PlayedFinding("", "", *seen).word for seen in ((True, None), (False, False))]
    assert words == ["unknown", "absent"]


RT = "src/rt/async_support/spawn.rs"
# in the checkout two lines more stand before it
AT_SITE, ELSEWHERE = f"the component panics at {RT}:181", f"the component panics at {RT}:9"
RELEASED = f"the component panics at wit-bindgen-0.63.0/{RT}"
TRAP = "the host traps: a copy is cancelled while it is in a waitable set"


@pytest.mark.parametrize(
    ("name", "before", "after", "same"),
    [
        # the site of the finding in the release, at the line that it has in the checkout
        ("spawn-panics-without-task", "passed", AT_SITE, True),
        ("spawn-panics-without-task", "passed", ELSEWHERE, False),
        ("spawn-panics-without-task", "passed", "the component panics at src/main.rs:9", False),
        ("spawn-panics-without-task", "passed", TRAP, False),
        # as on the release, though not at the site
        ("spawned-without-task", f"{RELEASED}:179", AT_SITE, True),
        ("spawned-without-task", f"{RELEASED}:181", AT_SITE, False),
        ("wakeup-read-cancelled-in-set", "passed", TRAP, True),
        ("wakeup-read-cancelled-in-set", "passed", "the host traps: 3 is no handle", False),
        # no site: what a host sees
        ("wakeup-through-dead-task", "passed", "an event of `input` is never delivered", True),
        ("wakeup-through-dead-task", "passed", TRAP, False),
        ("wakeup-through-dead-task", TRAP, TRAP, True),
        ("wakeup-through-dead-task", "passed", "", False),
    ],
)
def test_a_test_agrees_with_its_finding_if_it_fails_as_that_does(
    tmp_path: Path, name: str, before: str, after: str, same: bool
) -> None:
    old = "".join(f"const N{n}: u32 = {n};\n" for n in range(1, 200))
    # lines.json has spawn.rs:179 for `spawn_local` of 0.63.0
    checkout = checkout_of(tmp_path, RT, old, f"use x;\n\n{old}")
    finding = next(f for f in load_findings()[0] if f.name == name)
    on_release, on_checkout = (result(line, finding) for line in (before, after))
    assert agrees(finding, on_release, on_checkout, checkout) == same


def result(line: str, finding: Finding) -> CrateResult:
    run = CrateRun(None, "0.63.0", finding.built_with())  # type: ignore[arg-type]
    if line == "passed":
        return CrateResult(run, 0, line)
    return CrateResult(run, 1 if line else -6, f"FAILED: {line}" if line else line)


def test_every_trap_of_a_finding_has_the_text_of_the_test() -> None:
    traps = {
        f.site for f in load_findings()[0] if f.property == "no-trap" and case_of(f, {}).is_crate
    }
    assert traps == TRAP_TEXTS.keys()
    host = (ROOT / "wakeproof/export/templates/rust/host.rs").read_text(encoding="utf-8")
    assert all(text in host for text in TRAP_TEXTS.values())


def test_the_counts_of_findings_agree() -> None:
    rows = [
        PlayedFinding("a", "it is", False, True),
        PlayedFinding("b", "it is", False, None, test="FAILED: it panics", otherwise=True),
        PlayedFinding("c", "it is", True, True),
        PlayedFinding("d", "it is", False, False),
    ]
    base = Compared("v3", traces=["a", "c"], divergences=[divergence("f", 1)])
    found = PullRequest("crate", "0.63.0", "0.63.0", [], [], base, findings=rows)
    text = printed(found)
    assert "2 traces of 4 findings in" in text
    counts = "1 brought, 1 fails otherwise, 1 stays as it is, 1 neither here nor in 0.63.0"
    assert f"4 findings: {counts}\n" in text
    assert "  fails otherwise b: it is\n" in text
    assert [row["message"] for row in found.rows()][1:] == [
        "a: it is",
        "the test of b fails: FAILED: it panics",
    ]
    failing = dataclasses.replace(found, base=Compared("v3"), findings=rows[1:])
    assert failing.status == Exit.NOT_AS_EXPECTED
    # it fails on the release, too
    was = dataclasses.replace(rows[1], on_release=True)
    assert dataclasses.replace(failing, findings=[was]).status == Exit.AS_EXPECTED


def printed(result: PullRequest) -> str:
    console = Console(file=io.StringIO(), width=100)
    print_pull_request(console, result, BUNDLED, traces=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_no_model_is_right_where_the_layout_is_broken() -> None:
    right = PullRequest("crate", "0.63.0", "0.63.0", [], [], Compared("v3"))
    assert "v3 is right for this branch" in printed(right)
    text = printed(dataclasses.replace(right, rules=[Rule("it is", False, "not")]))
    assert "no walk parted from v3; the layout of the C ABI is broken" in text
    assert "right" not in text


def test_the_version_of_the_author_is_the_last_that_builds_on_the_base(tmp_path: Path) -> None:
    for name, base in (("first", "v3"), ("second", "first")):
        (tmp_path / f"{name}.py").write_text(f'BASE = "{base}"\nRELEASE = "mine"\nABI = 3\n')
    model = Model(BUNDLED.root, tuple(sorted(tmp_path.glob("*.py"))))
    assert version_of_author(model, "v3") == "second"
    (tmp_path / "third.py").write_text('BASE = "v3"\nRELEASE = "mine"\nABI = 3\n')
    model = Model(BUNDLED.root, tuple(sorted(tmp_path.glob("*.py"))))
    with pytest.raises(InputError, match="second, third"):
        version_of_author(model, "v3")
    with pytest.raises(InputError, match="none"):
        version_of_author(BUNDLED, "v3")
