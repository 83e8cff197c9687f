"""One property of progress as a model in Promela: a run that breaks it is an acceptance cycle.

Spin's own fairness (`-f`) is weak, and for whole processes; the model's is strong, for each choice
of the host. A formula that lists the assumptions would need an automaton with a state for each
subset of them. So the process of the model itself is that automaton, and no claim is needed.

Beside the state it has a phase. While a run is free, it may promise at any state to owe something
to some members from there on, and later, for it does not know where it will stay, to be watched.
A promise that is broken, as what is owed happens, ends the run: others have promised nothing. From
the state in which it begins to be watched, the run notes each demand that is asked, and waits for
them in turn; a demand that is asked for the first time begins a new turn. A run is fair where every
turn ends, which is where the label `accept` stands. A run that is watched may stop at any state in
which nothing is asked.
"""

from __future__ import annotations

from wakeproof.errors import InputError
from wakeproof.export.progress import demands, left_out, owed, questions_about
from wakeproof.export.promela import Writer
from wakeproof.export.promela_head import NONE
from wakeproof.language.values import Step
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import run_name

HEAD = """\
/* {title}
 *
 * Scenario {scenario}, mix {mix}, the property of progress {property}, written by
 * `wakeproof export {scenario} --to promela --property {property}`.
 *
 *   spin -a FILE && cc -O2 -DNOREDUCE -o pan pan.c && ./pan -a -m9999999
 *
 * An `acceptance cycle` is a run that breaks the property; without one it holds. An `assertion
 * violated` says that nothing is decided: the scenario leaves out an action that the host owes.
 * `max search depth too small` says so, too: run it with a larger -m.
 */
#define NONE {none}  /* no value, of an optional type */
#define scratch hidden
"""
MOST = 255
"""The largest number of a byte."""
PHASES = ("FREE", "OWES", "WATCHED", "ROUND", "OVER")
"""The phases of a run; after a ROUND, in which every turn has ended, it is watched again."""


def promela_progress(instance: Instance, property_id: str) -> str:
    """Return the text. Raises `InputError` for a property or a scenario that it cannot be about."""
    return _Writer(instance, property_id).text()


class _Writer(Writer):
    """Writes one text about one property."""

    def __init__(self, instance: Instance, property_id: str) -> None:
        self.property = property_id
        self.asked = questions_about(instance, property_id)
        super().__init__(instance, self.asked)
        self.refuse_late_guards()
        self.owed = owed(self.program, self.asked)
        self.demands = demands(self.program, self.sizes, self.asked)
        self.left_out = left_out(self.program, self.sizes, self.asked)
        if max(len(self.owed), len(self.demands)) > MOST:
            raise InputError(
                f"{property_id} is owed in {len(self.owed)} ways under {len(self.demands)} "
                f"assumptions, and Promela counts {MOST} in a byte",
                hint="export a scenario with smaller sizes",
            )

    def head(self) -> None:
        """What this is, and how to run it."""
        scenario = self.instance.scenario
        text = HEAD.format(
            title=scenario.title.replace("*/", "* /"),
            scenario=scenario.name,
            mix=run_name(self.instance.mix, self.instance.build),
            property=self.property,
            none=NONE,
        )
        self.lines += text.splitlines()

    def noted(self, step: Step) -> str:
        """The number of the fair choice, from 1."""
        fair = step.action in self.asked.fair
        return f"; run_took = {self.asked.group_of(step) + 1 if fair else 0}"

    def wrong(self, kind: str, site: str) -> None:
        """End the run; a bound that is too small leaves everything undecided."""
        if kind == "bound":
            super().wrong(kind, site)
        else:
            self.say(self.jump("went_wrong"))

    def gone_wrong(self) -> None:
        """End the run."""
        super().gone_wrong()
        self.say("run_phase = RUN_OVER;")

    def variables(self) -> None:
        """The variables beside the state, and those of the run."""
        super().variables()
        self.lines += ["", "/* --- the run, of which the property is */", ""]
        self.lines += [f"#define RUN_{name} {number}" for number, name in enumerate(PHASES)]
        self.say("byte run_phase;")
        self.say("byte run_owed;  /* to which members */")
        self.say(f"bit run_asked[{max(1, len(self.demands))}];")
        self.say("byte run_turn;  /* the demand that is waited for */")
        self.say("scratch byte run_took;  /* the fair choice of the last step, from 1 */")

    def process(self, step: list[str]) -> None:
        """The process: it takes a step, makes a promise, or stops."""
        self.watch()
        self.lines += ["", "active proctype machine()", "{"]
        self.lines.append(f"  assert(! {self.value(self.left_out)});")
        self.lines += ["end_of_run:", "  do", "  :: atomic {"]
        self.depth = 2
        self.choice()
        self.lines += step
        self.say("d_step { run_watch() };")
        self.say("if")
        self.say(":: run_phase == RUN_OVER -> goto end_is_over")
        self.say(":: run_phase == RUN_ROUND -> run_phase = RUN_WATCHED; goto accept_round")
        self.say(":: else")
        self.say("fi")
        self.depth = 0
        self.lines.append("    }")
        self.promises()
        self.lines += [
            "  :: run_phase != RUN_FREE && ! RUN_WAITS -> goto accept_stopped",
            "  od;",
            "accept_round:",
            "  skip; goto end_of_run;",
            "accept_stopped:",
            "  do :: run_turn = 0 od;",
            "end_is_over:",
            "  false",
            "}",
        ]

    def promises(self) -> None:
        """What a run may promise in the state in which it is."""
        for number, row in enumerate(self.owed):
            if row.begins is None:
                begins, phase, note = "", "WATCHED", "; run_note()"
            else:
                begins, phase, note = f" && {self.value(row.begins)}", "OWES", ""
            self.lines += [
                "  :: d_step {",
                f"       run_phase == RUN_FREE{begins} && ! {self.value(row.ends)} ->",
                f"       run_owed = {number}; run_phase = RUN_{phase}{note}",
                "     }",
            ]
        if any(row.begins is not None for row in self.owed):
            self.lines += ["  :: d_step {", "       run_phase == RUN_OWES ->"]
            self.lines += ["       run_phase = RUN_WATCHED; run_note()", "     }"]

    def watch(self) -> None:
        """Macros: whether the promise is broken, whether the run may stop, what is noted of it."""
        self.lines += ["", "/* --- what is noted of the run */", ""]
        ends = [f"run_owed == {i} && {self.value(row.ends)}" for i, row in enumerate(self.owed)]
        self.define("RUN_BREAKS", ends)
        waits = []
        for demand in self.demands:
            done = "" if demand.done is None else f" && ! {self.value(demand.done)}"
            waits.append(f"{self.value(demand.asked)}{done}")
        self.define("RUN_WAITS", waits)
        self.lines += ["", "inline run_note() {"]
        for i, demand in enumerate(self.demands):
            asked = f"! run_asked[{i}] && {self.value(demand.asked)}"
            self.lines += ["  if", f"  :: {asked} ->", f"     run_asked[{i}] = 1; run_turn = 0"]
            self.lines += ["  :: else", "  fi;"]
        for i, demand in enumerate(self.demands):
            done = f"run_took == {i + 1}" if demand.done is None else self.value(demand.done)
            self.lines += ["  if", f"  :: run_turn == {i} && (! run_asked[{i}] || {done}) ->"]
            self.lines += [f"     run_turn = {i + 1}", "  :: else", "  fi;"]
        self.lines += [
            "  if",
            f"  :: run_turn == {len(self.demands)} -> run_turn = 0; run_phase = RUN_ROUND",
            "  :: else",
            "  fi",
            "}",
            "",
            "inline run_watch() {",
            f"  assert(! {self.value(self.left_out)});",
            "  if",
            "  :: run_phase == RUN_OWES && ! RUN_BREAKS",
            "  :: run_phase == RUN_WATCHED && ! RUN_BREAKS -> run_note()",
            "  :: run_phase == RUN_FREE",
            "  :: else ->",
            "     begin_again();",
            "     run_owed = 0; run_turn = 0; run_took = 0; run_phase = RUN_OVER;",
            *(f"     run_asked[{i}] = 0;" for i in range(len(self.demands))),
            "  fi",
            "}",
        ]

    def define(self, name: str, conditions: list[str]) -> None:
        """Define a macro: one of these conditions holds."""
        self.lines.append(f"#define {name} (" + " || ".join(f"({c})" for c in conditions) + ")")
        if not conditions:
            self.lines[-1] = f"#define {name} false"
