"""A model is identified by its paths, and its texts and tables are read once."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest

from wakeproof.bundled import MODEL
from wakeproof.errors import InputError
from wakeproof.language.model import BUNDLED, Model, model_of
from wakeproof.scenario.instance import Instance, scenario_for
from wakeproof.scenario.mixes import ROLES


def test_equal_models_are_read_once() -> None:
    other = Model(MODEL)
    assert other == BUNDLED
    assert other is not BUNDLED
    mix = dict.fromkeys(ROLES, "v2")
    assert other.sources is BUNDLED.sources
    assert other.properties is BUNDLED.properties
    assert other.sites is BUNDLED.sites
    assert other.features is BUNDLED.features
    assert other.resolve(mix) is BUNDLED.resolve(dict(mix))


def test_a_model_is_pickled_as_its_paths() -> None:
    before = pickle.dumps(Model(MODEL))
    assert BUNDLED.versions
    assert BUNDLED.defaults
    assert pickle.dumps(BUNDLED) == before
    assert pickle.loads(before) == BUNDLED


def test_a_version_beside_a_model_is_one_of_its_versions(tmp_path: Path) -> None:
    file = tmp_path / "v9.py"
    file.write_text('"""A version."""\n\nBASE = "v3"\n', encoding="utf-8")
    model = Model(MODEL, (file,))
    assert set(model.versions) - set(BUNDLED.versions) == {"v9"}
    assert model.texts == (MODEL, file)
    assert model != BUNDLED


def test_a_model_is_read_on_demand_and_again_after_an_error(tmp_path: Path) -> None:
    model = Model(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        assert model.properties
    shutil.copy(MODEL / "properties.toml", tmp_path)
    assert model.properties == BUNDLED.properties


def test_a_host_beside_the_model_runs_under_a_scenario(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text('BASE = "wasmtime_50"\nHOST = "mine"\n', encoding="utf-8")
    model = model_of(tmp_path).with_host("mine")
    scenario = scenario_for(model, "subtask")
    assert Instance(scenario, scenario.mixes({})[0], model).resolved.program
