"""Resolve the parsed files of a model into one program for a mix of versions.

`resolve` chooses the text of every function for one mix, writes a dispatcher (itself model text)
where the roles of a side run different texts, and lowers every body. `resolve_mixes` makes one
program for many mixes, in which the version of a role is a parameter.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import functools
import graphlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wakeproof.language import ir
from wakeproof.language.about_runs import BEGINS, ENDS, IF, THEN
from wakeproof.language.declarations import HOST, Declarations, Definition, enumeration_of
from wakeproof.language.lowering import BodyReader
from wakeproof.language.sources import Source, Sources, refuse


@dataclass
class Resolved:
    """A program for one mix, and the syntax trees of its functions for plain Python, in order."""

    program: ir.Program
    trees: list[tuple[Path, ast.FunctionDef]] = field(default_factory=list)


Signature = tuple[tuple[tuple[str, ir.Type], ...], ir.Type]
"""The parameters of a function, with their types, and the type of its result."""
Origin = tuple[tuple[tuple[str, str], str], ...]
"""The version whose text runs, for each role and its version."""


@dataclass
class Declared:
    """What a set of texts declares, and what is made of it once for all mixes of these texts.

    `dispatchers`, `renamed`, `signatures` and `lowered` are empty at first. A function is lowered
    once for each name that it has in a program and for each set of callees that change the state.
    """

    declarations: Declarations
    dispatchers: dict[tuple[str, Origin], Definition] = field(default_factory=dict)
    renamed: dict[tuple[ast.FunctionDef, str], ast.FunctionDef] = field(default_factory=dict)
    signatures: dict[ast.FunctionDef, Signature] = field(default_factory=dict)
    lowered: dict[tuple[ast.FunctionDef, str, tuple[bool, ...]], ir.Function] = field(
        default_factory=dict
    )


def version_parameter(role: str) -> str:
    """Name the parameter for the version of a role that may run several."""
    return f"{role}_version"


def resolve(sources: Sources, mix: Mapping[str, str]) -> Resolved:
    """Resolve the program of one mix: `mix` maps each role, in lower case, to a version's name.

    Where the roles of a side run different texts of a function `f`, the texts get the names
    `f__VERSION`, and `f` becomes a dispatcher over the side's selector. Raises `ModelError` for
    anything outside the language.
    """
    return resolve_mixes(sources, {role: (version,) for role, version in mix.items()})


def resolve_mixes(sources: Sources, versions: Mapping[str, Sequence[str]]) -> Resolved:
    """Resolve one program for every mix of `versions`, which maps each role to its versions.

    A role with several versions has a parameter, `version_parameter(role)`, whose type is an
    enumeration of their names; the dispatchers read it. Raises `ModelError` as `resolve` does.
    """
    chains = {
        (role, version): sources.chain(version)
        for role, names in versions.items()
        for version in names
    }
    host = sources.host_chain()
    wanted = frozenset(name for chain in chains.values() for name in chain)
    choices = tuple((role, tuple(names)) for role, names in versions.items() if len(names) > 1)
    declared = _declared(sources, wanted, choices)
    declarations = declared.declarations
    roles = _roles_by_side(declarations)
    chosen: list[tuple[str, Definition]] = []

    def keep(name: str, definition: Definition) -> None:
        chosen.append((name, definition))

    for name in declarations.order:
        texts = declarations.functions[name]
        first = next(iter(texts.values()))
        side = first.marks.get("side")
        if side is None:
            keep(name, first)
            continue
        if side == HOST:
            keep(name, texts[_newest(texts, host)])
            continue
        if side not in roles:
            refuse(
                first.node,
                first.path,
                f"side {side!r} has no selector",
                f'write @selector("{side}")',
            )
        selector, enum, members = roles[side]
        origin = {
            (member, version): _newest(texts, chains[member.lower(), version])
            for member in members
            for version in versions[member.lower()]
        }
        distinct = list(dict.fromkeys(origin.values()))
        if len(distinct) == 1:
            keep(name, texts[distinct[0]])
            continue
        for version in distinct:
            keep(f"{name}__{version or 'base'}", texts[version])
        key = (name, tuple(origin.items()))
        if key not in declared.dispatchers:
            dispatcher = _dispatcher(name, first, selector, enum, origin)
            declared.dispatchers[key] = Definition(dispatcher, first.path, {"side": side}, "")
        keep(name, declared.dispatchers[key])

    functions = _lower_functions(declared, chosen)
    program = dataclasses.replace(declarations.program, functions=functions)
    return Resolved(program, [(d.path, _renamed(declared, d.node, name)) for name, d in chosen])


@functools.lru_cache(maxsize=32)
def _declared(
    sources: Sources, wanted: frozenset[str], choices: tuple[tuple[str, tuple[str, ...]], ...]
) -> Declared:
    """Collect what the base text and the wanted versions declare.

    `choices` has the roles with several versions, and these.
    """
    declarations = Declarations()
    texts_in_order = _texts_in_order(sources, wanted)
    for source in texts_in_order:
        declarations.add_types(source)
    for source in texts_in_order:
        declarations.add(source)
    for role, names in choices:
        declarations.add_choice(version_parameter(role), names)
    _check_additions(declarations)
    return Declared(declarations)


def _renamed(declared: Declared, node: ast.FunctionDef, name: str) -> ast.FunctionDef:
    """Return a function under the name that it has in a program."""
    if node.name == name:
        return node
    if (node, name) not in declared.renamed:
        renamed = copy.copy(node)
        renamed.name = name
        declared.renamed[node, name] = renamed
    return declared.renamed[node, name]


def _texts_in_order(sources: Sources, wanted: frozenset[str]) -> list[Source]:
    """List the base text, the texts of the wanted versions and the lemmas about them."""
    used = _base_first(sources, wanted)
    lemmas = [
        p for p in sources.proofs if p.path.stem in used or p.path.stem not in sources.versions
    ]
    hosts = [sources.hosts[name].source for name in sources.host_chain()]
    return [*sources.base, *hosts, *(sources.versions[n].source for n in used), *lemmas]


def _newest(texts: Mapping[str, Definition], chain: Sequence[str]) -> str:
    """Return the last version of `chain`, oldest first, that has a text; "" is the base text."""
    defined = [version for version in ("", *chain) if version in texts]
    return defined[-1] if defined else next(iter(texts))


def _check_additions(declarations: Declarations) -> None:
    """Refuse a version's function that overrides nothing and is not called: a misspelling.

    A builtin may be there for the comparison with real hosts alone.
    """
    every = [d for texts in declarations.functions.values() for d in texts.values()]
    called = set().union(*(_called(definition.node) for definition in every))
    for name, texts in declarations.functions.items():
        first = next(iter(texts.values()))
        known = {"action", "builtin", "invariant", "tested", BEGINS, ENDS, IF, THEN}
        counts = known & set(first.marks)
        if first.version and name not in called and not counts:
            refuse(
                first.node,
                first.path,
                f"{name} overrides nothing and is not called: neither the base text nor "
                f"{first.version}'s bases have a function of this name",
                "correct the name, or call the function",
            )


def _base_first(sources: Sources, wanted: frozenset[str]) -> list[str]:
    """Order the wanted versions so that each comes after its base."""
    ordered: list[str] = []
    for name in sorted(wanted):
        for link in sources.chain(name):
            if link in wanted and link not in ordered:
                ordered.append(link)
    return ordered


def _roles_by_side(declarations: Declarations) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Return, for each side, the selector's name, its enumeration and the roles."""
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
    """Write model text that calls the text of `name` for the role of its first argument.

    `origin` maps a role, a member of `enum`, and its version to the version whose text runs.
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

    def condition(role: str, chosen: list[str]) -> str:
        """Write the test that the first argument has this role and one of these versions."""
        tests = [f"{selector}({parameters[0]}) == {enum}.{role}"] if len(runs) > 1 else []
        if len(chosen) < len(runs[role]):
            parameter = version_parameter(role.lower())
            is_one = [f"p.{parameter} == {enumeration_of(parameter)}.{v}" for v in chosen]
            tests.append(f"({' or '.join(is_one)})")
        return " and ".join(tests)

    first_text, *others = callers
    lines = []
    for text in others:
        test = " or ".join(condition(role, chosen) for role, chosen in callers[text].items())
        lines.append(f"    if {test}:\n        return {name}__{text or 'base'}({arguments})")
    lines.append(f"    return {name}__{first_text or 'base'}({arguments})")
    node = ast.parse(f"def {name}():\n" + "\n".join(lines)).body[0]
    assert isinstance(node, ast.FunctionDef)
    node.args = first.node.args
    node.returns = first.node.returns
    for child in ast.walk(node):
        ast.copy_location(child, first.node)
    return node


def _lower_functions(
    declared: Declared, chosen: Sequence[tuple[str, Definition]]
) -> dict[str, ir.Function]:
    """Lower every body, callees before callers; refuse recursion. Return them in their order."""
    signatures = {name: _signature(declared, definition) for name, definition in chosen}
    definitions = dict(chosen)
    lowered: dict[str, ir.Function] = {}
    for name in _callees_first(definitions):
        definition = definitions[name]
        callees = (lowered.get(callee) for callee in _called(definition.node))
        key = (definition.node, name, tuple(f is not None and f.writes for f in callees))
        if key not in declared.lowered:
            body = BodyReader(
                declared.declarations, signatures, lowered, definition, *signatures[name]
            )
            declared.lowered[key] = body.function(name)
        lowered[name] = declared.lowered[key]
    return {name: lowered[name] for name, _ in chosen}


def _signature(declared: Declared, definition: Definition) -> Signature:
    """Return the signature of a function; refuse what the language does not have."""
    node, path = definition.node, definition.path
    if node in declared.signatures:
        return declared.signatures[node]
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
        parameters.append((a.arg, declared.declarations.scalar(a.annotation, path)))
    if node.returns is None:
        refuse(node, path, f"{node.name} has no return type", "write -> None or -> Type")
    signature = (tuple(parameters), declared.declarations.scalar(node.returns, path))
    declared.signatures[node] = signature
    return signature


@functools.lru_cache(maxsize=8192)
def _called(node: ast.FunctionDef) -> tuple[str, ...]:
    """Return the names that a function calls, each once."""
    names = (
        child.func.id
        for child in ast.walk(node)
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name)
    )
    return tuple(dict.fromkeys(names))


def _callees_first(definitions: Mapping[str, Definition]) -> list[str]:
    """Order the functions so that each comes after those that it calls; refuse recursion."""
    calls = {n: [c for c in _called(d.node) if c in definitions] for n, d in definitions.items()}
    try:
        return list(graphlib.TopologicalSorter(calls).static_order())
    except graphlib.CycleError as error:
        circle = error.args[1][::-1]
        found = definitions[circle[0]]
        refuse(
            found.node,
            found.path,
            "recursion: " + " -> ".join(circle),
            "use a loop over an index type",
        )
