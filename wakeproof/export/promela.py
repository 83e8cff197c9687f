"""A scenario in one mix as a model in Promela, the language of Spin.

The state is a set of global variables. One process chooses, step after step, an action that is
possible, and takes it: the choice and the step are one atomic transition, and the states between
two steps are those of the other explorers. A function without effects is a macro. Any other one
stands in the step once: where it is called, or, if that is in several places, under a label of
its own, and who calls it sets its parameters and the place to go back to. Promela has no
functions, and as inlines the same text would be there thousands of times. Spin takes so many
statements in a step and no more, so the actions are in several blocks, each with what it calls.

A step that goes wrong violates an assertion that bears the name of the site, and leads back to
the initial state: what comes after it is outside the model. Invariants are assertions, too.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Sequence
from typing import Any

from wakeproof.errors import InputError
from wakeproof.explore.progress.questions import Questions
from wakeproof.export.cases import by_cases, follows_tables
from wakeproof.export.program import ExportProgram, source
from wakeproof.export.promela_head import head_of
from wakeproof.export.promela_size import elements, fits
from wakeproof.export.promela_table import is_array, table
from wakeproof.language import ir
from wakeproof.language.analysis import called, fields_written, nodes
from wakeproof.language.constant_folding import scalars
from wakeproof.language.normal_form import expand, returned
from wakeproof.language.values import Scalar, Step, domain, key_size
from wakeproof.scenario.instance import Instance

SHORT = 6
"""A function of so many statements is written where it is called."""


def promela(instance: Instance) -> str:
    """The text. Raises `InputError` if a property fails at once, in the initial state."""
    return Writer(instance).text()


def site_name(kind: str, site: str) -> str:
    """A site as an identifier: `panic__waker__is_set`; what Spin reports."""
    return "".join(c if c.isalnum() else "_" for c in f"{kind}__{site}")


def property_name(property_id: str) -> str:
    """A property as an identifier."""
    return "violated__" + property_id.replace("-", "_")


class Writer(ExportProgram):
    """Writes one text. Lines are indented as they are written."""

    def __init__(self, instance: Instance, questions: Questions | None = None) -> None:
        super().__init__(instance, questions)
        self.violated = [property_name(f.marks["invariant"]) for f in self.properties.values()]
        for name, holds in self.machine.invariants.items():
            if not holds():
                raise InputError(f"{name} fails in the initial state: there is nothing to explore")
        self.written = fields_written(self.effects.functions)
        never = {f"p_{name}": values for name, values in self.instance.run.parameters.items()}
        never |= {f"s_{n}": values for n, values in self.initial.items() if n not in self.written}
        self.arrays = {name for name, values in never.items() if is_array(list(scalars(values)))}
        self.lines: list[str] = []
        self.depth = 0
        # hidden variables with their types, sites, and for every function its places of return
        self.scratch: dict[str, str] = {}
        self.sites: dict[str, None] = {}
        self.calls: dict[str, int] = {}
        self.left: set[str] = set()
        # while a function is written in a step: its name, and the label of its end
        self.inside = ""
        self.end = ""
        self.waiting: list[str] = []
        # parameters of inlined functions that are another name for what they are given
        self.alias: dict[str, str] = {}
        self.inlined: set[str] = set()
        self.sites_of_calls: collections.Counter[str] = collections.Counter()
        # labels of the part that is written end in this
        self.part = ""
        # the elements of the macro that goes back to the initial state
        self.again = 0

    def weight(self, function: ir.Function) -> int:
        """About how many statements a function is."""
        weight = 0
        for node in nodes(function.body):
            match node:
                case ir.Store() | ir.SetLocal() | ir.Return():
                    weight += 1
                case ir.If() | ir.Wrong():
                    weight += 3
                case ir.For():
                    weight += 7
                case ir.Call(function=name) if self.sites_of_calls[name]:
                    weight += 4 + len(node.arguments)
        return weight

    # --- the whole

    def text(self) -> str:
        """Everything; the step is written first, since it says which variables there must be."""
        self.state()
        state, self.lines = self.lines, []
        self.depth = 2
        self.step()
        step, self.lines = self.lines, []
        self.depth = 0
        self.head()
        self.constants()
        self.lines += state
        self.variables()
        self.lines += ["", "/* --- functions without effects */", ""]
        for function in self.effects.functions:
            if self.effects.is_pure_function(function) and function.returns.kind != "unit":
                self.macro(function)
        self.process(step)
        return "\n".join(self.lines) + "\n"

    def variables(self) -> None:
        """The variables beside the state."""
        self.lines += ["", "/* --- what is worked out on the way; no part of the state */", ""]
        self.say("byte action;  /* 0 between steps */")
        for name, kind in self.scratch.items():
            self.say(f"scratch {kind.replace('bit', 'byte')} {name};")
        for name in [*self.sites, *self.violated]:
            self.say(f"scratch byte {name};")

    def process(self, step: list[str]) -> None:
        """The process, which takes one step after another."""
        self.forget()
        self.lines += ["", "active proctype machine()", "{", "end_of_run:", "  do", "  :: atomic {"]
        self.depth = 2
        self.choice()
        self.lines += [*step, "#ifdef BREADTH", "    d_step { forget() };", "#endif"]
        self.lines += ["    }", "  od", "}"]

    def hops(self) -> int:
        """The transitions of a step under BREADTH: one for each `d_step` that it goes through.

        They are the choice, one of the parts, the properties, and the macro at the end.
        """
        return 4 if self.properties else 3

    def head(self) -> None:
        """What this is, and how to run it."""
        self.lines += head_of(self.instance, self.hops()).splitlines()

    def constants(self) -> None:
        """Members of enumerations and index types, and parameters."""
        for name, members in self.members.items():
            self.say("")
            self.lines += [f"#define {name}_{m} {i}" for i, m in enumerate(members)]
        self.say("")
        for name, names in self.instance.names.items():
            told = ", ".join(f"{i} {name}" for i, name in enumerate(names))
            self.say(f"/* {name}: {told or 'none'} */")
        self.say("")
        for name, declared in self.program.parameters.items():
            self.table(f"p_{name}", declared, self.instance.run.parameters[name])
        for name, declared in self.program.state.items():
            if name not in self.written:
                self.table(f"s_{name}", declared, self.initial[name])

    def table(self, name: str, declared: ir.FieldType, given: Any) -> None:
        """What never changes."""
        values = [self.constant(value, declared.value) for value in scalars(given)]
        if not declared.keys:
            self.say(f"#define {name} {values[0]}")
            return
        self.say(table(name, self.kind(declared.value), values))

    def state(self) -> None:
        """The state with its initial values, and a macro that goes back to them."""
        self.lines += ["", "/* --- the state */", ""]
        again = []
        alike: dict[int, list[str]] = {}
        for name, declared in self.program.state.items():
            if name not in self.written:
                continue
            values = [self.constant(value, declared.value) for value in self.initial[name]]
            kind = self.kind(declared.value)
            if not declared.keys:
                self.say(f"{kind} s_{name} = {values[0]};")
                again.append(f"s_{name} = {values[0]}")
                continue
            size = max(1, len(values))
            if len(set(values)) == 1:
                start = f" = {values[0]}"
            else:
                start = f" = {{ {', '.join(values)} }}" if values else ""
            self.say(f"{kind} s_{name}[{size}]{start};  /* {', '.join(declared.keys)} */")
            if len(set(values)) == 1 and size > 1:
                alike.setdefault(size, []).append(f"s_{name}[cell] = {values[0]};")
            else:
                again += [f"s_{name}[{i}] = {value}" for i, value in enumerate(values)]
        body = [f"  {line};" for line in again]
        for size, stores in alike.items():
            body.append(f"  for (cell : 0 .. {size - 1}) {{")
            body += [*(f"    {store}" for store in stores), "  }"]
        self.again = elements(body)
        self.lines += ["", "inline begin_again() {", *body, "}"]

    def macro(self, function: ir.Function) -> None:
        """A function without effects."""
        self.comment(function)
        # a parameter must not be the name of another macro
        formals = {name: ir.Local(f"{name}_", kind) for name, kind in function.parameters}
        if follows_tables(function):
            (given,) = formals.values()
            result = by_cases(function, self.program, self.instance.run, given)
        else:
            result = returned(function.body, self.sizes, formals)
        self.say(f"#define {function.name}({', '.join(f.name for f in formals.values())}) \\")
        self.say(f"  {self.text_of(result)}")

    def choice(self) -> None:
        """Every action with every argument."""
        self.say("if")
        for number, function in enumerate(self.actions, 1):
            domains = [domain(self.program, self.sizes, kind) for _, kind in function.parameters]
            for values in itertools.product(*domains):
                given = [
                    self.constant(value, kind)
                    for value, (_, kind) in zip(values, function.parameters, strict=True)
                ]
                sets = "".join(
                    f"; {function.name}__{name} = {value}"
                    for (name, _), value in zip(function.parameters, given, strict=True)
                )
                can = f"can_{function.name}({', '.join(given)})"
                sets += self.noted(Step(function.name, values))
                self.say(f":: d_step {{ {can} -> action = {number}{sets} }}")
        self.say("fi;")

    def noted(self, step: Step) -> str:
        """What is noted of a step that is chosen."""
        return ""

    # --- the step

    def step(self) -> None:
        """The action that was chosen, in as many parts as Spin can take."""
        self.scratch["cell"] = "byte"
        self.say("if")
        for lines in self.parts(self.actions):
            self.say("::")
            self.lines += lines
        self.say("fi;")
        self.checks()

    def checks(self) -> None:
        """The properties, which hold too where a step went wrong and the run begins again.

        They are a part of their own, as one action with all that it calls may fill another.
        """
        if not self.properties:
            return
        self.say("d_step {")
        for name, function in self.properties.items():
            violated = property_name(function.marks["invariant"])
            self.say(f"  {violated} = ! {name}();")
            self.say(f"  assert(!{violated});")
        self.say("};")

    def parts(self, actions: Sequence[ir.Function]) -> list[list[str]]:
        """Blocks of code, each for some of these actions, with all that they call.

        Raises `InputError` for an action that is longer than a block, if steps are counted.
        """
        outer, self.lines = self.lines, []
        self.block(actions)
        written, self.lines = self.lines, outer
        is_whole = fits(elements(written) + self.again)
        if not is_whole and len(actions) > 1:
            half = len(actions) // 2
            return [*self.parts(actions[:half]), *self.parts(actions[half:])]
        self.part += "i"
        if not is_whole:
            self.refuse_a_bound(actions[0])
            # one action that is too long: nobody else runs within it either
            written = [line.replace("d_step {", "atomic {") for line in written]
        return [written]

    def refuse_a_bound(self, action: ir.Function) -> None:
        """Refuse a bound of steps: each statement of this action is a transition of Spin."""
        steps = self.instance.scenario.steps
        if steps is not None:
            raise InputError(
                f"{action.name} is too long for a d_step, so Spin cannot count {steps} steps",
                where=str(action.where),
                hint="use --to tla, or export a scenario that has no bound of steps",
            )

    def block(self, actions: Sequence[ir.Function]) -> None:
        """One block: these actions, and every function that they call."""
        steps = [
            f
            for f in reversed(called(self.program, [f.name for f in actions]))
            if "action" in f.marks or not self.effects.is_pure_function(f)
        ]
        self.sites_of_calls = collections.Counter(
            node.function
            for f in steps
            for node in nodes(f.body)
            if isinstance(node, ir.Call)
            if not self.effects.is_pure_function(self.program.functions[node.function])
        )
        self.inlined = {
            f.name
            for f in steps
            if self.sites_of_calls[f.name] == 1
            or (self.sites_of_calls[f.name] and self.weight(f) <= SHORT)
        }
        self.calls, self.left, self.alias = {}, set(), {}
        numbers = [self.actions.index(f) + 1 for f in actions]
        self.say("d_step {")
        self.depth += 1
        self.say(f"action >= {numbers[0]} && action <= {numbers[-1]};")
        self.say("if")
        for number, function in zip(numbers, actions, strict=True):
            self.say(f":: action == {number} -> {self.jump(function.name)}")
        self.say("fi;")
        for function in steps:
            if function.name not in self.inlined:
                self.function(function)
        self.label("went_wrong")
        self.gone_wrong()
        self.label("done")
        self.say("action = 0;")
        self.depth -= 1
        self.say("};")

    def gone_wrong(self) -> None:
        """What follows a step that goes wrong."""
        self.say("begin_again();")

    def forget(self) -> None:
        """A macro that sets back what was worked out on the way, where it is in the state."""
        self.lines += ["", "inline forget() {"]
        for name in [*self.scratch, *self.violated]:
            self.say(f"  {name} = 0;")
        self.lines.append("}")

    def function(self, function: ir.Function) -> None:
        """One function under its label, and behind it the way back to whoever called it."""
        outer = self.inside, self.end
        self.inside = function.name
        self.end = f"{function.name}__return"
        if self.end in self.left:
            self.end += f"_{self.calls[function.name]}"
        self.write(function)
        self.inside, self.end = outer

    def write(self, function: ir.Function) -> None:
        """Its text."""
        self.say("")
        self.comment(function)
        if function.name not in self.inlined:
            self.label(function.name)
        types = dict(function.parameters)
        for name, kind in types.items():
            self.scratch[f"{function.name}__{name}"] = self.kind(kind)
        if function.returns.kind != "unit":
            self.scratch[f"{function.name}__result"] = self.kind(function.returns)
        for node in nodes(function.body):
            if isinstance(node, ir.SetLocal) and node.name not in types:
                self.declare(node.name, node.value.type)
        self.statements(function.body, tail=True)
        if self.end in self.left:
            self.label(self.end)
        if "action" in function.marks:
            self.say(self.jump("done"))
            return
        if function.name in self.inlined:
            return
        came_from = f"{function.name}__from"
        self.scratch[came_from] = "byte"
        self.say("if")
        for number in range(1, self.calls.get(function.name, 0) + 1):
            back = self.jump(f"{function.name}__back_{number}")
            self.say(f":: {came_from} == {number} -> {back}")
        self.say("fi;")

    def declare(self, name: str, kind: ir.Type) -> None:
        """A local; one that is None first and a number later has the wider type."""
        key = f"{self.inside}__{name}"
        widths = ("bit", "byte", "short")
        wanted = self.kind(kind)
        self.scratch[key] = max(self.scratch.get(key, "bit"), wanted, key=widths.index)

    def statements(self, statements: Sequence[ir.Stmt], tail: bool = False) -> None:
        """Statements in order; behind the `tail` of a function there is only its return."""
        for i, statement in enumerate(statements):
            self.statement(statement, tail and i == len(statements) - 1)

    def statement(self, statement: ir.Stmt, tail: bool) -> None:
        """One statement."""
        match statement:
            case ir.SetLocal(name=name, value=value):
                self.say(f"{self.local(name)} = {self.result(value)};")
            case ir.Store(field=field, keys=keys, value=value):
                place = self.value(ir.Read("s", field, keys, value.type))
                self.say(f"{place} = {self.value(value)};")
            case ir.If(condition=condition, then=then, other=other):
                self.branches(self.value(condition), then, other, tail)
            case ir.For(variable=variable, over=over, body=body):
                if self.sizes[over]:
                    self.loop(variable, over, body)
            case ir.Return(value=value):
                self.give_back(value, tail)
            case ir.Do(call=ir.Call() as call):
                self.call(call)
            case ir.Guard(condition=condition):
                self.say("if")
                self.say(f":: ! {self.value(condition)} -> {self.jump('done')}")
                self.say(":: else")
                self.say("fi;")
            case ir.Wrong(kind=kind, site=site):
                self.wrong(kind, site)

    def branches(
        self, condition: str, then: Sequence[ir.Stmt], other: Sequence[ir.Stmt], tail: bool
    ) -> None:
        """Two branches."""
        self.say("if")
        self.branch(f":: {condition} ->", then, tail)
        if other:
            self.branch(":: else ->", other, tail)
        else:
            self.say(":: else")
        self.say("fi;")

    def branch(self, head: str, body: Sequence[ir.Stmt], tail: bool) -> None:
        """One branch, which may not be empty."""
        self.say(head)
        self.depth += 1
        before = len(self.lines)
        self.statements(body, tail)
        if len(self.lines) == before and not self.waiting:
            self.say("skip;")
        self.depth -= 1

    def give_back(self, value: ir.Expr | None, tail: bool) -> None:
        """Leave the function, with a value or without."""
        if value is not None:
            text = self.result(value)
            self.say(f"{self.inside}__result = {text};")
        if not tail:
            self.left.add(self.end)
            self.say(self.jump(self.end))
        elif value is None:
            self.say("skip;")

    def wrong(self, kind: str, site: str) -> None:
        """Report the site, and give up."""
        name = site_name(kind, site)
        self.sites[name] = None
        self.say(f"assert({name});")
        self.say(self.jump("went_wrong"))

    def loop(self, variable: str, over: str, body: Sequence[ir.Stmt]) -> None:
        """A loop over an index type."""
        self.scratch[f"{self.inside}__{variable}"] = "byte"
        self.say(f"for ({self.inside}__{variable} : 0 .. {self.sizes[over] - 1}) {{")
        self.depth += 1
        self.statements(body)
        self.depth -= 1
        self.say("};")

    def result(self, value: ir.Expr) -> str:
        """A value that is total, or that of a call."""
        return self.call(value) if self.effects.has_effect(value) else self.value(value)

    def call(self, call: ir.Call) -> str:
        """A call: set the parameters, go there, come back; where its value is."""
        name = call.function
        result = "0" if call.type.kind == "unit" else f"{name}__result"
        texts = [self.value(argument) for argument in call.arguments]
        number = self.calls[name] = self.calls.get(name, 0) + 1
        function = self.program.functions[name]
        for (parameter, _), argument, text in zip(
            function.parameters, call.arguments, texts, strict=True
        ):
            plain = isinstance(argument, ir.Local | ir.Const)
            if plain and name in self.inlined:
                self.alias[f"{name}__{parameter}"] = text
            else:
                self.alias.pop(f"{name}__{parameter}", None)
                self.say(f"{name}__{parameter} = {text};")
        if name in self.inlined:
            self.function(function)
            return result
        self.say(f"{name}__from = {number};")
        self.say(self.jump(name))
        self.label(f"{name}__back_{number}")
        return result

    # --- expressions, which are total

    def value(self, value: ir.Expr) -> str:
        """The text of an expression."""
        return self.text_of(expand(value, self.sizes, {}))

    def text_of(self, value: ir.Expr) -> str:
        """The text of an expression without quantifiers."""
        match value:
            case ir.Const(value=constant, type=kind):
                return self.constant(constant, kind)
            case ir.Local(name=name):
                return self.local(name)
            case ir.Read(space=space, field=field, keys=keys):
                return self.cell(space, field, [self.text_of(key) for key in keys])
            case ir.Binary(op=op, left=left, right=right):
                return f"({self.text_of(left)} {op} {self.text_of(right)})"
            case ir.Not(value=inner):
                # `!!` would be a send
                return f"(! {self.text_of(inner)})"
            case ir.Logic(op=op, values=values):
                sign = " && " if op == "and" else " || "
                return f"({sign.join(map(self.text_of, values))})"
            case ir.Choice(condition=condition, then=then, other=other):
                parts = [self.text_of(part) for part in (condition, then, other)]
                return f"({parts[0]} -> {parts[1]} : {parts[2]})"
            case ir.Call(function=name, arguments=arguments):
                return f"{name}({', '.join(map(self.text_of, arguments))})"
        raise AssertionError(f"{value} is not in normal form")

    # --- names and values

    def cell(self, space: str, field: str, keys: Sequence[str]) -> str:
        """A scalar of the state or of the parameters; two keys are one place."""
        table = self.program.state if space == "s" else self.program.parameters
        declared = table[field]
        if not keys:
            return f"{space}_{field}"
        place = keys[0]
        if len(keys) == 2:
            inner = key_size(self.program, self.sizes, declared.keys[1])
            place = f"{place} * {inner} + {keys[1]}"
        name = f"{space}_{field}"
        is_macro = (space == "p" or field not in self.written) and name not in self.arrays
        return f"{name}({place})" if is_macro else f"{name}[{place}]"

    def local(self, name: str) -> str:
        """A parameter or a local of the macro or the function that is written."""
        if not self.inside:
            return name
        key = f"{self.inside}__{name}"
        return self.alias.get(key, key)

    def constant(self, value: Scalar, kind: ir.Type) -> str:
        """A literal."""
        if value is None:
            return "NONE"
        if kind.kind == "enum":
            return self.member(value, kind)
        return str(int(value))

    def kind(self, kind: ir.Type) -> str:
        """The type of a variable. A small integer may leave its limit, as in plain Python."""
        if kind.kind == "bool" and not kind.optional:
            return "bit"
        return "short" if kind.kind == "int" else "byte"

    # --- lines

    def say(self, line: str) -> None:
        """One line."""
        # a label has to stand before a statement
        ends = line.startswith((":: ", "fi;", "}", "od", "for", "begin_again"))
        if self.waiting and line and not line.startswith("/*"):
            if ends or len(self.waiting) > 1:
                self.lines += [f"{label}: skip;" for label in self.waiting[: None if ends else -1]]
            self.lines += [] if ends else [f"{self.waiting[-1]}:"]
            self.waiting = []
        self.lines.append("  " * self.depth + line if line else "")

    def label(self, name: str) -> None:
        """A label of the next statement."""
        self.waiting.append(_label(name) + self.part)

    def jump(self, name: str) -> str:
        """A jump to a label of this part."""
        return f"goto {_label(name)}{self.part};"

    def comment(self, function: ir.Function) -> None:
        """Where a function comes from, and what it says of itself."""
        self.say(f"/* {source(function).replace('*/', '* /')} */")


def _label(name: str) -> str:
    """A label that means nothing to Spin."""
    return f"to_{name}" if name.startswith(("accept", "end", "progress")) else name
