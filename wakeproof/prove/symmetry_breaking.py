"""Symmetry breaking: of all states that differ by renaming members, one suffices.

In an obligation nothing is known of the state except that the facts hold. The members of an index
type are interchangeable if action, facts and premises are the same for each of them: then a state
is covered by any other in which its members have changed places. So the member that the action
names first may be the first, the member to which that one points the second, and so on: a pointer
that is read at a named place leads to a member that has a name already, or to the next one that has
none.

Whether the members are interchangeable is read off the text: it names none of them, compares none
by size, and every loop over the type either ignores its variable or has turns that change their own
member alone, so that their order does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wakeproof.language import ir
from wakeproof.language.analysis import assigned, asymmetric_types, called, nodes, own_locals
from wakeproof.language.values import Scalar, domain


def interchangeable(program: ir.Program, roots: Iterable[str]) -> set[str]:
    """The index types whose members are interchangeable in these functions and all they call."""
    types = set(program.indexes)
    for function in called(program, roots):
        inside = list(nodes(function.body))
        types -= asymmetric_types(inside)
        loops = [node for node in inside if isinstance(node, ir.For)]
        types -= {loop.over for loop in loops if not _is_orderless(program, function, loop)}
    return types


def _is_orderless(program: ir.Program, function: ir.Function, loop: ir.For) -> bool:
    """Whether the order of the turns visibly makes no difference."""
    inside = list(nodes(loop.body))
    if not any(isinstance(n, ir.Local) and n.name == loop.variable for n in inside):
        return True
    callees = [n.function for n in inside if isinstance(n, ir.Call)]
    beyond = [n for f in called(program, callees) for n in nodes(f.body)]
    if any(isinstance(n, ir.Store) for n in beyond):
        return False
    if any(isinstance(n, ir.Return | ir.Guard | ir.Wrong | ir.Unwrap) for n in inside):
        return False
    if any(isinstance(n, ir.Guard | ir.Wrong | ir.Unwrap) for n in beyond):
        return False
    # a local of a turn is used nowhere else in the function
    if set(assigned(loop.body)) - own_locals(function.body, loop.body):
        return False
    changed = {n.field for n in inside if isinstance(n, ir.Store)}
    touching = [n for n in inside if isinstance(n, ir.Store | ir.Read) and n.field in changed]
    own = ir.Local(loop.variable, ir.Type("index", loop.over))
    return all(own in n.keys for n in touching) and not any(
        isinstance(n, ir.Read) and n.space == "s" and n.field in changed for n in beyond
    )


def restricted_values(
    program: ir.Program, sizes: Mapping[str, int], action: ir.Function, types: set[str]
) -> dict[str, tuple[Scalar, ...]]:
    """The values that suffice for an unknown, by its name, where not all are needed.

    `types` are those whose members are interchangeable. The unknowns are the arguments of the
    action, as `argument of action`, and the cells of the state before and of the parameters, as
    `before.field.key` and `p.field.key`.
    """
    named = dict.fromkeys(sizes, 0)
    found: dict[str, tuple[Scalar, ...]] = {}

    def give_names(unknown: str, kind: ir.Type) -> None:
        if kind.kind != "index" or kind.name not in types:
            return
        known = named[kind.name]
        possible = domain(program, sizes, kind)
        values = tuple(v for v in possible if v is None or v <= known)
        if len(values) < len(possible):
            found[unknown] = values
        named[kind.name] = min(known + 1, sizes[kind.name])

    for argument, kind in action.parameters:
        give_names(f"{argument} of {action.name}", kind)
    fields = [("before", *field) for field in program.state.items()]
    fields += [("p", *field) for field in program.parameters.items()]
    places = {field: place for place, field in enumerate(_fields_of(program, action))}
    beyond = len(places)
    fields.sort(key=lambda field: places.get(field[1], beyond))
    read: set[str] = set()
    while fresh := [
        (field in places, f"{space}.{field}{member}", declared.value)
        for space, field, declared in fields
        if len(declared.keys) <= 1
        for member in _members(declared, named)
        if f"{space}.{field}{member}" not in read
    ]:
        # the members that the action reads come first
        by_action = any(is_read for is_read, *_ in fresh)
        for is_read, unknown, kind in fresh:
            if is_read == by_action:
                read.add(unknown)
                give_names(unknown, kind)
    return found


def _members(declared: ir.FieldType, named: Mapping[str, int]) -> list[str]:
    """The keys of the field's cells, as far as the members have names."""
    if not declared.keys:
        return [""]
    return [f".{member}" for member in range(named.get(declared.keys[0], 0))]


def _fields_of(program: ir.Program, action: ir.Function) -> list[str]:
    """The fields that the action reads, in the order of the text that it runs through."""
    found: dict[str, None] = {}
    entered: set[str] = set()

    def follow(function: ir.Function) -> None:
        for node in nodes(function.body):
            match node:
                case ir.Read(field=field):
                    found.setdefault(field)
                case ir.Call(function=callee) if callee not in entered:
                    entered.add(callee)
                    follow(program.functions[callee])

    follow(action)
    return list(found)
