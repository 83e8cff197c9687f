"""Cached results: only what the user has written, and written whole, is taken."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

import pytest

from wakeproof.bundled import PACKAGE
from wakeproof.errors import InputError
from wakeproof.explore.native import compiler
from wakeproof.language.values import Step
from wakeproof.prove.obligation import Answer, Counterexample
from wakeproof.util import result_cache
from wakeproof.util.plain_data import from_json, to_json

ran: list[int] = []


@dataclass(frozen=True)
class Result:
    """The double of a number."""

    double: int


def work(number: int) -> list[Result]:
    """Return the double of a number."""
    ran.append(number)
    return [Result(2 * number)]


def results(*numbers: int) -> list[Result]:
    """Return the results, cached or computed."""
    ran.clear()
    found: list[Result] = []
    result_cache.map_cached(work, numbers, lambda n: [n], lambda _, rows: found.extend(rows))
    return found


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the cache of the test, in which nothing is known; jobs run in this process."""

    def one_by_one(
        run: Callable[[object], object],
        jobs: Sequence[object],
        on_done: Callable[[object], None],
        *_: object,
    ) -> bool:
        for job in jobs:
            on_done(run(job))
        return True

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(result_cache, "map_jobs", one_by_one)
    compiler.compiler.cache_clear()
    return tmp_path / "wakeproof"


def test_a_result_is_computed_once(cache: Path) -> None:
    assert results(1, 2) == [Result(2), Result(4)]
    assert ran == [1, 2]
    assert results(1, 2, 3) == [Result(2), Result(4), Result(6)]
    assert ran == [3]
    assert {f.stat().st_mode & 0o077 for f in (cache, *cache.rglob("*"))} == {0}


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda data: data[:-1],
    "empty": lambda data: b"",
    "changed": lambda data: data.replace(b"2", b"3", 1),
    "longer": lambda data: data + b"\n",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_result_is_computed_again(cache: Path, damage: str) -> None:
    results(1)
    (entry,) = (cache / "results").iterdir()
    entry.write_bytes(DAMAGE[damage](entry.read_bytes()))
    assert results(1) == [Result(2)]
    assert ran == [1]
    assert results(1) == [Result(2)]
    assert ran == []


def test_a_result_that_others_may_write_to_or_that_is_a_link_is_computed_again(
    cache: Path,
) -> None:
    results(1)
    (entry,) = (cache / "results").iterdir()
    entry.chmod(0o666)
    results(1)
    assert ran == [1]
    assert entry.stat().st_mode & 0o077 == 0
    elsewhere = entry.rename(cache / "elsewhere")
    entry.symlink_to(elsewhere)
    results(1)
    assert ran == [1]


@pytest.mark.parametrize("place", [".", "results"])
def test_a_cache_that_others_may_write_to_is_refused(cache: Path, place: str) -> None:
    results(1)
    (cache / place).chmod(0o777)
    with pytest.raises(InputError, match="others may write to it") as refused:
        results(1)
    assert refused.value.where == str(cache / place)
    assert "chmod" in refused.value.hint


def test_a_cache_of_another_user_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results(1)
    another = cache.stat().st_uid + 1
    monkeypatch.setattr("os.geteuid", lambda: another)
    with pytest.raises(InputError, match="the cache belongs to another user"):
        results(1)
    with pytest.raises(compiler.CompilerError, match="the cache belongs to another user"):
        compiler.load("int x;\n")


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_library_is_compiled_again(cache: Path, damage: str) -> None:
    text = "int answer(void) { return 42; }\n"
    # only a library that no process has loaded may be damaged in its place
    made = compiler.Background(text, compiler.SOON)
    made.process.wait()
    library = compiler.library_path(text)
    library.write_bytes(DAMAGE[damage](made.made.read_bytes()))
    made.stop()
    assert not compiler.is_stored(library)
    assert compiler.load(text).answer() == 42
    assert compiler.is_stored(library)


def test_a_library_in_a_cache_that_others_may_write_to_is_not_loaded(cache: Path) -> None:
    compiler.load("int x;\n")
    cache.chmod(0o777)
    with pytest.raises(compiler.CompilerError, match="others may write to it"):
        compiler.load("int x;\n")


def test_nothing_is_unpickled_but_what_the_workers_of_a_cluster_send() -> None:
    for file in PACKAGE.rglob("*.py"):
        if file == PACKAGE / "util" / "cluster_worker.py":
            continue
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"\b(import|from) (pickle|marshal|shelve|diskcache)", text), file


class Row(TypedDict):
    """A row with and without a note."""

    name: str
    note: NotRequired[str]


VALUES: list[tuple[object, object]] = [
    (list[Row], [{"name": "a"}, {"name": "b", "note": "c"}]),
    (tuple[list[int], int, str], ([1, 2], 3, "four")),
    (dict[str, float], {"a": 1.5}),
    (tuple[str, ...] | None, ("a", "b")),
    (tuple[str, ...] | None, None),
    (
        list[Answer],
        [
            Answer(
                "act",
                "goal",
                "fails",
                0.5,
                mix=(("export", "v1"),),
                counterexample=Counterexample(
                    {"Task": 2}, {"slow": [True, None]}, (1, None, True), Step("act", (0, None))
                ),
            )
        ],
    ),
]


@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_a_value_is_the_same_after_it_was_text(kind: object, value: object) -> None:
    again = from_json(kind, to_json(value))
    assert again == value
    assert repr(again) == repr(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (int, "true"),
        (int, "1.0"),
        (str, "null"),
        (list[int], '{"a": 1}'),
        (list[int], "[1"),
        (tuple[int, int], "[1]"),
        (Result, '{"double": 1, "more": 2}'),
        (Result, "{}"),
        (Row, '{"note": "c"}'),
        (Result, "[" * 100_000),
    ],
)
def test_a_text_of_another_type_is_refused(kind: object, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_json(kind, text)
