"""Files that commands write: whole or not at all, and never over an input."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wakeproof.bundled import SCENARIOS
from wakeproof.cli import cli
from wakeproof.commands.output import refuse_unwritable, write_file
from wakeproof.errors import InputError

TRACE = ["simulate", "subtask", "--steps", "2", "--json"]


def run(*words: object) -> Result:
    """Run a command."""
    return CliRunner().invoke(cli, list(map(str, words)))


def test_a_page_that_cannot_be_encoded_is_one_message_and_costs_no_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("old", encoding="utf-8")
    with pytest.raises(InputError, match="not text in UTF-8"):
        write_file(page, "half\ud800")
    assert page.read_text(encoding="utf-8") == "old"


def test_a_link_to_a_page_stays_a_link(tmp_path: Path) -> None:
    page, link = tmp_path / "page.md", tmp_path / "link.md"
    link.symlink_to(page)
    refuse_unwritable(link)
    write_file(link, "new")
    assert link.is_symlink()
    assert page.read_text(encoding="utf-8") == "new"


def test_a_device_is_written_to_as_it_is() -> None:
    refuse_unwritable(Path("/dev/null"), Path("/dev/null"))
    write_file(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("file", ["/proc/nowhere/page.md", "/nowhere/page.md", "/", "/tmp"])
def test_a_page_that_cannot_be_written_is_refused_before_the_run(file: str) -> None:
    result = run("check", "subtask", "--report", file)
    assert isinstance(result.exception, InputError)
    assert "cannot be written" in str(result.exception)
    assert not result.output


def test_a_scenario_is_not_overwritten_by_its_results(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    shutil.copyfile(SCENARIOS / "subtask.toml", own)
    before = own.read_bytes()
    (tmp_path / "link.json").symlink_to(own)
    for command in ("check", "simulate"):
        for name in ("own.toml", "link.json"):
            result = run(command, own, "--json", tmp_path / name)
            assert "would overwrite an input" in str(result.exception)
    assert own.read_bytes() == before


def test_a_base_in_the_folder_of_a_scenario_is_not_overwritten(tmp_path: Path) -> None:
    shutil.copyfile(SCENARIOS / "subtask.toml", tmp_path / "base.toml")
    own = tmp_path / "own.toml"
    own.write_text('base = "base.toml"\ntitle = "One of its own"\n', encoding="utf-8")
    result = run("simulate", own, "--json", tmp_path / "base.toml")
    assert "would overwrite an input" in str(result.exception)


def test_the_text_of_a_model_is_not_overwritten(tmp_path: Path) -> None:
    examples = Path(__file__).parents[2] / "examples" / "cures"
    model = Path(shutil.copytree(examples, tmp_path / "model"))
    text = next(iter(sorted(model.glob("*.py"))))
    result = run("check", "subtask", "--model", model, "--report", text)
    assert "would overwrite an input" in str(result.exception)


def test_a_trace_is_not_overwritten_by_its_export(tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    run(*TRACE, trace)
    before = trace.read_bytes()
    result = run("export", trace, "--to", "issue", "--output", trace)
    assert "would overwrite an input" in str(result.exception)
    result = run("releases", trace, "--report", trace.with_suffix(".md"))
    assert "would overwrite an input" in str(result.exception)
    assert trace.read_bytes() == before


def test_two_results_in_one_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "out"
    result = run("check", "subtask", "--json", file, "--report", file)
    assert "two results would be written to this file" in str(result.exception)


@pytest.mark.parametrize("files", [("-", "-"), ("-", "/dev/stdout"), ("/dev/stdout",) * 2])
def test_two_results_on_standard_output_are_refused(files: tuple[str, str]) -> None:
    result = run("check", "subtask", "--junit", files[0], "--sarif", files[1])
    assert "two results would be written to standard output" in str(result.exception)
    assert not result.stdout


def test_two_results_may_go_nowhere() -> None:
    words = ("issue-1618", "--mix", "v1/v1/v1", "--junit", os.devnull, "--sarif", os.devnull)
    assert run("check", *words).exit_code == 0


@pytest.mark.parametrize(
    "words",
    [("explain", "waitable.rs:271"), ("show", "task-waits-on-empty-set"), ("list", "actions")],
)
def test_no_line_ends_in_blanks(words: tuple[str, ...]) -> None:
    lines = run(*words).output.splitlines()
    assert lines
    assert [line for line in lines if line != line.rstrip()] == []


def test_what_does_not_fit_a_line_of_a_list_goes_on_below_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wakeproof.report.terminal.console.WIDTH", 60)
    lines = run("list", "scenarios").output.splitlines()[1:]
    continued = [line for line in lines if line.startswith(" " * 31)]
    assert continued
    assert all(line.startswith(" " * 31) or line[2] != " " for line in lines)
    assert max(map(len, lines)) <= 60
