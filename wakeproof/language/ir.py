"""The intermediate form of a model: typed, resolved, small.

Every execution but plain Python works on it: native code, terms, the exports. Statements and
functions keep the file and line of their text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class Type:
    """A scalar type. `kind` is bool, index, enum, int, none (the literal) or unit (no value)."""

    kind: Literal["bool", "index", "enum", "int", "none", "unit"]
    name: str = ""
    optional: bool = False

    def __str__(self) -> str:
        return (self.name or self.kind) + (" | None" if self.optional else "")

    def some(self) -> Type:
        """Return the type without None."""
        return Type(self.kind, self.name)


BOOL = Type("bool")
INT = Type("int")
NONE = Type("none")
UNIT = Type("unit")


@dataclass(frozen=True)
class FieldType:
    """A field of the state or of the parameters: `keys` are index or enumeration names."""

    keys: tuple[str, ...]
    value: Type


@dataclass(frozen=True)
class Where:
    """A place in a model text."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Const:
    """A literal; a member of an enumeration is its number."""

    value: int | bool | None
    type: Type


@dataclass(frozen=True)
class Local:
    """A parameter or a local variable."""

    name: str
    type: Type


@dataclass(frozen=True)
class Read:
    """`s.field[i][j]` (space `s`) or `p.field[i]` (space `p`)."""

    space: Literal["s", "p"]
    field: str
    keys: tuple[Expr, ...]
    type: Type


@dataclass(frozen=True)
class Binary:
    """A comparison, or a sum or difference of small integers."""

    op: Literal["==", "!=", "<", "<=", ">", ">=", "+", "-"]
    left: Expr
    right: Expr
    type: Type


@dataclass(frozen=True)
class Not:
    """Negation."""

    value: Expr
    type: Type = BOOL


@dataclass(frozen=True)
class Logic:
    """Short-circuit `and` / `or`."""

    op: Literal["and", "or"]
    values: tuple[Expr, ...]
    type: Type = BOOL


@dataclass(frozen=True)
class Choice:
    """`a if condition else b`."""

    condition: Expr
    then: Expr
    other: Expr
    type: Type


@dataclass(frozen=True)
class Call:
    """A call of a function of the model."""

    function: str
    arguments: tuple[Expr, ...]
    type: Type


@dataclass(frozen=True)
class Unwrap:
    """`unwrap(value, site)`: a value, or a panic if it is None."""

    value: Expr
    site: str
    type: Type


@dataclass(frozen=True)
class Quantifier:
    """`any`, `all` or `count` over an index type, never unrolled: proofs of any size need it."""

    op: Literal["any", "all", "count"]
    variable: str
    over: str
    body: Expr
    type: Type


Expr: TypeAlias = Const | Local | Read | Binary | Not | Logic | Choice | Call | Unwrap | Quantifier


@dataclass(frozen=True)
class SetLocal:
    """`name = value`."""

    name: str
    value: Expr
    where: Where


@dataclass(frozen=True)
class Store:
    """`s.field[keys] = value`."""

    field: str
    keys: tuple[Expr, ...]
    value: Expr
    where: Where


@dataclass(frozen=True)
class If:
    """`if condition:` with its two branches."""

    condition: Expr
    then: tuple[Stmt, ...]
    other: tuple[Stmt, ...]
    where: Where


@dataclass(frozen=True)
class For:
    """A loop over an index type, in order."""

    variable: str
    over: str
    body: tuple[Stmt, ...]
    where: Where


@dataclass(frozen=True)
class Return:
    """`return value`, or a plain `return`."""

    value: Expr | None
    where: Where


@dataclass(frozen=True)
class Do:
    """A call for its effect."""

    call: Expr
    where: Where


@dataclass(frozen=True)
class Guard:
    """`guard(condition)`: the action is not enabled unless the condition holds."""

    condition: Expr
    where: Where


@dataclass(frozen=True)
class Wrong:
    """A panic, a trap, undefined behaviour, or a bound of the run that is too small."""

    kind: Literal["panic", "trap", "undefined", "bound"]
    site: str
    where: Where


Stmt: TypeAlias = SetLocal | Store | If | For | Return | Do | Guard | Wrong


@dataclass(frozen=True, eq=False)
class Function:
    """A function of the model; `marks` maps a decorator's name to its argument.

    Programs of several mixes share functions, and what is derived from one is cached: a function is
    equal only to itself.
    """

    name: str
    parameters: tuple[tuple[str, Type], ...]
    returns: Type
    body: tuple[Stmt, ...]
    marks: dict[str, str]
    doc: str
    where: Where
    writes: bool = False


@dataclass(eq=False)
class Program:
    """A model resolved for one mix of versions, or for several: its declarations and functions.

    `indexes` maps an index type to its docstring, `enums` an enumeration to its members in order,
    `bounds` a small integer type to its limit. `choices` are the parameters for the version of a
    role that may run several.
    """

    indexes: dict[str, str] = field(default_factory=dict)
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)
    bounds: dict[str, int] = field(default_factory=dict)
    state: dict[str, FieldType] = field(default_factory=dict)
    parameters: dict[str, FieldType] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    choices: list[str] = field(default_factory=list)

    def marked(self, mark: str) -> dict[str, Function]:
        """Return the functions with a mark, in the order of the text."""
        return {name: f for name, f in self.functions.items() if mark in f.marks}
