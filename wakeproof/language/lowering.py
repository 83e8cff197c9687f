"""Type-check the body of a function and lower it to the intermediate form."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Literal, NoReturn

from wakeproof.language import ir
from wakeproof.language.about_runs import check_about_runs
from wakeproof.language.analysis import terminates
from wakeproof.language.declarations import Declarations, Definition
from wakeproof.language.sources import is_docstring, refuse
from wakeproof.util.text import plural

QUANTIFIERS: dict[str, Literal["any", "all", "count"]] = {
    "any": "any",
    "all": "all",
    "count": "count",
}
COMPARISONS: dict[type[ast.cmpop], Literal["==", "!=", "<", "<=", ">", ">="]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}

SUBSET = "if/elif/else, for over an index type, assignment, return, calls, any/all/count"


class BodyReader:
    """The reader of one function body, which types and lowers it.

    `lowered` has the functions that the body may call. `known` are the locals that have a value on
    every path to the current node, `narrowed` those that are not None there, `bound` the loop
    variables in scope; `writes` is whether the body has changed the state so far.
    """

    def __init__(
        self,
        declarations: Declarations,
        signatures: Mapping[str, tuple[tuple[tuple[str, ir.Type], ...], ir.Type]],
        lowered: Mapping[str, ir.Function],
        definition: Definition,
        parameters: tuple[tuple[str, ir.Type], ...],
        returns: ir.Type,
    ) -> None:
        self.declarations = declarations
        self.program = declarations.program
        self.signatures = signatures
        self.lowered = lowered
        self.definition = definition
        self.path = definition.path
        self.parameters = parameters
        self.returns = returns
        self.locals: dict[str, ir.Type] = dict(parameters)
        self.bound: set[str] = set()
        self.known: frozenset[str] = frozenset(self.locals)
        self.narrowed: frozenset[str] = frozenset()
        self.writes = False

    def function(self, name: str) -> ir.Function:
        """Lower the whole function under the name `name`."""
        node = self.definition.node
        for parameter, _ in self.parameters:
            if self.is_taken(parameter):
                self.refuse(node, f"{parameter} is in use", "use another name")
        body = [n for n in node.body if not is_docstring(n)]
        statements = self.block(body)
        if self.returns.kind != "unit" and not terminates(statements):
            self.refuse(node, f"{node.name} can end without a value", "return one on every path")
        marks = self.definition.marks
        is_test = self.returns == ir.BOOL and not self.writes
        check_about_runs(node, self.path, marks, self.parameters, is_test)
        facts = ("invariant", "lemma", "premise", "tested")
        fact = next((mark for mark in facts if mark in marks), None)
        if fact and (self.parameters or self.returns != ir.BOOL or self.writes):
            self.refuse(
                node,
                f"{'an' if fact == 'invariant' else 'a'} {'test' if fact == 'tested' else fact} "
                "takes nothing, changes nothing "
                "and returns bool",
                "quantify over the members with all(... for x in Index)",
            )
        if fact == "lemma" and not (marks["lemma"].strip() and ast.get_docstring(node)):
            self.refuse(
                node,
                f"{node.name} has no sentence, or no reason",
                'write @lemma("the fact"), and the reason for it as the docstring',
            )
        if "action" in marks and self.returns.kind != "unit":
            self.refuse(node, "an action returns nothing", "write -> None")
        return ir.Function(
            name,
            self.parameters,
            self.returns,
            statements,
            marks,
            ast.get_docstring(node) or "",
            self.where(node),
            self.writes,
        )

    def where(self, node: ast.AST) -> ir.Where:
        """Return the place of a node."""
        return ir.Where(str(self.path), getattr(node, "lineno", 1))

    def refuse(self, node: ast.AST, what: str, hint: str) -> NoReturn:
        """Raise the `ModelError` that points at a node."""
        refuse(node, self.path, what, hint)

    # statements

    def block(self, nodes: list[ast.stmt]) -> tuple[ir.Stmt, ...]:
        """Read statements in order; refuse one that follows the end of the function."""
        statements: list[ir.Stmt] = []
        for node in nodes:
            if statements and terminates(tuple(statements)):
                self.refuse(node, "this line cannot be reached", "remove it")
            statements.extend(self.statement(node))
        return tuple(statements)

    def statement(self, node: ast.stmt) -> list[ir.Stmt]:
        """Read one statement."""
        match node:
            case ast.Pass():
                return []
            case ast.Return():
                return self.return_statement(node)
            case ast.If():
                return [self.if_statement(node)]
            case ast.For(target=ast.Name(id=name), iter=ast.Name(id=over), orelse=[]):
                return [self.for_statement(node, name, over)]
            case ast.Expr(value=ast.Call() as call):
                return [self.call_statement(node, call)]
            case ast.Assign(
                targets=[ast.Name(id=name) as target],
                value=ast.Call(func=ast.Name(id="require"), args=[value]),
            ):
                return self.require(node, target, value)
            case ast.Assign(targets=[target], value=value):
                return [self.assign(node, target, self.expression(value))]
            case ast.AnnAssign(target=ast.Name() as target, value=value) if value:
                return [self.declare(node, target, value)]
            case ast.AugAssign(target=target, op=ast.Add() | ast.Sub() as op, value=value):
                old = self.expression(ast.copy_location(_load(target), node))
                new = self.arithmetic(node, _sign(op), old, self.expression(value))
                return [self.assign(node, target, new)]
        self.refuse(node, f"{type(node).__name__} is not in the model language", f"use {SUBSET}")

    def return_statement(self, node: ast.Return) -> list[ir.Stmt]:
        """Read a `return`; lower one with a call of unit type to the call and a plain `return`."""
        if node.value is None:
            self.expect_type(node, ir.UNIT, self.returns)
            return [ir.Return(None, self.where(node))]
        value = self.expression(node.value)
        if self.returns.kind != "unit":
            self.expect_type(node, value.type, self.returns)
            return [ir.Return(value, self.where(node))]
        if value.type.kind != "unit":
            name = self.definition.node.name
            self.refuse(node, f"{name} returns a value", "declare the type of the value")
        return [ir.Do(value, self.where(node)), ir.Return(None, self.where(node))]

    def declare(self, node: ast.AnnAssign, target: ast.Name, value: ast.expr) -> ir.Stmt:
        """Read `name: Type = value`."""
        declared = self.declarations.scalar(node.annotation, self.path)
        if self.locals.setdefault(target.id, declared) != declared:
            self.refuse(node, f"{target.id} has another type already", "use another name")
        return self.assign(node, target, self.expression(value))

    def if_statement(self, node: ast.If) -> ir.If:
        """Read an `if`, and narrow optional locals in each branch."""
        condition = self.condition(node.test)
        yes, no = self.narrowings(node.test)
        before, known = self.narrowed, self.known
        self.narrowed = before | yes
        then = self.block(node.body)
        after_then, known_then = self.narrowed, self.known
        self.narrowed, self.known = before | no, known
        other = self.block(node.orelse)
        if terminates(other) and not terminates(then):
            self.narrowed, self.known = after_then, known_then
        elif not terminates(then):
            self.narrowed &= after_then
            self.known &= known_then
        return ir.If(condition, then, other, self.where(node))

    def for_statement(self, node: ast.For, name: str, over: str) -> ir.For:
        """Read a loop over an index type."""
        if over not in self.program.indexes:
            self.refuse(node, f"a loop over {over!r}", "loop over an index type")
        self.bind(node, name, over)
        before, known, changed_before = self.narrowed, self.known, self.writes
        # in its second turn the body reads what it assigned in the first
        self.narrowed = before - _assigned(node)
        body = self.block(node.body)
        self.narrowed = before & self.narrowed
        self.known = known
        if self.writes and not changed_before:
            for call in _guards(node):
                self.refuse(
                    call, "a guard after a change: the loop repeats both", "guard before the loop"
                )
        self.unbind(name)
        return ir.For(name, over, body, self.where(node))

    def is_taken(self, name: str) -> bool:
        """Return whether the name is that of the state, of the parameters or of a type."""
        types = (self.program.indexes, self.program.enums, self.program.bounds)
        return name in ("s", "p") or any(name in t for t in types)

    def bind(self, node: ast.AST, name: str, over: str) -> None:
        """Bring a loop variable into scope."""
        known = self.locals.get(name)
        if self.is_taken(name):
            self.refuse(node, f"{name} is in use", "use another name")
        if known is not None and (name in self.bound or known != ir.Type("index", over)):
            self.refuse(node, f"{name} is in use", "use another name")
        if known is not None and name not in self.bound and name in dict(self.parameters):
            self.refuse(node, f"{name} is a parameter", "use another name")
        self.locals[name] = ir.Type("index", over)
        self.known |= {name}
        self.bound.add(name)

    def unbind(self, name: str) -> None:
        """Take a loop variable out of scope."""
        self.bound.discard(name)
        self.known -= {name}
        del self.locals[name]

    def call_statement(self, node: ast.Expr, call: ast.Call) -> ir.Stmt:
        """Read a call for its effect: a guard, a way to go wrong, a function."""
        match call:
            case ast.Call(func=ast.Name(id="guard"), args=[condition]):
                if "action" not in self.definition.marks:
                    self.refuse(node, "a guard outside an action", "move it into the action")
                if self.writes:
                    self.refuse(node, "a guard after a change", "guards come first in an action")
                guard = ir.Guard(self.condition(condition), self.where(node))
                yes, _ = self.narrowings(condition)
                self.narrowed |= yes
                return guard
            case ast.Call(
                func=ast.Name(id="panic" | "trap" | "undefined" | "bound" as kind), args=[site]
            ):
                return ir.Wrong(kind, self.site(site), self.where(node))
        expression = self.expression(call)
        return ir.Do(expression, self.where(node))

    def require(self, node: ast.stmt, target: ast.Name, value: ast.expr) -> list[ir.Stmt]:
        """Read `x = require(e)`: lower it to an assignment and a guard that x is not None."""
        if "action" not in self.definition.marks or self.writes:
            self.refuse(node, "require is a guard", "write it in an action, before any change")
        assign = self.assign(node, target, self.expression(value))
        present = ir.Not(
            ir.Binary(
                "==", ir.Local(target.id, self.locals[target.id]), ir.Const(None, ir.NONE), ir.BOOL
            )
        )
        self.narrowed |= {target.id}
        return [assign, ir.Guard(present, self.where(node))]

    def site(self, node: ast.expr) -> str:
        """Read the id of a site, which is a string literal."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        self.refuse(node, "a site is a string", 'write panic("file::function::condition")')

    def assign(self, node: ast.stmt, target: ast.expr, value: ir.Expr) -> ir.Stmt:
        """Read an assignment to a local or to the state."""
        match target:
            case ast.Name(id=name):
                if name in self.bound or name in dict(self.parameters) or self.is_taken(name):
                    self.refuse(node, f"{name} cannot be assigned", "use another name")
                if value.type.kind in ("unit", "none") and name not in self.locals:
                    self.refuse(node, f"{name} has no type", f"write {name}: Type | None = None")
                declared = self.locals.setdefault(name, value.type)
                self.expect_type(node, value.type, declared)
                self.known |= {name}
                if value.type.optional or value.type.kind == "none":
                    self.narrowed -= {name}
                else:
                    self.narrowed |= {name}
                return ir.SetLocal(name, value, self.where(node))
            case ast.Attribute() | ast.Subscript():
                read = self.expression(_load(target))
                if not isinstance(read, ir.Read) or read.space != "s":
                    self.refuse(
                        node, "only the state `s` can be changed", "write s.field[...] = value"
                    )
                self.expect_type(node, value.type, self.program.state[read.field].value)
                self.writes = True
                return ir.Store(read.field, read.keys, value, self.where(node))
        self.refuse(node, "cannot assign to this", "assign to a name or to s.field[...]")

    def expect_type(self, node: ast.AST, actual: ir.Type, wanted: ir.Type) -> None:
        """Refuse a value whose type does not fit; a number fits every small integer type."""
        fits = (
            (actual == wanted)
            or (wanted.optional and (actual.kind == "none" or actual == wanted.some()))
            or (actual.kind == wanted.kind == "int" and not actual.optional)
        )
        if not fits:
            hint = f"use a value of type {wanted}"
            if actual.optional and actual.some() == wanted:
                hint = "keep it in a local x and rule out None first: if x is None: ..."
            self.refuse(node, f"{actual} where {wanted} is wanted", hint)

    # expressions

    def condition(self, node: ast.expr) -> ir.Expr:
        """Read an expression of type bool."""
        expression = self.expression(node)
        if expression.type != ir.BOOL:
            self.refuse(
                node, f"{expression.type} as a condition", "compare it, or test `is not None`"
            )
        return expression

    def narrowings(self, node: ast.expr) -> tuple[frozenset[str], frozenset[str]]:
        """Return the locals that are not None if the condition holds, and if it does not."""
        nothing: frozenset[str] = frozenset()
        match node:
            case ast.Compare(left=ast.Name(id=name), ops=[ast.IsNot()]):
                return frozenset({name}), nothing
            case ast.Compare(left=ast.Name(id=name), ops=[ast.Is()]):
                return nothing, frozenset({name})
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yes, no = self.narrowings(operand)
                return no, yes
            case ast.BoolOp(op=op, values=values):
                parts = [self.narrowings(v) for v in values]
                if isinstance(op, ast.And):
                    return frozenset().union(*(y for y, _ in parts)), nothing
                return nothing, frozenset().union(*(n for _, n in parts))
        return nothing, nothing

    def expression(self, node: ast.expr) -> ir.Expr:
        """Read an expression."""
        match node:
            case ast.Constant(value=bool() | int() | None as value):
                return _constant(value)
            case ast.Name(id=name):
                return self.local(node, name)
            case ast.Attribute(value=ast.Name(id="s" | "p")) | ast.Subscript():
                return self.read_field(node)
            case ast.Attribute(value=ast.Name(id=enum), attr=member) if enum in self.program.enums:
                return self.member(node, enum, member)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.comparison(node, left, op, right)
            case ast.BoolOp(op=op, values=values):
                return self.logic(values, "and" if isinstance(op, ast.And) else "or")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return ir.Not(self.condition(operand))
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
                return self.arithmetic(
                    node, _sign(op), self.expression(left), self.expression(right)
                )
            case ast.IfExp(test=test, body=then, orelse=other):
                return self.choice(node, test, then, other)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.call(node, name, arguments)
            case ast.Call():
                self.refuse(
                    node,
                    "a call must have the form function(argument, ...)",
                    "name a function, and pass plain arguments",
                )
        self.refuse(node, f"{type(node).__name__} is not in the model language", f"use {SUBSET}")

    def local(self, node: ast.expr, name: str) -> ir.Local:
        """Read a local or a parameter, which must have a value on every path to here."""
        if name not in self.locals:
            self.refuse(
                node, f"unknown name {name!r}", "use a local, a parameter, s.field or p.field"
            )
        if name not in self.known:
            self.refuse(node, f"{name!r} may have no value here", "assign it on every path before")
        declared = self.locals[name]
        return ir.Local(name, declared.some() if name in self.narrowed else declared)

    def member(self, node: ast.expr, enum: str, member: str) -> ir.Const:
        """Read a member of an enumeration."""
        members = self.program.enums[enum]
        if member not in members:
            self.refuse(node, f"{enum} has no member {member}", "use one of " + ", ".join(members))
        return ir.Const(members.index(member), ir.Type("enum", enum))

    def read_field(self, node: ast.expr) -> ir.Read:
        """Read `s.field[...]` or `p.field[...]`."""
        keys: list[ir.Expr] = []
        nodes: list[ast.expr] = []
        inner = node
        while isinstance(inner, ast.Subscript):
            nodes.insert(0, inner.slice)
            inner = inner.value
        match inner:
            case ast.Attribute(value=ast.Name(id="s" | "p" as space), attr=name):
                fields = self.program.state if space == "s" else self.program.parameters
            case _:
                self.refuse(node, "only fields of s and p have keys", "write s.field[key]")
        if name not in fields:
            self.refuse(node, f"unknown field {space}.{name}", "declare it")
        declared = fields[name]
        if len(nodes) != len(declared.keys):
            self.refuse(
                node,
                f"{space}.{name} has {len(declared.keys)} keys, not {len(nodes)}",
                f"write {space}.{name}" + "".join(f"[{key}]" for key in declared.keys),
            )
        for key_node, key in zip(nodes, declared.keys, strict=True):
            expression = self.expression(key_node)
            kind: Literal["index", "enum"] = "index" if key in self.program.indexes else "enum"
            self.expect_type(key_node, expression.type, ir.Type(kind, key))
            keys.append(expression)
        return ir.Read(space, name, tuple(keys), declared.value)

    def comparison(self, node: ast.expr, left: ast.expr, op: ast.cmpop, right: ast.expr) -> ir.Expr:
        """Read a comparison of two values of one type, or with None."""
        a = self.expression(left)
        b = self.expression(right)
        if isinstance(op, (ast.Is, ast.IsNot)):
            if b.type.kind != "none" or not (a.type.optional or isinstance(a, ir.Local)):
                self.refuse(node, "`is` compares an optional value with None", "use ==")
            equal = ir.Binary("==", a, b, ir.BOOL)
            return equal if isinstance(op, ast.Is) else ir.Not(equal)
        if type(op) not in COMPARISONS:
            self.refuse(
                node, "this comparison is not in the model language", "use == != < <= > >= is"
            )
        sign = COMPARISONS[type(op)]
        if a.type.some() != b.type.some() and not (a.type.kind == b.type.kind == "int"):
            self.refuse(node, f"compares {a.type} with {b.type}", "compare values of one type")
        if sign not in ("==", "!="):
            for part in (a, b):
                if part.type.kind != "int" or part.type.optional:
                    self.refuse(node, f"{part.type} has no order", "use == or !=")
        return ir.Binary(sign, a, b, ir.BOOL)

    def logic(self, values: list[ast.expr], op: Literal["and", "or"]) -> ir.Expr:
        """Read `and` or `or`; each part narrows the parts after it."""
        before = self.narrowed
        parts = []
        for value in values:
            parts.append(self.condition(value))
            yes, no = self.narrowings(value)
            self.narrowed |= yes if op == "and" else no
        self.narrowed = before
        return ir.Logic(op, tuple(parts))

    def arithmetic(self, node: ast.AST, op: Literal["+", "-"], a: ir.Expr, b: ir.Expr) -> ir.Expr:
        """Read a sum or difference of small integers."""
        if any(part.type.kind != "int" or part.type.optional for part in (a, b)):
            self.refuse(node, f"{a.type} {op} {b.type}", "only small integers have + and -")
        return ir.Binary(op, a, b, ir.INT)

    def choice(self, node: ast.expr, test: ast.expr, then: ast.expr, other: ast.expr) -> ir.Expr:
        """Read `a if condition else b`."""
        condition = self.condition(test)
        yes, no = self.narrowings(test)
        before = self.narrowed
        self.narrowed = before | yes
        a = self.expression(then)
        self.narrowed = before | no
        b = self.expression(other)
        self.narrowed = before
        some = b.type.some() if a.type.kind == "none" else a.type.some()
        for part in (a, b):
            if part.type.kind != "none" and part.type.some() != some:
                self.refuse(node, f"one value is {a.type}, the other {b.type}", "use one type")
        optional = any(t.optional or t.kind == "none" for t in (a.type, b.type))
        return ir.Choice(condition, a, b, ir.Type(some.kind, some.name, optional))

    def call(self, node: ast.Call, name: str, nodes: list[ast.expr]) -> ir.Expr:
        """Read a call of the language or of the model."""
        if name in QUANTIFIERS:
            return self.quantifier(node, QUANTIFIERS[name], nodes)
        if name == "unwrap":
            if len(nodes) != 2:
                self.refuse(
                    node, "unwrap takes a value and a site", 'write unwrap(x, "file::function::id")'
                )
            value = self.expression(nodes[0])
            return ir.Unwrap(value, self.site(nodes[1]), value.type.some())
        if name in ("guard", "panic", "trap", "undefined", "bound"):
            self.refuse(node, f"{name} inside an expression", "make it a statement")
        if name in self.locals:
            self.refuse(node, f"{name} is a local here", "use another name for one of the two")
        if name not in self.signatures:
            self.refuse(node, f"unknown function {name!r}", "define it in the model")
        parameters, returns = self.signatures[name]
        if len(nodes) != len(parameters):
            self.refuse(
                node,
                f"{name} takes {plural(len(parameters), 'argument')}, not {len(nodes)}",
                f"write {name}({', '.join(parameter for parameter, _ in parameters)})",
            )
        arguments = []
        for argument_node, (_, wanted) in zip(nodes, parameters, strict=True):
            argument = self.expression(argument_node)
            self.expect_type(argument_node, argument.type, wanted)
            arguments.append(argument)
        callee = self.lowered[name]
        if callee.writes and self.bound and any(v.startswith("<") for v in self.bound):
            self.refuse(
                node,
                f"{name} changes the state inside any/all/count",
                "call a function that only reads",
            )
        self.writes |= callee.writes
        return ir.Call(name, tuple(arguments), returns)

    def quantifier(
        self, node: ast.Call, op: Literal["any", "all", "count"], nodes: list[ast.expr]
    ) -> ir.Expr:
        """Read `any`, `all` or `count` over an index type."""
        match nodes:
            case [
                ast.GeneratorExp(
                    elt=body,
                    generators=[
                        ast.comprehension(target=ast.Name(id=name), iter=ast.Name(id=over), ifs=ifs)
                    ],
                )
            ] if over in self.program.indexes:
                pass
            case _:
                self.refuse(
                    node,
                    f"{op} does not quantify over an index type",
                    f"write {op}(condition for x in Index)",
                )
        self.bind(node, name, over)
        marker = f"<{name}>"
        self.bound.add(marker)
        before = self.narrowed
        conditions = []
        for test in ifs:
            conditions.append(self.condition(test))
            self.narrowed |= self.narrowings(test)[0]
        expression = self.condition(body)
        self.narrowed = before
        self.bound.discard(marker)
        self.unbind(name)
        if conditions and op == "all":
            premise = ir.Logic("and", tuple(conditions))
            expression = ir.Logic("or", (ir.Not(premise), expression))
        elif conditions:
            expression = ir.Logic("and", (*conditions, expression))
        kind = ir.INT if op == "count" else ir.BOOL
        return ir.Quantifier(op, name, over, expression, kind)


def _constant(value: bool | int | None) -> ir.Const:
    if value is None:
        return ir.Const(None, ir.NONE)
    return ir.Const(value, ir.BOOL if isinstance(value, bool) else ir.INT)


def _sign(op: ast.Add | ast.Sub) -> Literal["+", "-"]:
    return "+" if isinstance(op, ast.Add) else "-"


def _assigned(loop: ast.For) -> frozenset[str]:
    """Return the locals that a loop assigns."""
    return frozenset(
        node.id
        for node in ast.walk(loop)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )


def _guards(loop: ast.For) -> list[ast.Call]:
    """List the guards inside a loop."""
    return [
        node
        for node in ast.walk(loop)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("guard", "require")
    ]


def _load(node: ast.expr) -> ast.expr:
    """Copy the target of an assignment as an expression that reads it."""
    copy = ast.parse(ast.unparse(node), mode="eval").body
    for child in ast.walk(copy):
        ast.copy_location(child, node)
    return copy
