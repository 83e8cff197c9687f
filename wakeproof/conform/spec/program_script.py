"""Programs as a script: the definition of the interpreter, from a file, and a call for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wakeproof.conform.spec.from_trace import Program
from wakeproof.conform.spec.interpreter import UNREACHABLE
from wakeproof.conform.spec.programs import COMMANDS, EVENTS, Command
from wakeproof.conform.spec.s_expressions import read_lists
from wakeproof.errors import InputError
from wakeproof.util.text import read_text

# where a checkout of the specification has the interpreter
PLACE = Path("test") / "async" / "big-interleaving-test.wast"
# the type of each number of a command, in the text of values
TYPES = {"bytes": "u32", "payload": "u32", "code": "s32"}
HINT = f"name a checkout of WebAssembly/component-model, or its {PLACE}"


@dataclass(frozen=True)
class InterpreterText:
    """The text of a file up to the end of the interpreter's definition, and the name of that."""

    text: str
    name: str


def read_interpreter(path: Path) -> InterpreterText:
    """Read the definition of the interpreter from a file, or from a checkout.

    Raises `InputError` if none is there.
    """
    file = path / PLACE if path.is_dir() else path
    text = read_text(file)
    for form in read_lists(text, str(file)):
        source = text[form.start : form.end]
        named = form.word(1) == "definition" and form.word(2).startswith("$")
        if form.head == "component" and named and all(f'"{name}"' in source for name in COMMANDS):
            return InterpreterText(text[: form.end], form.word(2))
    raise InputError(
        "no interpreter of the specification's tests is there", where=str(file), hint=HINT
    )


def program_script(
    interpreter: InterpreterText, programs: Sequence[Program], title: str, message: str
) -> str:
    """Return a script with an assertion for each program; the last one may trap with a message."""
    lines = [interpreter.text, "", f";; {title}", f"(component instance $i {interpreter.name})"]
    for program in programs:
        lines += assertion_lines(program, message)
    return "\n".join([*lines, ""])


def assertion_lines(program: Program, message: str) -> Iterator[str]:
    """Yield the lines of the assertion about a program."""
    yield "(assert_trap" if program.trap else "(assert_return"
    yield '  (invoke "run"'
    yield "    (list.const"
    for line in program.lines:
        yield f"      {command_text(line) if isinstance(line, Command) else f';; {line}'}"
    yield "    ))"
    if program.trap:
        yield f'  "{UNREACHABLE if program.trap == UNREACHABLE else message}"'
    yield ")"


def command_text(command: Command) -> str:
    """Return a command as a value in the text of scripts."""
    names = COMMANDS[command.name]
    values = [_value(*pair) for pair in zip(names, command.numbers, strict=True)]
    payload = "".join(f" ({value})" for value in values)
    if len(names) > 1:
        fields = (f'(field "{n}" {v})' for n, v in zip(names, values, strict=True))
        payload = f" (record.const {' '.join(fields)})"
    return f'(variant.const "{command.name}"{payload})'


def _value(name: str, number: int) -> str:
    if name == "event":
        return f'enum.const "{EVENTS[number]}"'
    return f"{TYPES.get(name, 'u8')}.const {number}"
