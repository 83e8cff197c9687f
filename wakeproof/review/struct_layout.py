"""Struct layouts: the structs of a version laid out as `repr(C)`, and their compatibility rules.

A version module declares `STRUCTS`, a table of structs with their fields and types in order, and
`TASK`, the struct that the ABI's global points to; a version inherits what its base declares. A
type is `u8` to `u64`, `usize`, `ptr`, `fn(...)`, `Option<fn(...)>`, `&struct` or a struct by value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wakeproof.errors import ModelError
from wakeproof.language.sources import Sources

# bytes of a pointer; wasm32 comes first, as components run on it
POINTERS = {"wasm32": 4, "64 bits": 8}
INTEGERS = {f"{sign}{8 * size}": size for sign in "ui" for size in (1, 2, 4, 8)}
# types that have the size of a pointer
AS_POINTERS = ("ptr", "usize", "isize")


@dataclass(frozen=True)
class Field:
    """One field of a struct, with offset and size in bytes; structs by value are flattened."""

    name: str
    type: str
    offset: int
    size: int


@dataclass(frozen=True)
class Layout:
    """The fields of a struct in order, and its size in bytes."""

    name: str
    fields: tuple[Field, ...]
    size: int


@dataclass(frozen=True)
class Structs:
    """The structs that a version declares or inherits.

    `abi` is the version number that is stored in the task; `where` is the place of the text.
    """

    version: str
    abi: int
    task: str
    structs: Mapping[str, Mapping[str, str]]
    where: str

    def layout(self, name: str, pointer: int) -> Layout:
        """Lay a struct out for pointers of `pointer` bytes. Raises `ModelError`."""
        fields = tuple(self._place(name, pointer, 0))
        return Layout(name, fields, self._size(name, pointer, ())[0])

    def reachable(self) -> Iterator[str]:
        """Yield the struct of the task and those that can be reached from it through pointers."""
        found = [self.task]
        for name in found:
            yield name
            # offsets do not matter here, so any pointer will do
            tables = (self.table_of(f.type) for f in self.layout(name, 4).fields)
            found += [table for table in tables if table is not None and table not in found]

    def used(self) -> list[str]:
        """Return the structs that can be reached from the task through pointers or by value."""
        found = [self.task]
        for name in found:
            parts = (kind.removeprefix("&") for kind in self._struct(name).values())
            found += [p for p in parts if p in self.structs and p not in found]
        return found

    def table_of(self, kind: str) -> str | None:
        """Return the struct that a field of this type points to."""
        return kind[1:] if kind.startswith("&") else None

    def _place(self, name: str, pointer: int, start: int) -> Iterator[Field]:
        """Yield the fields of a struct that begins at the offset `start`."""
        offset = start
        for field, kind in self._struct(name).items():
            size, align = self._size(kind, pointer, (name,))
            offset = -(-offset // align) * align
            if kind in self.structs:
                yield from self._place(kind, pointer, offset)
            else:
                yield Field(field, kind, offset, size)
            offset += size

    def _size(self, kind: str, pointer: int, inside: tuple[str, ...]) -> tuple[int, int]:
        """Return size and alignment of a type in bytes; `inside` are the structs around it."""
        if kind in INTEGERS:
            return INTEGERS[kind], INTEGERS[kind]
        if kind in inside:
            raise ModelError(f"struct {kind} holds itself", where=self.where, hint="use &" + kind)
        if kind in self.structs:
            offset, widest = 0, 1
            for part in self._struct(kind).values():
                size, align = self._size(part, pointer, (*inside, kind))
                offset = -(-offset // align) * align + size
                widest = max(widest, align)
            return -(-offset // widest) * widest, widest
        if kind in AS_POINTERS or kind.startswith(("fn(", "Option<fn(")):
            return pointer, pointer
        if kind.startswith("&") and kind[1:] in self.structs:
            return pointer, pointer
        raise ModelError(
            f"{self.version}: unknown type {kind!r}",
            where=self.where,
            hint="use u8 to u64, usize, ptr, fn(...), Option<fn(...)>, a struct of STRUCTS, "
            "or & and one",
        )

    def _struct(self, name: str) -> Mapping[str, str]:
        if name not in self.structs:
            raise ModelError(
                f"{self.version}: no struct {name!r}",
                where=self.where,
                hint="declare it in STRUCTS",
            )
        return self.structs[name]


def structs_of(sources: Sources, version: str) -> Structs | None:
    """Return the structs of a version and its bases; None if they declare none.

    Raises `ModelError`.
    """
    structs: dict[str, dict[str, str]] = {}
    task, abi, where, found = "", 0, "", None
    for name in sources.chain(version):
        facts, places = sources.versions[name].facts, sources.versions[name].places
        declared = facts.get("STRUCTS", {})
        where = places.get("STRUCTS", places.get("TASK", where))
        if not _is_table(declared):
            raise ModelError(
                "STRUCTS is not a table of structs",
                where=where,
                hint='write STRUCTS = {"name": {"field": "u32"}}',
            )
        assert isinstance(declared, dict)
        structs = structs | declared
        task = str(facts.get("TASK", task))
        number = facts.get("ABI", abi)
        assert isinstance(number, int)
        abi = number
        if not task:
            continue
        found = Structs(version, abi, task, structs, where)
        for struct in declared:
            if struct not in found.used():
                raise ModelError(
                    f"{struct} changes nothing: {task} does not lead to it",
                    where=where,
                    hint="one of " + ", ".join(found.used()),
                )
    return found


def _is_table(value: object) -> bool:
    """Whether a value maps names of structs to names and types of fields."""
    return isinstance(value, dict) and all(
        isinstance(fields, dict)
        and fields
        and all(isinstance(t, str) for pair in fields.items() for t in pair)
        for fields in value.values()
    )


@dataclass(frozen=True)
class Rule:
    """One rule of compatibility as a sentence, whether it is kept, and what was found."""

    says: str
    kept: bool
    found: str


def rules(old: Structs, new: Structs) -> list[Rule]:
    """Check the rules by which code built with either version can read a task of the other."""
    found = []
    for platform, pointer in POINTERS.items():
        first = new.layout(new.task, pointer).fields[0]
        found.append(
            Rule(
                f"the version comes first ({platform})",
                (first.name, first.type, first.offset) == ("version", "u32", 0),
                f"{first.name}: {first.type} at {first.offset}",
            )
        )
        faults = list(_moved(old, new, old.task, new.task, pointer))
        before = old.layout(old.task, pointer)
        found.append(
            Rule(
                f"{old.version}'s fields are a prefix of {new.version}'s: code that knows "
                f"{old.version} can read a task of {new.version} ({platform})",
                not faults,
                "; ".join(faults)
                or f"{before.size} bytes, and what they point to, are as they were",
            )
        )
    grown = _names(old) != _names(new)
    found.append(
        Rule(
            f"a task of {old.version} can be told from one of {new.version}: what is new has a "
            "higher version",
            not grown or new.abi > old.abi,
            f"version {old.abi} and {new.abi}"
            + ("" if grown else ", and the task has the same fields"),
        )
    )
    return found


def _names(structs: Structs) -> list[tuple[str, str]]:
    """Return every field that can be reached from the task, with its type."""
    return [
        (field.name, "&" if structs.table_of(field.type) else field.type)
        for name in structs.reachable()
        for field in structs.layout(name, 4).fields
    ]


def _moved(old: Structs, new: Structs, before: str, after: str, pointer: int) -> Iterator[str]:
    """Yield a line for each field that is gone or has changed, in tables behind the struct too."""
    now = {f.name: f for f in new.layout(after, pointer).fields}
    for field in old.layout(before, pointer).fields:
        there = now.get(field.name)
        if there is None:
            yield f"{before}.{field.name} at {field.offset} is gone"
        elif there.offset != field.offset:
            yield f"{before}.{field.name} at {field.offset} is now at {there.offset}"
        elif there.size != field.size:
            yield (
                f"{before}.{field.name} at {field.offset} had {field.size} bytes and now has "
                f"{there.size} (at {there.offset})"
            )
        elif (table := old.table_of(field.type)) and (other := new.table_of(there.type)):
            yield from _moved(old, new, table, other, pointer)
        elif there.type != field.type:
            yield (
                f"{before}.{field.name} at {field.offset} was {field.type} and is {there.type} "
                f"(at {there.offset})"
            )


def field_rows(structs: Structs) -> Sequence[tuple[str, str, str, str]]:
    """Return every field that can be reached from the task: struct, field, type, offsets."""
    rows = []
    for name in structs.reachable():
        layouts = [structs.layout(name, pointer) for pointer in POINTERS.values()]
        for fields in zip(*(layout.fields for layout in layouts), strict=True):
            offsets = " / ".join(str(f.offset) for f in fields)
            rows.append((name, fields[0].name, fields[0].type, offsets))
        rows.append((name, "", "size", " / ".join(str(layout.size) for layout in layouts)))
    return rows
