"""A scenario in one mix as a model in TLA+, and the configuration with which TLC checks it.

The state of the machine is one record, and every function of the model an operator over it. One
that changes the state gives the state behind it, with a value the record of both. Names are
defined once, as in the text: a later value of a name has a number. A step that goes wrong leaves
its site in `wrong`; such a state is outside the model, but the invariants are asked of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wakeproof.errors import InputError
from wakeproof.language import ir
from wakeproof.language.analysis import Effects, nodes, terminates
from wakeproof.language.constant_folding import fold
from wakeproof.language.values import Scalar, key_size
from wakeproof.scenario.instance import Instance
from wakeproof.scenario.mixes import mix_name

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

Continuation = Callable[["_Scope"], str]


def module_name(instance: Instance) -> str:
    """The name of the module, which is that of its file."""
    return f"{instance.scenario.name}-{mix_name(instance.mix)}".replace("/", "_").replace("-", "_")


def invariant_name(property_id: str) -> str:
    """A property as TLC names it."""
    return "Inv_" + property_id.replace("-", "_")


def tla(instance: Instance) -> tuple[str, str]:
    """The module and the configuration. Raises `InputError` for guards inside an action."""
    writer = _Writer(instance)
    return writer.module(), writer.configuration()


@dataclass
class _Scope:
    """Where control is: the name of the state, and what the locals are called now."""

    state: str
    names: dict[str, str]

    def copy(self) -> _Scope:
        return _Scope(self.state, dict(self.names))


class _Writer:
    """Writes one module."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.machine = instance.machine()
        self.program = replace(fold(instance.resolved.program, instance.run))
        functions = self.program.functions
        self.actions = [
            functions[f.name] for f in self.machine.actions if f.name in instance.actions
        ]
        self.properties = self.program.marked("invariant")
        self.effects = Effects(self.program, [*(f.name for f in self.actions), *self.properties])
        self.kinds = {
            invariant_name(p.id): p.outcome for p in instance.model.properties.values() if p.outcome
        }
        # names that a local may not have, those of the function that is written, and it
        self.reserved = {*functions, *self.program.indexes, *self.program.enums}
        self.taken: set[str] = set()
        self.inside: ir.Function | None = None

    # --- the whole

    def configuration(self) -> str:
        """What TLC reads beside the module."""
        names = [*map(invariant_name, self.machine.invariants), *self.kinds]
        lines = ["INIT Init", "NEXT Next", "CONSTRAINT Alive"]
        return "\n".join([*lines, *(f"INVARIANT {name}" for name in names), ""])

    def module(self) -> str:
        """The module."""
        scenario = self.instance.scenario
        steps = scenario.steps
        lines = [
            HEAD.format(
                module=module_name(self.instance),
                title=scenario.title,
                scenario=scenario.name,
                mix=mix_name(self.instance.mix),
                bound="" if steps is None else BOUND.format(steps=steps),
            )
        ]
        for name, members in self.program.enums.items():
            lines += [f"{name}_{member} == {i}" for i, member in enumerate(members)]
            lines.append(f"{name} == 0 .. {len(members) - 1}")
        for name, names in self.instance.names.items():
            told = ", ".join(f"{i} {member}" for i, member in enumerate(names))
            lines.append(f"{name} == 0 .. {len(names) - 1}  \\* {told}")
        lines.append("")
        for name, declared in self.program.parameters.items():
            value = self.instance.run.parameters[name]
            lines.append(f"p_{name} == {self.nested(declared.keys, value, declared.value)}")
        lines += ["", *self.initial(), ""]
        for function in self.effects.functions:
            is_empty = function.returns.kind == "unit" and self.effects.is_pure_function(function)
            if "action" not in function.marks and not is_empty:
                lines += self.operator(function)
        for function in self.actions:
            lines += self.action(function)
        lines += self.next()
        lines.append('Alive == machine.wrong = ""')
        for name, function in self.properties.items():
            invariant = invariant_name(function.marks["invariant"])
            lines.append(f"{invariant} == Alive => {name}(machine)")
        for name, kind in self.kinds.items():
            lines.append(f'{name} == machine.kind # "{kind}"')
        return "\n".join([*lines, "====", ""])

    def initial(self) -> list[str]:
        """The initial state, which is one."""
        flat: dict[str, list[Scalar]] = {name: [] for name in self.program.state}
        for (name, _, _), value in zip(self.machine.layout(), self.machine.initial(), strict=True):
            flat[name].append(value)
        lines = ["Init == machine = ["]
        for name, declared in self.program.state.items():
            values: Any = flat[name]
            if not declared.keys:
                values = values[0]
            elif len(declared.keys) == 2:
                size = self.size(declared.keys[1])
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

    def action(self, function: ir.Function) -> list[str]:
        """When an action is possible, and what it does."""
        length = self.effects.guards(function)
        head, rest = function.body[:length], function.body[length:]
        if any(isinstance(node, ir.Guard) for node in nodes(rest)):
            raise InputError(f"a guard of {function.name} comes late", where=str(function.where))
        where = ir.Where("", 0)
        tests = tuple(
            ir.If(ir.Not(n.condition), (ir.Return(ir.Const(False, ir.BOOL), where),), (), where)
            if isinstance(n, ir.Guard)
            else n
            for n in head
        )
        can = replace(
            function,
            name=f"can_{function.name}",
            returns=ir.BOOL,
            body=(*tests, ir.Return(ir.Const(True, ir.BOOL), where)),
        )
        kept = tuple(n for n in head if not isinstance(n, ir.Guard))
        return [
            *self.operator(can),
            *self.operator(replace(function, body=(*kept, *rest), writes=True)),
        ]

    def next(self) -> list[str]:
        """Every action with every argument."""
        lines = ["Next =="]
        if self.instance.scenario.steps is not None:
            lines.append(f'  /\\ TLCGet("level") <= {self.instance.scenario.steps}')
        for i, function in enumerate(self.actions):
            names = [f"{name}_" for name, _ in function.parameters]
            over = ", ".join(
                f"{name} \\in {self.domain(kind)}"
                for name, (_, kind) in zip(names, function.parameters, strict=True)
            )
            given = ", ".join(["machine", *names])
            step = f"can_{function.name}({given}) /\\ machine' = {function.name}({given})"
            bullet = "/\\" if not i else "  "
            lines.append(f"  {bullet} \\/ " + (f"\\E {over} : {step}" if over else step))
        return [*lines, ""]

    def domain(self, kind: ir.Type) -> str:
        """The values of a type."""
        text = "BOOLEAN" if kind.kind == "bool" else kind.name
        return f"({text} \\cup {{None}})" if kind.optional else text

    # --- operators

    def operator(self, function: ir.Function) -> list[str]:
        """A function of the model."""
        self.inside, self.taken = function, set()
        scope = _Scope(self.fresh("s"), {})
        for name, _ in function.parameters:
            scope.names[name] = self.fresh(name)
        formals = ", ".join([scope.state, *scope.names.values()])
        file = function.where.file.rpartition("/model/")[2]
        doc = " ".join(function.doc.split("\n\n")[0].split()).replace("*)", "* )")
        text = self.block(function.body, scope, lambda end: self.result(end, None), "  ")
        return [
            f"(* {file}:{function.where.line} {doc} *)",
            f"{function.name}({formals}) ==",
            text,
            "",
        ]

    def result(self, scope: _Scope, value: str | None) -> str:
        """What the operator gives at its end."""
        assert self.inside is not None
        if self.is_pure_here():
            return value or "None"
        if self.inside.returns.kind == "unit" or "action" in self.inside.marks:
            return scope.state
        return f"[s |-> {scope.state}, r |-> {value or 'None'}]"

    def is_pure_here(self) -> bool:
        """Whether what is written is only a value."""
        assert self.inside is not None
        if self.inside.name.startswith("can_") and self.inside.name not in self.program.functions:
            return True
        return "action" not in self.inside.marks and self.effects.is_pure_function(self.inside)

    def block(self, body: Sequence[ir.Stmt], scope: _Scope, then: Continuation, indent: str) -> str:
        """Statements in order; `then` writes what follows them."""
        lines: list[str] = []

        def end(text: str) -> str:
            own = text if text.startswith(indent) else indent + text
            return "\n".join([*lines, own])

        for i, statement in enumerate(body):
            match statement:
                case ir.SetLocal(name=name, value=value):
                    text = self.value(value, scope, lines, indent)
                    scope.names[name] = self.let(name, text, lines, indent)
                case ir.Store(field=field, keys=keys, value=value):
                    stored, *at = self.operands((value, *keys), scope, lines, indent)
                    place = "".join(f"[{key}]" for key in at)
                    text = f"[{scope.state} EXCEPT !.{field}{place} = {stored}]"
                    scope.state = self.let("s", text, lines, indent)
                case ir.Do(call=call):
                    self.value(call, scope, lines, indent)
                case ir.Return(value=returned):
                    given = None if returned is None else self.value(returned, scope, lines, indent)
                    return end(self.result(scope, given))
                case ir.Wrong(kind=kind, site=site):
                    return end(self.wrong(scope.state, kind, site))
                case ir.If():
                    return end(self.branches(statement, body[i + 1 :], scope, then, indent, lines))
                case ir.For(variable=variable, over=over, body=inner):
                    if any(isinstance(n, ir.SetLocal | ir.Return) for n in nodes(inner)):
                        turns = [
                            s
                            for member in range(self.size(over))
                            for s in _turn(inner, variable, member)
                        ]
                        return end(self.block((*turns, *body[i + 1 :]), scope, then, indent))
                    self.loop(statement, scope, lines, indent)
                case ir.Guard():
                    raise AssertionError("guards are gone")
        return end(then(scope))

    def branches(
        self,
        branch: ir.If,
        rest: Sequence[ir.Stmt],
        scope: _Scope,
        then: Continuation,
        indent: str,
        lines: list[str],
    ) -> str:
        """Two branches, and what follows them: once, as an operator if both come to it."""
        condition = self.value(branch.condition, scope, lines, indent)
        follows = then
        if rest and (terminates(branch.then) or terminates(branch.other)):

            def follows(scope: _Scope) -> str:
                return self.block(rest, scope, then, indent + "  ")

        elif rest:
            changed = [
                name
                for name in dict.fromkeys(
                    n.name for n in nodes((branch.then, branch.other)) if isinstance(n, ir.SetLocal)
                )
            ]
            operator = self.fresh("Rest")
            inner = scope.copy()
            inner.state = self.fresh("s")
            for name in changed:
                inner.names[name] = self.fresh(name)
            formals = ", ".join([inner.state, *(inner.names[name] for name in changed)])
            text = self.block(rest, inner, then, indent + "    ")
            lines += [f"{indent}LET {operator}({formals}) ==", text, f"{indent}IN"]

            def follows(scope: _Scope) -> str:
                values = [scope.names.get(name, "None") for name in changed]
                return f"{operator}({', '.join([scope.state, *values])})"

        yes = self.block(branch.then, scope.copy(), follows, indent + "  ")
        no = self.block(branch.other, scope.copy(), follows, indent + "  ")
        return f"{indent}IF {condition}\n{indent}THEN\n{yes}\n{indent}ELSE\n{no}"

    def loop(self, loop: ir.For, scope: _Scope, lines: list[str], indent: str) -> None:
        """A loop that changes the state only: one operator, applied to each member in order."""
        operator, state, member = self.fresh("Turn"), self.fresh("s"), self.fresh(loop.variable)
        fails = self.effects.may_fail(loop.body)
        inner = _Scope(state, {**scope.names, loop.variable: member})
        outer, self.inside = self.inside, None
        text = self.block(loop.body, inner, lambda end: end.state, indent + "    ")
        self.inside = outer
        lines.append(f"{indent}LET {operator}({state}, {member}) ==")
        if fails:
            lines.append(f'{indent}    IF {state}.wrong # "" THEN {state} ELSE')
        lines += [text, f"{indent}IN"]
        after = scope.state
        for i in range(self.size(loop.over)):
            after = f"{operator}({after}, {i})"
        scope.state = self.let("s", after, lines, indent)
        if fails:
            self.give_up(scope.state, lines, indent)

    def let(self, name: str, text: str, lines: list[str], indent: str) -> str:
        """A new name for a value."""
        new = self.fresh(name)
        lines.append(f"{indent}LET {new} == {text} IN")
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

    def wrong(self, state: str, kind: str, site: str) -> str:
        """The end of a step that goes wrong."""
        text = f'[{state} EXCEPT !.kind = "{kind}", !.wrong = "{kind} {site}"]'
        return self.failed(text)

    def failed(self, state: str) -> str:
        """What the operator gives when something went wrong on the way."""
        if self.inside is None or self.inside.returns.kind == "unit":
            return state
        return f"[s |-> {state}, r |-> None]"

    def give_up(self, state: str, lines: list[str], indent: str) -> None:
        """Go on only if nothing went wrong."""
        lines.append(f'{indent}IF {state}.wrong # "" THEN {self.failed(state)} ELSE')

    # --- expressions; what changes the state or goes wrong is in the lines before

    def operands(
        self, values: Sequence[ir.Expr], scope: _Scope, lines: list[str], indent: str
    ) -> list[str]:
        """Values from left to right; those that depend on the state get a name of their own."""
        texts = []
        for i, value in enumerate(values):
            text = self.value(value, scope, lines, indent)
            if not self.effects.is_pure(values[i + 1 :]):
                text = self.let("v", text, lines, indent)
            texts.append(text)
        return texts

    def value(self, value: ir.Expr, scope: _Scope, lines: list[str], indent: str) -> str:
        """A value in the scope, which moves on."""
        if self.effects.is_pure(value):
            return self.pure(value, scope)
        match value:
            case ir.Call(function=name, arguments=arguments, type=kind):
                given = self.operands(arguments, scope, lines, indent)
                text = f"{name}({', '.join([scope.state, *given])})"
                if kind.kind == "unit":
                    scope.state = self.let("s", text, lines, indent)
                    result = "None"
                else:
                    both = self.let("c", text, lines, indent)
                    scope.state, result = f"{both}.s", f"{both}.r"
                if name in self.effects.fails:
                    self.give_up(scope.state, lines, indent)
                return result
            case ir.Unwrap(value=inner, site=site):
                text = self.let("v", self.value(inner, scope, lines, indent), lines, indent)
                wrong = self.wrong(scope.state, "panic", site)
                lines.append(f"{indent}IF {text} = None THEN {wrong} ELSE")
                return text
            case ir.Binary(op=op, left=left, right=right):
                a, b = self.operands((left, right), scope, lines, indent)
                return f"({a} {_SIGNS.get(op, op)} {b})"
            case ir.Not(value=inner):
                return f"(~{self.value(inner, scope, lines, indent)})"
            case ir.Read(space=space, field=field, keys=keys):
                at = self.operands(keys, scope, lines, indent)
                return self.cell(space, field, at, scope)
            case ir.Logic(op=op, values=values):
                return self.logic(op, values, scope, lines, indent)
        raise InputError(
            "an expression that changes the state inside a choice or a quantifier has no form "
            "in TLA+ yet",
            where=str(self.inside.where) if self.inside else "",
            hint="write it as a statement",
        )

    def logic(
        self, op: str, values: Sequence[ir.Expr], scope: _Scope, lines: list[str], indent: str
    ) -> str:
        """`and` and `or` whose later parts may go wrong: they are worked out where wanted."""
        first = self.let("v", self.value(values[0], scope, lines, indent), lines, indent)
        if len(values) == 1:
            return first
        inner: list[str] = []
        there = scope.copy()
        outer, self.inside = self.inside, _VALUED
        text = self.logic(op, values[1:], there, inner, indent + "    ")
        inner.append(f"{indent}    [s |-> {there.state}, r |-> {text}]")
        self.inside = outer
        both = self.fresh("c")
        stay = f"[s |-> {scope.state}, r |-> {first}]"
        test = first if op == "or" else f"~{first}"
        lines += [f"{indent}LET {both} == IF {test} THEN {stay} ELSE", *inner, f"{indent}IN"]
        scope.state = f"{both}.s"
        self.give_up(scope.state, lines, indent)
        return f"{both}.r"

    def pure(self, value: ir.Expr, scope: _Scope) -> str:
        """An expression without effects."""
        match value:
            case ir.Const(value=constant, type=kind):
                return self.constant(constant, kind)
            case ir.Local(name=name):
                return scope.names[name]
            case ir.Read(space=space, field=field, keys=keys):
                return self.cell(space, field, [self.pure(k, scope) for k in keys], scope)
            case ir.Binary(op=op, left=left, right=right):
                return f"({self.pure(left, scope)} {_SIGNS.get(op, op)} {self.pure(right, scope)})"
            case ir.Not(value=inner):
                return f"(~{self.pure(inner, scope)})"
            case ir.Logic(op=op, values=values):
                sign = " /\\ " if op == "and" else " \\/ "
                return f"({sign.join(self.pure(v, scope) for v in values)})"
            case ir.Choice(condition=condition, then=then, other=other):
                a, b, c = (self.pure(part, scope) for part in (condition, then, other))
                return f"(IF {a} THEN {b} ELSE {c})"
            case ir.Call(function=name, arguments=arguments):
                given = [self.pure(argument, scope) for argument in arguments]
                return f"{name}({', '.join([scope.state, *given])})"
            case ir.Quantifier(op=op, variable=variable, over=over, body=body):
                member = self.fresh(variable)
                bound = _Scope(scope.state, {**scope.names, variable: member})
                text = self.pure(body, bound)
                if op == "count":
                    return f"Cardinality({{{member} \\in {over} : {text}}})"
                return f"(\\{'E' if op == 'any' else 'A'} {member} \\in {over} : {text})"
            case ir.Unwrap():
                raise AssertionError("unwrap may go wrong")

    def cell(self, space: str, field: str, keys: Sequence[str], scope: _Scope) -> str:
        """A scalar of the state or of the parameters."""
        owner = f"p_{field}" if space == "p" else f"{scope.state}.{field}"
        return owner + "".join(f"[{key}]" for key in keys)

    def size(self, key: str) -> int:
        """How many members a type has."""
        return key_size(self.program, self.instance.run.sizes, key)

    def constant(self, value: Scalar, kind: ir.Type) -> str:
        """A literal."""
        if value is None:
            return "None"
        if kind.kind == "bool":
            return "TRUE" if value else "FALSE"
        if kind.kind == "enum":
            return f"{kind.name}_{self.program.enums[kind.name][value]}"
        return str(int(value))


_SIGNS = {"==": "=", "!=": "#", "<=": "<=", ">=": ">="}
_VALUED = ir.Function("", (), ir.BOOL, (), {}, "", ir.Where("", 0), writes=True)
"""Stands for a function that gives a value: what goes wrong is told beside it."""


def _turn(body: Sequence[ir.Stmt], variable: str, member: int) -> tuple[ir.Stmt, ...]:
    """One turn of a loop."""
    constant = ir.Const(member, ir.Type("index"))
    return (ir.SetLocal(variable, constant, body[0].where), *body)
