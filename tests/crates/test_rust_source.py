"""Functions of Rust text, and where two texts differ."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import needs_cargo
from wakeproof.crates.git_changes import changed_lines
from wakeproof.crates.release_source import release_source
from wakeproof.crates.rust_source import differences, function_at, functions_of, item_at, same_lines
from wakeproof.language.model import BUNDLED

TEXT = """\
impl<T: Fn() -> u8> Show for crate::Pair<'_, T>
where
    T: Clone,
{
    // fn comment() {
    fn show(&self, bytes: [u8; 2]) -> char {
        let text = "} fn string() {";
        extern "C" fn inner() { run('{') }
        '}'
    }
}

mod outer {
    trait Kind {
        fn declared();
        fn given() {}
    }
    fn free() {
        struct Guard;
        impl Drop for Guard {
            fn drop(&mut self) {}
        }
    }
}
"""


def test_functions_have_the_names_of_their_types() -> None:
    assert [(f.name, f.first, f.last) for f in functions_of(TEXT)] == [
        ("Pair::show::inner", 8, 8),
        ("Pair::show", 6, 10),
        ("outer::Kind::given", 16, 16),
        ("Guard::drop", 21, 21),
        ("outer::free", 18, 23),
    ]
    assert function_at(TEXT, 8) == "Pair::show::inner"
    assert function_at(TEXT, 9) == "Pair::show"
    assert function_at(TEXT, 12) == ""


def test_what_is_changed_may_be_a_constant_or_a_type() -> None:
    text = """\
pub(crate) const fn f() -> u8 {
    1
}
const TABLE: [u8; 2] = [
    1,
    2,
];
static mut COUNT: u8 = 0;
use core::ptr;
pub struct Pair {
    left: u8,
}
"""
    names = [item_at(text, line) for line in range(1, 13)]
    assert names == ["f"] * 3 + ["const TABLE"] * 4 + ["static COUNT", ""] + ["struct Pair"] * 3


def test_a_brace_too_many_is_no_failure() -> None:
    assert functions_of("}} fn late() {}")[0].name == "late"


def test_functions_of_the_release_are_those_of_the_table_of_sites() -> None:
    needs_cargo()
    crate, others = release_source("0.63.0"), set()
    for site in BUNDLED.sites.values():
        line = dict(site.places).get("0.63.0")
        if line is not None and site.source.startswith("crates/guest-rust/"):
            file = crate / site.source.removeprefix("crates/guest-rust/")
            name = function_at(file.read_text(encoding="utf-8"), line)
            if name != site.function:
                others.add((site.function, name))
    # structs and a macro are no functions, and `Arc` has no text here
    assert {name for _, name in others} == {
        "",
        "SharedTaskState::cabi_clone",
        "SharedTaskState::cabi_drop",
    }


def test_comments_and_spaces_are_no_difference() -> None:
    old = "fn f() {\n    // old\n    g();\n}\n"
    assert not list(differences(old, "fn f() {\n  g(); // new\n\n}\n"))
    (found,) = differences(old, "fn f() {\n    h();\n}\n")
    assert (found.old, found.new) == (range(3, 4), range(2, 3))


def test_a_removed_line_has_a_place() -> None:
    (found,) = differences("fn f() {\n    g();\n    h();\n}\n", "fn f() {\n    h();\n}\n")
    assert (list(found.old), list(found.new), found.at) == ([2], [], 2)


def test_a_line_is_found_where_it_was() -> None:
    old = "fn f() {\n    check(1);\n    check(2);\n}\nfn g() {\n    check(1);\n}\n"
    new = old.replace("fn f() {", "use x;\n\nfn f() {").replace("check(2)", "check(3)")
    assert same_lines(old, new, 4) == {2}
    assert same_lines(old, new, 5) == {3}
    assert same_lines(old, new, 8) == {6}
    # what is new is not a line of the old text
    assert same_lines(old, new, 1) == set()
    moved = "fn g() {\n    check(1);\n}\nfn f() {\n    check(1);\n    check(2);\n}\n"
    assert 6 in same_lines(old, moved, 2)
    assert 2 not in same_lines(old, moved, 2)


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@x", *arguments]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("git is not installed")


def test_git_has_the_lines_of_the_branch(tmp_path: Path) -> None:
    source = tmp_path / "crate" / "src"
    source.mkdir(parents=True)
    (source / "lib.rs").write_text("one\ntwo\nthree\nfour\n")
    (tmp_path / "other.rs").write_text("one\n")
    assert changed_lines(source.parent) == {}
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "begin")
    git(tmp_path, "checkout", "-q", "-b", "branch")
    assert changed_lines(source.parent) == {}
    (source / "lib.rs").write_text("one\n2\nthree\nfour\n")
    (tmp_path / "other.rs").write_text("two\n")
    git(tmp_path, "commit", "-q", "-a", "-m", "change")
    assert changed_lines(source.parent) == {"src/lib.rs": {2}}
    # the working tree counts, too
    (source / "lib.rs").write_text("one\n2\nthree\n4\n")
    assert changed_lines(source.parent) == {"src/lib.rs": {2, 4}}
