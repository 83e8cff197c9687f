"""Every name of a scenario has a sentence, in the list, in the reference, and for editors."""

from __future__ import annotations

import json
import tomllib

import jsonschema
import pytest

from docs.pages import programs
from docs.pages import vocabulary as page
from tests.support import ALL, Called, bundled
from wakeproof.commands.show import LISTED
from wakeproof.language.model import BUNDLED
from wakeproof.scenario import vocabulary

ENTRIES = [
    *vocabulary.parameters(BUNDLED),
    *vocabulary.actions(BUNDLED),
    *vocabulary.words(BUNDLED),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.kind} {e.usage}")
def test_every_word_has_a_sentence(entry: vocabulary.Entry) -> None:
    assert entry.says.strip(" .")


def test_the_sentences_are_about_parameters_that_the_model_has() -> None:
    names = {entry.name for entry in vocabulary.parameters(BUNDLED)}
    assert names == set(BUNDLED.defaults["says"])


@pytest.mark.parametrize("name", ALL)
def test_every_bundled_scenario_fits_the_schema_for_editors(name: str) -> None:
    schema = vocabulary.editor_schema(BUNDLED)
    table = tomllib.loads(bundled(name).path.read_text("utf-8"))
    if "base" in table:
        del schema["required"]
    jsonschema.validate(table, schema)


@pytest.mark.parametrize(
    "wrong", [{"parameters": {"kinds": 1}}, {"program": {"actions": ["pol"]}}, {"sizes": {"X": 1}}]
)
def test_the_schema_for_editors_refuses_unknown_names(wrong: dict[str, object]) -> None:
    table = {"title": "t", "mixes": {r: ["v3"] for r in ("export", "block_on", "import")}, **wrong}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(table, vocabulary.editor_schema(BUNDLED))


def test_the_list_and_the_reference_have_every_name(called: Called) -> None:
    listed = " ".join(called("list")[1].split())
    reference = "\n".join([*page(), *programs()])
    for entry in ENTRIES:
        assert entry.name in listed
        assert f"`{entry.usage}`" in reference.replace("\\|", "|")
    for name in [*BUNDLED.properties, *BUNDLED.sites]:
        assert name in listed
        assert f"`{name}`" in reference
    assert all(kind in listed for kind in LISTED)


def test_the_schema_is_printed(called: Called) -> None:
    assert json.loads(called("list", "--schema")[1]) == vocabulary.editor_schema(BUNDLED)
