"""Merged actions: actions that end with the same call, as one action.

Many actions of the model do little by themselves and then call what others call too: polling with
one waker or another, answering a wait in one place or another. Of one action that is any of them,
the shared part is executed once. It breaks a fact if and only if one of them does.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import TypeVar

from wakeproof.language import ir
from wakeproof.language.analysis import called, nodes

MOST = 3 / 4
"""The share of an action's text that it must have in common with the actions merged with it."""

Tree = TypeVar("Tree")


def mergeable(program: ir.Program, actions: Sequence[str]) -> list[tuple[str, ...]]:
    """The actions in order, grouped: those that do most in the same function at their end."""

    @functools.cache
    def text(name: str) -> int:
        return sum(1 for f in called(program, [name]) for _ in nodes(f.body))

    endings: dict[str, list[str]] = {}
    for action in actions:
        if action in program.functions:
            for _, call in _ends(program, action):
                if text(call.function) >= MOST * text(action):
                    endings.setdefault(call.function, []).append(action)
    found: dict[str, tuple[str, ...]] = {}
    for some in sorted(endings.values(), key=len, reverse=True):
        if not found.keys() & set(some):
            found |= dict.fromkeys(some, tuple(some))
    return list(dict.fromkeys(found.get(action, (action,)) for action in actions))


@functools.lru_cache(maxsize=64)
def merge(program: ir.Program, actions: tuple[str, ...]) -> ir.Function:
    """The action that is any of these; which one it is and its arguments are parameters.

    It is the first whose choice is true, and the last if none is. Arguments of the same name and
    type are shared.

    Raises `ValueError` if the actions do not end with a call of the same function.
    """
    ends = {
        action: {call.function: (begin, call) for begin, call in _ends(program, action)}
        for action in actions
    }
    first, *others = (program.functions[action] for action in actions)
    # the callers come before what they call
    common = [name for name in ends[first.name] if all(name in ends[f.name] for f in others)]
    if not common:
        raise ValueError(f"{', '.join(actions)} do not end with a call of the same function")
    end = common[0]
    kinds: dict[str, ir.Type] = {}
    for function in (first, *others):
        for name, kind in function.parameters:
            known = kinds.get(shared_name(name, kind), kind)
            optional = known.optional or kind.optional
            kinds[shared_name(name, kind)] = dataclasses.replace(kind, optional=optional)
    body: tuple[ir.Stmt, ...] = ()
    for function in (*others[::-1], first):
        begin, call = ends[function.name][end]
        branch = (*_arguments(function, kinds), *begin, *_passed(call, function.where))
        choice = ir.Local(choice_name(function.name), ir.BOOL)
        body = branch if not body else (ir.If(choice, branch, body, function.where),)
    _, call = ends[first.name][end]
    passed = tuple(ir.Local(f"argument {i}", a.type) for i, a in enumerate(call.arguments))
    tail = ir.Do(dataclasses.replace(call, arguments=passed), first.where)
    choices = [(choice_name(action), ir.BOOL) for action in actions[:-1]]
    return dataclasses.replace(
        first,
        name=merged_name(actions),
        parameters=(*kinds.items(), *choices),
        body=(*body, tail),
    )


def merged_name(actions: Sequence[str]) -> str:
    """The name of the action that is any of these."""
    return " or ".join(actions)


def _ends(program: ir.Program, action: str) -> Iterator[tuple[tuple[ir.Stmt, ...], ir.Call]]:
    """The last call of an action, the last call of the function it calls, and so on.

    With each comes the text that the action runs before it.
    """
    function = program.functions[action]
    begin: tuple[ir.Stmt, ...] = ()
    while True:
        body = _renamed(function.body, f"{function.name}.")
        if any(isinstance(node, ir.Return) for node in nodes(body)):
            return
        match body:
            case (*others, ir.Do(call=ir.Call() as call, where=where)):
                begin = (*begin, *others)
                yield begin, call
            case _:
                return
        function = program.functions[call.function]
        begin = (
            *begin,
            *(
                ir.SetLocal(f"{function.name}.{name}", value, where)
                for (name, _), value in zip(function.parameters, call.arguments, strict=True)
            ),
        )


def _arguments(function: ir.Function, kinds: dict[str, ir.Type]) -> Iterator[ir.Stmt]:
    """Set the parameters of an action from the shared ones."""
    for name, kind in function.parameters:
        given = ir.Local(shared_name(name, kind), kinds[shared_name(name, kind)])
        if given.type.optional and not kind.optional:
            nothing = ir.Const(None, given.type)
            yield ir.Guard(ir.Binary("!=", given, nothing, ir.BOOL), function.where)
        yield ir.SetLocal(f"{function.name}.{name}", given, function.where)


def shared_name(name: str, kind: ir.Type) -> str:
    """The name of an action's parameter in the merged action."""
    return f"{name}: {kind.name or kind.kind}"


def choice_name(action: str) -> str:
    """The parameter which is true if the merged action is this one."""
    return f"is {action}"


def _passed(call: ir.Call, where: ir.Where) -> Iterator[ir.Stmt]:
    """Set the arguments of the function with which all the actions end."""
    for i, argument in enumerate(call.arguments):
        yield ir.SetLocal(f"argument {i}", argument, where)


def _renamed(tree: Tree, prefix: str) -> Tree:
    """The text with `prefix` before the name of each local variable."""
    if isinstance(tree, tuple):
        return type(tree)(_renamed(part, prefix) for part in tree)
    if not dataclasses.is_dataclass(tree) or isinstance(tree, ir.Type | ir.Where):
        return tree
    changes = {
        part.name: _renamed(getattr(tree, part.name), prefix) for part in dataclasses.fields(tree)
    }
    match tree:
        case ir.Local() | ir.SetLocal():
            changes["name"] = prefix + tree.name
        case ir.For() | ir.Quantifier():
            changes["variable"] = prefix + tree.variable
    return dataclasses.replace(tree, **changes)  # type: ignore[type-var]
