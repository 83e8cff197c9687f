"""A scenario in one mix as the program that an export writes: folded, and in normal form.

What the run fixes is folded away, and every action is two functions: `can_...`, which says whether
the action is possible, and one of the action's own name, which takes it without asking.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from wakeproof.errors import InputError
from wakeproof.explore.progress.questions import Questions
from wakeproof.language import ir
from wakeproof.language.analysis import Effects, nodes
from wakeproof.language.constant_folding import fold
from wakeproof.language.normal_form import normal_form, split_action
from wakeproof.language.values import Scalar
from wakeproof.scenario.instance import Instance


class ExportProgram:
    """The program; `effects` are those of the actions, of their guards and of the properties.

    `actions` have no guards but those that depend on a change; `properties` are the invariants.
    `initial` has for every field of the state its scalars in the initial state, flat.

    With `questions` about progress the program has their conditions instead of the invariants.
    """

    def __init__(self, instance: Instance, questions: Questions | None = None) -> None:
        self.instance = instance
        self.machine = machine = instance.machine()
        names = [f.name for f in machine.actions if f.name in instance.actions]
        program = fold(instance.resolved.program, instance.run)
        self.properties = program.marked("invariant") if questions is None else {}
        asked = questions or Questions()
        conditions = [name for name, _ in asked.conditions]
        split = [*names, *asked.left_out]
        program = normal_form(program, [*split, *self.properties, *conditions])
        effects = Effects(program, split)
        for name in split:
            can, step = split_action(effects, program.functions[name])
            program.functions |= {can.name: can, name: step}
        self.program = program
        self.members = {name: identifiers(members) for name, members in program.enums.items()}
        self.sizes = instance.run.sizes
        self.actions = [program.functions[name] for name in names]
        guards = [f"can_{name}" for name in split]
        self.effects = Effects(program, [*guards, *names, *self.properties, *conditions])
        self.initial: dict[str, list[Scalar]] = {name: [] for name in program.state}
        for (name, _, _), value in zip(machine.layout(), machine.initial(), strict=True):
            self.initial[name].append(value)

    def refuse_late_guards(self) -> None:
        """Raise `InputError` for a guard inside an action, which depends on its own changes."""
        for function in self.actions:
            if any(isinstance(node, ir.Guard) for node in nodes(function.body)):
                what = f"a guard of {function.name} comes late"
                raise InputError(what, where=str(function.where))

    def member(self, value: int, kind: ir.Type) -> str:
        """The name of a member of an enumeration, which no other enumeration has."""
        return f"{kind.name}_{self.members[kind.name][value]}"


def identifier(name: str) -> str:
    """Return a name with `_` in the place of what an identifier may not have."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name)


def identifiers(names: Sequence[str]) -> list[str]:
    """Return names as identifiers that differ: `a-b` and `a_b` become `a_b` and `a_b_2`."""
    found: list[str] = []
    for name in names:
        plain = identifier(name)
        numbered = (f"{plain}_{number}" for number in itertools.count(2))
        found.append(next(n for n in itertools.chain([plain], numbered) if n not in found))
    return found


def source(function: ir.Function) -> str:
    """Where a function stands in the model, and the first paragraph of its docstring."""
    file = function.where.file.rpartition("/model/")[2]
    paragraph = function.doc.split("\n\n")[0]
    return f"{file}:{function.where.line} {' '.join(paragraph.split())}"
