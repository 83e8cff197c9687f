"""The modules of the guest driver import only from modules below them, so there is no circle."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from wakeproof.crates.releases import SOURCE

LAYERS = (
    ("main", "component"),
    ("abi",),
    ("program",),
    ("releases",),
    ("host", "fence"),
    ("wire", "shared"),
)
"""From the two crate roots down; the modules of one layer do not import each other."""

LEVEL = {module: -number for number, layer in enumerate(LAYERS) for module in layer}
PATH = re.compile(r"\bcrate::(?:\{([^}]*)\}|(\w+))")
DECLARED = re.compile(r"^(?:pub )?mod (\w+);", re.MULTILINE)


def modules(source: Path) -> dict[str, str]:
    """The text of each module; that of a folder is the text of all its files."""
    texts: dict[str, str] = {}
    for path in sorted(source.rglob("*.rs")):
        name = path.relative_to(source).parts[0].removesuffix(".rs")
        texts[name] = texts.get(name, "") + path.read_text(encoding="utf-8")
    return texts


def imports(module: str, text: str) -> set[str]:
    """The names behind `crate::`, and for a crate root the modules that it declares."""
    found = set(DECLARED.findall(text)) if module in LAYERS[0] else set()
    for several, one in PATH.findall(text):
        found |= {one} if one else set(re.findall(r"(?:^|,)\s*(\w+)", several))
    return found - {module}


def upward(source: Path) -> list[str]:
    """The imports of what is not below the module that imports it."""
    return [
        f"{module} imports {name}"
        for module, text in modules(source).items()
        for name in sorted(imports(module, text))
        if name not in LEVEL or LEVEL[name] >= LEVEL[module]
    ]


def test_every_module_has_a_layer() -> None:
    assert set(modules(SOURCE / "src")) == set(LEVEL)


def test_modules_import_only_what_is_below_them() -> None:
    assert upward(SOURCE / "src") == []


@pytest.mark.parametrize(
    ("file", "line", "found"),
    [
        ("releases.rs", "use crate::program::idle;", "releases imports program"),
        ("host/native.rs", "use crate::{wire, releases::End};", "host imports releases"),
        ("host/native.rs", "use crate::fence;", "host imports fence"),
        ("fence.rs", "static M: &Fence = &crate::MEMORY;", "fence imports MEMORY"),
        ("main.rs", "mod component;", "main imports component"),
    ],
)
def test_an_import_that_points_up_is_found(
    tmp_path: Path, file: str, line: str, found: str
) -> None:
    source = shutil.copytree(SOURCE / "src", tmp_path / "src")
    with (source / file).open("a", encoding="utf-8") as text:
        text.write(f"\n{line}\n")
    assert upward(source) == [found]
