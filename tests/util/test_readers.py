"""What a reader of texts is given: a value, or one message that names the file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeproof.conform.spec.script import read_script
from wakeproof.errors import InputError
from wakeproof.explore.native.checkpoint import Manifest
from wakeproof.scenario.file import read_scenario
from wakeproof.util.json_file import load_json
from wakeproof.util.plain_data import from_json, to_json
from wakeproof.util.text import number_in
from wakeproof.util.toml import load_toml

SIGNS = [
    *"[]{}()=,.:;\"'#\\\n\t\r -",
    '"""',
    "'''",
    "[[",
    "]]",
    "\\u0000",
    "\x00",
    "\x1b",
    "\ufeff",
]
WORDS = ["a", "title", "sizes", "Task", "true", "nan", "1", "-1", "9" * 30, "1e999", "1979-05-27"]
TEXTS = st.one_of(
    st.text(),
    st.lists(st.sampled_from([*SIGNS, *WORDS, "component", "assert_return"])).map("".join),
)
READERS: dict[str, Callable[[Path], Any]] = {
    "TOML": load_toml,
    "JSON": lambda path: load_json(path, "a hint"),
    "a scenario": read_scenario,
    "a test of the specification": read_script,
}


@pytest.mark.parametrize("reader", READERS)
@settings(deadline=None, max_examples=60)
@given(data=st.one_of(TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary()))
def test_any_file_is_read_or_refused_with_one_message(reader: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine"
        path.write_bytes(data)
        refused = None
        try:
            READERS[reader](path)
        except InputError as error:
            refused = error
    if refused is not None:
        assert "mine" in refused.where
        assert refused.hint
        assert len(str(refused)) < 1_500


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(JSON)
def test_a_value_of_another_type_is_a_value_error(value: object) -> None:
    with pytest.raises(ValueError, match="type"):
        from_json(Manifest, to_json(value))
    assert from_json(object, to_json(value)) == value


@settings(deadline=None)
@given(st.text() | st.integers().map(str))
def test_a_number_is_of_ascii_digits_and_below_its_bound(word: str) -> None:
    number = number_in(word, 1_000)
    is_number = word.isascii() and word.isdigit() and len(word) <= 4 and int(word) < 1_000
    assert number == (int(word) if is_number else None)
