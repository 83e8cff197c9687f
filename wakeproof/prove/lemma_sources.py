"""The lemmas of a model: their folder, their sizes, and the programs that contain them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wakeproof.bundled import PROOFS
from wakeproof.errors import InputError
from wakeproof.language.model import Model
from wakeproof.language.resolve import Resolved, resolve_mixes
from wakeproof.language.sources import Sources, read_sources
from wakeproof.scenario.mixes import Mix, Versions
from wakeproof.util.result_cache import digest
from wakeproof.util.schema import validate
from wakeproof.util.toml import load_toml

SCHEMA = Path(__file__).with_name("proofs.schema.json")


def _table(path: Path) -> dict[str, Any]:
    """Read `proofs.toml`. Raises `InputError`, with file and line."""
    table = load_toml(path)
    hint = "write host, [sizes], [window] and [any-number] as in the bundled proofs.toml"
    validate(table, SCHEMA, path, "the proofs", hint)
    return table


def proof_sources(model: Model) -> Path:
    """The folder of lemmas of a model: the bundled ones, or its own `proofs` beside its files."""
    own = model.root / "proofs"
    return own if own.is_dir() else PROOFS


def with_host_of_lemmas(model: Model) -> Model:
    """The model with the host that its lemmas are about, unless another was chosen.

    Raises `InputError` for a host that the model does not have.
    """
    if model.host or not model.hosts:
        return model
    return model.with_host(_table(proof_sources(model) / "proofs.toml").get("host", ""))


def sources_with_lemmas(model: Model) -> Sources:
    """The parsed files of a model, lemmas and premises included."""
    host = with_host_of_lemmas(model).host_name
    return read_sources(model.root, model.extra, proof_sources(model), host)


def sizes_of(
    model: Model, table: str = "sizes", given: Mapping[str, int] = MappingProxyType({})
) -> dict[str, int]:
    """The sizes at which a model's facts are proved: those `given`, else those of `proofs.toml`.

    A size that is the name of another type is the size of that type. The table `window` has the
    sizes of the first window in proofs for any number of members. Raises `InputError` for a missing
    or wrong table, with its file.
    """
    path = proof_sources(model) / "proofs.toml"
    merged = {**_table(path).get(table, {}), **given}
    resolved = {name: merged.get(size, size) for name, size in merged.items()}
    hint = f"write [{table}] with a number, or the name of another type, for each index type"
    if not resolved:
        raise InputError(f"no table of sizes, {table}", where=f"{path}:1", hint=hint)
    for name, size in resolved.items():
        if not isinstance(size, int) or size < 1:
            what = f"{name} = {merged[name]!r} in [{table}]: neither a size nor a type that has one"
            raise InputError(what, where=str(path), hint=hint)
    return resolved


def left_out(model: Model) -> tuple[str, ...]:
    """The facts and sites that `proofs.toml` leaves out of the proofs for any number.

    Raises `InputError` for a name that is in no text of the model, with the file, if the file is
    the model's own: the bundled one may name what an edited model no longer has.
    """
    folder = proof_sources(model)
    path = folder / "proofs.toml"
    names: list[str] = _table(path).get("any-number", {}).get("left-out", [])
    known = sources_with_lemmas(model).names() if folder != PROOFS else set(names)
    for name in names:
        if name not in known:
            raise InputError(
                f"left-out: {name} is not a lemma, a property or a site",
                where=f"{path}:1",
                hint="remove it",
            )
    return tuple(names)


def resolve_with_lemmas(model: Model, mix: Mix) -> Resolved:
    """The program of a mix, with its lemmas and premises."""
    return resolve_versions(model, alone(mix))


def alone(mix: Mix) -> Versions:
    """The versions of one mix."""
    return tuple((role, (version,)) for role, version in mix.items())


def resolve_versions(model: Model, versions: Versions) -> Resolved:
    """The program of all mixes of these versions, with its lemmas and premises."""
    texts = [*model.texts, proof_sources(model)]
    return _resolved(model, versions, tuple(digest(path) for path in texts))


@functools.lru_cache(maxsize=64)
def _resolved(model: Model, versions: Versions, texts: tuple[str, ...]) -> Resolved:
    return resolve_mixes(sources_with_lemmas(model), dict(versions))
