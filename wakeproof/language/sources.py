"""The files of a model folder, parsed: the base text, and the versions that override it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from wakeproof.errors import ModelError
from wakeproof.util.toml import load_toml

# what a version file states beside its text: a value that says how
FACTS: dict[str, object] = {
    "BASE": "v1",
    "RELEASE": "a proposal",
    "ABI": 2,
    "TASK": "wasip3_task",
    "STRUCTS": {"wasip3_task": {"version": "u32"}},
}

# the file of a model that states the order of the others
ORDER = "order.toml"


@dataclass
class Source:
    """One parsed file. `version` is empty for the base text, else the version's name."""

    path: Path
    tree: ast.Module
    version: str = ""


@dataclass
class Version:
    """A version file: its `base` version (empty for none), the facts that it states, and where."""

    name: str
    base: str
    facts: dict[str, object]
    places: dict[str, str]
    source: Source


@dataclass
class Sources:
    """All the files of a model folder, parsed but not resolved."""

    root: Path
    base: list[Source]
    versions: dict[str, Version]
    proofs: list[Source] = field(default_factory=list)

    def chain(self, version: str) -> list[str]:
        """The version and what it builds upon, oldest first."""
        names: list[str] = []
        where = ""
        while version:
            if version in names:
                raise ModelError(
                    f"version {version!r} is its own base",
                    where=where,
                    hint="name an older version, or none",
                )
            if version not in self.versions:
                raise ModelError(
                    f"unknown ABI version {version!r}",
                    where=where,
                    hint="use one of: " + ", ".join(sorted(self.versions)),
                )
            names.insert(0, version)
            where = self.versions[version].places["BASE"]
            version = self.versions[version].base
        return names

    def names(self) -> set[str]:
        """What the texts name, of any version: functions, and in strings properties and sites."""
        versions = [version.source for version in self.versions.values()]
        found = set()
        for source in (*self.base, *versions, *self.proofs):
            for node in ast.walk(source.tree):
                match node:
                    case ast.FunctionDef(name=name) | ast.Constant(value=str(name)):
                        found.add(name)
        return found


def refuse(node: ast.AST, path: Path, what: str, hint: str) -> NoReturn:
    """Raise the error that points at `node`."""
    raise ModelError(what, where=f"{path}:{getattr(node, 'lineno', 1)}", hint=hint)


def parse_file(path: Path) -> ast.Module:
    """Parse one model file; a syntax error is a `ModelError` with its line."""
    try:
        return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except SyntaxError as error:
        raise ModelError(
            f"not Python: {error.msg}", where=f"{path}:{error.lineno}", hint="fix the syntax"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read the model file: {error}", where=str(path)) from None


def read_sources(root: Path, extra: Iterable[Path] = (), proofs: Path | None = None) -> Sources:
    """Read `root/*.py` (the base text) and `root/versions/*.py`, and `extra` version files.

    `proofs` is a folder of lemmas: a file that has a version's name is read where it takes part.
    Raises `ModelError` for a folder that is no model or a file that does not parse.
    """
    files = base_files(root)
    if not files:
        raise ModelError(
            "no model here: the folder has no Python file",
            where=str(root),
            hint="name a folder that holds the model's files",
        )
    base = [Source(path, parse_file(path)) for path in files]
    versions: dict[str, Version] = {}
    for path in [*sorted((root / "versions").glob("*.py")), *extra]:
        if path.name == "__init__.py":
            continue
        version = read_version(path)
        if version.name in versions:
            raise ModelError(
                f"there is a version {version.name} already: {versions[version.name].source.path}",
                where=f"{path}:1",
                hint="give the file another name",
            )
        versions[version.name] = version
    lemmas = [] if proofs is None else sorted(proofs.glob("*.py"))
    return Sources(root, base, versions, [Source(path, parse_file(path)) for path in lemmas])


def base_files(root: Path) -> list[Path]:
    """List the files of the base text in the order in which they are read.

    What they declare is numbered in this order: fields, members, actions, properties. `order.toml`
    states it; without that file it is the order of the names. Raises `ModelError` if the list has
    a name twice or one of no file, or leaves a file out.
    """
    found = {path.name: path for path in sorted(root.glob("*.py")) if path.name != "__init__.py"}
    order = root / ORDER
    if not order.exists():
        return list(found.values())
    table = load_toml(order)
    names: Any = table.get("files")
    listed = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not listed or len(table) != 1:
        raise ModelError("not a list of files", where=f"{order}:1", hint='write files = ["a.py"]')
    for number, name in enumerate(names):
        where = f"{order}:{_line_of(order, name)}"
        if name not in found:
            hint = "write the name of a file of the base text"
            raise ModelError(f"there is no file {name!r} in the model", where=where, hint=hint)
        if name in names[:number]:
            raise ModelError(f"{name!r} is listed twice", where=where, hint="remove one")
    for name, path in found.items():
        if name not in names:
            raise ModelError(
                f"{order} does not list this file",
                where=f"{path}:1",
                hint="add it where what it declares is to be numbered",
            )
    return [found[name] for name in names]


def _line_of(path: Path, name: str) -> int:
    """The number of the last line that holds `name` in quotes; 1 if none does."""
    quoted = (f'"{name}"', f"'{name}'")
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    return max((n for n, line in lines if any(text in line for text in quoted)), default=1)


def read_version(path: Path) -> Version:
    """Read one version file: constants first (`BASE = "v2"`), then what it changes."""
    tree = parse_file(path)
    if not path.stem.isidentifier():
        raise ModelError(
            f"{path.stem!r} is no name for a version", where=f"{path}:1", hint="such as v4.py"
        )
    facts: dict[str, object] = {}
    places: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in ("s", "p"):
                continue
            if name not in FACTS:
                refuse(node, path, f"no version states {name}", "one of " + ", ".join(FACTS))
            try:
                fact = ast.literal_eval(node.value)
            except ValueError:
                refuse(node, path, "a fact of a version must be a literal", "write it out")
            if type(fact) is not type(FACTS[name]):
                refuse(node, path, f"{name} = {fact!r}", f"write {name} = {FACTS[name]!r}, say")
            facts[name], places[name] = fact, f"{path}:{node.lineno}"
    if "BASE" not in facts:
        raise ModelError(
            "a version names the one that it changes",
            where=f"{path}:1",
            hint=f'write BASE = {FACTS["BASE"]!r}; or BASE = "" for the base text',
        )
    return Version(path.stem, str(facts["BASE"]), facts, places, Source(path, tree, path.stem))
