"""From the text of a model to its intermediate form; refuses what is outside the language.

`read_sources` parses the files and collects what they declare; `resolve` picks, for one
mix of versions, the text of every function, writes a dispatcher (itself model text)
where the roles of a side differ, and types every body. `resolve_mixes` does it for many mixes
at once: there the version that a role runs is a parameter.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any, Literal, NoReturn

import networkx as nx

from wakeproof import ir
from wakeproof.analysis import terminates
from wakeproof.content import load_toml
from wakeproof.errors import ModelError

MARKS = frozenset(
    {"action", "invariant", "lemma", "premise", "builtin", "cabi", "side", "selector"}
)
BASES = frozenset({"Index", "Enumeration", "State", "Parameters"})
FOLD: dict[str, Literal["any", "all", "count"]] = {"any": "any", "all": "all", "count": "count"}
COMPARISONS: dict[type[ast.cmpop], Literal["==", "!=", "<", "<=", ">", ">="]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
# what a version file states beside its text: a value that says how
FACTS: dict[str, object] = {
    "BASE": "v1",
    "RELEASE": "a proposal",
    "ABI": 2,
    "TASK": "wasip3_task",
    "STRUCTS": {"wasip3_task": {"version": "u32"}},
}
SUBSET = "if/elif/else, for over an index type, assignment, return, calls, any/all/count"
# the file of a model that states the order of the others
ORDER = "order.toml"


@dataclass
class Source:
    """One parsed file. `version` is empty for the base text, else the version's name."""

    path: Path
    tree: ast.Module
    version: str = ""


@dataclass
class Version:
    """A version file: its `base` version (empty for none), the facts that it states, and where."""

    name: str
    base: str
    facts: dict[str, object]
    places: dict[str, str]
    source: Source


@dataclass
class Sources:
    """All the files of a model folder, parsed but not resolved."""

    root: Path
    base: list[Source]
    versions: dict[str, Version]
    proofs: list[Source] = field(default_factory=list)

    def chain(self, version: str) -> list[str]:
        """The version and what it builds upon, oldest first."""
        names: list[str] = []
        where = ""
        while version:
            if version in names:
                raise ModelError(
                    f"version {version!r} is its own base",
                    where=where,
                    hint="name an older version, or none",
                )
            if version not in self.versions:
                raise ModelError(
                    f"unknown ABI version {version!r}",
                    where=where,
                    hint="use one of: " + ", ".join(sorted(self.versions)),
                )
            names.insert(0, version)
            where = self.versions[version].places["BASE"]
            version = self.versions[version].base
        return names

    def names(self) -> set[str]:
        """What the texts name, of any version: functions, and in strings properties and sites."""
        versions = [version.source for version in self.versions.values()]
        found = set()
        for source in (*self.base, *versions, *self.proofs):
            for node in ast.walk(source.tree):
                match node:
                    case ast.FunctionDef(name=name) | ast.Constant(value=str(name)):
                        found.add(name)
        return found


@dataclass
class Resolved:
    """A program for one mix, and the trees to execute it in plain Python, in order.

    `code` is what these were compiled to, if they were.
    """

    program: ir.Program
    trees: list[tuple[Path, ast.Module]] = field(default_factory=list)
    code: list[CodeType] = field(default_factory=list, compare=False, repr=False)


def refuse(node: ast.AST, path: Path, what: str, hint: str) -> NoReturn:
    """Raise the error that points at `node`."""
    raise ModelError(what, where=f"{path}:{getattr(node, 'lineno', 1)}", hint=hint)


def parse_file(path: Path) -> ast.Module:
    """Parse one model file; a syntax error is a `ModelError` with its line."""
    try:
        return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except SyntaxError as error:
        raise ModelError(
            f"not Python: {error.msg}", where=f"{path}:{error.lineno}", hint="fix the syntax"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read the model file: {error}", where=str(path)) from None


def read_sources(root: Path, extra: Iterable[Path] = (), proofs: Path | None = None) -> Sources:
    """Read `root/*.py` (the base text) and `root/versions/*.py`, and `extra` version files.

    `proofs` is a folder of lemmas: a file that has a version's name is read where it takes part.
    Raises `ModelError` for a folder that is no model or a file that does not parse.
    """
    files = base_files(root)
    if not files:
        raise ModelError(
            "no model here: the folder has no Python file",
            where=str(root),
            hint="name a folder that holds the model's files",
        )
    base = [Source(path, parse_file(path)) for path in files]
    versions: dict[str, Version] = {}
    for path in [*sorted((root / "versions").glob("*.py")), *extra]:
        if path.name == "__init__.py":
            continue
        version = read_version(path)
        if version.name in versions:
            raise ModelError(
                f"there is a version {version.name} already: {versions[version.name].source.path}",
                where=f"{path}:1",
                hint="give the file another name",
            )
        versions[version.name] = version
    lemmas = [] if proofs is None else sorted(proofs.glob("*.py"))
    return Sources(root, base, versions, [Source(path, parse_file(path)) for path in lemmas])


def base_files(root: Path) -> list[Path]:
    """List the files of the base text in the order in which they are read.

    What they declare is numbered in this order: fields, members, actions, properties. `order.toml`
    states it; without that file it is the order of the names. Raises `ModelError` if the list has
    a name twice or one of no file, or leaves a file out.
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
            raise ModelError(f"there is no file {name!r} in the model", where=where, hint=hint)
        if name in names[:number]:
            raise ModelError(f"{name!r} is listed twice", where=where, hint="remove one")
    for name, path in found.items():
        if name not in names:
            raise ModelError(
                f"{order} does not list this file",
                where=f"{path}:1",
                hint="add it where what it declares is to be numbered",
            )
    return [found[name] for name in names]


def _line_of(path: Path, name: str) -> int:
    """The number of the last line that holds `name` in quotes; 1 if none does."""
    quoted = (f'"{name}"', f"'{name}'")
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    return max((n for n, line in lines if any(text in line for text in quoted)), default=1)


def read_version(path: Path) -> Version:
    """Read one version file: constants first (`BASE = "v2"`), then what it changes."""
    tree = parse_file(path)
    if not path.stem.isidentifier():
        raise ModelError(
            f"{path.stem!r} is no name for a version", where=f"{path}:1", hint="such as v4.py"
        )
    facts: dict[str, object] = {}
    places: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in ("s", "p"):
                continue
            if name not in FACTS:
                refuse(node, path, f"no version states {name}", "one of " + ", ".join(FACTS))
            try:
                fact = ast.literal_eval(node.value)
            except ValueError:
                refuse(node, path, "a fact of a version must be a literal", "write it out")
            if type(fact) is not type(FACTS[name]):
                refuse(node, path, f"{name} = {fact!r}", f"write {name} = {FACTS[name]!r}, say")
            facts[name], places[name] = fact, f"{path}:{node.lineno}"
    if "BASE" not in facts:
        raise ModelError(
            "a version names the one that it changes",
            where=f"{path}:1",
            hint=f'write BASE = {FACTS["BASE"]!r}; or BASE = "" for the base text',
        )
    return Version(path.stem, str(facts["BASE"]), facts, places, Source(path, tree, path.stem))


# --- declarations -------------------------------------------------------------------------------


@dataclass
class Definition:
    """A function's tree and the file that it stands in."""

    node: ast.FunctionDef
    path: Path
    marks: dict[str, str]
    version: str


def decorator_marks(node: ast.FunctionDef, path: Path) -> dict[str, str]:
    """The decorators of a function as {mark: argument}."""
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
    """Collects types, fields and functions from files, refusing everything else."""

    def __init__(self) -> None:
        self.program = ir.Program()
        self.functions: dict[str, dict[str, Definition]] = {}
        self.order: list[str] = []

    def add_types(self, source: Source) -> None:
        """Collect the index types, enumerations and small integers, which fields refer to."""
        for node in source.tree.body:
            match node:
                case ast.ClassDef() if _base(node) not in ("State", "Parameters"):
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
                case ast.ClassDef() if _base(node) in ("State", "Parameters"):
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
        """Only the language, the model and typing may be imported."""
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
        base = _base(node)
        if base not in BASES:
            refuse(
                node,
                path,
                f"class {node.name} of an unknown kind",
                "derive from " + ", ".join(sorted(BASES)),
            )
        body = [n for n in node.body if not _is_docstring(n) and not isinstance(n, ast.Pass)]
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
        """Collect one function; a second text must be an override that fits."""
        marks = decorator_marks(node, source.path)
        texts = self.functions.setdefault(node.name, {})
        if source.version in texts:
            refuse(node, source.path, f"{node.name} is defined twice", "remove one")
        if texts:
            first = next(iter(texts.values()))
            if "side" not in first.marks:
                refuse(
                    node,
                    source.path,
                    f"{node.name} cannot be overridden: it belongs to no side of the ABI",
                    f"mark the first text, {first.path}:{first.node.lineno}, with @side(...)",
                )
            if ast.dump(node.args) != ast.dump(first.node.args) or _dump(node.returns) != _dump(
                first.node.returns
            ):
                refuse(
                    node,
                    source.path,
                    f"{node.name} has other parameters or another type than the text it overrides",
                    f"write the same signature as {first.path}:{first.node.lineno}",
                )
            if marks.get("side") != first.marks["side"]:
                refuse(node, source.path, f"{node.name} changes sides", "keep its @side")
            if marks != first.marks:
                refuse(
                    node,
                    source.path,
                    f"{node.name} is marked otherwise than the text it overrides",
                    f"write the same marks as {first.path}:{first.node.lineno}",
                )
        elif node.name not in self.order:
            self.order.append(node.name)
        texts[source.version] = Definition(node, source.path, marks, source.version)

    def add_choice(self, parameter: str, members: tuple[str, ...]) -> None:
        """Declare a parameter that is one of these, of an enumeration of its own."""
        enum = enumeration_of(parameter)
        if enum in self.program.enums or parameter in self.program.parameters:
            raise ModelError(
                f"{parameter} or {enum} is declared, and is which version a role runs",
                hint="give it another name",
            )
        self.program.enums[enum] = members
        self.program.parameters[parameter] = ir.FieldType((), ir.Type("enum", enum))

    # types

    def scalar(self, node: ast.expr, path: Path) -> ir.Type:
        """The scalar type that an annotation names."""
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
        """The type of a field: nested `Array[Key, Value]` or a scalar."""
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
    """The kind of a class: its base, or its own name for `State` and `Parameters`."""
    match node.bases:
        case [ast.Name(id=name)]:
            return name
        case []:
            return node.name
    return ""


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _dump(node: ast.expr | None) -> str:
    return "" if node is None else ast.dump(node)


# --- one mix ------------------------------------------------------------------------------------


def version_parameter(role: str) -> str:
    """The parameter that says which version a role runs, where it may run several."""
    return f"{role}_version"


def enumeration_of(parameter: str) -> str:
    """The enumeration of what a parameter of this name may be."""
    return "".join(word.capitalize() for word in parameter.split("_"))


def resolve(sources: Sources, mix: Mapping[str, str]) -> Resolved:
    """The program of one mix: `mix` maps each role (in lower case) to a version's name.

    Where the roles of a side run different texts of a function, those texts get the
    names `f__VERSION` and `f` becomes a dispatcher over the side's selector.
    Raises `ModelError` for anything outside the language.
    """
    return resolve_mixes(sources, {role: (version,) for role, version in mix.items()})


def resolve_mixes(sources: Sources, versions: Mapping[str, Sequence[str]]) -> Resolved:
    """One program for every mix of these versions: `versions` maps each role to those it may run.

    A role that may run several has a parameter, `version_parameter`, of an enumeration of their
    names, which the dispatchers ask too. Raises `ModelError` as `resolve` does.
    """
    declarations = Declarations()
    chains = {
        (role, version): sources.chain(version)
        for role, names in versions.items()
        for version in names
    }
    wanted = {name for chain in chains.values() for name in chain}
    used = _base_first(sources, wanted)
    lemmas = [
        p for p in sources.proofs if p.path.stem in used or p.path.stem not in sources.versions
    ]
    texts_in_order = [*sources.base, *(sources.versions[n].source for n in used), *lemmas]
    for source in texts_in_order:
        declarations.add_types(source)
    for source in texts_in_order:
        declarations.add(source)
    for role, names in versions.items():
        if len(names) > 1:
            declarations.add_choice(version_parameter(role), tuple(names))
    _check_additions(declarations)
    roles = _roles_by_side(declarations)
    resolved = Resolved(declarations.program)
    trees: dict[Path, ast.Module] = {}
    chosen: list[tuple[str, Definition]] = []

    def keep(name: str, definition: Definition) -> None:
        node = definition.node
        tree = trees.setdefault(definition.path, ast.Module(body=[], type_ignores=[]))
        renamed = copy.copy(node)
        renamed.name = name
        tree.body.append(renamed)
        chosen.append((name, definition))

    for name in declarations.order:
        texts = declarations.functions[name]
        first = next(iter(texts.values()))
        side = first.marks.get("side")
        if side is None:
            keep(name, first)
            continue
        if side not in roles:
            refuse(
                first.node,
                first.path,
                f"side {side!r} has no selector",
                f'write @selector("{side}")',
            )
        selector, enum, members = roles[side]
        origin: dict[tuple[str, str], str] = {}
        for member in members:
            for version in versions[member.lower()]:
                chain = ["", *chains[member.lower(), version]]
                defined = [v for v in chain if v in texts]
                origin[member, version] = defined[-1] if defined else next(iter(texts))
        distinct = list(dict.fromkeys(origin.values()))
        if len(distinct) == 1:
            keep(name, texts[distinct[0]])
            continue
        for version in distinct:
            keep(f"{name}__{version or 'base'}", texts[version])
        dispatcher = _dispatcher(name, first, selector, enum, origin)
        keep(name, Definition(dispatcher, first.path, {"side": side}, ""))

    resolved.trees = list(trees.items())
    _read_functions(declarations, chosen)
    return resolved


def _check_additions(declarations: Declarations) -> None:
    """Refuse a version's function that overrides nothing and that nobody calls: a misspelling."""
    every = [d for texts in declarations.functions.values() for d in texts.values()]
    called = {
        node.func.id
        for definition in every
        for node in ast.walk(definition.node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    for name, texts in declarations.functions.items():
        first = next(iter(texts.values()))
        if first.version and name not in called and not {"action", "invariant"} & set(first.marks):
            refuse(
                first.node,
                first.path,
                f"{name} overrides nothing: neither the base text nor {first.version}'s bases have "
                "such a function, and nobody calls it",
                "name a function that is there, or call it",
            )


def _base_first(sources: Sources, wanted: set[str]) -> list[str]:
    ordered: list[str] = []
    for name in sorted(wanted):
        for link in sources.chain(name):
            if link in wanted and link not in ordered:
                ordered.append(link)
    return ordered


def _roles_by_side(declarations: Declarations) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """For each side: the selector's name, its enumeration, the roles."""
    roles: dict[str, tuple[str, str, tuple[str, ...]]] = {}
    for name, texts in declarations.functions.items():
        definition = texts.get("")
        if definition and "selector" in definition.marks:
            returns = definition.node.returns
            if not isinstance(returns, ast.Name) or returns.id not in declarations.program.enums:
                refuse(
                    definition.node,
                    definition.path,
                    "a selector returns an enumeration of roles",
                    "write -> and the enumeration",
                )
            roles[definition.marks["selector"]] = (
                name,
                returns.id,
                declarations.program.enums[returns.id],
            )
    return roles


def _dispatcher(
    name: str,
    first: Definition,
    selector: str,
    enum: str,
    origin: Mapping[tuple[str, str], str],
) -> ast.FunctionDef:
    """Model text that calls the version of `name` which the role of its first argument runs.

    `origin` has the text to call by the role, a member of `enum`, and the version that it runs.
    """
    parameters = [a.arg for a in first.node.args.args]
    if not parameters:
        refuse(
            first.node,
            first.path,
            f"{name} belongs to a side but has no parameter to select by",
            "give it the selector's parameter",
        )
    arguments = ", ".join(parameters)
    runs: dict[str, list[str]] = {}
    callers: dict[str, dict[str, list[str]]] = {}
    for (role, version), text in origin.items():
        runs.setdefault(role, []).append(version)
        callers.setdefault(text, {}).setdefault(role, []).append(version)

    def runs_it(role: str, chosen: list[str]) -> str:
        """That the role of the first argument is this one, and that it runs one of these."""
        asked = [f"{selector}({parameters[0]}) == {enum}.{role}"] if len(runs) > 1 else []
        if len(chosen) < len(runs[role]):
            parameter = version_parameter(role.lower())
            is_one = [f"p.{parameter} == {enumeration_of(parameter)}.{v}" for v in chosen]
            asked.append(f"({' or '.join(is_one)})")
        return " and ".join(asked)

    first_text, *others = callers
    lines = []
    for text in others:
        test = " or ".join(runs_it(role, chosen) for role, chosen in callers[text].items())
        lines.append(f"    if {test}:\n        return {name}__{text or 'base'}({arguments})")
    lines.append(f"    return {name}__{first_text or 'base'}({arguments})")
    node = ast.parse(f"def {name}():\n" + "\n".join(lines)).body[0]
    assert isinstance(node, ast.FunctionDef)
    node.args = first.node.args
    node.returns = first.node.returns
    for child in ast.walk(node):
        ast.copy_location(child, first.node)
    return node


def _read_functions(declarations: Declarations, chosen: list[tuple[str, Definition]]) -> None:
    """Type every body, callees before callers, and find recursion."""
    program = declarations.program
    signatures: dict[str, tuple[tuple[tuple[str, ir.Type], ...], ir.Type]] = {}
    for name, definition in chosen:
        node, path = definition.node, definition.path
        arguments = node.args
        if (
            arguments.posonlyargs
            or arguments.vararg
            or arguments.kwarg
            or arguments.kwonlyargs
            or arguments.defaults
        ):
            refuse(node, path, "only plain parameters", "write name: Type")
        parameters = []
        for a in arguments.args:
            if a.annotation is None:
                refuse(a, path, f"parameter {a.arg} has no type", "write name: Type")
            parameters.append((a.arg, declarations.scalar(a.annotation, path)))
        if node.returns is None:
            refuse(node, path, f"{node.name} has no return type", "write -> None or -> Type")
        signatures[name] = (tuple(parameters), declarations.scalar(node.returns, path))
    definitions = dict(chosen)
    read: dict[str, ir.Function] = {}
    for name in _callees_first(definitions):
        d = definitions[name]
        body = BodyReader(declarations, signatures, read, d, *signatures[name])
        read[name] = body.function(name)
    program.functions = {name: read[name] for name, _ in chosen}


def _callees_first(definitions: Mapping[str, Definition]) -> list[str]:
    """The functions in an order in which each comes after those that it calls."""
    calls: nx.DiGraph[str] = nx.DiGraph()
    calls.add_nodes_from(definitions)
    for name, definition in definitions.items():
        for node in ast.walk(definition.node):
            match node:
                case ast.Call(func=ast.Name(id=callee)) if callee in definitions:
                    calls.add_edge(callee, name)
    try:
        return list(nx.lexicographical_topological_sort(calls))
    except nx.NetworkXUnfeasible:
        circle = [caller for caller, _ in nx.find_cycle(calls.reverse())]
        found = definitions[circle[0]]
        refuse(
            found.node,
            found.path,
            "recursion: " + " -> ".join((*circle, circle[0])),
            "use a loop over an index type",
        )


class BodyReader:
    """Types one function body.

    `known` are the locals that have a value here whatever happened before, `narrowed` those
    that are known not to be None.
    """

    def __init__(
        self,
        declarations: Declarations,
        signatures: Mapping[str, tuple[tuple[tuple[str, ir.Type], ...], ir.Type]],
        read: Mapping[str, ir.Function],
        definition: Definition,
        parameters: tuple[tuple[str, ir.Type], ...],
        returns: ir.Type,
    ) -> None:
        self.declarations = declarations
        self.program = declarations.program
        self.signatures = signatures
        self.read = read
        self.definition = definition
        self.path = definition.path
        self.parameters = parameters
        self.returns = returns
        self.locals: dict[str, ir.Type] = dict(parameters)
        self.bound: set[str] = set()
        self.known: frozenset[str] = frozenset(self.locals)
        self.narrowed: frozenset[str] = frozenset()
        self.writes = False

    def function(self, name: str) -> ir.Function:
        """Read the whole function."""
        node = self.definition.node
        for parameter, _ in self.parameters:
            if self.is_taken(parameter):
                self.refuse(node, f"{parameter} is in use", "use another name")
        body = [n for n in node.body if not _is_docstring(n)]
        statements = self.block(body)
        if self.returns.kind != "unit" and not terminates(statements):
            self.refuse(node, f"{node.name} can end without a value", "return one on every path")
        marks = self.definition.marks
        fact = next((mark for mark in ("invariant", "lemma", "premise") if mark in marks), None)
        if fact and (self.parameters or self.returns != ir.BOOL or self.writes):
            self.refuse(
                node,
                f"{'an' if fact == 'invariant' else 'a'} {fact} takes nothing, changes nothing "
                "and returns bool",
                "ask for every member with all(... for x in Index)",
            )
        if fact == "lemma" and not (marks["lemma"].strip() and ast.get_docstring(node)):
            self.refuse(
                node,
                f"{node.name} has no sentence, or no reason",
                'write @lemma("what is so"), and why it is so as the docstring',
            )
        if "action" in marks and self.returns.kind != "unit":
            self.refuse(node, "an action returns nothing", "write -> None")
        return ir.Function(
            name,
            self.parameters,
            self.returns,
            statements,
            marks,
            ast.get_docstring(node) or "",
            self.where(node),
            self.writes,
        )

    def where(self, node: ast.AST) -> ir.Where:
        """The place of a node."""
        return ir.Where(str(self.path), getattr(node, "lineno", 1))

    def refuse(self, node: ast.AST, what: str, hint: str) -> NoReturn:
        """Raise the error that points at a node."""
        refuse(node, self.path, what, hint)

    # statements

    def block(self, nodes: list[ast.stmt]) -> tuple[ir.Stmt, ...]:
        """Read statements in order; nothing may follow one that ends the function."""
        statements: list[ir.Stmt] = []
        for node in nodes:
            if statements and terminates(tuple(statements)):
                self.refuse(node, "this line cannot be reached", "remove it")
            statements.extend(self.statement(node))
        return tuple(statements)

    def statement(self, node: ast.stmt) -> list[ir.Stmt]:
        """Read one statement."""
        match node:
            case ast.Pass():
                return []
            case ast.Return(value=None):
                self.expect_type(node, ir.UNIT, self.returns)
                return [ir.Return(None, self.where(node))]
            case ast.Return(value=value):
                assert value is not None
                expression = self.expression(value)
                if self.returns.kind == "unit":
                    if expression.type.kind != "unit":
                        self.refuse(node, "returns a value", "declare its type")
                    return [ir.Do(expression, self.where(node)), ir.Return(None, self.where(node))]
                self.expect_type(node, expression.type, self.returns)
                return [ir.Return(expression, self.where(node))]
            case ast.If():
                return [self.if_statement(node)]
            case ast.For(target=ast.Name(id=name), iter=ast.Name(id=over), orelse=[]):
                return [self.for_statement(node, name, over)]
            case ast.Expr(value=ast.Call() as call):
                return [self.call_statement(node, call)]
            case ast.Assign(
                targets=[ast.Name(id=name) as target],
                value=ast.Call(func=ast.Name(id="require"), args=[value]),
            ):
                return self.require(node, target, value)
            case ast.Assign(targets=[target], value=value):
                return [self.assign(node, target, self.expression(value))]
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value) if (
                value
            ):
                declared = self.declarations.scalar(annotation, self.path)
                if self.locals.setdefault(name, declared) != declared:
                    self.refuse(node, f"{name} has another type already", "use another name")
                return [self.assign(node, node.target, self.expression(value))]
            case ast.AugAssign(target=target, op=ast.Add() | ast.Sub() as op, value=value):
                old = self.expression(ast.copy_location(_load(target), node))
                new = self.arithmetic(
                    node, "+" if isinstance(op, ast.Add) else "-", old, self.expression(value)
                )
                return [self.assign(node, target, new)]
        self.refuse(node, f"{type(node).__name__} is not in the model language", f"use {SUBSET}")

    def if_statement(self, node: ast.If) -> ir.If:
        """Read an `if`, with what each branch learns about None."""
        condition = self.condition(node.test)
        yes, no = self.narrowings(node.test)
        before, known = self.narrowed, self.known
        self.narrowed = before | yes
        then = self.block(node.body)
        after_then, known_then = self.narrowed, self.known
        self.narrowed, self.known = before | no, known
        other = self.block(node.orelse)
        if terminates(other) and not terminates(then):
            self.narrowed, self.known = after_then, known_then
        elif not terminates(then):
            self.narrowed &= after_then
            self.known &= known_then
        return ir.If(condition, then, other, self.where(node))

    def for_statement(self, node: ast.For, name: str, over: str) -> ir.For:
        """Read a loop over an index type."""
        if over not in self.program.indexes:
            self.refuse(node, f"a loop over {over!r}", "loop over an index type")
        self.bind(node, name, over)
        before, known, changed_before = self.narrowed, self.known, self.writes
        # on its second turn the body sees what it assigned on its first
        self.narrowed = before - _assigned(node)
        body = self.block(node.body)
        self.narrowed = before & self.narrowed
        self.known = known
        if self.writes and not changed_before:
            for call in _guards(node):
                self.refuse(
                    call, "a guard after a change: the loop repeats both", "guard before the loop"
                )
        self.unbind(name)
        return ir.For(name, over, body, self.where(node))

    def is_taken(self, name: str) -> bool:
        """Whether the name is that of the state, of the parameters or of a type."""
        types = (self.program.indexes, self.program.enums, self.program.bounds)
        return name in ("s", "p") or any(name in t for t in types)

    def bind(self, node: ast.AST, name: str, over: str) -> None:
        """Bring a loop variable into scope."""
        known = self.locals.get(name)
        if self.is_taken(name):
            self.refuse(node, f"{name} is in use", "use another name")
        if known is not None and (name in self.bound or known != ir.Type("index", over)):
            self.refuse(node, f"{name} is in use", "use another name")
        if known is not None and name not in self.bound and name in dict(self.parameters):
            self.refuse(node, f"{name} is a parameter", "use another name")
        self.locals[name] = ir.Type("index", over)
        self.known |= {name}
        self.bound.add(name)

    def unbind(self, name: str) -> None:
        """Take a loop variable out of scope."""
        self.bound.discard(name)
        self.known -= {name}
        del self.locals[name]

    def call_statement(self, node: ast.Expr, call: ast.Call) -> ir.Stmt:
        """Read a call for its effect: a guard, a way to go wrong, a function."""
        match call:
            case ast.Call(func=ast.Name(id="guard"), args=[condition]):
                if "action" not in self.definition.marks:
                    self.refuse(node, "a guard outside an action", "move it into the action")
                if self.writes:
                    self.refuse(node, "a guard after a change", "guards come first in an action")
                guard = ir.Guard(self.condition(condition), self.where(node))
                yes, _ = self.narrowings(condition)
                self.narrowed |= yes
                return guard
            case ast.Call(
                func=ast.Name(id="panic" | "trap" | "undefined" | "bound" as kind), args=[site]
            ):
                return ir.Wrong(kind, self.site(site), self.where(node))
        expression = self.expression(call)
        return ir.Do(expression, self.where(node))

    def require(self, node: ast.stmt, target: ast.Name, value: ast.expr) -> list[ir.Stmt]:
        """`x = require(e)`: assign, then guard that it is not None."""
        if "action" not in self.definition.marks or self.writes:
            self.refuse(node, "require is a guard", "write it in an action, before any change")
        assign = self.assign(node, target, self.expression(value))
        present = ir.Not(
            ir.Binary(
                "==", ir.Local(target.id, self.locals[target.id]), ir.Const(None, ir.NONE), ir.BOOL
            )
        )
        self.narrowed |= {target.id}
        return [assign, ir.Guard(present, self.where(node))]

    def site(self, node: ast.expr) -> str:
        """The id of a site: a literal."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        self.refuse(node, "a site is a string", 'write panic("file::function::condition")')

    def assign(self, node: ast.stmt, target: ast.expr, value: ir.Expr) -> ir.Stmt:
        """Read an assignment to a local or to the state."""
        match target:
            case ast.Name(id=name):
                if name in self.bound or name in dict(self.parameters) or self.is_taken(name):
                    self.refuse(node, f"{name} cannot be assigned", "use another name")
                if value.type.kind in ("unit", "none") and name not in self.locals:
                    self.refuse(node, f"{name} has no type", f"write {name}: Type | None = None")
                declared = self.locals.setdefault(name, value.type)
                self.expect_type(node, value.type, declared)
                self.known |= {name}
                if value.type.optional or value.type.kind == "none":
                    self.narrowed -= {name}
                else:
                    self.narrowed |= {name}
                return ir.SetLocal(name, value, self.where(node))
            case ast.Attribute() | ast.Subscript():
                read = self.expression(_load(target))
                if not isinstance(read, ir.Read) or read.space != "s":
                    self.refuse(
                        node, "only the state `s` can be changed", "write s.field[...] = value"
                    )
                self.expect_type(node, value.type, self.program.state[read.field].value)
                self.writes = True
                return ir.Store(read.field, read.keys, value, self.where(node))
        self.refuse(node, "cannot assign to this", "assign to a name or to s.field[...]")

    def expect_type(self, node: ast.AST, actual: ir.Type, wanted: ir.Type) -> None:
        """Refuse a value whose type does not fit; a number fits every small integer type."""
        fits = (
            (actual == wanted)
            or (wanted.optional and (actual.kind == "none" or actual == wanted.some()))
            or (actual.kind == wanted.kind == "int" and not actual.optional)
        )
        if not fits:
            hint = f"use a value of type {wanted}"
            if actual.optional and actual.some() == wanted:
                hint = "keep it in a local x and rule out None first: if x is None: ..."
            self.refuse(node, f"{actual} where {wanted} is wanted", hint)

    # expressions

    def condition(self, node: ast.expr) -> ir.Expr:
        """Read an expression that must be a truth value."""
        expression = self.expression(node)
        if expression.type != ir.BOOL:
            self.refuse(
                node, f"{expression.type} as a condition", "compare it, or test `is not None`"
            )
        return expression

    def narrowings(self, node: ast.expr) -> tuple[frozenset[str], frozenset[str]]:
        """Locals that are not None when the condition holds, and when it does not."""
        nothing: frozenset[str] = frozenset()
        match node:
            case ast.Compare(left=ast.Name(id=name), ops=[ast.IsNot()]):
                return frozenset({name}), nothing
            case ast.Compare(left=ast.Name(id=name), ops=[ast.Is()]):
                return nothing, frozenset({name})
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yes, no = self.narrowings(operand)
                return no, yes
            case ast.BoolOp(op=op, values=values):
                parts = [self.narrowings(v) for v in values]
                if isinstance(op, ast.And):
                    return frozenset().union(*(y for y, _ in parts)), nothing
                return nothing, frozenset().union(*(n for _, n in parts))
        return nothing, nothing

    def expression(self, node: ast.expr) -> ir.Expr:
        """Read and type an expression."""
        match node:
            case ast.Constant(value=bool(value)):
                return ir.Const(value, ir.BOOL)
            case ast.Constant(value=int(number)):
                return ir.Const(number, ir.INT)
            case ast.Constant(value=None):
                return ir.Const(None, ir.NONE)
            case ast.Name(id=name):
                if name not in self.locals:
                    self.refuse(
                        node, f"unknown name {name!r}", "a local, a parameter, s.field or p.field"
                    )
                if name not in self.known:
                    self.refuse(
                        node, f"{name!r} may have no value here", "give it one on every path before"
                    )
                declared = self.locals[name]
                return ir.Local(name, declared.some() if name in self.narrowed else declared)
            case ast.Attribute(value=ast.Name(id="s" | "p")) | ast.Subscript():
                return self.read_field(node)
            case ast.Attribute(value=ast.Name(id=enum), attr=member) if enum in self.program.enums:
                members = self.program.enums[enum]
                if member not in members:
                    self.refuse(
                        node, f"{enum} has no member {member}", "one of " + ", ".join(members)
                    )
                return ir.Const(members.index(member), ir.Type("enum", enum))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.comparison(node, left, op, right)
            case ast.BoolOp(op=op, values=values):
                return self.logic(values, "and" if isinstance(op, ast.And) else "or")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return ir.Not(self.condition(operand))
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
                sign: Literal["+", "-"] = "+" if isinstance(op, ast.Add) else "-"
                return self.arithmetic(node, sign, self.expression(left), self.expression(right))
            case ast.IfExp(test=test, body=then, orelse=other):
                return self.choice(node, test, then, other)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.call(node, name, arguments)
            case ast.Call():
                self.refuse(
                    node,
                    "calls something else than a function by its name with plain arguments",
                    "write function(argument, ...)",
                )
        self.refuse(node, f"{type(node).__name__} is not in the model language", f"use {SUBSET}")

    def read_field(self, node: ast.expr) -> ir.Read:
        """Read `s.field[...]` or `p.field[...]`."""
        keys: list[ir.Expr] = []
        nodes: list[ast.expr] = []
        inner = node
        while isinstance(inner, ast.Subscript):
            nodes.insert(0, inner.slice)
            inner = inner.value
        match inner:
            case ast.Attribute(value=ast.Name(id="s" | "p" as space), attr=name):
                fields = self.program.state if space == "s" else self.program.parameters
            case _:
                self.refuse(node, "only fields of s and p have keys", "write s.field[key]")
        if name not in fields:
            self.refuse(node, f"unknown field {space}.{name}", "declare it")
        declared = fields[name]
        if len(nodes) != len(declared.keys):
            self.refuse(
                node,
                f"{space}.{name} has {len(declared.keys)} keys, not {len(nodes)}",
                f"write {space}.{name}" + "".join(f"[{key}]" for key in declared.keys),
            )
        for key_node, key in zip(nodes, declared.keys, strict=True):
            expression = self.expression(key_node)
            kind: Literal["index", "enum"] = "index" if key in self.program.indexes else "enum"
            self.expect_type(key_node, expression.type, ir.Type(kind, key))
            keys.append(expression)
        return ir.Read(space, name, tuple(keys), declared.value)

    def comparison(self, node: ast.expr, left: ast.expr, op: ast.cmpop, right: ast.expr) -> ir.Expr:
        """Read a comparison of two values of one type, or with None."""
        a = self.expression(left)
        b = self.expression(right)
        if isinstance(op, (ast.Is, ast.IsNot)):
            if b.type.kind != "none" or not (a.type.optional or isinstance(a, ir.Local)):
                self.refuse(node, "`is` compares an optional value with None", "use ==")
            equal = ir.Binary("==", a, b, ir.BOOL)
            return equal if isinstance(op, ast.Is) else ir.Not(equal)
        if type(op) not in COMPARISONS:
            self.refuse(
                node, "this comparison is not in the model language", "use == != < <= > >= is"
            )
        sign = COMPARISONS[type(op)]
        if a.type.some() != b.type.some() and not (a.type.kind == b.type.kind == "int"):
            self.refuse(node, f"compares {a.type} with {b.type}", "compare values of one type")
        if sign not in ("==", "!="):
            for part in (a, b):
                if part.type.kind != "int" or part.type.optional:
                    self.refuse(node, f"{part.type} has no order", "use == or !=")
        return ir.Binary(sign, a, b, ir.BOOL)

    def logic(self, values: list[ast.expr], op: Literal["and", "or"]) -> ir.Expr:
        """Read `and` or `or`; what a part rules out holds in the parts after it."""
        before = self.narrowed
        parts = []
        for value in values:
            parts.append(self.condition(value))
            yes, no = self.narrowings(value)
            self.narrowed |= yes if op == "and" else no
        self.narrowed = before
        return ir.Logic(op, tuple(parts))

    def arithmetic(self, node: ast.AST, op: Literal["+", "-"], a: ir.Expr, b: ir.Expr) -> ir.Expr:
        """Type a sum or difference of small integers."""
        if any(part.type.kind != "int" or part.type.optional for part in (a, b)):
            self.refuse(node, f"{a.type} {op} {b.type}", "only small integers have + and -")
        return ir.Binary(op, a, b, ir.INT)

    def choice(self, node: ast.expr, test: ast.expr, then: ast.expr, other: ast.expr) -> ir.Expr:
        """Read `a if condition else b`."""
        condition = self.condition(test)
        yes, no = self.narrowings(test)
        before = self.narrowed
        self.narrowed = before | yes
        a = self.expression(then)
        self.narrowed = before | no
        b = self.expression(other)
        self.narrowed = before
        some = b.type.some() if a.type.kind == "none" else a.type.some()
        for part in (a, b):
            if part.type.kind != "none" and part.type.some() != some:
                self.refuse(node, f"one value is {a.type}, the other {b.type}", "use one type")
        optional = any(t.optional or t.kind == "none" for t in (a.type, b.type))
        return ir.Choice(condition, a, b, ir.Type(some.kind, some.name, optional))

    def call(self, node: ast.Call, name: str, nodes: list[ast.expr]) -> ir.Expr:
        """Read a call of the language or of the model."""
        if name in FOLD:
            return self.quantifier(node, FOLD[name], nodes)
        if name == "unwrap":
            if len(nodes) != 2:
                self.refuse(
                    node, "unwrap takes a value and a site", 'write unwrap(x, "file::function::id")'
                )
            value = self.expression(nodes[0])
            return ir.Unwrap(value, self.site(nodes[1]), value.type.some())
        if name in ("guard", "panic", "trap", "undefined", "bound"):
            self.refuse(node, f"{name} inside an expression", "make it a statement")
        if name in self.locals:
            self.refuse(node, f"{name} is a local here", "use another name for one of the two")
        if name not in self.signatures:
            self.refuse(node, f"unknown function {name!r}", "define it in the model")
        parameters, returns = self.signatures[name]
        if len(nodes) != len(parameters):
            self.refuse(
                node,
                f"{name} takes {len(parameters)} arguments, not {len(nodes)}",
                f"write {name}({', '.join(parameter for parameter, _ in parameters)})",
            )
        arguments = []
        for argument_node, (_, wanted) in zip(nodes, parameters, strict=True):
            argument = self.expression(argument_node)
            self.expect_type(argument_node, argument.type, wanted)
            arguments.append(argument)
        callee = self.read[name]
        if callee.writes and self.bound and any(v.startswith("<") for v in self.bound):
            self.refuse(
                node, f"{name} changes the state inside any/all/count", "ask without changing"
            )
        self.writes |= callee.writes
        return ir.Call(name, tuple(arguments), returns)

    def quantifier(
        self, node: ast.Call, op: Literal["any", "all", "count"], nodes: list[ast.expr]
    ) -> ir.Expr:
        """Read `any`, `all` or `count` over an index type."""
        match nodes:
            case [
                ast.GeneratorExp(
                    elt=body,
                    generators=[
                        ast.comprehension(target=ast.Name(id=name), iter=ast.Name(id=over), ifs=ifs)
                    ],
                )
            ] if over in self.program.indexes:
                pass
            case _:
                self.refuse(
                    node, f"{op} of something else", f"write {op}(condition for x in Index)"
                )
        self.bind(node, name, over)
        marker = f"<{name}>"
        self.bound.add(marker)
        before = self.narrowed
        conditions = []
        for test in ifs:
            conditions.append(self.condition(test))
            self.narrowed |= self.narrowings(test)[0]
        expression = self.condition(body)
        self.narrowed = before
        self.bound.discard(marker)
        self.unbind(name)
        if conditions and op == "all":
            premise = ir.Logic("and", tuple(conditions))
            expression = ir.Logic("or", (ir.Not(premise), expression))
        elif conditions:
            expression = ir.Logic("and", (*conditions, expression))
        kind = ir.INT if op == "count" else ir.BOOL
        return ir.Quantifier(op, name, over, expression, kind)


def _assigned(loop: ast.For) -> frozenset[str]:
    """The locals that a loop assigns."""
    return frozenset(
        node.id
        for node in ast.walk(loop)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )


def _guards(loop: ast.For) -> list[ast.Call]:
    """The guards inside a loop."""
    return [
        node
        for node in ast.walk(loop)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("guard", "require")
    ]


def _load(node: ast.expr) -> ast.expr:
    """The same expression, read instead of written."""
    copy = ast.parse(ast.unparse(node), mode="eval").body
    for child in ast.walk(copy):
        ast.copy_location(child, node)
    return copy
