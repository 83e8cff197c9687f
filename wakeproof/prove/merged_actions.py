"""Actions that end alike, as one action: what they share is looked at once.

Many actions of the model do little by themselves and then call what others call too: polling with
one waker or another, answering a wait in one place or another. One action that is any of them
breaks a fact if and only if one of them does.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import TypeVar

from wakeproof.language import ir
from wakeproof.language.analysis import called, nodes

MOST = 3 / 4
"""Of the text that it runs through, so much has an action in common with those it is joined to."""

Tree = TypeVar("Tree")


def joints(program: ir.Program, actions: Sequence[str]) -> list[tuple[str, ...]]:
    """The actions, those together that do most in the same function at their end, in order."""

    @functools.cache
    def text(name: str) -> int:
        return sum(1 for f in called(program, [name]) for _ in nodes(f.body))

    alike: dict[str, list[str]] = {}
    for action in actions:
        if action in program.functions:
            for _, call in _ends(program, action):
                if text(call.function) >= MOST * text(action):
                    alike.setdefault(call.function, []).append(action)
    found: dict[str, tuple[str, ...]] = {}
    for some in sorted(alike.values(), key=len, reverse=True):
        if not found.keys() & set(some):
            found |= dict.fromkeys(some, tuple(some))
    return list(dict.fromkeys(found.get(action, (action,)) for action in actions))


@functools.lru_cache(maxsize=64)
def join(program: ir.Program, actions: tuple[str, ...]) -> ir.Function:
    """The action that is any of these; which one it is and its arguments are parameters.

    It is the first that is `chosen`, and the last if none is. Arguments of the same name and type
    are `shared`.

    Raises `ValueError` if they do not end with a call of the same function.
    """
    ends = {
        action: {call.function: (begin, call) for begin, call in _ends(program, action)}
        for action in actions
    }
    first, *others = (program.functions[action] for action in actions)
    # the callers come before what they call
    common = [name for name in ends[first.name] if all(name in ends[f.name] for f in others)]
    if not common:
        raise ValueError(f"{', '.join(actions)} do not end alike")
    end = common[0]
    kinds: dict[str, ir.Type] = {}
    for function in (first, *others):
        for name, kind in function.parameters:
            known = kinds.get(shared(name, kind), kind)
            optional = known.optional or kind.optional
            kinds[shared(name, kind)] = dataclasses.replace(kind, optional=optional)
    body: tuple[ir.Stmt, ...] = ()
    for function in (*others[::-1], first):
        begin, call = ends[function.name][end]
        branch = (*_arguments(function, kinds), *begin, *_passed(call, function.where))
        choice = ir.Local(chosen(function.name), ir.BOOL)
        body = branch if not body else (ir.If(choice, branch, body, function.where),)
    _, call = ends[first.name][end]
    passed = tuple(ir.Local(f"argument {i}", a.type) for i, a in enumerate(call.arguments))
    tail = ir.Do(dataclasses.replace(call, arguments=passed), first.where)
    choices = [(chosen(action), ir.BOOL) for action in actions[:-1]]
    return dataclasses.replace(
        first,
        name=joint_name(actions),
        parameters=(*kinds.items(), *choices),
        body=(*body, tail),
    )


def joint_name(actions: Sequence[str]) -> str:
    """The name of the action that is any of these."""
    return " or ".join(actions)


def _ends(program: ir.Program, action: str) -> Iterator[tuple[tuple[ir.Stmt, ...], ir.Call]]:
    """The last call of an action, that with which the called function ends, and so on.

    With each comes what the action does before it.
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
    """The parameters of the action have the values of those that it shares with others."""
    for name, kind in function.parameters:
        given = ir.Local(shared(name, kind), kinds[shared(name, kind)])
        if given.type.optional and not kind.optional:
            nothing = ir.Const(None, given.type)
            yield ir.Guard(ir.Binary("!=", given, nothing, ir.BOOL), function.where)
        yield ir.SetLocal(f"{function.name}.{name}", given, function.where)


def shared(name: str, kind: ir.Type) -> str:
    """What a parameter of an action is called in the joint action."""
    return f"{name}: {kind.name or kind.kind}"


def chosen(action: str) -> str:
    """The parameter that says that the joint action is this one."""
    return f"is {action}"


def _passed(call: ir.Call, where: ir.Where) -> Iterator[ir.Stmt]:
    """What is passed to the function with which all end."""
    for i, argument in enumerate(call.arguments):
        yield ir.SetLocal(f"argument {i}", argument, where)


def _renamed(tree: Tree, prefix: str) -> Tree:
    """The text with another name for each of its local variables."""
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
