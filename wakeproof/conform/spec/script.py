"""The directives of a `.wast` file: components, instances, calls and assertions, in order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from wakeproof.conform.spec.s_expressions import Atom, List, read_lists
from wakeproof.util.text import read_text


@dataclass(frozen=True)
class Case:
    """A value of a variant or enumeration: its case, and the payload if the case has one."""

    name: str
    payload: Value | None = None


@dataclass(frozen=True)
class Fields:
    """A value of a record, by field."""

    values: dict[str, Value]


Value: TypeAlias = "bool | int | float | str | list[Value] | Case | Fields"

NUMBERS = ("s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "i32", "i64")


class Unread(Exception):
    """A directive or value that this reader does not know; the message names it."""


@dataclass(frozen=True)
class Component:
    """A component, as text; it is instantiated unless it is a `definition`."""

    line: int
    name: str
    source: str
    definition: bool = False


@dataclass(frozen=True)
class Instantiation:
    """A new instance of a definition."""

    line: int
    name: str
    definition: str


@dataclass(frozen=True)
class Invoke:
    """A call of an exported function; of the last instance, if `instance` is empty."""

    line: int
    instance: str
    function: str
    arguments: tuple[Value, ...]


@dataclass(frozen=True)
class Assertion:
    """A call or component, and what must come of it: results, or a message in the error."""

    line: int
    kind: str
    subject: Invoke | Component
    results: tuple[Value, ...] = ()
    message: str = ""


@dataclass(frozen=True)
class Unknown:
    """A directive that was not read; an assertion among them counts as one that does not hold."""

    line: int
    kind: str
    reason: str

    @property
    def asserts(self) -> bool:
        """Whether it is an assertion."""
        return self.kind.startswith("assert_")


Directive: TypeAlias = "Component | Instantiation | Invoke | Assertion | Unknown"


@dataclass(frozen=True)
class Script:
    """A `.wast` file: its name, the SHA-256 of its text, and its directives in order."""

    name: str
    digest: str = ""
    directives: list[Directive] = field(default_factory=list)

    @property
    def assertions(self) -> list[Assertion | Unknown]:
        """The assertions, with those that were not read."""
        return [
            d
            for d in self.directives
            if isinstance(d, Assertion) or (isinstance(d, Unknown) and d.asserts)
        ]


def read_script(path: Path) -> Script:
    """Read a `.wast` file. Raises `InputError` with the line if it is not one."""
    text = read_text(path)
    script = Script(path.name, hashlib.sha256(text.encode()).hexdigest())
    for form in read_lists(text, str(path)):
        try:
            script.directives.append(_directive(form, text))
        except (Unread, RecursionError) as error:
            script.directives.append(Unknown(form.line, form.head, str(error)))
    return script


def _directive(form: List, text: str) -> Directive:
    """Read one directive. Raises `Unread`."""
    match form.head:
        case "component" if form.word(1) == "instance":
            return Instantiation(form.line, form.word(2), form.word(3))
        case "component":
            return _component(form, text)
        case "invoke":
            return _invoke(form)
        case head if head.startswith("assert_"):
            return _assertion(form, text)
    raise Unread(f"({form.head} ...) is not known")


def _component(form: List, text: str) -> Component:
    """Read a component. Its source is the text without the words that only scripts have."""
    source = text[form.start : form.end]
    definition = form.word(1) == "definition"
    if definition:
        source = source.replace("definition", "", 1)
    word = form.word(2 if definition else 1)
    if word == "quote":
        source = "".join(form.strings())
    elif word == "binary":
        raise Unread("components in the binary format are not read")
    return Component(form.line, word if word.startswith("$") else "", source, definition)


def _invoke(form: List) -> Invoke:
    """Read a call. Raises `Unread`."""
    if not form.strings():
        raise Unread("a call without the name of a function")
    arguments = tuple(read_value(argument) for argument in form.lists())
    return Invoke(form.line, form.word(1), form.strings()[0], arguments)


def _assertion(form: List, text: str) -> Assertion:
    """Read an assertion. Raises `Unread`."""
    inner, *rest = form.lists() or [form]
    subject: Invoke | Component
    if inner.head == "invoke":
        subject = _invoke(inner)
    elif inner.head == "component":
        subject = _component(inner, text)
    else:
        raise Unread(f"an assertion about ({inner.head} ...) is not known")
    message = "".join(form.strings()[:1])
    return Assertion(form.line, form.head, subject, tuple(map(read_value, rest)), message)


def read_value(form: List) -> Value:
    """Read a value, such as `(u32.const 5)` or `(variant.const "some" (u8.const 1))`.

    Raises `Unread`.
    """
    return _value(form.members)


def _value(words: Sequence[Atom | List]) -> Value:
    """Read a value from its words: those between the parentheses, or those after a field's name."""
    head = words[0].text if words and isinstance(words[0], Atom) else ""
    kind = head.removesuffix(".const")
    inner = [w for w in words[1:] if isinstance(w, List)]
    atoms = [w for w in words[1:] if isinstance(w, Atom)]
    text = atoms[0].text if atoms else ""
    match kind:
        case _ if kind == head:
            raise Unread(f"({head or '...'} ...) is not a value that is known")
        case "list" | "tuple":
            return [_value(i.members) for i in inner]
        case "record":
            return Fields({_name(i): _value(i.members[2:]) for i in inner})
        case "variant" | "enum" | "option" | "result" if text:
            return Case(text, _value(inner[0].members) if inner else None)
        case "string" | "str" | "char" if atoms:
            return text
        case "bool" if text in ("true", "false"):
            return text == "true"
    try:
        if kind in NUMBERS:
            return int(text.replace("_", ""), 0)
        if kind in ("f32", "f64"):
            return float(text.replace("_", ""))
    except ValueError:
        pass
    raise Unread(f"a value of the type {kind} is not read")


def _name(form: List) -> str:
    """Return the name of a field `(field "name" ...)`."""
    if form.head != "field" or not form.strings():
        raise Unread("a field without a name")
    return form.strings()[0]
