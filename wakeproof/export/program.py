"""A scenario in one mix as the program that an export writes: folded, and in normal form.

What the run fixes is folded away, and every action is two functions: `can_...`, which says whether
the action is possible, and one of the action's own name, which takes it without asking.
"""

from __future__ import annotations

from wakeproof.language import ir
from wakeproof.language.analysis import Effects
from wakeproof.language.constant_folding import fold
from wakeproof.language.normal_form import normal_form, split_action
from wakeproof.language.values import Scalar
from wakeproof.scenario.instance import Instance


class ExportProgram:
    """The program; `effects` are those of the actions, of their guards and of the properties.

    `actions` have no guards but those that depend on a change; `properties` are the invariants.
    `initial` has for every field of the state its scalars in the initial state, flat.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.machine = machine = instance.machine()
        names = [f.name for f in machine.actions if f.name in instance.actions]
        program = fold(instance.resolved.program, instance.run)
        self.properties = program.marked("invariant")
        program = normal_form(program, [*names, *self.properties])
        effects = Effects(program, names)
        for name in names:
            can, step = split_action(effects, program.functions[name])
            program.functions |= {can.name: can, name: step}
        self.program = program
        self.sizes = instance.run.sizes
        self.actions = [program.functions[name] for name in names]
        guards = [f"can_{name}" for name in names]
        self.effects = Effects(program, [*guards, *names, *self.properties])
        self.initial: dict[str, list[Scalar]] = {name: [] for name in program.state}
        for (name, _, _), value in zip(machine.layout(), machine.initial(), strict=True):
            self.initial[name].append(value)

    def member(self, value: int, kind: ir.Type) -> str:
        """The name of a member of an enumeration, which no other enumeration has."""
        return f"{kind.name}_{self.program.enums[kind.name][value]}"


def source(function: ir.Function) -> str:
    """Where a function stands in the model, and the first paragraph of its docstring."""
    file = function.where.file.rpartition("/model/")[2]
    paragraph = function.doc.split("\n\n")[0]
    return f"{file}:{function.where.line} {' '.join(paragraph.split())}"
