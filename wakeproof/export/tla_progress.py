r"""One property of progress as a specification in TLA+, with strong fairness for each choice.

A run of the model may stop at any time, as every behaviour of TLA+ may stutter. After a step that
goes wrong a behaviour stutters for ever; there the run has ended, and nothing is owed. A fair step
that leads back to its state is no step in TLA+, so fairness asks for the others of its choice; the
bundled scenarios have none.

TLC takes an assumption `[]<>A => []<>B`, which strong fairness is too, apart into its two cases,
and decides every combination. So those that the run never asks for are left out, and an invariant
says that it does not.
"""

from __future__ import annotations

from wakeproof.export.progress import demands, left_out, owed, possible, questions_about
from wakeproof.export.tla import Scope, Writer, module_name
from wakeproof.language import ir
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import run_name

HEAD = r"""---- MODULE {module} ----
(* {title}

   Scenario {scenario}, mix {mix}, the property of progress {property}, written by
   `wakeproof export {scenario} --to tla --property {property}`.

     java -XX:+UseParallelGC -jar tla2tools.jar -deadlock -lncheck final {module}.tla

   `Temporal property Progress was violated`, and a run that breaks it; without that it holds. An
   `Invariant` that is violated says that nothing is decided: the scenario leaves out an action that
   the host owes, or fairness is asked for that is not among the assumptions. *)
EXTENDS Integers, FiniteSets, TLC

VARIABLE machine

None == -1
"""


def tla_progress(instance: Instance, property_id: str) -> tuple[str, str]:
    """Return the module and the configuration.

    Raises `InputError` for a property or a scenario that they cannot be about.
    """
    writer = _Writer(instance, property_id)
    return writer.module(), writer.configuration()


class _Writer(Writer):
    """Writes one module about one property."""

    def __init__(self, instance: Instance, property_id: str) -> None:
        self.property = property_id
        self.asked = questions_about(instance, property_id)
        super().__init__(instance, self.asked)
        self.possible = possible(instance, self.asked)

    def head(self) -> str:
        """What this is, and how to run it."""
        scenario = self.instance.scenario
        return HEAD.format(
            module=module_name(self.instance, self.property),
            title=scenario.title.replace("*)", "* )"),
            scenario=scenario.name,
            mix=run_name(self.instance.mix, self.instance.build),
            property=self.property,
        )

    def configuration(self) -> str:
        """What TLC reads beside the module."""
        return "SPECIFICATION Spec\nPROPERTY Progress\nINVARIANT NoneIsLeftOut NoOtherIsAsked\n"

    def next(self) -> list[str]:
        """Every action with every argument; none after a step that has gone wrong."""
        name, *steps = super().next()
        return ['Alive == machine.wrong = ""', "", name, "  /\\ Alive", *steps]

    def claims(self) -> list[str]:
        """The specification, the property and the invariants."""
        fair, others = [], []
        for demand, is_possible in zip(
            demands(self.program, self.sizes, self.asked), self.possible, strict=True
        ):
            if not is_possible:
                others.append(demand.asked)
            elif demand.done is not None:
                asked, done = self.about(demand.asked), self.about(demand.done)
                fair.append(f"([]<>({asked}) => []<>({done}))")
            elif demand.choice is not None:
                name, values = demand.choice
                function = self.program.functions[name]
                places = self.asked.fair[name]
                chosen = {function.parameters[p][0]: v for p, v in zip(places, values, strict=True)}
                fair.append(f"SF_machine(Alive /\\ {self.a_step(function, chosen)})")
        properties = []
        for row in owed(self.program, self.asked):
            ends = f"(Alive => {self.about(row.ends)})"
            if row.begins is None:
                properties.append(f"[]<>{ends}")
            else:
                properties.append(f"((Alive /\\ {self.about(row.begins)}) ~> {ends})")
        missing = self.about(left_out(self.program, self.sizes, self.asked))
        never = " \\/ ".join(map(self.about, others)) or "FALSE"
        return [
            "Spec ==",
            *(f"  /\\ {line}" for line in ["Init", "[][Next]_machine", *fair]),
            "",
            "Progress ==",
            *(f"  /\\ {line}" for line in properties or ["TRUE"]),
            "",
            f"NoneIsLeftOut == Alive => ~({missing})",
            f"NoOtherIsAsked == Alive => ~({never})",
        ]

    def about(self, value: ir.Expr) -> str:
        """The text of a condition on the machine."""
        return self.value(value, Scope("machine", {}))
