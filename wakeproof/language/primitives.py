"""The model language: what a model text may import, and its meaning in plain Python.

A model is a folder of Python files in a small subset of the language. Running
them is their meaning; the other modules of this package read the same text for every other
execution. These names are all that a model file sees of the tool:

- **index types** `class Task(Index)`: finite, their size is a parameter of the run;
- **enumerations** `class Phase(Enumeration)` with `auto()` members;
- **small integers** `class Count(Bounded)` with a `limit`;
- `Array[Key, Value]`, nested for several keys, total, mutable by item assignment;
- the state `s` and the parameters `p`, two classes of annotated fields;
- `guard` and `require`, and three ways to go wrong: `panic`, `trap`, `undefined`;
- `unwrap` for Rust's `Option::unwrap`, `count` beside Python's `any` and `all`;
- decorators that say what a function is: `action`, `invariant`, `builtin`,
  `cabi`, `side`, `selector`; and in proofs `lemma` and `premise`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import (
    Any,
    Generic,
    NoReturn,
    TypeVar,
)

K = TypeVar("K")
V = TypeVar("V")
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class _IndexType(type):
    def __iter__(cls: type[T]) -> Iterator[T]:
        raise NotImplementedError("an index type has members only once a model is loaded")


class Index(int, metaclass=_IndexType):
    """Base of a finite index type; its members are 0 .. size-1 once a size is given."""


class Enumeration(IntEnum):
    """Base of an enumeration; members are numbered from 0 in the order of the text."""


@dataclass(frozen=True)
class Limit:
    """The largest value of a small integer type: `Count = Annotated[int, Limit(15)]`."""

    value: int


class Array(Generic[K, V]):
    """A total map from an index type (or an enumeration) to values."""

    def __getitem__(self, key: K) -> V:
        raise NotImplementedError

    def __setitem__(self, key: K, value: V) -> None:
        raise NotImplementedError


def declare(fields: type[V]) -> V:
    """`s = declare(State)`: the state (or the parameters) with these fields, given by the tool."""
    raise NotImplementedError("the fields have values only once a model is loaded")


class GuardFailed(Exception):
    """The action is not possible in this state. Not an error."""


class WentWrong(Exception):
    """The real code would panic, trap or run into undefined behaviour here.

    `kind` is `panic`, `trap` or `undefined`, and `site` an id of the model's table of sites;
    or it is `bound`, and `site` the bound of the run that is too small to go on.
    """

    def __init__(self, kind: str, site: str) -> None:
        super().__init__(kind, site)
        self.kind = kind
        self.site = site


def guard(condition: bool) -> None:
    """Say under which condition an action is possible. Allowed before the first change only."""
    if not condition:
        raise GuardFailed


def require(value: V | None) -> V:
    """The value; an action is not possible without it. `x = require(...)`, like a guard."""
    if value is None:
        raise GuardFailed
    return value


def panic(site: str) -> NoReturn:
    """A panic of the real code: the component aborts."""
    raise WentWrong("panic", site)


def trap(site: str) -> NoReturn:
    """A trap of the host: the component instance is dead."""
    raise WentWrong("trap", site)


def undefined(site: str) -> NoReturn:
    """Undefined behaviour: memory is used after it was freed. Real hardware may carry on."""
    raise WentWrong("undefined", site)


def bound(name: str) -> NoReturn:
    """A bound of the run is too small to go on here; not a fault of the real code."""
    raise WentWrong("bound", name)


def unwrap(value: V | None, site: str) -> V:
    """Rust's `Option::unwrap`: the value, or a panic at `site`."""
    if value is None:
        raise WentWrong("panic", site)
    return value


def count(conditions: Iterable[bool]) -> int:
    """How many of the conditions hold; reads like `any` and `all`."""
    return sum(1 for condition in conditions if condition)


def action(actor: str) -> Callable[[F], F]:
    """Mark a function as an action of `actor` (`host`, `program`, ...): one step of the machine."""
    return lambda function: function


def invariant(property_id: str) -> Callable[[F], F]:
    """Mark a function without parameters as the property `property_id`: true in every state."""
    return lambda function: function


def lemma(sentence: str) -> Callable[[F], F]:
    """Mark a function without parameters as a fact about every state that can be reached."""
    return lambda function: function


def premise(sentence: str) -> Callable[[F], F]:
    """Mark a function of parameters alone as what a proof takes for granted."""
    return lambda function: function


def builtin(name: str) -> Callable[[F], F]:
    """Mark a function as a builtin of the host, shown in traces under `name`."""
    return lambda function: function


def cabi(name: str) -> Callable[[F], F]:
    """Mark a function as a call through the C ABI, shown in traces under `name`."""
    return lambda function: function


def side(name: str) -> Callable[[F], F]:
    """Mark a function as belonging to one side of the ABI: a version may override it.

    The side's `selector`, applied to the function's first argument, gives the role
    (and so the version) whose text runs.
    """
    return lambda function: function


def selector(name: str) -> Callable[[F], F]:
    """Mark the function that gives the role of its argument for the side `name`."""
    return lambda function: function
