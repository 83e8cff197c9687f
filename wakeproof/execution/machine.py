"""The machine: the model's own functions, executed by Python itself.

The functions are compiled under their real file names and lines, so a debugger steps through the
model's text. They work on one mutable state `s`; `save` and `load` convert it to a tuple and back.
"""

from __future__ import annotations
import __future__ as future_flags

import ast
import copy
import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from wakeproof.errors import InputError
from wakeproof.language import ir
from wakeproof.language import primitives as language
from wakeproof.language.resolve import Resolved
from wakeproof.language.values import Run, Scalar, Snapshot, Step, default, domain, key_size


@dataclass
class Call:
    """One recorded call: its kind (`builtin` or `cabi`), name, function, values and depth."""

    kind: str
    name: str
    function: str
    arguments: tuple[Scalar, ...]
    depth: int
    result: Scalar = None
    returned: bool = False


def split_mark(mark: str) -> tuple[str, tuple[str, ...]]:
    """Split a mark into the name of a function and the arguments that the model fixes.

    `wasip3_task_set(null)` fixes one argument, `waitable.join` none.
    """
    name, _, fixed = mark.removesuffix(")").partition("(")
    return name, tuple(fixed.split(", ")) if fixed else ()


@dataclass
class Recorder:
    """The marked calls of one step, in order."""

    calls: list[Call] = field(default_factory=list)
    depth: int = 0

    def wrap(self, function: ir.Function, run: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that runs the same and records its calls."""
        kind = "builtin" if "builtin" in function.marks else "cabi"

        def recorded(*arguments: Scalar) -> Any:
            call = Call(kind, function.marks[kind], function.name, arguments, self.depth)
            self.calls.append(call)
            self.depth += 1
            try:
                call.result = run(*arguments)
                call.returned = True
            finally:
                self.depth -= 1
            return call.result

        return recorded


class Machine:
    """The model of one mix under one run, ready to execute.

    `actions` are its actions in the order of the text, without the initial one; `invariants` maps
    the id of a property to its check, `tests` those of some invariants to what puts them to the
    test. Raises `InputError` if an index type has no size.
    """

    def __init__(self, resolved: Resolved, run: Run, recorder: Recorder | None = None) -> None:
        self.program = resolved.program
        self.trees = resolved.trees
        self.run = run
        self.recorder = recorder
        missing = set(self.program.indexes) - set(run.sizes)
        if missing:
            raise InputError(
                f"no size for {', '.join(sorted(missing))}", hint="give every index type a size"
            )
        self.s, self.load, self.save = self._state()
        self.namespace = self._namespace(resolved)
        self._define(resolved)
        functions = self.program.functions
        self.actions = [
            f for f in functions.values() if f.marks.get("action", "initial") != "initial"
        ]
        self.invariants, self.tests = (
            {f.marks[mark]: self.namespace[f.name] for f in self.program.marked(mark).values()}
            for mark in ("invariant", "tested")
        )

    @property
    def always_tested(self) -> set[str]:
        """The properties whose invariants say something about every state."""
        return self.invariants.keys() - self.tests.keys()

    def initial(self) -> Snapshot:
        """Return the initial state."""
        self.load(self.blank())
        for function in self.program.functions.values():
            if function.marks.get("action") == "initial":
                self.namespace[function.name]()
        return self.save()

    def blank(self) -> Snapshot:
        """Return the state in which every field has its first value."""
        values: list[Scalar] = []
        for declared in self.program.state.values():
            values.extend([default(declared.value)] * self.cells(declared))
        return tuple(values)

    def cells(self, declared: ir.FieldType) -> int:
        """Return the number of scalars that a field holds."""
        size = 1
        for key in declared.keys:
            size *= key_size(self.program, self.run.sizes, key)
        return size

    def layout(self) -> list[tuple[str, tuple[int, ...], ir.FieldType]]:
        """Return the name, the keys and the type of every scalar of a snapshot, in order."""
        cells = []
        for name, declared in self.program.state.items():
            sizes = [range(key_size(self.program, self.run.sizes, k)) for k in declared.keys]
            for keys in itertools.product(*sizes):
                cells.append((name, keys, declared))
        return cells

    def steps(self, only: Sequence[str] | None = None) -> list[tuple[Step, Callable[..., None]]]:
        """List every action with every argument, in a fixed order, with its function."""
        found = []
        for function in self.actions:
            if only is not None and function.name not in only:
                continue
            domains = [domain(self.program, self.run.sizes, t) for _, t in function.parameters]
            for arguments in itertools.product(*domains):
                found.append((Step(function.name, arguments), self.namespace[function.name]))
        return found

    def _state(self) -> tuple[Any, Callable[[Snapshot], None], Callable[[], Snapshot]]:
        """Make a state object with a slot for each field, and its `load` and `save`."""
        loads, saves, start = [], [], 0
        for name, declared in self.program.state.items():
            size = self.cells(declared)
            if not declared.keys:
                loads.append(f"s.{name} = t[{start}]")
                saves.append(f"s.{name}")
            elif len(declared.keys) == 1:
                loads.append(f"s.{name} = list(t[{start}:{start + size}])")
                saves.append(f"*s.{name}")
            elif len(declared.keys) == 2:
                inner = key_size(self.program, self.run.sizes, declared.keys[1])
                rows = range(start, start + size, inner)
                loads.append(
                    f"s.{name} = [" + ", ".join(f"list(t[{i}:{i + inner}])" for i in rows) + "]"
                )
                saves.extend(f"*s.{name}[{i}]" for i in range(len(rows)))
            else:
                raise InputError(f"field {name} has more than two keys", hint="use two at most")
            start += size
        state = type("State", (), {"__slots__": tuple(self.program.state)})()
        space: dict[str, Any] = {"s": state}
        source = (
            "def load(t):\n "
            + "\n ".join(loads)
            + "\ndef save():\n return ("
            + ", ".join(saves)
            + ",)\n"
        )
        exec(_compiled_text(source), space)
        return state, space["load"], space["save"]

    def _namespace(self, resolved: Resolved) -> dict[str, Any]:
        """Make the globals of the model's text: types as plain numbers, `s`, `p`, primitives."""
        program = resolved.program
        namespace: dict[str, Any] = {"s": self.s, "p": type("Parameters", (), {})()}
        for name, value in self.run.parameters.items():
            setattr(namespace["p"], name, value)
        for name in program.indexes:
            namespace[name] = range(self.run.sizes[name])
        for name, members in program.enums.items():
            namespace[name] = type(name, (), {m: i for i, m in enumerate(members)})
        for name in ("guard", "require", "panic", "trap", "undefined", "bound", "unwrap", "count"):
            namespace[name] = getattr(language, name)
        return namespace

    def _define(self, resolved: Resolved) -> None:
        """Define the model's functions in the namespace."""
        for code in _codes(tuple(resolved.trees)):
            self.namespace[code.co_name] = FunctionType(code, self.namespace)
        if self.recorder is not None:
            for name, function in self.program.functions.items():
                if "builtin" in function.marks or "cabi" in function.marks:
                    self.namespace[name] = self.recorder.wrap(function, self.namespace[name])


@functools.lru_cache(maxsize=128)
def _codes(trees: tuple[tuple[Path, ast.FunctionDef], ...]) -> list[CodeType]:
    """Compile the functions of a program."""
    return [_compiled(path, node) for path, node in trees]


@functools.lru_cache(maxsize=8192)
def _compiled(path: Path, node: ast.FunctionDef) -> CodeType:
    """Compile a function of a file without its decorators, which only mark it."""
    bare = copy.copy(node)
    bare.decorator_list = []
    module: CodeType = compile(
        ast.fix_missing_locations(ast.Module(body=[bare], type_ignores=[])),
        str(path),
        "exec",
        flags=future_flags.annotations.compiler_flag,
        dont_inherit=True,
    )
    return next(made for made in module.co_consts if isinstance(made, CodeType))


@functools.lru_cache(maxsize=1024)
def _compiled_text(text: str) -> CodeType:
    """Compile statements."""
    return compile(text, "<state>", "exec", dont_inherit=True)
