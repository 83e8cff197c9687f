"""Collect what the files of a model declare: types, fields, parameters and functions."""

from __future__ import annotations

import ast
import dataclasses
from dataclasses import dataclass
from pathlib import Path

from wakeproof.errors import ModelError
from wakeproof.language import ir
from wakeproof.language.about_runs import ABOUT_RUNS, conditions
from wakeproof.language.sources import Source, is_docstring, refuse

MARKS = frozenset(
    {
        *("action", "invariant", "lemma", "premise", "builtin", "cabi", "side", "selector"),
        *("progress", "fair", "fairness", "tested"),
    }
)
HOST = "host"
"""The side of the host: one host runs in every mix, so that it needs no selector."""
BASES = frozenset({"Index", "Enumeration", "State", "Parameters"})
# names that every execution gives a meaning of its own
RESERVED = MARKS | {
    *("all", "any", "count", "unwrap", "guard", "require", "panic", "trap", "undefined", "bound"),
    *("leads_to", "always_eventually", "recurs"),
    *("s", "p", "declare", "auto"),
}


@dataclass
class Definition:
    """The syntax tree of a function, with its file, marks and version (empty for the base text)."""

    node: ast.FunctionDef
    path: Path
    marks: dict[str, str]
    version: str


def decorator_marks(node: ast.FunctionDef, path: Path) -> dict[str, str]:
    """Return the decorators of a function as {mark: argument}. Raises `ModelError` for others."""
    marks: dict[str, str] = {}
    for decorator in node.decorator_list:
        match decorator:
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(value))]) if (
                name in MARKS
            ):
                marks[name] = value
            case _:
                refuse(decorator, path, "unknown decorator", "use " + ", ".join(sorted(MARKS)))
    return marks


class Declarations:
    """The types, fields and functions of a list of files; anything else is refused.

    `functions` maps a name to its texts by version, `order` has the names in the order of the text.
    """

    def __init__(self) -> None:
        self.program = ir.Program()
        self.functions: dict[str, dict[str, Definition]] = {}
        self.order: list[str] = []
        # classes of fields, each with the kind that it derives from in the end
        self.kinds: dict[str, str] = {}

    def kind(self, node: ast.ClassDef) -> str:
        """Return what a class is: an entry of `BASES`, or the unknown name that it derives from."""
        base = _base(node)
        return self.kinds.get(base, base)

    def add_types(self, source: Source) -> None:
        """Collect the index types, enumerations and small integers, to which fields refer."""
        for node in source.tree.body:
            match node:
                case ast.ClassDef() if self.kind(node) in ("State", "Parameters"):
                    self.kinds[node.name] = self.kind(node)
                case ast.ClassDef():
                    self.add_class(node, source.path)
                case ast.AnnAssign(
                    target=ast.Name(id=name),
                    value=ast.Subscript(
                        slice=ast.Tuple(elts=[_, ast.Call(args=[ast.Constant(value=int(limit))])])
                    ),
                ):
                    self.program.bounds[name] = limit

    def add(self, source: Source) -> None:
        """Collect the fields and functions that `source` declares."""
        for node in source.tree.body:
            match node:
                case ast.Expr(value=ast.Constant(value=str())):
                    pass
                case ast.ImportFrom():
                    self.check_import(node, source.path)
                case ast.ClassDef() if self.kind(node) in ("State", "Parameters"):
                    self.add_class(node, source.path)
                case ast.ClassDef():
                    pass
                case ast.FunctionDef():
                    self.add_function(node, source)
                case ast.AnnAssign(target=ast.Name(id=name)) if (
                    name in ("s", "p") or name in self.program.bounds
                ):
                    pass
                case ast.Assign(
                    targets=[ast.Name(id="s" | "p")], value=ast.Call(func=ast.Name(id="declare"))
                ):
                    pass
                case ast.Assign() if source.version:
                    pass
                case _:
                    refuse(
                        node,
                        source.path,
                        f"{type(node).__name__} at the top of a model file",
                        "a model file holds imports, types, `s`/`p` and functions",
                    )

    def check_import(self, node: ast.ImportFrom, path: Path) -> None:
        """Refuse an import of anything but the language, the model and `typing`."""
        module = node.module or ""
        if module == "wakeproof.language" or module.split(".")[0] in (
            "model",
            "proofs",
            "typing",
            "__future__",
        ):
            return
        refuse(node, path, f"import of {module!r}", "import from wakeproof.language or model only")

    def add_class(self, node: ast.ClassDef, path: Path) -> None:
        """Collect one index type, enumeration, or class of fields."""
        base = self.kind(node)
        if base not in BASES:
            refuse(
                node,
                path,
                f"class {node.name} of an unknown kind",
                "derive from " + ", ".join(sorted(BASES)),
            )
        body = [n for n in node.body if not is_docstring(n) and not isinstance(n, ast.Pass)]
        if base == "Index":
            self.program.indexes[node.name] = ast.get_docstring(node) or ""
        elif base == "Enumeration":
            # a version may have more members than its base
            members = list(self.program.enums.get(node.name, ()))
            for n in body:
                match n:
                    case ast.Assign(
                        targets=[ast.Name(id=name)],
                        value=ast.Call(func=ast.Name(id="auto"), args=[]),
                    ):
                        if name in members:
                            refuse(n, path, f"{node.name} has a member {name} already", "remove it")
                        members.append(name)
                    case _:
                        refuse(n, path, "not a member of an enumeration", "write NAME = auto()")
            self.program.enums[node.name] = tuple(members)
        else:
            fields = self.program.state if base == "State" else self.program.parameters
            for n in body:
                match n:
                    case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=None):
                        declared = self.field_type(annotation, path)
                        if fields.setdefault(name, declared) != declared:
                            refuse(
                                n,
                                path,
                                f"field {name} is declared with another type",
                                "keep its type",
                            )
                    case _:
                        refuse(n, path, "not a field", "write name: Type")

    def add_function(self, node: ast.FunctionDef, source: Source) -> None:
        """Collect one function. A second text must be an override with the same signature."""
        marks = decorator_marks(node, source.path)
        if node.name in RESERVED:
            refuse(node, source.path, f"{node.name} is a name of the language", "use another name")
        for mark in ("invariant", "tested"):
            if mark in marks:
                self.check_only_one(node, mark, marks[mark], source.path)
        for mark in ABOUT_RUNS.keys() & marks.keys():
            for part, half in conditions(node, mark, source.path).items():
                self.add_text(half, source, {part: marks[mark]})
            return
        self.add_text(node, source, marks)

    def add_text(self, node: ast.FunctionDef, source: Source, marks: dict[str, str]) -> None:
        """Collect the text of one function, which has these marks."""
        texts = self.functions.setdefault(node.name, {})
        if source.version in texts:
            refuse(node, source.path, f"{node.name} is defined twice", "remove one")
        if texts:
            key, first = next(iter(texts.items()))
            if not first.marks and self.selects(marks.get("side", ""), node):
                # the base text did not know that versions differ here
                texts[key] = first = dataclasses.replace(first, marks={"side": marks["side"]})
            if "side" not in first.marks:
                refuse(
                    node,
                    source.path,
                    f"{node.name} cannot be overridden: it does not belong to a side of the ABI",
                    "mark it with @side(...), whose selector takes its first parameter, or so "
                    f"mark the first text, {first.path}:{first.node.lineno}",
                )
            if ast.dump(node.args) != ast.dump(first.node.args) or _dump(node.returns) != _dump(
                first.node.returns
            ):
                refuse(
                    node,
                    source.path,
                    f"{node.name} has other parameters or another type than what it overrides",
                    f"write the same signature as {first.path}:{first.node.lineno}",
                )
            if source.host != (first.marks["side"] == HOST):
                whose = "the host's" if first.marks["side"] == HOST else "the guest's"
                hint = "a host overrides the host's side, a version every other"
                refuse(node, source.path, f"{node.name} is on {whose} side", hint)
            if marks.get("side") != first.marks["side"]:
                refuse(node, source.path, f"{node.name} changes sides", "keep its @side")
            if marks != first.marks:
                refuse(
                    node,
                    source.path,
                    f"{node.name} has other marks than what it overrides",
                    f"write the same marks as {first.path}:{first.node.lineno}",
                )
        elif node.name not in self.order:
            self.order.append(node.name)
        texts[source.version] = Definition(node, source.path, marks, source.version)

    def selects(self, side: str, node: ast.FunctionDef) -> bool:
        """Whether a side has a selector, which takes what a function takes first."""
        return any(
            definition.marks.get("selector") == side
            and [_dump(a.annotation) for a in definition.node.args.args]
            == [_dump(a.annotation) for a in node.args.args[:1]]
            for texts in self.functions.values()
            for definition in texts.values()
        )

    def check_only_one(
        self, node: ast.FunctionDef, mark: str, property_id: str, path: Path
    ) -> None:
        """Refuse a second invariant of a property: a version could make it hold by that."""
        what = "an invariant" if mark == "invariant" else "a test"
        for name, texts in self.functions.items():
            first = next(iter(texts.values()))
            if name != node.name and first.marks.get(mark) == property_id:
                refuse(
                    node,
                    path,
                    f"{property_id} has {what} already, {name}",
                    "give the property of a version an id of its own",
                )

    def add_choice(self, parameter: str, members: tuple[str, ...]) -> None:
        """Declare a parameter whose type is a new enumeration with these members."""
        enum = enumeration_of(parameter)
        if enum in self.program.enums or parameter in self.program.parameters:
            raise ModelError(
                f"the model declares {parameter} or {enum}, the name for the version of a role",
                hint="use another name",
            )
        self.program.enums[enum] = members
        self.program.parameters[parameter] = ir.FieldType((), ir.Type("enum", enum))
        self.program.choices.append(parameter)

    # types

    def scalar(self, node: ast.expr, path: Path) -> ir.Type:
        """Return the scalar type that an annotation names."""
        match node:
            case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
                inner = self.scalar(left, path)
                return ir.Type(inner.kind, inner.name, optional=True)
            case ast.Name(id="bool"):
                return ir.BOOL
            case ast.Name(id="int"):
                return ir.INT
            case ast.Name(id=name) if name in self.program.indexes:
                return ir.Type("index", name)
            case ast.Name(id=name) if name in self.program.enums:
                return ir.Type("enum", name)
            case ast.Name(id=name) if name in self.program.bounds:
                return ir.Type("int", name)
            case ast.Constant(value=None):
                return ir.UNIT
        refuse(
            node,
            path,
            f"unknown type {ast.unparse(node)!r}",
            "use bool, a declared type, or Type | None",
        )

    def field_type(self, node: ast.expr, path: Path) -> ir.FieldType:
        """Return the type of a field: nested `Array[Key, Value]` or a scalar."""
        keys: list[str] = []
        while isinstance(node, ast.Subscript):
            match node:
                case ast.Subscript(
                    value=ast.Name(id="Array"), slice=ast.Tuple(elts=[ast.Name(id=key), value])
                ) if key in self.program.indexes or key in self.program.enums:
                    keys.append(key)
                    node = value
                case _:
                    refuse(node, path, "not an array type", "write Array[Index, Value]")
        return ir.FieldType(tuple(keys), self.scalar(node, path))


def _base(node: ast.ClassDef) -> str:
    """Return the kind of a class: its base, or its own name for `State` and `Parameters`."""
    match node.bases:
        case [ast.Name(id=name)]:
            return name
        case []:
            return node.name
    return ""


def _dump(node: ast.expr | None) -> str:
    return "" if node is None else ast.dump(node)


def enumeration_of(parameter: str) -> str:
    """Name the enumeration of a parameter: `export_version` gives `ExportVersion`."""
    return "".join(word.capitalize() for word in parameter.split("_"))
