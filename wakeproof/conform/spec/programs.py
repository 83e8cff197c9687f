"""Programs of the specification's interpreter: the commands of a call of its export `run`.

`big-interleaving-test.wast` has three components: a driver that interprets a list of commands, a
testee that makes a builtin call or a few for each command, and a mock that the testee calls. The
handles of the testee are in slots, which the commands name.
"""

from __future__ import annotations

from dataclasses import dataclass

from wakeproof.conform.spec.script import Case, Fields, Invoke, Unread, Value

EVENTS = ("none", "subtask", "stream-read", "stream-write", "future-read", "future-write")
# the parameters of each command in their order; a single one is not a record
COMMANDS: dict[str, tuple[str, ...]] = {
    "stream-new": ("slot",),
    "future-new": ("slot",),
    "testee-read": ("handle", "bytes"),
    "testee-write": ("handle", "bytes"),
    "testee-cancel-read": ("slot",),
    "testee-cancel-write": ("slot",),
    "drop-readable": ("slot",),
    "drop-writable": ("slot",),
    "future-read": ("slot",),
    "future-write": ("slot",),
    "future-cancel-read": ("slot",),
    "future-cancel-write": ("slot",),
    "future-drop-readable": ("slot",),
    "future-drop-writable": ("slot",),
    "poll": ("slot", "event", "payload"),
    "await": ("slot", "event", "payload"),
    "poll-readable": ("slot", "event", "payload"),
    "await-readable": ("slot", "event", "payload"),
    "call-import": ("slot",),
    "call-import-future": ("slot",),
    "call-block-empty": ("sub",),
    "call-block-future": ("fut", "sub"),
    "subtask-cancel": ("sub",),
    "subtask-drop": ("sub",),
    "await-subtask": ("sub", "state"),
    "mock-bp-inc": (),
    "mock-bp-dec": (),
    "expect-code": ("code",),
    # the interpreter has no code for these three
    "noop": (),
    "mock-read": ("handle", "bytes"),
    "mock-write": ("handle", "bytes"),
}


@dataclass(frozen=True)
class Command:
    """A command and its numbers; an event is its number in `EVENTS`."""

    name: str
    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.name, *map(str, self.numbers)])


def is_program(invoke: Invoke) -> bool:
    """Whether a call gives the interpreter a program: one list of cases, each of them a command."""
    if invoke.function != "run" or len(invoke.arguments) != 1:
        return False
    commands = invoke.arguments[0]
    return isinstance(commands, list) and all(isinstance(c, Case) for c in commands)


def read_program(invoke: Invoke) -> list[Command]:
    """Return the commands of a program. Raises `Unread` if one is not known."""
    commands = invoke.arguments[0]
    assert isinstance(commands, list)
    return [_command(c) for c in commands if isinstance(c, Case)]


def _command(case: Case) -> Command:
    names = COMMANDS.get(case.name)
    if names is None:
        raise Unread(f"the command {case.name} is not known")
    payload = case.payload
    values: list[Value | None] = [payload] if names else []
    if len(names) > 1:
        fields = payload.values if isinstance(payload, Fields) else {}
        values = [fields.get(name) for name in names]
    return Command(case.name, tuple(_number(case.name, value) for value in values))


def _number(command: str, value: Value | None) -> int:
    if isinstance(value, Case) and value.name in EVENTS:
        return EVENTS.index(value.name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unread(f"the command {command} has arguments that are not known")
    return value
