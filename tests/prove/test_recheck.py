"""`wakeproof recheck`: what a second solver has confirmed, and what it has not."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wakeproof.cli import cli
from wakeproof.errors import Exit, InputError
from wakeproof.prove.certificates.folder import (
    COUNT,
    LIST,
    MARK,
    write_list,
)
from wakeproof.prove.certificates.recheck import Confirmation
from wakeproof.prove.certificates.write import LOGIC

TWO = f"""{MARK}: deliver
{COUNT}2
(set-logic {LOGIC})
(declare-const |kept| Bool)
(assert |kept|)
(echo "stays")
(check-sat-assuming ((not |kept|)))
(echo "goes")
(check-sat-assuming (LITERAL))
"""
CONFIRMED = TWO.replace("LITERAL", "(not |kept|)")
FORGED = TWO.replace("LITERAL", "|kept|")


def certificates(folder: Path, **texts: str) -> Path:
    """A folder of certificates."""
    (folder / "mix").mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / "mix" / f"{name}.smt2").write_text(text, encoding="utf-8")
    return folder


def recheck(folder: Path, *options: str) -> Result:
    """The result of the command for a folder."""
    return CliRunner().invoke(cli, ["recheck", str(folder), *options])


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is known from before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_forged_certificate_is_named_and_sets_the_status(tmp_path: Path) -> None:
    pytest.importorskip("cvc5")
    folder = certificates(tmp_path / "all", good=CONFIRMED, forged=FORGED)
    page = tmp_path / "page.md"
    result = recheck(folder, "--report", str(page))
    assert result.exit_code == Exit.NOT_AS_EXPECTED
    assert result.output.splitlines()[0].endswith("forged.smt2: goes: sat")
    assert "3 obligations in 2 certificates confirmed by cvc5" in result.output
    rows = [line.split(" | ") for line in page.read_text("utf-8").splitlines() if ".smt2" in line]
    assert [[row[0], *row[2:4]] for row in rows] == [
        ["| `mix/forged.smt2`", "2", "1"],
        ["| `mix/good.smt2`", "2", "2"],
    ]
    assert recheck(certificates(tmp_path / "good", good=CONFIRMED)).exit_code == Exit.AS_EXPECTED


Asked = list[str]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Asked]:
    """The names of the files that a solver checks, which gives the same answer to everything."""

    def with_answer(says: str) -> Asked:
        files: Asked = []

        def pretend(file: Path, limit: float) -> list[Confirmation]:
            files.append(file.name)
            return [Confirmation("stays", says, limit)]

        def one_by_one(
            run: Callable[[object], object],
            jobs: Sequence[object],
            on_done: Callable[[object], None],
            *_: object,
        ) -> bool:
            for job in jobs:
                on_done(run(job))
            return True

        monkeypatch.setattr("wakeproof.util.result_cache.map_jobs", one_by_one)
        monkeypatch.setattr("wakeproof.prove.certificates.recheck.recheck", pretend)
        return files

    return with_answer


def test_what_was_confirmed_is_not_checked_again(
    asked: Callable[[str], Asked], tmp_path: Path
) -> None:
    files = asked("unsat")
    folder = certificates(tmp_path / "all", one=CONFIRMED)
    assert recheck(folder).exit_code == Exit.AS_EXPECTED
    assert files == ["one.smt2"]
    (folder / "mix" / "one.smt2").rename(folder / "mix" / "moved.smt2")
    (folder / "mix" / "other.smt2").write_text(FORGED, encoding="utf-8")
    result = recheck(folder)
    assert files == ["one.smt2", "other.smt2"]
    assert "2 obligations in 2 certificates" in result.output
    recheck(folder, "--fresh")
    assert sorted(files[2:]) == ["moved.smt2", "other.smt2"]


def test_what_there_was_no_time_for_is_checked_again(
    asked: Callable[[str], Asked], tmp_path: Path
) -> None:
    folder = certificates(tmp_path / "all", one=CONFIRMED)
    files = asked("unknown")
    result = recheck(folder, "--timeout", "0.5")
    assert result.exit_code == Exit.UNKNOWN
    assert "one.smt2: stays: unknown" in result.output
    assert recheck(folder).exit_code == Exit.UNKNOWN
    assert len(files) == 2


def test_certificates_confirmed_in_a_file_are_not_checked_but_what_differs_is(
    asked: Callable[[str], Asked], tmp_path: Path
) -> None:
    files = asked("unsat")
    folder = certificates(tmp_path / "all", one=CONFIRMED, other=CONFIRMED + "; not the same\n")
    page = tmp_path / "page.md"
    recheck(folder, "--report", str(page))
    (folder / "mix" / "other.smt2").write_text(FORGED, encoding="utf-8")
    files.clear()
    data = page.with_suffix(".json")
    result = recheck(folder, "--fresh", "--confirmed", str(data))
    assert files == ["other.smt2"]
    (folder / "mix" / "other.smt2").unlink()
    assert recheck(folder, "--confirmed", str(data)).exit_code == Exit.AS_EXPECTED
    assert files == ["other.smt2"]
    assert (
        f"confirmed before, according to {data}: 2 obligations in 1 certificate\n" in result.output
    )


def test_certificates_open_in_a_file_are_checked(
    asked: Callable[[str], Asked], tmp_path: Path
) -> None:
    files = asked("unsat")
    folder = certificates(tmp_path / "all", one=CONFIRMED, other=FORGED)
    page = tmp_path / "page.md"
    recheck(folder, "--report", str(page))
    data = page.with_suffix(".json")
    document = json.loads(data.read_text("utf-8"))
    (row,) = (row for row in document["certificates"] if row["file"] == "mix/other.smt2")
    assert (row["obligations"], row["confirmed"]) == (1, 1)
    row["confirmed"] = 0
    data.write_text(json.dumps(document), encoding="utf-8")
    files.clear()
    recheck(folder, "--fresh", "--confirmed", str(data))
    assert files == ["other.smt2"]


NOT_CONFIRMED = [
    "",
    "# a page of something else\n",
    "[]",
    '{"certificates": []}',
    '{"certificates": [{"file": "one.smt2"}]}',
    '{"certificates": [{"digest": "ab", "obligations": 2, "confirmed": 1}]}',
    None,
]


@pytest.mark.parametrize("text", NOT_CONFIRMED)
def test_a_file_that_confirms_nothing_is_refused(text: str | None, tmp_path: Path) -> None:
    folder = certificates(tmp_path / "all", one=CONFIRMED)
    file = tmp_path / "page.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    result = recheck(folder, "--confirmed", str(file))
    assert isinstance(result.exception, InputError)
    assert str(file) in str(result.exception)


def test_the_data_of_a_page_overwrites_neither_the_page_nor_the_list_of_the_folder(
    asked: Callable[[str], Asked], tmp_path: Path
) -> None:
    files = asked("unsat")
    folder = tmp_path / "all"
    write_list(folder, [folder / "mix" / "one.smt2"])
    certificates(folder, one=CONFIRMED)
    result = recheck(folder, "--report", str(tmp_path / "page.json"))
    assert "with the suffix .json" in str(result.exception)
    result = recheck(folder, "--report", str(folder / "certificates.md"))
    assert f"{LIST} of the folder would be overwritten" in str(result.exception)
    assert not files


def test_no_page_is_written_of_what_was_not_checked(tmp_path: Path) -> None:
    folder = certificates(tmp_path / "all", one=CONFIRMED)
    pages = ["--report", str(tmp_path / "new.md"), "--confirmed", str(tmp_path / "page.json")]
    result = recheck(folder, *pages)
    assert isinstance(result.exception, InputError)
    assert "--report does not go with --confirmed" in str(result.exception)


# --- a folder that is not whole -----------------------------------------------------------------


def test_a_certificate_that_is_missing_is_missed(
    asked: Callable[[str], Asked], tmp_path: Path
) -> None:
    files = asked("unsat")
    folder = tmp_path / "all"
    write_list(folder, [folder / "mix" / f"{name}.smt2" for name in ("one", "two", "three")])
    certificates(folder, one=CONFIRMED, two=CONFIRMED)
    result = recheck(folder)
    assert isinstance(result.exception, InputError)
    assert result.exception.where == str(folder)
    assert "1 of 3 certificates are missing: three.smt2" in str(result.exception)
    assert not files


def test_no_certificate_of_an_earlier_run_is_taken_for_one_that_was_not_written(
    tmp_path: Path,
) -> None:
    folder = certificates(tmp_path / "all", one=CONFIRMED)
    # the next run was interrupted before it wrote anything
    write_list(folder, [folder / "mix" / "one.smt2"])
    assert "1 of 1 certificates are missing" in str(recheck(folder).exception)


def test_a_certificate_of_another_run_is_not_checked(
    asked: Callable[[str], Asked], tmp_path: Path
) -> None:
    files = asked("unsat")
    folder = tmp_path / "all"
    write_list(folder, [folder / "mix" / "one.smt2"])
    certificates(folder, one=CONFIRMED, stray=CONFIRMED)
    result = recheck(folder)
    assert result.exit_code == Exit.AS_EXPECTED
    assert "1 more there" in result.output
    assert files == ["one.smt2"]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"mix/one.smt2": 1}'])
def test_a_list_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    folder = certificates(tmp_path / "all", one=CONFIRMED)
    (folder / LIST).write_text(text, encoding="utf-8")
    result = recheck(folder)
    assert isinstance(result.exception, InputError)
    assert "not a list of certificates" in str(result.exception)


def test_a_binary_file_is_not_a_certificate(tmp_path: Path) -> None:
    pytest.importorskip("cvc5")
    folder = certificates(tmp_path / "all")
    (folder / "mix" / "one.smt2").write_bytes(bytes(range(256)))
    assert "not a certificate" in str(recheck(folder).exception)


@pytest.mark.parametrize("limit", ["nan", "inf"])
def test_a_limit_is_a_number(limit: str, tmp_path: Path) -> None:
    result = recheck(certificates(tmp_path / "all", one=CONFIRMED), "--timeout", limit)
    assert result.exit_code == Exit.WRONG_USE
    assert "not a number of seconds" in result.output


def test_a_cache_that_cannot_be_used_is_named(
    asked: Callable[[str], Asked], tmp_path: Path
) -> None:
    asked("unsat")
    folder = certificates(tmp_path / "all", one=CONFIRMED)
    cache = tmp_path / "cache" / "wakeproof" / "results" / "cache.db"
    cache.parent.parent.mkdir(parents=True)
    cache.parent.write_bytes(b"no folder at all")
    result = recheck(folder)
    assert isinstance(result.exception, InputError)
    assert result.exception.where == str(cache.parent)
