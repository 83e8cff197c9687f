"""Parse the files of a model folder: the base text, and what overrides parts of it.

Versions override sides of the ABI, and the files of `hosts` the host's side.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from wakeproof.errors import ModelError
from wakeproof.util.toml import load_toml

# the constants that a version file may define, each with an example of its value
FACTS: dict[str, object] = {
    "BASE": "v1",
    "RELEASE": "a proposal",
    "HOST": "a runtime",
    "ABI": 2,
    "TASK": "wasip3_task",
    "STRUCTS": {"wasip3_task": {"version": "u32"}},
}

# the file of a model that lists the others in order
ORDER = "order.toml"

DEEPEST = 64
"""How deep a text may be nested: four times what the bundled texts are."""
DIVIDE = "divide it into functions"


@dataclass
class Source:
    """One parsed file. `version` is the name of its version, empty for the base text.

    `host` says that this version is a host.
    """

    path: Path
    tree: ast.Module
    version: str = ""
    host: bool = False


@dataclass
class Version:
    """A version file: its name, its `base` version (empty for the base text), and its constants.

    `places` has the `file:line` of each constant in `facts`.
    """

    name: str
    base: str
    facts: dict[str, object]
    places: dict[str, str]
    source: Source


@dataclass(eq=False)
class Sources:
    """All files of a model folder, parsed but not resolved.

    `hosts` are the texts of the host by name, and `host` is the one that runs; empty: the base
    text.
    """

    root: Path
    base: list[Source]
    versions: dict[str, Version]
    proofs: list[Source] = field(default_factory=list)
    hosts: dict[str, Version] = field(default_factory=dict)
    host: str = ""

    def chain(self, version: str) -> list[str]:
        """List a version and those that it builds on, the oldest first.

        Raises `ModelError` for an unknown version, and for one that is its own base.
        """
        return _chain("ABI version", version, self.versions)

    def host_chain(self) -> list[str]:
        """List the host that runs and those that it builds on, the oldest first.

        Raises `ModelError` as `chain` does.
        """
        return _chain("host", self.host, self.hosts)

    def names(self) -> set[str]:
        """Return every name in the texts of all versions: functions, and strings as site ids."""
        changed = (*self.versions.values(), *self.hosts.values())
        return _names([*self.base, *(version.source for version in changed), *self.proofs])

    @functools.cached_property
    def names_of_other_hosts(self) -> set[str]:
        """Return the names that only hosts have that do not run: types, fields, properties."""
        running = self.host_chain()
        other = [host.source for name, host in self.hosts.items() if name not in running]
        own = [self.hosts[name].source for name in running]
        versions = [version.source for version in self.versions.values()]
        return _names(other) - _names([*self.base, *own, *versions])

    @functools.cached_property
    def actions_of_host(self) -> list[str]:
        """List the actions of the host that runs, apart from those of the base text."""
        found = []
        for name in self.host_chain():
            for node in self.hosts[name].source.tree.body:
                match node:
                    case ast.FunctionDef(
                        decorator_list=[
                            ast.Call(func=ast.Name(id="action"), args=[ast.Constant(value="host")])
                        ]
                    ):
                        found.append(node.name)
        return found


def _names(sources: Iterable[Source]) -> set[str]:
    """Return every name that the texts declare: types, fields, functions, and strings as ids."""
    found = set()
    for source in sources:
        for node in ast.walk(source.tree):
            match node:
                case (
                    ast.FunctionDef(name=name)
                    | ast.ClassDef(name=name)
                    | ast.AnnAssign(target=ast.Name(id=name))
                    | ast.Constant(value=str(name))
                ):
                    found.add(name)
    return found


def _chain(kind: str, name: str, known: Mapping[str, Version]) -> list[str]:
    """List `name` and those that it builds on, the oldest first."""
    names: list[str] = []
    where = ""
    while name:
        if name in names:
            raise ModelError(
                f"{kind.split()[-1]} {name!r} is its own base",
                where=where,
                hint='name an older one, or write BASE = "" for the base text',
            )
        if name not in known:
            raise ModelError(
                f"unknown {kind} {name!r}",
                where=where,
                hint="use one of: " + ", ".join(sorted(known)),
            )
        names.insert(0, name)
        where = known[name].places["BASE"]
        name = known[name].base
    return names


def refuse(node: ast.AST, path: Path, what: str, hint: str) -> NoReturn:
    """Raise the `ModelError` that points at `node`."""
    raise ModelError(what, where=f"{path}:{getattr(node, 'lineno', 1)}", hint=hint)


def is_docstring(node: ast.stmt) -> bool:
    """Return whether a statement is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def parse_file(path: Path) -> ast.Module:
    """Parse one model file. Raises `ModelError` as `parse_text` does, and if it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    return parse_text(text, path)


def parse_text(text: str, path: Path) -> ast.Module:
    """Parse the text of a model file, or one that is typed, for which `path` stands.

    Raises `ModelError` with the line of a syntax error, for a text that is nested more than
    `DEEPEST` times, which would not fit into the stack, and for a number of more than 64 bits.
    """
    try:
        tree = ast.parse(text, filename=str(path))
    except SyntaxError as error:
        raise ModelError(
            f"not Python: {error.msg}", where=f"{path}:{error.lineno or 1}", hint="fix the syntax"
        ) from None
    except ValueError as error:
        # a null character, to some versions of Python
        raise _unreadable(path, error) from None
    except (MemoryError, RecursionError):
        raise ModelError("nested too deeply", where=f"{path}:1", hint=DIVIDE) from None
    _refuse_monstrous(tree, path)
    return tree


def _unreadable(path: Path, error: Exception) -> ModelError:
    what, hint = f"cannot read the model file: {error}", "a model file is Python in UTF-8"
    return ModelError(what, where=f"{path}:1", hint=hint)


def _refuse_monstrous(tree: ast.Module, path: Path) -> None:
    """Raise `ModelError` for what does not fit into the stack or into native code."""
    nodes: list[tuple[ast.AST, int]] = [(tree, 0)]
    while nodes:
        node, depth = nodes.pop()
        if depth > DEEPEST:
            refuse(node, path, "nested too deeply", DIVIDE)
        value = getattr(node, "value", None)
        if isinstance(value, int) and value.bit_length() >= 64:
            refuse(node, path, "a number of more than 64 bits", "write less")
        nodes.extend((child, depth + 1) for child in ast.iter_child_nodes(node))


def read_sources(
    root: Path, extra: Iterable[Path] = (), proofs: Path | None = None, host: str = ""
) -> Sources:
    """Read the base text `root/*.py`, the versions `root/versions/*.py` and `extra` version files.

    The hosts are `root/hosts/*.py` and those of `extra` that state `HOST`; `host` runs. `proofs` is
    a folder of lemmas: a file with the name of a version applies to the mixes in which this version
    takes part. Raises `ModelError` for a folder that is not a model or a file that does not parse.
    """
    files = base_files(root)
    if not files:
        raise ModelError(
            "not a model: the folder has no Python file",
            where=str(root),
            hint="name a folder that holds the model's files",
        )
    base = [Source(path, parse_file(path)) for path in files]
    versions: dict[str, Version] = {}
    hosts: dict[str, Version] = {}
    changes = [
        path for part in ("versions", "hosts") for path in sorted((root / part).glob("*.py"))
    ]
    for path in [*changes, *extra]:
        if path.name == "__init__.py":
            continue
        version = read_version(path)
        if taken := versions.get(version.name) or hosts.get(version.name):
            raise ModelError(
                f"version {version.name} exists already: {taken.source.path}",
                where=f"{path}:1",
                hint="give the file another name",
            )
        (hosts if "HOST" in version.facts else versions)[version.name] = version
    lemmas = [] if proofs is None else sorted(proofs.glob("*.py"))
    parsed = [Source(path, parse_file(path)) for path in lemmas]
    return Sources(root, base, versions, parsed, hosts, host)


def base_files(root: Path) -> list[Path]:
    """List the files of the base text in the order of `order.toml`, else in that of their names.

    Fields, members, actions and properties are numbered in this order. Raises `ModelError` if
    `order.toml` lists a file twice, does not list a file, or lists one that does not exist.
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
            raise ModelError(f"the model has no file {name!r}", where=where, hint=hint)
        if name in names[:number]:
            raise ModelError(f"{name!r} is listed twice", where=where, hint="remove one")
    for name, path in found.items():
        if name not in names:
            raise ModelError(
                f"{order} does not list this file",
                where=f"{path}:1",
                hint="add it; its place in the list numbers its declarations",
            )
    return [found[name] for name in names]


def _line_of(path: Path, name: str) -> int:
    """Return the number of the last line that holds `name` in quotes; 1 if none does."""
    quoted = (f'"{name}"', f"'{name}'")
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    return max((n for n, line in lines if any(text in line for text in quoted)), default=1)


def read_version(path: Path) -> Version:
    """Read one version file: its constants (`BASE = "v2"`) and the text that it changes.

    Raises `ModelError` for a name that a mix cannot have, an unknown constant, a constant of a
    wrong type, and a file without `BASE`.
    """
    tree = parse_file(path)
    if not path.stem.isidentifier():
        raise ModelError(
            f"{path.stem!r} is not a valid name of a version",
            where=f"{path}:1",
            hint="use letters, digits and underscores, for example v4.py",
        )
    facts: dict[str, object] = {}
    places: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in ("s", "p"):
                continue
            if name not in FACTS:
                hint = "use one of " + ", ".join(FACTS)
                refuse(node, path, f"unknown constant {name} in a version file", hint)
            try:
                fact = ast.literal_eval(node.value)
            except (ValueError, TypeError):
                refuse(node, path, f"{name} is not a literal", "write the value out")
            if type(fact) is not type(FACTS[name]):
                example = f"write for example {name} = {FACTS[name]!r}"
                refuse(node, path, f"{name} = {fact!r} is of another type", example)
            facts[name], places[name] = fact, f"{path}:{node.lineno}"
    if "BASE" not in facts:
        raise ModelError(
            "the version does not name its base",
            where=f"{path}:1",
            hint=f'write BASE = {FACTS["BASE"]!r}, or BASE = "" for the base text',
        )
    source = Source(path, tree, path.stem, "HOST" in facts)
    return Version(path.stem, str(facts["BASE"]), facts, places, source)
