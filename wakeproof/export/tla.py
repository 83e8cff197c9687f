"""A scenario in one mix as a model in TLA+, and the configuration with which TLC checks it.

The state of the machine is one record, and every function of the model an operator over it. One
that changes the state gives the state behind it, with a value the record of both. Names are
defined once, as in the text: a later value of a name has a number. A step that goes wrong leaves
its site in `wrong`; such a state is outside the model, but the invariants are asked of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from wakeproof.explore.progress.questions import Questions
from wakeproof.export.program import ExportProgram, identifier, source
from wakeproof.language import ir
from wakeproof.language.analysis import assigned, nodes, own_locals, terminates
from wakeproof.language.normal_form import turns
from wakeproof.language.values import Scalar, key_size
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import run_name

HEAD = r"""---- MODULE {module} ----
(* {title}

   Scenario {scenario}, mix {mix}, written by `wakeproof export {scenario} --to tla`.

     java -XX:+UseParallelGC -jar tla2tools.jar -deadlock -continue {module}.tla

   `distinct states found` are the reachable states. A state in which something went wrong has no
   successor and is not counted: it breaks the invariant that its kind of going wrong has.{bound} *)
EXTENDS Integers, FiniteSets, TLC

VARIABLE machine

None == -1
"""
BOUND = """

   The scenario is bounded to {steps} steps: with several workers TLC may find a state a step too
   late, so that exact counts take `-workers 1`."""

Continuation = Callable[["Scope"], str]


def module_name(instance: Instance, property_id: str | None = None) -> str:
    """The name of the module, which is that of its file; `property_id` is one of progress."""
    words = [instance.scenario.name, run_name(instance.mix, instance.build), property_id or ""]
    return identifier("_".join(filter(None, words)).replace(" +", "_"))


def invariant_name(property_id: str) -> str:
    """A property as TLC names it."""
    return "Inv_" + property_id.replace("-", "_")


def tla(instance: Instance) -> tuple[str, str]:
    """The module and the configuration. Raises `InputError` for guards inside an action."""
    writer = Writer(instance)
    return writer.module(), writer.configuration()


@dataclass
class Scope:
    """Where control is: the names of the state and of the locals, and the lines until here."""

    state: str
    names: dict[str, str]
    indent: str = "  "
    lines: list[str] = field(default_factory=list)

    def inner(self, deeper: str = "") -> Scope:
        """A scope that begins here."""
        return Scope(self.state, dict(self.names), self.indent + deeper)

    def say(self, line: str) -> None:
        """One line."""
        self.lines.append(self.indent + line)

    def end(self, text: str) -> str:
        """The whole, which ends with this."""
        last = text if text.startswith(self.indent) else self.indent + text
        return "\n".join([*self.lines, last])


class Writer(ExportProgram):
    """Writes one module."""

    def __init__(self, instance: Instance, questions: Questions | None = None) -> None:
        super().__init__(instance, questions)
        self.refuse_late_guards()
        self.kinds = {
            invariant_name(p.id): p.outcome for p in instance.model.properties.values() if p.outcome
        }
        # names that a local may not have; of the operator that is written: those that it has,
        # the statements of which it is made, and what it gives
        self.reserved = {*self.program.functions, *self.program.indexes, *self.program.enums}
        self.taken: set[str] = set()
        self.body: tuple[ir.Stmt, ...] = ()
        self.gives: Literal["value", "state", "both"] = "both"

    # --- the whole

    def configuration(self) -> str:
        """What TLC reads beside the module."""
        names = [*map(invariant_name, self.machine.invariants), *self.kinds]
        lines = ["INIT Init", "NEXT Next", "CONSTRAINT Alive"]
        return "\n".join([*lines, *(f"INVARIANT {name}" for name in names), ""])

    def module(self) -> str:
        """The module."""
        lines = [self.head()]
        for name, members in self.members.items():
            lines += [f"{name}_{member} == {i}" for i, member in enumerate(members)]
            lines.append(f"{name} == 0 .. {len(members) - 1}")
        for name, names in self.instance.names.items():
            told = ", ".join(f"{i} {member}" for i, member in enumerate(names))
            lines.append(f"{name} == 0 .. {len(names) - 1}  \\* {told}")
        lines.append("")
        for name, declared in self.program.parameters.items():
            value = self.instance.run.parameters[name]
            lines.append(f"p_{name} == {self.nested(declared.keys, value, declared.value)}")
        lines += ["", *self.beginning(), ""]
        for function in self.effects.functions:
            lines += self.operator(function)
        lines += self.next()
        return "\n".join([*lines, *self.claims(), "====", ""])

    def head(self) -> str:
        """What this is, and how to run it."""
        scenario = self.instance.scenario
        steps = scenario.steps
        return HEAD.format(
            module=module_name(self.instance),
            title=scenario.title.replace("*)", "* )"),
            scenario=scenario.name,
            mix=run_name(self.instance.mix, self.instance.build),
            bound="" if steps is None else BOUND.format(steps=steps),
        )

    def claims(self) -> list[str]:
        """What TLC checks."""
        lines = ['Alive == machine.wrong = ""']
        for name, function in self.properties.items():
            invariant = invariant_name(function.marks["invariant"])
            lines.append(f"{invariant} == Alive => {name}(machine)")
        for name, kind in self.kinds.items():
            lines.append(f'{name} == machine.kind # "{kind}"')
        return lines

    def beginning(self) -> list[str]:
        """The initial state, which is one."""
        lines = ["Init == machine = ["]
        for name, declared in self.program.state.items():
            values: Any = self.initial[name]
            if not declared.keys:
                values = values[0]
            elif len(declared.keys) == 2:
                size = key_size(self.program, self.sizes, declared.keys[1])
                values = [values[i : i + size] for i in range(0, len(values), max(1, size))]
            lines.append(f"  {name} |-> {self.nested(declared.keys, values, declared.value)},")
        return [*lines, '  kind |-> "", wrong |-> ""]']

    def nested(self, keys: Sequence[str], value: Any, kind: ir.Type) -> str:
        """A scalar, or a function over the keys."""
        if not keys:
            return self.constant(value, kind)
        texts = [self.nested(keys[1:], part, kind) for part in value]
        if len(set(texts)) <= 1:
            body = texts[0] if texts else "None"
            return f"[{keys[0]}_ \\in {keys[0]} |-> {body}]"
        return "(" + " @@ ".join(f"{i} :> {text}" for i, text in enumerate(texts)) + ")"

    def next(self) -> list[str]:
        """Every action with every argument."""
        lines = ["Next =="]
        if self.instance.scenario.steps is not None:
            lines.append(f'  /\\ TLCGet("level") <= {self.instance.scenario.steps}')
        for i, function in enumerate(self.actions):
            bullet = "/\\" if not i else "  "
            lines.append(f"  {bullet} \\/ {self.a_step(function, {})}")
        return [*lines, ""]

    def a_step(self, function: ir.Function, chosen: Mapping[str, Scalar]) -> str:
        """A step of an action, of which some parameters are chosen."""
        names, over = ["machine"], []
        for name, kind in function.parameters:
            if name in chosen:
                names.append(self.constant(chosen[name], kind))
            else:
                names.append(f"{name}_")
                over.append(f"{name}_ \\in {self.domain(kind)}")
        given = ", ".join(names)
        step = f"can_{function.name}({given}) /\\ machine' = {function.name}({given})"
        return f"\\E {', '.join(over)} : {step}" if over else step

    def domain(self, kind: ir.Type) -> str:
        """The values of a type."""
        text = "BOOLEAN" if kind.kind == "bool" else kind.name
        return f"({text} \\cup {{None}})" if kind.optional else text

    # --- operators

    def operator(self, function: ir.Function) -> list[str]:
        """A function of the model: a value if it is pure, else the state behind it, or both."""
        self.body, self.taken = function.body, set()
        scope = Scope(self.fresh("s"), {})
        for name, _ in function.parameters:
            scope.names[name] = self.fresh(name)
        formals = ", ".join([scope.state, *scope.names.values()])
        if "action" not in function.marks and self.effects.is_pure_function(function):
            self.gives = "value"
        else:
            self.gives = "state" if function.returns.kind == "unit" else "both"
        text = self.block(function.body, scope, lambda end: self.result(end.state))
        return [
            f"(* {source(function).replace('*)', '* )')} *)",
            f"{function.name}({formals}) ==",
            text,
            "",
        ]

    def result(self, state: str, value: str = "None") -> str:
        """What the operator gives at its end."""
        match self.gives:
            case "value":
                return value
            case "state":
                return state
            case "both":
                return f"[s |-> {state}, r |-> {value}]"

    def returned(self, value: ir.Expr | None, scope: Scope) -> str:
        """What the operator gives where the function returns."""
        if value is None:
            return self.result(scope.state)
        text = self.value(value, scope)
        # a call gives both a state and a value, as this operator does
        return text if self.effects.has_effect(value) else self.result(scope.state, text)

    def block(self, body: Sequence[ir.Stmt], scope: Scope, then: Continuation) -> str:
        """Statements in order; `then` writes what follows them."""
        for i, statement in enumerate(body):
            rest = body[i + 1 :]
            match statement:
                case ir.SetLocal(name=name, value=value):
                    if self.effects.has_effect(value):
                        scope.names[name] = self.call(value, scope)
                    else:
                        scope.names[name] = self.let(name, self.value(value, scope), scope)
                case ir.Store(field=field, keys=keys, value=value):
                    place = "".join(f"[{self.value(key, scope)}]" for key in keys)
                    stored = self.value(value, scope)
                    text = f"[{scope.state} EXCEPT !.{field}{place} = {stored}]"
                    scope.state = self.let("s", text, scope)
                case ir.Do(call=ir.Call() as call):
                    self.call(call, scope)
                case ir.Return(value=returned):
                    return scope.end(self.returned(returned, scope))
                case ir.Wrong(kind=kind, site=site):
                    wrong = f'[{scope.state} EXCEPT !.kind = "{kind}", !.wrong = "{kind} {site}"]'
                    return scope.end(self.result(wrong))
                case ir.If():
                    return scope.end(self.branches(statement, rest, scope, then))
                case ir.For() if self.is_repeated(statement):
                    self.loop(statement, scope)
                case ir.For():
                    return self.block((*turns(statement, self.sizes), *rest), scope, then)
        return scope.end(then(scope))

    def branches(
        self, branch: ir.If, rest: Sequence[ir.Stmt], scope: Scope, then: Continuation
    ) -> str:
        """Two branches, and what follows them: once, as an operator if both come to it."""
        condition = self.value(branch.condition, scope)
        follows = then
        if rest and (terminates(branch.then) or terminates(branch.other)):

            def follows(scope: Scope) -> str:
                return self.block(rest, scope.inner(), then)

        elif rest:
            both = (branch.then, branch.other)
            own = own_locals(self.body, both)
            changed = [name for name in assigned(both) if name not in own]
            operator = self.fresh("Rest")
            inner = scope.inner("    ")
            inner.state = self.fresh("s")
            for name in changed:
                inner.names[name] = self.fresh(name)
            formals = ", ".join([inner.state, *(inner.names[name] for name in changed)])
            scope.say(f"LET {operator}({formals}) ==")
            scope.lines.append(self.block(rest, inner, then))
            scope.say("IN")

            def follows(scope: Scope) -> str:
                values = [scope.names.get(name, "None") for name in changed]
                return f"{operator}({', '.join([scope.state, *values])})"

        yes = self.block(branch.then, scope.inner("  "), follows)
        no = self.block(branch.other, scope.inner("  "), follows)
        i = scope.indent
        return f"{i}IF {condition}\n{i}THEN\n{yes}\n{i}ELSE\n{no}"

    def is_repeated(self, loop: ir.For) -> bool:
        """Whether all that is left of a turn of a loop is the state."""
        if any(isinstance(node, ir.Return) for node in nodes(loop.body)):
            return False
        return not set(assigned(loop.body)) - own_locals(self.body, loop.body)

    def loop(self, loop: ir.For, scope: Scope) -> None:
        """A loop that changes the state only: one operator, applied to each member in order."""
        operator, state, member = self.fresh("Turn"), self.fresh("s"), self.fresh(loop.variable)
        fails = self.effects.may_fail(loop.body)
        inner = scope.inner("    ")
        inner.state, inner.names[loop.variable] = state, member
        outer, self.gives = self.gives, "state"
        text = self.block(loop.body, inner, lambda end: end.state)
        self.gives = outer
        scope.say(f"LET {operator}({state}, {member}) ==")
        if fails:
            scope.say(f'    IF {state}.wrong # "" THEN {state} ELSE')
        scope.lines.append(text)
        scope.say("IN")
        after = scope.state
        for i in range(self.sizes[loop.over]):
            after = f"{operator}({after}, {i})"
        scope.state = self.let("s", after, scope)
        if fails:
            self.give_up(scope)

    def call(self, call: ir.Call, scope: Scope) -> str:
        """A call that changes the state or may go wrong; its value, and the scope moves on."""
        text = self.value(call, scope)
        if call.type.kind == "unit":
            scope.state, value = self.let("s", text, scope), "None"
        else:
            both = self.let("c", text, scope)
            scope.state, value = f"{both}.s", f"{both}.r"
        if call.function in self.effects.fails:
            self.give_up(scope)
        return value

    def give_up(self, scope: Scope) -> None:
        """Go on only if nothing went wrong."""
        scope.say(f'IF {scope.state}.wrong # "" THEN {self.result(scope.state)} ELSE')

    def let(self, name: str, text: str, scope: Scope) -> str:
        """A new name for a value."""
        new = self.fresh(name)
        scope.say(f"LET {new} == {text} IN")
        return new

    def fresh(self, name: str) -> str:
        """A name that nothing else has here."""
        name = name.strip("_") or "turn"
        wanted, number = name, 1
        while wanted in self.taken or wanted in self.reserved:
            number += 1
            wanted = f"{name}_{number}"
        self.taken.add(wanted)
        return wanted

    # --- expressions

    def value(self, value: ir.Expr, scope: Scope) -> str:
        """An expression, which is total or a call."""
        match value:
            case ir.Const(value=constant, type=kind):
                return self.constant(constant, kind)
            case ir.Local(name=name):
                return scope.names[name]
            case ir.Read(space=space, field=field, keys=keys):
                return self.cell(space, field, [self.value(k, scope) for k in keys], scope)
            case ir.Binary(op=op, left=left, right=right):
                return (
                    f"({self.value(left, scope)} {_SIGNS.get(op, op)} {self.value(right, scope)})"
                )
            case ir.Not(value=inner):
                return f"(~{self.value(inner, scope)})"
            case ir.Logic(op=op, values=values):
                sign = " /\\ " if op == "and" else " \\/ "
                return f"({sign.join(self.value(v, scope) for v in values)})"
            case ir.Choice(condition=condition, then=then, other=other):
                a, b, c = (self.value(part, scope) for part in (condition, then, other))
                return f"(IF {a} THEN {b} ELSE {c})"
            case ir.Call(function=name, arguments=arguments):
                given = [self.value(argument, scope) for argument in arguments]
                return f"{name}({', '.join([scope.state, *given])})"
            case ir.Quantifier(op=op, variable=variable, over=over, body=body):
                member = self.fresh(variable)
                bound = Scope(scope.state, {**scope.names, variable: member})
                text = self.value(body, bound)
                if op == "count":
                    return f"Cardinality({{{member} \\in {over} : {text}}})"
                return f"(\\{'E' if op == 'any' else 'A'} {member} \\in {over} : {text})"
        raise AssertionError(f"{value} is not in normal form")

    def cell(self, space: str, field: str, keys: Sequence[str], scope: Scope) -> str:
        """A scalar of the state or of the parameters."""
        owner = f"p_{field}" if space == "p" else f"{scope.state}.{field}"
        return owner + "".join(f"[{key}]" for key in keys)

    def constant(self, value: Scalar, kind: ir.Type) -> str:
        """A literal."""
        if value is None:
            return "None"
        if kind.kind == "bool":
            return "TRUE" if value else "FALSE"
        if kind.kind == "enum":
            return self.member(value, kind)
        return str(int(value))


_SIGNS = {"==": "=", "!=": "#", "<=": "<=", ">=": ">="}
