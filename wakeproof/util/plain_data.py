"""Values as JSON and back, by their types; what has another form than its type is refused."""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Mapping
from typing import Any


def to_json(value: object) -> str:
    """Return a value as JSON: dataclasses and typed dictionaries of plain values, nested."""
    return json.dumps(_plain(value), separators=(",", ":"))


def from_json(kind: object, text: str) -> Any:
    """Return the value of a type that `to_json` wrote. Raises `ValueError` for anything else."""
    try:
        return _typed(kind, json.loads(text))
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"not of its type: {error}") from None


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return value


def _typed(kind: Any, data: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in (object, Any):
        return data
    if origin in (typing.Union, types.UnionType):
        return _one_of(arguments, data)
    if origin in (list, tuple):
        return _row(origin, arguments, data)
    if origin in (dict, Mapping):
        _check(isinstance(data, dict))
        return {_typed(arguments[0], k): _typed(arguments[1], v) for k, v in data.items()}
    if dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
        _check(isinstance(data, dict))
        hints = _hints(kind)
        _check(data.keys() <= hints.keys())
        found = {name: _typed(hints[name], value) for name, value in data.items()}
        _check(_required(kind) <= found.keys())
        return kind(**found)
    if kind is float:
        _check(type(data) in (int, float))
        return float(data)
    _check(type(data) is (types.NoneType if kind is None else kind))
    return data


def _one_of(kinds: tuple[Any, ...], data: Any) -> Any:
    for kind in kinds:
        try:
            return _typed(kind, data)
        except (TypeError, ValueError, KeyError):
            continue
    raise ValueError("of none of its types")


def _row(origin: Any, arguments: tuple[Any, ...], data: Any) -> Any:
    _check(isinstance(data, list))
    if origin is list or arguments[-1] is Ellipsis:
        return origin(_typed(arguments[0], one) for one in data)
    return tuple(_typed(kind, one) for kind, one in zip(arguments, data, strict=True))


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


@functools.cache
def _required(kind: Any) -> set[str]:
    # the class itself has not read the annotations, which are texts
    hints = typing.get_type_hints(kind, include_extras=True)
    return {n for n, hint in hints.items() if typing.get_origin(hint) is not typing.NotRequired}


def _check(condition: bool) -> None:
    if not condition:
        raise ValueError("of another type")
