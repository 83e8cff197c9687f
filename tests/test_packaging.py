"""What is shipped, and what it depends on: the licence, the lock, the workflow of CI."""

from __future__ import annotations

import re
import tarfile
import tomllib
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from wakeproof.bundled import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCK = (ROOT / "requirements.txt").read_text("utf-8")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def locked() -> dict[str, list[Version]]:
    """The versions of the lock; a package may have several, for different versions of Python."""
    found = defaultdict(list)
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", LOCK, re.MULTILINE):
        found[name].append(Version(version))
    return found


def required(*extras: str) -> list[Requirement]:
    """The dependencies of the package, and those of some extras."""
    texts = [*PROJECT["dependencies"]]
    for extra in extras:
        texts += PROJECT["optional-dependencies"][extra]
    return [Requirement(text) for text in texts]


def test_wheel_and_source_contain_the_licence(tmp_path: Path) -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel")
    sdist = pytest.importorskip("hatchling.builders.sdist")
    (built,) = wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/licenses/LICENSE"))
        assert archive.read(name) == (ROOT / "LICENSE").read_bytes()
    (built,) = sdist.SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(built) as source:
        (member,) = (m for m in source.getmembers() if re.fullmatch(r"[^/]+/LICENSE", m.name))
        text = source.extractfile(member)
        assert text is not None
        assert text.read() == (ROOT / "LICENSE").read_bytes()


def test_the_lock_has_what_is_required() -> None:
    versions = locked()
    for requirement in required("dev", "docs"):
        found = versions[requirement.name]
        assert found, f"{requirement.name} is not in requirements.txt: make lock"
        for version in found:
            assert requirement.specifier.contains(version, prereleases=True), requirement.name


def test_every_package_of_the_lock_has_its_digest_and_no_address() -> None:
    packages = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert len(packages) > 50
    assert [package for package in packages if "--hash=sha256:" not in package] == []
    assert "://" not in LOCK
    assert "--index" not in LOCK


def test_one_package_has_releases_for_development_only() -> None:
    early = {name for name, some in locked().items() if any(v.is_prerelease for v in some)}
    assert early == {"python-sat"}
    every = required(*PROJECT["optional-dependencies"])
    assert {one.name for one in every if one.specifier.prereleases} == early


def test_a_solver_has_a_lower_and_an_upper_bound() -> None:
    solvers = {"bitwuzla", "cvc5", "python-sat", "wasmtime", "z3-solver"}
    found = set()
    for requirement in required("proofs", "conformance", "dev"):
        if requirement.name in solvers:
            found.add(requirement.name)
            assert {one.operator for one in requirement.specifier} == {">=", "<"}, requirement.name
    assert found == solvers


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_may_read_and_runs_actions_by_their_digests(file: Path) -> None:
    text = file.read_text("utf-8")
    assert re.findall(r"^ *permissions:.*(?:\n +.*)?", text, re.MULTILINE) == [
        "permissions:\n  contents: read"
    ]
    actions = re.findall(r"uses: (.*)", text)
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action)
    assert text.count("persist-credentials: false") == text.count("actions/checkout@")
