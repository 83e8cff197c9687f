"""A model as one object: its texts and tables, each read once in a process."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wakeproof.bundled import MODEL
from wakeproof.errors import InputError, ModelError
from wakeproof.language.about_runs import BEGINS, ENDS, IF, THEN
from wakeproof.language.properties import Assumption, Property, load_properties
from wakeproof.language.resolve import Resolved, resolve_mixes
from wakeproof.language.sites import Site, load_sites
from wakeproof.language.sources import Sources, read_sources
from wakeproof.util.schema import validate
from wakeproof.util.text import did_you_mean
from wakeproof.util.toml import load_toml

SCHEMA = Path(__file__).with_name("parameters.schema.json")


@dataclass(frozen=True)
class Feature:
    """A build feature of a release, from `parameters.toml`.

    `sets` are the parameters that it turns on. For `each` member of a type it needs `more` members
    of other types; the parameters `named` name them in a scenario, else they are added.
    """

    name: str
    sets: tuple[str, ...]
    each: str = ""
    more: Mapping[str, int] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """A model folder, and version files beside it that build on it.

    A model is compared, hashed and pickled by its paths and its host. Its texts and tables are read
    when they are first needed, once in a process for all equal models; this raises `InputError` or
    `ModelError`.

    Attributes:
        root: The folder of the model.
        extra: The files of versions beside it.
        host: The name of the host that runs; empty: the model's default.
        versions: The names of its versions, in order.
        hosts: The names of its hosts, in order.
        properties: The properties by their ids: what each `says`, and what a violation `means`.
        sites: The sites by their ids: places in the real code where something can go wrong.
        features: The build features of a release, by name.

    Examples:
        >>> import wakeproof
        >>> model = wakeproof.load_model()
        >>> model.properties["no-stuck-task"].means
        "The export's task never ends: the host keeps it, its set and its memory for ever."
        >>> list(model.features)
        ['inter-task-wakeup', 'async-spawn']
    """

    root: Path
    extra: tuple[Path, ...] = ()
    host: str = ""

    @property
    def texts(self) -> tuple[Path, ...]:
        """All paths that it is read from: the folder, and the files beside it."""
        return (self.root, *self.extra)

    @property
    def sources(self) -> Sources:
        """The parsed files."""
        return _sources(self)

    @property
    def versions(self) -> list[str]:
        """The names of its versions, in order."""
        return sorted(self.sources.versions)

    def version_named(self, word: str) -> str:
        """Return the version that a word names: its name, or the release that it mirrors.

        Another word is returned as it is, to be refused where a version is needed.
        """
        return word if word in self.sources.versions else _releases(self).get(word, word)

    @property
    def hosts(self) -> list[str]:
        """The names of its hosts, in order."""
        return sorted(self.sources.hosts)

    @property
    def host_name(self) -> str:
        """The host that runs; empty for a model without hosts."""
        return self.sources.host

    def with_host(self, host: str) -> Model:
        """Return the model with another host; empty: its default.

        Raises `InputError` for a host that it does not have.
        """
        if host and host not in self.hosts:
            raise InputError(f"unknown host {host!r}", hint=did_you_mean(host, self.hosts))
        return dataclasses.replace(self, host=host)

    @property
    def properties(self) -> Mapping[str, Property]:
        """The properties by their ids, in the order of the reports."""
        return _properties(self)

    @property
    def assumptions(self) -> Mapping[str, Assumption]:
        """The assumptions about the runs that count for progress, by their ids."""
        return {row.id: row for row in _tables(self)[1]}

    @property
    def sites(self) -> Mapping[str, Site]:
        """The sites by their ids, in the order of the table."""
        return _sites(self)

    @property
    def defaults(self) -> Mapping[str, Any]:
        """The tables of `parameters.toml`, which apply where a scenario gives no value."""
        return _defaults(self)

    @property
    def features(self) -> Mapping[str, Feature]:
        """The build features that it knows, by name."""
        return _features(self)

    def resolve(self, mix: Mapping[str, str]) -> Resolved:
        """Resolve the program of one mix, which maps each role to a version."""
        return self.resolve_mixes({role: (version,) for role, version in mix.items()})

    def resolve_mixes(self, versions: Mapping[str, Sequence[str]]) -> Resolved:
        """Resolve one program for every mix of `versions`, which maps each role to its versions."""
        return _resolved(self, tuple((role, tuple(names)) for role, names in versions.items()))


BUNDLED = Model(MODEL)
"""The model that comes with the tool."""


def model_of(folder: Path | None) -> Model:
    """Return the model of a folder, or the bundled one.

    A folder without a model of its own has versions that build on the bundled one. Raises
    `InputError` for a folder that has neither.
    """
    if folder is None:
        return BUNDLED
    if not folder.is_dir():
        raise InputError("no such folder", where=str(folder), hint="name a folder with a model")
    if (folder / "properties.toml").exists():
        return Model(folder)
    extra = tuple(sorted(folder.glob("*.py")))
    if not extra:
        raise InputError(
            "neither a model (properties.toml) nor version files (*.py)",
            where=str(folder),
            hint="name a folder that has either",
        )
    return Model(BUNDLED.root, extra)


@functools.cache
def _sources(model: Model) -> Sources:
    host = model.host
    if not host and (model.root / "hosts").is_dir():
        host = _defaults(model).get("host", "")
    sources = read_sources(model.root, model.extra, host=host)
    # an unknown host is refused here, before anything is computed
    sources.host_chain()
    return sources


@functools.cache
def _releases(model: Model) -> dict[str, str]:
    """Return the first version that mirrors a release, by the release's number."""
    sources = model.sources.versions
    mirrored = {name: str(sources[name].facts.get("RELEASE", "")) for name in model.versions}
    return {
        release.rpartition(" ")[2]: name
        for name, release in reversed(mirrored.items())
        if " " in release
    }


@functools.cache
def _tables(model: Model) -> tuple[list[Property], list[Assumption]]:
    return load_properties(model.root)


@functools.cache
def _properties(model: Model) -> dict[str, Property]:
    listed, _ = _tables(model)
    hosts = (model.root / "hosts").is_dir()
    others = model.sources.names_of_other_hosts if hosts else set()
    return {prop.id: prop for prop in listed if prop.id not in others}


@functools.cache
def _sites(model: Model) -> dict[str, Site]:
    return load_sites(model.root)


@functools.cache
def _defaults(model: Model) -> dict[str, Any]:
    path = model.root / "parameters.toml"
    table = load_toml(path)
    validate(table, SCHEMA, path, "the parameters", "write it as the bundled model does")
    return table


@functools.cache
def _features(model: Model) -> dict[str, Feature]:
    return {
        name: Feature(
            name,
            tuple(row["sets"]),
            row.get("each", ""),
            row.get("more", {}),
            row.get("named", {}),
        )
        for name, row in model.defaults.get("features", {}).items()
    }


@functools.lru_cache(maxsize=64)
def _resolved(model: Model, versions: tuple[tuple[str, tuple[str, ...]], ...]) -> Resolved:
    resolved = resolve_mixes(model.sources, dict(versions))
    invariants = {i for i, row in model.properties.items() if not row.outcome and not row.progress}
    progress = {i for i, row in model.properties.items() if row.progress}
    known: list[tuple[str, str, Collection[str]]] = [
        ("invariant", "the invariant of an unknown property", invariants),
        ("tested", "the test of an unknown invariant", invariants),
        (BEGINS, "about an unknown property of progress", progress),
        (ENDS, "about an unknown property of progress", progress),
        ("fair", "fair by an unknown assumption", model.assumptions),
        (IF, "an unknown assumption", model.assumptions),
        (THEN, "an unknown assumption", model.assumptions),
    ]
    for mark, what, ids in known:
        for function in resolved.program.marked(mark).values():
            named = function.name if mark == "fair" else function.marks[mark]
            if named not in ids:
                raise ModelError(
                    f"{function.name} is {what} {named!r}",
                    where=f"{function.where.file}:{function.where.line}",
                    hint=f"add it to {model.root / 'properties.toml'}",
                )
    return resolved
