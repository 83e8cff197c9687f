"""`wakeproof pr` on copies of the newest release with a changed line."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.pull_request.changes import CHANGES, RELEASE, Change, copy_release
from tests.support import needs_cargo
from wakeproof.bundled import ROOT, SCENARIOS
from wakeproof.cli import cli
from wakeproof.conform.guest.driver import build_driver
from wakeproof.crates import checkout
from wakeproof.crates.release_source import release_source
from wakeproof.crates.releases import FEATURES
from wakeproof.errors import InputError
from wakeproof.findings.registry import load_findings
from wakeproof.util.cache_folder import cache_folder

# a build of the driver each: only these run with each change
QUICK = (
    "a read is cancelled in its set",
    "harmless: all lines behind it move",
)
TABLE = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.nightly) for name in CHANGES
]
WALKS = 300


@pytest.fixture(scope="module")
def crate() -> Iterator[Path]:
    """A copy of the release in a place that stays the same, so that little is built again."""
    needs_cargo()
    folder = cache_folder("tests") / os.environ.get("PYTEST_XDIST_WORKER", "main") / "crate"
    yield copy_release(folder)
    shutil.rmtree(folder)


@pytest.fixture
def changed(crate: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Path, Change]]:
    """The copy with one change, which is taken back."""
    change = CHANGES[request.param]
    change.apply(crate)
    yield crate, change
    shutil.copyfile(release_source(RELEASE) / change.file, crate / change.file)
    # cargo compares times: the copy has that of now
    os.utime(crate / change.file)


def look(crate: Path, features: tuple[str, ...], *more: str | Path) -> Result:
    """Run the command on a crate, in the build with these features only."""
    chosen = {"--on": features, "--off": sorted(set(FEATURES) - set(features))}
    options = [word for name, some in chosen.items() if some for word in (name, ",".join(some))]
    command = ["pr", "--crate", str(crate), "--walks", str(WALKS), *options, *map(str, more)]
    return CliRunner().invoke(cli, command)


@pytest.mark.slow
@pytest.mark.parametrize("changed", TABLE, indirect=True)
def test_the_function_that_is_changed_is_named(
    changed: tuple[Path, Change], tmp_path: Path
) -> None:
    crate, change = changed
    done = look(crate, change.features, "--json", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert [row["name"] for row in found["changed"]] == [change.of], done.output
    (compared,) = found["compared"]
    if change.harmless:
        assert done.exit_code == 0, done.output
        assert "v3 is right for this branch" in done.output
        assert compared["walks"] == WALKS
        assert not found["rows"]
        return
    assert done.exit_code == 1, done.output
    (divergence,) = compared["divergences"]
    assert (divergence["function"], divergence["file"]) == (change.of, change.file)
    assert f"{change.of} ({change.file}:{divergence['line']}, changed)" in done.output
    assert len(divergence["rows"]) <= 12
    assert found["rows"][0]["function"] == change.of


@pytest.mark.nightly
@pytest.mark.parametrize("changed", ["a read is cancelled in its set"], indirect=True)
def test_the_nearest_of_several_changed_functions_is_named(
    changed: tuple[Path, Change], tmp_path: Path
) -> None:
    crate, change = changed
    others = [
        dataclasses.replace(change, of=name, pattern=r"\{$", instead="{ let _ = ();")
        for name in ("TaskState::read_inter_task_stream", "WakerState::wake")
    ]
    for other in others:
        other.apply(crate)
    done = look(crate, change.features, "--json", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert [row["name"] for row in found["changed"]] == [others[0].of, change.of, others[1].of]
    nearest = min(found["compared"][0]["divergences"], key=lambda d: len(d["rows"]))
    assert nearest["function"] == change.of, done.output


@pytest.mark.nightly
def test_a_version_of_the_author_is_right_for_a_cure(
    crate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cure, mine = load_findings()[1]["done-after-drop"], tmp_path / "mine"
    mine.mkdir()
    for name in ("v3_done.py", "v3_next.py"):
        shutil.copyfile(ROOT / "examples" / "cures" / name, mine / name)
    scenarios = [SCENARIOS / "drop-outside-task.toml"]
    monkeypatch.setattr("wakeproof.pull_request.look.bundled_scenarios", lambda: scenarios)
    path = crate / cure.file
    text = path.read_text(encoding="utf-8")
    path.write_text(cure.applied(text), encoding="utf-8")
    try:
        done = look(crate, (), "--model", mine, "--json", tmp_path / "found.json")
    finally:
        path.write_text(text, encoding="utf-8")
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "found.json").read_text())
    assert [bool(c["divergences"]) for c in found["compared"]] == [True, False]
    mended = [f["name"] for f in found["findings"] if f["word"] == "mended"]
    assert mended == ["stream-read-after-drop"]
    assert "fixed no-trap at host::stream_copy::not-idle" in done.output
    assert not found["rows"]


@pytest.mark.slow
def test_the_release_itself_is_right_and_nothing_in_it_is_written(crate: Path) -> None:
    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in crate.rglob("*") if path.is_file()}

    before = content()
    done = look(crate, ())
    assert done.exit_code == 0, done.output
    assert "0 functions changed since 0.63.0" in done.output
    assert "the layout of the C ABI is that of 0.63.0" in done.output
    assert "v3 is right for this branch" in done.output
    assert " stay as they are" in done.output
    assert content() == before


# --- bad input ----------------------------------------------------------------------------------


def refused(*arguments: str | Path) -> InputError:
    error = CliRunner().invoke(cli, ["pr", *map(str, arguments)]).exception
    assert isinstance(error, InputError)
    return error


def write_crate(folder: Path, manifest: str) -> Path:
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(f'[package]\nname = "wit-bindgen"\n{manifest}\n')
    return folder


def test_what_is_no_checkout_is_refused(tmp_path: Path) -> None:
    error = refused("--crate", tmp_path)
    assert error.what == "not a checkout of wit-bindgen"
    assert "crates/guest-rust" in error.hint


@pytest.mark.parametrize(
    ("version", "what"),
    [
        ("1.0.0", "another major version"),
        ("0.58.1", "older than 0.63.0"),
        ("x", "has no version"),
    ],
)
def test_another_version_is_refused(tmp_path: Path, version: str, what: str) -> None:
    error = refused("--crate", write_crate(tmp_path / "crate", f'version = "{version}"'))
    assert what in error.what
    assert error.where == str(tmp_path / "crate" / "Cargo.toml")


def test_the_version_may_be_that_of_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "Cargo.toml").write_text('[workspace.package]\nversion = "0.57.0"\n')
    write_crate(tmp_path / "crates" / "guest-rust", "version = { workspace = true }")
    assert "wit-bindgen 0.57.0 is older" in refused("--crate", tmp_path).what


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    assert refused("--crate", tmp_path, "--base", "v9").what == "unknown ABI version 'v9'"
    assert "v2_draft" in refused("--crate", tmp_path, "--base", "v2_draft").what
    assert "--model" in refused("--crate", tmp_path, "--against", "v2").what


def test_a_crate_that_does_not_build_is_one_message_with_its_place(crate: Path) -> None:
    path = crate / "src" / "lib.rs"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "\nfn broken() -> Missing {}\n", encoding="utf-8")
    try:
        error = refused("--crate", crate, "--off", "async-spawn,inter-task-wakeup")
    finally:
        path.write_text(text, encoding="utf-8")
    assert error.what.startswith("the checkout does not build: cannot find type `Missing`")
    assert error.where == f"{path}:{text.count(chr(10)) + 2}"


def test_an_unknown_function_is_refused(crate: Path) -> None:
    error = refused("--crate", crate, "--only", "Missing::function")
    assert error.what == "the crate has no function 'Missing::function'"


def test_missing_cargo_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    build_driver.cache_clear()
    error = refused("--crate", write_crate(tmp_path / "crate", f'version = "{RELEASE}"'))
    assert "cargo" in error.what
    assert error.hint


def test_the_first_error_of_a_compiler_is_taken() -> None:
    output = "error[E0425]: cannot find it\n  --> /crate/a.rs:3:1\nerror: more\n --> /x.rs:1:1\n"
    error = checkout.build_error(output, Path("/crate"))
    assert error.what == "the checkout does not build: cannot find it"
    assert error.where == "/crate/a.rs:3"
    error = checkout.build_error(output, Path("/other"))
    assert error.what == "the guest driver with the checkout does not build: cannot find it"
    assert checkout.build_error("no lock", Path("/crate")).where == "/crate"
