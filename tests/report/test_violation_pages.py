"""`check --html`: a page for each violation, and an index over them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.export.markup import Element, parsed
from wakeproof.cli import cli
from wakeproof.errors import InputError

MIX = ["--executor", "v1,v2", "--block-on", "v2", "--import", "v1", "--quiet"]


def check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["check", *map(str, arguments), *MIX])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of two scenarios, each with violations in some mixes."""
    folder = tmp_path_factory.mktemp("pages") / "html"
    done = check("cancel-asleep", "wake-between-tasks", "--html", folder)
    assert done.exit_code == 0, done.output
    return folder


def page(folder: Path, name: str = "index.html") -> Element:
    return parsed((folder / name).read_text("utf-8"))


@pytest.mark.slow
def test_the_index_links_to_a_page_for_each_violation(folder: Path) -> None:
    links = {link.attributes["href"]: link.words for link in page(folder).all("a")}
    assert sorted(links) == [
        "cancel-asleep-no-panic-inter_task_wakeup-wake-write-completes.html",
        "cancel-asleep-no-trap-host-cancel_copy-sync-in-set.html",
        "wake-between-tasks-no-trap-host-cancel_copy-sync-in-set.html",
    ]
    assert {file.name for file in folder.iterdir()} == {*links, "index.html"}
    assert {" ".join(words.split(" ")[:3]) for words in links.values()} == {
        "The runtime panics",
        "The host traps",
    }


def test_a_page_links_to_the_index_and_names_the_mixes(folder: Path) -> None:
    root = page(folder, "wake-between-tasks-no-trap-host-cancel_copy-sync-in-set.html")
    assert "index.html" in [link.attributes["href"] for link in root.all("a")]
    assert len(root.all("li", "step")) == 5
    assert "Mixesv1/v2/v1" in root.all("section", "broken")[0].words


def test_the_index_says_which_violations_are_not_as_expected(tmp_path: Path) -> None:
    scenario = Path(__file__).parents[2] / "scenarios" / "wake-between-tasks.toml"
    text, _, _ = scenario.read_text("utf-8").partition("[[expect]]")
    other = tmp_path / "surprise.toml"
    other.write_text(text, encoding="utf-8")
    check(other, "--html", tmp_path / "html")
    (item,) = page(tmp_path / "html").all("ul", "index")[0].all("li")
    assert item.words.count("not as expected") == 1


def test_without_a_violation_the_index_says_so(tmp_path: Path) -> None:
    done = check("wake-between-tasks", "--property", "one-home", "--html", tmp_path)
    assert done.exit_code == 0, done.output
    assert "Nothing is violated." in page(tmp_path).words
    assert [file.name for file in tmp_path.iterdir()] == ["index.html"]


def test_the_same_check_writes_the_same_pages(folder: Path, tmp_path: Path) -> None:
    check("cancel-asleep", "wake-between-tasks", "--html", tmp_path)
    for file in folder.iterdir():
        assert file.read_bytes() == (tmp_path / file.name).read_bytes()


def test_a_folder_that_is_a_file_and_a_result_in_the_place_of_the_index_are_refused(
    tmp_path: Path,
) -> None:
    taken = tmp_path / "index.html"
    done = check("yield", "--html", tmp_path, "--json", taken)
    assert isinstance(done.exception, InputError)
    assert not taken.exists()
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert check("yield", "--html", tmp_path / "file").exit_code == 2
