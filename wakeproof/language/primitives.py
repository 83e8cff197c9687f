"""The primitives of the model language, with their meaning in plain Python.

A model is a folder of Python files in a small subset of Python, and its meaning is what Python does
when it runs them. A model file imports these names and nothing else of the tool:

- **index types** `class Task(Index)`: finite; each run fixes their size;
- **enumerations** `class Phase(Enumeration)` with `auto()` members;
- **small integers** `Count: TypeAlias = Annotated[int, Limit(15)]`;
- `Array[Key, Value]`, nested for several keys, total, mutable by item assignment;
- the state `s` and the parameters `p`, two classes of annotated fields;
- `guard` and `require`, and three ways to go wrong: `panic`, `trap`, `undefined`;
- `bound` for a bound of the run that is too small;
- `unwrap` for Rust's `Option::unwrap`, `count` beside Python's `any` and `all`;
- decorators for the kind of a function: `action`, `invariant`, `tested`, `builtin`, `cabi`, `side`,
  `selector`; and in proofs `lemma` and `premise`;
- for what happens at last: `progress` for a property of whole runs, whose text is one `leads_to` or
  `always_eventually`; `fair`, and `fairness` with `recurs`, for the runs that count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Generic, NoReturn, TypeVar

K = TypeVar("K")
V = TypeVar("V")
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class _IndexType(type):
    def __iter__(cls: type[T]) -> Iterator[T]:
        raise NotImplementedError("an index type has members only once a model is loaded")


class Index(int, metaclass=_IndexType):
    """Base of a finite index type; a run gives the size, and the members are 0 .. size-1."""


class Enumeration(IntEnum):
    """Base of an enumeration; members are numbered from 0 in the order of the text."""


@dataclass(frozen=True)
class Limit:
    """The largest value of a small integer type."""

    value: int


class Array(Generic[K, V]):
    """A total map from an index type or an enumeration to values."""

    def __getitem__(self, key: K) -> V:
        raise NotImplementedError

    def __setitem__(self, key: K, value: V) -> None:
        raise NotImplementedError


def declare(fields: type[V]) -> V:
    """Declare the state or the parameters: `s = declare(State)`. The tool supplies the values."""
    raise NotImplementedError("the fields have values only once a model is loaded")


class GuardFailed(Exception):
    """A guard does not hold: the action is not enabled in this state. Not an error."""


class WentWrong(Exception):
    """The end of a run at a panic, a trap, undefined behaviour or a bound.

    `kind` is `panic`, `trap` or `undefined`, and `site` an id of the model's table of sites; or
    `kind` is `bound`, and `site` the name of the bound of the run that is too small.
    """

    def __init__(self, kind: str, site: str) -> None:
        super().__init__(kind, site)
        self.kind = kind
        self.site = site


def guard(condition: bool) -> None:
    """Disable the action unless `condition` holds. Guards stand before the first change."""
    if not condition:
        raise GuardFailed


def require(value: V | None) -> V:
    """Return `value`; disable the action, as a guard does, if it is None: `x = require(...)`."""
    if value is None:
        raise GuardFailed
    return value


def panic(site: str) -> NoReturn:
    """Panic at `site` of the real code: the component aborts."""
    raise WentWrong("panic", site)


def trap(site: str) -> NoReturn:
    """Trap at `site` of the host: the component instance is dead."""
    raise WentWrong("trap", site)


def undefined(site: str) -> NoReturn:
    """Use freed memory at `site`: undefined behaviour. Real hardware may carry on."""
    raise WentWrong("undefined", site)


def bound(name: str) -> NoReturn:
    """End the run because its bound `name` is too small here; not a fault of the real code."""
    raise WentWrong("bound", name)


def unwrap(value: V | None, site: str) -> V:
    """Return `value`, or panic at `site` if it is None, as Rust's `Option::unwrap` does."""
    if value is None:
        raise WentWrong("panic", site)
    return value


def count(conditions: Iterable[bool]) -> int:
    """Return the number of conditions that hold; written like `any` and `all`."""
    return sum(1 for condition in conditions if condition)


def action(actor: str) -> Callable[[F], F]:
    """Mark a function as an action of `actor` (`host`, `program`, ...): one step of the machine."""
    return lambda function: function


def invariant(property_id: str) -> Callable[[F], F]:
    """Mark a function without parameters as the property `property_id`, for every state."""
    return lambda function: function


def tested(property_id: str) -> Callable[[F], F]:
    """Mark a function without parameters as what puts the invariant `property_id` to the test.

    Where it is false the invariant holds, whatever else the state is: it says nothing there. An
    invariant without such a function says something about every state.
    """
    return lambda function: function


def progress(property_id: str) -> Callable[[F], F]:
    """Mark a function as the property of progress `property_id`, about every fair run.

    Its parameters are members of index types, for each of which it must hold. Its text is one
    `return leads_to(...)` or `return always_eventually(...)`.
    """
    return lambda function: function


def leads_to(begins: bool, ends: bool) -> bool:
    """Say that after every state in which `begins` holds there is one in which `ends` holds."""
    raise NotImplementedError("about runs, not about a state: an explorer decides it")


def always_eventually(condition: bool) -> bool:
    """Say that after every state there is one in which `condition` holds."""
    raise NotImplementedError("about runs, not about a state: an explorer decides it")


def fair(parameters: str) -> Callable[[F], F]:
    """Mark an action as fair for each choice of these of its parameters, separated by spaces.

    A run in which such a choice is enabled again and again, and is taken only so many times, does
    not count. The action's entry under `[[assumption]]` in `properties.toml` has the reason.
    """
    return lambda function: function


def fairness(assumption: str) -> Callable[[F], F]:
    """Mark a function as an assumption about the runs that count, for members of index types.

    Its text is one `return recurs(...)`; `assumption` is its entry in `properties.toml`.
    """
    return lambda function: function


def recurs(condition: bool, then: bool) -> bool:
    """Say that if `condition` holds again and again, so does `then`."""
    raise NotImplementedError("about runs, not about a state: an explorer decides it")


def lemma(sentence: str) -> Callable[[F], F]:
    """Mark a function without parameters as a fact about every reachable state."""
    return lambda function: function


def premise(sentence: str) -> Callable[[F], F]:
    """Mark a function of the parameters `p` alone as an assumption of the proofs."""
    return lambda function: function


def builtin(name: str) -> Callable[[F], F]:
    """Mark a function as a builtin of the host, shown in traces under `name`."""
    return lambda function: function


def cabi(name: str) -> Callable[[F], F]:
    """Mark a function as a call through the C ABI, shown in traces under `name`."""
    return lambda function: function


def side(name: str) -> Callable[[F], F]:
    """Mark a function as part of one side of the ABI, so that a version may override it.

    The side's `selector`, applied to the function's first argument, returns the role, and so
    the version, whose text runs.
    """
    return lambda function: function


def selector(name: str) -> Callable[[F], F]:
    """Mark the function that returns the role of its argument for the side `name`."""
    return lambda function: function
