"""`wakeproof new` writes a scenario that reads back as its source and that runs at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import ALL, Called, bundled, mix_of
from wakeproof.check.job import Job, run_job
from wakeproof.commands.inputs import parse_mix
from wakeproof.commands.new import NewOptions, new_command, symptoms
from wakeproof.errors import InputError
from wakeproof.language.model import BUNDLED
from wakeproof.scenario.file import read_scenario
from wakeproof.scenario.instance import Instance


def written(folder: Path, source: str | None) -> Path:
    """Write a new scenario; return its file."""
    path = folder / "mine.toml"
    new_command(NewOptions(file=path, source=source))
    return path


@pytest.mark.parametrize("name", ALL)
def test_a_scenario_reads_back_as_its_source_without_expectations(
    name: str, tmp_path: Path
) -> None:
    found, source = read_scenario(written(tmp_path, name)), bundled(name)
    same = ("title", "origin", "story", "sizes", "names", "parameters", "actions", "without")
    for field in (*same, "script", "steps", "features", "assume", "locks"):
        assert getattr(found, field) == getattr(source, field), field
    assert found.is_question
    assert not found.expectations
    (mix,) = found.mixes({})
    assert Instance(found, mix, BUNDLED).actions == Instance(source, mix, BUNDLED).actions


@pytest.mark.parametrize("name", symptoms())
def test_a_symptom_leads_to_a_violation_of_its_property(name: str, tmp_path: Path) -> None:
    symptom = symptoms()[name]
    scenario = read_scenario(written(tmp_path, name))
    assert scenario.mixes({}) == [parse_mix(symptom.mix)]
    verdicts = run_job(Job(scenario, BUNDLED, tuple(parse_mix(symptom.mix).items()), None, 60.0))
    (verdict,) = (v for v in verdicts if v.property == symptom.property)
    assert verdict.verdict == "violated"


def test_the_first_scenario_is_a_program_whose_answer_is_found(
    tmp_path: Path, called: Called
) -> None:
    status, printed, _ = called("check", written(tmp_path, None), "--property", "no-trap")
    assert status == 1
    assert "violated: 1 verdict, 1 cause" in printed


def test_the_command_that_is_printed_runs(
    tmp_path: Path, called: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, printed, _ = called("new", "mine.toml", "--from", "spins")
    assert printed == "mine.toml\nnext: wakeproof check mine.toml --traces\n"
    assert called("check", "mine.toml", "--traces")[0] == 1


@pytest.mark.parametrize(
    ("file", "source", "message"),
    [
        ("mine.toml", "hans", "no symptom or scenario 'hans'\n  hint: did you mean hangs"),
        ("mine", None, "hint: name a file that ends in .toml, such as mine.toml"),
        ("a b.toml", None, "'a b' is not the name of a scenario"),
        ("there.toml", None, "there.toml: the file exists"),
    ],
)
def test_what_cannot_be_written_is_refused(
    file: str, source: str | None, message: str, tmp_path: Path
) -> None:
    (tmp_path / "there.toml").write_text("kept", encoding="utf-8")
    with pytest.raises(InputError) as raised:
        new_command(NewOptions(file=tmp_path / file, source=source))
    assert message in str(raised.value)
    assert os.listdir(tmp_path) == ["there.toml"]
    assert (tmp_path / "there.toml").read_text("utf-8") == "kept"


def test_the_help_lists_the_symptoms(called: Called) -> None:
    _, text, _ = called("new", "--help")
    assert all(name in text for name in symptoms())
    assert mix_of(symptoms()["hangs"].mix)["export"] == "v3"
