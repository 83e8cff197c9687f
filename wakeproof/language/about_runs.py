"""Functions of a model about whole runs: properties of progress, and which runs count.

Their text is one call, `leads_to(a, b)`, `always_eventually(b)` or `recurs(a, b)`. Each of its
arguments becomes a function of its own, a condition on a state.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

from wakeproof.language import ir
from wakeproof.language.sources import is_docstring, refuse

BEGINS, ENDS = "progress_begins", "progress_ends"
"""The marks of the two conditions of a property of progress, with its id."""
IF, THEN = "fairness_if", "fairness_then"
"""The marks of the two conditions of an assumption about the runs that count, with its id."""
ABOUT_RUNS: dict[str, dict[str, tuple[str, ...]]] = {
    "progress": {"leads_to": (BEGINS, ENDS), "always_eventually": (ENDS,)},
    "fairness": {"recurs": (IF, THEN)},
}
"""The calls that the text of a function about runs may be, each with the marks of its arguments."""


def conditions(node: ast.FunctionDef, mark: str, path: Path) -> dict[str, ast.FunctionDef]:
    """Return the conditions of a function about runs by their marks, each as a function.

    Their names are that of `node` and the end of the mark: `__begins`. Raises `ModelError` for
    another text than one of the calls of `ABOUT_RUNS`.
    """
    known = ABOUT_RUNS[mark]
    match [n for n in node.body if not is_docstring(n)]:
        case [ast.Return(value=ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]))] if (
            name in known and len(known[name]) == len(arguments)
        ):
            found = {}
            for part, condition in zip(known[name], arguments, strict=True):
                half = copy.copy(node)
                half.name = f"{node.name}__{part.removeprefix(mark + '_')}"
                documented = [n for n in node.body if is_docstring(n)]
                half.body = [*documented, ast.copy_location(ast.Return(value=condition), condition)]
                found[part] = half
            return found
    hint = "write one return of " + " or ".join(f"{name}(...)" for name in known)
    refuse(node, path, f"{node.name} is not about runs", hint)


def check_about_runs(
    node: ast.FunctionDef,
    path: Path,
    marks: Mapping[str, str],
    parameters: Sequence[tuple[str, ir.Type]],
    is_test: bool,
) -> None:
    """Raise `ModelError` for a condition or a fair action that is written wrongly.

    `is_test` is whether the function returns bool and changes nothing.
    """
    if {BEGINS, ENDS, IF, THEN} & marks.keys() and (
        not is_test or any(kind.kind != "index" or kind.optional for _, kind in parameters)
    ):
        refuse(
            node,
            path,
            "what is about runs takes members of index types, changes nothing and returns bool",
            "write name: Index for each parameter, and -> bool",
        )
    if "fair" not in marks:
        return
    if marks.get("action", "initial") == "initial":
        refuse(node, path, f"{node.name} is fair, and not an action", "write @action(...) too")
    known = [name for name, _ in parameters]
    for name in marks["fair"].split():
        if name not in known:
            hint = "name parameters of the action, separated by spaces"
            refuse(node, path, f"{node.name} has no parameter {name!r}", hint)
