"""List the enabled steps of a state without changing it, and their outcomes.

The guards at the head of an action are evaluated in nested loops over its parameters, each guard in
the outermost loop that binds its names: a guard without parameters is evaluated once a state. The
loops are plain Python over the machine's namespace.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Sequence
from types import CodeType

from wakeproof.execution.machine import Machine
from wakeproof.language.ir import Function
from wakeproof.language.primitives import GuardFailed, WentWrong
from wakeproof.language.values import Scalar, Snapshot, Step, domain

Arguments = list[tuple[Scalar, ...]]
Enumerator = tuple[str, Callable[[], Arguments], Callable[..., None]]
"""An action: its name, a function that lists its enabled arguments, and the action itself."""
Outcome = Snapshot | tuple[str, str]
"""The outcome of a step: the next state, or (kind, site) where it goes wrong."""


def enumerators(machine: Machine, only: Sequence[str] | None = None) -> list[Enumerator]:
    """Return the enumerators of the machine's actions, or of `only` some of them."""
    nodes = {node.name: node for _, node in machine.trees}
    found = []
    for function in machine.actions:
        if only is None or function.name in only:
            listing = _compile(machine, function, nodes[function.name])
            found.append((function.name, listing, machine.namespace[function.name]))
    return found


def outcomes(
    machine: Machine, listing: Sequence[Enumerator], state: Snapshot
) -> list[tuple[Step, Outcome]]:
    """List every enabled step from a state with its outcome."""
    machine.load(state)
    possible = [(n, a, f) for n, arguments, f in listing for a in arguments()]
    found: list[tuple[Step, Outcome]] = []
    for name, arguments, function in possible:
        machine.load(state)
        try:
            function(*arguments)
        except GuardFailed:
            continue
        except WentWrong as wrong:
            found.append((Step(name, arguments), (wrong.kind, wrong.site)))
        else:
            found.append((Step(name, arguments), machine.save()))
    return found


def why_not(machine: Machine, step: Step) -> str:
    """Return why a step is not enabled in the machine's state: the first guard that fails.

    A guard that calls a function is explained by its docstring. Empty if no guard fails.
    """
    nodes = {node.name: node for _, node in machine.trees}
    function = machine.program.functions[step.action]
    names = [name for name, _ in function.parameters]
    space = {**machine.namespace, **dict(zip(names, step.arguments, strict=True))}
    for condition, bound in _head(nodes[step.action]):
        value = eval(compile(ast.Expression(condition), "guard", "eval"), space)
        if bound is not None:
            space[bound] = value
        if value is None or value is False:
            return _explained(machine, condition, bound is not None)
    return ""


def _explained(machine: Machine, condition: ast.expr, is_needed: bool) -> str:
    """Return a guard that fails as text, with the sentence of the function that it calls."""
    text = ast.unparse(condition)
    prefix = "there is none: " if is_needed else "it does not hold: "
    match condition:
        case ast.Call(func=ast.Name(id=name)) if name in machine.program.functions:
            doc = machine.program.functions[name].doc.split("\n\n")[0]
            return f"{prefix}{' '.join(doc.split()).rstrip('.')} ({text})" if doc else prefix + text
    return prefix + text


def is_site(outcome: Outcome) -> bool:
    """Return whether a step went wrong: its outcome is (kind, site)."""
    return bool(outcome) and isinstance(outcome[0], str)


def _compile(
    machine: Machine, function: Function, node: ast.FunctionDef
) -> Callable[[], Arguments]:
    """Return the nested loops of one action, over the members that a run has."""
    space = dict(machine.namespace)
    for i, (_, kind) in enumerate(function.parameters):
        space[f"_domain_{i}"] = domain(machine.program, machine.run.sizes, kind)
    exec(_loops(node), space)
    listing: Callable[[], Arguments] = space[function.name]
    return listing


@functools.lru_cache(maxsize=4096)
def _loops(node: ast.FunctionDef) -> CodeType:
    """Write and compile the nested loops of one action, over `_domain_0` and so on."""
    parameters = [a.arg for a in node.args.args]
    level_of = {name: i + 1 for i, name in enumerate(parameters)}
    levels: list[list[str]] = [[] for _ in range(len(parameters) + 1)]
    for test, bound in _head(node):
        level = max((level_of.get(name, 0) for name in _names(test)), default=0)
        if bound is None:
            levels[level].append(f"if not ({ast.unparse(test)}): @")
        else:
            level_of[bound] = level
            levels[level].append(f"{bound} = {ast.unparse(test)}")
            levels[level].append(f"if {bound} is None: @")
    lines = [f"def {node.name}():", " found = []"]
    lines += [" " + line.replace("@", "return found") for line in levels[0]]
    indent = " "
    for i, name in enumerate(parameters):
        lines.append(f"{indent}for {name} in _domain_{i}:")
        indent += " "
        lines += [indent + line.replace("@", "continue") for line in levels[i + 1]]
    lines.append(f"{indent}found.append(({''.join(p + ', ' for p in parameters)}))")
    lines.append(" return found")
    code: CodeType = compile("\n".join(lines), "guards", "exec")
    return code


def _head(node: ast.FunctionDef) -> list[tuple[ast.expr, str | None]]:
    """List the guards: (condition, None), or (value, name) for `name = require(value)`."""
    head: list[tuple[ast.expr, str | None]] = []
    for statement in node.body:
        match statement:
            case ast.Expr(value=ast.Constant()):
                pass
            case ast.Expr(value=ast.Call(func=ast.Name(id="guard"), args=[condition])):
                head += [(part, None) for part in _conjuncts(condition)]
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.Call(func=ast.Name(id="require"), args=[value]),
            ):
                head.append((value, name))
            case _:
                break
    return head


def _conjuncts(condition: ast.expr) -> list[ast.expr]:
    if isinstance(condition, ast.BoolOp) and isinstance(condition.op, ast.And):
        return [part for value in condition.values for part in _conjuncts(value)]
    return [condition]


def _names(node: ast.expr) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
