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
from wakeproof.prove.certificates.reader import read_certificate
from wakeproof.prove.certificates.recheck import Confirmation
from wakeproof.prove.certificates.recheck import recheck as recheck_file
from wakeproof.prove.certificates.second_solvers import ASK, QUESTION
from wakeproof.prove.certificates.write import LOGIC
from wakeproof.symbolic.smtlib import comment, quoted, string

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


@pytest.mark.parametrize("solver", ASK)
def test_a_solver_confirms_what_follows_and_refutes_what_does_not(
    solver: str, tmp_path: Path
) -> None:
    pytest.importorskip(solver)
    folder = certificates(tmp_path, good=CONFIRMED, forged=FORGED)
    found = {
        name: [(c.goal, c.answer) for c in recheck_file(folder / f"mix/{name}.smt2", 60, solver)]
        for name in ("good", "forged")
    }
    assert found == {
        "good": [("stays", "unsat"), ("goes", "unsat")],
        "forged": [("stays", "unsat"), ("goes", "sat")],
    }


@pytest.mark.parametrize("solver", ASK)
def test_statements_between_questions_are_read(solver: str, tmp_path: Path) -> None:
    pytest.importorskip(solver)
    later = "(declare-const |late| Bool)\n(define-fun t1 () Bool (and |late| |kept|))\n"
    later += "(assert (=> |late| (not t1)))\n"
    text = FORGED.replace('(echo "goes")', later + '(echo "goes")').replace("(|kept|)", "(|late|)")
    folder = certificates(tmp_path, one=text)
    answers = [c.answer for c in recheck_file(folder / "mix/one.smt2", 60, solver)]
    assert answers == ["unsat", "unsat"]


def test_several_solvers_stand_side_by_side(tmp_path: Path) -> None:
    pytest.importorskip("cvc5")
    folder = certificates(tmp_path / "all", good=CONFIRMED, forged=FORGED)
    page = tmp_path / "page.md"
    result = recheck(folder, "--solver", "z3,cvc5,z3", "--report", str(page))
    assert result.exit_code == Exit.NOT_AS_EXPECTED
    lines = result.output.splitlines()
    assert [line.split("forged.smt2: ")[1] for line in lines[:2]] == [
        "goes: z3: sat",
        "goes: cvc5: sat",
    ]
    assert [line.split(" by ")[1] for line in lines[2:]] == ["z3", "cvc5"]
    table = [line.split(" | ") for line in page.read_text("utf-8").splitlines() if "|" in line]
    assert table[0][3:7] == ["z3 confirmed", "z3 seconds", "cvc5 confirmed", "cvc5 seconds"]
    assert [[row[0], row[2], row[3], row[5]] for row in table[2:]] == [
        ["| `mix/forged.smt2`", "2", "1", "1"],
        ["| `mix/good.smt2`", "2", "2", "2"],
    ]
    data = json.loads(page.with_suffix(".json").read_text("utf-8"))
    assert [name.split()[0] for name in data["solver"].split(", ")] == ["z3", "cvc5"]
    assert [row["confirmed"] for row in data["certificates"]] == [1, 2]
    confirmed = ["--confirmed", str(page.with_suffix(".json"))]
    result = recheck(folder, "--solver", "cvc5", *confirmed)
    assert "2 obligations in 1 certificate" in result.output
    result = recheck(folder, "--solver", "cvc5,bitwuzla", *confirmed)
    assert "not confirmed by bitwuzla" in str(result.exception)


def test_an_unknown_solver_is_refused(tmp_path: Path) -> None:
    result = recheck(certificates(tmp_path, one=CONFIRMED), "--solver", "cvc5,other")
    assert isinstance(result.exception, InputError)
    assert "unknown solver 'other'" in str(result.exception)


Asked = list[str]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Asked]:
    """The names of the files that a solver checks, which gives the same answer to everything."""

    def with_answer(says: str) -> Asked:
        files: Asked = []

        def pretend(file: Path, limit: float, solver: str) -> list[Confirmation]:
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


def test_a_certificate_whose_worker_is_killed_is_open_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = certificates(tmp_path / "all", one=CONFIRMED)

    def lose(
        run: object,
        jobs: Sequence[object],
        on_done: object,
        pool: object,
        on_lost: Callable[[object], None],
    ) -> bool:
        for job in jobs:
            on_lost(job)
        return True

    monkeypatch.setattr("wakeproof.util.result_cache.map_jobs", lose)
    for _ in range(2):
        # it is not cached
        result = recheck(folder)
        assert result.exit_code == Exit.UNKNOWN
        assert "one.smt2: every obligation: unknown: its worker process was" in result.output


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


# --- a file that has something else -------------------------------------------------------------

FOREIGN = {
    "(exit)": "a statement 'exit'",
    "(reset)": "a statement 'reset'",
    "(reset-assertions)": "a statement 'reset-assertions'",
    "(push 1)": "a statement 'push'",
    "(pop 1)": "a statement 'pop'",
    '(include "/etc/passwd")': "not one whole statement",
    "(set-option :produce-models true)": "a statement 'set-option'",
    "(set-info :status unsat)": "a statement 'set-info'",
    "(set-logic QF_BV)": "a statement 'set-logic'",
    "(check-sat)": "a statement 'check-sat'",
    "(get-value (|kept|))": "a statement 'get-value'",
    "(declare-sort S 0)": "a statement 'declare-sort'",
    "(declare-const |kept| Bool)": "the name |kept| a second time",
    "(declare-const kept Bool)": "the name kept a second time",
    "(declare-const |true| Bool)": "the name |true| a second time",
    "(declare-const |a| Int)": "not the declaration of a bit",
    "(define-fun |a| ((x Bool)) Bool x)": "not the definition of a truth value",
    "(assert |gone|)": "an unknown name |gone|",
    "(assert (! |kept| :named |a|))": "an unknown name :named",
    "(assert (let ((x |kept|)) x))": "an unknown name x",
    "(assert (and |kept|)": "a parenthesis",
    "(assert (and |kept|)))": "a parenthesis",
    "(assert |kept|) (assert |kept|)": "a parenthesis",
    "(assert |kept|": "a parenthesis|not one whole",
    "(assert": "not one whole statement",
    "(assert ()": "a parenthesis|an operator",
    "(" * 100_000: "a statement '\\('",
    "(assert " + "(not " * 100_000: "a parenthesis that is not closed",
    ")": "not one whole statement",
    "": "not one whole statement",
    "; a comment": "not one whole statement",
    "(assert |kept|) ; a comment": "not one whole statement",
    "; a comment that ends early\r(exit)": "cannot be printed",
    "(assert |kept|)\x85(exit)": "cannot be printed",
    "(assert |kept|)\u2028(exit)": "cannot be printed",
    "(declare-const |a(b| Bool)": "not one whole statement",
    "(declare-const |a;b| Bool)": "not one whole statement",
    '(echo "a)(exit)(b")': "not one whole statement",
    '(echo "a""b")': "not one whole statement",
    '(echo "first")\n(echo "second")': "not one whole statement",
    '(echo "first")\n(assert |kept|)': "a question without its goal",
    "(check-sat-assuming (|kept|))": "a question without its goal",
    '(echo "a")\n(check-sat-assuming ((and |kept| |kept|)))': "an assumption that is not a name",
    '(echo "a")\n(check-sat-assuming |kept|)': "not a list of assumptions",
}
"""What does not belong between the assertion and the questions, and what the message says."""


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda text: text[:40])
def test_what_prove_does_not_write_is_refused_with_its_line(foreign: str, tmp_path: Path) -> None:
    lines = CONFIRMED.splitlines()
    file = tmp_path / "one.smt2"
    file.write_text("\n".join([*lines[:5], foreign, *lines[5:], ""]), encoding="utf-8", newline="")
    with pytest.raises(InputError, match=FOREIGN[foreign]) as refused:
        read_certificate(file)
    assert refused.value.where == f"{file}:{6 + foreign.count(chr(10))}"
    assert refused.value.hint
    assert len(str(refused.value)) < 1_500


@pytest.mark.parametrize(
    "end", ["(exit)", "; a comment", "(assert |kept|)", "", " ", '(echo "a")', ")"]
)
def test_text_after_the_last_question_is_refused(end: str, tmp_path: Path) -> None:
    file = tmp_path / "one.smt2"
    file.write_text(CONFIRMED + end + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="text after the last question") as refused:
        read_certificate(file)
    assert refused.value.where == f"{file}:{CONFIRMED.count(chr(10)) + 1}"


def test_a_certificate_with_fewer_questions_or_half_a_line_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "one.smt2"
    for text in (CONFIRMED.replace(f"{COUNT}2", f"{COUNT}3"), CONFIRMED[:-1]):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=r"2 of its 3 obligations are there|has no end"):
            read_certificate(file)
    for cut in range(len(CONFIRMED) - 1):
        file.write_text(CONFIRMED[:cut], encoding="utf-8")
        with pytest.raises(InputError):
            read_certificate(file)


@pytest.mark.parametrize("count", ["9" * 5_000, "-1", "two", "2\r(exit)", ""])
def test_a_head_without_a_number_of_obligations_is_refused(count: str, tmp_path: Path) -> None:
    file = tmp_path / "one.smt2"
    text = CONFIRMED.replace(f"{COUNT}2", f"{COUNT}{count}")
    file.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(InputError, match=r"not a certificate|cannot be printed"):
        read_certificate(file)


def test_a_solver_sees_nothing_of_a_file_that_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cvc5 = pytest.importorskip("cvc5")
    file = tmp_path / "one.smt2"
    file.write_text(CONFIRMED + "(exit)\n", encoding="utf-8")
    monkeypatch.setattr(cvc5, "InputParser", None)
    with pytest.raises(InputError, match="text after the last question"):
        recheck_file(file, 1.0)


@pytest.mark.parametrize("text", ["two\nlines", "a\rreturn", "an \x1b[31mescape"])
def test_a_writer_refuses_a_text_that_would_end_a_comment_or_a_name(text: str) -> None:
    assert (
        comment("a title: 'no | lost' (wakeup); \"x\"") == "; a title: 'no | lost' (wakeup); \"x\""
    )
    for write in (comment, quoted, string):
        with pytest.raises(InputError, match="cannot be written in SMT-LIB"):
            write(text)
    for end in ('"', "|", "(", ")", ";", "\\"):
        for write in (quoted, string):
            with pytest.raises(InputError, match="cannot be written in SMT-LIB"):
                write(f"a{end}b")


@pytest.mark.parametrize(("text", "second"), [(CONFIRMED, "unsat"), (FORGED, "sat")])
def test_what_z3_leaves_open_with_other_questions_it_is_asked_by_itself(
    text: str, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    z3 = pytest.importorskip("z3")
    evaluate = z3.Z3_eval_smtlib2_string

    def leaves_open(context: object, commands: str) -> str:
        return "unknown" if commands.startswith(QUESTION) else str(evaluate(context, commands))

    monkeypatch.setattr(z3, "Z3_eval_smtlib2_string", leaves_open)
    found = [(goal, answer) for goal, answer, _ in ASK["z3"](text, 60.0)]
    assert found == [("stays", "unsat"), ("goes", second)]


def test_a_certificate_that_asks_nothing_is_refused_before_others_are_checked(
    asked: Callable[[str], Asked], tmp_path: Path
) -> None:
    files = asked("unsat")
    nothing = CONFIRMED.replace("; obligations: 2", "; obligations: 0")
    folder = certificates(tmp_path / "all", large=CONFIRMED + "; " * 9, nothing=nothing)
    result = recheck(folder)
    assert isinstance(result.exception, InputError)
    assert result.exception.what == "a certificate without an obligation"
    assert result.exception.where == f"{folder / 'mix' / 'nothing.smt2'}:2"
    assert not files


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
    assert "'--timeout'" in result.output
    assert "not a number of seconds" in result.output or "not in the range" in result.output


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
